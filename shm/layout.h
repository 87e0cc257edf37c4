/*
 * layout.h - the only definition of the bytes of the segment
 * (/dev/shm/aigw-INSTANCE). Pictures, writers and orders: shm/README.md.
 *
 *   0        shm_header                                          4 KiB
 *   .        shm_column[column_max]      a worker's seat, 1 line each
 *   .        index buckets [bucket_count] u64
 *   .        limits: names u64 [limit_max], then [limit_max] shm_limit | busy[C]
 *   .        entries [entry_max], entry_stride bytes each:
 *              shm_entry_hot | shm_cell[C] | shm_entry_cold
 *   .        shm_name[model_max], shm_name[provider_max]
 *   .        shm_endpoint[endpoint_max]
 *   .        stats  [endpoint_max][column_max] shm_stats
 *   .        slots  [column_max][slot_max] shm_slot
 *   .        rings  [column_max][ring_bytes]
 *   .        health, credentials, gates, windows: layout_health.h
 *
 * Offsets, never pointers; fixed widths; every word has one writing process
 * (rate words excepted: they heal). C = column_max.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_LAYOUT_H
#define AIGW_SHM_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "common/settings.h"
#include "shm/atomic.h"
#include "shm/layout_limits.h"
#include "shm/layout_record.h"

#define SHM_ENTRY_NONE 0xffffffffu
#define SHM_GIVEN_UP   0xffffffffu /* shm_column.claim */
/* No single lease is larger, so that no sum of cells overflows 128 bits and a
 * hostile max_tokens disturbs nobody. */
#define SHM_AMOUNT_MAX (UINT64_C(1) << 48)

#define SHM_MAGIC 0x3147455357474941ull /* "AIGWSEG1" */

#include "shm/layout_health.h"

enum {
    SHM_LAYOUT_VERSION = 5,
    SHM_UNITS = 2, /* 0 tokens, 1 nano-currency */
    SHM_BUDGETS = 8,
    SHM_MODELS_MAX = 1024, /* width of the model bitmap */
    SHM_ACL_MAX = 16,
    SHM_NAME_BYTES = 128,
    SHM_RECORD_META_MAX = 1024,
    SHM_RECORD_MAX = 256 + SHM_RECORD_META_MAX,
    SHM_LATENCY_BUCKETS = 16, /* bound of bucket i: 2^i ms; last: more */
};

enum shm_unit { SHM_TOKENS, SHM_NANO };
/* TAKEN: given to a child that has not run yet; its pid is the master's. */
enum shm_column_state {
    SHM_COLUMN_FREE,
    SHM_COLUMN_LIVE,
    SHM_COLUMN_DYING,
    SHM_COLUMN_TAKEN
};
enum shm_tag_state { SHM_TAG_NONE, SHM_TAG_ACTIVE, SHM_TAG_RETIRED };
enum shm_slot_state {
    SHM_SLOT_FREE,
    SHM_SLOT_HELD,
    SHM_SLOT_SENT,
    SHM_SLOT_SETTLING
};
enum shm_period {
    SHM_PERIOD_NONE,
    SHM_PERIOD_DAILY,
    SHM_PERIOD_WEEKLY,
    SHM_PERIOD_MONTHLY,
    SHM_PERIOD_TOTAL,
    SHM_PERIOD_BALANCE /* a group's balance; limit below 0: it is not known */
};
/* shm_entry_cold.former_until */
enum { SHM_VALUE_NONE, SHM_VALUE_ENDED };
enum shm_on_exhausted {
    SHM_ON_DEFAULT,
    SHM_ON_REJECT,
    SHM_ON_CLAMP,
    SHM_ON_CUT,
    SHM_ON_FINISH
};
/* What a group's limits by model are multiplied with: shm_entry_hot.digest of a
 * group, in millionths; 0: 1. */
enum shm_ratio { SHM_RATIO_RPM, SHM_RATIO_TPM, SHM_RATIOS };
enum shm_entry_flags {
    SHM_KEY_ENABLED = 1, /* a key is good where its group's is set, too */
    SHM_KEY_ALL_MODELS = 2,
    SHM_KEY_HOLD_WORST = 4,     /* hold = worst */
    SHM_KEY_CRASH_RESERVED = 8, /* crash_charge = reserved */
    SHM_KEY_ACL_ALLOW = 16,     /* acl lists who may; else who may not */
    SHM_KEY_IS_GROUP = 32,
    SHM_KEY_HAS_MONEY_BUDGET = 64,      /* itself or its group: needs a price */
    SHM_KEY_HAS_SETTINGS = 128,         /* policy.settings says something */
    SHM_KEY_HAS_MODEL_LIMITS = 1 << 16, /* rows of limit.h */
    SHM_KEY_LIMITS_LOST = 1 << 17,      /* not all of them found room */
    SHM_KEY_DELETED = 1 << 18, /* and not ENABLED: can be restored yet */
};

