/*
 * shape.h - reading and making JSON without saying everything thrice. Readers
 * take NULL for an object that is absent.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_DIALECT_SHAPE_H
#define AIGW_ACCOUNTANT_ADMIN_DIALECT_SHAPE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

/* A member, or NULL; of "a.b" the b of a. JSON null counts as absent. */
const cJSON *shape_at(const cJSON *object, const char *path);
/* Its text; "" where it is absent or no text. */
const char *shape_text(const cJSON *object, const char *path);
/* Its number, 0 where it is absent or none. */
double shape_number(const cJSON *object, const char *path);
/* The same as a whole number, cut to what fits. */
int64_t shape_i64(const cJSON *object, const char *path);
bool shape_true(const cJSON *object, const char *path);
/* An RFC 3339 text as milliseconds since 1970; 0 where it is absent. */
int64_t shape_ms(const cJSON *object, const char *path);

/* An id as a text. */
void shape_add_id(cJSON *object, const char *name, int64_t id);
/* For answers only, native bodies take cJSON's numbers: whole numbers in all their digits, as SDKs of typed languages need them. */
cJSON *shape_of_i64(int64_t n);
void shape_add_i64(cJSON *object, const char *name, int64_t n);
/* A copy of what stands there, or null. */
void shape_add_copy(cJSON *object, const char *name, const cJSON *value);
/* An array of the texts under `name` in the rows of a list, each once, in the
 * order in which they come, as `show` makes them; "" is none. */
cJSON *shape_distinct(const cJSON *rows, const char *name,
                      cJSON *(*show)(const char *text));
/* Milliseconds since 1970 as RFC 3339 in UTC, of seconds or of milliseconds;
 * 0: null. */
void shape_add_time(cJSON *object, const char *name, int64_t ms);
void shape_add_time_ms(cJSON *object, const char *name, int64_t ms);

#endif
