/*
 * cloudflare_fields.c - fields of Cloudflare's bodies by tables; see
 * cloudflare.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/dialect/cloudflare.h"

#include <math.h>
#include <string.h>

static bool
word_is(const char *words, const char *text)
{
    size_t len = strlen(text);
    for (const char *at = words; len > 0; at++) {
        size_t n = strcspn(at, "|");
        if (n == len && memcmp(at, text, len) == 0)
            return true;
        at += n;
        if (*at == '\0')
            break;
    }
    return false;
}

static void
check_number(const struct cloudflare_field *field, const cJSON *value,
             cJSON *faults)
{
    double n = value->valuedouble;
    if (!cJSON_IsNumber(value) || (field->type == CF_INT && n != floor(n)))
        cloudflare_fault(faults, field->name, "%s must be %s", field->name,
                         field->type == CF_INT ? "a whole number" : "a number");
    else if (n < field->min || n > field->max)
        cloudflare_fault(faults, field->name,
                         "%s must be between %.0f and %.0f", field->name,
                         field->min, field->max);
}

static void
check_text(const struct cloudflare_field *field, const cJSON *value,
           cJSON *faults)
{
    size_t len = cJSON_IsString(value) ? strlen(value->valuestring) : 0;
    if (!cJSON_IsString(value))
        cloudflare_fault(faults, field->name, "%s must be a string",
                         field->name);
    else if ((double)len < field->min || (double)len > field->max)
        cloudflare_fault(faults, field->name,
                         "%s must have between %.0f and %.0f characters",
                         field->name, field->min, field->max);
}

static void
check(const struct cloudflare_field *field, const cJSON *value, cJSON *faults)
{
    switch (field->type) {
    case CF_TEXT:
        check_text(field, value, faults);
        return;
    case CF_BOOL:
        if (!cJSON_IsBool(value))
            cloudflare_fault(faults, field->name, "%s must be true or false",
                             field->name);
        return;
    case CF_INT:
    case CF_NUMBER:
        check_number(field, value, faults);
        return;
    case CF_WORD:
        if (!cJSON_IsString(value) ||
            !word_is(field->words, value->valuestring))
            cloudflare_fault(faults, field->name,
                             "Invalid enum value: %s must be one of %s",
                             field->name, field->words);
        return;
    case CF_OBJECT:
        if (!cJSON_IsObject(value))
            cloudflare_fault(faults, field->name, "%s must be an object",
                             field->name);
        return;
    case CF_ARRAY:
        if (!cJSON_IsArray(value))
            cloudflare_fault(faults, field->name, "%s must be an array",
                             field->name);
        else if (field->max > 0 && cJSON_GetArraySize(value) > field->max)
            cloudflare_fault(faults, field->name,
                             "%s may have %.0f items at most", field->name,
                             field->max);
        return;
    }
}

cJSON *
cloudflare_fields_check(const cJSON *body, const struct cloudflare_field *table,
                        cJSON *faults)
{
    cJSON *out = cJSON_CreateObject();
    for (; table->name != NULL; table++) {
        const cJSON *value =
            cJSON_GetObjectItemCaseSensitive(body, table->name);
        if (value == NULL) {
            if ((table->flags & CF_REQUIRED) != 0)
                cloudflare_fault(faults, table->name, "%s is required",
                                 table->name);
            continue;
        }
        if (!cJSON_IsNull(value))
            check(table, value, faults);
        else if ((table->flags & CF_NULL) == 0)
            cloudflare_fault(faults, table->name, "%s must not be null",
                             table->name);
        shape_add_copy(out, table->name, value);
    }
    return out;
}

cJSON *
cloudflare_fields(struct visit *visit, const cJSON *body,
                  const struct cloudflare_field *table)
{
    cJSON *faults = cJSON_CreateArray();
    cJSON *out = cloudflare_fields_check(body, table, faults);
    if (cJSON_GetArraySize(faults) == 0) {
        cJSON_Delete(faults);
        return out;
    }
    cJSON_Delete(out);
    cloudflare_refuse_faults(visit, faults);
    return NULL;
}
