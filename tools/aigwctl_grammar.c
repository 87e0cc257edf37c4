/*
 * aigwctl_grammar.c - see aigwctl_grammar.h. The help is in aigwctl_help.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_grammar.h"

#include <stdio.h>
#include <string.h>

/* Letters to insert, drop, change or swap to get from a to b (at most 32). */
static unsigned
edit_distance(const char *a, const char *b)
{
    enum { LONGEST = 32 };
    unsigned rows[3][LONGEST + 1];
    size_t a_len = strlen(a), b_len = strlen(b);
    if (a_len > LONGEST || b_len > LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i - 1) % 3];
        const unsigned *above2 = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned best = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            bool swapped =
                i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && above2[j - 2] + 1 < best)
                best = above2[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[a_len % 3][b_len];
}

const char *
nearest_word(const char *word, const char *list, char *out, size_t size)
{
    unsigned best = (unsigned)strlen(word) / 2 + 1;
    const char *found = NULL;
    char candidate[64];
    while (*list != '\0') {
        size_t len = strcspn(list, " !");
        if (len > 0 && len < sizeof(candidate) && len < size) {
            memcpy(candidate, list, len);
            candidate[len] = '\0';
            unsigned distance = edit_distance(word, candidate);
            bool begins = strlen(word) >= 3 &&
                          strncmp(candidate, word, strlen(word)) == 0;
            if (begins)
                distance = 0;
            if (distance < best) {
                best = distance;
                memcpy(out, candidate, len + 1);
                found = out;
            }
        }
        list += len;
        list += strspn(list, " !");
    }
    return found;
}

static const struct flag *
flag_named(const char *name, size_t len)
{
    for (const struct flag *f = ctl_flags; f->name != NULL; f++)
        if (strlen(f->name) == len && memcmp(f->name, name, len) == 0)
            return f;
    return NULL;
}

static const struct flag *
flag_lettered(char letter)
{
    for (const struct flag *f = ctl_flags; f->name != NULL; f++)
        if (f->letter == letter)
            return f;
    return NULL;
}

static bool
list_has(const char *list, const char *name, bool *required)
{
    size_t len = strlen(name);
    while (*list != '\0') {
        size_t word = strcspn(list, " !");
        if (word == len && memcmp(list, name, len) == 0) {
            *required = list[word] == '!';
            return true;
        }
        list += word;
        list += strspn(list, " !");
    }
    return false;
}

/* One of "a|b|c"? Values without '|' in their help are free. */
static bool
choice_is_valid(const struct flag *flag, const char *value)
{
    const char *list = flag->value;
    if (list == NULL || strchr(list, '|') == NULL)
        return true;
    while (*list != '\0') {
        size_t len = strcspn(list, "|");
        if (len == strlen(value) && memcmp(list, value, len) == 0)
            return true;
        list += len + (list[len] == '|');
    }
    return false;
}

static bool
take_flag(struct arguments *args, const struct flag *flag, const char *value,
          struct buf *error)
{
    if (args->flag_count == ARGUMENTS_MAX) {
        buf_append_cstr(error, "Too many flags.");
        return false;
    }
    if (!choice_is_valid(flag, value)) {
        buf_printf(error, "--%s must be one of %s, not '%s'.", flag->name,
                   flag->value, value);
        return false;
    }
    args->flags[args->flag_count].flag = flag;
    args->flags[args->flag_count++].value = value;
    args->help = args->help || strcmp(flag->name, "help") == 0;
    args->version = args->version || strcmp(flag->name, "version") == 0;
    return true;
}

static bool
unknown_flag(const char *text, struct buf *error, const char **did_you_mean)
{
    static char near[64];
    char all[2048] = "";
    for (const struct flag *f = ctl_flags; f->name != NULL; f++) {
        size_t at = strlen(all);
        snprintf(all + at, sizeof(all) - at, "%s ", f->name);
    }
    buf_printf(error, "Unknown flag '%s'.", text);
    char word[64];
    if (text[1] == '-') {
        snprintf(word, sizeof(word), "%.*s", (int)strcspn(text + 2, "="),
                 text + 2);
        char found[60];
        if (nearest_word(word, all, found, sizeof(found)) != NULL) {
            snprintf(near, sizeof(near), "--%s", found);
            *did_you_mean = near;
        }
    }
    return false;
}

