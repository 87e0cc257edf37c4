/*
 * op_reload.c - POST /admin/v1/reload: asks the master to take its configuration
 * over again, as `aigw -s reload` does; what came of it is in the status.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <errno.h>
#include <string.h>

void
op_reload(struct call *call)
{
    struct json_writer *json = &call->json;
    const struct control_message message = {.type = CONTROL_RELOAD};
    int r = control_send(store_heritage(call->store)->control_fd, &message, -1);
    if (r < 0) {
        call_fail(call, 503, "overloaded", "The master cannot be asked: %s.",
                  strerror(-r));
        return;
    }
    json_object_begin(json);
    json_key(json, "reloads");
    json_u64(json, store_master(call->store)->reloads);
    json_object_end(json);
    call_answer(call, 202);
}
