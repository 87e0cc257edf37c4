/*
 * config_read.c - the entries of aigw.ini put into a configuration.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/config_part.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/alert_rule.h"
#include "common/log.h"

static void PRINTF_LIKE(3, 4)
    loader_fault(struct config_loader *loader, const struct ini_entry *entry,
                 const char *format, ...)
{
    char reason[768];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    config_fault(loader->error, entry->file, entry->line, "%s", reason);
    loader->failed = true;
}

/* The names of files live as long as the loader; there are few. */
const char *
config_keep_file_name(struct config_loader *loader, const char *file)
{
    for (unsigned i = 0; i < loader->file_count; i++)
        if (strcmp(loader->files[i], file) == 0)
            return loader->files[i];
    char **files =
        realloc(loader->files, (loader->file_count + 1) * sizeof(*files));
    char *copy = strdup(file);
    if (files != NULL)
        loader->files = files;
    if (files == NULL || copy == NULL) {
        free(copy);
        loader->out_of_memory = true;
        return NULL;
    }
    files[loader->file_count++] = copy;
    return copy;
}

/* One more element behind an array of `count`, zeroed. */
static void *
grow(void **array, unsigned count, size_t bytes)
{
    char *grown = realloc(*array, (count + 1) * bytes);
    if (grown == NULL)
        return NULL;
    *array = grown;
    return memset(grown + count * bytes, 0, bytes);
}

