/*
 * http_names.c - which of the fields that mean something a name is of.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/http_parse.h"

enum { LENGTH_MAX = 5 }; /* names of one length */

/* By length, and of one length those first that are seen most. Lower case
 * letters, digits and `-` only: equals() relies on it. */
struct known {
    const char *text;
    enum http_name name;
};
static const struct known names[][LENGTH_MAX] = {
    // clang-format off
    [2] = {{"te", HTTP_NAME_TE}},
    [3] = {{"via", HTTP_NAME_VIA}},
    [4] = {{"host", HTTP_NAME_HOST}},
    [6] = {{"accept", HTTP_NAME_ACCEPT}, {"expect", HTTP_NAME_EXPECT}, {"cookie", HTTP_NAME_COOKIE}},
    [7] = {{"api-key", HTTP_NAME_API_KEY}, {"upgrade", HTTP_NAME_UPGRADE}, {"trailer", HTTP_NAME_TRAILER},
           {"cookie2", HTTP_NAME_COOKIE2}},
    [9] = {{"x-api-key", HTTP_NAME_X_API_KEY}, {"x-real-ip", HTTP_NAME_X_REAL_IP}, {"forwarded", HTTP_NAME_FORWARDED}},
    [10] = {{"connection", HTTP_NAME_CONNECTION}, {"user-agent", HTTP_NAME_USER_AGENT},
            {"keep-alive", HTTP_NAME_KEEP_ALIVE}, {"request-id", HTTP_NAME_REQUEST_ID},
            {"xi-api-key", HTTP_NAME_XI_API_KEY}},
    [11] = {{"retry-after", HTTP_NAME_RETRY_AFTER}, {"x-client-ip", HTTP_NAME_X_CLIENT_IP}},
    [12] = {{"content-type", HTTP_NAME_CONTENT_TYPE}, {"x-request-id", HTTP_NAME_X_REQUEST_ID}},
    [13] = {{"authorization", HTTP_NAME_AUTHORIZATION}},
    [14] = {{"content-length", HTTP_NAME_CONTENT_LENGTH}, {"x-goog-api-key", HTTP_NAME_X_GOOG_API_KEY},
            {"openai-project", HTTP_NAME_OPENAI_PROJECT}, {"http2-settings", HTTP_NAME_HTTP2_SETTINGS}},
    [15] = {{"accept-encoding", HTTP_NAME_ACCEPT_ENCODING}},
    [16] = {{"content-encoding", HTTP_NAME_CONTENT_ENCODING}, {"x-amzn-requestid", HTTP_NAME_X_AMZN_REQUESTID}},
    [17] = {{"transfer-encoding", HTTP_NAME_TRANSFER_ENCODING}},
    [19] = {{"openai-organization", HTTP_NAME_OPENAI_ORGANIZATION}, {"x-goog-user-project", HTTP_NAME_X_GOOG_USER_PROJECT}},
    [20] = {{"openai-processing-ms", HTTP_NAME_OPENAI_PROCESSING_MS},
            {"cf-aig-authorization", HTTP_NAME_CF_AIG_AUTHORIZATION}},
    // clang-format on
};

static bool
words_equal(const char *token, const char *known)
{
    uint64_t a, b;
    memcpy(&a, token, sizeof(a));
    memcpy(&b, known, sizeof(b));
    return (a | UINT64_C(0x2020202020202020)) == b;
}

/*
 * Bit 5 is all that a letter's cases differ in, and all bytes of `known` have
 * it. Without it they are upper case letters or, for digits and `-`, control
 * bytes, which no token has.
 */
static bool
equals(const char *token, const char *known, size_t len)
{
    size_t at = 0;
    for (; len - at >= sizeof(uint64_t); at += sizeof(uint64_t))
        if (!words_equal(token + at, known + at))
            return false;
    if (at > 0) /* the last eight, some of them again */
        return words_equal(token + len - sizeof(uint64_t),
                           known + len - sizeof(uint64_t));
    while (at < len && (token[at] | 0x20) == known[at])
        at++;
    return at == len;
}

enum http_name
http_name_of(struct str token)
{
    if (token.len >= ARRAY_LEN(names))
        return HTTP_NAME_OTHER;
    const struct known *known = names[token.len], *end = known + LENGTH_MAX;
    for (; known < end && known->text != NULL; known++)
        if ((token.ptr[0] | 0x20) == known->text[0] &&
            equals(token.ptr, known->text, token.len))
            return known->name;
    return HTTP_NAME_OTHER;
}
