/*
 * aigwctl.c - the command line of a running aigw.
 *
 * main() reads the arguments by the tables of aigwctl_commands.c, finds the
 * server, runs the command. Data goes to standard output, all else to standard
 * error. Exit status: 0 done, 1 failed, 2 wrong usage.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl.h"
#include "tools/aigwctl_completion.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/version.h"

/* Tables need to know how wide a character is, whatever LANG says. */
static void
use_utf8(void)
{
    const char *locale = setlocale(LC_CTYPE, "");
    if (locale == NULL || MB_CUR_MAX == 1)
        setlocale(LC_CTYPE, "C.UTF-8");
}

/* The format is needed for errors of the arguments themselves. */
static const char *
format_wanted(int argc, char **argv)
{
    const char *format = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            format = "json";
        else if (strncmp(argv[i], "--format=", 9) == 0)
            format = argv[i] + 9;
        else if (i + 1 < argc && (strcmp(argv[i], "--format") == 0 ||
                                  strcmp(argv[i], "-o") == 0))
            format = argv[i + 1];
        else if (strncmp(argv[i], "-o", 2) == 0 && argv[i][2] != '\0')
            format = argv[i] + 2;
    }
    return format;
}

static int
usage_error(const struct ctl *ctl, struct buf *error, const char *did_you_mean)
{
    output_error(&ctl->output, "USAGE_ERROR", buf_cstr(error), did_you_mean);
    return CTL_USAGE;
}

static int
print_help(const struct ctl *ctl)
{
    struct buf text;
    if (ctl->args.version) {
        printf("aigwctl %s\n", AIGW_VERSION);
        return CTL_OK;
    }
    buf_init(&text, 0);
    help_print(&ctl->args, &text);
    fputs(buf_cstr(&text), stdout);
    buf_fini(&text);
    return CTL_OK;
}

static int
run(struct ctl *ctl, int argc, char **argv, struct buf *error)
{
    const char *did_you_mean = NULL;
    if (output_init(&ctl->output, format_wanted(argc, argv), NULL, false,
                    error) != 0)
        return usage_error(ctl, error, NULL);
    if (!arguments_parse(&ctl->args, argc, argv, error, &did_you_mean))
        return usage_error(ctl, error, did_you_mean);
    if (ctl->args.help || ctl->args.version)
        return print_help(ctl);
    ctl->output.field = argument(&ctl->args, "field");
    ctl->output.no_header = argument_given(&ctl->args, "no-header");
    if (ctl->args.command->run == run_completion ||
        strncmp(ctl->args.command->words, "llm ", 4) == 0)
        return ctl->args.command->run(ctl); /* needs no server */
    const struct connect_flags flags = {
        .socket = argument(&ctl->args, "socket"),
        .config = argument(&ctl->args, "config"),
        .url = argument(&ctl->args, "url"),
        .token_file = argument(&ctl->args, "token-file"),
    };
    if (connect_find(&ctl->connect, &flags, error) != 0)
        return usage_error(ctl, error, NULL);
    return ctl->args.command->run(ctl);
}

int
main(int argc, char **argv)
{
    static struct ctl ctl;
    struct buf error;
    use_utf8();
    if (argc > 1 && strcmp(argv[1], "--complete") == 0)
        return completion_answer((unsigned)argc - 2,
                                 (const char *const *)argv + 2);
    buf_init(&error, 0);
    int status = run(&ctl, argc, argv, &error);
    connect_fini(&ctl.connect);
    buf_fini(&error);
    if (argc == 1)
        return CTL_USAGE;
    return fflush(stdout) == 0 ? status : CTL_FAILED;
}
