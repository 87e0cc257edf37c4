/*
 * ledger_payload.c - see ledger_payload.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_payload.h"

#include <errno.h>
#include <string.h>

#include "accountant/ledger/codec.h"
#include "accountant/ledger/ledger_batch.h"
#include "accountant/ledger/ledger_internal.h"
#include "common/crypto.h"

enum { PAYLOAD_VERSION = 1 };
enum { REQUEST_CUT = 1, ANSWER_CUT = 2, IS_STREAM = 4 };

void
ledger_key_payload(struct ledger_key *key, const uint64_t request_id[2])
{
    ledger_key_begin(key, 'p');
    ledger_key_u64(key, request_id[0]);
    ledger_key_u64(key, request_id[1]);
}

static void
encode(const struct ledger_payload *payload, struct buf *out)
{
    codec_put_u8(out, PAYLOAD_VERSION);
    codec_put_u8(out, (uint8_t)((payload->request_cut ? REQUEST_CUT : 0) |
                                (payload->answer_cut ? ANSWER_CUT : 0) |
                                (payload->is_stream ? IS_STREAM : 0)));
    codec_put_u64(out, payload->request_size);
    codec_put_u64(out, payload->answer_size);
    codec_put_bytes(out, payload->request.ptr, payload->request.len);
    codec_put_bytes(out, payload->answer.ptr, payload->answer.len);
}

static bool
decode(struct str value, struct ledger_payload *payload)
{
    struct codec_reader reader;
    codec_reader_init(&reader, value);
    if (codec_get_u8(&reader) != PAYLOAD_VERSION)
        return false;
    uint8_t flags = codec_get_u8(&reader);
    payload->request_cut = (flags & REQUEST_CUT) != 0;
    payload->answer_cut = (flags & ANSWER_CUT) != 0;
    payload->is_stream = (flags & IS_STREAM) != 0;
    payload->request_size = codec_get_u64(&reader);
    payload->answer_size = codec_get_u64(&reader);
    payload->request = codec_get_bytes(&reader);
    payload->answer = codec_get_bytes(&reader);
    return codec_reader_done(&reader);
}

bool
ledger_day_is_gone(struct ledger *ledger, int64_t day)
{
    pthread_mutex_lock(&ledger->lock);
    bool dropped =
        ledger_day_is_dropped(ledger->dropped, ledger->dropped_count, day);
    pthread_mutex_unlock(&ledger->lock);
    return dropped;
}

int
ledger_payload_put(struct ledger *ledger, const struct ledger_payload *payload,
                   struct buf *error)
{
    struct ledger_day *day;
    struct ledger_key key;
    struct buf value;
    int64_t number = ledger_row_day(payload->ended_ms);
    if (ledger_must_reopen(ledger))
        return -EIO;
    if (ledger_day_is_gone(ledger, number))
        return -ENOENT;
    buf_init(&value, 0);
    encode(payload, &value);
    if (!buf_ok(&value)) {
        buf_fini(&value);
        return -ENOMEM;
    }
    int rc = ledger_day_get(ledger, number, true, &day, error);
    if (rc == 0) {
        char *text = NULL;
        ledger_key_payload(&key, payload->request_id);
        leveldb_put(day->db, ledger->lazy, (const char *)key.bytes, key.len,
                    buf_ptr(&value), buf_len(&value), &text);
        ledger_day_put(ledger, day);
        if (text != NULL)
            rc = ledger_take_error(text, "while writing a payload", error);
    }
    if (rc < 0)
        ledger_mark_suspect(ledger);
    buf_fini(&value);
    return rc;
}

int
ledger_payload_get(struct ledger *ledger,
                   const struct ledger_snapshot *snapshot,
                   const uint64_t request_id[2], int64_t ended_ms,
                   struct ledger_payload *payload, struct buf *value,
                   struct buf *error)
{
    struct ledger_day *day;
    struct ledger_key key;
    char *text = NULL;
    size_t len = 0;
    memset(payload, 0, sizeof(*payload));
    memcpy(payload->request_id, request_id, sizeof(payload->request_id));
    payload->ended_ms = ended_ms;
    if (snapshot == NULL || snapshot->error != 0)
        return -EIO;
    int rc =
        ledger_day_get(ledger, ledger_row_day(ended_ms), false, &day, error);
    if (rc < 0)
        return rc == -ENOENT ? 0 : rc;
    ledger_key_payload(&key, request_id);
    char *found = leveldb_get(day->db, snapshot->read_day,
                              (const char *)key.bytes, key.len, &len, &text);
    ledger_day_put(ledger, day);
    if (text != NULL) {
        ledger_mark_suspect(ledger);
        return ledger_take_error(text, "while reading a payload", error);
    }
    if (found == NULL)
        return 0;
    buf_append(value, found, len);
    leveldb_free(found);
    if (!buf_ok(value))
        return -ENOMEM;
    if (decode(buf_view(value), payload))
        return 1;
    buf_append_cstr(error, "a payload is damaged");
    return -EUCLEAN;
}

bool
ledger_request_id(const char *text, uint64_t request_id[2])
{
    uint8_t bytes[16];
    struct str hex = str_skip(str_from(text), 4);
    if (strncmp(text, "req_", 4) != 0 ||
        crypto_unhex(hex, bytes, sizeof(bytes)) != 0)
        return false;
    request_id[0] = ledger_key_read_u64(bytes);
    request_id[1] = ledger_key_read_u64(bytes + 8);
    return true;
}
