/*
 * config.c - a configuration loaded, completed and freed. The rows are in
 * config_options.h, entries of the file in config_read.c, single values in
 * config_value.c, what must fit together in config_check.c, text of all kinds
 * in config_text.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/config.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config_part.h"
#include "common/ini.h"

/* ---- what the file does not say ---- */

/* A newcomer, a test and a benchmark need no account anywhere. */
static void
add_builtin(struct config_loader *loader)
{
    if (config_find_provider(loader->config, "builtin") != NULL)
        return;
    struct config_provider *provider =
        config_add_section(loader, CONFIG_SECTION_provider, "builtin");
    if (provider == NULL)
        return;
    provider->kind = PROVIDER_BUILTIN;
    if (config_find_model(loader->config, "builtin/echo") != NULL)
        return;
    struct config_model *model =
        config_add_section(loader, CONFIG_SECTION_model, "builtin/echo");
    if (model == NULL)
        return;
    if (!config_list_add(&model->providers, STR_LIT("builtin")))
        loader->out_of_memory = true;
    model->context = 128000;
    model->max_output = 4096;
    /* Not free, so that budgets of money can be tried with it. */
    model->prices.input = 1000000;
    model->prices.output = 2000000;
}

/* The SDKs' variables, and where those send their calls. */
static const struct {
    const char *variable, *name, *base_url;
    enum provider_kind kind;
} environment[] = {
    // clang-format off
    {"OPENAI_API_KEY", "openai", "https://api.openai.com/v1", PROVIDER_OPENAI},
    {"ANTHROPIC_API_KEY", "anthropic", "https://api.anthropic.com", PROVIDER_ANTHROPIC},
    {"GEMINI_API_KEY", "gemini", "https://generativelanguage.googleapis.com", PROVIDER_GEMINI},
    {"DEEPSEEK_API_KEY", "deepseek", "https://api.deepseek.com", PROVIDER_OPENAI},
    {"GROQ_API_KEY", "groq", "https://api.groq.com/openai/v1", PROVIDER_OPENAI},
    {"MISTRAL_API_KEY", "mistral", "https://api.mistral.ai/v1", PROVIDER_OPENAI},
    {"OPENROUTER_API_KEY", "openrouter", "https://openrouter.ai/api/v1", PROVIDER_OPENAI},
    // clang-format on
};

/* A provider by its variable, where the file says nothing of it. */
static void
add_from_environment(struct config_loader *loader, unsigned row)
{
    struct str key = str_trim(str_from(getenv(environment[row].variable)));
    if (key.len == 0 ||
        config_find_provider(loader->config, environment[row].name) != NULL)
        return;
    for (size_t i = 0; i < key.len; i++)
        if (key.ptr[i] <= ' ' || key.ptr[i] >= 0x7f) {
            config_fault(loader->error, environment[row].variable, 0,
                         "there is a character in it that no key has");
            loader->failed = true;
            return;
        }
    struct config_provider *provider = config_add_section(
        loader, CONFIG_SECTION_provider, environment[row].name);
    if (provider == NULL)
        return;
    provider->kind = environment[row].kind;
    provider->base_url = strdup(environment[row].base_url);
    provider->api_key = strndup(key.ptr, key.len);
    if (provider->base_url == NULL || provider->api_key == NULL ||
        !config_list_add(&provider->models, STR_LIT("*")))
        loader->out_of_memory = true;
}

static unsigned
count_cores(void)
{
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof(cores), &cores) != 0)
        return 1;
    int count = CPU_COUNT(&cores);
    return count < 1 ? 1 : count > 64 ? 64 : (unsigned)count;
}

/* ---- reading ---- */

bool
config_loader_begin(struct config_loader *loader, const char *path,
                    struct buf *error)
{
    *loader = (struct config_loader){.error = error};
    loader->origins.path = path;
    loader->config = calloc(1, sizeof(*loader->config));
    return loader->config != NULL &&
           config_section_init(CONFIG_SECTION_server,
                               &loader->config->server) &&
           config_section_init(CONFIG_SECTION_admin, &loader->config->admin) &&
           config_section_init(CONFIG_SECTION_log, &loader->config->log) &&
           config_section_init(CONFIG_SECTION_balance,
                               &loader->config->balance);
}

