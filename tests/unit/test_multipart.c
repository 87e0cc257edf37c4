/*
 * test_multipart.c - forms: the boundary of the head, the parts of the body, and
 * everything in which a second reader could see another form.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/multipart.h"

#include <stdio.h>

#include "tests/test.h"
#include "worker/dialect/dialect.h"

static struct multipart_boundary
boundary_of(const char *text)
{
    struct multipart_boundary boundary = {.len = (uint8_t)strlen(text)};
    memcpy(boundary.text, text, boundary.len);
    return boundary;
}

TEST(a_boundary_is_read_in_every_legal_spelling)
{
    static const struct {
        const char *type, *boundary;
    } good[] = {
        {"multipart/form-data; boundary=abc", "abc"},
        {"Multipart/Form-Data;BOUNDARY=abc", "abc"},
        {"multipart/form-data; charset=utf-8; boundary=\"a:b=c\"", "a:b=c"},
        {"multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
         "----WebKitFormBoundary7MA4YWxkTrZu0gW"},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct multipart_boundary boundary;
        CHECK_TRUE(multipart_is_form(str_from(good[i].type)));
        CHECK_TRUE(multipart_boundary(str_from(good[i].type), &boundary));
        CHECK_STR(str_make(boundary.text, boundary.len), good[i].boundary);
    }
}

TEST(a_boundary_that_two_readers_may_read_differently_is_none)
{
    static const char *const bad[] = {
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary=\"a",
        "multipart/form-data; boundary=\"a\\b\"",
        "multipart/form-data; boundary=a b",
        "multipart/form-data; boundary=\"a b\"",
        "multipart/form-data, boundary=a",
        "multipart/form-data; boundary=a,b",
        "multipart/form-data; boundary",
        "multipart/form-dataX; boundary=a",
        "multipart/form-data; boundary="
        "0123456789012345678901234567890123456789012345678901234567890123456789"
        "0",
        "application/json",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct multipart_boundary boundary;
        if (multipart_boundary(str_from(bad[i]), &boundary))
            test_fail(__FILE__, __LINE__, "%s is read", bad[i]);
    }
}

TEST(the_providers_content_type_has_that_boundary_and_nothing_else)
{
    char text[MULTIPART_TYPE_BYTES];
    struct multipart_boundary boundary = boundary_of("abc"), odd;
    CHECK_STR(multipart_content_type(&boundary, text),
              "multipart/form-data; boundary=abc");
    odd = boundary_of("a:b");
    CHECK_STR(multipart_content_type(&odd, text),
              "multipart/form-data; boundary=\"a:b\"");
    odd.len = MULTIPART_BOUNDARY_MAX;
    memset(odd.text, '/', odd.len);
    CHECK_EQ(multipart_content_type(&odd, text).len,
             32 + MULTIPART_BOUNDARY_MAX);
}

/* "name=value;" of each part, "file:" before files; "!" where it is bad. */
static const char *
parts_of(const char *body, size_t len)
{
    static char out[1024];
    struct multipart_boundary boundary = boundary_of("B");
    struct multipart_reader reader;
    struct multipart_part part;
    size_t at = 0;
    enum multipart_result result =
        multipart_begin(&reader, str_make(body, len), &boundary);
    while (result == MULTIPART_PART &&
           (result = multipart_next(&reader, &part)) == MULTIPART_PART)
        at += (size_t)snprintf(out + at, sizeof(out) - at, "%s%.*s=%.*s;",
                               part.is_file ? "file:" : "", STR_ARG(part.name),
                               STR_ARG(part.value));
    snprintf(out + at, sizeof(out) - at, "%s",
             result == MULTIPART_BAD ? "!" : "");
    CHECK_TRUE(reader.pos <= len);
    return out;
}

#define DISPOSITION "Content-Disposition: form-data; "
#define CHECK_PARTS(body, expected)                                            \
    CHECK_STR(str_from(parts_of(body, sizeof(body) - 1)), expected)

