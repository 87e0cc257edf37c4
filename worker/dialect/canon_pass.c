/*
 * canon_pass.c - plain answers that pass through in pieces, of every dialect
 * that states its usage under one top-level member (dialect.usage_member).
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "worker/dialect/canon_part.h"

enum { TAP_USAGE, TAP_ERROR, TAP_ID, TAP_MODEL, TAP_SERVICE };

/* The names that are kept, by the member in which usage stands. */
static const char *const tapped[][ANSWER_TAPPED + 1] = {
    {"usage", "error", "id", "model", "service_tier", NULL},
    {"usageMetadata", "error", "responseId", "modelVersion", NULL},
    {"result", "error", "id", "model", NULL}, /* Cloudflare's envelope */
};

static const char *const *
tapped_names(const struct answer *answer)
{
    const char *member = answer->dialect->usage_member;
    for (size_t i = 0; i < ARRAY_LEN(tapped); i++)
        if (strcmp(tapped[i][TAP_USAGE], member) == 0)
            return tapped[i];
    UNREACHABLE();
}

void
canon_answer_begin(struct answer *answer)
{
    memset(&answer->stated, 0,
           offsetof(struct answer, tap) - offsetof(struct answer, stated));
    if (answer->tap != NULL)
        json_tap_init(&answer->tap->tap, tapped_names(answer),
                      answer->tap->values);
}

static struct str
tap_value(const struct answer *answer, unsigned which)
{
    const struct json_tap_value *value = &answer->tap->values[which];
    return value->seen && !value->truncated ? str_make(value->bytes, value->len)
                                            : str_make(NULL, 0);
}

static void
learn(char *field, size_t size, struct str value)
{
    int len = value.len <= 2 ? -1 : json_string_decode(value, field, size);
    if (len < 0 || (size_t)len >= size)
        field[0] = '\0';
}

/* Read anew after each piece, so that nothing depends on how it was cut. */
static void
read_tapped(struct answer *answer)
{
    struct str usage = tap_value(answer, TAP_USAGE);
    struct str error = tap_value(answer, TAP_ERROR);
    answer->usage_seen = answer->usage_is_split = answer->usage_odd = false;
    answer->stated = (struct usage_stated){0};
    answer->reader = (struct answer_reader){0};
    answer_learn_service(answer, tapped_names(answer)[TAP_SERVICE] == NULL
                                     ? str_make(NULL, 0)
                                     : tap_value(answer, TAP_SERVICE));
    if (usage.len > 0 && *usage.ptr == '{')
        answer->dialect->read_usage(answer, usage);
    learn(answer->id, sizeof(answer->id), tap_value(answer, TAP_ID));
    learn(answer->model, sizeof(answer->model), tap_value(answer, TAP_MODEL));
    answer->error_seen = answer->tap->values[TAP_ERROR].seen &&
                         !str_equals(error, STR_LIT("null"));
    answer->bad = answer->tap->tap.bad;
}

void
canon_answer_piece(struct answer *answer, struct str piece)
{
    answer_count_plain(answer, piece);
    if (answer->tap == NULL && !answer->bad) {
        answer->tap = malloc(sizeof(*answer->tap));
        if (answer->tap != NULL)
            json_tap_init(&answer->tap->tap, tapped_names(answer),
                          answer->tap->values);
        /* Without memory the text is charged as it was counted. */
        answer->bad = answer->tap == NULL;
    }
    if (answer->tap == NULL)
        return;
    json_tap_feed(&answer->tap->tap, piece.ptr, piece.len);
    read_tapped(answer);
}
