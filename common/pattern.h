/*
 * pattern.h - regular expressions of the operator, on texts of strangers (PCRE2,
 * 8 bit, UTF, by its compiler to machine code where the system allows it).
 *
 * A text cannot keep a process busy: steps, depth and memory of one search are
 * bounded, and what is then not known is said. Empty matches are none. A worker
 * has one thread, so patterns share their scratch memory.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_PATTERN_H
#define AIGW_COMMON_PATTERN_H

#include "common/buf.h"

enum { PATTERN_TEXT_MAX = 4096, PATTERN_REASON_BYTES = 256 };

struct pattern;

/* NULL with what is wrong, and where, in `reason`. `quick`: for many searches. */
struct pattern *pattern_compile(const char *text, bool quick,
                                char reason[PATTERN_REASON_BYTES]) MUST_CHECK;
void pattern_free(struct pattern **pattern);

enum pattern_result {
    PATTERN_NONE,
    PATTERN_FOUND,
    PATTERN_BEGUN, /* `more` only: the text ends where a match may have begun */
    PATTERN_UNDECIDED, /* the search took too long */
};

/*
 * pattern_search - the first match in `text` at or behind `from`: *start and *end,
 * as offsets (BEGUN: only *start). `more`: text may follow, so a match that what
 * follows could change or complete is BEGUN.
 */
enum pattern_result pattern_search(struct pattern *pattern, struct str text,
                                   size_t from, bool more, size_t *start,
                                   size_t *end);

#endif
