/*
 * auth.c - see auth.h: the key of a request is found and judged before its body
 * is read.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "worker/auth.h"
#include "worker/error_reply.h"
#include "worker/request_call.h"

#define INVALID "invalid_request_error"

/* A key that changed hands while it was looked at is looked up again. Each time
 * is a whole life of a key in between, so more than one is not seen. */
enum { LOOK_UPS = 16 };

/* "Bearer TOKEN", the scheme in any case (RFC 9110 11.1). */
static struct str
bearer(struct str value)
{
    struct str scheme = str_make(value.ptr, value.len < 7 ? value.len : 7);
    if (!str_equals_nocase(scheme, STR_LIT("Bearer ")))
        return (struct str){NULL, 0};
    return str_trim(str_skip(value, 7));
}

/* In order of preference, so that a client which sends several (a provider's
 * credential beside ours) is understood. */
enum { FROM_CF, FROM_BEARER, FROM_X_API_KEY, FROM_API_KEY, FROM_GOOG, FROMS };

static struct str
find_credential(const struct http_head *head)
{
    struct str found[FROMS] = {{NULL, 0}};
    for (unsigned i = 0; i < head->field_count; i++) {
        struct str value = head->fields[i].value;
        switch (head->fields[i].which) {
        case HTTP_NAME_API_KEY:
            found[FROM_API_KEY] = value;
            break;
        case HTTP_NAME_X_API_KEY:
            found[FROM_X_API_KEY] = value;
            break;
        case HTTP_NAME_AUTHORIZATION:
            found[FROM_BEARER] = bearer(value);
            break;
        case HTTP_NAME_X_GOOG_API_KEY:
            found[FROM_GOOG] = value;
            break;
        case HTTP_NAME_CF_AIG_AUTHORIZATION:
            found[FROM_CF] = bearer(value);
            break;
        default:
            break;
        }
    }
    for (int i = 0; i < FROMS; i++)
        if (found[i].len > 0)
            return found[i];
    /* Keys need no percent-decoding. */
    return request_query(head->query, STR_LIT("key"));
}

COLD static int
refuse(struct fault *fault, uint16_t status, const char *code,
       const char *message)
{
    fault_set(fault, status, INVALID, code, NULL, "%s", message);
    fault->no_retry = true;
    return -1;
}

static int
refuse_unsettled(struct fault *fault)
{
    fault_set_overloaded(fault, "the key is being changed");
    return -1;
}

static int
refuse_unknown(struct fault *fault)
{
    return refuse(fault, 401, "invalid_api_key",
                  "this API key is not known here: check that it was copied "
                  "whole and has not been deleted");
}

/* Its time and where it may be used from. 0, -1, -ESTALE. */
static int
judge_use(struct request *request, struct fault *fault)
{
    const struct segment *segment = request->worker->heritage->segment;
    const struct key_view *key = &request->key;
    if (key->expires_ms > 0 && key->expires_ms <= request->started_wall_ms)
        return refuse(fault, 401, "key_expired",
                      "this key has expired: ask its owner for a new date or "
                      "a new key");
    if (key->value_until_ms > 0 &&
        key->value_until_ms <= request->started_wall_ms)
        return refuse(fault, 401, "invalid_api_key",
                      "this key was given a new value, and the time of the old "
                      "one is over: ask its owner for the new one");
    int allowed =
        key_table_address_allowed(segment, key, client_addr16(request->client));
    if (allowed == 0)
        return refuse(fault, 403, "ip_not_allowed",
                      "this key may not be used from your address: ask its "
                      "owner to add it to the key's list");
    if (allowed == -ESTALE)
        return -ESTALE;
    return allowed < 0 ? refuse_unsettled(fault) : 0;
}

/* The key or its group is off: what is wrong with the key itself is said first,
 * as aiproxy does (wire.md 3.5), whose words the group's are. -1, -ESTALE. */
