/*
 * self_service.h - what the gateway answers by itself, at once: health, the
 * models a key may call, the budgets it has.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_SELF_SERVICE_H
#define AIGW_WORKER_SELF_SERVICE_H

#include "common/json_write.h"
#include "worker/request.h"

/* Each answers and ends the request. `rest`: what `*` of the row's path stood
 * for, as sent. */
#define SELF_SERVICE(name)                                                     \
    void name(struct request *request, const struct http_head *head,           \
              struct str rest)

SELF_SERVICE(self_service_healthz);
SELF_SERVICE(self_service_readyz);
SELF_SERVICE(self_service_usage);
/* self_service_models.c: in the shape of the client's dialect */
SELF_SERVICE(self_service_models);
SELF_SERVICE(self_service_model);
/* self_service_openrouter.c: OpenRouter's description of a model's endpoints */
SELF_SERVICE(self_service_endpoints);
/* self_service_billing.c: the key and its money as OpenRouter and aiproxy tell */
SELF_SERVICE(self_service_key);
SELF_SERVICE(self_service_subscription);
SELF_SERVICE(self_service_billed);
SELF_SERVICE(self_service_quota);
/* self_service_search.c: as Cloudflare's catalogue */
SELF_SERVICE(self_service_search);
/* self_service_refuse.c: what is answered at these paths is why not. */
SELF_SERVICE(refuse_websocket);
SELF_SERVICE(refuse_stored);
SELF_SERVICE(refuse_gateway);

/* One of the catalogue's models as OpenRouter lists it. */
void self_service_write_openrouter(struct json_writer *json,
                                   const struct catalogue *catalogue,
                                   const struct catalogue_model *model,
                                   struct str id);
/* An error as OpenRouter has it: {"error": {"code": its status, "message",
 * "metadata": {"code": the name of it, "param"}}}. */
void self_service_openrouter_error(struct buf *out, const struct fault *fault);
/* A whole body as JSON, which it frees; 503 where memory ran out. */
void self_service_reply(struct request *request, uint16_t status,
                        struct buf *body);

#endif
