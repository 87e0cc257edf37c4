/*
 * responses_content.c - the content of a client's messages and outputs as
 * canonical parts.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/responses_part.h"

/* In a message: no more of a client's text than fits. */
enum { SHOWN_BYTES = 64 };

int
responses_refuse_type(struct responses_reading *reading, const char *what,
                      struct str type)
{
    type = responses_text(type);
    return responses_refuse(
        reading->fault, "input",
        "%s of type '%.*s' in 'input' cannot be carried to the provider of "
        "this model. Leave it out, or choose another model.",
        what, (int)(type.len < SHOWN_BYTES ? type.len : SHOWN_BYTES),
        type.len > 0 ? type.ptr : "");
}

enum part_member {
    PART_TYPE,
    PART_TEXT,
    PART_REFUSAL,
    PART_IMAGE_URL,
    PART_DETAIL,
    PART_FILE_ID,
    PART_FILE_DATA,
    PART_FILE_URL,
    PART_FILENAME,
    PART_INPUT_AUDIO,
    PART_MEMBERS
};
static const struct str part_names[PART_MEMBERS] = {
    STR_LIT("type"),        STR_LIT("text"),     STR_LIT("refusal"),
    STR_LIT("image_url"),   STR_LIT("detail"),   STR_LIT("file_id"),
    STR_LIT("file_data"),   STR_LIT("file_url"), STR_LIT("filename"),
    STR_LIT("input_audio"),
};

/* data:TYPE;base64,DATA (RFC 2397), or a URL as it is. */
static void
take_url(struct canon_part *part, struct str url)
{
    static const struct str mark = STR_LIT(";base64,");
    part->source = CANON_URL;
    part->data = url;
    if (!str_starts_with(url, STR_LIT("data:")))
        return;
    const char *comma = memchr(url.ptr, ',', url.len);
    if (comma == NULL)
        return;
    size_t head = (size_t)(comma + 1 - url.ptr);
    if (head < mark.len + 5 ||
        memcmp(comma + 1 - mark.len, mark.ptr, mark.len) != 0)
        return;
    struct str type = str_make(url.ptr + 5, head - mark.len - 5);
    const char *end = memchr(type.ptr, ';', type.len); /* ;charset= ... */
    if (end != NULL)
        type.len = (size_t)(end - type.ptr);
    part->source = CANON_BASE64;
    part->media_type = type;
    part->data = str_skip(url, head);
}

static int
take_image(struct responses_reading *reading, const struct str *values)
{
    struct str url = values[PART_IMAGE_URL], inner;
    if (url.len > 0 && *url.ptr == '{' && json_find(url, "url", &inner))
        url = inner; /* as chat completions have it */
    struct canon_part *part = canon_part_add(reading->request, CANON_IMAGE);
    part->detail = responses_text(values[PART_DETAIL]);
    url = responses_text(url);
    if (url.len > 0) {
        take_url(part, url);
        return 0;
    }
    part->source = CANON_FILE_ID;
    part->data = responses_text(values[PART_FILE_ID]);
    if (part->data.len > 0)
        return 0;
    return responses_refuse(reading->fault, "input",
                            "An input_image needs 'image_url' or 'file_id'.");
}

static int
take_file(struct responses_reading *reading, const struct str *values)
{
    struct canon_part *part = canon_part_add(reading->request, CANON_FILE);
    struct str data = responses_text(values[PART_FILE_DATA]);
    struct str url = responses_text(values[PART_FILE_URL]);
    part->name = responses_text(values[PART_FILENAME]);
    if (data.len > 0) {
        take_url(part, data);
        if (part->source != CANON_BASE64) { /* bare, without its type */
            part->source = CANON_BASE64;
            part->media_type = STR_LIT("application/pdf");
        }
        return 0;
    }
    if (url.len > 0) {
        take_url(part, url);
        return 0;
    }
    part->source = CANON_FILE_ID;
    part->data = responses_text(values[PART_FILE_ID]);
    if (part->data.len > 0)
        return 0;
    return responses_refuse(reading->fault, "input",
                            "An input_file needs 'file_data', 'file_url' or "
                            "'file_id'.");
}

static int
take_audio(struct responses_reading *reading, struct str value)
{
    static const struct str members[] = {STR_LIT("data"), STR_LIT("format")};
    struct str values[ARRAY_LEN(members) + 1];
    json_members(value, members, ARRAY_LEN(members), values);
    struct canon_part *part = canon_part_add(reading->request, CANON_AUDIO);
    part->source = CANON_BASE64;
    part->data = responses_text(values[0]);
    part->media_type = responses_is(values[1], STR_LIT("mp3"))
                           ? STR_LIT("audio/mp3")
                           : STR_LIT("audio/wav");
    return 0;
}

static int
take_part(struct responses_reading *reading, struct str value)
{
    struct str values[PART_MEMBERS + 1];
    json_members(value, part_names, PART_MEMBERS, values);
    struct str type = values[PART_TYPE];
    if (responses_is(type, STR_LIT("input_text")) ||
        responses_is(type, STR_LIT("output_text")) ||
        responses_is(type, STR_LIT("text"))) {
        canon_part_add(reading->request, CANON_TEXT)->text =
            responses_text(values[PART_TEXT]);
        return 0;
    }
    if (responses_is(type, STR_LIT("input_image")))
        return take_image(reading, values);
    if (responses_is(type, STR_LIT("input_file")))
        return take_file(reading, values);
    if (responses_is(type, STR_LIT("input_audio")))
        return take_audio(reading, values[PART_INPUT_AUDIO]);
    if (responses_is(type, STR_LIT("refusal"))) {
        canon_part_add(reading->request, CANON_REFUSAL)->text =
            responses_text(values[PART_REFUSAL]);
        return 0;
    }
    return responses_refuse_type(reading, "A part", type);
}

int
responses_read_content(struct responses_reading *reading, struct str content)
{
    struct json_reader list;
    struct str part;
    bool is_text;
    struct str text = canon_inside(content, &is_text);
    if (is_text) {
        canon_part_add(reading->request, CANON_TEXT)->text = text;
        return 0;
    }
    if (content.len == 0)
        return 0;
    if (!json_list_begin(&list, content))
        return responses_refuse(reading->fault, "input",
                                "The content of a message is neither a string "
                                "nor a list.");
    while (json_list_next(&list, &part))
        if (take_part(reading, part) != 0)
            return -1;
    return 0;
}