/* Where a configuration has its sections of one kind. */
static const struct section_place {
    size_t items, count; /* offsets; count 0: there is one, at `items` */
    size_t bytes;
} places[CONFIG_SECTION_COUNT] = {
#define SINGLE(name)                                                           \
    [CONFIG_SECTION_##name] = {offsetof(struct config, name), 0, 0}
#define NAMED(name)                                                            \
    [CONFIG_SECTION_##name] = {offsetof(struct config, name##s),               \
                               offsetof(struct config, name##_count),          \
                               sizeof(struct config_##name)}
    SINGLE(server),  SINGLE(admin),     SINGLE(log),  SINGLE(balance),
    NAMED(provider), NAMED(credential), NAMED(model), NAMED(endpoint),
    NAMED(gateway),  NAMED(route),      NAMED(alert),
};

unsigned
config_section_count(const struct config *config, enum config_section section)
{
    const struct section_place *place = &places[section];
    unsigned count;
    if (place->bytes == 0)
        return 1;
    memcpy(&count, (const char *)config + place->count, sizeof(count));
    return count;
}

size_t
config_section_bytes(enum config_section section)
{
    return places[section].bytes;
}

void *
config_section(const struct config *config, enum config_section section,
               unsigned idx)
{
    const struct section_place *place = &places[section];
    char *at = (char *)(uintptr_t)config + place->items, *items;
    if (place->bytes == 0)
        return at;
    memcpy(&items, at, sizeof(items));
    return items + idx * place->bytes;
}

void *
config_add_section(struct config_loader *loader, enum config_section section,
                   const char *name)
{
    const struct section_place *place = &places[section];
    char *at = (char *)loader->config + place->items;
    unsigned count = config_section_count(loader->config, section);
    void *items, *origins = loader->origins.named[section];
    memcpy(&items, at, sizeof(items));
    char *fields = grow(&items, count, place->bytes);
    memcpy(at, &items, sizeof(items));
    loader->origin = grow(&origins, count, sizeof(*loader->origin));
    loader->origins.named[section] = origins;
    if (fields == NULL || loader->origin == NULL) {
        loader->out_of_memory = true;
        return NULL;
    }
    count++;
    memcpy((char *)loader->config + place->count, &count, sizeof(count));
    *(char **)(void *)fields = strdup(name);
    if (config_section_name(fields) == NULL ||
        !config_section_init(section, fields))
        loader->out_of_memory = true;
    return loader->out_of_memory ? NULL : fields;
}

void *
config_find_section(const struct config *config, enum config_section section,
                    const char *name)
{
    for (unsigned i = 0; i < config_section_count(config, section); i++) {
        void *fields = config_section(config, section, i);
        if (strcmp(config_section_name(fields), name) == 0)
            return fields;
    }
    return NULL;
}

const struct config_provider *
config_find_provider(const struct config *config, const char *name)
{
    return config_find_section(config, CONFIG_SECTION_provider, name);
}

const struct config_model *
config_find_model(const struct config *config, const char *name)
{
    return config_find_section(config, CONFIG_SECTION_model, name);
}

/* ---- one entry of the file ---- */

static void
refuse_section(struct config_loader *loader, const struct ini_entry *entry)
{
    struct buf words, hint;
    buf_init(&words, 0);
    buf_init(&hint, 0);
    for (size_t i = 0; i < CONFIG_SECTION_COUNT; i++)
        buf_printf(&words, "%s|", config_section_names[i]);
    config_suggest(entry->section, buf_cstr(&words), &hint);
    loader_fault(loader, entry, "unknown section [%.60s]%s", entry->section,
                 buf_cstr(&hint));
    buf_fini(&words);
    buf_fini(&hint);
}

static void
open_named_section(struct config_loader *loader, const struct ini_entry *entry)
{
    if (*entry->name == '\0')
        loader_fault(loader, entry, "the section is [%s.NAME]", entry->section);
    else if (config_find_section(loader->config, loader->section,
                                 entry->name) != NULL)
        loader_fault(loader, entry, "section [%s.%.127s] stands here twice",
                     entry->section, entry->name);
    else
        loader->fields =
            config_add_section(loader, loader->section, entry->name);
}

static void
read_header(struct config_loader *loader, const struct ini_entry *entry)
{
    size_t i = 0;
    loader->fields = NULL;
    while (i < CONFIG_SECTION_COUNT &&
           strcmp(config_section_names[i], entry->section) != 0)
        i++;
    if (i == CONFIG_SECTION_COUNT) {
        refuse_section(loader, entry);
        return;
    }
    loader->section = (enum config_section)i;
    if (i >= CONFIG_SECTION_NAMED) {
        open_named_section(loader, entry);
    } else if (*entry->name != '\0') {
        loader_fault(loader, entry, "section [%s] has no name behind it",
                     entry->section);
    } else {
        loader->fields = config_section(loader->config, loader->section, 0);
        loader->origin = &loader->origins.single[i];
    }
    if (loader->fields != NULL && loader->origin->line == 0) {
        loader->origin->file = config_keep_file_name(loader, entry->file);
        loader->origin->line = entry->line;
    }
}

static void
refuse_option(struct config_loader *loader, const struct ini_entry *entry)
{
    struct buf words, hint;
    buf_init(&words, 0);
    buf_init(&hint, 0);
    for (size_t i = 0; i < config_option_count; i++)
        if (config_options[i].section == loader->section)
            buf_printf(&words, "%s|", config_options[i].name);
    config_suggest(entry->option, buf_cstr(&words), &hint);
    loader_fault(loader, entry, "unknown option \"%s\" in [%s]%s",
                 entry->option, entry->section, buf_cstr(&hint));
    buf_fini(&words);
    buf_fini(&hint);
}

/* A credential that stands in a file which others may read. */
static void
warn_of_open_secret(struct config_loader *loader, const struct ini_entry *entry)
{
    struct stat st;
    if (loader->warned || entry->secret_source || *entry->value == '\0' ||
        loader->config->path == NULL || stat(entry->file, &st) != 0 ||
        (st.st_mode & 044) == 0)
        return;
    loader->warned = true;
    log_warn("%s:%d: %s stands in a file that others may read: chmod 600, or "
             "use ${ENV}, file:PATH, cred:NAME",
             entry->file, entry->line, entry->option);
}

static void
read_option(struct config_loader *loader, const struct ini_entry *entry)
{
    int idx = config_find_option(loader->section, entry->option);
    if (idx < 0) {
        refuse_option(loader, entry);
        return;
    }
    const struct config_option *option = config_option_at(loader->section, idx);
    if (loader->origin->options[idx].line > 0) {
        loader_fault(loader, entry, "%s is set twice, first in %s:%d",
                     option->name, loader->origin->options[idx].file,
                     loader->origin->options[idx].line);
        return;
    }
    loader->origin->options[idx].file =
        config_keep_file_name(loader, entry->file);
    loader->origin->options[idx].line = entry->line;
    if (option->type == CONFIG_SECRET)
        warn_of_open_secret(loader, entry);
    struct buf reason;
    bool quote = option->type != CONFIG_SECRET && option->type != CONFIG_URL &&
                 !entry->secret_source;
    buf_init(&reason, 0);
    if (!config_value_set(option, loader->fields, entry->value, quote,
                          &reason)) {
        loader_fault(loader, entry, "%s: %s", option->name, buf_cstr(&reason));
        /* What is checked later finds a good value here. */
        if (!config_value_set(option, loader->fields, option->fallback, false,
                              &reason))
            loader->out_of_memory = true;
    }
    buf_fini(&reason);
}

int
config_on_entry(const struct ini_entry *entry, void *context, struct buf *error)
{
    struct config_loader *loader = context;
    if (entry->option == NULL)
        read_header(loader, entry);
    else if (loader->fields != NULL)
        read_option(loader, entry);
    if (!loader->out_of_memory)
        return 0;
    config_fault(error, entry->file, entry->line, "out of memory");
    return -ENOMEM;
}
