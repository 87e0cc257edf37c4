/*
 * aigwctl_completion.c - see aigwctl_completion.h. The scripts and the questions
 * to the server are in aigwctl_completion_run.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_completion.h"

#include <stdio.h>
#include <string.h>

/* The words before the one that is being completed. */
struct line {
    const char *words[WORDS_MAX]; /* of the command, without flags */
    unsigned word_count;
    const char *given[ARGUMENTS_MAX]; /* names of flags */
    unsigned given_count;
    const struct flag *open; /* its value is what comes next */
    bool flags_ended;
};

static bool
is(const char *text, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(text, word, len) == 0;
}

void
completion_add(struct completion *completion, const char *word, size_t len,
               const char *text)
{
    size_t prefix = strlen(completion->prefix);
    if (len < prefix || memcmp(word, completion->prefix, prefix) != 0)
        return;
    buf_append(completion->out, completion->lead, completion->lead_len);
    buf_append(completion->out, word, len);
    buf_printf(completion->out, "\t%s\n", text);
}

static const struct flag *
find_flag(const char *word, size_t *name_len)
{
    *name_len = strcspn(word, "=");
    for (const struct flag *f = ctl_flags; f->name != NULL; f++)
        if (word[1] == '-' ? is(word + 2, *name_len - 2, f->name)
                           : word[1] == f->letter)
            return f;
    return NULL;
}

static void
note_connect(struct connect_flags *connect, const struct flag *flag,
             const char *value)
{
    if (strcmp(flag->name, "socket") == 0)
        connect->socket = value;
    else if (strcmp(flag->name, "config") == 0)
        connect->config = value;
    else if (strcmp(flag->name, "url") == 0)
        connect->url = value;
    else if (strcmp(flag->name, "token-file") == 0)
        connect->token_file = value;
}

static void
take_flag_word(struct completion *completion, struct line *line,
               const char *word)
{
    size_t name_len = 0;
    const struct flag *flag = find_flag(word, &name_len);
    if (flag == NULL)
        return;
    if (line->given_count < ARGUMENTS_MAX)
        line->given[line->given_count++] = flag->name;
    if (flag->kind == FLAG_SWITCH || flag->kind == FLAG_OPTIONAL)
        return;
    if (word[1] == '-' && word[name_len] == '=')
        note_connect(&completion->connect, flag, word + name_len + 1);
    else if (word[1] != '-' && word[2] != '\0')
        note_connect(&completion->connect, flag, word + 2);
    else
        line->open = flag;
}

static void
take_word(struct completion *completion, struct line *line, const char *word)
{
    if (line->open != NULL) {
        note_connect(&completion->connect, line->open, word);
        line->open = NULL;
    } else if (!line->flags_ended && strcmp(word, "--") == 0) {
        line->flags_ended = true;
    } else if (!line->flags_ended && word[0] == '-' && word[1] != '\0') {
        take_flag_word(completion, line, word);
    } else if (line->word_count == 0 &&
               (strcmp(word, "ai-gateway") == 0 || strcmp(word, "agent") == 0 ||
                strcmp(word, "help") == 0)) {
        return;
    } else if (line->word_count < WORDS_MAX) {
        line->words[line->word_count++] = word;
    }
}

/* "a|b|c" */
static void
add_choices(struct completion *completion, const char *list)
{
    while (*list != '\0') {
        size_t len = strcspn(list, "|");
        completion_add(completion, list, len, "");
        list += len + (list[len] == '|');
    }
}

static void
complete_value(struct completion *completion, const struct flag *flag)
{
    static const struct {
        const char *value; /* as the help shows it */
        enum completion_ask ask;
    } asks[] = {
        {"REF", COMPLETION_ASK_KEYS},   {"GROUP", COMPLETION_ASK_GROUPS},
        {"A,B", COMPLETION_ASK_MODELS}, {"MODEL", COMPLETION_ASK_MODELS},
        {"FILE", COMPLETION_ASK_SHELL}, {"PATH", COMPLETION_ASK_SHELL},
    };
    if (strchr(flag->value, '|') != NULL)
        add_choices(completion, flag->value);
    for (size_t i = 0; i < ARRAY_LEN(asks); i++)
        if (strcmp(flag->value, asks[i].value) == 0)
            completion->ask = asks[i].ask;
    const char *comma = strrchr(completion->prefix, ',');
    if (strcmp(flag->value, "A,B") == 0 && comma != NULL) {
        if (completion->lead_len == 0)
            completion->lead = completion->prefix;
        completion->lead_len += (size_t)(comma + 1 - completion->prefix);
        completion->prefix = comma + 1;
    }
}

/* Number of a command's words that the line has, or -1: another command. */
static int
matching(const struct command *command, const struct line *line)
{
    const char *at = command->words;
    unsigned n = 0;
    for (; *at != '\0' && n < line->word_count; n++) {
        size_t len = strcspn(at, " ");
        if (!is(at, len, line->words[n]))
            return -1;
        at += len + (at[len] == ' ');
    }
    return (int)n;
}

