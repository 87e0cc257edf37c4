/*
 * spend_rule.h - a spend limit of a gateway profile, as one text:
 *
 *   id=a limit=0.5 window=1h technique=sliding model=m1|m2 provider=p
 *   partition=user filter=team:blue|red
 *
 * What the calls that it concerns may cost together in each window; a counter of
 * its own for each value of the metadata that `partition` names (calls without
 * one have one together). `filter`: only calls with one of the values. model,
 * provider, partition and filter may be left out; the last two may stand several
 * times. Source: wire.md 2.6, 2.7 (spend_limits of Cloudflare's AI Gateway).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_SPEND_RULE_H
#define AIGW_COMMON_SPEND_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"

enum {
    SPEND_RULES_MAX = 20,
    SPEND_TAGS_MAX = 5,
    SPEND_TEXT_BYTES = 1024,
    SPEND_ID_BYTES = 65,
};

struct spend_tag {
    char key[128];
    bool partition;   /* else a filter: */
    char values[512]; /* with | between */
};

struct spend_rule {
    char text[SPEND_TEXT_BYTES]; /* as it was parsed */
    char id[SPEND_ID_BYTES];
    char limit_text[32];
    int64_t limit_nano;
    uint64_t window_ms;
    bool sliding;
    char models[512], providers[512]; /* with | between; "": any */
    uint32_t tag_count;
    struct spend_tag tags[SPEND_TAGS_MAX];
};

/* 0, or -EINVAL with a reason. */
int spend_rule_parse(struct str text, struct spend_rule *rule,
                     struct buf *reason) MUST_CHECK;

/* What a call is to a rule. */
struct spend_call {
    const char *gateway; /* the profile's name */
    const char *model, *provider;
    /* The value of a metadata entry, decoded; {NULL, 0}: the call has none. */
    struct str (*find_tag)(void *context, struct str key);
    void *context;
};
/* The name of the counter that the call adds to; 0: the rule does not concern
 * it. */
uint64_t spend_rule_counter(const struct spend_rule *rule,
                            const struct spend_call *call);
/* Which window an instant is in. */
uint64_t spend_rule_window(const struct spend_rule *rule, int64_t wall_ms);

#endif
