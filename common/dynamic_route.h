/*
 * dynamic_route.h - a way for calls, drawn as elements that lead to one another:
 * which models are asked, one after the other, by what is known of a call. An
 * element is a text, in one of two spellings:
 *
 *   id=a type=conditional when={"metadata.plan":"paid"} true=big false=b
 *   id=b type=percentage to=big:10% else=c
 *   id=c type=rate key=metadata.user limit=100 window=1m success=big fallback=d
 *   id=x type=rate limitType=cost limit=2.5 window=1d success=big fallback=d
 *   id=d type=model provider=openai model=gpt-4o-mini retries=1 timeout=30s
 *   id=big type=model model=gpt-4o fallback=d
 *
 *   {"id": "a", "type": "conditional", "properties": {"conditions": {...}},
 *    "outputs": {"true": {"elementId": "big"}, "false": {"elementId": "b"}}}
 *
 * The first one, or the one of type start, is where a call begins; `end`, or no
 * output where it is not needed (model's fallback, rate's fallback), is where it
 * ends. Checked as a whole: outputs lead to elements that are there, every element
 * can be reached, nothing leads back, and no way asks more than
 * DYNAMIC_MODELS_MAX times. Source: wire.md 2.7 (Cloudflare's AI Gateway).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_DYNAMIC_ROUTE_H
#define AIGW_COMMON_DYNAMIC_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/condition.h"

enum {
    DYNAMIC_ELEMENTS_MAX = 32,
    DYNAMIC_BRANCHES_MAX = 8,
    DYNAMIC_MODELS_MAX = 8, /* calls to models that one way may make */
    DYNAMIC_COSTS_MAX = 4,  /* elements of a route that limit cost */
    DYNAMIC_RETRIES_MAX = 5,
    DYNAMIC_TEXT_BYTES = 2048, /* of an element, with a NUL */
    DYNAMIC_ID_BYTES = 64,
    DYNAMIC_SHARES = 10000, /* the whole of a percentage */
    DYNAMIC_NOWHERE = 255,
};

enum dynamic_type {
    DYNAMIC_START,       /* branch 0 */
    DYNAMIC_CONDITIONAL, /* 0: true, 1: false */
    DYNAMIC_PERCENTAGE,  /* by share */
    DYNAMIC_RATE,        /* 0: within it, 1: beyond */
    DYNAMIC_MODEL,       /* 0: it failed, 1: it succeeded, which is the end */
    DYNAMIC_END,
    DYNAMIC_TYPES,
};

struct dynamic_branch {
    uint8_t to;                /* an element, or DYNAMIC_NOWHERE */
    uint16_t share;            /* of DYNAMIC_SHARES */
    char id[DYNAMIC_ID_BYTES]; /* "": none */
};

struct dynamic_element {
    char id[DYNAMIC_ID_BYTES];
    uint8_t type, branch_count;
    bool has_else, is_cost;
    uint8_t retries;     /* model: how often again */
    uint32_t timeout_ms; /* model: until the first byte; 0: as ever */
    uint32_t limit;      /* rate: calls in a window; 0: cost is limited */
    int64_t limit_nano;  /* rate: their cost */
    uint64_t window_ms;
    char key[256]; /* rate: a field whose values count apart; "": none */
    char model[256], provider[64]; /* provider "": any */
    char condition[CONDITION_BYTES];
    struct dynamic_branch branches[DYNAMIC_BRANCHES_MAX];
};

struct dynamic_route {
    unsigned count;
    uint8_t first;
    char **texts; /* as they were given */
    struct dynamic_element *elements;
};

/* 0; -EINVAL with a reason that names the element; -ENOMEM. Empty at an error. */
int dynamic_route_read(char *const *texts, unsigned count,
                       struct dynamic_route *route,
                       struct buf *reason) MUST_CHECK;
void dynamic_route_free(struct dynamic_route *route);

/* dynamic_route_text.c: one element, its outputs by name. False with a reason. */
bool dynamic_element_read(struct str text, struct dynamic_element *element,
                          struct buf *reason) MUST_CHECK;

#endif
