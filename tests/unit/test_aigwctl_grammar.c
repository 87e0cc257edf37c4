/*
 * test_aigwctl_grammar.c - the command line of aigwctl.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_grammar.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/test.h"

static struct arguments args;
static const char *near;
static char message[512];

/* Parses words split at blanks; they live as long as the test. */
static bool
parse(const char *line)
{
    static char text[512], program[] = "aigwctl";
    char *argv[40] = {program}, *rest = text, *word;
    int argc = 1;
    struct buf error;
    snprintf(text, sizeof(text), "%s", line);
    while ((word = strsep(&rest, " ")) != NULL)
        if (*word != '\0')
            argv[argc++] = word;
    buf_init(&error, 0);
    bool good = arguments_parse(&args, argc, argv, &error, &near);
    snprintf(message, sizeof(message), "%s", buf_cstr(&error));
    buf_fini(&error);
    return good;
}

static const char *
command(void)
{
    return args.command == NULL ? "" : args.command->words;
}

TEST(words_and_flags_come_in_any_order)
{
    static const char *const lines[] = {
        "key set-quota my_key --quota 5 --period daily",
        "key set-quota --quota 5 --period daily my_key",
        "--quota=5 key --period=daily set-quota my_key",
        "ai-gateway key set-quota my_key --quota 5 --period daily",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        CHECK_TRUE(parse(lines[i]));
        CHECK_STR(str_from(command()), "key set-quota");
        CHECK_EQ(args.positional_count, 1);
        CHECK_STR(str_from(args.positional[0]), "my_key");
        CHECK_STR(str_from(argument(&args, "quota")), "5");
        CHECK_STR(str_from(argument(&args, "period")), "daily");
    }
}

TEST(a_key_may_stand_as_a_flag)
{
    CHECK_TRUE(parse("key set-quota --key k1 --quota 5 --period daily"));
    CHECK_EQ(args.positional_count, 0);
    CHECK_TRUE(!parse("key set-quota a --key k1 --quota 5 --period daily"));
    CHECK_TRUE(parse("key set-expiry --key k1 30d"));
    CHECK_STR(str_from(args.positional[0]), "30d");
}

TEST(letters_values_and_negative_numbers)
{
    CHECK_TRUE(parse("key delete a -y -ojson -c x.ini"));
    CHECK_TRUE(argument_given(&args, "yes"));
    CHECK_STR(str_from(argument(&args, "format")), "json");
    CHECK_STR(str_from(argument(&args, "config")), "x.ini");
    CHECK_TRUE(parse("group top-up team -5"));
    CHECK_STR(str_from(args.positional[1]), "-5");
    CHECK_TRUE(parse("key get -- -odd-name"));
    CHECK_STR(str_from(args.positional[0]), "-odd-name");
}

TEST(a_flag_may_be_given_several_times)
{
    CHECK_TRUE(parse("key create a --tag x=1 --tag y=2"));
    CHECK_STR(str_from(argument_nth(&args, "tag", 0)), "x=1");
    CHECK_STR(str_from(argument_nth(&args, "tag", 1)), "y=2");
    CHECK_TRUE(argument_nth(&args, "tag", 2) == NULL);
    CHECK_STR(str_from(argument(&args, "tag")), "y=2");
}

TEST(a_flag_may_do_without_its_value)
{
    CHECK_TRUE(parse("key create a --add-to-llm --use"));
    CHECK_STR(str_from(argument(&args, "add-to-llm")), "");
    CHECK_TRUE(parse("key create a --use --add-to-llm"));
    CHECK_STR(str_from(argument(&args, "add-to-llm")), "");
    CHECK_TRUE(parse("key create a --add-to-llm other --use"));
    CHECK_STR(str_from(argument(&args, "add-to-llm")), "other");
    CHECK_TRUE(parse("agent llm add a --provider openai"));
    CHECK_STR(str_from(args.command->words), "llm add");
    CHECK_TRUE(!parse("agent key list"));
}

TEST(mistakes_are_told_with_what_was_meant)
{
    static const struct {
        const char *line, *meant, *says;
    } cases[] = {
        {"kye list", "key", "Unknown command 'kye'"},
        {"key lst", "key list", "Unknown command 'key lst'"},
        {"key setquota a", "key set-quota", "Unknown command"},
        {"stauts", "status", "Unknown command"},
        {"key create a --qouta 5", "--quota", "Unknown flag '--qouta'"},
        {"zzzzzz", NULL, "Unknown command 'zzzzzz'"},
        {"key", NULL, "needs a verb"},
        {"key get", NULL, "needs <ref>"},
        {"key get a b", NULL, "does not take 'b'"},
        {"key get a --follow", NULL, "does not take --follow"},
        {"key set-quota a --quota 5", NULL, "needs --period"},
        {"key create a --period hourly", NULL, "daily|weekly|monthly|total"},
        {"key get a --format", NULL, "--format needs a value"},
        {"key delete a --yes=1", NULL, "--yes takes no value"},
        {"key get a -Q", NULL, "Unknown flag '-Q'"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (parse(cases[i].line))
            test_fail(__FILE__, __LINE__, "taken: %s", cases[i].line);
        if (strstr(message, cases[i].says) == NULL)
            test_fail(__FILE__, __LINE__, "%s: says %s", cases[i].line,
                      message);
        if (cases[i].meant == NULL)
            CHECK_TRUE(near == NULL);
        else
            CHECK_STR(str_from(near == NULL ? "" : near), cases[i].meant);
    }
}

TEST(help_is_made_for_all_for_a_noun_and_for_a_command)
{
    static const char *const lines[] = {"--help", "help", "key --help",
                                        "help key create", "key create -h"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct buf out;
        CHECK_TRUE(parse(lines[i]));
        CHECK_TRUE(args.help);
        buf_init(&out, 0);
        help_print(&args, &out);
        CHECK_TRUE(strstr(buf_cstr(&out), "key create") != NULL);
        CHECK_TRUE((strstr(buf_cstr(&out), "group list") == NULL) == (i > 1));
        buf_fini(&out);
    }
}

/* A flag that a command names but no table has would never be found. */
TEST(every_flag_of_every_command_is_in_the_table)
{
    for (const struct command *c = ctl_commands; c->words != NULL; c++) {
        for (const char *at = c->flags; *at != '\0';) {
            size_t len = strcspn(at, " !");
            bool known = false;
            for (const struct flag *f = ctl_flags; f->name != NULL; f++)
                known = known || (strlen(f->name) == len &&
                                  memcmp(f->name, at, len) == 0);
            if (!known)
                test_fail(__FILE__, __LINE__, "%s: %.*s", c->words, (int)len,
                          at);
            at += len;
            at += strspn(at, " !");
        }
        CHECK_TRUE(c->run != NULL && c->text != NULL);
    }
}

TEST(the_examples_of_the_help_are_valid)
{
    for (const struct command *c = ctl_commands; c->words != NULL; c++) {
        if (c->example == NULL || strchr(c->example, '\'') != NULL)
            continue;
        if (!parse(c->example))
            test_fail(__FILE__, __LINE__, "%s: %s", c->example, message);
        CHECK_STR(str_from(command()), c->words);
    }
}
