/*
 * cells.h - the heart: hold, grow, progress, settle. Budgets that are exact
 * over any number of workers, with one writer per word.
 *
 * The protocol, store by store, with the table of who writes what and what a
 * kill leaves behind, is in shm/README.md; step names (H0, G1, S3 ...) are its.
 * Workers only; the reaper has its own file.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_CELLS_H
#define AIGW_SHM_CELLS_H

#include "shm/column.h"
#include "shm/key_table.h"

/* Requests in flight beside those of the entries: up to two rows of limit.h. */
struct hold_limits {
    uint32_t count;
    struct {
        uint32_t row;
        uint64_t name;
        uint32_t max; /* in flight; 0: only counted */
    } rows[2];
};

/* What a request asks for. */
struct hold {
    const struct key_view *key;
    uint64_t amount[SHM_UNITS];
    bool overrun; /* on_exhausted = finish */
    bool is_free; /* can cost nothing: no budget is asked, only concurrency */
    bool shadow;  /* no ceiling and no number in flight refuses it */
    uint32_t model_idx, provider_idx, price_version;
    uint64_t request_id[2];
    int64_t started_wall_ms;
    uint32_t dialect, stream;
    uint32_t prompt_estimate; /* tokens; splits a lost record's charge */
    uint8_t client_ip[16];
    const struct hold_limits *limits; /* NULL: none */
};

/* Why it was refused. */
struct hold_refusal {
    uint32_t entry; /* the key's or the group's */
    bool is_group, concurrency;
    bool by_limit; /* concurrency of rows[limit], not of the entry */
    uint32_t limit;
    int unit;
    int shadow; /* what a hold that was granted as a shadow would have been */
};

/*
 * cells_hold - H1..H8 in slot `slot` (from seat_take_slot). 0: the slot is
 * SENT, the lease granted. -EDQUOT over a ceiling, -EBUSY over max_in_flight,
 * -ESTALE the key or group changed hands, -EIDRM a limit's row did: look it up
 * again, -EAGAIN the budget
 * is there, but so much is not durable in advance yet (strict). On error the slot
 * is FREE again but still the caller's (seat_give_slot). A first sum without
 * announcing refuses what cannot fit; refused only because of others'
 * reservations -> tries once more. An amount over SHM_AMOUNT_MAX never fits.
 */
int cells_hold(struct seat *seat, uint32_t slot, const struct hold *hold,
               struct hold_refusal *why) MUST_CHECK;
/* cells_grow - G1..G2: the lease gets more. 0, -EDQUOT or -EAGAIN as above
 * (nothing taken). */
int cells_grow(struct seat *seat, uint32_t slot, const uint64_t add[SHM_UNITS],
               struct hold_refusal *why) MUST_CHECK;
/* What would fit now in both entries: min over key and group of ceiling - sums,
 * 0 at least; UINT64_MAX when neither has a ceiling in that unit. */
uint64_t cells_room(const struct segment *segment, const struct key_view *key,
                    int unit);
/* 4.3: absolute; before the bytes go to the client's socket. */
void cells_progress(struct seat *seat, uint32_t slot,
                    const uint64_t progress[SHM_UNITS]);
/* What the slot shows of the route that was taken (before bytes go upstream). */
void cells_route(struct seat *seat, uint32_t slot, uint32_t model_idx,
                 uint32_t provider_idx, uint32_t price_version,
                 uint32_t attempts);
/*
 * cells_settle - S1..S7 in one go: fills entry[], tokens' and nano's after[] in
 * `record` (the caller set the rest, `tokens` and `nano` are the charge), puts
 * record and meta into the ring, charges both entries, frees the slot. meta_len
 * <= SHM_RECORD_META_MAX. The last byte may go to the client after it.
 */
void cells_settle(struct seat *seat, uint32_t slot, struct shm_record *record,
                  const void *meta, uint32_t meta_len);
uint64_t cells_granted(const struct seat *seat, uint32_t slot, int unit);

#endif
