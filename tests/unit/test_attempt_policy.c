/*
 * test_attempt_policy.c - tests of worker/attempt_policy.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/attempt_policy.h"

#include <string.h>

#include "common/check.h"
#include "tests/test.h"

TEST(what_is_stated_is_read)
{
    static const struct {
        const char *object;
        struct attempt_policy policy;
    } cases[] = {
        {"{}", {0}},
        {"{\"requestTimeout\":null,\"maxAttempts\":null,\"backoff\":null}",
         {0}},
        {"{\"requestTimeout\":1}", {.request_timeout_ms = 1}},
        {"{\"requestTimeout\":86400000,\"cacheTtl\":[1],\"x\":\"y\"}",
         {.request_timeout_ms = 86400000}},
        {"{\"maxAttempts\":5,\"retryDelay\":0,\"backoff\":\"constant\"}",
         {.max_attempts = 5,
          .has_retry_delay = true,
          .backoff = ATTEMPT_BACKOFF_CONSTANT}},
        {"{\"backoff\":\"lin\\u0065ar\",\"retryDelay\":5000}",
         {.retry_delay_ms = 5000,
          .has_retry_delay = true,
          .backoff = ATTEMPT_BACKOFF_LINEAR}},
        {"{\"backoff\":\"linear\",\"backoff\":\"exponential\","
         "\"maxAttempts\":1}",
         {.max_attempts = 1, .backoff = ATTEMPT_BACKOFF_EXPONENTIAL}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct attempt_policy policy;
        struct fault fault;
        memset(&policy, 0xa5, sizeof(policy));
        CHECK_EQ(
            attempt_policy_read(str_from(cases[i].object), &policy, &fault), 0);
        CHECK_EQ(policy.request_timeout_ms, cases[i].policy.request_timeout_ms);
        CHECK_EQ(policy.max_attempts, cases[i].policy.max_attempts);
        CHECK_EQ(policy.backoff, cases[i].policy.backoff);
        CHECK_EQ(policy.has_retry_delay, cases[i].policy.has_retry_delay);
        CHECK_EQ(policy.retry_delay_ms, cases[i].policy.retry_delay_ms);
    }
}

TEST(what_is_no_such_value_is_refused_by_its_name)
{
    static const struct {
        const char *object, *param;
    } cases[] = {
        {"[]", "config"},
        {"7", "config"},
        {"\"{}\"", "config"},
        {"{\"a\"}", "config"},
        {"{\"requestTimeout\":0}", "config.requestTimeout"},
        {"{\"requestTimeout\":-1}", "config.requestTimeout"},
        {"{\"requestTimeout\":1.5}", "config.requestTimeout"},
        {"{\"requestTimeout\":1e3}", "config.requestTimeout"},
        {"{\"requestTimeout\":\"500\"}", "config.requestTimeout"},
        {"{\"requestTimeout\":86400001}", "config.requestTimeout"},
        {"{\"requestTimeout\":99999999999999999999}", "config.requestTimeout"},
        {"{\"requestTimeout\":true}", "config.requestTimeout"},
        {"{\"maxAttempts\":0}", "config.maxAttempts"},
        {"{\"maxAttempts\":6}", "config.maxAttempts"},
        {"{\"maxAttempts\":[]}", "config.maxAttempts"},
        {"{\"retryDelay\":5001}", "config.retryDelay"},
        {"{\"retryDelay\":{}}", "config.retryDelay"},
        {"{\"backoff\":\"Constant\"}", "config.backoff"},
        {"{\"backoff\":1}", "config.backoff"},
        {"{\"backoff\":\"\"}", "config.backoff"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct attempt_policy policy;
        struct fault fault;
        if (attempt_policy_read(str_from(cases[i].object), &policy, &fault) !=
            -1)
            test_fail(__FILE__, __LINE__, "%s was taken", cases[i].object);
        CHECK_EQ(fault.status, 400);
        CHECK_TRUE(fault.no_retry);
        CHECK_STR(str_from(fault.param), cases[i].param);
    }
}