TEST(parts_are_read_with_their_names_and_bytes)
{
    CHECK_PARTS("--B\r\n" DISPOSITION "name=\"model\"\r\n\r\nm1\r\n--B--\r\n",
                "\"model\"=m1;");
    CHECK_PARTS("--B\r\n" DISPOSITION "name=\"model\"\r\n\r\nm1\r\n--B--",
                "\"model\"=m1;");
    CHECK_PARTS("--B\r\n" DISPOSITION "name=\"a\"\r\n\r\n\r\n"
                "--B\r\n" DISPOSITION "name=\"f\"; filename=\"x.wav\"\r\n"
                "Content-Type: audio/wav\r\n\r\nline\r\n\r\n--C\r\n--B--\r\n",
                "\"a\"=;file:\"f\"=line\r\n\r\n--C;");
    CHECK_PARTS("--B\r\n" DISPOSITION "name=\"f\"; filename*=utf-8''x\r\n"
                "content-transfer-encoding: Binary\r\n\r\nx\r\n--B--\r\n",
                "file:\"f\"=x;");
    CHECK_PARTS("--B--\r\n", "");
}

TEST(a_form_that_two_readers_may_read_differently_is_refused)
{
#define HEAD   "--B\r\n" DISPOSITION "name=\"a\"\r\n\r\n"
#define FINISH "\r\n--B--\r\n"
    static const struct {
        const char *body;
        size_t len;
    } bad[] = {
#define BODY(text) {text, sizeof(text) - 1}
        BODY(""),
        BODY("--B"),
        BODY("--b\r\n"),
        BODY("preamble\r\n" HEAD "1" FINISH),
        BODY("\r\n" HEAD "1" FINISH),
        BODY(HEAD "1" FINISH "epilogue"),
        BODY(HEAD "1\r\n--B-- \r\n"),
        BODY(HEAD "1"),
        BODY(HEAD "1\r\n--B"),
        /* a boundary that only lenient readers see */
        BODY(HEAD "1\n--B\nContent-Disposition: form-data; "
                  "name=\"model\"\n\nx" FINISH),
        BODY(HEAD "1--B" FINISH),
        BODY(HEAD "1\r\n --B" FINISH),
        BODY(HEAD "1\r--B" FINISH),
        BODY(HEAD "--B" FINISH),
        BODY(HEAD "1\r\n--BX\r\n" FINISH),
        BODY(HEAD "1\r\n--B \r\n" DISPOSITION "name=\"b\"\r\n\r\n2" FINISH),
        /* heads */
        BODY("--B\r\n\r\n1" FINISH),
        BODY("--B\r\nContent-Type: text/plain\r\n\r\n1" FINISH),
        BODY("--B\r\nContent-Disposition: attachment; "
             "name=\"a\"\r\n\r\n1" FINISH),
        BODY("--B\r\n" DISPOSITION "filename=\"a\"\r\n\r\n1" FINISH),
        BODY("--B\r\n" DISPOSITION "name=\"a\"; name=\"b\"\r\n\r\n1" FINISH),
        BODY("--B\r\n" DISPOSITION
             "name=\"a\"; name*=utf-8''b\r\n\r\n1" FINISH),
        BODY("--B\r\n" DISPOSITION "name=\"a\\\"b\"\r\n\r\n1" FINISH),
        BODY("--B\r\n" DISPOSITION "name=\"a\r\n\r\n1" FINISH),
        BODY("--B\r\n" DISPOSITION "name=\"a\" x\r\n\r\n1" FINISH),
        BODY("--B\r\n" DISPOSITION "name=\"a\"\r\n" DISPOSITION
             "name=\"b\"\r\n\r\n1" FINISH),
        BODY("--B\r\n" DISPOSITION "\r\n name=\"a\"\r\n\r\n1" FINISH),
        BODY("--B\r\n" DISPOSITION "name=\"a\"\n\r\n\r\n1" FINISH),
        BODY("--B\r\n" DISPOSITION "name=\"a\"\r\nX\0: y\r\n\r\n1" FINISH),
        BODY("--B\r\n" DISPOSITION "name=\"a\"\r\nX : y\r\n\r\n1" FINISH),
        BODY("--B\r\n" DISPOSITION "name=\"a\"\r\nContent-Transfer-Encoding: "
             "base64\r\n\r\nMQ==" FINISH),
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const char *parts = parts_of(bad[i].body, bad[i].len);
        if (strchr(parts, '!') == NULL)
            test_fail(__FILE__, __LINE__, "%zu is read: %s", i, parts);
    }
}

/* ---- what the OpenAI dialect makes of a form ---- */