/* "-" and negative numbers are words. */
static bool
is_flag(const char *text)
{
    return text[0] == '-' && text[1] != '\0' &&
           !(text[1] >= '0' && text[1] <= '9');
}

/* argv[*i] is a flag; its value may be the next argument. */
static bool
parse_flag(struct arguments *args, int argc, char **argv, int *i,
           struct buf *error, const char **did_you_mean)
{
    const char *text = argv[*i], *value = NULL;
    const struct flag *flag;
    if (text[1] == '-') {
        size_t len = strcspn(text + 2, "=");
        flag = flag_named(text + 2, len);
        value = text[2 + len] == '=' ? text + 2 + len + 1 : NULL;
    } else {
        flag = flag_lettered(text[1]);
        value = text[2] == '\0' ? NULL : text + 2;
    }
    if (flag == NULL)
        return unknown_flag(text, error, did_you_mean);
    if (flag->kind == FLAG_SWITCH) {
        if (value != NULL) {
            buf_printf(error, "--%s takes no value.", flag->name);
            return false;
        }
        return take_flag(args, flag, "", error);
    }
    bool is_last = *i + 1 >= argc;
    if (value == NULL && flag->kind == FLAG_OPTIONAL &&
        (is_last || is_flag(argv[*i + 1])))
        return take_flag(args, flag, "", error);
    if (value == NULL) {
        if (is_last) {
            buf_printf(error, "--%s needs a value: --%s %s", flag->name,
                       flag->name, flag->value);
            return false;
        }
        value = argv[++*i];
    }
    if (!take_flag(args, flag, value, error))
        return false;
    while (flag->kind == FLAG_LIST && strchr(value, ',') == NULL &&
           *i + 1 < argc && !is_flag(argv[*i + 1]))
        if (!take_flag(args, flag, argv[++*i], error))
            return false;
    return true;
}

/* Whether the words begin with those of the command; *count of them. */
static bool
words_match(const char *command, const char **words, unsigned word_count,
            unsigned *count)
{
    *count = 0;
    while (*command != '\0') {
        size_t len = strcspn(command, " ");
        if (*count == word_count || strlen(words[*count]) != len ||
            memcmp(words[*count], command, len) != 0)
            return false;
        ++*count;
        command += len + (command[len] == ' ');
    }
    return true;
}

static bool
unknown_command(struct arguments *args, const char **words, unsigned count,
                struct buf *error, const char **did_you_mean)
{
    static char near[64];
    char list[2048] = "", found[64];
    const char *noun = NULL;
    for (const struct command *c = ctl_commands; c->words != NULL; c++) {
        size_t len = strcspn(c->words, " ");
        if (c->words[len] == ' ' && strlen(words[0]) == len &&
            memcmp(words[0], c->words, len) == 0)
            noun = words[0];
    }
    args->noun = noun;
    if (noun != NULL && count == 1) {
        if (args->help)
            return true;
        buf_printf(error, "'%s' needs a verb. See: aigwctl %s --help", noun,
                   noun);
        return false;
    }
    for (const struct command *c = ctl_commands; c->words != NULL; c++) {
        size_t len = strcspn(c->words, " "), at = strlen(list);
        if (noun == NULL)
            snprintf(list + at, sizeof(list) - at, "%.*s ", (int)len, c->words);
        else if (c->words[len] == ' ' && strlen(noun) == len &&
                 memcmp(noun, c->words, len) == 0)
            snprintf(list + at, sizeof(list) - at, "%s ", c->words + len + 1);
    }
    const char *word = noun == NULL ? words[0] : words[1];
    buf_printf(error, "Unknown command '%s%s%s'. See: aigwctl %s%s--help",
               noun == NULL ? "" : noun, noun == NULL ? "" : " ", word,
               noun == NULL ? "" : noun, noun == NULL ? "" : " ");
    if (nearest_word(word, list, found, sizeof(found)) != NULL) {
        snprintf(near, sizeof(near), "%.20s%s%.40s", noun == NULL ? "" : noun,
                 noun == NULL ? "" : " ", found);
        *did_you_mean = near;
    }
    return false;
}

