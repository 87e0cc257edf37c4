/*
 * route.c - which provider gets the call: the models by their names, then
 * their endpoints in the order of the plan.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/cloudflare.h"
#include "worker/error_reply.h"
#include "worker/provider/provider.h"
#include "worker/request_path.h"
#include "worker/settings.h"

/* The same words for unknown and not allowed: nobody learns what exists. */
COLD static int
refuse_model(struct str name, struct fault *fault)
{
    fault_set(fault, 404, "invalid_request_error", "model_not_found", "model",
              "the model `%.*s` does not exist or this key may not use it; "
              "GET /v1/models lists what it may",
              (int)(name.len < 200 ? name.len : 200), name.ptr);
    fault->no_retry = true;
    return -1;
}

/* Names go into paths of providers, with the gateway's credential beside them: a
 * segment that a server would resolve is no name. */
static bool
leads_elsewhere(struct str name)
{
    while (name.len > 0) {
        const char *slash = memchr(name.ptr, '/', name.len);
        size_t len = slash != NULL ? (size_t)(slash - name.ptr) : name.len;
        if (len == 0 || (len == 1 && name.ptr[0] == '.') ||
            (len == 2 && name.ptr[0] == '.' && name.ptr[1] == '.'))
            return true;
        name = str_skip(name, len + 1);
    }
    return false;
}

/* The candidate becomes the one that is asked. */
static void
take_candidate(struct request *request, const struct route_candidate *candidate)
{
    const struct route_model *m = &request->plan.models[candidate->model];
    const struct catalogue_endpoint *endpoint =
        &m->model->endpoints[candidate->endpoint];
    request->model = m->model;
    request->served = endpoint;
    request->provider = &request->catalogue->providers[endpoint->provider];
    if (UNLIKELY(candidate->credentials != 0))
        request->provider = route_credential_choose(request, request->provider,
                                                    candidate->credentials &
                                                        ~request->plan.tried);
    /* A wildcard has one provider, and the name that was asked for. */
    request->upstream_model = catalogue_upstream_name(
        request->provider,
        m->model->is_wildcard ? m->upstream : str_from(m->model->name));
}

bool
route_next(struct request *request)
{
    struct route_plan *plan = &request->plan;
    if (plan->next >= plan->count)
        return false;
    plan->tried = 0;
    take_candidate(request, &plan->items[plan->next++]);
    return true;
}

bool
route_next_credential(struct request *request, bool only_usable)
{
    const struct route_plan *plan = &request->plan;
    CHECK(plan->next > 0);
    const struct catalogue_provider *provider =
        &request->catalogue->providers[request->served->provider];
    uint64_t left = plan->items[plan->next - 1].credentials & ~plan->tried;
    if (only_usable)
        left = route_credentials_usable(request, provider, left);
    if (left == 0)
        return false;
    request->provider = route_credential_choose(request, provider, left);
    return true;
}

bool
route_has_next(const struct request *request)
{
    return request->plan.next < request->plan.count;
}

void
route_again(struct request *request)
{
    request->plan.next = 0;
}

void
route_again_from(struct request *request, uint8_t next)
{
    request->plan.next = (uint8_t)(next - 1);
    route_next(request);
}

COLD static int
refuse_provider(struct str name, struct fault *fault)
{
    fault_set(fault, 400, "invalid_request_error", "provider_not_found", NULL,
              "Invalid provider: there is no `%.*s` here", STR_ARG(name));
    fault->no_retry = true;
    return -1;
}

/* The path names the provider. */
static int
find_at_provider(struct request *request, struct str name,
                 struct route_model *found, struct fault *fault)
{
    struct str provider = {request->path_provider, request->path_provider_len};
    found->only = cloudflare_provider(request->catalogue, provider);
    if (found->only < 0)
        return refuse_provider(provider, fault);
    found->model = catalogue_find_at(request->catalogue, found->only, name,
                                     &found->upstream);
    return found->model != NULL ? 0 : refuse_model(name, fault);
}

/* Cloudflare's compat path: the provider stands before the model, under the name
 * that Cloudflare has for it. */
static void
find_compat(const struct request *request, struct str name,
            struct route_model *found)
{
    const char *slash = memchr(name.ptr, '/', name.len);
    if (slash == NULL)
        return;
    struct str provider = {name.ptr, (size_t)(slash - name.ptr)};
    int only = cloudflare_provider(request->catalogue, provider);
    if (only < 0)
        return;
    found->model =
        catalogue_find_at(request->catalogue, only,
                          str_skip(name, provider.len + 1), &found->upstream);
    if (found->model != NULL)
        found->only = only;
}

