/*
 * openai_write_part.c - what the messages of a provider's chat request are made
 * of: texts, media, tool ids.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/hash.h"
#include "worker/dialect/openai_write.h"
#include "worker/dialect/scan.h"

/* The longest id of a tool call that OpenAI takes. */
enum { TOOL_ID_MOST = 40 };

/* ---- tool ids ---- */

static bool
is_alphanumeric(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9')))
            return false;
    }
    return true;
}

/* An id that does not suit becomes a mark of it: the same in each turn. */
void
openai_write_tool_id(struct openai_writing *writing, struct str id)
{
    static const uint8_t key[16] = {0};
    static const char letters[] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    bool nine = (writing->quirks & QUIRK_TOOL_ID_9) != 0;
    bool suits =
        nine ? id.len == 9 && is_alphanumeric(id) : id.len <= TOOL_ID_MOST;
    if (suits) {
        json_inside(&writing->json, id);
        return;
    }
    char made[24] = "call_";
    size_t len = nine ? 0 : 5, end = nine ? 9 : 16;
    uint64_t mark = hash_siphash(key, id.ptr, id.len);
    for (; len < end; len++, mark /= 62)
        made[len] = letters[mark % 62];
    json_inside(&writing->json, str_make(made, len));
}

/* ---- texts ---- */

bool
openai_is_text(const struct canon_part *part)
{
    return part->kind == CANON_TEXT || part->kind == CANON_REFUSAL ||
           (part->kind == CANON_FILE && part->source == CANON_PLAIN_TEXT);
}

static struct str
text_of(const struct canon_part *part)
{
    return part->kind == CANON_FILE ? part->data : part->text;
}

uint32_t
openai_part_next(const struct canon_request *request, uint32_t at)
{
    const struct canon_part *part = &request->parts[at];
    return at + 1 + (part->kind == CANON_TOOL_RESULT ? part->children : 0);
}

void
openai_write_texts(struct openai_writing *writing, uint32_t from, uint32_t to,
                   const char *prefix)
{
    const struct canon_request *request = writing->request;
    struct buf *out = writing->json.out;
    bool first = true;
    json_raw(&writing->json, STR_LIT("\""));
    buf_append_cstr(out, prefix);
    for (uint32_t i = from; i < to; i = openai_part_next(request, i)) {
        const struct canon_part *part = &request->parts[i];
        if (!openai_is_text(part) || text_of(part).len == 0)
            continue;
        if (!first)
            buf_append_str(out, STR_LIT("\\n\\n"));
        first = false;
        buf_append_str(out, text_of(part));
    }
    buf_append_char(out, '"');
}

/* ---- parts of a list ---- */

static int
refuse(struct openai_writing *writing, const char *what)
{
    return scan_refuse(writing->fault, "unsupported_content", "messages",
                       "%s cannot be carried to the chat API that serves this "
                       "model.",
                       what);
}

static void
part_begin(struct json_writer *json, const char *type)
{
    json_object_begin(json);
    json_key(json, "type");
    json_inside(json, str_from(type));
}

static void
write_data_url(struct json_writer *json, struct str media_type, struct str data)
{
    json_raw(json, STR_LIT("\"data:"));
    buf_append_str(json->out, media_type);
    buf_append_str(json->out, STR_LIT(";base64,"));
    buf_append_str(json->out, data);
    buf_append_char(json->out, '"');
}

static int
write_image(struct openai_writing *writing, const struct canon_part *part)
{
    struct json_writer *json = &writing->json;
    if (part->source == CANON_FILE_ID)
        return refuse(writing, "An image by the id of a file");
    part_begin(json, "image_url");
    json_key(json, "image_url");
    json_object_begin(json);
    json_key(json, "url");
    if (part->source == CANON_BASE64)
        write_data_url(json, part->media_type, part->data);
    else
        json_inside(json, part->data);
    if (part->detail.len > 0) {
        json_key(json, "detail");
        json_inside(json, part->detail);
    }
    json_object_end(json);
    return 0;
}

