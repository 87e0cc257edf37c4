/*
 * replays.c - see replays.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/replays.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/admin/admin_state.h"
#include "accountant/admin/operations.h"
#include "accountant/ledger/codec.h"
#include "accountant/ledger/ledger_note.h"
#include "accountant/notes.h"
#include "common/clock.h"
#include "common/net/http_reply.h"

enum { NOTE_VERSION = 1 };

void
replay_note_name(const struct idempotency *key, int64_t at_ms,
                 char out[REPLAY_NAME_BYTES])
{
    notes_put_u64(out, (uint64_t)(at_ms - at_ms % NOTES_REPLAY_WINDOW_MS));
    memcpy(out + 8, key->digest, sizeof(key->digest));
}

void
replay_note_encode(const struct replay_note *note, struct buf *out)
{
    codec_put_u8(out, NOTE_VERSION);
    codec_put_i64(out, note->at_ms);
    codec_put_u64(out, note->id);
    codec_put_bytes(out, note->body, sizeof(note->body));
    codec_put_cstr(out, note->name);
}

int
replay_note_decode(struct str value, struct replay_note *note)
{
    struct codec_reader reader;
    codec_reader_init(&reader, value);
    if (codec_get_u8(&reader) != NOTE_VERSION)
        return -EBADMSG;
    note->at_ms = codec_get_i64(&reader);
    note->id = codec_get_u64(&reader);
    struct str body = codec_get_bytes(&reader);
    codec_get_cstr(&reader, note->name, sizeof(note->name));
    if (!codec_reader_done(&reader) || body.len != sizeof(note->body))
        return -EBADMSG;
    memcpy(note->body, body.ptr, sizeof(note->body));
    return 0;
}

/* ---- one look-up ---- */

struct looking {
    struct call *call;
    void (*go_on)(struct call *call);
    int64_t now_ms;
    struct buf value, error;
    int result; /* 1 found, 0 not, -errno */
};

/* Another call with this key has not been answered. */
static bool
is_under_way(const struct call *call)
{
    const struct call *c = call->admin->idempotent;
    while (c != NULL && memcmp(c->idempotency.digest, call->idempotency.digest,
                               sizeof(c->idempotency.digest)) != 0)
        c = c->next_idempotent;
    return c != NULL;
}

void
replays_end(struct call *call)
{
    struct call **at = &call->admin->idempotent;
    while (*at != NULL && *at != call)
        at = &(*at)->next_idempotent;
    if (*at != NULL)
        *at = call->next_idempotent;
}

static struct iovec
piece(const char *text)
{
    return (struct iovec){(void *)(uintptr_t)text, strlen(text) + 1};
}

static void
make_digests(struct call *call, struct str body)
{
    struct iovec who[] = {
        {&call->member.id, sizeof(call->member.id)},
        piece(call->member.name),
        piece(call->operation->name),
        piece(call->path_params[0]),
        piece(call->idempotency_key),
    };
    struct iovec what = {(void *)(uintptr_t)body.ptr, body.len};
    crypto_sha256(who, ARRAY_LEN(who), call->idempotency.digest);
    crypto_sha256(&what, body.len > 0 ? 1 : 0, call->idempotency.body);
}

/* Of each window that may have one that is still known. */
static void
look(struct ledger *ledger, struct ledger_snapshot *snapshot, void *context)
{
    struct looking *looking = context;
    char name[REPLAY_NAME_BYTES];
    int64_t at_ms = looking->now_ms;
    for (; at_ms > looking->now_ms - NOTES_REPLAY_MS - NOTES_REPLAY_WINDOW_MS &&
           looking->result == 0;
         at_ms -= NOTES_REPLAY_WINDOW_MS) {
        replay_note_name(&looking->call->idempotency, at_ms, name);
        looking->result = ledger_read_note(ledger, snapshot, NOTES_REPLAY,
                                           str_make(name, sizeof(name)),
                                           &looking->value, &looking->error);
    }
}

static void
replay(struct call *call, const struct replay_note *note)
{
    if (memcmp(note->body, call->idempotency.body, sizeof(note->body)) != 0) {
        call_fail(call, 422, "idempotency_key_reused",
                  "This Idempotency-Key was used for another request.");
        return;
    }
    const struct operation_replay *row = operations_replay(call->operation);
    if (row->by == REPLAY_BY_ID)
        snprintf(call->path_params[0], sizeof(call->path_params[0]), "%llu",
                 (unsigned long long)note->id);
    else if (row->by == REPLAY_BY_NAME)
        memcpy(call->path_params[0], note->name, sizeof(note->name));
    call->replayed_status = row->by == REPLAY_BY_PATH ? 200 : 201;
    http_field_cstr(&call->fields, "idempotency-replayed", "true");
    row->answer(call);
}

static void
looked(void *context)
{
    struct looking *looking = context;
    struct call *call = looking->call;
    struct replay_note note;
    bool known = looking->result == 1 &&
                 replay_note_decode(buf_view(&looking->value), &note) == 0;
    if (looking->result < 0 || (looking->result == 1 && !known))
        call_fail(call, 503, "ledger_unavailable",
                  "Whether this Idempotency-Key was used cannot be read now.");
    else if (known && note.at_ms > looking->now_ms - NOTES_REPLAY_MS)
        replay(call, &note);
    else
        looking->go_on(call);
    buf_fini(&looking->value);
    buf_fini(&looking->error);
    free(looking);
}

void
replays_begin(struct call *call, struct str body,
              void (*go_on)(struct call *call))
{
    if (call->idempotency_key[0] == '\0' ||
        operations_replay(call->operation) == NULL) {
        go_on(call);
        return;
    }
    struct looking *looking = calloc(1, sizeof(*looking));
    if (looking == NULL) {
        call_fail(call, 503, "overloaded", "Out of memory.");
        return;
    }
    make_digests(call, body);
    if (is_under_way(call)) {
        free(looking);
        call_fail(call, 409, "idempotency_key_in_use",
                  "A request with this Idempotency-Key is under way: ask "
                  "again.");
        return;
    }
    call->is_idempotent = true;
    call->next_idempotent = call->admin->idempotent;
    call->admin->idempotent = call;
    looking->call = call;
    looking->go_on = go_on;
    looking->now_ms = clock_wall_ms();
    buf_init(&looking->value, 0);
    buf_init(&looking->error, 1024);
    store_query(call->store, look, looked, looking);
}
