/*
 * ledger_row_json.c - one log row as JSON: reports and access log.
 *
 * The access log writes one for every request, so this is written for speed:
 * room for the largest row is reserved once, then bytes are put without a
 * check each. Texts with anything but plain ASCII take json_escape()'s way.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <string.h>

#include "accountant/ledger/ledger_report.h"
#include "common/json_scan.h"
#include "common/json_write.h"
#include "common/price_tier.h"

enum {
    /* Six bytes for each byte of the texts (1,686), and the rest below 2,048:
     * 45 names and 35 numbers of at most 20 digits. */
    ROW_JSON_MAX = 6 * 1800 + 2048,
    ATTEMPT_JSON_MAX = 6 * (2 * 128 + 64) + 300,
};

struct line {
    char *at;
    struct buf *out; /* end is behind `at` only while escaping */
};

#define PUT(line, literal) put_bytes((line), (literal), sizeof(literal) - 1)

static void
put_bytes(struct line *line, const char *bytes, size_t len)
{
    memcpy(line->at, bytes, len);
    line->at += len;
}

static void
put_number(struct line *line, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    put_bytes(line, digits + at, sizeof(digits) - at);
}

/* Exactly `width` digits. */
static void
put_digits(struct line *line, uint64_t value, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        line->at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    line->at += width;
}

static bool
is_plain(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || (unsigned char)text[i] > 0x7e ||
            text[i] == '"' || text[i] == '\\')
            return false;
    return true;
}

/* A string, or null for "". */
static void
put_text(struct line *line, const char *text)
{
    size_t len = strlen(text);
    if (len == 0) {
        PUT(line, "null");
        return;
    }
    PUT(line, "\"");
    if (is_plain(text, len)) {
        put_bytes(line, text, len);
    } else {
        line->out->end = (size_t)(line->at - line->out->data);
        json_escape(line->out, str_make(text, len));
        line->at = line->out->data + line->out->end;
    }
    PUT(line, "\"");
}

/* The client's metadata, an object as its worker wrote it; null for none. */
static void
put_tags(struct line *line, const char *tags)
{
    if (tags[0] == '{' && strpbrk(tags, "\r\n") == NULL &&
        json_is(str_from(tags), JSON_OBJECT))
        put_bytes(line, tags, strlen(tags));
    else
        put_text(line, tags);
}

/* "2026-11-21T22:33:00.123Z"; days to a date after Hinnant, "chrono-compatible
 * low-level date algorithms". */
static void
put_time(struct line *line, int64_t wall_ms)
{
    if (wall_ms <= 0 || wall_ms > INT64_C(253402300799999)) {
        PUT(line, "null");
        return;
    }
    uint64_t ms = (uint64_t)wall_ms % 86400000;
    uint64_t z = (uint64_t)wall_ms / 86400000 + 719468;
    uint64_t era = z / 146097, day = z % 146097;
    uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    uint64_t of_year = day - (365 * year + year / 4 - year / 100);
    uint64_t month = (5 * of_year + 2) / 153; /* from March */
    uint64_t of_month = of_year - (153 * month + 2) / 5 + 1;
    PUT(line, "\"");
    put_digits(line, year + era * 400 + (month >= 10 ? 1 : 0), 4);
    PUT(line, "-");
    put_digits(line, month < 10 ? month + 3 : month - 9, 2);
    PUT(line, "-");
    put_digits(line, of_month, 2);
    PUT(line, "T");
    put_digits(line, ms / 3600000, 2);
    PUT(line, ":");
    put_digits(line, ms / 60000 % 60, 2);
    PUT(line, ":");
    put_digits(line, ms / 1000 % 60, 2);
    PUT(line, ".");
    put_digits(line, ms % 1000, 3);
    PUT(line, "Z\"");
}

/* Nano-currency as the shortest decimal. */
static void
put_money(struct line *line, uint64_t nano)
{
    put_number(line, nano / 1000000000);
    uint64_t part = nano % 1000000000;
    if (part == 0)
        return;
    PUT(line, ".");
    put_digits(line, part, 9);
    while (line->at[-1] == '0')
        line->at--;
}

static void
put_usage(struct line *line, const struct usage *usage)
{
    PUT(line, ",\"usage\":{\"prompt_missed\":");
    put_number(line, usage->prompt_missed);
    PUT(line, ",\"cached\":");
    put_number(line, usage->cached);
    PUT(line, ",\"cache_creation\":");
    put_number(line, usage->cache_creation);
    PUT(line, ",\"cache_creation_1h\":");
    put_number(line, usage->cache_creation_1h);
    PUT(line, ",\"completion\":");
    put_number(line, usage->completion);
    PUT(line, ",\"reasoning\":");
    put_number(line, usage->reasoning);
    PUT(line, ",\"audio\":");
    put_number(line, usage_audio(usage));
    PUT(line, ",\"audio_in\":");
    put_number(line, usage->audio_in);
    PUT(line, ",\"audio_out\":");
    put_number(line, usage->audio_out);
    PUT(line, "}");
}

static void
put_who(struct line *line, const struct ledger_row *row)
{
    PUT(line, "{\"time\":");
    put_time(line, row->ended_ms);
    PUT(line, ",\"started\":");
    put_time(line, row->started_ms);
    PUT(line, ",\"request_id\":");
    put_text(line, row->request_id);
    PUT(line, ",\"key_id\":");
    put_number(line, row->key_id);
    PUT(line, ",\"group_id\":");
    put_number(line, row->group_id);
    PUT(line, ",\"client_ip\":");
    put_text(line, row->client_ip);
}

