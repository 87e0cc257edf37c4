/*
 * words.h - the words of management bodies for the numbers of the segment:
 * units, periods, policies. One table each, used for reading and for writing.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_WORDS_H
#define AIGW_ACCOUNTANT_ADMIN_WORDS_H

#include <stdint.h>

#include "common/check.h"

struct word {
    const char *text; /* NULL ends a table */
    uint32_t value;
};

extern const struct word words_unit[];         /* shm_unit */
extern const struct word words_period[];       /* shm_period */
extern const struct word words_on_exhausted[]; /* shm_on_exhausted */
extern const struct word words_hold[];         /* 1: hold = worst */
extern const struct word words_crash_charge[]; /* 1: crash_charge = reserved */
extern const struct word words_acl_type[];     /* 1: allow */

/* The text of a value, or "unknown". */
const char *word_text(const struct word *words, uint32_t value);
/* 0 and *value, or -ENOENT. */
int word_value(const struct word *words, const char *text,
               uint32_t *value) MUST_CHECK;
/* "a, b or c" for messages. */
void word_list(const struct word *words, char *out, unsigned size);

#endif
