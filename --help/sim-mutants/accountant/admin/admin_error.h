/*
 * admin_error.h - why a management request was refused: one per request, filled
 * by whoever finds the fault, written as the answer by call.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_ADMIN_ERROR_H
#define AIGW_ACCOUNTANT_ADMIN_ADMIN_ERROR_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"

struct admin_error {
    uint16_t status;  /* 0: no error yet */
    const char *code; /* stable word, a literal */
    char field[96];   /* the body's member or the query's parameter, "" none */
    char message[512];
};

/* Both return false, so that a check may end with `return admin_error_...`. */
bool admin_error_set(struct admin_error *error, uint16_t status,
                     const char *code, const char *format, ...)
    PRINTF_LIKE(4, 5);
/* 400 invalid_field; `field` as the client wrote its path: "budgets[1].limit". */
bool admin_error_field(struct admin_error *error, const char *field,
                       const char *format, ...) PRINTF_LIKE(3, 4);

#endif
