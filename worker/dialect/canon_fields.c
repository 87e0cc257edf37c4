/*
 * canon_fields.c - what writers of canonical requests share: fields by table,
 * what was dropped, efforts and budgets of thinking, names of calls.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/canon.h"

#include <stdio.h>

#include "common/check.h"
#include "common/json_scan.h"
#include "common/json_write.h"

static const char *const field_names[CANON_FIELDS_END] = {
#define X(field, name) [CANON_FIELD_##field] = name,
    CANON_FIELDS(X)
#undef X
};

void
canon_drop(struct canon_request *request, const char *name)
{
    for (uint32_t i = 0; i < request->dropped_count; i++)
        if (request->dropped[i] == name)
            return;
    if (request->dropped_count < CANON_DROPPED_MAX)
        request->dropped[request->dropped_count++] = name;
}

int
canon_fields_write(struct canon_request *request,
                   const struct canon_field_row table[CANON_FIELDS_END],
                   struct json_writer *json, const char *where,
                   struct fault *fault)
{
    for (unsigned i = 0; i < CANON_FIELDS_END; i++) {
        struct str value = request->fields[i];
        if (value.len == 0 || str_equals(value, STR_LIT("null")))
            continue;
        switch (table[i].fate) {
        case CANON_CARRY:
            json_key(json, table[i].name);
            json_raw(json, value);
            break;
        case CANON_REFUSE:
            *fault = (struct fault){
                .status = 400,
                .type = "invalid_request_error",
                .code = "unsupported_parameter",
                .param = field_names[i],
                .no_retry = true,
            };
            snprintf(fault->message, sizeof(fault->message),
                     "%s cannot be carried to %s, which serves this model: "
                     "leave it out, or choose another model",
                     field_names[i], where);
            return -1;
        case CANON_DROP:
            canon_drop(request, field_names[i]);
            break;
        default:
            break;
        }
    }
    return 0;
}

static const struct {
    const char *name;
    int64_t budget;
} efforts[] = {
    [CANON_EFFORT_UNSET] = {NULL, 0},
    [CANON_EFFORT_NONE] = {"none", 0},
    [CANON_EFFORT_MINIMAL] = {"minimal", 1024},
    [CANON_EFFORT_LOW] = {"low", 2048},
    [CANON_EFFORT_MEDIUM] = {"medium", 8192},
    [CANON_EFFORT_HIGH] = {"high", 16384},
    [CANON_EFFORT_XHIGH] = {"xhigh", 32768},
};

int64_t
canon_effort_budget(enum canon_effort effort)
{
    return efforts[effort].budget;
}

enum canon_effort
canon_budget_effort(int64_t budget)
{
    if (budget == 0)
        return CANON_EFFORT_NONE;
    if (budget < 0)
        return CANON_EFFORT_MEDIUM;
    if (budget < 2048)
        return CANON_EFFORT_LOW;
    if (budget < 12288)
        return CANON_EFFORT_MEDIUM;
    return budget < 32768 ? CANON_EFFORT_HIGH : CANON_EFFORT_XHIGH;
}

const char *
canon_effort_name(enum canon_effort effort)
{
    return efforts[effort].name;
}

enum canon_effort
canon_effort_find(struct str text)
{
    if (str_equals(text, STR_LIT("max"))) /* Anthropic's highest */
        return CANON_EFFORT_XHIGH;
    for (unsigned i = CANON_EFFORT_NONE; i < ARRAY_LEN(efforts); i++)
        if (str_equals(text, str_from(efforts[i].name)))
            return (enum canon_effort)i;
    return CANON_EFFORT_UNSET;
}
