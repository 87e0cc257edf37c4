/*
 * ledger_turn.c - scans in turns; see ledger.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_internal.h"
#include "common/clock.h"

enum { TURN_MS = 20 };

void
ledger_turn_begin(struct ledger_turn *turn)
{
    turn->until_ns = clock_mono_ns() + TURN_MS * UINT64_C(1000000);
    turn->over = false;
}

bool
ledger_turn_ends(struct ledger_turn *turn)
{
    if (turn == NULL || clock_mono_ns() < turn->until_ns)
        return false;
    turn->over = true;
    return true;
}