/* 0: there is one, and the key may use it; or -1 with *fault. */
static int
may_be_asked(struct request *request, struct str name,
             const struct route_model *found, struct fault *fault)
{
    if (found->model == NULL || leads_elsewhere(found->upstream))
        return refuse_model(name, fault);
    int allowed = auth_model_allowed(request, found->model->model_idx, fault);
    if (allowed < 0)
        return -1;
    return allowed > 0 ? 0 : refuse_model(name, fault);
}

/* 0 with a model that the key may use, or -1 with *fault. */
static int
find_model(struct request *request, struct str name, struct route_model *found,
           struct fault *fault)
{
    *found = (struct route_model){.upstream = name, .only = -1};
    if (request->path_provider_len > 0) {
        if (find_at_provider(request, name, found, fault) < 0)
            return -1;
    } else {
        if (request->plane == PLANE_CF_GATEWAY)
            find_compat(request, name, found);
        if (found->model == NULL)
            found->model = catalogue_find(request->catalogue, name,
                                          &found->upstream, &found->only);
    }
    return may_be_asked(request, name, found, fault);
}

int
route_find_model(struct request *request, struct str provider, struct str name,
                 struct route_model *found, struct fault *fault)
{
    *found = (struct route_model){.upstream = name, .only = -1};
    if (provider.len > 0) {
        found->only = cloudflare_provider(request->catalogue, provider);
        if (found->only >= 0)
            found->model = catalogue_find_at(request->catalogue, found->only,
                                             name, &found->upstream);
    } else {
        found->model = catalogue_find(request->catalogue, name,
                                      &found->upstream, &found->only);
    }
    return may_be_asked(request, name, found, fault);
}

/* ---- the plan ---- */

static bool
ends_in(struct str name, struct str suffix)
{
    return name.len > suffix.len &&
           str_equals(str_skip(name, name.len - suffix.len), suffix);
}

/* ":nitro" and ":floor" where no model has the name with it. */
static void
obey_suffix(struct str name, const struct catalogue_model *model,
            struct settings *layer)
{
    bool nitro = ends_in(name, STR_LIT(":nitro"));
    if ((!nitro && !ends_in(name, STR_LIT(":floor"))) || model->is_wildcard ||
        catalogue_is_called(model, name))
        return;
    layer->values[SETTING_SORT] = nitro ? SORT_THROUGHPUT : SORT_PRICE;
    layer->set |= UINT64_C(1) << SETTING_SORT;
}

static struct str
body_part(const struct request *request, struct span32 span)
{
    return span.len == 0
               ? (struct str){NULL, 0}
               : str_make(request->body.data + request->body.start + span.off,
                          span.len);
}

static bool
has_model(const struct route_plan *plan, const struct route_model *found)
{
    for (unsigned i = 0; i < plan->model_count; i++)
        if (plan->models[i].model == found->model &&
            plan->models[i].only == found->only &&
            str_equals(plan->models[i].upstream, found->upstream))
            return true;
    return false;
}

/* The models behind the first: unknown ones are passed over, as those that the
 * key may not use, and those that are there already. */
static int
add_fallbacks(struct request *request, struct fault *fault)
{
    struct route_plan *plan = &request->plan;
    struct fault ignored;
    int count =
        route_models_read(body_part(request, request->call.models_value),
                          plan->names, ROUTE_FALLBACKS_MAX, fault);
    for (int i = 0; i < count && plan->model_count < ROUTE_MODELS_MAX; i++) {
        struct route_model *found = &plan->models[plan->model_count];
        if (find_model(request, str_from(plan->names[i]), found, &ignored) ==
                0 &&
            !has_model(plan, found))
            plan->model_count++;
    }
    return count < 0 ? -1 : 0;
}

/* Wishes that a provider obeys by itself are its own: its names are others. */
static bool
routes_itself(const struct request *request)
{
    const struct catalogue_model *model = request->plan.models[0].model;
    for (uint32_t i = 0; i < model->endpoint_count; i++) {
        const struct catalogue_provider *provider =
            &request->catalogue->providers[model->endpoints[i].provider];
        if ((provider_family_of(provider->kind)->quirks(provider) &
             QUIRK_ROUTES) == 0)
            return false;
    }
    return true;
}

