/*
 * test_sigv4.c - tests of worker/provider/sigv4.c: signatures that the AWS SDK
 * for JavaScript makes of the same requests.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/provider/sigv4.h"

#include <stdio.h>

#include "common/check.h"
#include "common/crypto.h"
#include "tests/test.h"

static char body[] = "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":"
                     "\"hi\"}]}]}";

static struct sigv4_request
make_request(struct iovec *pieces, size_t cut)
{
    pieces[0] = (struct iovec){body, cut};
    pieces[1] = (struct iovec){body + cut, strlen(body) - cut};
    return (struct sigv4_request){
        .region = STR_LIT("us-east-1"),
        .service = STR_LIT("bedrock"),
        .host = STR_LIT("bedrock-runtime.us-east-1.amazonaws.com"),
        .path = STR_LIT("/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/"
                        "converse"),
        .content_type = STR_LIT("application/json"),
        .body = pieces,
        .body_pieces = 2,
        .wall_ms = INT64_C(1767323045678), /* 2026-01-02T03:04:05Z */
    };
}

static struct sigv4_credential
make_credential(const char *text)
{
    struct sigv4_credential credential;
    CHECK_TRUE(sigv4_credential_read(str_from(text), &credential));
    return credential;
}

static bool
contains(const struct buf *out, const char *text)
{
    return memmem(buf_ptr(out), buf_len(out), text, strlen(text)) != NULL;
}

#define ID_AND_SECRET "AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

TEST(the_published_request_gets_its_signature_however_the_body_is_cut)
{
    struct buf out;
    buf_init(&out, 0);
    for (size_t cut = 0; cut <= strlen(body); cut += 7) {
        struct iovec pieces[2];
        struct sigv4_request request = make_request(pieces, cut);
        struct sigv4_credential credential = make_credential(ID_AND_SECRET);
        buf_reset(&out);
        sigv4_write(&out, &request, &credential);
        CHECK_STR(
            buf_view(&out),
            "X-Amz-Date: 20260102T030405Z\r\n"
            "X-Amz-Content-Sha256: c3335e07d6e89650bf94cb98664be69f8774dbc3198d"
            "f221f113db0a59ea14f0\r\n"
            "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/"
            "us-east-1/bedrock/aws4_request, SignedHeaders=content-type;host;"
            "x-amz-content-sha256;x-amz-date, Signature="
            "667b88f3f0989f132cf35026a28a717927bb93a748ed246c9f2408ec8bfaece5"
            "\r\n");
    }
    buf_fini(&out);
}

TEST(a_session_token_is_sent_and_signed)
{
    struct iovec pieces[2];
    struct buf out;
    buf_init(&out, 0);
    struct sigv4_request request = make_request(pieces, 3);
    struct sigv4_credential credential =
        make_credential(ID_AND_SECRET ":TOKEN");
    sigv4_write(&out, &request, &credential);
    CHECK_TRUE(contains(&out, "X-Amz-Security-Token: TOKEN\r\n"));
    CHECK_TRUE(contains(&out, ";x-amz-security-token, Signature="
                              "6cec2c4eee653355e0759b9406c701d3677eba535f0cfba"
                              "996353ae06a6a21f1\r\n"));
    buf_fini(&out);
}

TEST(each_part_of_a_request_is_part_of_its_signature)
{
    struct iovec pieces[2];
    struct sigv4_credential credential = make_credential(ID_AND_SECRET);
    struct buf outs[8];
    for (size_t i = 0; i < ARRAY_LEN(outs); i++) {
        struct sigv4_request request = make_request(pieces, i == 1 ? 2 : 3);
        if (i == 2)
            request.region = STR_LIT("us-east-2");
        if (i == 3)
            request.service = STR_LIT("bedrock-mantle");
        if (i == 4)
            request.host = STR_LIT("h");
        if (i == 5)
            request.path = STR_LIT("/model/a:b/converse");
        if (i == 6)
            request.query = STR_LIT("a=b");
        if (i == 7)
            request.wall_ms += 1000;
        buf_init(&outs[i], 0);
        sigv4_write(&outs[i], &request, &credential);
        CHECK_TRUE(buf_ok(&outs[i]));
    }
    CHECK_TRUE(str_equals(buf_view(&outs[0]), buf_view(&outs[1])));
    for (size_t i = 2; i < ARRAY_LEN(outs); i++)
        CHECK_TRUE(!str_equals(buf_view(&outs[0]), buf_view(&outs[i])));
    for (size_t i = 0; i < ARRAY_LEN(outs); i++)
        buf_fini(&outs[i]);
}

TEST(a_credential_is_an_id_a_secret_and_perhaps_a_token)
{
    static const struct {
        const char *text, *id, *secret, *token;
    } good[] = {
        {"A:b", "A", "b", ""},
        {"A:b:", "A", "b", ""},
        {"A:b:c", "A", "b", "c"},
        {"A:b:c:d", "A", "b", "c:d"},
    };
    static const char *const bad[] = {
        "", "A", ":", "A:", ":b", "A::c", "ABSKQmVkcm9ja0FQSUtleQ=="};
    struct sigv4_credential credential;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        credential = make_credential(good[i].text);
        CHECK_STR(credential.id, good[i].id);
        CHECK_STR(credential.secret, good[i].secret);
        CHECK_STR(credential.token, good[i].token);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK_TRUE(!sigv4_credential_read(str_from(bad[i]), &credential));
}

TEST(an_hmac_takes_keys_of_any_length)
{
    /* RFC 4231: cases 1, 2, 6 and 7. */
    static char long_key[131];
    memset(long_key, 0xaa, sizeof(long_key));
    const struct {
        struct str key, text;
        const char *digest;
    } cases[] = {
        {STR_LIT("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
                 "\x0b\x0b\x0b\x0b\x0b"),
         STR_LIT("Hi There"),
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {STR_LIT("Jefe"), STR_LIT("what do ya want for nothing?"),
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {{long_key, sizeof(long_key)},
         STR_LIT("Test Using Larger Than Block-Size Key - Hash Key First"),
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {{long_key, sizeof(long_key)},
         STR_LIT("This is a test using a larger than block-size key and a "
                 "larger than block-size data. The key needs to be hashed "
                 "before being used by the HMAC algorithm."),
         "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t digest[CRYPTO_DIGEST_BYTES];
        char hex[2 * CRYPTO_DIGEST_BYTES + 1];
        crypto_hmac_key(cases[i].key, cases[i].text, digest);
        crypto_hex(digest, sizeof(digest), hex);
        CHECK_STR(str_from(hex), cases[i].digest);
    }
}
