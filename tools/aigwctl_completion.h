/*
 * aigwctl_completion.h - what may stand next on a command line, from the tables
 * of the grammar, so that no shell's script can lag behind them.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TOOLS_AIGWCTL_COMPLETION_H
#define AIGW_TOOLS_AIGWCTL_COMPLETION_H

#include "tools/aigwctl.h"

/* What only somebody else knows. */
enum completion_ask {
    COMPLETION_ASK_NOBODY,
    COMPLETION_ASK_KEYS,
    COMPLETION_ASK_GROUPS,
    COMPLETION_ASK_MODELS,
    COMPLETION_ASK_PARTS,    /* of the command's noun: providers ... */
    COMPLETION_ASK_PROFILES, /* of clients: llm entries */
    COMPLETION_ASK_SHELL,    /* names of files */
};

/* Views into the words given; `out` is the caller's. */
struct completion {
    struct buf *out;    /* a line each: candidate, tab, what it is */
    const char *prefix; /* what a candidate must begin with */
    const char *lead;   /* stands before it in the same word: "--models=a," */
    size_t lead_len;
    enum completion_ask ask;
    char noun[24];                /* of COMPLETION_ASK_PARTS */
    struct connect_flags connect; /* where the server is, as far as said */
};

/*
 * completion_find - candidates for the last of `count` words, of which the
 * others stand before it ("aigwctl" itself is none of them). What the table
 * knows goes to `out`; the rest is named by ->ask.
 */
void completion_find(struct completion *completion, unsigned count,
                     const char *const *words, struct buf *out);
/* One candidate, if it begins as it must. */
void completion_add(struct completion *completion, const char *word, size_t len,
                    const char *text);

/* `aigwctl --complete WORD...`: what the shells' scripts call. */
int completion_answer(unsigned count, const char *const *words);

#endif