struct shm_header {
    shm_u64 magic; /* stored last at creation */
    uint32_t layout_version;
    uint32_t header_bytes;
    uint64_t layout_hash; /* of offsets and sizes, segment_layout_hash() */
    uint64_t total_bytes;
    uint64_t instance_id; /* of the ledger it belongs to; 0: not known */
    uint64_t epoch;       /* one per creation */
    uint8_t boot_id[16];
    char instance[64];
    uint32_t column_max, entry_max, bucket_count, model_max, provider_max,
        endpoint_max, slot_max, entry_stride, limit_max, limit_stride;
    uint64_t ring_bytes; /* power of two */
    uint64_t columns_off, buckets_off, entries_off, models_off, providers_off,
        endpoints_off, stats_off, slots_off, rings_off, health_off,
        credentials_off, gates_off, windows_off, limit_names_off, limits_off,
        spend_names_off, spends_off;
    int64_t created_ms;
    /* -- master writes -- */
    _Alignas(SHM_LINE) shm_u64 master_pid;
    shm_u64 master_start;
    shm_u64 config_generation; /* +1 with each reload that was applied */
    shm_u32 column_high;       /* columns [0, column_high) were ever LIVE */
    shm_u32 draining;          /* 1: stop has begun */
    shm_u64 reload_failed;     /* 1: the last reload was refused */
    shm_u64 accountant_restarts, worker_restarts, repeated_crashes;
    /* -- accountant writes -- */
    _Alignas(SHM_LINE) shm_u64 accountant_pid;
    shm_u64 accountant_start;
    shm_u64 accountant_ready; /* 1: restored, workers may admit */
    shm_u32 entry_high;       /* entries [0, entry_high) were ever used */
    shm_u32 model_high, provider_high, endpoint_high;
    shm_u64 catalogue_generation; /* file PATH.cat.N beside the segment */
    shm_u64 accountant_heartbeat_ms;
    shm_u64 flushed_ms; /* monotonic: last flush that was durable */
    shm_u64 flush_errors, ledger_batch; /* batch: the last durable one */
    shm_u64 escrow_slack[SHM_UNITS], escrow_wants; /* wants: many writers */
    shm_u64 limit_misses;        /* names that found no place; many writers */
    shm_u64 revocations;         /* +1 with each key that may be used no more */
    shm_i64 certificate_until_s; /* master: end of tls_cert, 1970; 0: none */
    shm_u64 alerts; /* +1 when there are events to be told; 0: there are none */
    shm_u64 courier_ms; /* no worker asks for them before; many writers */
    shm_u64 tests;      /* of providers, that no worker has taken yet */
};
_Static_assert(sizeof(struct shm_header) <= 4096, "header fits its page");

/*
 * A worker's seat. Master: FREE -> TAKEN, and TAKEN or LIVE -> DYING; the child:
 * TAKEN -> LIVE; the reaper: DYING -> FREE. Who may leave TAKEN is decided by a
 * compare-and-swap on `claim`, because a child of a dead master and a new
 * master may both want to. Line 1: the master, then the child; line 2: the
 * worker.
 */
struct shm_column {
    _Alignas(SHM_LINE) shm_u32 state;
    shm_u32 generation; /* +1 with FREE -> TAKEN */
    shm_u64 pid, start_time;
    shm_u64 config_generation;
    shm_u64 started_ms; /* monotonic */
    shm_u64 claim;      /* generation << 32 | pid; 0: nobody; SHM_GIVEN_UP */
    _Alignas(SHM_LINE) shm_u64 heartbeat_ms; /* worker, monotonic */
    shm_u64 connections, requests, draining;
    shm_u64 last_request, last_key;       /* a mark of the request read last */
    _Alignas(SHM_LINE) shm_u64 ring_head; /* the column's process */
    shm_u64 slots_used;                   /* the same; a hint */
    _Alignas(SHM_LINE) shm_u64 ring_tail; /* accountant */
};

/* One budget row: cold, for refusals, API, dump. The accountant writes. */
struct shm_budget {
    shm_u32 unit, period;
    shm_i64 limit, baseline; /* baseline in ledger totals, not in cells */
    shm_i64 period_no, resets_ms;
};

/*
 * What admission reads of an entry. Lines 1 and 2: the accountant writes. `id`
 * changes only while the tag is not ACTIVE, so that a reader who finds the same
 * tag before and after has read one tenant's; each other word is true by itself
 * (a torn pair of group_entry and group_tag is caught by the comparison with the
 * group's own tag). `digest` changes when a key gets a new value (V1..V5 of
 * shm/README.md): a torn one is nobody's.
 */
