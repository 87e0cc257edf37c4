/*
 * cloudflare_providers.c - custom providers of an account, which are native
 * providers called custom-SLUG, and provider configs of a gateway, which are
 * credentials PROVIDER/ACCOUNT.GATEWAY.ALIAS of the account's group.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "accountant/admin/dialect/cloudflare.h"

enum { PER_PAGE_MAX = 100, NATIVE_PAGE = 1000, RATE_PERIOD_S = 60 };

static const struct cloudflare_field custom_fields[] = {
    {"base_url", CF_TEXT, CF_REQUIRED, 8, 1023, NULL},
    {"name", CF_TEXT, CF_REQUIRED, 1, 256, NULL},
    {"slug", CF_TEXT, CF_REQUIRED, 1, 64, NULL},
    {"beta", CF_BOOL, 0, 0, 0, NULL},
    {"enable", CF_BOOL, 0, 0, 0, NULL},
    {"description", CF_TEXT, CF_NULL, 0, 4096, NULL},
    {"link", CF_TEXT, CF_NULL, 0, 1024, NULL},
    {"logo", CF_TEXT, CF_NULL, 0, 65536, NULL},
    {"headers", CF_TEXT, CF_NULL, 0, 8192, NULL},
    {"curl_example", CF_TEXT, CF_NULL, 0, 8192, NULL},
    {"js_example", CF_TEXT, CF_NULL, 0, 8192, NULL},
    {"position", CF_INT, CF_NULL, 0, 1000000, NULL},
    {NULL, CF_BOOL, 0, 0, 0, NULL},
};
static const struct cloudflare_field config_fields[] = {
    {"alias", CF_TEXT, CF_REQUIRED, 1, 64, NULL},
    {"default_config", CF_BOOL, CF_REQUIRED, 0, 0, NULL},
    {"provider_slug", CF_TEXT, CF_REQUIRED, 1, 64, NULL},
    {"secret", CF_TEXT, 0, 1, 8192, NULL},
    {"secret_id", CF_TEXT, 0, 1, 256, NULL},
    {"rate_limit", CF_INT, CF_NULL, 0, 4194303, NULL},
    {"rate_limit_period", CF_INT, CF_NULL, 1, 2678400, NULL},
    {NULL, CF_BOOL, 0, 0, 0, NULL},
};

/* Its box (a new object), where management of this account keeps one. Whose it is
 * stands in the native object where that has such a member, as it may be renamed. */
static cJSON *
box_of(const cJSON *native, const char *member, const char *owner)
{
    cJSON *box = cJSON_Parse(shape_text(native, "attributes"));
    const char *own = shape_text(native, member);
    if (box != NULL &&
        strcmp(own[0] != '\0' ? own : shape_text(box, member), owner) == 0)
        return box;
    cJSON_Delete(box);
    return NULL;
}

/* Each of a native list whose box is `owner`'s, shaped; NULL as visit_ask(). */
static cJSON *
collect(struct visit *visit, const char *path, const char *member,
        const char *owner,
        cJSON *(*shape)(struct visit *visit, const cJSON *native,
                        const cJSON *box))
{
    cJSON *all = cJSON_CreateArray();
    double seen = 0, total = 1;
    for (int n = 1; seen < total; n++) {
        char number[16];
        snprintf(number, sizeof(number), "%d", n);
        const cJSON *native,
            *answer = visit_ask(visit, HTTP_GET, NULL, path, number);
        if (answer == NULL) {
            cJSON_Delete(all);
            return NULL;
        }
        cJSON_ArrayForEach(native, shape_at(answer, "data"))
        {
            cJSON *box = box_of(native, member, owner);
            if (box != NULL)
                cJSON_AddItemToArray(all, shape(visit, native, box));
            cJSON_Delete(box);
        }
        seen += NATIVE_PAGE;
        total = shape_number(answer, "total");
    }
    return all;
}

static void
add_attributes(cJSON *native, cJSON *box)
{
    char *text = cJSON_PrintUnformatted(box);
    cJSON_AddStringToObject(native, "attributes", text == NULL ? "" : text);
    cJSON_free(text);
    cJSON_Delete(box);
}

