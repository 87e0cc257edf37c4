/*
 * canon_vector.c - see canon_vector.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/canon_vector.h"

#include <stdlib.h>
#include <string.h>

#include "common/json_scan.h"
#include "worker/dialect/canon.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct base64_out {
    struct buf *out;
    uint32_t bits;
    unsigned count; /* bytes in `bits` */
};

static void
put_group(struct base64_out *to)
{
    uint32_t bits = to->bits << 8 * (3 - to->count);
    char group[4];
    for (unsigned i = 0; i < 4; i++)
        group[i] = i <= to->count ? alphabet[bits >> (18 - 6 * i) & 63] : '=';
    buf_append(to->out, group, sizeof(group));
    to->bits = 0;
    to->count = 0;
}

static void
put_float(struct base64_out *to, float number)
{
    uint32_t word;
    memcpy(&word, &number, sizeof(word));
    for (unsigned i = 0; i < 4; i++) {
        to->bits = to->bits << 8 | (word >> 8 * i & 0xff);
        if (++to->count == 3)
            put_group(to);
    }
}

void
canon_vector_base64(struct buf *out, struct str value)
{
    struct base64_out to = {.out = out};
    struct json_reader reader;
    struct json_token token;
    if (!json_list_begin(&reader, value)) {
        buf_append_str(out, value);
        return;
    }
    buf_append_char(out, '"');
    while (json_next(&reader, &token) == JSON_NUMBER) {
        /* Behind a number stands a comma or a bracket, which ends it. */
        put_float(&to, strtof(token.span.ptr, NULL));
    }
    if (to.count > 0)
        put_group(&to);
    buf_append_char(out, '"');
}

/* 0..63; 64 for what is none. */
static unsigned
digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

/* JSON knows no infinity and no NaN. */
static void
put_number(struct buf *out, uint32_t word, bool *comma)
{
    float number;
    memcpy(&number, &word, sizeof(number));
    if (*comma)
        buf_append_char(out, ',');
    *comma = true;
    if (number - number != 0)
        buf_append_char(out, '0');
    else
        buf_printf(out, "%.9g", (double)number);
}

void
canon_vector_list(struct buf *out, struct str value)
{
    bool is_string, comma = false;
    struct str text = canon_inside(value, &is_string);
    uint32_t bits = 0, word = 0;
    unsigned have = 0, bytes = 0;
    if (!is_string) {
        buf_append_str(out, value);
        return;
    }
    buf_append_char(out, '[');
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = digit_of(text.ptr[i]); /* "\/" is one as well */
        if (digit == 64)
            continue;
        bits = (bits << 6 | digit) & 0xffff;
        have += 6;
        if (have < 8)
            continue;
        have -= 8;
        word |= (bits >> have & 0xff) << 8 * bytes;
        if (++bytes < 4)
            continue;
        put_number(out, word, &comma);
        word = 0;
        bytes = 0;
    }
    buf_append_char(out, ']');
}