COLD static int
judge_off(struct request *request, struct fault *fault)
{
    uint32_t flags = request->key.flags;
    if ((flags & SHM_KEY_DELETED) != 0)
        return refuse_unknown(fault);
    if ((flags & SHM_KEY_ENABLED) == 0)
        return refuse(fault, 401, "key_disabled",
                      "this key is disabled: ask its owner to enable it");
    int r = judge_use(request, fault);
    return r != 0 ? r
                  : refuse(fault, 403, "group_disabled",
                           "group is disabled: ask its owner to enable it");
}

/* 0, -1, -ESTALE. */
static int
judge(struct request *request, struct fault *fault)
{
    const struct key_view *key = &request->key;
    if (UNLIKELY((key->flags & key->group_flags & SHM_KEY_ENABLED) == 0))
        return judge_off(request, fault);
    return judge_use(request, fault);
}

/* 0, -1, -ESTALE. */
static int
look_up(struct request *request, struct fault *fault)
{
    const struct segment *segment = request->worker->heritage->segment;
    int r = key_table_find_likely(segment, request->key_digest,
                                  request->key.entry, &request->key);
    if (r == -EAGAIN)
        return refuse_unsettled(fault);
    if (r < 0) {
        /* Until the table is restored, an unknown key may be a good one. */
        if (shm_load(&segment->header->accountant_ready) == 0) {
            fault_set_overloaded(fault, "the gateway is starting");
            return -1;
        }
        return refuse_unknown(fault);
    }
    request->has_key = true;
    return judge(request, fault);
}

int
auth_check_again(struct request *request, struct fault *fault)
{
    int r = -ESTALE;
    for (int tries = 0; tries < LOOK_UPS && r == -ESTALE; tries++)
        r = look_up(request, fault);
    return r == -ESTALE ? refuse_unsettled(fault) : r;
}

int
auth_model_allowed(struct request *request, uint32_t model_idx,
                   struct fault *fault)
{
    const struct segment *segment = request->worker->heritage->segment;
    for (int tries = 0; tries < LOOK_UPS; tries++) {
        if ((request->key.flags & SHM_KEY_ALL_MODELS) != 0)
            return 1;
        int r = key_table_model_allowed(segment, &request->key, model_idx);
        if (r >= 0)
            return r;
        if (r == -ESTALE && auth_check_again(request, fault) < 0)
            return -1;
    }
    return refuse_unsettled(fault);
}

void
auth_claim_read(const struct worker *worker, const struct http_head *head,
                struct auth_claim *claim)
{
    claim->credential = find_credential(head);
    claim->is_known = false;
    claim->tag = auth_cache_tag(worker->auth_cache, claim->credential);
    auth_cache_prefetch(worker->auth_cache, claim->tag);
}

void
auth_claim_find(const struct worker *worker, struct auth_claim *claim)
{
    claim->is_known =
        auth_cache_find(worker->auth_cache, claim->tag, &claim->known);
    if (claim->is_known)
        key_table_prefetch(worker->heritage->segment, claim->known.entry);
}

int
auth_check(struct request *request, struct auth_claim *claim,
           struct fault *fault)
{
    request->is_anonymous = claim->credential.len == 0;
    if (request->is_anonymous)
        return refuse(fault, 401, "invalid_api_key",
                      "no API key was given: send it as "
                      "\"Authorization: Bearer sk-aigw-...\"");
    struct worker *worker = request->worker;
    struct auth_known *known = &claim->known;
    if (!claim->is_known) {
        crypto_key_digest(worker->heritage->secrets, claim->credential,
                          known->digest);
        known->entry = SHM_ENTRY_NONE;
    }
    memcpy(request->key_digest, known->digest, sizeof(request->key_digest));
    request->key.entry = known->entry;
    int r = auth_check_again(request, fault);
    if (request->has_key && request->key.entry != known->entry) {
        known->entry = request->key.entry;
        auth_cache_keep(worker->auth_cache, claim->tag, known);
    }
    return r;
}
