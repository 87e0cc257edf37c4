/*
 * test_aigwctl_completion.c - what a tab offers.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_completion.h"

#include <stdio.h>

#include "tests/test.h"

static struct completion found;
static char out_text[8192];

/* Completes the last word of a line; a blank at its end: an empty word. */
static const char *
complete(const char *line)
{
    static char text[512];
    const char *words[40];
    char *rest = text, *word;
    unsigned count = 0;
    struct buf out;
    snprintf(text, sizeof(text), "%s", line);
    while ((word = strsep(&rest, " ")) != NULL)
        if (*word != '\0' || rest == NULL)
            words[count++] = word;
    buf_init(&out, 0);
    completion_find(&found, count, words, &out);
    snprintf(out_text, sizeof(out_text), "%s", buf_cstr(&out));
    buf_fini(&out);
    return out_text;
}

/* The candidates without their texts, blanks between. */
static const char *
candidates(const char *line)
{
    static char names[4096];
    size_t at = 0;
    for (const char *c = complete(line); *c != '\0';) {
        size_t len = strcspn(c, "\t");
        at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%.*s",
                               at == 0 ? "" : " ", (int)len, c);
        c += strcspn(c, "\n");
        c += *c == '\n';
    }
    names[at] = '\0';
    return names;
}

TEST(words_flags_and_choices_are_offered_where_they_may_stand)
{
    static const struct {
        const char *line, *offered;
    } cases[] = {
        {"ke", "key"},
        {"key set-q", "set-quota"},
        {"ai-gateway key set-q", "set-quota"},
        {"help key set-q", "set-quota"},
        {"-c x.ini key set-q", "set-quota"},
        {"--no-header key set-q", "set-quota"},
        {"key set-quota --pe", "--period"},
        {"key set-quota a --period ", "daily weekly monthly total"},
        {"key set-quota a --period m", "monthly"},
        {"key set-quota a --period=m", "--period=monthly"},
        {"key set-quota --period daily --pe", ""},
        {"key set-quota --period=daily --pe", ""},
        {"key create a --tag x=1 --ta", "--tag"},
        {"key get a --fol", ""},
        {"logs --fol", "--follow"},
        {"--fol", ""},
        {"logs -- --fol", ""},
        {"-o js", "json jsonl"},
        {"completion ", "bash zsh fish"},
        {"completion bash ", ""},
        {"nonsense ", ""},
        {"key nonsense ", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (strcmp(candidates(cases[i].line), cases[i].offered) != 0)
            test_fail(__FILE__, __LINE__, "%s: offers '%s'", cases[i].line,
                      candidates(cases[i].line));
}

TEST(names_are_asked_for_where_names_stand)
{
    static const struct {
        const char *line;
        enum completion_ask ask;
        const char *lead;
    } cases[] = {
        {"key get ", COMPLETION_ASK_KEYS, ""},
        {"key rename a ", COMPLETION_ASK_NOBODY, ""},
        {"key create ", COMPLETION_ASK_NOBODY, ""},
        {"usage ", COMPLETION_ASK_KEYS, ""},
        {"logs --key ", COMPLETION_ASK_KEYS, ""},
        {"group get ", COMPLETION_ASK_GROUPS, ""},
        {"group create ", COMPLETION_ASK_NOBODY, ""},
        {"key list -g ", COMPLETION_ASK_GROUPS, ""},
        {"key list --group=te", COMPLETION_ASK_GROUPS, "--group="},
        {"logs --model ", COMPLETION_ASK_MODELS, ""},
        {"key set-models a --models x,y,z", COMPLETION_ASK_MODELS, "x,y,"},
        {"key set-models a --models=x,z", COMPLETION_ASK_MODELS, "--models=x,"},
        {"-c ", COMPLETION_ASK_SHELL, ""},
        {"status --socket ", COMPLETION_ASK_SHELL, ""},
        {"key set-quota a --quota ", COMPLETION_ASK_NOBODY, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        complete(cases[i].line);
        if (found.ask != cases[i].ask)
            test_fail(__FILE__, __LINE__, "%s: asks %d", cases[i].line,
                      (int)found.ask);
        CHECK_STR(str_make(found.lead, found.lead_len), cases[i].lead);
    }
}

TEST(what_the_line_says_of_the_server_is_kept_for_the_question)
{
    complete("-c a.ini --socket=/s --url http://u --token-file t key get ");
    CHECK_STR(str_from(found.connect.config), "a.ini");
    CHECK_STR(str_from(found.connect.socket), "/s");
    CHECK_STR(str_from(found.connect.url), "http://u");
    CHECK_STR(str_from(found.connect.token_file), "t");
    complete("-ca.ini key get ");
    CHECK_STR(str_from(found.connect.config), "a.ini");
}

/* However many commands come, each can be reached by tabs, with its flags. */
TEST(every_command_and_flag_of_the_tables_is_offered)
{
    for (const struct command *c = ctl_commands; c->words != NULL; c++) {
        char line[128], expect[128];
        const char *last = strrchr(c->words, ' ');
        last = last == NULL ? c->words : last + 1;
        snprintf(line, sizeof(line), "%s", c->words);
        snprintf(expect, sizeof(expect), "%s\t%s\n", last, c->text);
        if (strstr(complete(line), expect) == NULL)
            test_fail(__FILE__, __LINE__, "not offered: %s", c->words);
        for (const struct flag *f = ctl_flags; f->name != NULL; f++) {
            char listed[1024], name[80];
            snprintf(listed, sizeof(listed), " %s ", c->flags);
            for (char *bang = listed; (bang = strchr(bang, '!')) != NULL;)
                *bang = ' ';
            snprintf(name, sizeof(name), " %s ", f->name);
            bool takes = f->global || strstr(listed, name) != NULL;
            snprintf(line, sizeof(line), "%s --%s", c->words, f->name);
            snprintf(expect, sizeof(expect), "--%s\t%s\n", f->name, f->text);
            if ((strstr(complete(line), expect) != NULL) != takes)
                test_fail(__FILE__, __LINE__, "%s", line);
        }
    }
}

TEST(no_word_at_all_and_far_too_many_do_no_harm)
{
    const char *words[300] = {NULL};
    struct buf out;
    buf_init(&out, 0);
    completion_find(&found, 0, words, &out);
    CHECK_EQ(buf_len(&out), 0);
    for (unsigned i = 0; i < ARRAY_LEN(words); i++)
        words[i] = i % 2 == 0 ? "word" : "--json";
    completion_find(&found, ARRAY_LEN(words), words, &out);
    words[0] = "-";
    completion_find(&found, 1, words, &out);
    words[0] = "--=";
    completion_find(&found, 1, words, &out);
    buf_fini(&out);
}