/* ---- custom providers ---- */

static cJSON *
shape_custom(struct visit *visit, const cJSON *native, const cJSON *box)
{
    char id[40];
    cJSON *out = cJSON_CreateObject();
    (void)visit;
    cloudflare_name_uuid(shape_text(native, "name"), id);
    cJSON_AddStringToObject(out, "id", id);
    for (size_t i = 0; custom_fields[i].name != NULL; i++)
        shape_add_copy(out, custom_fields[i].name,
                       shape_at(box, custom_fields[i].name));
    cJSON_DeleteItemFromObjectCaseSensitive(out, "beta");
    cJSON_DeleteItemFromObjectCaseSensitive(out, "enable");
    cJSON_AddBoolToObject(out, "beta", shape_true(box, "beta"));
    cJSON_AddBoolToObject(out, "enable", shape_true(native, "enabled"));
    shape_add_copy(out, "created_at", shape_at(native, "created_at"));
    shape_add_copy(out, "modified_at", shape_at(native, "updated_at"));
    return out;
}

static bool
account_exists(struct visit *visit)
{
    return visit_ask(visit, HTTP_GET, NULL, "/admin/v1/groups/{}",
                     visit->params[0]) != NULL;
}

static void
create_custom(struct visit *visit)
{
    char name[96];
    const cJSON *body = visit_object(visit);
    cJSON *fields =
        body == NULL ? NULL : cloudflare_fields(visit, body, custom_fields);
    if (fields == NULL)
        return;
    const char *slug = shape_text(fields, "slug");
    if (strspn(slug, "abcdefghijklmnopqrstuvwxyz0123456789-_") !=
        strlen(slug)) {
        cJSON *faults = cJSON_CreateArray();
        cloudflare_fault(faults, "slug",
                         "slug may have small letters, digits, - and _ only");
        cJSON_Delete(fields);
        cloudflare_refuse_faults(visit, faults);
        return;
    }
    if (!account_exists(visit)) {
        cJSON_Delete(fields);
        return;
    }
    cJSON *native = cJSON_CreateObject();
    snprintf(name, sizeof(name), "custom-%s", slug);
    cJSON_AddStringToObject(native, "name", name);
    cJSON_AddStringToObject(native, "kind", "openai");
    shape_add_copy(native, "base_url", shape_at(fields, "base_url"));
    cJSON_AddStringToObject(native, "models", "*");
    cJSON_AddBoolToObject(native, "enabled",
                          !cJSON_IsFalse(shape_at(fields, "enable")));
    cJSON_AddStringToObject(fields, "account", visit->params[0]);
    cJSON *box = cJSON_Duplicate(fields, true);
    add_attributes(native, fields);
    const cJSON *made =
        visit_ask(visit, HTTP_POST, native, "/admin/v1/providers");
    if (made != NULL)
        cloudflare_answer(visit, shape_custom(visit, made, box));
    cJSON_Delete(box);
}

static cJSON *
all_customs(struct visit *visit)
{
    return collect(visit, "/admin/v1/providers?page={}&limit=1000", "account",
                   visit->params[0], shape_custom);
}

/* Whether the query's "name" says nothing else than the member's value. */
static bool
query_fits(const struct visit *visit, const cJSON *item, const char *name)
{
    const char *text = visit_query(visit, name);
    return text == NULL ||
           shape_true(item, name) ==
               (strcmp(text, "true") == 0 || strcmp(text, "1") == 0);
}

static void
list_customs(struct visit *visit)
{
    struct cloudflare_page page;
    const char *search = visit_query(visit, "search");
    if (!cloudflare_page(visit, &page, PER_PAGE_MAX) || !account_exists(visit))
        return;
    cJSON *all = all_customs(visit);
    cJSON *item = all == NULL ? NULL : all->child;
    while (item != NULL) {
        cJSON *next = item->next;
        bool meant = query_fits(visit, item, "beta") &&
                     query_fits(visit, item, "enable") &&
                     (search == NULL ||
                      strcasestr(shape_text(item, "name"), search) != NULL ||
                      strcasestr(shape_text(item, "slug"), search) != NULL);
        if (!meant)
            cJSON_Delete(cJSON_DetachItemViaPointer(all, item));
        item = next;
    }
    if (all != NULL)
        cloudflare_answer_list(visit, all, &page);
}

