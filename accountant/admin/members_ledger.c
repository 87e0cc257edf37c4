/*
 * members_ledger.c - admin tokens made durable and read again.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "accountant/admin/members_part.h"
#include "accountant/ledger/codec.h"
#include "accountant/ledger/ledger_key.h"
#include "accountant/ledger/ledger_note.h"
#include "accountant/notes.h"
#include "common/clock.h"
#include "common/log.h"

enum { ID_BYTES = 8 };

struct member_change {
    struct store_extra extra;
    struct members *members; /* a reference */
    uint64_t id;
    struct token *token; /* NULL: a deletion; then memory's */
};

static void
change_free(struct store_extra *extra)
{
    struct member_change *change = (struct member_change *)extra;
    token_free(change->token);
    members_drop(change->members);
    free(change);
}

static void
change_stage(struct store_extra *extra, struct ledger_batch *batch, uint64_t id,
             bool undone)
{
    struct member_change *change = (struct member_change *)extra;
    struct token *token = change->token;
    struct buf bytes;
    char name[ID_BYTES];
    (void)undone; /* it needs no room in the segment */
    change->id = id;
    notes_put_u64(name, id);
    if (token == NULL) {
        ledger_batch_delete_note(batch, NOTES_MEMBERS,
                                 str_make(name, ID_BYTES));
        ledger_batch_delete_note(batch, NOTES_MEMBER_USE,
                                 str_make(name, ID_BYTES));
        return;
    }
    if (token->member.id == 0) {
        token->member.id = id;
        members_give_value(change->members, token);
    }
    buf_init(&bytes, 0);
    token_encode(token, &bytes);
    if (!buf_ok(&bytes))
        fatal("out of memory");
    ledger_batch_note(batch, NOTES_MEMBERS, str_make(name, ID_BYTES),
                      buf_view(&bytes));
    buf_fini(&bytes);
}

static void
change_applied(struct store_extra *extra)
{
    struct member_change *change = (struct member_change *)extra;
    const struct token *old = members_by_id(change->members, change->id);
    if (change->token == NULL) {
        members_remove_from_memory(change->members, change->id);
        return;
    }
    if (old != NULL && old->used_ms > change->token->used_ms)
        change->token->used_ms = old->used_ms;
    change->token->used_saved_ms = change->token->used_ms;
    members_put_in_memory(change->members, change->token);
    change->token = NULL;
}

static struct member_change *
change_make(struct members *members)
{
    struct member_change *change = calloc(1, sizeof(*change));
    if (change == NULL)
        fatal("out of memory");
    change->extra.stage = change_stage;
    change->extra.applied = change_applied;
    change->extra.free = change_free;
    change->members = members;
    members->references++;
    return change;
}

static struct token *
token_copy(const struct token *token)
{
    struct token *copy = malloc(sizeof(*copy));
    if (copy == NULL)
        fatal("out of memory");
    *copy = *token;
    return copy;
}

void
members_put(struct members *members, const struct token *token, store_done done,
            void *context)
{
    struct member_change *change = change_make(members);
    change->token = token_copy(token);
    change->token->member.scopes = token_scopes(token);
    change->token->updated_ms = clock_wall_ms();
    if (token->member.id == 0)
        change->token->created_ms = change->token->updated_ms;
    store_put_extra(members->store, &change->extra, token->member.id, done,
                    context);
}

void
members_delete(struct members *members, uint64_t id, store_done done,
               void *context)
{
    struct member_change *change = change_make(members);
    store_put_extra(members->store, &change->extra, id, done, context);
}

/* ---- the last use: a note of its own, so that it writes over nothing ---- */

struct use_change {
    struct store_extra extra;
    int64_t used_ms;
};

static void
use_free(struct store_extra *extra)
{
    free(extra);
}

static void
use_stage(struct store_extra *extra, struct ledger_batch *batch, uint64_t id,
          bool undone)
{
    const struct use_change *change = (const struct use_change *)extra;
    char name[ID_BYTES];
    struct buf bytes;
    (void)undone;
    notes_put_u64(name, id);
    buf_init(&bytes, 0);
    codec_put_i64(&bytes, change->used_ms);
    if (!buf_ok(&bytes))
        fatal("out of memory");
    ledger_batch_note(batch, NOTES_MEMBER_USE, str_make(name, ID_BYTES),
                      buf_view(&bytes));
    buf_fini(&bytes);
}

