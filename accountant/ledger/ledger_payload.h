/*
 * ledger_payload.h - bodies of calls beside their rows, in the databases of the
 * days: no books, so nothing is synced for them, and they go with their day.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_PAYLOAD_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_PAYLOAD_H

#include "accountant/ledger/ledger.h"

struct ledger_payload {
    uint64_t request_id[2];
    int64_t ended_ms; /* of its row: which day it is filed under */
    uint64_t request_size, answer_size; /* as they were sent */
    bool request_cut, answer_cut;       /* less is kept than there was */
    bool is_stream; /* the answer is the texts of a stream */
    struct str request, answer;
};

/* Writer thread. 0; -ENOENT: retention has dropped its day; -errno: the ledger
 * must be opened again, which the next flush does. */
int ledger_payload_put(struct ledger *ledger,
                       const struct ledger_payload *payload,
                       struct buf *error) MUST_CHECK;
/*
 * ledger_payload_get - any thread, under a snapshot, which keeps the ledger open.
 * 1 and *payload, whose texts are views into `value`; 0: nothing is kept of this
 * call; -errno.
 */
int ledger_payload_get(struct ledger *ledger,
                       const struct ledger_snapshot *snapshot,
                       const uint64_t request_id[2], int64_t ended_ms,
                       struct ledger_payload *payload, struct buf *value,
                       struct buf *error) MUST_CHECK;
/* "req_" and 32 hexadecimal digits as its two words; false: it is no such id. */
bool ledger_request_id(const char *text, uint64_t request_id[2]);

#endif
