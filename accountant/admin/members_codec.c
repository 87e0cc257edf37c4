/*
 * members_codec.c - an admin token as the ledger keeps it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>

#include "accountant/admin/members.h"
#include "accountant/ledger/codec.h"

enum { TOKEN_VERSION = 1 };

void
token_encode(const struct token *token, struct buf *out)
{
    const struct member *member = &token->member;
    codec_put_u8(out, TOKEN_VERSION);
    codec_put_cstr(out, member->name);
    codec_put_u64(out, member->role);
    codec_put_u64(out, token->scopes);
    codec_put_u8(out, token->enabled);
    codec_put_bytes(out, token->digest, sizeof(token->digest));
    codec_put_bytes(out, token->sealed, sizeof(token->sealed));
    codec_put_cstr(out, token->masked);
    codec_put_cstr(out, token->created_by);
    codec_put_i64(out, token->expires_ms);
    codec_put_i64(out, token->created_ms);
    codec_put_i64(out, token->updated_ms);
    codec_put_i64(out, token->used_ms);
    codec_put_u64(out, member->group_count);
    for (unsigned i = 0; i < member->group_count; i++)
        codec_put_u64(out, member->groups[i]);
}

/* Bytes behind their length, exactly as many as there is room for. */
static void
get_fixed(struct codec_reader *reader, uint8_t *out, size_t len)
{
    struct str bytes = codec_get_bytes(reader);
    if (bytes.len == len)
        memcpy(out, bytes.ptr, len);
    else
        reader->bad = true;
}

int
token_decode(uint64_t id, struct str bytes, struct token *token)
{
    struct codec_reader reader;
    struct member *member = &token->member;
    memset(token, 0, sizeof(*token));
    codec_reader_init(&reader, bytes);
    if (codec_get_u8(&reader) != TOKEN_VERSION)
        return -EBADMSG;
    member->id = id;
    codec_get_cstr(&reader, member->name, sizeof(member->name));
    member->role = (enum member_role)codec_get_max(&reader, MEMBER_OWNER);
    token->scopes = (uint32_t)codec_get_max(&reader, SCOPE_ALL);
    token->enabled = codec_get_u8(&reader) != 0;
    get_fixed(&reader, token->digest, sizeof(token->digest));
    get_fixed(&reader, token->sealed, sizeof(token->sealed));
    codec_get_cstr(&reader, token->masked, sizeof(token->masked));
    codec_get_cstr(&reader, token->created_by, sizeof(token->created_by));
    token->expires_ms = codec_get_i64(&reader);
    token->created_ms = codec_get_i64(&reader);
    token->updated_ms = codec_get_i64(&reader);
    token->used_ms = token->used_saved_ms = codec_get_i64(&reader);
    member->group_count = (unsigned)codec_get_max(&reader, MEMBER_GROUPS_MAX);
    for (unsigned i = 0; i < member->group_count; i++)
        member->groups[i] = codec_get_u64(&reader);
    if (!codec_reader_done(&reader) || member->role == MEMBER_NOBODY)
        return -EBADMSG;
    member->scopes = token_scopes(token);
    return 0;
}