static bool
check_flags(const struct arguments *args, struct buf *error)
{
    const struct command *command = args->command;
    bool required = false;
    for (unsigned i = 0; i < args->flag_count; i++) {
        const struct flag *flag = args->flags[i].flag;
        if (!flag->global && !list_has(command->flags, flag->name, &required)) {
            buf_printf(error, "'%s' does not take --%s. See: aigwctl %s --help",
                       command->words, flag->name, command->words);
            return false;
        }
    }
    for (const struct flag *f = ctl_flags; f->name != NULL; f++) {
        required = false;
        if (list_has(command->flags, f->name, &required) && required &&
            !argument_given(args, f->name)) {
            buf_printf(error, "'%s' needs --%s %s.", command->words, f->name,
                       f->value);
            return false;
        }
    }
    return true;
}

/* A <ref> may come as --key K. */
static bool
check_positional(const struct arguments *args, struct buf *error)
{
    const struct command *command = args->command;
    unsigned least = 0, most = 0;
    bool required = false;
    for (const char *p = command->positional; *p != '\0'; p++) {
        least += *p == '<';
        most += *p == '<' || *p == '[';
    }
    if (least == 1 && list_has(command->flags, "key", &required) &&
        argument_given(args, "key")) {
        least--;
        most--;
    }
    if (args->positional_count < least) {
        buf_printf(error, "'%s' needs %s. See: aigwctl %s --help",
                   command->words, command->positional, command->words);
        return false;
    }
    if (args->positional_count > most) {
        buf_printf(error, "'%s' does not take '%s'. See: aigwctl %s --help",
                   command->words, args->positional[most], command->words);
        return false;
    }
    return true;
}

static bool
find_command(struct arguments *args, const char **words, unsigned count,
             struct buf *error, const char **did_you_mean)
{
    /* `aigwctl help key create` is `aigwctl key create --help`. */
    if (count > 0 && strcmp(words[0], "help") == 0) {
        args->help = true;
        words++;
        count--;
    }
    bool is_agent = count > 1 && strcmp(words[0], "agent") == 0 &&
                    strcmp(words[1], "llm") == 0;
    if (count > 0 && (is_agent || strcmp(words[0], "ai-gateway") == 0)) {
        words++;
        count--;
    }
    if (count == 0) {
        args->help = args->help || !args->version;
        return true;
    }
    unsigned used = 0;
    for (const struct command *c = ctl_commands; c->words != NULL; c++)
        if (words_match(c->words, words, count, &used)) {
            args->command = c;
            break;
        }
    if (args->command == NULL)
        return unknown_command(args, words, count, error, did_you_mean);
    args->positional_count = count - used;
    for (unsigned i = 0; i < args->positional_count; i++)
        args->positional[i] = words[used + i];
    return args->help ||
           (check_flags(args, error) && check_positional(args, error));
}

bool
arguments_parse(struct arguments *args, int argc, char **argv,
                struct buf *error, const char **did_you_mean)
{
    const char *words[WORDS_MAX];
    unsigned count = 0;
    bool flags_ended = false;
    *args = (struct arguments){0};
    *did_you_mean = NULL;
    for (int i = 1; i < argc; i++) {
        const char *text = argv[i];
        if (!flags_ended && strcmp(text, "--") == 0) {
            flags_ended = true;
        } else if (!flags_ended && is_flag(text)) {
            if (!parse_flag(args, argc, argv, &i, error, did_you_mean))
                return false;
        } else if (count == WORDS_MAX) {
            buf_append_cstr(error, "Too many arguments.");
            return false;
        } else {
            words[count++] = text;
        }
    }
    return find_command(args, words, count, error, did_you_mean);
}

const char *
argument_nth(const struct arguments *args, const char *flag, unsigned i)
{
    for (unsigned f = 0; f < args->flag_count; f++)
        if (strcmp(args->flags[f].flag->name, flag) == 0 && i-- == 0)
            return args->flags[f].value;
    return NULL;
}

const char *
argument(const struct arguments *args, const char *flag)
{
    for (unsigned f = args->flag_count; f > 0; f--)
        if (strcmp(args->flags[f - 1].flag->name, flag) == 0)
            return args->flags[f - 1].value;
    return NULL;
}

bool
argument_given(const struct arguments *args, const char *flag)
{
    return argument(args, flag) != NULL;
}
