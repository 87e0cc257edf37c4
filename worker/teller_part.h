/*
 * teller_part.h - what teller.c and teller_answer.c share.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_TELLER_PART_H
#define AIGW_WORKER_TELLER_PART_H

#include "common/buf.h"
#include "common/check.h"

enum teller_task {
    TELLER_NONE,
    TELLER_ACCOUNT,
    TELLER_REAL_NAME,
    TELLER_CHARGE,
};
enum teller_result { TELLER_OK, TELLER_REFUSED, TELLER_WHO_KNOWS };
enum { TELLER_USER_BYTES = 64, TELLER_REASON_BYTES = 120 };

/* What came of one exchange with the service. */
struct teller_answer {
    bool is_whole; /* an HTTP answer came, all of it */
    bool was_sent; /* else: whether anything had left */
    uint16_t status;
    struct str body;
    const char *text; /* why it is not whole */
};

struct teller_outcome {
    enum teller_result result;
    char reason[TELLER_REASON_BYTES];      /* of one that is not OK */
    int64_t balance, quota, left_of_quota; /* micro */
    bool is_subscription, is_real_name;
    char user[TELLER_USER_BYTES];
};

/*
 * teller_read - what the answer to a task says. Of a charge:
 *   2xx, an object without `error`           OK
 *   2xx with `error`, 3xx, 4xx but 408,
 *   nothing sent                             REFUSED: it was not taken
 *   5xx, 408, 2xx and no object, no answer   WHO_KNOWS
 */
void teller_read(enum teller_task task, const struct teller_answer *answer,
                 struct teller_outcome *outcome);

#endif