/* The configuration, checked, or NULL when anything was wrong. */
struct config *
config_loader_end(struct config_loader *loader, int rc)
{
    struct config *config = loader->config;
    bool complete = !loader->out_of_memory && rc != -ENOMEM;
    if (complete && config->server.workers == 0)
        config->server.workers = count_cores();
    bool good =
        complete && config_check(config, &loader->origins, loader->error);
    if (!complete && buf_len(loader->error) == 0)
        buf_append_cstr(loader->error, "out of memory");
    for (int i = 0; i < CONFIG_SECTION_COUNT; i++)
        free(loader->origins.named[i]);
    for (unsigned i = 0; i < loader->file_count; i++)
        free(loader->files[i]);
    free(loader->files);
    if (good && rc == 0 && !loader->failed)
        return config;
    config_free(config);
    return NULL;
}

struct config *
config_load(const char *path, struct buf *error)
{
    struct config_loader loader;
    int rc = -ENOMEM;
    if (config_loader_begin(&loader, path != NULL ? path : "defaults", error)) {
        rc = 0;
        if (path != NULL) {
            loader.config->path = strdup(path);
            rc = loader.config->path == NULL
                     ? -ENOMEM
                     : ini_read_file(path, config_on_entry, &loader, error);
        }
        add_builtin(&loader);
        for (unsigned i = 0; i < ARRAY_LEN(environment); i++)
            add_from_environment(&loader, i);
    }
    return config_loader_end(&loader, rc);
}

struct config *
config_parse_text(struct str text, struct buf *error)
{
    struct config_loader loader;
    int rc = -ENOMEM;
    if (config_loader_begin(&loader, "configuration", error))
        rc = ini_read_text(text, "configuration", config_on_entry, &loader,
                           error);
    return config_loader_end(&loader, rc);
}

void
config_free(struct config *config)
{
    if (config == NULL)
        return;
    for (enum config_section s = 0; s < CONFIG_SECTION_COUNT; s++)
        for (unsigned i = 0; i < config_section_count(config, s); i++) {
            void *fields = config_section(config, s, i);
            config_section_free(s, fields);
            if (s >= CONFIG_SECTION_NAMED)
                free(*(char **)fields);
        }
    free(config->providers);
    free(config->credentials);
    free(config->models);
    free(config->endpoints);
    free(config->gateways);
    free(config->routes);
    free(config->alerts);
    free(config->path);
    free(config);
}

int
config_check_reload(const struct config *running, const struct config *next,
                    struct buf *error)
{
    int rc = 0;
    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *option = &config_options[i];
        /* Options of sections with a name all apply at a reload. */
        if (option->applies != CONFIG_RESTART ||
            option->section >= CONFIG_SECTION_NAMED)
            continue;
        struct buf was, is;
        buf_init(&was, 0);
        buf_init(&is, 0);
        config_value_print(option, config_section(running, option->section, 0),
                           true, &was);
        config_value_print(option, config_section(next, option->section, 0),
                           true, &is);
        if (!str_equals(buf_view(&was), buf_view(&is))) {
            config_fault(error, next->path != NULL ? next->path : "reload", 0,
                         "[%s] %s cannot change without a restart (is \"%s\", "
                         "would be \"%s\")",
                         config_section_names[option->section], option->name,
                         buf_cstr(&was), buf_cstr(&is));
            rc = -EINVAL;
        }
        buf_fini(&was);
        buf_fini(&is);
    }
    return rc;
}

static int
see_run_dir(const struct ini_entry *entry, void *context, struct buf *error)
{
    char *out = context;
    (void)error;
    if (strcmp(entry->section, "server") != 0 || entry->option == NULL ||
        strcmp(entry->option, "run_dir") != 0)
        return 0;
    snprintf(out, CONFIG_NAME_BYTES, "%s", entry->value);
    return 1; /* the rest need not be readable */
}

int
config_run_dir(const char *path, char out[CONFIG_NAME_BYTES], struct buf *error)
{
    snprintf(out, CONFIG_NAME_BYTES, "./run");
    int r = ini_read_file(path, see_run_dir, out, error);
    if (r < 0 && access(path, R_OK) != 0)
        return r;
    buf_reset(error);
    return 0;
}

const char *
config_default_path(void)
{
    static const char *const places[] = {"aigw.ini", "/etc/aigw/aigw.ini"};
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (access(places[i], F_OK) == 0)
            return places[i];
    return NULL;
}

const char *
config_provider_kind_name(enum provider_kind kind)
{
    static const char *const names[] = {
        [PROVIDER_OPENAI] = "openai",         [PROVIDER_BUILTIN] = "builtin",
        [PROVIDER_ANTHROPIC] = "anthropic",   [PROVIDER_GEMINI] = "gemini",
        [PROVIDER_AZURE] = "azure",           [PROVIDER_BEDROCK] = "bedrock",
        [PROVIDER_WORKERS_AI] = "workers-ai",
    };
    return kind < ARRAY_LEN(names) ? names[kind] : "unknown";
}
