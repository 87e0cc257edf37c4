/*
 * attempt_policy.c - see attempt_policy.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/attempt_policy.h"

#include "common/json_scan.h"
#include "worker/error_reply.h"

static int
refuse(struct fault *fault, const char *member, const char *what)
{
    fault_set(fault, 400, "invalid_request_error", "invalid_value", member,
              "`config` must have %s", what);
    fault->no_retry = true;
    return -1;
}

/* A whole number from least to most, or -1. */
static int
take_number(struct str value, uint64_t least, uint64_t most, uint64_t *number)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            return -1;
    return json_number_u64(value, number) == 0 && *number >= least &&
                   *number <= most
               ? 0
               : -1;
}

static int
take_backoff(struct str value, uint8_t *backoff)
{
    static const struct str names[] = {
        [ATTEMPT_BACKOFF_CONSTANT] = STR_LIT("constant"),
        [ATTEMPT_BACKOFF_LINEAR] = STR_LIT("linear"),
        [ATTEMPT_BACKOFF_EXPONENTIAL] = STR_LIT("exponential"),
    };
    for (uint8_t i = ATTEMPT_BACKOFF_CONSTANT; i < ARRAY_LEN(names); i++)
        if (json_string_equals(value, names[i])) {
            *backoff = i;
            return 0;
        }
    return -1;
}

static int
take_member(struct str key, struct str value, struct attempt_policy *policy,
            struct fault *fault)
{
    uint64_t n;
    if (json_string_equals(key, STR_LIT("requestTimeout"))) {
        if (take_number(value, 1, ATTEMPT_TIMEOUT_MAX_MS, &n) < 0)
            return refuse(fault, "config.requestTimeout",
                          "`requestTimeout` in milliseconds, a whole number "
                          "from 1 to 86400000");
        policy->request_timeout_ms = (uint32_t)n;
    } else if (json_string_equals(key, STR_LIT("maxAttempts"))) {
        if (take_number(value, 1, ATTEMPT_TRIES_MAX, &n) < 0)
            return refuse(fault, "config.maxAttempts",
                          "`maxAttempts` as a whole number from 1 to 5");
        policy->max_attempts = (uint8_t)n;
    } else if (json_string_equals(key, STR_LIT("retryDelay"))) {
        if (take_number(value, 0, ATTEMPT_DELAY_MAX_MS, &n) < 0)
            return refuse(fault, "config.retryDelay",
                          "`retryDelay` in milliseconds, a whole number from 0 "
                          "to 5000");
        policy->retry_delay_ms = (uint16_t)n;
        policy->has_retry_delay = true;
    } else if (json_string_equals(key, STR_LIT("backoff"))) {
        if (take_backoff(value, &policy->backoff) < 0)
            return refuse(fault, "config.backoff",
                          "`backoff` as one of constant, linear and "
                          "exponential");
    }
    return 0;
}

int
attempt_policy_read(struct str object, struct attempt_policy *policy,
                    struct fault *fault)
{
    struct json_reader reader;
    struct json_token token;
    struct str key, value;
    enum json_type type;
    *policy = (struct attempt_policy){0};
    json_reader_init(&reader, object);
    if (json_next(&reader, &token) != JSON_OBJECT)
        return refuse(fault, "config", "the form of an object");
    while ((type = json_member(&reader, &key, &value)) != JSON_OBJECT_END) {
        if (type == JSON_BAD)
            return refuse(fault, "config", "the form of an object");
        if (type != JSON_NULL && take_member(key, value, policy, fault) < 0)
            return -1;
    }
    return 0;
}
