/*
 * ledger_row_json.c - one log row as JSON: reports and access log.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "accountant/ledger/ledger_report.h"
#include "common/json_write.h"

static void
put_u64(struct json_writer *json, const char *name, uint64_t value)
{
    json_key(json, name);
    json_u64(json, value);
}

static void
put_text(struct json_writer *json, const char *name, const char *text)
{
    json_key(json, name);
    json_cstring(json, text[0] == '\0' ? NULL : text);
}

static void
put_usage(struct json_writer *json, const struct usage *usage)
{
    json_key(json, "usage");
    json_object_begin(json);
    put_u64(json, "prompt_missed", usage->prompt_missed);
    put_u64(json, "cached", usage->cached);
    put_u64(json, "cache_creation", usage->cache_creation);
    put_u64(json, "cache_creation_1h", usage->cache_creation_1h);
    put_u64(json, "completion", usage->completion);
    put_u64(json, "reasoning", usage->reasoning);
    put_u64(json, "audio", usage_audio(usage));
    put_u64(json, "audio_in", usage->audio_in);
    put_u64(json, "audio_out", usage->audio_out);
    json_object_end(json);
}

void
ledger_row_to_json(const struct ledger_row *row, struct buf *out)
{
    struct json_writer json;
    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "time");
    json_time(&json, row->ended_ms);
    json_key(&json, "started");
    json_time(&json, row->started_ms);
    put_text(&json, "request_id", row->request_id);
    put_u64(&json, "key_id", row->key_id);
    put_u64(&json, "group_id", row->group_id);
    put_text(&json, "client_ip", row->client_ip);
    put_u64(&json, "status", row->status);
    json_key(&json, "cause");
    json_cstring(&json, ledger_cause_name(row->cause));
    put_text(&json, "model", row->model);
    put_text(&json, "model_asked", row->model_asked);
    put_text(&json, "provider", row->provider);
    put_text(&json, "error", row->error);
    put_text(&json, "tags", row->tags);
    put_u64(&json, "dialect", row->dialect);
    put_u64(&json, "endpoint", row->endpoint);
    put_u64(&json, "flags", row->flags);
    put_u64(&json, "attempts", row->attempts);
    put_u64(&json, "duration_ms", row->duration_ms);
    put_u64(&json, "first_byte_ms", row->first_byte_ms);
    put_u64(&json, "tokens", row->tokens);
    json_key(&json, "cost");
    json_money(&json, (int64_t)row->nano);
    put_u64(&json, "cost_nano", row->nano);
    put_u64(&json, "delivered_tokens", row->delivered_tokens);
    put_u64(&json, "generated_tokens", row->generated_tokens);
    put_u64(&json, "price_version", row->price_version);
    put_usage(&json, &row->classes);
    /* Text: 64 random bits are more than most readers of JSON keep. */
    char epoch[17];
    snprintf(epoch, sizeof(epoch), "%016llx", (unsigned long long)row->epoch);
    put_text(&json, "epoch", epoch);
    put_u64(&json, "column", row->column);
    put_u64(&json, "position", row->position);
    put_u64(&json, "batch", row->batch_no);
    json_object_end(&json);
}
