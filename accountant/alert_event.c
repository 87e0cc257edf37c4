/*
 * alert_event.c - events of alerts: as bytes, and what comes of their attempts.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accountant/alerts.h"
#include "accountant/ledger/codec.h"
#include "accountant/notes.h"
#include "common/json_write.h"
#include "common/log.h"

enum { EVENT_VERSION = 1 };
enum { BACKOFF_MIN_MS = 1000, BACKOFF_MAX_MS = 5 * 60 * 1000 };
#define GIVE_UP_MS (INT64_C(3) * 24 * 3600 * 1000)

void
alert_event_init(struct alert_event *event, const char *alert, int64_t now_ms,
                 uint64_t batch_no, unsigned index)
{
    *event = (struct alert_event){.created_ms = now_ms, .next_ms = now_ms};
    notes_put_u64(event->id, (uint64_t)now_ms);
    notes_put_u64(event->id + 8, batch_no);
    event->id[16] = (char)(uint8_t)(index >> 8);
    event->id[17] = (char)(uint8_t)index;
    snprintf(event->alert, sizeof(event->alert), "%s", alert);
}

void
alert_event_encode(const struct alert_event *event, struct buf *out)
{
    codec_put_u8(out, EVENT_VERSION);
    codec_put_u8(out, event->state);
    codec_put_u64(out, event->status);
    codec_put_u64(out, event->attempts);
    codec_put_i64(out, event->created_ms);
    codec_put_i64(out, event->next_ms);
    codec_put_i64(out, event->ended_ms);
    codec_put_cstr(out, event->alert);
    codec_put_bytes(out, event->body.ptr, event->body.len);
}

int
alert_event_decode(struct str name, struct str value, struct alert_event *event)
{
    struct codec_reader reader;
    *event = (struct alert_event){0};
    if (name.len != sizeof(event->id))
        return -EBADMSG;
    memcpy(event->id, name.ptr, name.len);
    codec_reader_init(&reader, value);
    if (codec_get_u8(&reader) != EVENT_VERSION)
        return -EBADMSG;
    event->state = codec_get_u8(&reader);
    event->status = (uint16_t)codec_get_max(&reader, UINT16_MAX);
    event->attempts = (uint32_t)codec_get_max(&reader, UINT32_MAX);
    event->created_ms = codec_get_i64(&reader);
    event->next_ms = codec_get_i64(&reader);
    event->ended_ms = codec_get_i64(&reader);
    codec_get_cstr(&reader, event->alert, sizeof(event->alert));
    event->body = codec_get_bytes(&reader);
    return codec_reader_done(&reader) && event->state <= ALERT_FAILED
               ? 0
               : -EBADMSG;
}

void
alert_event_note(struct alert_event *event, uint16_t status, bool is_gone,
                 int64_t now_ms)
{
    int64_t wait_ms = BACKOFF_MAX_MS;
    event->status = status;
    if (event->attempts < 9) /* 256 s */
        wait_ms = (int64_t)BACKOFF_MIN_MS << event->attempts;
    event->attempts++;
    event->next_ms = now_ms + wait_ms;
    if (status >= 200 && status < 300)
        event->state = ALERT_DELIVERED;
    else if (is_gone || now_ms - event->created_ms > GIVE_UP_MS)
        event->state = ALERT_FAILED;
    if (event->state != ALERT_PENDING)
        event->ended_ms = now_ms;
}

void
alert_event_sign(const struct alert_event *event, const char *secret,
                 int64_t now_ms, char hex[2 * CRYPTO_DIGEST_BYTES + 1])
{
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    struct buf text;
    buf_init(&text, 0);
    buf_printf(&text, "%lld.", (long long)(now_ms / 1000));
    buf_append_str(&text, event->body);
    if (!buf_ok(&text))
        fatal("out of memory");
    crypto_hmac_key(str_from(secret), buf_view(&text), digest);
    crypto_hex(digest, sizeof(digest), hex);
    buf_fini(&text);
}

void
alert_body_begin(struct json_writer *json, const struct config *config,
                 const char *alert, const char *type, int64_t now_ms)
{
    json_object_begin(json);
    json_key(json, "type");
    json_cstring(json, type);
    json_key(json, "alert");
    json_cstring(json, alert);
    json_key(json, "time");
    json_time(json, now_ms);
    json_key(json, "instance");
    json_cstring(json, config->server.instance);
    json_key(json, "currency");
    json_cstring(json, config->server.currency);
}
