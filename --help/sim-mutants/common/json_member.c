/*
 * json_member.c - whole values, and the members of objects: one at a time, or
 * all that are wanted by their names. This is how bodies and events are read,
 * so it is kept quick.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/json_reader.h"

/*
 * p stands in a container, an object or a list. Returns the byte behind its end,
 * or NULL and *fault. Brackets must match and strings must be good; what stands
 * between them is not looked at. A bit tells what each level is; the container
 * is the first of levels_max.
 */
static const char *
pass_container(const char *p, const char *end, bool in_object,
               uint32_t levels_max, const char **fault)
{
    uint64_t kinds[JSON_MAX_DEPTH / 64 + 1] = {in_object};
    uint32_t levels = 1;
    size_t surplus;
    while (levels > 0) {
        p = *fault = json_lex_structure_run(p, end);
        if (p == end)
            return NULL;
        char c = *p++;
        if (c == '"') {
            p = json_lex_short_string(p, end, fault, &surplus);
            if (p == NULL)
                return NULL;
        } else if (c == '{' || c == '[') {
            if (levels == levels_max)
                return NULL;
            uint64_t bit = UINT64_C(1) << levels % 64;
            uint64_t *word = &kinds[levels / 64];
            *word = c == '{' ? *word | bit : *word & ~bit;
            levels++;
        } else {
            levels--;
            bool is_object = (kinds[levels / 64] >> levels % 64 & 1) != 0;
            if (c != (is_object ? '}' : ']'))
                return NULL;
        }
    }
    return p;
}

enum json_type
json_pass(struct json_reader *reader, enum json_type type, struct str *value)
{
    if (type != JSON_OBJECT && type != JSON_ARRAY)
        return type;
    const char *fault, *p = reader->text + reader->pos;
    p = pass_container(p, reader->text + reader->len, type == JSON_OBJECT,
                       JSON_MAX_DEPTH - reader->depth + 1, &fault);
    if (p == NULL)
        return json_reader_bad(reader, fault);
    reader->depth--;
    reader->pos = (size_t)(p - reader->text);
    json_reader_value_done(reader);
    value->len = (size_t)(p - value->ptr);
    return type;
}

enum json_type
json_skip_value(struct json_reader *reader, struct str *span)
{
    struct json_token token;
    enum json_type type = json_next(reader, &token);
    *span = token.span;
    return json_pass(reader, type, span);
}

/* ---- members ---- */

/*
 * One step in an object, p being where a member or its end may come: behind the
 * opening brace (`first`) or a value. The type of the value, and where it goes
 * on: behind the value; at a container's bracket; behind the object's end; at
 * the fault. *key and *value are for the first two only.
 */
struct step {
    enum json_type type;
    const char *at;
    struct str key, value;
};

__attribute__((always_inline)) static inline struct step
step_bad(const char *fault)
{
    return (struct step){.type = JSON_BAD, .at = fault};
}

/* A value begins at p. */
__attribute__((always_inline)) static inline struct step
step_value(const char *p, const char *end, struct str key)
{
    const char *fault = p, *after;
    enum json_type type = JSON_STRING;
    size_t surplus;
    if (*p == '"') {
        after = json_lex_short_string(p + 1, end, &fault, &surplus);
    } else if (*p == '{' || *p == '[') {
        type = *p == '{' ? JSON_OBJECT : JSON_ARRAY;
        return (struct step){type, p, key, {p, 1}};
    } else {
        type = JSON_NUMBER;
        after = *p == '0' ? p : json_lex_digits(p, end);
        if (after == p ||
            (after < end && (*after == '.' || (*after | 0x20) == 'e')))
            after = json_pass_scalar(p, end, &type, &fault);
    }
    if (after == NULL)
        return step_bad(fault);
    return (struct step){type, after, key, {p, (size_t)(after - p)}};
}

__attribute__((always_inline)) static inline struct step
step_member(const char *p, const char *end, bool first)
{
    const char *fault;
    size_t surplus;
    p = json_lex_space(p, end);
    if (p < end && *p == '}')
        return (struct step){.type = JSON_OBJECT_END, .at = p + 1};
    if (!first) {
        if (p == end || *p != ',')
            return step_bad(p);
        p = json_lex_space(p + 1, end);
    }
    if (p == end || *p != '"')
        return step_bad(p);
    const char *after = json_lex_short_string(p + 1, end, &fault, &surplus);
    if (after == NULL)
        return step_bad(fault);
    struct str key = {p, (size_t)(after - p)};
    p = json_lex_space(after, end);
    if (p == end || *p != ':' || (p = json_lex_space(p + 1, end)) == end)
        return step_bad(p);
    return step_value(p, end, key);
}

/* Moves the reader along. */
static inline enum json_type
take_step(struct json_reader *reader, struct step step, struct str *value)
{
    switch (step.type) {
    case JSON_BAD:
        return json_reader_bad(reader, step.at);
    case JSON_OBJECT:
    case JSON_ARRAY:
        return json_reader_open(reader, step.at, value);
    case JSON_OBJECT_END:
        return json_reader_close(reader, step.at - 1, value);
    default:
        *value = step.value;
        reader->pos = (size_t)(step.at - reader->text);
        reader->state = AT_COMMA_OR_END;
        return step.type;
    }
}

enum json_type
json_enter_member(struct json_reader *reader, struct str *key,
                  struct str *value)
{
    const char *p = reader->text + reader->pos,
               *end = reader->text + reader->len;
    bool first = reader->state == AT_KEY_OR_END;
    *key = *value = str_make(NULL, 0);
    if (!first &&
        (reader->state != AT_COMMA_OR_END || !json_reader_in_object(reader)))
        return json_reader_bad(reader, json_lex_space(p, end));
    struct step step = step_member(p, end, first);
    *key = step.key;
    return take_step(reader, step, value);
}