/* A copy of the one of the path; NULL: not there yet, or answered. */
static cJSON *
find_custom(struct visit *visit)
{
    cJSON *all = all_customs(visit);
    if (all == NULL)
        return NULL;
    cJSON *item =
        cloudflare_box_find(visit, all, "Custom provider", visit->params[1]);
    if (item != NULL)
        cJSON_DetachItemViaPointer(all, item);
    cJSON_Delete(all);
    return item;
}

static void
get_custom(struct visit *visit)
{
    cJSON *found = find_custom(visit);
    if (found != NULL)
        cloudflare_answer(visit, found);
}

static void
delete_custom(struct visit *visit)
{
    char name[96];
    cJSON *found = find_custom(visit);
    if (found == NULL)
        return;
    snprintf(name, sizeof(name), "custom-%s", shape_text(found, "slug"));
    if (visit_ask(visit, HTTP_DELETE, NULL, "/admin/v1/providers/{}", name) !=
        NULL)
        cloudflare_answer(visit, found);
    else
        cJSON_Delete(found);
}

/* ---- provider configs ---- */

static cJSON *
shape_config(struct visit *visit, const cJSON *native, const cJSON *box)
{
    static const char *const same[] = {"alias", "default_config",
                                       "provider_slug"};
    static const char *const rates[] = {"rate_limit", "rate_limit_period"};
    char id[40], secret[64];
    cJSON *out = cJSON_CreateObject();
    cloudflare_name_uuid(shape_text(native, "name"), id);
    cJSON_AddStringToObject(out, "id", id);
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        shape_add_copy(out, same[i], shape_at(box, same[i]));
    cJSON_AddStringToObject(out, "gateway_id", visit->params[1]);
    shape_add_copy(out, "modified_at", shape_at(native, "updated_at"));
    snprintf(secret, sizeof(secret), "secret %s", id);
    cloudflare_name_uuid(secret, id);
    cJSON_AddStringToObject(out, "secret_id", id);
    cJSON_AddStringToObject(out, "secret_preview",
                            shape_text(native, "api_key"));
    for (size_t i = 0; i < ARRAY_LEN(rates); i++)
        if (shape_at(box, rates[i]) != NULL)
            shape_add_copy(out, rates[i], shape_at(box, rates[i]));
    return out;
}

/* The native provider of Cloudflare's name; NULL: not there yet, or answered. */
static const char *
find_provider(struct visit *visit, const char *slug)
{
    static const char *const names[][2] = {
        {"google-ai-studio", "gemini"}, {"google-ai-studio", "google"},
        {"azure-openai", "azure"},      {"aws-bedrock", "bedrock"},
        {"workers-ai", "cloudflare"},   {"grok", "xai"},
        {"perplexity-ai", "perplexity"}};
    const cJSON *item, *answer = visit_ask(visit, HTTP_GET, NULL,
                                           "/admin/v1/providers?limit=1000");
    if (answer == NULL)
        return NULL;
    for (size_t i = 0; i <= ARRAY_LEN(names); i++) {
        if (i > 0 && strcmp(names[i - 1][0], slug) != 0)
            continue;
        const char *wanted = i == 0 ? slug : names[i - 1][1];
        cJSON_ArrayForEach(item, shape_at(answer, "data"))
        {
            if (strcmp(shape_text(item, "name"), wanted) == 0)
                return shape_text(item, "name");
        }
    }
    cJSON *faults = cJSON_CreateArray();
    cloudflare_fault(faults, "provider_slug",
                     "Invalid enum value: there is no provider '%.64s'", slug);
    cloudflare_refuse_faults(visit, faults);
    return NULL;
}

