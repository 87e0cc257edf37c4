/*
 * reprice.c - see reprice.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/reprice.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/ledger/codec.h"
#include "accountant/ledger/ledger_note.h"
#include "accountant/notes.h"
#include "shm/catalogue.h"

enum { VALUE_VERSION = 1 };

void
reprice_fini(struct reprice *reprice)
{
    free(reprice->groups);
    reprice->groups = NULL;
    reprice->group_count = 0;
}

/* ---- prices that rows were charged with ---- */

struct version {
    char name[128]; /* MODEL, or MODEL@PROVIDER */
    uint32_t version;
    struct prices prices;
    struct price_tiers tiers;
};

struct run {
    struct reprice *reprice;
    const struct reprice_price *prices;
    size_t price_count;
    struct version *versions;
    size_t version_count, version_room;
    int error;
};

static bool
keep_version(const struct ledger_price *price, void *context)
{
    struct run *run = context;
    size_t len = strlen(run->reprice->model);
    if (strncmp(price->model, run->reprice->model, len) != 0 ||
        (price->model[len] != '\0' && price->model[len] != '@'))
        return true;
    if (run->version_count == run->version_room) {
        size_t room = run->version_room == 0 ? 16 : 2 * run->version_room;
        struct version *more = realloc(run->versions, room * sizeof(*more));
        if (more == NULL) {
            run->error = -ENOMEM;
            return false;
        }
        run->versions = more;
        run->version_room = room;
    }
    struct version *version = &run->versions[run->version_count++];
    memcpy(version->name, price->model, sizeof(version->name));
    version->version = price->version;
    version->prices = price->prices;
    version->tiers = price->tiers;
    return true;
}

/* Of the tier that was charged; NULL: the version has none of that number. */
static const struct prices *
tier_of(const struct version *version, unsigned tier)
{
    if (tier == 0)
        return &version->prices;
    return tier <= version->tiers.count ? &version->tiers.items[tier - 1].prices
                                        : NULL;
}

static const struct prices *
prices_then(const struct run *run, const struct ledger_row *row)
{
    char name[260];
    bool of_endpoint = (row->price_version & CATALOGUE_ENDPOINT_PRICE) != 0;
    uint32_t version = row->price_version & ~CATALOGUE_ENDPOINT_PRICE;
    snprintf(name, sizeof(name), "%s%s%s", row->model, of_endpoint ? "@" : "",
             of_endpoint ? row->provider : "");
    for (size_t i = 0; i < run->version_count; i++)
        if (run->versions[i].version == version &&
            strcmp(run->versions[i].name, name) == 0)
            return tier_of(&run->versions[i], row->price_tier);
    return NULL;
}

static const struct prices *
prices_now(const struct run *run, const struct ledger_row *row)
{
    const struct price_case what = {row->started_ms, &row->classes,
                                    row->service_tier};
    for (size_t i = 0; i < run->price_count; i++) {
        const struct reprice_price *price = &run->prices[i];
        if (strcmp(price->provider, row->provider) != 0)
            continue;
        unsigned tier = price_tiers_choose(&price->tiers, &what);
        return tier == 0 ? &price->prices
                         : &price->tiers.items[tier - 1].prices;
    }
    return NULL;
}

/* ---- rows ---- */

