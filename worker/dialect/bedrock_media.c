/*
 * bedrock_media.c - images, sound and documents in a Converse call. Bytes come
 * with the call, or lie in S3; what stands behind another link is not fetched.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/bedrock_part.h"

#include <stdio.h>

#include "worker/dialect/scan.h"

enum { TYPE_BYTES = 96, NAME_BYTES = 120 };

struct media_format {
    const char *type, *format;
};

static const struct media_format images[] = {
    {"image/png", "png"}, {"image/jpeg", "jpeg"}, {"image/jpg", "jpeg"},
    {"image/gif", "gif"}, {"image/webp", "webp"},
};
static const struct media_format sounds[] = {
    {"audio/wav", "wav"},   {"audio/x-wav", "wav"}, {"audio/mp3", "mp3"},
    {"audio/mpeg", "mp3"},  {"audio/flac", "flac"}, {"audio/ogg", "ogg"},
    {"audio/opus", "opus"}, {"audio/aac", "aac"},   {"audio/mp4", "mp4"},
    {"audio/webm", "webm"},
};
static const struct media_format documents[] = {
    {"application/pdf", "pdf"},
    {"text/csv", "csv"},
    {"application/msword", "doc"},
    {"application/vnd.openxmlformats-officedocument.wordprocessingml.document",
     "docx"},
    {"application/vnd.ms-excel", "xls"},
    {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
     "xlsx"},
    {"text/html", "html"},
    {"text/plain", "txt"},
    {"text/markdown", "md"},
};

/* A kind of medium in Converse's words. */
struct medium {
    const char *block, *what;
    const struct media_format *formats;
    unsigned count;
};
static const struct medium mediums[] = {
    [CANON_IMAGE] = {"image", "image", images, ARRAY_LEN(images)},
    [CANON_AUDIO] = {"audio", "audio", sounds, ARRAY_LEN(sounds)},
    [CANON_FILE] = {"document", "file", documents, ARRAY_LEN(documents)},
};

/* "text\/plain; charset=utf-8" is text/plain. */
static void
plain_type(struct str text, char type[TYPE_BYTES])
{
    int len = json_text_decode(text, type, TYPE_BYTES);
    if (len < 0 || len >= TYPE_BYTES)
        type[0] = '\0';
    type[strcspn(type, "; ")] = '\0';
}

static const char *
format_of(const struct medium *medium, const char *type)
{
    for (unsigned i = 0; i < medium->count; i++)
        if (strcasecmp(medium->formats[i].type, type) == 0)
            return medium->formats[i].format;
    return NULL;
}

/* By the ending of its name, where nobody says what it is: ".jpg" is image/jpg,
 * ".md" the format md. */
static const char *
format_of_name(const struct medium *medium, const char *name)
{
    const char *dot = strrchr(name, '.');
    for (unsigned i = 0; dot != NULL && i < medium->count; i++) {
        const struct media_format *known = &medium->formats[i];
        if (strcasecmp(known->format, dot + 1) == 0 ||
            strcasecmp(strchr(known->type, '/') + 1, dot + 1) == 0)
            return known->format;
    }
    return NULL;
}

/* A file may be an image or a sound: its type says so. */
static const struct medium *
medium_of(const struct canon_part *part, const char *type)
{
    if (part->kind == CANON_FILE && strncasecmp(type, "image/", 6) == 0)
        return &mediums[CANON_IMAGE];
    if (part->kind == CANON_FILE && strncasecmp(type, "audio/", 6) == 0)
        return &mediums[CANON_AUDIO];
    return &mediums[part->kind];
}

/*
 * Letters, digits, single spaces, hyphens and brackets; no two the same. The
 * ending goes: the format says it.
 */
static void
write_name(struct bedrock_writer *writer, char *name)
{
    size_t len = 0;
    char *dot = strrchr(name, '.'), number[24];
    if (dot != NULL && dot != name)
        *dot = '\0';
    for (const char *p = name; *p != '\0'; p++) {
        bool good = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                    (*p >= '0' && *p <= '9') || strchr("()[]-", *p) != NULL;
        char c = good ? *p : *p == ' ' ? ' ' : '-';
        if (!good && (len == 0 || name[len - 1] == c))
            continue;
        name[len++] = c;
    }
    while (len > 0 && (name[len - 1] == ' ' || name[len - 1] == '-'))
        len--;
    name[len] = '\0';
    struct buf unique;
    buf_init(&unique, 0);
    buf_append_cstr(&unique, len > 0 ? name : "document");
    snprintf(number, sizeof(number), " %u", writer->documents);
    if (++writer->documents > 1)
        buf_append_cstr(&unique, number);
    json_key(&writer->json, "name");
    json_string(&writer->json, buf_view(&unique));
    if (!buf_ok(&unique))
        writer->request->failed = true;
    buf_fini(&unique);
}

static bool
is_in_s3(const struct canon_part *part)
{
    return part->source == CANON_URL &&
           (str_starts_with(part->data, STR_LIT("s3://")) ||
            str_starts_with(part->data, STR_LIT("s3:\\/\\/")));
}

static void
write_source(struct bedrock_writer *writer, const struct canon_part *part)
{
    struct json_writer *json = &writer->json;
    json_key(json, "source");
    json_object_begin(json);
    if (is_in_s3(part)) {
        json_key(json, "s3Location");
        json_object_begin(json);
        json_key(json, "uri");
        json_inside(json, part->data);
        json_object_end(json);
    } else {
        json_key(json, part->source == CANON_PLAIN_TEXT ? "text" : "bytes");
        json_inside(json, part->data);
    }
    json_object_end(json);
}

static void
plain_name(struct str text, char name[NAME_BYTES])
{
    int len = json_text_decode(text, name, NAME_BYTES);
    if (len < 0 || len >= NAME_BYTES)
        name[0] = '\0';
}

/* NULL: Bedrock has none for it. */
static const char *
choose_format(const struct medium *medium, const struct canon_part *part,
              const char *type, const char *name)
{
    char link[NAME_BYTES];
    const char *format = format_of(medium, type);
    if (format == NULL && part->source == CANON_PLAIN_TEXT)
        format = "txt";
    if (format == NULL)
        format = format_of_name(medium, name);
    if (format == NULL && is_in_s3(part)) {
        plain_name(part->data, link);
        format = format_of_name(medium, link);
    }
    return format;
}

int
bedrock_media(struct bedrock_writer *writer, const struct canon_part *part)
{
    struct json_writer *json = &writer->json;
    char type[TYPE_BYTES], name[NAME_BYTES];
    plain_type(part->media_type, type);
    plain_name(part->name, name);
    const struct medium *medium = medium_of(part, type);
    if (part->source == CANON_FILE_ID ||
        (part->source == CANON_URL && !is_in_s3(part)))
        return scan_refuse(
            writer->fault, "unsupported_parameter", "messages",
            "Bedrock, which serves this model, takes media with their bytes "
            "only, and the gateway fetches nothing: send the %s as base64.",
            medium->what);
    const char *format = choose_format(medium, part, type, name);
    if (format == NULL)
        return scan_refuse(
            writer->fault, "unsupported_parameter", "messages",
            "Bedrock, which serves this model, takes no %s of the type "
            "\"%.60s\".",
            medium->what, type);
    json_object_begin(json);
    json_key(json, medium->block);
    json_object_begin(json);
    json_key(json, "format");
    json_cstring(json, format);
    if (medium == &mediums[CANON_FILE])
        write_name(writer, name);
    write_source(writer, part);
    json_object_end(json);
    json_object_end(json);
    return 0;
}
