/*
 * ledger_needle.h - a text looked for in log rows as they stand in their pages: a
 * page without it is not copied, and a row without it not decoded.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_NEEDLE_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_NEEDLE_H

#include <stdbool.h>

#include "common/str.h"

enum { LEDGER_NEEDLE_MAX = 64, LEDGER_NEEDLE_PIECE = 4096 };

/* Letters of ASCII are the same in both cases. All zero: everything has it. */
struct ledger_needle {
    char text[LEDGER_NEEDLE_MAX]; /* its beginning, in lower case */
    size_t len;
    char piece[LEDGER_NEEDLE_PIECE]; /* of what is searched, in lower case */
};

/* NULL or "": everything has it. */
void ledger_needle_set(struct ledger_needle *needle, const char *text);
/* False: the bytes do not have it. True: they may. */
bool ledger_needle_in(struct ledger_needle *needle, struct str bytes);

#endif
