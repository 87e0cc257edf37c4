/*
 * replays.h - Idempotency-Key of creations and top-ups: for 24 hours the
 * same request is done once. What a key was used for is a note in the batch of
 * the change itself, so that a retry after any death finds both or neither.
 *
 * A repetition is answered with the object as it stands, under the status of
 * the first time, with `idempotency-replayed: true`; with another body it is
 * 422; while the first is under way, 409.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_REPLAYS_H
#define AIGW_ACCOUNTANT_ADMIN_REPLAYS_H

#include "accountant/admin/call.h"
#include "common/crypto.h"

enum { REPLAY_NAME_BYTES = 8 + CRYPTO_DIGEST_BYTES };

/* What a note says. */
struct replay_note {
    int64_t at_ms;
    uint64_t id;                       /* of the object */
    uint8_t body[CRYPTO_DIGEST_BYTES]; /* digest of the first one's */
    char name[CALL_PATH_PARAM_BYTES];  /* of the object */
};

/*
 * replays_begin - looks the call's key up, then calls `go_on` with the call
 * (at once where it has none); a repetition is answered instead. `body`: as
 * sent.
 */
void replays_begin(struct call *call, struct str body,
                   void (*go_on)(struct call *call));
/* The call is answered: another one may use the key. */
void replays_end(struct call *call);

void replay_note_name(const struct idempotency *key, int64_t at_ms,
                      char out[REPLAY_NAME_BYTES]);
void replay_note_encode(const struct replay_note *note, struct buf *out);
/* 0 or -EBADMSG. */
int replay_note_decode(struct str value, struct replay_note *note) MUST_CHECK;

#endif