enum json_type
json_member(struct json_reader *reader, struct str *key, struct str *value)
{
    return json_pass(reader, json_enter_member(reader, key, value), value);
}

/* ---- elements of lists ---- */

enum json_type
json_enter_item(struct json_reader *reader, struct str *value)
{
    const char *p = reader->text + reader->pos,
               *end = reader->text + reader->len;
    bool first = reader->state == AT_ELEMENT_OR_END;
    *value = str_make(NULL, 0);
    p = json_lex_space(p, end);
    if (p == end || (!first && (reader->state != AT_COMMA_OR_END ||
                                json_reader_in_object(reader))))
        return json_reader_bad(reader, p);
    if (*p == ']')
        return json_reader_close(reader, p, value);
    if (!first) {
        if (*p != ',')
            return json_reader_bad(reader, p);
        p = json_lex_space(p + 1, end);
        if (p == end)
            return json_reader_bad(reader, p);
    }
    return take_step(reader, step_value(p, end, *value), value);
}

enum json_type
json_item(struct json_reader *reader, struct str *value)
{
    return json_pass(reader, json_enter_item(reader, value), value);
}

bool
json_list_begin(struct json_reader *reader, struct str list)
{
    struct json_token token;
    json_reader_init(reader, list);
    return json_next(reader, &token) == JSON_ARRAY;
}

bool
json_list_next(struct json_reader *reader, struct str *item)
{
    enum json_type type = json_item(reader, item);
    return type > JSON_BAD && type != JSON_ARRAY_END;
}

bool
json_list_object(struct json_reader *reader)
{
    struct str value;
    enum json_type type;
    while ((type = json_enter_item(reader, &value)) > JSON_BAD &&
           type != JSON_ARRAY_END && type != JSON_OBJECT)
        json_pass(reader, type, &value);
    return type == JSON_OBJECT;
}

/* ---- by name ---- */

static inline bool
same_8_bytes(const char *a, const char *b)
{
    uint64_t of_a, of_b;
    memcpy(&of_a, a, sizeof(of_a));
    memcpy(&of_b, b, sizeof(of_b));
    return of_a == of_b;
}

/* memcmp() == 0 of names, which are too short for a call. */
static inline bool
same_bytes(const char *a, const char *b, size_t len)
{
    size_t at = 0;
    if (len < 8) {
        while (at < len && a[at] == b[at])
            at++;
        return at == len;
    }
    for (; at + 8 < len; at += 8)
        if (!same_8_bytes(a + at, b + at))
            return false;
    return same_8_bytes(a + len - 8, b + len - 8);
}

/* No name is this one as it stands: one of its letters may be escaped. */
static NOINLINE unsigned
find_escaped(struct str key, const struct str *names, unsigned count)
{
    unsigned i = count;
    if (memchr(key.ptr, '\\', key.len) != NULL)
        for (i = 0; i < count && !json_string_equals(key, names[i]);)
            i++;
    return i;
}

unsigned
json_key_find(struct str key, const struct str *names, unsigned count)
{
    const char *plain = key.ptr + 1;
    size_t len = key.len - 2;
    for (unsigned i = 0; i < count; i++)
        if (names[i].len == len && *names[i].ptr == *plain &&
            same_bytes(names[i].ptr, plain, len))
            return i;
    return find_escaped(key, names, count);
}

struct names {
    const struct str *names;
    unsigned count, spellings;
};

/* The members from p on, behind an opening brace; levels_max containers may be
 * inside of each other. The last step: the object's end, or the fault. */
static struct step
take_members(const char *p, const char *end, uint32_t levels_max,
             const struct names *of, struct str *values)
{
    const char *fault;
    memset(values, 0, (of->count + 1) * sizeof(*values));
    for (bool first = true;; first = false) {
        struct step step = step_member(p, end, first);
        if (step.type == JSON_BAD || step.type == JSON_OBJECT_END)
            return step;
        p = step.at;
        if (step.type == JSON_OBJECT || step.type == JSON_ARRAY) {
            if (levels_max == 0)
                return step_bad(p);
            p = pass_container(p + 1, end, *p == '{', levels_max, &fault);
            if (p == NULL)
                return step_bad(fault);
            step.value.len = (size_t)(p - step.value.ptr);
        }
        unsigned which =
            json_key_find(step.key, of->names, of->count * of->spellings);
        if (of->spellings == 2)
            which /= 2;
        if (step.type != JSON_NULL)
            values[which] = step.value;
        else if (which < of->count)
            values[which] = str_make(NULL, 0);
    }
}

bool
json_members_spelt_here(struct json_reader *reader, const struct str *names,
                        unsigned count, unsigned spellings, struct str *values)
{
    const struct names of = {names, count, spellings};
    CHECK(reader->state == AT_KEY_OR_END);
    struct step last =
        take_members(reader->text + reader->pos, reader->text + reader->len,
                     JSON_MAX_DEPTH - reader->depth, &of, values);
    if (last.type == JSON_BAD) {
        json_reader_bad(reader, last.at);
        return false;
    }
    json_reader_close(reader, last.at - 1, &last.value);
    return true;
}

bool
json_members_spelt(struct str object, const struct str *names, unsigned count,
                   unsigned spellings, struct str *values)
{
    const struct names of = {names, count, spellings};
    const char *p = object.len > 0 ? object.ptr : "";
    const char *end = p + object.len;
    p = json_lex_space(p, end);
    if (p == end || *p != '{') {
        memset(values, 0, (count + 1) * sizeof(*values));
        return false;
    }
    struct step last =
        take_members(p + 1, end, JSON_MAX_DEPTH - 1, &of, values);
    return last.type == JSON_OBJECT_END && json_lex_space(last.at, end) == end;
}
