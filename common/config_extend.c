/*
 * config_extend.c - a configuration of a file and of parts that management
 * made: copied, extended, checked as one.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/config_extend.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/alert_rule.h"

int
config_section_by_name(const char *name)
{
    for (int s = CONFIG_SECTION_NAMED; s < CONFIG_SECTION_COUNT; s++)
        if (strcmp(config_section_names[s], name) == 0)
            return s;
    return -1;
}

bool
config_section_fill(enum config_section section, void *fields,
                    const struct config_pair *pairs, unsigned count,
                    struct buf *reason)
{
    for (unsigned i = 0; i < count; i++) {
        int idx = config_find_option(section, pairs[i].name);
        if (idx < 0) {
            buf_printf(reason, "%s: there is no such option", pairs[i].name);
            return false;
        }
        const struct config_option *option = config_option_at(section, idx);
        bool quote =
            option->type != CONFIG_SECRET && option->type != CONFIG_URL;
        struct buf why;
        buf_init(&why, 0);
        bool good =
            config_value_set(option, fields, pairs[i].value, quote, &why);
        if (!good)
            buf_printf(reason, "%s: %s", option->name, buf_cstr(&why));
        buf_fini(&why);
        if (!good)
            return false;
    }
    return true;
}

/* Whoever may make it need not be who may look around in this network. */
static void
guard(enum config_section section, void *fields)
{
    if (section == CONFIG_SECTION_gateway)
        ((struct config_gateway *)fields)->guarded = true;
    else if (section == CONFIG_SECTION_provider)
        ((struct config_provider *)fields)->guarded = true;
    else if (section == CONFIG_SECTION_alert)
        ((struct config_alert *)fields)->guarded = true;
}

static void
add_part(struct config_loader *loader, struct config_extra *extra)
{
    char place[320];
    struct buf reason;
    const char *section = config_section_names[extra->section];
    extra->shadowed = config_find_section(loader->config, extra->section,
                                          extra->name) != NULL;
    if (extra->shadowed)
        return;
    void *fields = config_add_section(loader, extra->section, extra->name);
    if (fields == NULL)
        return;
    snprintf(place, sizeof(place), "%s.%s", section, extra->name);
    loader->origin->file = config_keep_file_name(loader, place);
    buf_init(&reason, 0);
    guard(extra->section, fields);
    if (!config_section_fill(extra->section, fields, extra->pairs,
                             extra->pair_count, &reason)) {
        config_fault(loader->error, place, 0, "%s", buf_cstr(&reason));
        loader->failed = true;
    }
    buf_fini(&reason);
    if (!loader->config->admin.private_providers)
        guard(extra->section, fields); /* whatever it says */
    else if (extra->section == CONFIG_SECTION_gateway)
        ((struct config_gateway *)fields)->guarded = false;
    else if (extra->section == CONFIG_SECTION_alert)
        ((struct config_alert *)fields)->guarded = false;
}

struct config *
config_extend(const struct config *base, struct config_extra *extras,
              size_t count, struct buf *error)
{
    struct config_loader loader;
    struct buf text;
    int rc = -ENOMEM;
    buf_init_secret(&text, 0);
    config_serialize(base, false, &text);
    if (config_loader_begin(&loader, "aigw.ini", error) && buf_ok(&text)) {
        rc = ini_read_text(buf_view(&text), "aigw.ini", config_on_entry,
                           &loader, error);
        if (base->path != NULL) {
            loader.config->path = strdup(base->path);
            loader.out_of_memory |= loader.config->path == NULL;
        }
        for (size_t i = 0; i < count && rc == 0; i++)
            add_part(&loader, &extras[i]);
    }
    buf_fini(&text);
    return config_loader_end(&loader, rc);
}
