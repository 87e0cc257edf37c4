/*
 * request_tags.c - see request_tags.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/request_tags.h"

#include "common/json_scan.h"
#include "common/json_write.h"

/* Whether a field is such an object from its first byte to its last. */
static bool
is_usable(struct str text)
{
    struct json_reader reader;
    struct json_token token;
    struct str key, value;
    enum json_type type;
    json_reader_init(&reader, text);
    if (json_next(&reader, &token) != JSON_OBJECT)
        return false;
    while ((type = json_member(&reader, &key, &value)) != JSON_OBJECT_END)
        if (type != JSON_STRING && type != JSON_NUMBER && type != JSON_TRUE &&
            type != JSON_FALSE)
            return false;
    return json_next(&reader, &token) == JSON_END;
}

static struct str
part(const struct request_tags *tags, uint16_t off, uint16_t len)
{
    return str_make(tags->text + off, len);
}

/* Decodes a string, or copies a number or a word, behind what `text` holds. Its
 * length, or -1: no room. */
static int
put(struct request_tags *tags, uint16_t off, struct str raw)
{
    size_t room = TAGS_TEXT_BYTES - off;
    if (raw.ptr[0] == '"') {
        int len = json_string_decode(raw, tags->text + off, room);
        return len >= 0 && (size_t)len < room ? len : -1;
    }
    if (raw.len > room)
        return -1;
    memcpy(tags->text + off, raw.ptr, raw.len);
    return (int)raw.len;
}

static struct request_tag *
find(const struct request_tags *tags, struct str key)
{
    for (unsigned i = 0; i < tags->count; i++) {
        const struct request_tag *tag = &tags->items[i];
        if (str_equals(part(tags, tag->key_off, tag->key_len), key))
            return (struct request_tag *)(uintptr_t)tag;
    }
    return NULL;
}

/* One entry, or nothing of it. */
static void
add(struct request_tags *tags, struct str raw_key, struct str raw_value)
{
    uint16_t key_off = tags->text_len;
    int key_len = put(tags, key_off, raw_key);
    if (key_len <= 0)
        return;
    uint16_t value_off = (uint16_t)(key_off + key_len);
    int value_len = put(tags, value_off, raw_value);
    struct str key = part(tags, key_off, (uint16_t)key_len);
    if (value_len < 0 || str_starts_with(key, STR_LIT("cf.")))
        return;
    struct request_tag *tag = find(tags, key);
    if (tag == NULL) {
        if (tags->count == TAGS_MAX)
            return;
        tag = &tags->items[tags->count++];
        tag->key_off = key_off;
        tag->key_len = (uint16_t)key_len;
    }
    tag->value_off = value_off;
    tag->value_len = (uint16_t)value_len;
    tag->is_text = raw_value.ptr[0] == '"';
    tags->text_len = (uint16_t)(value_off + value_len);
}

/* All entries as one object; those that do not fit are no entries. */
static void
write_json(struct request_tags *tags, struct buf *out)
{
    struct json_writer json;
    unsigned kept = 0;
    buf_reset(out);
    json_writer_init(&json, out);
    json_object_begin(&json);
    for (unsigned i = 0; i < tags->count; i++) {
        struct request_tag tag = tags->items[i];
        struct json_writer before = json;
        size_t end = out->end;
        struct str value = part(tags, tag.value_off, tag.value_len);
        json_key_str(&json, part(tags, tag.key_off, tag.key_len));
        if (tag.is_text)
            json_string(&json, value);
        else
            json_raw(&json, value);
        if (buf_ok(out) && buf_len(out) < TAGS_JSON_BYTES) {
            tags->items[kept++] = tag;
        } else {
            json = before;
            out->end = end;
        }
    }
    json_object_end(&json);
    tags->count = buf_ok(out) ? (uint8_t)kept : 0;
    tags->json_len = tags->count > 0 ? (uint16_t)buf_len(out) : 0;
    if (tags->json_len > 0)
        memcpy(tags->json, buf_ptr(out), tags->json_len);
}

void
request_tags_add(struct request_tags *tags, struct str value, unsigned most,
                 struct buf *scratch)
{
    struct json_reader reader;
    struct json_token token;
    struct str key, raw;
    if (!is_usable(value))
        return;
    json_reader_init(&reader, value);
    json_next(&reader, &token);
    for (unsigned i = 0;
         i < most && json_member(&reader, &key, &raw) != JSON_OBJECT_END; i++)
        add(tags, key, raw);
    write_json(tags, scratch);
}

struct str
request_tags_find(const struct request_tags *tags, struct str key)
{
    const struct request_tag *tag = find(tags, key);
    return tag == NULL ? (struct str){NULL, 0}
                       : part(tags, tag->value_off, tag->value_len);
}
