/*
 * aigwctl_grammar.h - the command line by tables: commands, their flags, and
 * the help, which is made from the same rows.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TOOLS_AIGWCTL_GRAMMAR_H
#define AIGW_TOOLS_AIGWCTL_GRAMMAR_H

#include <stdbool.h>

#include "common/buf.h"

enum { ARGUMENTS_MAX = 128, WORDS_MAX = 8 };

/* LIST: "a,b", or the words up to the next flag. OPTIONAL: a value, or "" when
 * the next word is a flag or none. */
enum flag_kind { FLAG_SWITCH, FLAG_VALUE, FLAG_LIST, FLAG_OPTIONAL };

struct flag {
    const char *name; /* without dashes */
    char letter;      /* 0: none */
    enum flag_kind kind;
    bool global;       /* every command takes it */
    const char *value; /* what stands for it in the help; choices: "a|b" */
    const char *text;
};

struct ctl;
struct command {
    const char *words;      /* "key set-quota" */
    const char *positional; /* "<ref>", "[ref]", "<name> <amount>", "" */
    const char *flags;      /* names, blanks between; '!' behind: required */
    int (*run)(struct ctl *ctl);
    const char *text;
    const char *example; /* arguments behind "aigwctl ", or NULL */
};

/* aigwctl_commands.c; both end with a row whose first member is NULL. */
extern const struct flag ctl_flags[];
extern const struct command ctl_commands[];

/* What stood on the command line. Points into argv. */
struct arguments {
    const struct command *command; /* NULL: only help or version was asked */
    bool help, version;
    const char *noun; /* `aigwctl key --help`: help for the verbs of a noun */
    unsigned positional_count;
    const char *positional[WORDS_MAX];
    unsigned flag_count;
    struct {
        const struct flag *flag;
        const char *value; /* "" for a switch */
    } flags[ARGUMENTS_MAX];
};

/*
 * arguments_parse - true, or false with a sentence in `error` and, where a name
 * was mistyped, the likely one in *did_you_mean.
 */
bool arguments_parse(struct arguments *args, int argc, char **argv,
                     struct buf *error, const char **did_you_mean) MUST_CHECK;

/* The last value given, or NULL. */
const char *argument(const struct arguments *args, const char *flag);
bool argument_given(const struct arguments *args, const char *flag);
/* Value number `i` of a flag that may be given several times, or NULL. */
const char *argument_nth(const struct arguments *args, const char *flag,
                         unsigned i);

/* Help for all, for a noun, or for a command. */
void help_print(const struct arguments *args, struct buf *out);

/* The word of a list (blanks between) nearest to `word`, or NULL. The result is
 * copied into `out`. */
const char *nearest_word(const char *word, const char *list, char *out,
                         size_t size);

#endif
