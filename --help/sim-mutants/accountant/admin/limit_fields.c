/*
 * limit_fields.c - see limit_fields.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/limit_fields.h"

#include <stdio.h>

#include "accountant/admin/key_fields.h"
#include "accountant/admin/value.h"

#define LIMIT_MAX (UINT64_C(1) << 48)
enum { CONCURRENCY_MAX = 1000000 };

/* One member of a model's object; absent: as it was. */
static bool
apply_one(const cJSON *object, const char *member, const char *path,
          uint64_t max, uint64_t *out, struct admin_error *error)
{
    char name[SHM_NAME_BYTES + 48];
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, member);
    snprintf(name, sizeof(name), "%s.%s", path, member);
    return value == NULL || value_limit(value, name, max, out, error);
}

static bool
apply_model(const cJSON *item, const struct store *store,
            struct model_limits *limits, struct admin_error *error)
{
    struct model_limit limit = {.rpm = 0};
    char path[SHM_NAME_BYTES + 16];
    snprintf(path, sizeof(path), "model_limits.%.127s", item->string);
    const char *model = model_known_as(store, item->string, error);
    if (model == NULL)
        return false;
    const struct model_limit *old = model_limits_find(limits, model);
    if (old != NULL && !cJSON_IsNull(item))
        limit = *old;
    snprintf(limit.model, sizeof(limit.model), "%s", model);
    uint64_t concurrency = limit.concurrency;
    if (!cJSON_IsNull(item) &&
        !(value_members(item, path, "rpm tpm concurrency", error) &&
          apply_one(item, "rpm", path, LIMIT_MAX, &limit.rpm, error) &&
          apply_one(item, "tpm", path, LIMIT_MAX, &limit.tpm, error) &&
          apply_one(item, "concurrency", path, CONCURRENCY_MAX, &concurrency,
                    error)))
        return false;
    limit.concurrency = (uint32_t)concurrency;
    return model_limits_put(limits, &limit) ||
           admin_error_field(error, "model_limits",
                             "'model_limits' has at most %d models.",
                             MODEL_LIMITS_MAX);
}

bool
model_limits_apply(const cJSON *value, const struct store *store,
                   struct model_limits *limits, struct admin_error *error)
{
    const cJSON *item = NULL;
    if (cJSON_IsNull(value)) {
        limits->count = 0;
        return true;
    }
    if (!cJSON_IsObject(value))
        return admin_error_field(error, "model_limits",
                                 "'model_limits' must be an object of models "
                                 "with {rpm, tpm, concurrency}, or null for "
                                 "none.");
    cJSON_ArrayForEach(item, value)
    {
        if (!apply_model(item, store, limits, error))
            return false;
    }
    return true;
}

static void
limit_to_json(struct json_writer *json, const char *name, uint64_t limit)
{
    json_key(json, name);
    if (limit == 0)
        json_null(json);
    else
        json_u64(json, limit);
}

void
model_limits_to_json(struct json_writer *json,
                     const struct model_limits *limits)
{
    json_key(json, "model_limits");
    json_object_begin(json);
    for (uint32_t i = 0; limits != NULL && i < limits->count; i++) {
        json_key(json, limits->items[i].model);
        json_object_begin(json);
        limit_to_json(json, "rpm", limits->items[i].rpm);
        limit_to_json(json, "tpm", limits->items[i].tpm);
        limit_to_json(json, "concurrency", limits->items[i].concurrency);
        json_object_end(json);
    }
    json_object_end(json);
}
