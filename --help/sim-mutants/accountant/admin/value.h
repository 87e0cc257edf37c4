/*
 * value.h - values of a management body read exactly: whole numbers, money,
 * texts, choices, times. Each takes the cJSON value and its name for the error.
 *
 * cJSON keeps numbers as doubles, so a number is taken only where the double
 * is certainly what was written; larger ones are accepted as strings.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_VALUE_H
#define AIGW_ACCOUNTANT_ADMIN_VALUE_H

#include <cjson/cJSON.h>

#include "accountant/admin/admin_error.h"
#include "accountant/admin/words.h"
#include "common/str.h"

/* body_parse - one JSON object, strict: UTF-8, nothing behind it, no NUL in a
 * string, depth as cJSON allows. NULL with the error set; cJSON_Delete it. */
cJSON *body_parse(struct str text, struct admin_error *error) MUST_CHECK;

/* "tokens": 5 or "5"; 0 <= *out <= max. */
bool value_u64(const cJSON *value, const char *name, uint64_t max,
               uint64_t *out, struct admin_error *error) MUST_CHECK;
/* As value_u64; null is 0 ("no limit"). */
bool value_limit(const cJSON *value, const char *name, uint64_t max,
                 uint64_t *out, struct admin_error *error) MUST_CHECK;
/* 2.5 or "2.5" -> nano-currency; at most 9 decimals. */
bool value_money(const cJSON *value, const char *name, int64_t *nano,
                 struct admin_error *error) MUST_CHECK;
bool value_bool(const cJSON *value, const char *name, bool *out,
                struct admin_error *error) MUST_CHECK;
/* A string of 1..max bytes without control characters. NULL: error set. */
const char *value_text(const cJSON *value, const char *name, size_t max,
                       struct admin_error *error) MUST_CHECK;
bool value_word(const cJSON *value, const char *name, const struct word *words,
                uint32_t *out, struct admin_error *error) MUST_CHECK;
/* RFC 3339 or a date in the future; null is 0 ("never"). */
bool value_expiry(const cJSON *value, const char *name, int64_t *out_ms,
                  struct admin_error *error) MUST_CHECK;

/* For objects whose members are read by name: refuses others and doubles.
 * `names` with single blanks between; `prefix` stands before them in errors. */
bool value_members(const cJSON *object, const char *prefix, const char *names,
                   struct admin_error *error) MUST_CHECK;

#endif