COLD static int
refuse_empty_plan(const struct request *request, struct fault *fault)
{
    if (request->alias != 0) {
        fault_set(fault, request->plane == PLANE_CF_GATEWAY ? 400 : 404,
                  "invalid_request_error", "no_credential", NULL,
                  "no provider of the model `%.200s` that may be asked has the "
                  "credential that this call names for this key",
                  request->call.model);
        fault->no_retry = true;
        return -1;
    }
    if (setting_of(request, SETTING_ROUTE) == ROUTE_BYOK) {
        fault_set(fault, 404, "invalid_request_error", "no_credential", NULL,
                  "this key uses only credentials of its own group (route "
                  "byok), and there is none that it may use for the model "
                  "`%.200s`",
                  request->call.model);
        fault->no_retry = true;
        return -1;
    }
    if (setting_of(request, SETTING_ZDR) != 0 ||
        setting_of(request, SETTING_DATA_COLLECTION) != DATA_ALLOW) {
        fault_set(fault, 404, "invalid_request_error", "no_provider",
                  "provider",
                  "No endpoints found matching your data policy: none of the "
                  "providers of the model `%.200s` that may be asked is known "
                  "to keep so little (data_policy)",
                  request->call.model);
        fault->no_retry = true;
        return -1;
    }
    fault_set(fault, 404, "invalid_request_error", "no_provider", "provider",
              "No allowed providers are available for the selected model "
              "`%.200s`: its providers are switched off, or the settings and "
              "the `provider` object of this call leave none",
              request->call.model);
    fault->no_retry = true;
    return -1;
}

/* Names of both. Where they are too many, the call's last ones are none. */
static void
join_lists(struct settings_providers *list,
           const struct settings_providers *more)
{
    for (unsigned i = 0; i < more->count; i++) {
        unsigned at = 0;
        while (at < list->count && list->idx[at] != more->idx[i])
            at++;
        if (at == list->count && at < SETTINGS_LIST_MAX)
            list->idx[list->count++] = more->idx[i];
    }
}

/* Names that stand in both. */
static void
meet_lists(struct settings_providers *list,
           const struct settings_providers *other)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < list->count; i++) {
        unsigned at = 0;
        while (at < other->count && other->idx[at] != list->idx[i])
            at++;
        if (at < other->count)
            list->idx[kept++] = list->idx[i];
    }
    list->count = (uint16_t)kept;
}

/* A layer above the others; but whom key, group and server keep the call from it
 * does not reach by naming others (OpenRouter: merged with the account's). */
static void
merge_wishes(struct settings *own, const struct settings *wishes)
{
    struct settings_providers only = own->lists[SETTINGS_ONLY];
    struct settings_providers ignore = own->lists[SETTINGS_IGNORE];
    bool has_only = settings_has(own, SETTING_ONLY);
    settings_merge(own, wishes);
    if (has_only && settings_has(wishes, SETTING_ONLY))
        meet_lists(&own->lists[SETTINGS_ONLY], &only);
    join_lists(&ignore, &own->lists[SETTINGS_IGNORE]);
    own->lists[SETTINGS_IGNORE] = ignore;
}

/* The body's own words of its way are a layer above all others. */
static int
make_plan(struct request *request, struct fault *fault)
{
    const struct call *call = &request->call;
    struct route_plan *plan = &request->plan;
    struct settings suffix = {0};
    bool wishes_count = call->provider_value.len > 0 && !routes_itself(request);
    UNINITIALIZED struct route_wishes wishes;
    if (call->models_value.len > 0 && add_fallbacks(request, fault) < 0)
        return -1;
    if (wishes_count &&
        route_wishes_read(body_part(request, call->provider_value),
                          request->catalogue, &wishes, fault) < 0)
        return -1;
    obey_suffix(str_make(call->model, call->model_len), plan->models[0].model,
                &suffix);
    if (wishes_count || suffix.set != 0) {
        if (request->settings != &request->own_settings)
            request->own_settings = *request->settings;
        request->settings = &request->own_settings;
        settings_merge(&request->own_settings, &suffix);
        if (wishes_count)
            merge_wishes(&request->own_settings, &wishes.layer);
    }
    request->routed_by_body = wishes_count || call->models_value.len > 0;
    if (route_plan_make(request, wishes_count ? &wishes : NULL) < 0)
        return refuse_empty_plan(request, fault);
    return 0;
}

int
route_find(struct request *request, struct fault *fault)
{
    struct route_plan *plan = &request->plan;
    request->catalogue = worker_catalogue(request->worker);
    if (request->catalogue == NULL) {
        fault_set_overloaded(fault, "the gateway is starting");
        return -1;
    }
    struct str name = {request->call.model, request->call.model_len};
    plan->model_count = 1;
    plan->charge_count = 0;
    if (settings_resolve(request, fault) < 0)
        return -1;
    int dynamic = dynamic_find(request, name, fault);
    if (dynamic < 0 ||
        (dynamic == 0 &&
         find_model(request, name, &plan->models[0], fault) < 0) ||
        make_plan(request, fault) < 0)
        return -1;
    route_next(request);
    return 0;
}