struct shm_entry_hot {
    _Alignas(SHM_LINE) shm_u64 tag; /* generation << 8 | shm_tag_state */
    shm_u32 flags;                  /* shm_entry_flags */
    shm_u32 on_exhausted;
    shm_i64 ceiling[SHM_UNITS]; /* INT64_MAX: no budget */
    shm_i64 expires_ms;         /* wall; 0 never */
    shm_u32 max_in_flight;      /* 0 = no limit */
    shm_u32 group_entry;        /* of a key; SHM_ENTRY_NONE for a group */
    shm_u64 group_tag;
    shm_u64 rpm; /* limits per minute; 0 = none */
    _Alignas(SHM_LINE) shm_u64 tpm;
    shm_u64 id;                /* the ledger's id of the key or group */
    shm_u64 digest[4];         /* of a key; of a group: shm_ratio */
    shm_i64 escrow[SHM_UNITS]; /* durable; INT64_MAX: not strict */
    /* Own line: many writers, tats by CAS; heal by themselves. */
    _Alignas(SHM_LINE) shm_u64 rpm_tat_ns; /* GCRA, monotonic ns */
    shm_u64 tpm_tat_ns, escrow_wanted[SHM_UNITS];
};

/* What one column holds and has used of an entry: all that it touches of it, and
 * that a sum over few columns reads, lies in one line or two. Its process
 * writes. */
struct shm_cell {
    shm_u64 reserved[SHM_UNITS];
    shm_u64 used[SHM_UNITS];
    shm_u32 busy; /* requests in flight */
    shm_u32 pad;
};

struct shm_acl {
    shm_u64 addr[2]; /* network order bytes, v4 mapped */
    shm_u32 prefix_len;
    shm_u32 pad;
};

/* What a key may use and who may use it, and what it is called. */
struct shm_policy {
    shm_u64 group_id, group_tag;
    shm_u32 group_entry, pad;
    shm_u64 models[SHM_MODELS_MAX / 64];
    struct shm_acl acl[SHM_ACL_MAX];
    shm_u64 name[8];                  /* 63 bytes + NUL, for dump */
    shm_u64 settings[SETTINGS_WORDS]; /* a struct settings: this layer */
};

/*
 * Policy and budget rows stand twice, as latches: the writer writes the copy
 * that nobody reads, whole, then the version, whose last bit says which copy
 * counts. A reader reads the version again behind the copy. So a writer that
 * sleeps or has died in the middle keeps no reader waiting.
 *
 * `seq` (odd = something of the entry is being written, lines 1 and 2 of the
 * hot part too) is for those who want all of it as of one moment: dump, verify.
 * Orders stand on the operations: every store release, every load acquire, so
 * no fence is needed.
 */
struct shm_entry_cold {
    _Alignas(SHM_LINE) shm_u32 seq;
    shm_u32 policy_version, budget_version;
    shm_u32 flags[2], acl_count[2]; /* of policy[]: a short look is one line */
    shm_u32 pad;
    shm_i64 origin[SHM_UNITS]; /* changes only while the tag is not ACTIVE */
    struct shm_policy policy[2];
    struct shm_budget budgets[2][SHM_BUDGETS];
    /* The value before the last: its digest, and until when it is good (wall
     * ms). Readers load the time first, writers store it last. */
    shm_i64 former_until; /* SHM_VALUE_NONE, SHM_VALUE_ENDED, or a time */
    shm_u64 former[4];
};

struct shm_name {
    shm_u32 state; /* 0 free, 1 used; the name never changes after */
    shm_u32 pad;
    shm_u64 name[SHM_NAME_BYTES / 8];
};

/* Which model at which provider a stats row is of. Never changes once used. */
struct shm_endpoint {
    shm_u32 state, model_idx, provider_idx, pad;
};

/* One request in flight. The column's process writes: its worker while LIVE,
 * the reaper while DYING. 4 lines; the first has all that admission touches. */
struct shm_slot {
    _Alignas(SHM_LINE) shm_u32 state;
    shm_u32 crash_reserved; /* policy at admission */
    shm_u32 entry[2];       /* key, group */
    shm_u64 tag[2];
    shm_u64 amount[SHM_UNITS];   /* granted */
    shm_u64 progress[SHM_UNITS]; /* handed to the client or about to be */
    shm_u64 target[2][SHM_UNITS];
    shm_u64 rec, rec_end; /* ring positions of my record */
    shm_u32 overrun;      /* finish: progress may pass amount */
    shm_u32 model_idx, provider_idx, price_version;
    shm_u64 key_id, group_id;
    shm_u64 request_id[2];
    shm_i64 started_wall_ms;
    shm_u32 dialect, stream, attempts, prompt_estimate;
    shm_u64 client_ip[2];
    shm_u32 limit[2]; /* rows whose busy counts it, + 1; 0: none */
};

/* Per endpoint (model at provider) and column; the column's process writes. */
struct shm_stats {
    _Alignas(SHM_LINE) shm_u64 requests;
    shm_u64 ok, client_errors, provider_errors, timeouts, rate_limited, cut,
        client_gone, lost;
    shm_u64 prompt_missed, cached, cache_creation, completion, reasoning,
        audio_in, audio_out, cost_nano;
    shm_u64 duration_ms_sum, first_byte_ms_sum;
    shm_u64 duration[SHM_LATENCY_BUCKETS], first_byte[SHM_LATENCY_BUCKETS];
};

/* What other code relies on of offsets: the asserts of segment_layout.c. */

#endif
