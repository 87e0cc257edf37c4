/*
 * route.c - which provider gets the call: the model by its name, then its
 * endpoints in order.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/cloudflare.h"
#include "worker/error_reply.h"
#include "worker/request_path.h"
#include "worker/settings.h"

/* The same words for unknown and not allowed: nobody learns what exists. */
static int
refuse_model(const struct request *request, struct fault *fault)
{
    fault_set(fault, 404, "invalid_request_error", "model_not_found", "model",
              "the model `%.200s` does not exist or this key may not use it; "
              "GET /v1/models lists what it may",
              request->call.model);
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

/* The next endpoint of the model that is enabled and was not tried; `healthy`:
 * and may be sent calls now. */
static bool
take_endpoint_if(struct request *request, bool healthy)
{
    const struct catalogue_model *model = request->model;
    for (uint32_t i = 0; i < model->endpoint_count; i++) {
        const struct catalogue_endpoint *endpoint = &model->endpoints[i];
        const struct catalogue_provider *provider =
            &request->catalogue->providers[endpoint->provider];
        if ((request->route_tried & (1u << i)) != 0 || !provider->enabled)
            continue;
        if (request->route_only >= 0 &&
            (uint32_t)request->route_only != endpoint->provider)
            continue;
        if (healthy &&
            health_look(request->worker, provider, endpoint->endpoint_idx, 0) ==
                HEALTH_COOLING)
            continue;
        request->route_tried |= 1u << i;
        request->provider = provider;
        request->endpoint_idx = endpoint->endpoint_idx;
        /* A wildcard has one provider, and the name that was asked for. */
        request->upstream_model = catalogue_upstream_name(
            provider, model->is_wildcard ? request->upstream_model
                                         : str_from(model->name));
        return true;
    }
    return false;
}

/* Those that cool down come last: better than nothing. */
static bool
take_endpoint(struct request *request)
{
    return take_endpoint_if(request, true) || take_endpoint_if(request, false);
}

bool
route_next(struct request *request)
{
    return take_endpoint(request);
}

static int
refuse_provider(struct str name, struct fault *fault)
{
    fault_set(fault, 400, "invalid_request_error", "provider_not_found", NULL,
              "Invalid provider: there is no `%.*s` here", STR_ARG(name));
    fault->no_retry = true;
    return -1;
}

/* The path names the provider. */
static int
find_at_provider(struct request *request, struct str name, struct fault *fault)
{
    struct str provider = {request->path_provider, request->path_provider_len};
    request->route_only = cloudflare_provider(request->catalogue, provider);
    if (request->route_only < 0)
        return refuse_provider(provider, fault);
    request->model = catalogue_find_at(request->catalogue, request->route_only,
                                       name, &request->upstream_model);
    return 0;
}

/* Cloudflare's compat path: the provider stands before the model, under the name
 * that Cloudflare has for it. */
static void
find_compat(struct request *request, struct str name)
{
    const char *slash = memchr(name.ptr, '/', name.len);
    if (slash == NULL)
        return;
    struct str provider = {name.ptr, (size_t)(slash - name.ptr)};
    int only = cloudflare_provider(request->catalogue, provider);
    if (only < 0)
        return;
    request->model = catalogue_find_at(request->catalogue, only,
                                       str_skip(name, provider.len + 1),
                                       &request->upstream_model);
    if (request->model != NULL)
        request->route_only = only;
}

static int
find_model(struct request *request, struct fault *fault)
{
    struct str name = {request->call.model, request->call.model_len};
    request->upstream_model = name;
    if (request->path_provider_len > 0) {
        if (find_at_provider(request, name, fault) < 0)
            return -1;
    } else {
        if (request->plane == PLANE_CF_GATEWAY)
            find_compat(request, name);
        if (request->model == NULL)
            request->model =
                catalogue_find(request->catalogue, name,
                               &request->upstream_model, &request->route_only);
    }
    if (request->model == NULL || leads_elsewhere(request->upstream_model))
        return refuse_model(request, fault);
    return 0;
}

int
route_find(struct request *request, struct fault *fault)
{
    request->catalogue = worker_catalogue(request->worker);
    if (request->catalogue == NULL) {
        fault_set_overloaded(fault, "the gateway is starting");
        return -1;
    }
    if (settings_resolve(request, fault) < 0 || find_model(request, fault) < 0)
        return -1;
    int allowed = auth_model_allowed(request, request->model->model_idx, fault);
    if (allowed < 0)
        return -1;
    if (allowed == 0)
        return refuse_model(request, fault);
    if (!take_endpoint(request)) {
        fault_set_overloaded(fault, "no provider of this model is enabled");
        return -1;
    }
    return 0;
}
