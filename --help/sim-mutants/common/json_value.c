/*
 * json_value.c - what is inside the spans of json_scan.h: strings, numbers,
 * members by path.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/json_scan.h"

#include <errno.h>
#include <limits.h>

#include "common/json_lex.h"

static size_t
put_utf8(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* Code point of the \u escape at *p (at the `u`); -1 when it is none. */
static int32_t
take_unicode(const char **p, const char *end)
{
    if (end - *p < 5)
        return -1;
    int high = json_lex_hex4(*p + 1);
    if (high < 0)
        return -1;
    *p += 5;
    if (high < 0xd800 || high > 0xdfff)
        return high;
    if (high < 0xdc00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
        int low = json_lex_hex4(*p + 2);
        if (low >= 0xdc00 && low <= 0xdfff) {
            *p += 6;
            return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    return 0xfffd; /* half of a pair */
}

/*
 * Decodes the escape at *p (at the backslash) into out, 1 to 4 bytes. 0 when it
 * is none: a tap has not looked into its strings.
 */
static size_t
take_escape(const char **p, const char *end, char out[4])
{
    if (end - *p < 2)
        return 0;
    const char *at = *p + 1;
    switch (*at) {
    case '"':
    case '\\':
    case '/':
        out[0] = *at;
        break;
    case 'b':
        out[0] = '\b';
        break;
    case 'f':
        out[0] = '\f';
        break;
    case 'n':
        out[0] = '\n';
        break;
    case 'r':
        out[0] = '\r';
        break;
    case 't':
        out[0] = '\t';
        break;
    case 'u': {
        int32_t c = take_unicode(&at, end);
        *p = at;
        return c < 0 ? 0 : put_utf8((uint32_t)c, out);
    }
    default:
        return 0;
    }
    *p = at + 1;
    return 1;
}

/* The bytes between the quotes; false when there are no quotes. */
static bool
string_content(struct str span, const char **p, const char **end)
{
    if (span.len < 2 || span.ptr[0] != '"' || span.ptr[span.len - 1] != '"')
        return false;
    *p = span.ptr + 1;
    *end = span.ptr + span.len - 1;
    return true;
}

bool
json_string_equals(struct str span, struct str plain)
{
    const char *p, *end;
    if (!string_content(span, &p, &end))
        return false;
    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        struct str run = {p, (size_t)((slash != NULL ? slash : end) - p)};
        if (!str_starts_with(plain, run))
            return false;
        plain = str_skip(plain, run.len);
        p = run.ptr + run.len;
        if (slash == NULL)
            break;
        char decoded[4];
        size_t n = take_escape(&p, end, decoded);
        if (n == 0 || !str_starts_with(plain, str_make(decoded, n)))
            return false;
        plain = str_skip(plain, n);
    }
    return plain.len == 0;
}

int
json_text_decode(struct str inside, char *out, size_t out_size)
{
    const char *p = inside.ptr, *end = inside.ptr + inside.len;
    size_t len = 0;
    while (p < end) {
        char decoded[4];
        const char *from = decoded;
        size_t n;
        if (*p == '\\') {
            n = take_escape(&p, end, decoded);
            if (n == 0)
                return -EINVAL;
        } else {
            const char *slash = memchr(p, '\\', (size_t)(end - p));
            from = p;
            n = (size_t)((slash != NULL ? slash : end) - p);
            p += n;
        }
        if (n > out_size - len || len + n > INT_MAX)
            return -EMSGSIZE;
        memcpy(out + len, from, n);
        len += n;
    }
    if (len < out_size)
        out[len] = '\0';
    return (int)len;
}

size_t
json_text_decode_cut(struct str inside, char *out, size_t out_size)
{
    const char *p = inside.ptr, *end = inside.ptr + inside.len;
    size_t len = 0, room = out_size - 1;
    while (p < end) {
        char decoded[4];
        struct str run = {decoded, 0};
        if (*p == '\\') {
            run.len = take_escape(&p, end, decoded);
            if (run.len == 0)
                break;
        } else {
            const char *slash = memchr(p, '\\', (size_t)(end - p));
            run = str_make(p, (size_t)((slash != NULL ? slash : end) - p));
            p += run.len;
        }
        struct str fits = str_cut(run, room - len);
        memcpy(out + len, fits.ptr, fits.len);
        len += fits.len;
        if (fits.len < run.len)
            break;
    }
    out[len] = '\0';
    return len;
}

int
json_string_decode(struct str span, char *out, size_t out_size)
{
    const char *p, *end;
    if (!string_content(span, &p, &end))
        return -EINVAL;
    return json_text_decode(str_make(p, (size_t)(end - p)), out, out_size);
}

/*
 * A number's digits without point and leading zeros, and how many of them
 * stand before the point once the exponent is applied.
 */
struct decimal {
    struct str integer, fraction;
    int64_t exponent;
};

static bool
decimal_split(struct str text, struct decimal *decimal)
{
    enum { EXPONENT_MAX = 1000000 }; /* far beyond any answer but 0 or range */
    const char *p = text.ptr, *end = text.ptr + text.len;
    const char *start = p;
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    decimal->integer = str_make(start, (size_t)(p - start));
    decimal->fraction = str_make(p, 0);
    decimal->exponent = 0;
    if (p < end && *p == '.') {
        start = ++p;
        while (p < end && *p >= '0' && *p <= '9')
            p++;
        decimal->fraction = str_make(start, (size_t)(p - start));
        if (decimal->fraction.len == 0)
            return false;
    }
    if (p < end && (*p | 0x20) == 'e') {
        bool minus = ++p < end && *p == '-';
        if (p < end && (*p == '-' || *p == '+'))
            p++;
        if (p == end)
            return false;
        for (; p < end && *p >= '0' && *p <= '9'; p++)
            if (decimal->exponent < EXPONENT_MAX)
                decimal->exponent = decimal->exponent * 10 + (*p - '0');
        if (minus)
            decimal->exponent = -decimal->exponent;
    }
    return p == end && decimal->integer.len > 0;
}

static char
decimal_digit(const struct decimal *decimal, size_t i)
{
    return i < decimal->integer.len
               ? decimal->integer.ptr[i]
               : decimal->fraction.ptr[i - decimal->integer.len];
}

/* What nearly all are: some digits, and no more than surely fit. */
static bool
plain_number(struct str span, uint64_t *out)
{
    enum { DIGITS_MAX = 15 };
    uint64_t value = 0;
    if (span.len == 0 || span.len > DIGITS_MAX)
        return false;
    for (size_t i = 0; i < span.len; i++) {
        unsigned digit = (unsigned char)span.ptr[i] - (unsigned)'0';
        if (digit > 9)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

int
json_number_u64(struct str span, uint64_t *out)
{
    static const uint64_t limit = UINT64_C(1) << 53;
    struct decimal decimal;
    if (plain_number(span, out))
        return 0;
    *out = 0;
    if (str_equals(span, STR_LIT("null")))
        return -ENOENT;
    bool minus = span.len > 0 && span.ptr[0] == '-';
    if (!decimal_split(str_skip(span, minus), &decimal))
        return -EINVAL;
    size_t digits = decimal.integer.len + decimal.fraction.len, i = 0;
    while (i < digits && decimal_digit(&decimal, i) == '0')
        i++;
    if (i == digits)
        return 0; /* zero, whatever its sign and exponent */
    if (minus)
        return -ERANGE;
    int64_t before_point = (int64_t)decimal.integer.len + decimal.exponent;
    uint64_t value = 0;
    for (; (int64_t)i < before_point; i++) {
        unsigned digit =
            i < digits ? (unsigned)(decimal_digit(&decimal, i) - '0') : 0;
        value = value * 10 + digit;
        if (value > limit) {
            *out = limit;
            return -ERANGE;
        }
    }
    *out = value;
    return 0;
}

/* The last member of `object` named `name`; false when there is none. */
static bool
find_member(struct str object, struct str name, struct str *value)
{
    struct json_reader reader;
    struct json_token token;
    struct str key, span;
    enum json_type type;
    bool found = false;
    json_reader_init(&reader, object);
    if (json_next(&reader, &token) != JSON_OBJECT)
        return false;
    while ((type = json_member(&reader, &key, &span)) > JSON_BAD &&
           type != JSON_OBJECT_END)
        if (json_key_find(key, &name, 1) == 0) {
            *value = span;
            found = true;
        }
    return found && type == JSON_OBJECT_END;
}

bool
json_find(struct str object, const char *path, struct str *value)
{
    struct str here = object;
    for (;;) {
        const char *dot = strchr(path, '.');
        struct str name =
            dot == NULL ? str_from(path) : str_make(path, (size_t)(dot - path));
        if (!find_member(here, name, &here))
            return false;
        if (dot == NULL)
            break;
        path = dot + 1;
    }
    *value = here;
    return true;
}

bool
json_is(struct str text, enum json_type first)
{
    struct json_reader reader;
    struct json_token token;
    json_reader_init(&reader, text);
    enum json_type type = json_next(&reader, &token);
    if (type != first)
        return false;
    while (type > JSON_BAD)
        type = json_next(&reader, &token);
    return type == JSON_END;
}
