/*
 * splice.c - see scan.h: the text that goes into a client's body.
 *
 * All other bytes stay as they are: numbers beyond a double, unknown members,
 * lone surrogates and NUL escapes reach the provider as the client wrote them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/scan.h"

#include <stdio.h>

struct splice *
splice_add(struct splices *splices, uint32_t off, uint32_t len)
{
    CHECK(splices->count < SPLICES_MAX);
    uint32_t at = splices->count++;
    while (at > 0 && splices->items[at - 1].off > off) {
        splices->items[at] = splices->items[at - 1];
        at--;
    }
    splices->items[at] =
        (struct splice){.off = off, .len = len, .text_off = splices->text_len};
    return &splices->items[at];
}

void
splice_text(struct splices *splices, struct splice *splice, struct str text)
{
    CHECK(text.len <= sizeof(splices->text) - splices->text_len);
    memcpy(splices->text + splices->text_len, text.ptr, text.len);
    splices->text_len = (uint16_t)(splices->text_len + text.len);
    splice->text_len = (uint16_t)(splice->text_len + text.len);
}

void
splice_number(struct splices *splices, struct splice *splice, uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
    splice_text(splices, splice, str_make(digits, (size_t)len));
}

void
splice_name(struct splices *splices, struct splice *splice, struct str name)
{
    splice_text(splices, splice, STR_LIT("\""));
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        char escape[8] = {name.ptr[i], '\0'};
        if (c == '"' || c == '\\')
            snprintf(escape, sizeof(escape), "\\%c", c);
        else if (c < 0x20)
            snprintf(escape, sizeof(escape), "\\u%04x", c);
        struct str text = str_from(escape);
        if (text.len + 1 > (size_t)SPLICE_NAME_BYTES - splice->text_len)
            break;
        splice_text(splices, splice, text);
    }
    splice_text(splices, splice, STR_LIT("\""));
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Where the name of the member stands whose value begins at `value`: back over
 * the colon, to the quote that begins it. The text was read: all of it is there. */
static uint32_t
member_start(struct str body, uint32_t value)
{
    uint32_t at = value;
    while (body.ptr[--at] != ':')
        continue;
    while (body.ptr[--at] != '"')
        continue;
    while (body.ptr[--at] != '"') /* none of the names has one inside */
        continue;
    return at;
}

/* Returns where the part that is taken out ends. */
static uint32_t
drop_member(struct splices *splices, struct str body, struct span32 value,
            uint32_t dropped_end)
{
    uint32_t start = member_start(body, value.off), before = start;
    uint32_t end = value.off + value.len;
    while (before > 0 && is_blank(body.ptr[before - 1]))
        before--;
    if (before > dropped_end && body.ptr[before - 1] == ',') {
        start = before - 1;
    } else {
        uint32_t behind = end;
        while (behind < body.len && is_blank(body.ptr[behind]))
            behind++;
        if (behind < body.len && body.ptr[behind] == ',')
            end = behind + 1;
    }
    splice_add(splices, start, end - start);
    return end;
}

void
splice_drop_members(struct splices *splices, struct str body, struct span32 one,
                    struct span32 other)
{
    uint32_t dropped_end = 0;
    if (one.off > other.off) {
        struct span32 swapped = one;
        one = other;
        other = swapped;
    }
    if (one.len > 0)
        dropped_end = drop_member(splices, body, one, 0);
    if (other.len > 0)
        drop_member(splices, body, other, dropped_end);
}

bool
splice_object_is_empty(struct str body, struct span32 object)
{
    struct json_reader reader;
    struct json_token token;
    json_reader_init(&reader, str_make(body.ptr + object.off, object.len));
    json_next(&reader, &token);
    return json_next(&reader, &token) == JSON_OBJECT_END;
}
