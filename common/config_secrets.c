/*
 * config_secrets.c - the secrets of a configuration, wherever they stand in it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/alert_rule.h"
#include "common/config_part.h"

/* Secret texts of one section, `fields` its struct. */
static void
visit(enum config_section section, void *fields, config_secret_visitor *visitor,
      void *context)
{
    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *option = &config_options[i];
        if (option->section != section ||
            (option->type != CONFIG_SECRET && option->type != CONFIG_URL))
            continue;
        char *text = *(char **)((char *)fields + option->offset);
        if (text != NULL)
            visitor(context, text);
    }
}

void
config_visit_secrets(struct config *config, config_secret_visitor *visitor,
                     void *context)
{
    visit(CONFIG_SECTION_server, &config->server, visitor, context);
    visit(CONFIG_SECTION_admin, &config->admin, visitor, context);
    visit(CONFIG_SECTION_log, &config->log, visitor, context);
    visit(CONFIG_SECTION_balance, &config->balance, visitor, context);
    for (unsigned i = 0; i < config->provider_count; i++)
        visit(CONFIG_SECTION_provider, &config->providers[i], visitor, context);
    for (unsigned i = 0; i < config->credential_count; i++)
        visit(CONFIG_SECTION_credential, &config->credentials[i], visitor,
              context);
    for (unsigned i = 0; i < config->gateway_count; i++)
        visit(CONFIG_SECTION_gateway, &config->gateways[i], visitor, context);
    for (unsigned i = 0; i < config->alert_count; i++)
        visit(CONFIG_SECTION_alert, &config->alerts[i], visitor, context);
}
