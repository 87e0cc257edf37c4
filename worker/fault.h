/*
 * fault.h - a refusal or failure as it will be told to the client.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_FAULT_H
#define AIGW_WORKER_FAULT_H

#include <stdbool.h>
#include <stdint.h>

struct fault {
    uint16_t status;
    const char *type;       /* OpenAI's `type`: "invalid_request_error" ... */
    const char *code;       /* stable: "invalid_api_key" ...; NULL = null */
    const char *param;      /* NULL = null */
    bool no_retry;          /* x-should-retry: false */
    uint8_t limit;          /* enum record_limit: the one that refused */
    uint64_t retry_after_s; /* 0: no header */
    /* Of the budget that refused; period SHM_PERIOD_NONE: none, or not told. */
    struct fault_budget {
        uint8_t unit, period;
        bool of_group;
        int64_t limit, used;
    } budget;
    char message[512]; /* says what to do; JSON-escaped when written */
};

#endif
