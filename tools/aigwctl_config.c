/*
 * aigwctl_config.c - commands on parts of the configuration that management
 * makes: providers, credentials, models, endpoints and gateway profiles.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/aigwctl_json.h"

/* "provider add" -> "providers". */
static void
collection_of(const struct ctl *ctl, char out[40])
{
    const char *words = ctl->args.command->words;
    snprintf(out, 40, "%.*ss", (int)strcspn(words, " "), words);
}

void
ctl_config_path(struct buf *path, const char *collection, const char *name)
{
    struct buf escaped;
    buf_init(path, 0);
    buf_init(&escaped, 0);
    ctl_query(&escaped, "n", name);
    buf_printf(path, "/admin/v1/%s/%s", collection, buf_cstr(&escaped) + 3);
    buf_fini(&escaped);
}

static int
refuse(struct ctl *ctl, const char *sentence)
{
    output_error(&ctl->output, "USAGE_ERROR", sentence, NULL);
    return CTL_USAGE;
}

/* ---- --set name=value, and flags of their own ---- */

/* What the flags are called in the body. */
static const struct {
    const char *flag, *member;
} members[] = {
    {"kind", "kind"},           {"base-url", "base_url"}, {"models", "models"},
    {"providers", "providers"}, {"weight", "weight"},     {"group", "group"},
    {"model-alias", "alias"},
};

/* The first line of a file, or of standard input for "-": a credential on the
 * command line is seen by everybody on the host. */
static bool
read_secret(const char *path, char out[8192])
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    bool good = file != NULL && fgets(out, 8192, file) != NULL;
    if (file != NULL && file != stdin)
        fclose(file);
    if (good)
        out[strcspn(out, "\r\n")] = '\0';
    return good && out[0] != '\0';
}

static int
add_secret(struct ctl *ctl, cJSON *body)
{
    char secret[8192];
    const char *path = argument(&ctl->args, "api-key-file");
    const char *member = path == NULL ? "secret" : "api_key";
    if (path == NULL)
        path = argument(&ctl->args, "secret-file");
    if (path == NULL)
        return CTL_OK;
    if (!read_secret(path, secret))
        return refuse(ctl, "The file of the secret has no line in it.");
    cJSON_AddStringToObject(body, member, secret);
    explicit_bzero(secret, sizeof(secret));
    return CTL_OK;
}

/* NAME=VALUE as aigw.ini would have it; NAME= puts the default back. */
static bool
add_pair(cJSON *body, const char *pair)
{
    char name[64];
    size_t len = strcspn(pair, "=");
    if (len == 0 || len >= sizeof(name) || pair[len] != '=')
        return false;
    memcpy(name, pair, len);
    name[len] = '\0';
    cJSON_DeleteItemFromObjectCaseSensitive(body, name);
    if (pair[len + 1] == '\0')
        cJSON_AddNullToObject(body, name);
    else
        cJSON_AddStringToObject(body, name, pair + len + 1);
    return true;
}

static int
add_members(struct ctl *ctl, cJSON *body)
{
    const struct arguments *args = &ctl->args;
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        const char *value = argument(args, members[i].flag);
        if (value != NULL)
            cJSON_AddStringToObject(body, members[i].member, value);
    }
    const char *pair;
    for (unsigned i = 0; (pair = argument_nth(args, "set", i)) != NULL; i++)
        if (!add_pair(body, pair))
            return refuse(ctl, "--set takes NAME=VALUE, an option as "
                               "`aigw --options` lists them; NAME= puts its "
                               "default back.");
    return add_secret(ctl, body);
}

/* ---- the commands ---- */

static const struct output_column provider_columns[] = {
    {"NAME", "name", false},
    {"KIND", "kind", false},
    {"BASE URL", "base_url", false},
    {"API KEY", "api_key", false},
    {"ENABLED", "enabled", false},
    {"BY", "managed_by", false},
    {NULL, NULL, false},
};
static const struct output_column credential_columns[] = {
    {"NAME", "name", false},       {"API KEY", "api_key", false},
    {"GROUP", "group", false},     {"WEIGHT", "weight", true},
    {"ENABLED", "enabled", false}, {"BY", "managed_by", false},
    {NULL, NULL, false},
};
static const struct output_column endpoint_columns[] = {
    {"NAME", "name", false},        {"ENABLED", "enabled", false},
    {"INPUT", "price_input", true}, {"OUTPUT", "price_output", true},
    {"BY", "managed_by", false},    {NULL, NULL, false},
};
static const struct output_column gateway_columns[] = {
    {"NAME", "name", false},           {"SORT", "sort", false},
    {"PROVIDERS", "providers", false}, {"CACHE TTL", "cache_ttl", false},
    {"BY", "managed_by", false},       {NULL, NULL, false},
};

static const struct output_column route_columns[] = {
    {"NAME", "name", false},       {"VERSION", "version", false},
    {"ENABLED", "enabled", false}, {"BY", "managed_by", false},
    {NULL, NULL, false},
};

