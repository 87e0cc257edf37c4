/*
 * etag.c - see etag.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/etag.h"

#include <stdio.h>

#include "accountant/ledger/codec.h"
#include "accountant/object_codec.h"
#include "common/log.h"

static void
finish(struct buf *bytes, char out[CALL_ETAG_BYTES])
{
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    if (!buf_ok(bytes))
        fatal("out of memory");
    struct iovec piece = {bytes->data + bytes->start, buf_len(bytes)};
    crypto_sha256(&piece, 1, digest);
    crypto_hex(digest, 12, out);
    buf_fini(bytes);
}

/* What a roll moves of them is not part. */
static void
put_budgets(const struct budget budgets[SHM_BUDGETS], struct buf *bytes)
{
    for (int i = 0; i < SHM_BUDGETS; i++) {
        codec_put_u64(bytes, budgets[i].unit);
        codec_put_u64(bytes, budgets[i].period);
        codec_put_i64(bytes, budgets[i].limit);
    }
}

void
etag_of_key(const struct gateway *key, char out[CALL_ETAG_BYTES])
{
    struct buf bytes;
    buf_init(&bytes, 0);
    codec_put_u64(&bytes, key->id);
    object_encode_gateway(key, &bytes);
    put_budgets(key->budgets, &bytes);
    finish(&bytes, out);
}

void
etag_of_group(const struct group *group, char out[CALL_ETAG_BYTES])
{
    struct buf bytes;
    buf_init(&bytes, 0);
    codec_put_u64(&bytes, group->id);
    object_encode_group(group, &bytes);
    put_budgets(group->budgets, &bytes);
    finish(&bytes, out);
}

void
etag_of_token(const struct token *token, char out[CALL_ETAG_BYTES])
{
    struct token unused = *token;
    struct buf bytes;
    unused.used_ms = 0;
    buf_init(&bytes, 0);
    codec_put_u64(&bytes, token->member.id);
    token_encode(&unused, &bytes);
    crypto_wipe(&unused, sizeof(unused));
    finish(&bytes, out);
}

void
etag_of_revision(uint64_t revision, char out[CALL_ETAG_BYTES])
{
    snprintf(out, CALL_ETAG_BYTES, "r%llu", (unsigned long long)revision);
}