static const char *
word_number(const char *words, unsigned n, size_t *len)
{
    while (n-- > 0) {
        words += strcspn(words, " ");
        words += *words == ' ';
    }
    *len = strcspn(words, " ");
    return words;
}

static bool
was_given(const struct line *line, const char *name)
{
    for (unsigned i = 0; i < line->given_count; i++)
        if (strcmp(line->given[i], name) == 0)
            return true;
    return false;
}

static void
complete_flag(struct completion *completion, const struct line *line,
              const struct command *command)
{
    char text[80] = "--";
    for (const struct flag *f = ctl_flags; f->name != NULL; f++) {
        const char *at = command == NULL ? "" : command->flags;
        bool takes = f->global;
        while (*at != '\0' && !takes) {
            size_t len = strcspn(at, " !");
            takes = is(at, len, f->name);
            at += len;
            at += strspn(at, " !");
        }
        size_t len = strlen(f->name);
        if (!takes || len + 3 > sizeof(text) ||
            (was_given(line, f->name) && strcmp(f->name, "tag") != 0))
            continue;
        memcpy(text + 2, f->name, len + 1);
        completion_add(completion, text, len + 2, f->text);
    }
}

/* "<ref>", "[ref]", "<a|b>": what may stand there. */
static void
complete_positional(struct completion *completion,
                    const struct command *command, unsigned n)
{
    size_t len = 0;
    char name[64];
    const char *at = word_number(command->positional, n, &len);
    if (len < 3 || len > sizeof(name))
        return;
    memcpy(name, at + 1, len - 2);
    name[len - 2] = '\0';
    bool makes = strstr(command->words, " create") != NULL;
    if (strchr(name, '|') != NULL)
        add_choices(completion, name);
    else if (strcmp(name, "ref") == 0)
        completion->ask = COMPLETION_ASK_KEYS;
    else if (strcmp(name, "entry") == 0)
        completion->ask = COMPLETION_ASK_PROFILES;
    else if (strcmp(name, "model") == 0)
        completion->ask = COMPLETION_ASK_MODELS;
    else if (strcmp(name, "file") == 0)
        completion->ask = COMPLETION_ASK_SHELL;
    else if (strcmp(name, "part") == 0) {
        completion->ask = COMPLETION_ASK_PARTS;
        snprintf(completion->noun, sizeof(completion->noun), "%.*s",
                 (int)strcspn(command->words, " "), command->words);
    } else if (strcmp(name, "name") == 0 && !makes &&
               strncmp(command->words, "group ", 6) == 0)
        completion->ask = COMPLETION_ASK_GROUPS;
}

/* Whether an earlier row gave this word already. */
static bool
was_added(const struct command *row, const struct line *line, const char *word,
          size_t len)
{
    for (const struct command *c = ctl_commands; c < row; c++) {
        size_t other_len = 0;
        if (matching(c, line) != (int)line->word_count)
            continue;
        const char *other = word_number(c->words, line->word_count, &other_len);
        if (other_len == len && memcmp(other, word, len) == 0)
            return true;
    }
    return false;
}

static void
complete_word(struct completion *completion, const struct line *line)
{
    for (const struct command *c = ctl_commands; c->words != NULL; c++) {
        size_t len = 0;
        if (matching(c, line) != (int)line->word_count)
            continue;
        const char *word = word_number(c->words, line->word_count, &len);
        if (len > 0 && !was_added(c, line, word, len))
            completion_add(completion, word, len,
                           word[len] == '\0' ? c->text : "");
    }
}

static const struct command *
find_command(const struct line *line, unsigned *used)
{
    for (const struct command *c = ctl_commands; c->words != NULL; c++) {
        int n = matching(c, line);
        size_t len = 0;
        if (n > 0 && *word_number(c->words, (unsigned)n, &len) == '\0') {
            *used = (unsigned)n;
            return c;
        }
    }
    return NULL;
}

void
completion_find(struct completion *completion, unsigned count,
                const char *const *words, struct buf *out)
{
    struct line line = {0};
    unsigned used = 0;
    size_t name_len = 0;
    *completion = (struct completion){.out = out, .prefix = "", .lead = ""};
    if (count == 0)
        return;
    for (unsigned i = 0; i + 1 < count; i++)
        take_word(completion, &line, words[i]);
    const char *word = words[count - 1];
    completion->prefix = word;
    const struct command *command = find_command(&line, &used);
    if (line.open != NULL) {
        complete_value(completion, line.open);
    } else if (word[0] == '-' && !line.flags_ended) {
        const struct flag *flag = find_flag(word, &name_len);
        if (word[1] == '-' && word[name_len] == '=' && flag != NULL &&
            flag->kind != FLAG_SWITCH) {
            completion->lead = word;
            completion->lead_len = name_len + 1;
            completion->prefix = word + name_len + 1;
            complete_value(completion, flag);
        } else {
            complete_flag(completion, &line, command);
        }
    } else if (command != NULL) {
        complete_positional(completion, command, line.word_count - used);
    } else {
        complete_word(completion, &line);
    }
}