/* "audio/wav" is wav; MP3 has two names. */
static int
write_audio(struct openai_writing *writing, const struct canon_part *part)
{
    static const struct str type = {"audio/", 6};
    struct json_writer *json = &writing->json;
    struct str format = part->media_type;
    if (part->source != CANON_BASE64)
        return refuse(writing, "Audio by a link");
    if (str_starts_with(format, type))
        format = str_skip(format, type.len);
    if (str_equals(format, STR_LIT("mpeg")))
        format = STR_LIT("mp3");
    part_begin(json, "input_audio");
    json_key(json, "input_audio");
    json_object_begin(json);
    json_key(json, "data");
    json_inside(json, part->data);
    json_key(json, "format");
    json_inside(json, format);
    json_object_end(json);
    return 0;
}

static int
write_file(struct openai_writing *writing, const struct canon_part *part)
{
    struct json_writer *json = &writing->json;
    if (part->source == CANON_URL &&
        (writing->quirks & QUIRK_REASONING_OBJECT) == 0)
        return refuse(writing, "A file by a link");
    part_begin(json, "file");
    json_key(json, "file");
    json_object_begin(json);
    if (part->source == CANON_FILE_ID) {
        json_key(json, "file_id");
        json_inside(json, part->data);
    } else {
        json_key(json, "filename");
        json_inside(json,
                    part->name.len > 0 ? part->name : STR_LIT("file.pdf"));
        json_key(json, "file_data");
        if (part->source == CANON_URL)
            json_inside(json, part->data);
        else
            write_data_url(json, part->media_type, part->data);
    }
    json_object_end(json);
    return 0;
}

static void
write_text(struct openai_writing *writing, const struct canon_part *part)
{
    part_begin(&writing->json, "text");
    json_key(&writing->json, "text");
    json_inside(&writing->json, text_of(part));
}

/* 1 written, 0 nothing to write, -1 refused. */
static int
write_part(struct openai_writing *writing, const struct canon_part *part)
{
    int rc = 0;
    if (openai_is_text(part)) {
        if (text_of(part).len == 0)
            return 0;
        write_text(writing, part);
    } else if (part->kind == CANON_IMAGE) {
        rc = write_image(writing, part);
    } else if (part->kind == CANON_AUDIO) {
        rc = write_audio(writing, part);
    } else if (part->kind == CANON_FILE) {
        rc = write_file(writing, part);
    } else {
        return 0; /* results stand apart; a user has no thoughts or calls */
    }
    if (rc != 0)
        return -1;
    if (part->cache_control.len > 0 &&
        (writing->quirks & QUIRK_CACHE_CONTROL) != 0) {
        json_key(&writing->json, "cache_control");
        json_raw(&writing->json, part->cache_control);
    }
    json_object_end(&writing->json);
    return 1;
}

int
openai_write_content(struct openai_writing *writing, uint32_t from, uint32_t to)
{
    const struct canon_request *request = writing->request;
    bool keeps_cache = (writing->quirks & QUIRK_CACHE_CONTROL) != 0;
    bool is_plain = true;
    for (uint32_t i = from; i < to; i = openai_part_next(request, i)) {
        const struct canon_part *part = &request->parts[i];
        if (part->kind == CANON_TOOL_RESULT)
            continue;
        is_plain = is_plain && openai_is_text(part) &&
                   !(keeps_cache && part->cache_control.len > 0);
    }
    if (is_plain) {
        openai_write_texts(writing, from, to, "");
        return 0;
    }
    json_array_begin(&writing->json);
    for (uint32_t i = from; i < to; i = openai_part_next(request, i))
        if (write_part(writing, &request->parts[i]) < 0)
            return -1;
    json_array_end(&writing->json);
    return 0;
}

int
openai_write_pictures(struct openai_writing *writing, uint32_t from,
                      uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        const struct canon_part *part = &writing->request->parts[i];
        if (!openai_is_text(part) && write_part(writing, part) < 0)
            return -1;
    }
    return 0;
}
