/*
 * anthropic_error.c - error answers of Anthropic and those that serve its API.
 *
 * To a client of the same dialect its own body passes with its status. All else
 * becomes a fault: its message under a status and a code that the client's
 * dialect knows. A body with a piece of the gateway's credential never passes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/provider/anthropic_part.h"

#include "common/json_scan.h"
#include "worker/error_reply.h"
#include "worker/provider/credential.h"

static bool
is_string(struct str value)
{
    return value.len >= 2 && *value.ptr == '"';
}

/* The message of Anthropic's shape and of others that are met (MiniMax, those
 * who stand before them), decoded; "" when there is none. */
static void
find_message(struct str body, char *out, size_t size)
{
    static const char *const paths[] = {"error.message", "error", "message",
                                        "base_resp.status_msg", "detail"};
    struct str value;
    out[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        if (json_find(body, paths[i], &value) && is_string(value) &&
            json_text_decode_cut(str_make(value.ptr + 1, value.len - 2), out,
                                 size) > 0)
            return;
}

static uint16_t
told_status(uint16_t status)
{
    if (status == 529)
        return 503;
    if (status == 424 || status < 400 || status > 599)
        return 502;
    return status;
}

static const char *
told_code(uint16_t status)
{
    switch (status) {
    case 404:
        return "model_not_found";
    case 413:
        return "request_too_large";
    case 429:
        return "rate_limit_exceeded";
    case 503:
        return "overloaded";
    default:
        return "upstream_error";
    }
}

static const char *
told_type(uint16_t status)
{
    switch (status) {
    case 400:
    case 404:
    case 413:
    case 422:
        return "invalid_request_error";
    case 429:
        return "rate_limit_error";
    default:
        return "upstream_error";
    }
}

/* What hides in the message of a 400. */
static void
look_into_message(struct fault *fault, const char *message)
{
    if (strstr(message, "prompt is too long") != NULL ||
        strstr(message, "exceed context limit") != NULL) {
        fault->code = "context_length_exceeded";
    } else if (strstr(message, "credit balance is too low") != NULL) {
        /* of the gateway's account: nothing that the client can mend */
        fault->status = 502;
        fault->type = "upstream_error";
        fault->no_retry = true;
    }
}

static void
make_fault(struct fault *fault, uint16_t status, uint16_t told,
           const char *join, const char *detail)
{
    *fault = (struct fault){
        .status = told,
        .type = told_type(told),
        .code = told_code(told),
    };
    fault_message(fault, "the provider answered %u%s%s", status, join, detail);
    if (told == 400)
        look_into_message(fault, detail);
}

bool
anthropic_map_error(const struct catalogue_provider *provider, uint16_t status,
                    struct str body, bool translated, struct fault *fault)
{
    char message[sizeof(fault->message)];
    struct str stated;
    if (status < 400) {
        make_fault(fault, status, 502, ", ",
                   "which is no answer to a call; check its base_url");
        return true;
    }
    if (credential_shows(provider, body)) {
        make_fault(fault, status, told_status(status),
                   status == 401 || status == 403 ? ": " : "; ",
                   status == 401 || status == 403
                       ? "it refused the gateway's credential"
                       : "its message is withheld, because it shows the "
                         "gateway's credential");
        return true;
    }
    if (!json_is(body, JSON_OBJECT)) {
        make_fault(fault, status,
                   status < 500 || status == 529 ? told_status(status) : 502,
                   " ", "without a readable reason");
        return true;
    }
    bool own_shape =
        json_find(body, "error.message", &stated) && is_string(stated);
    if (own_shape && !translated && status != 424 && status <= 599)
        return false;
    find_message(body, message, sizeof(message));
    make_fault(fault, status, told_status(status),
               message[0] != '\0' ? ": " : "", message);
    return true;
}
