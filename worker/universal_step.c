/*
 * universal_step.c - see universal_step.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/universal_step.h"

#include <stdio.h>
#include <string.h>

#include "common/json_scan.h"
#include "worker/error_reply.h"

static int
refuse_body(struct fault *fault, const char *why)
{
    fault_set(fault, 400, "invalid_request_error", "invalid_json", NULL,
              "the body must be a list of 1 to %d objects with the strings "
              "`provider` and `endpoint` and the object `query`: %s",
              UNIVERSAL_STEPS_MAX, why);
    fault->no_retry = true;
    return -1;
}

static int
refuse_headers(struct fault *fault, const char *why)
{
    fault_set(fault, 400, "invalid_request_error", "invalid_value", "headers",
              "the `headers` of a call must be an object of at most %d strings "
              "and %d bytes: %s",
              UNIVERSAL_FIELDS_MAX, UNIVERSAL_FIELDS_BYTES, why);
    fault->no_retry = true;
    return -1;
}

/* ---- a step's fields ---- */

/* Of a step, in the order in which they stand. */
struct fields {
    unsigned count;
    struct http_field items[UNIVERSAL_FIELDS_MAX];
};

static bool
has_field(const struct fields *fields, struct str name)
{
    for (unsigned i = 0; i < fields->count; i++)
        if (str_equals_nocase(fields->items[i].name, name))
            return true;
    return false;
}

/* There is room for all that is decoded: it is no longer than what it is decoded
 * from. */
static int
decode(struct buf *texts, struct str string, struct str *out)
{
    char *to = texts->data + texts->end;
    int len = json_string_decode(string, to, texts->cap - texts->end);
    if (len < 0)
        return -1;
    texts->end += (size_t)len;
    *out = str_trim(str_make(to, (size_t)len));
    return 0;
}

static int
take_field(struct fields *fields, struct buf *texts, struct str key,
           struct str value, struct fault *fault)
{
    struct http_field field;
    if (fields->count == UNIVERSAL_FIELDS_MAX)
        return refuse_headers(fault, "there are more");
    if (decode(texts, key, &field.name) < 0 ||
        decode(texts, value, &field.value) < 0 ||
        !http_field_is_valid(field.name, field.value))
        return refuse_headers(fault, "one of them is no field of a head");
    field.which = http_name_of(field.name);
    if (has_field(fields, field.name))
        return refuse_headers(fault, "one name stands twice");
    fields->items[fields->count++] = field;
    return 0;
}

/* `headers` empty: none. */
static int
read_fields(struct str headers, struct fields *fields, struct buf *texts,
            struct fault *fault)
{
    struct json_reader reader;
    struct json_token token;
    struct str key, value;
    enum json_type type;
    fields->count = 0;
    buf_reset(texts);
    if (headers.len == 0)
        return 0;
    if (headers.len > UNIVERSAL_FIELDS_BYTES)
        return refuse_headers(fault, "there is more");
    if (buf_reserve(texts, headers.len) < 0) {
        fault_set_overloaded(fault, "out of memory");
        return -1;
    }
    json_reader_init(&reader, headers);
    if (json_next(&reader, &token) != JSON_OBJECT)
        return refuse_headers(fault, "it is something else");
    while ((type = json_member(&reader, &key, &value)) != JSON_OBJECT_END) {
        if (type == JSON_NULL)
            continue;
        if (type != JSON_STRING)
            return refuse_headers(fault, "a value is something else");
        if (take_field(fields, texts, key, value, fault) < 0)
            return -1;
    }
    return 0;
}

int
universal_step_head(struct str headers, const struct http_head *client,
                    struct http_head *out, struct buf *texts,
                    struct fault *fault)
{
    struct fields fields;
    if (read_fields(headers, &fields, texts, fault) < 0)
        return -1;
    memcpy(out, client, offsetof(struct http_head, fields));
    out->field_count = 0;
    for (unsigned i = 0; i < fields.count; i++)
        if (!http_field_is_hop_by_hop(client, fields.items[i].name))
            out->fields[out->field_count++] = fields.items[i];
    for (unsigned i = 0; i < client->field_count; i++) {
        const struct http_field *field = &client->fields[i];
        if (http_field_is_hop_by_hop(client, field->name) ||
            has_field(&fields, field->name))
            continue;
        if (out->field_count == HTTP_FIELDS_MAX)
            return refuse_headers(fault, "with those of the request there are "
                                         "more than 100");
        out->fields[out->field_count++] = *field;
    }
    out->names_fields = false; /* they are left out */
    return 0;
}

