/*
 * alerts.h - tells webhooks that a budget or a balance is nearly spent.
 *
 * What an alert looks for is a crossing: a level that was not reached by what is
 * durable, and is by what becomes durable with this batch. The event is in the
 * same batch, so each crossing has one event, whenever the accountant dies, and
 * nothing needs to be remembered of levels. A period that begins, a raised limit
 * or a top-up take what was used below the level again.
 *
 *   event in the batch (notes 'w') -> durable -> header.alerts + 1
 *   a worker asks what is due, posts it, says what came of it
 *   2xx, or given up: from notes 'w' to notes 'd', in one batch; else its next
 *   time is put off
 *
 * A worker or accountant that dies between: the event is due as before, and is
 * sent again. Loop thread, but for what says otherwise.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ALERTS_H
#define AIGW_ACCOUNTANT_ALERTS_H

#include "accountant/objects.h"
#include "common/alert_rule.h"
#include "common/crypto.h"

struct flush;
struct store;

/* Levels of the configuration's alerts, one for each. */
struct alerts {
    struct alert_levels *levels;
    unsigned count;
};
/* Of a configuration that was checked. */
void alerts_configure(struct alerts *alerts, const struct config *config);
void alerts_fini(struct alerts *alerts);

/* After the changes of a flush are staged and before budgets roll: crossings by
 * what was used. */
void alerts_stage_used(struct flush *flush);
/* Crossings by a balance that another service told: what the group's total may
 * reach; BALANCE_NOT_KNOWN. */
void alerts_stage_limit(struct flush *flush, const struct object *object,
                        int64_t was, int64_t is);
/* Crossings by a change of `object` (NULL: it is new, nothing is told): what it
 * will be. One of the two is not NULL. */
void alerts_stage_change(struct flush *flush, const struct object *object,
                         const struct gateway *gateway,
                         const struct group *group);
/* Something is due, or may be: workers look. */
void alerts_ring(struct store *store);

/* ---- events (alert_event.c); any thread ---- */

enum { ALERT_ID_BYTES = 18, ALERT_ID_CHARS = 2 * ALERT_ID_BYTES };
enum alert_state { ALERT_PENDING, ALERT_DELIVERED, ALERT_FAILED };

/* An event as the ledger has it. */
struct alert_event {
    char id[ALERT_ID_BYTES]; /* its name: ms8, batch8, index2 */
    uint8_t state;
    uint16_t status; /* of the last answer; 0: none */
    uint32_t attempts;
    int64_t created_ms, next_ms, ended_ms;
    char alert[ALERT_NAME_MAX + 1];
    struct str body; /* JSON; a view where it was read */
};
/* An event of now, due at once, of the batch and its place in that. */
void alert_event_init(struct alert_event *event, const char *alert,
                      int64_t now_ms, uint64_t batch_no, unsigned index);
void alert_event_encode(const struct alert_event *event, struct buf *out);
/* 0 or -EBADMSG. */
int alert_event_decode(struct str name, struct str value,
                       struct alert_event *event) MUST_CHECK;
/* What comes of an answer with that status (0: none): its state, attempts and
 * next time. `is_gone`: its alert is not there any more. */
void alert_event_note(struct alert_event *event, uint16_t status, bool is_gone,
                      int64_t now_ms);
/* What a webhook can check: the HMAC of when it is sent, in seconds, a dot and the
 * body. The secret is the alert's; `hex` has room for its NUL. */
void alert_event_sign(const struct alert_event *event, const char *secret,
                      int64_t now_ms, char hex[2 * CRYPTO_DIGEST_BYTES + 1]);
/* The members that every body begins with; more may follow. */
struct json_writer;
void alert_body_begin(struct json_writer *json, const struct config *config,
                      const char *alert, const char *type, int64_t now_ms);

#endif