static void
put_attempt(struct line *line, const struct ledger_attempt *attempt)
{
    PUT(line, "{\"provider\":");
    put_text(line, attempt->provider);
    PUT(line, ",\"model\":");
    put_text(line, attempt->model);
    PUT(line, ",\"credential\":");
    put_text(line, attempt->credential);
    PUT(line, ",\"status\":");
    put_number(line, attempt->status);
    PUT(line, ",\"cause\":");
    put_text(line, ledger_cause_name(attempt->cause));
    PUT(line, ",\"duration_ms\":");
    put_number(line, attempt->duration_ms);
    PUT(line, ",\"tokens\":");
    put_number(line, attempt->tokens);
    PUT(line, ",\"cost_nano\":");
    put_number(line, attempt->nano);
    PUT(line, "}");
}

/* How many there were, and those that are known one by one: where none has failed
 * the row itself says all. */
static void
put_attempts(struct line *line, const struct ledger_row *row)
{
    PUT(line, ",\"credential\":");
    put_text(line, row->credential);
    PUT(line, ",\"attempt_count\":");
    put_number(line, row->attempts);
    PUT(line, ",\"attempts\":[");
    for (unsigned i = 0; i < row->tried_count; i++) {
        if (i > 0)
            PUT(line, ",");
        put_attempt(line, &row->tried[i]);
    }
    PUT(line, "]");
}

static void
put_what(struct line *line, const struct ledger_row *row)
{
    PUT(line, ",\"status\":");
    put_number(line, row->status);
    PUT(line, ",\"cause\":");
    put_text(line, ledger_cause_name(row->cause));
    if (row->limit != 0) {
        PUT(line, ",\"limit\":");
        put_text(line, ledger_limit_name(row->limit));
        if ((row->flags & LEDGER_FLAG_WOULD_REFUSE) != 0)
            PUT(line, ",\"would_refuse\":true");
    }
    PUT(line, ",\"model\":");
    put_text(line, row->model);
    PUT(line, ",\"model_asked\":");
    put_text(line, row->model_asked);
    PUT(line, ",\"provider\":");
    put_text(line, row->provider);
    PUT(line, ",\"error\":");
    put_text(line, row->error);
    PUT(line, ",\"metadata\":");
    put_tags(line, row->tags);
    PUT(line, ",\"dialect\":");
    put_number(line, row->dialect);
    PUT(line, ",\"endpoint\":");
    put_number(line, row->endpoint);
    PUT(line, ",\"flags\":");
    put_number(line, row->flags);
    put_attempts(line, row);
    PUT(line, ",\"duration_ms\":");
    put_number(line, row->duration_ms);
    PUT(line, ",\"first_byte_ms\":");
    put_number(line, row->first_byte_ms);
    PUT(line, ",\"queue_ms\":");
    put_number(line, row->queue_ms);
    PUT(line, ",\"sent_ms\":");
    put_number(line, row->sent_ms);
    PUT(line, ",\"connect_ms\":");
    put_number(line, row->connect_ms);
    PUT(line, ",\"first_token_ms\":");
    put_number(line, row->first_token_ms);
}

static void
put_charge(struct line *line, const struct ledger_row *row)
{
    PUT(line, ",\"tokens\":");
    put_number(line, row->tokens);
    PUT(line, ",\"cost\":");
    put_money(line, row->nano);
    PUT(line, ",\"cost_nano\":");
    put_number(line, row->nano);
    PUT(line, ",\"delivered_tokens\":");
    put_number(line, row->delivered_tokens);
    PUT(line, ",\"generated_tokens\":");
    put_number(line, row->generated_tokens);
    PUT(line, ",\"price_version\":");
    put_number(line, row->price_version);
    PUT(line, ",\"price_tier\":");
    put_number(line, row->price_tier);
    PUT(line, ",\"service_tier\":");
    put_text(line, service_tier_name(row->service_tier));
    put_usage(line, &row->classes);
}

static void
put_identity(struct line *line, const struct ledger_row *row)
{
    static const char hex[] = "0123456789abcdef";
    /* Text: 64 random bits are more than most readers of JSON keep. */
    PUT(line, ",\"epoch\":\"");
    for (int shift = 60; shift >= 0; shift -= 4)
        *line->at++ = hex[row->epoch >> shift & 15];
    PUT(line, "\",\"column\":");
    put_number(line, row->column);
    PUT(line, ",\"position\":");
    put_number(line, row->position);
    PUT(line, ",\"batch\":");
    put_number(line, row->batch_no);
    PUT(line, "}");
}

void
ledger_row_to_json(const struct ledger_row *row, struct buf *out)
{
    size_t most = ROW_JSON_MAX + row->tried_count * (size_t)ATTEMPT_JSON_MAX;
    if (out->failed || buf_reserve(out, most) < 0) {
        out->failed = true;
        return;
    }
    struct line line = {out->data + out->end, out};
    put_who(&line, row);
    put_what(&line, row);
    put_charge(&line, row);
    put_identity(&line, row);
    out->end = (size_t)(line.at - out->data);
}