static int
scan_form(const char *body, uint8_t endpoint, struct call *call,
          struct fault *fault)
{
    *call = (struct call){.boundary = boundary_of("B")};
    return dialect_openai.scan(str_from(body), endpoint, call, fault);
}

#define FIELD(name, value)                                                     \
    "--B\r\n" DISPOSITION "name=\"" name "\"\r\n\r\n" value "\r\n"
#define SOUND(bytes)                                                           \
    "--B\r\n" DISPOSITION "name=\"file\"; filename=\"a.wav\"\r\n\r\n" bytes    \
    "\r\n"
#define END "--B--\r\n"

TEST(a_boundary_that_looks_like_a_field_is_one_in_no_head)
{
    static const char body[] =
        "--a:b\r\n--a:b\r\nContent-Disposition: form-data; "
        "name=\"model\"\r\n\r\nx\r\n--a:b--\r\n";
    struct multipart_boundary boundary = boundary_of("a:b");
    struct multipart_reader reader;
    struct multipart_part part;
    CHECK_EQ(multipart_begin(&reader, str_from(body), &boundary),
             MULTIPART_PART);
    CHECK_EQ(multipart_next(&reader, &part), MULTIPART_BAD);
}

TEST(a_forms_model_is_found_and_its_place_known)
{
    struct call call = {0};
    struct fault fault;
    const char *body = SOUND("noise") FIELD("model", "whisper-1")
        FIELD("prompt", "hello") FIELD("stream", "True") END;
    CHECK_EQ(scan_form(body, ENDPOINT_TRANSCRIPTIONS, &call, &fault), 0);
    CHECK_STR(str_from(call.model), "whisper-1");
    CHECK_STR(str_make(body + call.model_value.off, call.model_value.len),
              "whisper-1");
    CHECK_EQ(call.audios, 1);
    CHECK_TRUE(call.stream && call.include_usage);
    CHECK_EQ(call.endpoint, ENDPOINT_TRANSCRIPTIONS);
    CHECK_TRUE(call.output_bound > 0 && call.prompt_bound > 5);
    struct rewrite rewrite = {.model = STR_LIT("other"), .max_tokens = 5};
    struct splices splices;
    dialect_openai.rewrite(str_from(body), &call, &rewrite, &splices);
    CHECK_EQ(splices.count, 1);
    CHECK_EQ(splices.items[0].off, call.model_value.off);
    CHECK_STR(str_make(splices.text, splices.text_len), "other");
}

TEST(a_forms_pictures_are_weighed_and_counted)
{
    struct call call = {0};
    struct fault fault;
    const char *body = FIELD("model", "gpt-image-1") FIELD("n", "3")
        FIELD("prompt", "a cat") SOUND("png") END;
    CHECK_EQ(scan_form(body, ENDPOINT_IMAGE_EDITS, &call, &fault), 0);
    CHECK_EQ(call.images_out, 3);
    CHECK_EQ(call.images, 1);
    CHECK_TRUE(call.output_bound >= 3 * 6208);
}

TEST(a_form_that_hides_its_model_is_refused)
{
    static const struct {
        const char *body, *code;
    } bad[] = {
        {FIELD("prompt", "x") END, "model_required"},
        {FIELD("model", "") END, "model_required"},
        {FIELD("model", "a\nb") END, "model_required"},
        {FIELD("model", "a") FIELD("model", "b") END, "duplicate_member"},
        {FIELD("model", "a") FIELD("Model", "b") END, "ambiguous_member"},
        {FIELD("model", "a") FIELD("stream", "1") FIELD("stream", "0") END,
         "duplicate_member"},
        {"--B\r\n" DISPOSITION
         "name=\"model\"; filename=\"m\"\r\n\r\na\r\n" END,
         "duplicate_member"},
        {"--B\r\n" DISPOSITION "name=model\r\n\r\na\r\n" END,
         "invalid_multipart"},
        {FIELD("model", "a"), "invalid_multipart"},
        {FIELD("model", "a") FIELD("n", "-1") END, "invalid_value"},
        {"{\"model\":\"a\"}", "invalid_multipart"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct call call = {0};
        struct fault fault = {.code = "none"};
        int r = scan_form(bad[i].body, ENDPOINT_IMAGE_EDITS, &call, &fault);
        if (r == 0 || strcmp(fault.code, bad[i].code) != 0)
            test_fail(__FILE__, __LINE__, "%zu gives %s", i, fault.code);
    }
}