/* What the table cannot say. False: answered. */
static bool
check_config(struct visit *visit, const cJSON *fields)
{
    const char *alias = shape_text(fields, "alias");
    const char *member = NULL, *reason = NULL;
    if (shape_at(fields, "secret") == NULL) {
        member = "secret";
        reason = "secret is required: no secrets store is known here";
    } else if (strspn(alias, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTU"
                             "VWXYZ0123456789-_") != strlen(alias)) {
        member = "alias";
        reason = "alias may have letters, digits, - and _ only";
    }
    if (member == NULL)
        return true;
    cJSON *faults = cJSON_CreateArray();
    cloudflare_fault(faults, member, "%s", reason);
    cloudflare_refuse_faults(visit, faults);
    return false;
}

/* It is for calls through its gateway, and not as the default for those of them
 * that name its alias. */
static void
add_rules(cJSON *native, const cJSON *fields, const char *gateway)
{
    double limit = shape_number(fields, "rate_limit");
    double period_s = shape_number(fields, "rate_limit_period");
    char interval[32];
    cJSON_AddStringToObject(native, "gateway", gateway);
    cJSON_AddBoolToObject(native, "named_only",
                          !shape_true(fields, "default_config"));
    if (limit <= 0)
        return;
    snprintf(interval, sizeof(interval), "%.0fs",
             period_s > 0 ? period_s : RATE_PERIOD_S);
    cJSON_AddNumberToObject(native, "rate_limit", limit);
    cJSON_AddStringToObject(native, "rate_interval", interval);
}

static void
make_config(struct visit *visit, const cJSON *fields)
{
    char name[512], owner[256];
    const char *provider =
        find_provider(visit, shape_text(fields, "provider_slug"));
    if (provider == NULL)
        return;
    cJSON *native = cJSON_CreateObject();
    cJSON *box = cJSON_Duplicate(fields, true);
    cloudflare_profile_name(visit, owner);
    snprintf(name, sizeof(name), "%s/%s.%s.%s", provider, visit->params[0],
             visit->params[1], shape_text(fields, "alias"));
    cJSON_AddStringToObject(native, "name", name);
    shape_add_copy(native, "api_key", shape_at(fields, "secret"));
    cJSON_AddStringToObject(native, "group", visit->params[0]);
    add_rules(native, fields, owner);
    cJSON_DeleteItemFromObjectCaseSensitive(box, "secret");
    cJSON_AddStringToObject(box, "gateway", owner);
    cJSON *kept = cJSON_Duplicate(box, true);
    add_attributes(native, box);
    const cJSON *made =
        visit_ask(visit, HTTP_POST, native, "/admin/v1/credentials");
    if (made != NULL)
        cloudflare_answer(visit, shape_config(visit, made, kept));
    cJSON_Delete(kept);
}

static void
create_config(struct visit *visit)
{
    struct cloudflare_box box;
    const cJSON *body = visit_object(visit);
    cJSON *fields =
        body == NULL ? NULL : cloudflare_fields(visit, body, config_fields);
    if (fields == NULL)
        return;
    if (check_config(visit, fields) && cloudflare_box_open(visit, &box)) {
        cloudflare_box_close(&box);
        make_config(visit, fields);
    }
    cJSON_Delete(fields);
}

static void
list_configs(struct visit *visit)
{
    struct cloudflare_page page;
    struct cloudflare_box box;
    char owner[256];
    cloudflare_profile_name(visit, owner);
    if (!cloudflare_page(visit, &page, PER_PAGE_MAX) ||
        !cloudflare_box_open(visit, &box))
        return;
    cloudflare_box_close(&box);
    cJSON *all = collect(visit, "/admin/v1/credentials?page={}&limit=1000",
                         "gateway", owner, shape_config);
    if (all != NULL)
        cloudflare_answer_list(visit, all, &page);
}

// clang-format off
const struct dialect_route cloudflare_provider_routes[] = {
    {HTTP_POST, "/accounts/{}/ai-gateway/custom-providers", create_custom, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/custom-providers", list_customs, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/custom-providers/{}", get_custom, 0},
    {HTTP_DELETE, "/accounts/{}/ai-gateway/custom-providers/{}", delete_custom, 0},
    {HTTP_POST, "/accounts/{}/ai-gateway/gateways/{}/provider_configs", create_config, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/gateways/{}/provider_configs", list_configs, 0},
    {HTTP_GET, NULL, NULL, 0},
};
// clang-format on