static void
note_use(struct members *members, uint64_t id, int64_t used_ms)
{
    struct use_change *change = calloc(1, sizeof(*change));
    if (change == NULL)
        return; /* the next use tells it */
    change->extra.stage = use_stage;
    change->extra.free = use_free;
    change->used_ms = used_ms;
    /* What is attached waits for a change that an operation makes. */
    struct store_extra *attached = store_detach(members->store);
    store_put_extra(members->store, &change->extra, id, NULL, NULL);
    if (attached != NULL)
        store_attach(members->store, attached);
}

void
members_touch(struct members *members, uint64_t id)
{
    struct token *token = members_token(members, id);
    if (token == NULL)
        return;
    token->used_ms = clock_wall_ms();
    if (token->used_ms - token->used_saved_ms < MEMBER_USED_MS)
        return;
    token->used_saved_ms = token->used_ms;
    note_use(members, id, token->used_ms);
}

/* ---- reading ---- */

struct loading {
    struct members *members;
    void (*loaded)(void *context, int error);
    void *context;
    struct token **tokens; /* the query thread's, until it is done */
    size_t count, room, at;
    int error;
};

static bool
load_one(struct str name, struct str value, void *context)
{
    struct loading *loading = context;
    struct token *token = malloc(sizeof(*token));
    uint64_t id = name.len == ID_BYTES ? ledger_key_read_u64(name.ptr) : 0;
    if (token == NULL)
        fatal("out of memory");
    if (id == 0 || token_decode(id, value, token) != 0) {
        log_error("the record of admin token %llu is damaged: it is refused",
                  (unsigned long long)id);
        free(token);
        return true;
    }
    if (loading->count == loading->room) {
        loading->room = loading->room * 2 + 16;
        loading->tokens =
            realloc(loading->tokens, loading->room * sizeof(struct token *));
        if (loading->tokens == NULL)
            fatal("out of memory");
    }
    loading->tokens[loading->count++] = token;
    return true;
}

/* Of a token that is gone: nothing. They are sorted as the tokens are. */
static bool
load_use(struct str name, struct str value, void *context)
{
    struct loading *loading = context;
    struct codec_reader reader;
    uint64_t id = name.len == ID_BYTES ? ledger_key_read_u64(name.ptr) : 0;
    codec_reader_init(&reader, value);
    int64_t used_ms = codec_get_i64(&reader);
    while (loading->at < loading->count &&
           loading->tokens[loading->at]->member.id < id)
        loading->at++;
    if (codec_reader_done(&reader) && loading->at < loading->count &&
        loading->tokens[loading->at]->member.id == id)
        loading->tokens[loading->at]->used_ms =
            loading->tokens[loading->at]->used_saved_ms = used_ms;
    return true;
}

static void
load_work(struct ledger *ledger, struct ledger_snapshot *snapshot,
          void *context)
{
    struct loading *loading = context;
    struct ledger_note_range range = {.space = NOTES_MEMBERS};
    struct buf error;
    buf_init(&error, 0);
    loading->error =
        ledger_scan_notes(ledger, snapshot, &range, load_one, loading, &error);
    range.space = NOTES_MEMBER_USE;
    if (loading->error == 0)
        loading->error = ledger_scan_notes(ledger, snapshot, &range, load_use,
                                           loading, &error);
    if (loading->error != 0)
        log_warn("while reading the admin tokens: %s",
                 buf_len(&error) > 0 ? buf_cstr(&error)
                                     : strerror(-loading->error));
    buf_fini(&error);
}

static void
load_done(void *context)
{
    struct loading *loading = context;
    struct members *members = loading->members;
    members_forget_all(members);
    for (size_t i = 0; i < loading->count; i++) {
        if (loading->error == 0)
            members_put_in_memory(members, loading->tokens[i]);
        else
            token_free(loading->tokens[i]);
    }
    free(loading->tokens);
    loading->loaded(loading->context, loading->error);
    members_drop(members);
    free(loading);
}

void
members_load(struct members *members, void (*loaded)(void *context, int error),
             void *context)
{
    struct loading *loading = calloc(1, sizeof(*loading));
    if (loading == NULL)
        fatal("out of memory");
    loading->members = members;
    loading->loaded = loaded;
    loading->context = context;
    members->references++;
    store_query(members->store, load_work, load_done, loading);
}