static const struct output_column alert_columns[] = {
    {"NAME", "name", false},       {"BUDGET %", "budget", false},
    {"BALANCE", "balance", false}, {"GROUP", "group", false},
    {"KEY", "key", false},         {"ENABLED", "enabled", false},
    {"BY", "managed_by", false},   {NULL, NULL, false},
};

static const struct output_column *
columns_of(const char *collection)
{
    return strcmp(collection, "providers") == 0     ? provider_columns
           : strcmp(collection, "credentials") == 0 ? credential_columns
           : strcmp(collection, "endpoints") == 0   ? endpoint_columns
           : strcmp(collection, "routes") == 0      ? route_columns
           : strcmp(collection, "alerts") == 0      ? alert_columns
                                                    : gateway_columns;
}

int
run_config_list(struct ctl *ctl)
{
    char collection[40];
    struct buf path;
    collection_of(ctl, collection);
    buf_init(&path, 0);
    buf_printf(&path, "/admin/v1/%s", collection);
    const char *size = argument(&ctl->args, "page-size");
    ctl_query(&path, "page", argument(&ctl->args, "page"));
    ctl_query(&path, "limit", size == NULL ? "200" : size);
    return ctl_list(ctl, &path, columns_of(collection));
}

/* One object as it is answered. */
static int
call_and_show(struct ctl *ctl, const char *method, struct buf *path,
              cJSON *body)
{
    cJSON *answer = NULL;
    int status = ctl_call(ctl, method, buf_cstr(path), body, &answer);
    buf_fini(path);
    return status == CTL_OK ? output_object(&ctl->output, answer, NULL)
                            : status;
}

int
run_config_get(struct ctl *ctl)
{
    char collection[40];
    struct buf path;
    collection_of(ctl, collection);
    ctl_config_path(&path, collection, ctl->args.positional[0]);
    return call_and_show(ctl, "GET", &path, NULL);
}

int
run_config_add(struct ctl *ctl)
{
    char collection[40];
    struct buf path;
    cJSON *body = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "name", ctl->args.positional[0]);
    int status = add_members(ctl, body);
    if (status != CTL_OK) {
        cJSON_Delete(body);
        return status;
    }
    collection_of(ctl, collection);
    buf_init(&path, 0);
    buf_printf(&path, "/admin/v1/%s", collection);
    return call_and_show(ctl, "POST", &path, body);
}

int
run_config_set(struct ctl *ctl)
{
    char collection[40];
    struct buf path;
    cJSON *body = cJSON_CreateObject();
    int status = add_members(ctl, body);
    if (status == CTL_OK && body->child == NULL)
        status = refuse(ctl, "Nothing is to be set: give --set NAME=VALUE.");
    if (status != CTL_OK) {
        cJSON_Delete(body);
        return status;
    }
    collection_of(ctl, collection);
    ctl_config_path(&path, collection, ctl->args.positional[0]);
    return call_and_show(ctl, "PATCH", &path, body);
}

static int
set_enabled(struct ctl *ctl, bool enabled)
{
    char collection[40];
    struct buf path;
    cJSON *body = cJSON_CreateObject();
    cJSON_AddBoolToObject(body, "enabled", enabled);
    collection_of(ctl, collection);
    ctl_config_path(&path, collection, ctl->args.positional[0]);
    return call_and_show(ctl, "PATCH", &path, body);
}

int
run_config_enable(struct ctl *ctl)
{
    return set_enabled(ctl, true);
}

int
run_config_disable(struct ctl *ctl)
{
    return set_enabled(ctl, false);
}

/* -y, or a yes typed at a terminal: CTL_OK. */
static int
confirm(struct ctl *ctl, const char *name)
{
    char line[16], message[400];
    int noun = (int)strcspn(ctl->args.command->words, " ");
    if (argument_given(&ctl->args, "yes"))
        return CTL_OK;
    if (isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1) {
        fprintf(stderr, "Delete %.*s '%s'? [y/N] ", noun,
                ctl->args.command->words, name);
        if (fgets(line, sizeof(line), stdin) != NULL &&
            (line[0] == 'y' || line[0] == 'Y'))
            return CTL_OK;
        fprintf(stderr, "Nothing was deleted.\n");
        return CTL_FAILED;
    }
    snprintf(message, sizeof(message),
             "Refusing to delete %.*s '%.255s' without confirmation. Pass -y "
             "to confirm deletion.",
             noun, ctl->args.command->words, name);
    return refuse(ctl, message);
}

int
run_config_delete(struct ctl *ctl)
{
    char collection[40];
    struct buf path;
    int status = confirm(ctl, ctl->args.positional[0]);
    if (status != CTL_OK)
        return status;
    collection_of(ctl, collection);
    ctl_config_path(&path, collection, ctl->args.positional[0]);
    return call_and_show(ctl, "DELETE", &path, NULL);
}
