/*
 * http_reply.c - see http_reply.h.
 *
 * A field whose name is no token or whose value has a control byte is left out
 * as a whole: half of a value repaired may mean something else.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/http_reply.h"

#include <stdio.h>
#include <time.h>

#include "common/clock.h"
#include "common/net/http_chars.h"

static const struct {
    unsigned status;
    const char *reason;
} reasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
    {529, "Overloaded"},
};

const char *
http_reason(unsigned status)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}

/*
 * Everything up to the fields, made anew when the second or the status changes.
 * The date as "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7), whatever the
 * locale.
 */
static struct str
head_begin(unsigned status)
{
    static _Thread_local int64_t second = -1;
    static _Thread_local unsigned of_status;
    static _Thread_local char text[160];
    static _Thread_local size_t len;
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t now = clock_wall_coarse_s();
    if (now != second || status != of_status) {
        time_t when = (time_t)now;
        struct tm tm;
        if (gmtime_r(&when, &tm) == NULL)
            tm = (struct tm){.tm_mday = 1, .tm_year = 70, .tm_wday = 4};
        int n = snprintf(
            text, sizeof(text),
            "HTTP/1.1 %u %s\r\n"
            "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\nServer: aigw\r\n",
            status, http_reason(status), days + 3 * tm.tm_wday, tm.tm_mday,
            months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
            tm.tm_sec);
        CHECK(n > 0 && (size_t)n < sizeof(text));
        len = (size_t)n;
        second = now;
        of_status = status;
    }
    return str_make(text, len);
}

void
http_reply_begin(struct buf *out, unsigned status)
{
    buf_append_str(out, head_begin(status));
}

/* The value is bad as a whole when it has a control byte. */
void
http_field_named(struct buf *out, struct str name, struct str value)
{
    if (http_find_control(value.ptr, 0, value.len) != value.len)
        return;
    char *place = buf_extend(out, name.len + value.len + 4);
    if (place == NULL)
        return;
    place = (char *)mempcpy(place, name.ptr, name.len);
    place = (char *)mempcpy(place, ": ", 2);
    place = (char *)mempcpy(place, value.ptr, value.len);
    memcpy(place, "\r\n", 2);
}

void
http_field(struct buf *out, struct str name, struct str value)
{
    if (http_is_token(name))
        http_field_named(out, name, value);
}

void
http_reply_end(struct buf *out, uint8_t client_minor, bool keep_alive)
{
    if (!keep_alive)
        buf_append_str(out, STR_LIT("Connection: close\r\n"));
    else if (client_minor == 0)
        buf_append_str(out, STR_LIT("Connection: keep-alive\r\n"));
    buf_append_str(out, STR_LIT("\r\n"));
}

unsigned
http_chunk_head(char out[20], uint64_t len)
{
    unsigned digits = 1;
    while (digits < 16 && len >> (4 * digits) != 0)
        digits++;
    for (unsigned i = 0; i < digits; i++)
        out[i] = "0123456789abcdef"[len >> (4 * (digits - 1 - i)) & 15];
    out[digits] = '\r';
    out[digits + 1] = '\n';
    return digits + 2;
}
