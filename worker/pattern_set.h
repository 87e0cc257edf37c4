/*
 * pattern_set.h - the operator's patterns as a worker uses them: compiled once
 * for each list, however many profiles and catalogues have it.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_PATTERN_SET_H
#define AIGW_WORKER_PATTERN_SET_H

#include "common/config.h"
#include "common/pattern.h"

struct pattern_rule {
    struct pattern *pattern;
    char *name; /* "" in a list without names */
    bool blocks;
};

/* Owner: the list of the worker; whoever got one holds a reference. */
struct pattern_set {
    struct pattern_set *next;
    uint32_t references;
    char *text; /* what it was made of */
    unsigned count;
    struct pattern_rule *rules;
};

/*
 * pattern_set_get - the set of a text with a pattern a line; `named`: each is
 * NAME:block:PATTERN or NAME:flag:PATTERN. The text was checked where it came
 * from. NULL: out of memory, or it is no such text.
 */
struct pattern_set *pattern_set_get(struct pattern_set **list, const char *text,
                                    bool named) MUST_CHECK;
void pattern_set_put(struct pattern_set *set);
/* All of them; none is held any more. */
void pattern_sets_free(struct pattern_set **list);

/* The longest match that is found across places where a text is cut. */
enum { PATTERN_SPAN = 4096 };

#endif
