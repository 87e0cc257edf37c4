/*
 * self_service.h - what the gateway answers by itself, at once: health, the
 * models a key may call, the budgets it has.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_SELF_SERVICE_H
#define AIGW_WORKER_SELF_SERVICE_H

#include "worker/request.h"

/* Each answers and ends the request. `rest`: the path behind the row's. */
void self_service_healthz(struct request *request, struct str rest);
void self_service_readyz(struct request *request, struct str rest);
void self_service_models(struct request *request, struct str rest);
void self_service_model(struct request *request, struct str rest);
void self_service_usage(struct request *request, struct str rest);

#endif
