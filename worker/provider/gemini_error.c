/*
 * gemini_error.c - error answers of Google's servers.
 *
 * Google says 400 for a key that it does not know: that is the gateway's key,
 * and nothing that the client could mend. Everything else passes to clients
 * that speak as Google does, and is put into words for others.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/provider/gemini_part.h"

#include "common/json_scan.h"
#include "worker/error_reply.h"
#include "worker/provider/credential.h"

/* What the body says, as far as it is Google's: {"error": {...}}, or that in a
 * list, where a stream was asked for. */
struct reading {
    bool is_error;
    struct str message; /* raw, a string; len 0: none */
    uint64_t retry_after_s;
    bool key_refused;
};

static bool
is_string(struct str value)
{
    return value.len >= 2 && *value.ptr == '"';
}

/* "48s", "48.9s": whole seconds, at least 1. */
static uint64_t
read_delay(struct str value)
{
    uint64_t seconds = 0;
    if (!is_string(value))
        return 0;
    for (size_t i = 1; i < value.len && value.ptr[i] >= '0' &&
                       value.ptr[i] <= '9' && seconds < 86400;
         i++)
        seconds = seconds * 10 + (uint64_t)(value.ptr[i] - '0');
    return seconds > 0 ? seconds : 1;
}

static void
read_detail(struct reading *reading, struct str object)
{
    struct str value;
    if (json_find(object, "retryDelay", &value))
        reading->retry_after_s = read_delay(value);
    if (json_find(object, "reason", &value) &&
        (str_equals(value, STR_LIT("\"API_KEY_INVALID\"")) ||
         str_equals(value, STR_LIT("\"API_KEY_SERVICE_BLOCKED\"")) ||
         str_equals(value, STR_LIT("\"API_KEY_HTTP_REFERRER_BLOCKED\"")) ||
         str_equals(value, STR_LIT("\"API_KEY_IP_ADDRESS_BLOCKED\""))))
        reading->key_refused = true;
}

static void
read_details(struct reading *reading, struct str list)
{
    struct json_reader reader;
    struct str element;
    enum json_type type;
    if (!json_list_begin(&reader, list))
        return;
    while ((type = json_item(&reader, &element)) > JSON_BAD &&
           type != JSON_ARRAY_END)
        if (type == JSON_OBJECT)
            read_detail(reading, element);
}

static struct reading
read_body(uint16_t status, struct str body)
{
    struct reading reading = {0};
    struct json_reader reader;
    struct json_token token;
    struct str error, value, first;
    json_reader_init(&reader, body);
    if (json_next(&reader, &token) == JSON_ARRAY &&
        json_item(&reader, &first) == JSON_OBJECT)
        body = first;
    if (!json_find(body, "error", &error) || *error.ptr != '{')
        return reading;
    reading.is_error = true;
    if (json_find(error, "message", &value) && is_string(value))
        reading.message = value;
    if (json_find(error, "details", &value))
        read_details(&reading, value);
    if (status == 401 || status == 403)
        reading.key_refused = true;
    return reading;
}

static uint16_t
told_status(uint16_t status)
{
    if (status == 529)
        return 503;
    return status < 400 || status > 599 || status == 424 ? 502 : status;
}

/* `told`: to the client. why NULL: what the provider said. */
static void
make_fault(struct fault *fault, uint16_t status, uint16_t told, const char *why,
           const struct reading *reading)
{
    char text[sizeof(fault->message)] = "";
    *fault = (struct fault){
        .status = told,
        .type = told == 429 ? "rate_limit_error" : "upstream_error",
        .code = told == 429   ? "rate_limit_exceeded"
                : told == 503 ? "overloaded"
                              : "upstream_error",
        .retry_after_s = reading->retry_after_s,
    };
    if (why == NULL && reading->message.len > 0)
        json_text_decode_cut(
            str_make(reading->message.ptr + 1, reading->message.len - 2), text,
            sizeof(text));
    if (why == NULL)
        why = text[0] != '\0' ? text : "without a readable reason";
    fault_message(fault, "the provider answered %u: %s", status, why);
}

bool
gemini_map_error(const struct catalogue_provider *provider, uint16_t status,
                 struct str body, bool translated, struct fault *fault)
{
    struct reading reading = read_body(status, body);
    if (status < 400) {
        make_fault(fault, status, 502,
                   "which is no answer to a call; check its base_url",
                   &reading);
        return true;
    }
    if (reading.key_refused) {
        make_fault(fault, status, 502, "it refused the gateway's credential",
                   &reading);
        return true;
    }
    if (credential_shows(provider, body)) {
        make_fault(fault, status, told_status(status),
                   "its message is withheld, because it shows the gateway's "
                   "credential",
                   &reading);
        return true;
    }
    if (reading.is_error && !translated && told_status(status) == status &&
        reading.message.len > 0)
        return false;
    make_fault(fault, status, told_status(status), NULL, &reading);
    return true;
}
