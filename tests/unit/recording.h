/*
 * recording.h - recorded exchanges with providers, as tests of readers use them:
 * each a JSON file. They are not part of this repository; where they are absent,
 * a test says so and is content.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TESTS_UNIT_RECORDING_H
#define AIGW_TESTS_UNIT_RECORDING_H

#include <cjson/cJSON.h>
#include <glob.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/json_scan.h"
#include "common/usage.h"
#include "tests/test.h"

/* One recorded answer. Views of the file, but for the body. */
struct recording {
    const char *name; /* of the file */
    uint64_t status;
    bool is_stream;
    struct str file;       /* all of it: JSON */
    struct str body;       /* decoded; a NUL behind it */
    const cJSON *api;      /* a string */
    const cJSON *expected; /* expected_usage, or NULL */
};

static inline bool
recording_read_file(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "rb");
    char bytes[16384];
    size_t n;
    if (file == NULL)
        return false;
    while ((n = fread(bytes, 1, sizeof(bytes), file)) > 0)
        buf_append(out, bytes, n);
    fclose(file);
    return buf_ok(out);
}

/* The body as its bytes: a JSON string, of base64 where it is binary. */
static inline struct str
recording_decode(struct str value, bool is_base64)
{
    char *bytes = malloc(value.len + 1);
    int len =
        bytes == NULL ? -1 : json_string_decode(value, bytes, value.len + 1);
    if (len < 0) {
        free(bytes);
        return str_make(NULL, 0);
    }
    if (!is_base64)
        return str_make(bytes, (size_t)len);
    unsigned char *plain = calloc(1, (size_t)len + 1);
    int plain_len = EVP_DecodeBlock(plain, (const unsigned char *)bytes, len);
    for (int i = len; i > 0 && bytes[i - 1] == '='; i--)
        plain_len--;
    free(bytes);
    return str_make((char *)plain, plain_len < 0 ? 0 : (size_t)plain_len);
}

static inline bool
recording_has_tag(const struct recording *recording, const char *tag)
{
    struct str tags;
    char quoted[48];
    snprintf(quoted, sizeof(quoted), "\"%s\"", tag);
    return json_find(recording->file, "tags", &tags) &&
           memmem(tags.ptr, tags.len, quoted, strlen(quoted)) != NULL;
}

static inline uint64_t
recording_number(const struct recording *recording, const char *member)
{
    struct str value;
    char path[96];
    uint64_t number = 0;
    snprintf(path, sizeof(path), "expected_usage.normalised.%s", member);
    if (!json_find(recording->file, path, &value) ||
        json_number_u64(value, &number) != 0)
        return 0;
    return number;
}

static inline void
recording_check_usage(const struct recording *recording,
                      const struct usage *usage)
{
    const struct {
        const char *member;
        uint64_t got;
    } classes[] = {
        {"prompt_missed", usage->prompt_missed},
        {"cached", usage->cached},
        {"cache_creation", usage->cache_creation},
        {"completion", usage->completion},
        {"reasoning", usage->reasoning},
        {"audio", usage_audio(usage)},
    };
    for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
        uint64_t want = recording_number(recording, classes[i].member);
        if (classes[i].got != want)
            test_fail(__FILE__, __LINE__, "%s: %s is %llu, not %llu",
                      recording->name, classes[i].member,
                      (unsigned long long)classes[i].got,
                      (unsigned long long)want);
    }
}

static inline bool
recording_is(struct str file, const char *member, const char *want)
{
    struct str value;
    return json_find(file, member, &value) &&
           json_string_equals(value, str_from(want));
}

/* A number among the members of a JSON object; 0 where there is none. */
static inline uint64_t
recording_count(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? (uint64_t)item->valuedouble : 0;
}

static inline bool
recording_is_api(const struct recording *recording, const char *api)
{
    return cJSON_IsString(recording->api) &&
           strcmp(recording->api->valuestring, api) == 0;
}

static inline bool
recording_visit_file(const char *name, struct str file, const char *api,
                     uint64_t status,
                     void (*visit)(const struct recording *recording))
{
    struct recording recording = {.name = name, .file = file};
    struct str value, body;
    if ((api != NULL && !recording_is(file, "api", api)) ||
        !json_find(file, "response.status", &value) ||
        json_number_u64(value, &recording.status) != 0 ||
        recording.status != status || !json_find(file, "response.body", &body))
        return false;
    recording.is_stream =
        json_find(file, "stream", &value) && str_equals(value, STR_LIT("true"));
    recording.body = recording_decode(
        body, recording_is(file, "response.body_encoding", "base64"));
    CHECK_TRUE(recording.body.ptr != NULL);
    cJSON *json = cJSON_ParseWithLength(file.ptr, file.len);
    if (json == NULL)
        test_fail(__FILE__, __LINE__, "%s: not readable", name);
    recording.api = cJSON_GetObjectItemCaseSensitive(json, "api");
    recording.expected =
        cJSON_GetObjectItemCaseSensitive(json, "expected_usage");
    visit(&recording);
    cJSON_Delete(json);
    free((void *)(uintptr_t)recording.body.ptr);
    return true;
}

/*
 * Each answer of `provider` ("*": of all) in that API (NULL: in any) with that
 * status; how many there were. None, and a line of text, where there are no
 * recordings.
 */
static inline unsigned
recordings_visit(const char *provider, const char *api, uint64_t status,
                 void (*visit)(const struct recording *recording))
{
    const char *shared = getenv("AIGW_SHARED");
    char pattern[512];
    glob_t files;
    unsigned count = 0;
    snprintf(pattern, sizeof(pattern), "%s/recordings/%s/*.json",
             shared != NULL ? shared : "../shared", provider);
    if (glob(pattern, 0, NULL, &files) != 0) {
        printf("skipped: there is no %s\n", pattern);
        return 0;
    }
    for (size_t i = 0; i < files.gl_pathc; i++) {
        struct buf file;
        buf_init(&file, 0);
        CHECK_TRUE(recording_read_file(files.gl_pathv[i], &file));
        count += recording_visit_file(strrchr(files.gl_pathv[i], '/') + 1,
                                      buf_view(&file), api, status, visit);
        buf_fini(&file);
    }
    globfree(&files);
    return count;
}

#endif
