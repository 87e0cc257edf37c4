/*
 * catalogue_guards.c - what a gateway profile looks for in calls, and whom it
 * asks about them, from the configuration. Accountant only.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shm/catalogue_part.h"

/* An item a line; NULL for an empty list. */
static bool
copy_lines(char **to, const struct config_list *list)
{
    size_t len = 0;
    *to = NULL;
    for (unsigned i = 0; i < list->count; i++)
        len += strlen(list->items[i]) + 1;
    if (len == 0)
        return true;
    *to = malloc(len);
    if (*to == NULL)
        return false;
    char *at = *to;
    for (unsigned i = 0; i < list->count; i++) {
        at = stpcpy(at, list->items[i]);
        *at++ = i + 1 < list->count ? '\n' : '\0';
    }
    return true;
}

static bool
add_webhook(struct catalogue_gateway *gateway, const struct config_gateway *c)
{
    if (c->webhook_url == NULL)
        return true;
    struct catalogue_provider *webhook = calloc(1, sizeof(*webhook));
    gateway->webhook = webhook;
    gateway->webhook_fail = c->webhook_fail;
    gateway->webhook_prompt = c->webhook_prompt;
    if (webhook == NULL || !catalogue_split_url(c->webhook_url, webhook))
        return false;
    memcpy(webhook->name, "webhook", 8);
    webhook->verify = webhook->enabled = true;
    webhook->guarded = c->guarded;
    webhook->timeouts =
        (struct call_timeouts){.connect_ms = c->webhook_timeout_ms,
                               .first_byte_ms = c->webhook_timeout_ms,
                               .idle_ms = c->webhook_timeout_ms,
                               .total_ms = c->webhook_timeout_ms};
    return true;
}

bool
catalogue_add_guards(struct catalogue_gateway *gateway,
                     const struct config_gateway *config, struct buf *error)
{
    if (copy_lines(&gateway->redact, &config->redact) &&
        copy_lines(&gateway->guard_prompt, &config->guard_prompt) &&
        copy_lines(&gateway->guard_answer, &config->guard_answer) &&
        add_webhook(gateway, config))
        return true;
    buf_printf(error, "gateway %s: its webhook_url is not usable",
               config->name);
    return false;
}
