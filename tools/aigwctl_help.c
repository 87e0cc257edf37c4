/*
 * aigwctl_help.c - the help, from the tables of the grammar.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_grammar.h"

static void
print_command(const struct command *command, struct buf *out)
{
    unsigned width = 34;
    size_t before = buf_len(out);
    buf_printf(out, "  %s%s%s", command->words,
               *command->positional == '\0' ? "" : " ", command->positional);
    unsigned used = (unsigned)(buf_len(out) - before);
    buf_printf(out, "%*s%s\n", used < width ? (int)(width - used) : 1, "",
               command->text);
}

static void
print_flag(const struct flag *flag, bool required, struct buf *out)
{
    unsigned width = 34;
    size_t before = buf_len(out);
    if (flag->letter != 0)
        buf_printf(out, "  -%c, ", flag->letter);
    else
        buf_append_cstr(out, "      ");
    buf_printf(out, "--%s%s%s", flag->name, flag->value == NULL ? "" : " ",
               flag->value == NULL ? "" : flag->value);
    unsigned used = (unsigned)(buf_len(out) - before);
    buf_printf(out, "%*s%s%s\n", used < width ? (int)(width - used) : 1, "",
               flag->text, required ? " (required)" : "");
}

/* Flags of a list, in the order of the list; NULL: the global ones. */
static void
print_flags(const char *list, struct buf *out)
{
    if (list == NULL) {
        for (const struct flag *f = ctl_flags; f->name != NULL; f++)
            if (f->global)
                print_flag(f, false, out);
        return;
    }
    while (*list != '\0') {
        size_t len = strcspn(list, " !");
        for (const struct flag *f = ctl_flags; f->name != NULL; f++)
            if (strlen(f->name) == len && memcmp(f->name, list, len) == 0)
                print_flag(f, list[len] == '!', out);
        list += len;
        list += strspn(list, " !");
    }
}

static void
help_command(const struct command *command, struct buf *out)
{
    buf_printf(out, "%s\n\nusage: aigwctl %s%s%s%s\n", command->text,
               command->words, *command->positional == '\0' ? "" : " ",
               command->positional, *command->flags == '\0' ? "" : " [flags]");
    if (*command->flags != '\0') {
        buf_append_cstr(out, "\nflags:\n");
        print_flags(command->flags, out);
    }
    buf_append_cstr(out, "\nflags of every command:\n");
    print_flags(NULL, out);
    if (command->example != NULL)
        buf_printf(out, "\nexample:\n  aigwctl %s\n", command->example);
}

static void
help_commands(const char *noun, struct buf *out)
{
    for (const struct command *c = ctl_commands; c->words != NULL; c++) {
        size_t len = strcspn(c->words, " ");
        if (noun == NULL ||
            (strlen(noun) == len && memcmp(noun, c->words, len) == 0))
            print_command(c, out);
    }
}

void
help_print(const struct arguments *args, struct buf *out)
{
    if (args->command != NULL) {
        help_command(args->command, out);
        return;
    }
    buf_append_cstr(out, args->noun == NULL
                             ? "aigwctl - manages a running aigw\n\n"
                               "usage: aigwctl COMMAND [arguments] [flags]\n\n"
                               "commands:\n"
                             : "commands:\n");
    help_commands(args->noun, out);
    buf_append_cstr(out, "\nflags of every command:\n");
    print_flags(NULL, out);
    buf_append_cstr(
        out, "\nA <ref> is the alias, the id or the whole key.\n"
             "Connects to the first of: --socket, AIGW_SOCKET, -c FILE, --url "
             "or AIGW_URL\n(with AIGW_TOKEN), ./aigw.ini, /etc/aigw/aigw.ini, "
             "/run/aigw/aigw.sock.\n"
             "Exit status: 0 done, 1 failed, 2 wrong usage.\n"
             "More: aigwctl COMMAND --help, man aigwctl\n");
}
