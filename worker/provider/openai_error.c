/*
 * openai_error.c - error answers of OpenAI and those who speak as it does.
 *
 * A body in OpenAI's own shape passes with its status. Other JSON shapes are
 * put into that shape, with their message; HTML, nothing, and redirects become
 * a message of ours. A body that has a piece of the gateway's credential in it
 * ("Incorrect API key provided: sk-...") never passes: the credential is not
 * the client's to see.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/json_scan.h"
#include "worker/error_reply.h"
#include "worker/provider/credential.h"
#include "worker/provider/openai_part.h"

static bool
is_string(struct str value)
{
    return value.len >= 2 && *value.ptr == '"';
}

/* The message of the other shapes (raw JSON): a string if there is one. */
static struct str
find_message(struct str body)
{
    static const char *const paths[] = {
        "error.message", "error",   "message", "base_resp.status_msg",
        "detail",        "Message", "errors",
    };
    struct str found = {NULL, 0};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct str value;
        if (!json_find(body, paths[i], &value))
            continue;
        if (is_string(value))
            return value;
        if (found.len == 0)
            found = value;
    }
    return found;
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
    case 429:
        return "rate_limit_exceeded";
    case 503:
        return "overloaded";
    default:
        return "upstream_error";
    }
}

static void
make_fault(struct fault *fault, uint16_t status, uint16_t told,
           const char *suffix, struct str detail)
{
    *fault = (struct fault){
        .status = told,
        .type = told == 429 ? "rate_limit_error" : "upstream_error",
        .code = told_code(told),
    };
    detail = str_cut(detail, sizeof(fault->message));
    fault_message(fault, "the provider answered %u%s%.*s", status, suffix,
                  STR_ARG(detail));
}

/* Its JSON, but not in OpenAI's shape, or with a status that has to change. */
static void
make_fault_of_json(struct fault *fault, uint16_t status, struct str body)
{
    struct str raw = find_message(body);
    char text[sizeof(fault->message)];
    struct str detail = raw;
    if (is_string(raw))
        detail = str_make(
            text, json_text_decode_cut(str_make(raw.ptr + 1, raw.len - 2), text,
                                       sizeof(text)));
    make_fault(fault, status, told_status(status), detail.len > 0 ? ": " : "",
               detail);
}

bool
openai_map_error(const struct catalogue_provider *provider, uint16_t status,
                 struct str body, bool translated, struct fault *fault)
{
    const struct str none = STR_LIT("");
    if (status < 400) {
        make_fault(fault, status, 502,
                   ", which is no answer to a call; check its base_url", none);
        return true;
    }
    if (credential_shows(provider, body)) {
        make_fault(fault, status, told_status(status),
                   status == 401 || status == 403
                       ? ": it refused the gateway's credential"
                       : "; its message is withheld, because it shows the "
                         "gateway's credential",
                   none);
        return true;
    }
    if (!json_is(body, JSON_OBJECT)) {
        make_fault(fault, status, status < 500 ? told_status(status) : 502,
                   " without a readable reason", none);
        return true;
    }
    struct str message;
    if (!translated && told_status(status) == status &&
        json_find(body, "error.message", &message) && is_string(message))
        return false;
    make_fault_of_json(fault, status, body);
    /* What the client sent is at fault, and so it may mend it. */
    if (translated &&
        (status == 400 || status == 404 || status == 413 || status == 422))
        fault->type = "invalid_request_error";
    return true;
}
