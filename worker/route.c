/*
 * route.c - which provider gets the call: the model by its name, then its
 * endpoints in order.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/error_reply.h"
#include "worker/request.h"

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

/* The next endpoint of the model that is enabled and was not tried. */
static bool
take_endpoint(struct request *request)
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

bool
route_next(struct request *request)
{
    return take_endpoint(request);
}

int
route_find(struct request *request, struct fault *fault)
{
    request->catalogue = worker_catalogue(request->worker);
    if (request->catalogue == NULL) {
        fault_set_overloaded(fault, "the gateway is starting");
        return -1;
    }
    struct str name = {request->call.model, request->call.model_len};
    request->upstream_model = name;
    request->model =
        catalogue_find(request->catalogue, name, &request->upstream_model,
                       &request->route_only);
    if (request->model == NULL)
        return refuse_model(request, fault);
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
