/*
 * teller_answer.c - what the service of balances answered (teller_part.h). Its
 * bytes are believed in nothing but their meaning.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "common/json_scan.h"
#include "worker/teller_part.h"

#define MICRO_MAX (INT64_C(1) << 52) /* what JSON numbers carry everywhere */

static void
refuse(struct teller_outcome *outcome, enum teller_result result,
       const char *reason)
{
    outcome->result = result;
    snprintf(outcome->reason, sizeof(outcome->reason), "%s", reason);
    for (char *c = outcome->reason; *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    if (strstr(outcome->reason, "eyJ") != NULL) /* as every token begins */
        snprintf(outcome->reason, sizeof(outcome->reason),
                 "an error with a token in it, which is not shown");
}

static bool
is_null(struct str value)
{
    return value.len == 0 || str_equals(value, STR_LIT("null"));
}

/* A whole number, or none, which leaves 0. */
static bool
get_micro(struct str value, int64_t *out)
{
    bool minus = value.len > 0 && value.ptr[0] == '-';
    struct str digits = str_skip(value, minus);
    uint64_t number = 0;
    *out = 0;
    if (is_null(value))
        return true;
    if (digits.len == 0)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
            return false;
        if (number < (uint64_t)MICRO_MAX)
            number = number * 10 + (uint64_t)(digits.ptr[i] - '0');
    }
    if (number > (uint64_t)MICRO_MAX)
        number = (uint64_t)MICRO_MAX;
    *out = minus ? -(int64_t)number : (int64_t)number;
    return true;
}

static bool
get_bool(struct str value, bool *out)
{
    *out = str_equals(value, STR_LIT("true"));
    return *out || is_null(value) || str_equals(value, STR_LIT("false"));
}

enum member {
    MEMBER_ERROR,
    MEMBER_USER,
    MEMBER_BALANCE,
    MEMBER_SUBSCRIPTION,
    MEMBER_QUOTA,
    MEMBER_LEFT,
    MEMBER_REAL_NAME,
    MEMBERS,
};
static const struct str member_names[MEMBERS] = {
    STR_LIT("error"),        STR_LIT("userUID"),
    STR_LIT("balance"),      STR_LIT("workspaceSubscription"),
    STR_LIT("totalAIQuota"), STR_LIT("remainAIQuota"),
    STR_LIT("isRealName"),
};

/* What its `error` says; "": nothing. False: it is no text. */
static bool
get_error(struct str value, char *out, size_t size)
{
    *out = '\0';
    if (is_null(value))
        return true;
    if (*value.ptr != '"')
        return false;
    int len = json_string_decode(value, out, size);
    if (len < 0)
        snprintf(out, size, "an error that is too long, or no text");
    else if ((size_t)len < size)
        out[len] = '\0';
    else
        out[size - 1] = '\0';
    return true;
}

static bool
get_account(const struct str *values, struct teller_outcome *outcome)
{
    struct str user = values[MEMBER_USER];
    int len = 0;
    if (!get_bool(values[MEMBER_SUBSCRIPTION], &outcome->is_subscription) ||
        is_null(
            values[outcome->is_subscription ? MEMBER_LEFT : MEMBER_BALANCE]) ||
        !get_micro(values[MEMBER_BALANCE], &outcome->balance) ||
        !get_micro(values[MEMBER_QUOTA], &outcome->quota) ||
        !get_micro(values[MEMBER_LEFT], &outcome->left_of_quota))
        return false;
    if (is_null(user))
        return true;
    if (*user.ptr == '"')
        len = json_string_decode(user, outcome->user, sizeof(outcome->user));
    else
        return false;
    if (len < 0 || (size_t)len >= sizeof(outcome->user))
        return false;
    outcome->user[len] = '\0';
    for (int i = 0; i < len; i++)
        if (outcome->user[i] <= ' ' || outcome->user[i] > '~')
            return false;
    return true;
}

static void
read_good(enum teller_task task, const struct teller_answer *answer,
          struct teller_outcome *outcome)
{
    enum teller_result garbage =
        task == TELLER_CHARGE ? TELLER_WHO_KNOWS : TELLER_REFUSED;
    struct str values[MEMBERS + 1];
    char error[TELLER_REASON_BYTES];
    if (!json_members(answer->body, member_names, MEMBERS, values) ||
        !get_error(values[MEMBER_ERROR], error, sizeof(error)))
        refuse(outcome, garbage, "its answer is not what it should be");
    else if (*error != '\0')
        refuse(outcome, TELLER_REFUSED, error);
    else if (task == TELLER_ACCOUNT && !get_account(values, outcome))
        refuse(outcome, garbage, "its answer has no balance");
    else if (task == TELLER_REAL_NAME &&
             (is_null(values[MEMBER_REAL_NAME]) ||
              !get_bool(values[MEMBER_REAL_NAME], &outcome->is_real_name)))
        refuse(outcome, garbage, "its answer does not say isRealName");
}

void
teller_read(enum teller_task task, const struct teller_answer *answer,
            struct teller_outcome *outcome)
{
    char reason[TELLER_REASON_BYTES];
    bool is_charge = task == TELLER_CHARGE;
    *outcome = (struct teller_outcome){.result = TELLER_OK};
    if (!answer->is_whole) {
        snprintf(reason, sizeof(reason), "no answer: %s", answer->text);
        refuse(outcome,
               is_charge && answer->was_sent ? TELLER_WHO_KNOWS
                                             : TELLER_REFUSED,
               reason);
        return;
    }
    if (answer->status >= 200 && answer->status < 300) {
        read_good(task, answer, outcome);
        return;
    }
    bool may_have_done = answer->status >= 500 || answer->status == 408;
    snprintf(reason, sizeof(reason), "status %u", answer->status);
    refuse(outcome,
           is_charge && may_have_done ? TELLER_WHO_KNOWS : TELLER_REFUSED,
           reason);
}