/* ---- steps ---- */

/* What the reading of one step needs beside it. */
struct reading {
    struct str body;
    struct buf *texts;
    struct fault *fault;
    char provider[UNIVERSAL_NAME_BYTES], endpoint[UNIVERSAL_NAME_BYTES];
};

static struct span32
span_of(const struct reading *reading, struct str value)
{
    return (struct span32){.off = (uint32_t)(value.ptr - reading->body.ptr),
                           .len = (uint32_t)value.len};
}

static int
take_name(struct reading *reading, struct str value, char *out)
{
    int len = json_string_decode(value, out, UNIVERSAL_NAME_BYTES);
    if (len <= 0 || len >= UNIVERSAL_NAME_BYTES)
        return refuse_body(reading->fault,
                           "a name is no string, empty or long");
    return 0;
}

static int
take_member(struct reading *reading, struct universal_step *step,
            struct str key, struct str value)
{
    struct fields fields;
    if (json_string_equals(key, STR_LIT("provider")))
        return take_name(reading, value, reading->provider);
    if (json_string_equals(key, STR_LIT("endpoint")))
        return take_name(reading, value, reading->endpoint);
    if (json_string_equals(key, STR_LIT("query"))) {
        step->query = span_of(reading, value);
    } else if (json_string_equals(key, STR_LIT("headers"))) {
        step->headers = span_of(reading, value);
        return read_fields(value, &fields, reading->texts, reading->fault);
    } else if (json_string_equals(key, STR_LIT("config"))) {
        return attempt_policy_read(value, &step->policy, reading->fault);
    }
    return 0;
}

/* The reader stands behind the brace of one. */
static int
read_step(struct json_reader *reader, struct reading *reading,
          struct universal_step *step)
{
    struct str key, value;
    enum json_type type;
    *step = (struct universal_step){.query = {0, 0}};
    reading->provider[0] = reading->endpoint[0] = '\0';
    while ((type = json_member(reader, &key, &value)) != JSON_OBJECT_END) {
        if (type == JSON_BAD)
            return refuse_body(reading->fault, "it is no JSON");
        bool is_query = json_string_equals(key, STR_LIT("query"));
        if (is_query && type != JSON_OBJECT)
            return refuse_body(reading->fault, "a `query` is no object");
        if (type != JSON_NULL && take_member(reading, step, key, value) < 0)
            return -1;
    }
    struct str name = str_from(reading->provider);
    struct str rest = str_from(reading->endpoint);
    if (step->query.len == 0 || name.len == 0 || rest.len == 0 ||
        memchr(name.ptr, '/', name.len) != NULL)
        return refuse_body(reading->fault, "a part is missing");
    snprintf(step->path, sizeof(step->path), "/v1/a/g/%.*s/%.*s",
             UNIVERSAL_NAME_BYTES, reading->provider, UNIVERSAL_NAME_BYTES - 16,
             reading->endpoint);
    return 0;
}

static int
read_list(struct reading *reading, struct universal_step *steps)
{
    struct json_reader reader;
    struct json_token token;
    int count = 0;
    json_reader_init(&reader, reading->body);
    enum json_type type = json_next(&reader, &token);
    bool is_list = type == JSON_ARRAY;
    if (is_list)
        type = json_next(&reader, &token);
    for (; type == JSON_OBJECT; type = json_next(&reader, &token)) {
        if (count == UNIVERSAL_STEPS_MAX)
            return refuse_body(reading->fault, "there are more");
        if (read_step(&reader, reading, &steps[count]) < 0)
            return -1;
        count++;
        if (!is_list)
            break;
    }
    if (is_list && type == JSON_ARRAY_END)
        type = json_next(&reader, &token);
    else if (!is_list && count == 1)
        type = json_next(&reader, &token);
    if (type != JSON_END || count == 0)
        return refuse_body(reading->fault, "it is something else");
    return count;
}

int
universal_read_steps(struct str body,
                     struct universal_step steps[UNIVERSAL_STEPS_MAX],
                     struct fault *fault)
{
    struct buf texts;
    struct reading reading = {.body = body, .texts = &texts, .fault = fault};
    buf_init(&texts, 0);
    int count = read_list(&reading, steps);
    buf_fini(&texts);
    return count;
}
