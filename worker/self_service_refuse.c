/*
 * self_service_refuse.c - paths that clients try and that nothing is behind: the
 * answer says why, in the way that makes the client go on at once.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/error_reply.h"
#include "worker/self_service.h"

/* GET /v1/responses: clients that would rather have a WebSocket go on with POST
 * when they are told 426, and try again for seconds with most other answers. */
SELF_SERVICE(refuse_websocket)
{
    struct fault fault;
    (void)rest;
    if (head->upgrade)
        fault_set(&fault, 426, "invalid_request_error", "upgrade_required",
                  NULL,
                  "responses are not given over a WebSocket here: POST to "
                  "this path");
    else
        fault_set(&fault, 405, "invalid_request_error", "method_not_allowed",
                  NULL, "this path answers to POST only");
    fault.no_retry = true;
    request_fail(request, &fault);
}

SELF_SERVICE(refuse_stored)
{
    struct fault fault;
    (void)head;
    (void)rest;
    fault_set(&fault, 501, "invalid_request_error", "not_implemented", NULL,
              "a stored response is kept by the provider that gave it, and the "
              "gateway does not know which: ask the provider, or go on from it "
              "by previous_response_id");
    fault.no_retry = true;
    request_fail(request, &fault);
}

/* /v1/ACCOUNT/ai/run/...: the path of another host, read as a gateway `ai`. */
SELF_SERVICE(refuse_gateway)
{
    struct fault fault;
    (void)head;
    (void)rest;
    fault_set(&fault, 400, "invalid_request_error", "gateway_not_found", NULL,
              "Please configure AI Gateway in the Cloudflare dashboard");
    fault.no_retry = true;
    request_fail(request, &fault);
}
