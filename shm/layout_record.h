/*
 * layout_record.h - the record of one request, as it lies in a ring: part of
 * layout.h, which names its places and sizes.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_LAYOUT_RECORD_H
#define AIGW_SHM_LAYOUT_RECORD_H

#include <stdint.h>

/* Why a record ended as it did. */
enum record_cause {
    RECORD_OK,
    RECORD_PROVIDER_ERROR, /* status says which */
    RECORD_UPSTREAM_FAILED,
    RECORD_UPSTREAM_TIMEOUT,
    RECORD_UPSTREAM_CUT, /* broke off in the middle */
    RECORD_CLIENT_GONE,
    RECORD_CUT,       /* budget spent in mid-stream */
    RECORD_LOST,      /* the worker died */
    RECORD_DRAIN_CUT, /* drain_timeout */
    RECORD_REFUSED,   /* by ourselves */
    RECORD_REVOKED,   /* its key, in mid-stream */
    RECORD_CAUSES,
};
enum record_flags {
    RECORD_STREAM = 1,
    RECORD_ESTIMATED = 2, /* the provider stated no usage */
    RECORD_AMBIGUOUS = 4,
    RECORD_CLAMPED = 8,
    RECORD_CACHED = 16,
    RECORD_UNLISTED = 256, /* of the books, and of no log that is asked for */
    RECORD_FLAGGED = 512,  /* a guardrail found something */
    RECORD_BLOCKED = 1024, /* and did not let it pass */
    RECORD_PAYLOAD = 2048, /* bodies were kept, unless they found no room */
    RECORD_WOULD_REFUSE = 4096, /* `limit` would have, were it not a shadow */
};

/* What became of a call at one endpoint. credential: the number of its health
 * words + 1; 0: its provider has one only. */
struct shm_attempt {
    uint32_t model_idx, provider_idx;
    uint32_t duration_ms;
    uint16_t status; /* the provider's; 0: it never answered */
    uint8_t cause, credential;
    uint64_t tokens, nano; /* charged for it: part of what the record says */
};
enum { SHM_ATTEMPTS_MAX = 8 };

/* A counter of spend beside those of rules: a limit of cost that the call has come
 * by on a dynamic route. */
struct shm_charge {
    uint64_t name, window_ms;
};
enum { SHM_CHARGES_MAX = 4 };

/*
 * The record of one request: the only source of usage, cost and log rows.
 * Plain bytes: published by ring_head (release), read after it (acquire).
 * `meta` follows: the names of model asked, error text, tags and attempts, lengths
 * below; then charges. Attempts are there where one has failed; as many as find
 * room. An error text is cut where charges need its place.
 */
struct shm_record {
    uint32_t len; /* of all, padded to 8; <= SHM_RECORD_MAX */
    uint16_t version, flags;
    uint64_t key_id, group_id;
    uint64_t request_id[2];
    int64_t started_ms, ended_ms; /* wall */
    uint32_t entry[2];
    uint64_t tokens, nano; /* charged: what was added to the cells */
    uint64_t after[2][2];  /* the cells' `used` after this record */
    uint32_t prompt_missed, cached, cache_creation, completion, reasoning,
        audio_in, audio_out, cache_creation_1h;
    uint32_t delivered_tokens, generated_tokens;
    uint32_t duration_ms, first_byte_ms;
    uint32_t model_idx, provider_idx, price_version;
    uint16_t status, attempts;
    uint8_t cause, dialect, endpoint, limit; /* enum record_limit */
    uint8_t client_ip[16];
    uint16_t model_asked_len, error_len, tags_len;
    uint16_t attempts_len; /* a multiple of sizeof(struct shm_attempt) */
    uint32_t gateway;      /* settings_name_hash() of its profile; 0: none */
    uint8_t credential;    /* the last attempt's, as above */
    uint8_t price_tier;    /* of its price version, from 1; 0: the base */
    uint8_t service_tier;  /* enum service_tier, as the provider stated */
    uint8_t charges;       /* how many shm_charge */
    /* Where duration_ms went. queue: waited for places at providers, all
     * attempts. sent: from the beginning to the last attempt's. connect: from there
     * until it had a new connection, 0: an idle one was there; first_byte_ms is
     * from there, too. first_token: from the beginning to a stream's first
     * text. */
    uint32_t queue_ms, sent_ms, connect_ms, first_token_ms;
};

#endif
