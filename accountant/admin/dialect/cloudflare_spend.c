/*
 * cloudflare_spend.c - see cloudflare_spend.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/dialect/cloudflare_spend.h"

#include <stdio.h>
#include <string.h>

#include "common/spend_rule.h"

/* A value that a rule's text can have. */
static bool
is_plain(const char *text)
{
    return *text != '\0' && strpbrk(text, " \t\r\n|,\\=") == NULL;
}

/* " NAME=A|B" of {mode: "filter", values: [...]}. */
static bool
put_values(struct buf *out, const char *name, const cJSON *filter)
{
    const cJSON *item, *values = shape_at(filter, "values");
    bool first = true;
    if (strcmp(shape_text(filter, "mode"), "filter") != 0 ||
        cJSON_GetArraySize(values) == 0)
        return false;
    buf_printf(out, " %s", name);
    cJSON_ArrayForEach(item, values)
    {
        char number[40];
        const char *text = cJSON_IsString(item) ? item->valuestring : number;
        snprintf(number, sizeof(number), "%.15g",
                 cJSON_IsNumber(item) ? item->valuedouble : 0);
        if ((!cJSON_IsString(item) && !cJSON_IsNumber(item)) ||
            strpbrk(text, " \t\r\n|,\\") != NULL || *text == '\0')
            return false;
        buf_printf(out, "%s%s", first ? "" : "|", text);
        first = false;
    }
    return true;
}

static bool
put_metadata(struct buf *out, const cJSON *metadata)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, metadata)
    {
        char name[160];
        if (!is_plain(item->string) || strlen(item->string) > 127 ||
            strchr(item->string, ':') != NULL)
            return false;
        if (strcmp(shape_text(item, "mode"), "partition") == 0) {
            buf_printf(out, " partition=%s", item->string);
            continue;
        }
        snprintf(name, sizeof(name), "filter=%s:", item->string);
        if (!put_values(out, name, item))
            return false;
    }
    return true;
}

/* False: with a reason. */
static bool
put_rule(struct buf *out, const cJSON *rule, int number, const char **reason)
{
    const cJSON *id = shape_at(rule, "id");
    const char *technique = shape_text(rule, "technique");
    const cJSON *limit = shape_at(rule, "limit");
    double window = shape_number(rule, "window");
    char made[24];
    snprintf(made, sizeof(made), "rule-%d", number);
    *reason = "limit must be above 0";
    if (!cJSON_IsNumber(limit) || limit->valuedouble <= 0)
        return false;
    *reason = "limitType must be cost";
    if (strcmp(shape_text(rule, "limitType"), "cost") != 0)
        return false;
    *reason = "window must be a whole number of seconds, from 1 to 2678400";
    if (!(window >= 1 && window <= 2678400) ||
        window != (double)(int64_t)window)
        return false;
    *reason = "technique must be fixed or sliding";
    if (*technique != '\0' && strcmp(technique, "fixed") != 0 &&
        strcmp(technique, "sliding") != 0)
        return false;
    *reason = "id must be a text of letters and digits";
    if (id != NULL && (!cJSON_IsString(id) || !is_plain(id->valuestring)))
        return false;
    buf_printf(out, "id=%s limit=%.9f window=%.0fs technique=%s",
               id == NULL ? made : id->valuestring, limit->valuedouble, window,
               *technique == '\0' ? "fixed" : technique);
    *reason = "model, provider and metadata need mode and values, and values "
              "without blanks, commas and |";
    if ((shape_at(rule, "model") != NULL &&
         !put_values(out, "model=", shape_at(rule, "model"))) ||
        (shape_at(rule, "provider") != NULL &&
         !put_values(out, "provider=", shape_at(rule, "provider"))))
        return false;
    return put_metadata(out, shape_at(rule, "metadata"));
}

cJSON *
cloudflare_spend_rules(const cJSON *spend_limits, cJSON *faults)
{
    const cJSON *rule, *rules = shape_at(spend_limits, "rules");
    int number = 0;
    cJSON *out = NULL;
    if (!cJSON_IsObject(spend_limits))
        return NULL;
    if (!cJSON_IsArray(rules) || cJSON_GetArraySize(rules) > SPEND_RULES_MAX) {
        cloudflare_fault(faults, "spend_limits.rules",
                         "rules must be an array of at most %d",
                         SPEND_RULES_MAX);
        return NULL;
    }
    cJSON_ArrayForEach(rule, rules)
    {
        char name[64];
        const char *reason = NULL;
        struct buf text;
        bool on = shape_true(spend_limits, "enabled") &&
                  !cJSON_IsFalse(shape_at(rule, "enabled"));
        buf_init(&text, 0);
        snprintf(name, sizeof(name), "spend_limits.rules.%d", number++);
        if (!put_rule(&text, rule, number, &reason))
            cloudflare_fault(faults, name, "%s", reason);
        else if (on && out == NULL)
            out = cJSON_CreateArray();
        if (on && out != NULL)
            cJSON_AddItemToArray(out, cJSON_CreateString(buf_cstr(&text)));
        buf_fini(&text);
    }
    return out;
}