/* Of that number, in the order of numbers; made when it is not there. */
static struct reprice_group *
group_of(struct reprice *reprice, uint64_t id)
{
    size_t low = 0, high = reprice->group_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (reprice->groups[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < reprice->group_count && reprice->groups[low].id == id)
        return &reprice->groups[low];
    if (reprice->group_count == REPRICE_GROUPS_MAX)
        return NULL;
    if (reprice->groups == NULL)
        reprice->groups = calloc(REPRICE_GROUPS_MAX, sizeof(*reprice->groups));
    if (reprice->groups == NULL)
        return NULL;
    struct reprice_group *group = &reprice->groups[low];
    memmove(group + 1, group, (reprice->group_count - low) * sizeof(*group));
    *group = (struct reprice_group){.id = id};
    reprice->group_count++;
    return group;
}

static bool
add_row(const struct ledger_row *row, void *context)
{
    struct run *run = context;
    struct reprice *reprice = run->reprice;
    const struct prices *then = prices_then(run, row);
    const struct prices *now = prices_now(run, row);
    int64_t was = (int64_t)row->nano;
    int64_t charged = then == NULL ? -1 : money_cost_nano(then, &row->classes);
    struct reprice_group *group = group_of(reprice, row->group_id);
    if (group == NULL) {
        run->error =
            reprice->group_count == REPRICE_GROUPS_MAX ? -EOVERFLOW : -ENOMEM;
        return false;
    }
    int64_t costs = was;
    if (now == NULL || charged < 0 || charged > was)
        reprice->left++;
    else
        costs = was - charged + money_cost_nano(now, &row->classes);
    reprice->requests++;
    reprice->tokens += row->tokens;
    reprice->was += was;
    reprice->now += costs;
    group->requests++;
    group->was += was;
    group->now += costs;
    return true;
}

int
reprice_run(struct reprice *reprice, const struct reprice_price *prices,
            size_t price_count, struct ledger *ledger,
            struct ledger_snapshot *snapshot, struct buf *error)
{
    struct run run = {
        .reprice = reprice, .prices = prices, .price_count = price_count};
    struct ledger_row_filter filter = {
        .from_ms = reprice->from_ms,
        .to_ms = reprice->to_ms,
        .model = reprice->model,
        .provider = reprice->provider[0] == '\0' ? NULL : reprice->provider,
        .cause = -1,
        .oldest_first = true,
    };
    int rc =
        ledger_scan_prices(ledger, snapshot, NULL, keep_version, &run, error);
    if (rc == 0 && run.error == 0)
        rc = ledger_scan_rows(ledger, snapshot, &filter, add_row, &run, error);
    free(run.versions);
    return rc < 0 ? rc : run.error;
}

/* ---- what was done before ---- */

struct earlier {
    struct reprice *reprice;
    int error;
};

static void
take_credits(struct reprice *reprice, const struct reprice *other)
{
    for (size_t i = 0; i < other->group_count; i++) {
        const struct reprice_group *had = &other->groups[i];
        struct reprice_group *group = group_of(reprice, had->id);
        if (group != NULL)
            group->credited += had->credit;
    }
}

static bool
see_earlier(struct str name, struct str value, void *context)
{
    struct earlier *earlier = context;
    struct reprice *reprice = earlier->reprice, other;
    (void)name;
    earlier->error = reprice_decode(value, &other);
    if (earlier->error < 0)
        return false;
    if (other.at_ms > reprice->last_ms)
        reprice->last_ms = other.at_ms;
    bool same_provider = strcmp(other.provider, reprice->provider) == 0;
    bool touches = strcmp(other.model, reprice->model) == 0 &&
                   (same_provider || other.provider[0] == '\0' ||
                    reprice->provider[0] == '\0') &&
                   other.from_ms < reprice->to_ms &&
                   reprice->from_ms < other.to_ms;
    bool is_same = touches && same_provider &&
                   other.from_ms == reprice->from_ms &&
                   other.to_ms == reprice->to_ms;
    if (is_same)
        take_credits(reprice, &other);
    else if (touches)
        earlier->error = -EEXIST;
    reprice_fini(&other);
    return earlier->error == 0;
}

int
reprice_earlier(struct reprice *reprice, struct ledger *ledger,
                struct ledger_snapshot *snapshot, struct buf *error)
{
    struct earlier earlier = {.reprice = reprice};
    struct ledger_note_range range = {.space = NOTES_REPRICE};
    int rc = ledger_scan_notes(ledger, snapshot, &range, see_earlier, &earlier,
                               error);
    return rc < 0 ? rc : earlier.error;
}

/* ---- as a note of the ledger ---- */

void
reprice_encode(const struct reprice *reprice, struct buf *out)
{
    codec_put_u8(out, VALUE_VERSION);
    codec_put_cstr(out, reprice->model);
    codec_put_cstr(out, reprice->provider);
    codec_put_i64(out, reprice->from_ms);
    codec_put_i64(out, reprice->to_ms);
    codec_put_i64(out, reprice->at_ms);
    codec_put_u64(out, reprice->requests);
    codec_put_u64(out, reprice->tokens);
    codec_put_u64(out, reprice->left);
    codec_put_i64(out, reprice->was);
    codec_put_i64(out, reprice->now);
    codec_put_u64(out, reprice->group_count);
    for (size_t i = 0; i < reprice->group_count; i++) {
        const struct reprice_group *group = &reprice->groups[i];
        codec_put_u64(out, group->id);
        codec_put_u64(out, group->requests);
        codec_put_i64(out, group->was);
        codec_put_i64(out, group->now);
        codec_put_i64(out, group->credited);
        codec_put_i64(out, group->credit);
    }
}

static void
decode_groups(struct codec_reader *reader, struct reprice *reprice,
              uint64_t count)
{
    for (uint64_t i = 0; i < count && !reader->bad; i++) {
        struct reprice_group *group = &reprice->groups[i];
        group->id = codec_get_u64(reader);
        group->requests = codec_get_u64(reader);
        group->was = codec_get_i64(reader);
        group->now = codec_get_i64(reader);
        group->credited = codec_get_i64(reader);
        group->credit = codec_get_i64(reader);
    }
    reprice->group_count = count;
}

int
reprice_decode(struct str bytes, struct reprice *reprice)
{
    struct codec_reader reader;
    *reprice = (struct reprice){.requests = 0};
    codec_reader_init(&reader, bytes);
    if (codec_get_u8(&reader) != VALUE_VERSION)
        reader.bad = true;
    codec_get_cstr(&reader, reprice->model, sizeof(reprice->model));
    codec_get_cstr(&reader, reprice->provider, sizeof(reprice->provider));
    reprice->from_ms = codec_get_i64(&reader);
    reprice->to_ms = codec_get_i64(&reader);
    reprice->at_ms = codec_get_i64(&reader);
    reprice->requests = codec_get_u64(&reader);
    reprice->tokens = codec_get_u64(&reader);
    reprice->left = codec_get_u64(&reader);
    reprice->was = codec_get_i64(&reader);
    reprice->now = codec_get_i64(&reader);
    uint64_t count = codec_get_max(&reader, REPRICE_GROUPS_MAX);
    reprice->groups = calloc(REPRICE_GROUPS_MAX, sizeof(*reprice->groups));
    if (reprice->groups == NULL)
        return -ENOMEM;
    decode_groups(&reader, reprice, count);
    if (codec_reader_done(&reader))
        return 0;
    reprice_fini(reprice);
    return -EBADMSG;
}
