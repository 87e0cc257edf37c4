/*
 * model_limits.c - see model_limits.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/model_limits.h"

#include <errno.h>
#include <string.h>

#include "shm/key_table.h"
#include "shm/limit.h"

const struct model_limit *
model_limits_find(const struct model_limits *limits, const char *model)
{
    for (uint32_t i = 0; limits != NULL && i < limits->count; i++)
        if (strcmp(limits->items[i].model, model) == 0)
            return &limits->items[i];
    return NULL;
}

static void
take_out(struct model_limits *limits, uint32_t at)
{
    limits->count--;
    memmove(&limits->items[at], &limits->items[at + 1],
            (limits->count - at) * sizeof(limits->items[0]));
}

bool
model_limits_put(struct model_limits *limits, const struct model_limit *limit)
{
    const struct model_limit *old = model_limits_find(limits, limit->model);
    uint32_t at = old == NULL ? limits->count : (uint32_t)(old - limits->items);
    if (limit->rpm == 0 && limit->tpm == 0 && limit->concurrency == 0) {
        if (old != NULL)
            take_out(limits, at);
        return true;
    }
    if (at >= MODEL_LIMITS_MAX)
        return false;
    limits->items[at] = *limit;
    limits->count += old == NULL;
    return true;
}

void
model_limits_encode(const struct model_limits *limits, struct buf *out)
{
    codec_put_u64(out, limits->count);
    for (uint32_t i = 0; i < limits->count; i++) {
        codec_put_cstr(out, limits->items[i].model);
        codec_put_u64(out, limits->items[i].rpm);
        codec_put_u64(out, limits->items[i].tpm);
        codec_put_u64(out, limits->items[i].concurrency);
    }
}

bool
model_limits_decode(struct str bytes, struct model_limits *limits)
{
    struct codec_reader reader;
    codec_reader_init(&reader, bytes);
    memset(limits, 0, sizeof(*limits));
    limits->count = (uint32_t)codec_get_max(&reader, MODEL_LIMITS_MAX);
    for (uint32_t i = 0; i < limits->count; i++) {
        struct model_limit *limit = &limits->items[i];
        codec_get_cstr(&reader, limit->model, sizeof(limit->model));
        limit->rpm = codec_get_u64(&reader);
        limit->tpm = codec_get_u64(&reader);
        limit->concurrency = (uint32_t)codec_get_max(&reader, UINT32_MAX);
    }
    return codec_reader_done(&reader);
}

/* ---- into the segment ---- */

/* By its own name or an alias; -1: nobody serves it now. */
static int
model_number(const struct catalogue *catalogue, const char *name)
{
    struct str upstream;
    int only_provider;
    const struct catalogue_model *model =
        catalogue == NULL ? NULL
                          : catalogue_find(catalogue, str_from(name), &upstream,
                                           &only_provider);
    return model == NULL ? -1 : (int)model->model_idx;
}

/* Rows that an earlier version of the object has, and this one has not. */
static void
unset_others(struct segment *segment, uint32_t entry, uint64_t tag,
             const bool wanted[SHM_MODELS_MAX])
{
    for (uint32_t row = 0; row < segment->limit_max; row++) {
        uint64_t name = shm_load(segment_limit_name(segment, row));
        uint32_t of, what;
        if (name == 0 || !limit_tenant(name, &of, &what) || of != entry ||
            what >= SHM_MODELS_MAX || wanted[what] ||
            !limit_is_name(name, entry, tag, what))
            continue;
        limit_unset(segment, row);
    }
}

int
model_limits_publish(struct segment *segment, const struct catalogue *catalogue,
                     const struct model_limits *limits, const uint32_t *ratio,
                     uint32_t entry, uint64_t tag)
{
    static const uint32_t one[SHM_RATIOS] = {0};
    bool wanted[SHM_MODELS_MAX] = {false};
    int rc = 0;
    for (uint32_t i = 0; limits != NULL && i < limits->count; i++) {
        const struct model_limit *limit = &limits->items[i];
        int number = model_number(catalogue, limit->model);
        const uint32_t *by = ratio == NULL ? one : ratio;
        const struct limit_values values = {
            ratio_of_limit(limit->rpm, by[SHM_RATIO_RPM]),
            ratio_of_limit(limit->tpm, by[SHM_RATIO_TPM]), limit->concurrency};
        if (number < 0 || number >= SHM_MODELS_MAX)
            continue;
        wanted[number] = true;
        if (limit_set(segment, limit_name(entry, tag, (uint32_t)number),
                      &values) < 0)
            rc = -ENOSPC;
    }
    unset_others(segment, entry, tag, wanted);
    return rc;
}
