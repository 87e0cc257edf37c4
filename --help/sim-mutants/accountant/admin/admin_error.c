/*
 * admin_error.c - see admin_error.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/admin_error.h"

#include <stdarg.h>
#include <stdio.h>

bool
admin_error_set(struct admin_error *error, uint16_t status, const char *code,
                const char *format, ...)
{
    va_list args;
    error->status = status;
    error->code = code;
    error->field[0] = '\0';
    va_start(args, format);
    vsnprintf(error->message, sizeof(error->message), format, args);
    va_end(args);
    return false;
}

bool
admin_error_field(struct admin_error *error, const char *field,
                  const char *format, ...)
{
    va_list args;
    error->status = 400;
    error->code = "invalid_field";
    snprintf(error->field, sizeof(error->field), "%s", field);
    va_start(args, format);
    vsnprintf(error->message, sizeof(error->message), format, args);
    va_end(args);
    return false;
}
