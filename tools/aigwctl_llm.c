/*
 * aigwctl_llm.c - llm add, list, show, use and remove. See aigwctl_llm.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_llm.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/crypto.h"
#include "tools/aigwctl_json.h"

static const struct {
    const char *name;
    bool needs_base_url;
} providers[] = {
    {"clickzetta", true}, {"openai", false},     {"openai-compatible", true},
    {"anthropic", false}, {"bedrock", false},    {"google", false},
    {"azure", true},      {"openrouter", false},
};

static const struct output_column columns[] = {
    {"NAME", "name", false},   {"PROVIDER", "provider", false},
    {"MODEL", "model", false}, {"BASE URL", "base_url", false},
    {"KEY", "api_key", false}, {"DEFAULT", "default", false},
    {NULL, NULL, false},
};

int
llm_refuse(struct ctl *ctl, const char *code, const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    output_error(&ctl->output, code, message, NULL);
    return CTL_FAILED;
}

static int
open_profiles(struct ctl *ctl, struct profiles *profiles, bool change)
{
    struct buf error;
    buf_init(&error, 0);
    int result = profiles_open(profiles, change, &error);
    if (result != 0)
        result = llm_refuse(ctl, "PROFILES_ERROR", "%s", buf_cstr(&error));
    buf_fini(&error);
    return result == 0 ? CTL_OK : CTL_FAILED;
}

static int
write_profiles(struct ctl *ctl, struct profiles *profiles)
{
    struct buf error;
    buf_init(&error, 0);
    int result = profiles_write(profiles, &error);
    if (result != 0)
        result = llm_refuse(ctl, "PROFILES_ERROR", "%s", buf_cstr(&error));
    buf_fini(&error);
    return result == 0 ? CTL_OK : CTL_FAILED;
}

static void
read_value(struct profiles *profiles, const struct toml_path *path,
           const char *key, char *out, size_t size)
{
    struct buf value;
    buf_init(&value, 0);
    bool found =
        toml_get(str_from(buf_cstr(&profiles->text)), path, key, &value);
    snprintf(out, size, "%s", found ? buf_cstr(&value) : "");
    buf_fini(&value);
}

static void
read_llm(struct profiles *profiles, const char *name, struct llm *llm)
{
    struct toml_path path = toml_table("llm", name);
    snprintf(llm->name, sizeof(llm->name), "%s", name);
    read_value(profiles, &path, "provider", llm->provider,
               sizeof(llm->provider));
    read_value(profiles, &path, "api_key", llm->api_key, sizeof(llm->api_key));
    read_value(profiles, &path, "base_url", llm->base_url,
               sizeof(llm->base_url));
    read_value(profiles, &path, "model", llm->model, sizeof(llm->model));
}

static void
read_default(struct profiles *profiles, char out[TOML_NAME_BYTES])
{
    struct toml_path top = toml_top();
    read_value(profiles, &top, "default_llm", out, TOML_NAME_BYTES);
}

static bool
has_name(struct profiles *profiles, const char *name)
{
    bool found = false;
    const cJSON *one = NULL;
    cJSON *names = toml_names(str_from(buf_cstr(&profiles->text)), "llm");
    cJSON_ArrayForEach(one, names)
    {
        found = found || strcmp(one->valuestring, name) == 0;
    }
    cJSON_Delete(names);
    return found;
}

int
llm_find(struct ctl *ctl, struct profiles *profiles, const char *name,
         struct llm *llm)
{
    char chosen[TOML_NAME_BYTES];
    if (name == NULL) {
        read_default(profiles, chosen);
        name = chosen;
    }
    if (*name == '\0')
        return llm_refuse(ctl, "NO_ACTIVE_LLM",
                          "No llm entry is the default: name one, or choose "
                          "it by 'aigwctl llm use NAME'.");
    if (!has_name(profiles, name))
        return llm_refuse(ctl, "LLM_NOT_FOUND", "There is no [llm.%s] in %s.",
                          name, profiles->path);
    read_llm(profiles, name, llm);
    return CTL_OK;
}

const char *
llm_check(const struct llm *llm, struct buf *error)
{
    unsigned row = 0;
    while (row < ARRAY_LEN(providers) &&
           strcmp(providers[row].name, llm->provider) != 0)
        row++;
    if (*llm->provider == '\0' || *llm->api_key == '\0') {
        buf_append_cstr(error, "An llm entry needs --provider, and --api-key "
                               "or --api-key-file.");
        return "MISSING_FIELDS";
    }
    if (row == ARRAY_LEN(providers)) {
        buf_printf(error, "Provider '%s' is not one of", llm->provider);
        for (unsigned i = 0; i < ARRAY_LEN(providers); i++)
            buf_printf(error, "%s %s", i == 0 ? "" : ",", providers[i].name);
        buf_append_cstr(error, ".");
        return "INVALID_PROVIDER";
    }
    if (providers[row].needs_base_url && *llm->base_url == '\0') {
        buf_printf(error, "Provider %s needs --base-url.", llm->provider);
        return "PROVIDER_REQUIRES_BASE_URL";
    }
    return "";
}

/* abcd****wxyz, as everywhere. */
static void
mask(const char *key, char out[16])
{
    size_t len = strlen(key);
    if (len < 12)
        snprintf(out, 16, "%s", len == 0 ? "" : "****");
    else
        snprintf(out, 16, "%.4s****%s", key, key + len - 4);
}

static cJSON *
llm_row(const struct llm *llm, const char *chosen, bool reveal)
{
    char masked[16];
    cJSON *row = cJSON_CreateObject();
    mask(llm->api_key, masked);
    cJSON_AddStringToObject(row, "name", llm->name);
    cJSON_AddStringToObject(row, "provider", llm->provider);
    cJSON_AddStringToObject(row, "model", llm->model);
    cJSON_AddStringToObject(row, "base_url", llm->base_url);
    cJSON_AddStringToObject(row, "api_key", reveal ? llm->api_key : masked);
    cJSON_AddBoolToObject(row, "default", strcmp(chosen, llm->name) == 0);
    return row;
}

int
llm_save(struct ctl *ctl, const struct llm *llm, bool use)
{
    struct profiles profiles;
    const char *values[][2] = {{"provider", llm->provider},
                               {"api_key", llm->api_key},
                               {"base_url", llm->base_url},
                               {"model", llm->model}};
    if (open_profiles(ctl, &profiles, true) != CTL_OK)
        return CTL_FAILED;
    for (unsigned i = 0; i < ARRAY_LEN(values); i++)
        profiles_edit(&profiles.text, llm->name, values[i][0],
                      *values[i][1] == '\0' ? NULL : values[i][1]);
    if (use)
        profiles_edit(&profiles.text, NULL, "default_llm", llm->name);
    int status = write_profiles(ctl, &profiles);
    profiles_close(&profiles);
    return status;
}

/* The first line of a file; "-" is standard input. false: printed. */
static bool
read_key_file(struct ctl *ctl, const char *path, char *out, size_t size)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "re");
    bool read = file != NULL && fgets(out, (int)size, file) != NULL;
    if (file != NULL && !is_stdin)
        fclose(file);
    if (!read) {
        (void)llm_refuse(ctl, "MISSING_FIELDS",
                         "There is no key in the file %s.", path);
        return false;
    }
    out[strcspn(out, "\r\n")] = '\0';
    return true;
}

static bool
take(struct ctl *ctl, const char *flag, char *out, size_t size)
{
    const char *text = argument(&ctl->args, flag);
    if (text == NULL)
        return true;
    if (strlen(text) < size) {
        snprintf(out, size, "%s", text);
        return true;
    }
    (void)llm_refuse(ctl, "USAGE_ERROR", "--%s is too long.", flag);
    return false;
}

static bool
name_is_valid(struct ctl *ctl, const char *name)
{
    bool good = *name != '\0' && strlen(name) < TOML_NAME_BYTES;
    for (const char *c = name; *c != '\0'; c++)
        good = good && (unsigned char)*c >= 0x20 && *c != 0x7F;
    if (!good)
        (void)llm_refuse(ctl, "USAGE_ERROR",
                         "An entry's name has 1 to %d bytes and no control "
                         "characters.",
                         TOML_NAME_BYTES - 1);
    return good;
}

/* What the flags do not name stays as an entry of that name has it. */
int
run_llm_add(struct ctl *ctl)
{
    struct llm llm = {.name = ""};
    struct profiles profiles;
    struct buf error;
    const char *name = ctl->args.positional[0];
    const char *file = argument(&ctl->args, "api-key-file");
    if (!name_is_valid(ctl, name))
        return CTL_USAGE;
    if (open_profiles(ctl, &profiles, false) != CTL_OK)
        return CTL_FAILED;
    read_llm(&profiles, name, &llm);
    profiles_close(&profiles);
    if (!take(ctl, "provider", llm.provider, sizeof(llm.provider)) ||
        !take(ctl, "api-key", llm.api_key, sizeof(llm.api_key)) ||
        !take(ctl, "base-url", llm.base_url, sizeof(llm.base_url)) ||
        !take(ctl, "model", llm.model, sizeof(llm.model)))
        return CTL_USAGE;
    if (file != NULL &&
        !read_key_file(ctl, file, llm.api_key, sizeof(llm.api_key)))
        return CTL_FAILED;
    buf_init(&error, 0);
    bool use = argument_given(&ctl->args, "use");
    const char *code = llm_check(&llm, &error);
    int status = *code != '\0' ? llm_refuse(ctl, code, "%s", buf_cstr(&error))
                               : llm_save(ctl, &llm, use);
    buf_fini(&error);
    if (status == CTL_OK)
        status = output_object(&ctl->output,
                               llm_row(&llm, use ? name : "", false), NULL);
    crypto_wipe(&llm, sizeof(llm));
    return status;
}

int
run_llm_list(struct ctl *ctl)
{
    struct profiles profiles;
    struct llm llm;
    char chosen[TOML_NAME_BYTES];
    const cJSON *name = NULL;
    if (open_profiles(ctl, &profiles, false) != CTL_OK)
        return CTL_FAILED;
    cJSON *names = toml_names(str_from(buf_cstr(&profiles.text)), "llm");
    cJSON *rows = cJSON_CreateArray();
    read_default(&profiles, chosen);
    cJSON_ArrayForEach(name, names)
    {
        read_llm(&profiles, name->valuestring, &llm);
        cJSON_AddItemToArray(rows, llm_row(&llm, chosen, false));
    }
    cJSON_Delete(names);
    profiles_close(&profiles);
    crypto_wipe(&llm, sizeof(llm));
    return output_rows(&ctl->output, rows, columns, NULL, NULL);
}

int
run_llm_show(struct ctl *ctl)
{
    struct profiles profiles;
    struct llm llm;
    char chosen[TOML_NAME_BYTES];
    const char *name =
        ctl->args.positional_count > 0 ? ctl->args.positional[0] : NULL;
    if (open_profiles(ctl, &profiles, false) != CTL_OK)
        return CTL_FAILED;
    int status = llm_find(ctl, &profiles, name, &llm);
    read_default(&profiles, chosen);
    profiles_close(&profiles);
    if (status == CTL_OK)
        status = output_object(
            &ctl->output,
            llm_row(&llm, chosen, argument_given(&ctl->args, "reveal")), NULL);
    crypto_wipe(&llm, sizeof(llm));
    return status;
}

int
run_llm_use(struct ctl *ctl)
{
    struct profiles profiles;
    struct llm llm;
    const char *name = ctl->args.positional[0];
    if (open_profiles(ctl, &profiles, true) != CTL_OK)
        return CTL_FAILED;
    int status = llm_find(ctl, &profiles, name, &llm);
    if (status == CTL_OK) {
        profiles_edit(&profiles.text, NULL, "default_llm", name);
        status = write_profiles(ctl, &profiles);
    }
    profiles_close(&profiles);
    if (status == CTL_OK)
        status = output_object(&ctl->output, llm_row(&llm, name, false), NULL);
    crypto_wipe(&llm, sizeof(llm));
    return status;
}

/* In the text alone; the default goes with its entry. */
static void
remove_entry(struct profiles *profiles, const char *name)
{
    struct buf next;
    char chosen[TOML_NAME_BYTES];
    struct toml_path path = toml_table("llm", name);
    buf_init(&next, 0);
    toml_remove(str_from(buf_cstr(&profiles->text)), &path, &next);
    buf_fini(&profiles->text);
    profiles->text = next;
    read_default(profiles, chosen);
    if (strcmp(chosen, name) == 0)
        profiles_edit(&profiles->text, NULL, "default_llm", NULL);
}

int
run_llm_remove(struct ctl *ctl)
{
    struct profiles profiles;
    struct llm llm;
    const char *name = ctl->args.positional[0];
    if (open_profiles(ctl, &profiles, true) != CTL_OK)
        return CTL_FAILED;
    int status = llm_find(ctl, &profiles, name, &llm);
    if (status == CTL_OK) {
        remove_entry(&profiles, name);
        status = write_profiles(ctl, &profiles);
    }
    profiles_close(&profiles);
    crypto_wipe(&llm, sizeof(llm));
    if (status != CTL_OK)
        return status;
    cJSON *data = cJSON_CreateObject();
    cJSON_AddStringToObject(data, "name", name);
    cJSON_AddBoolToObject(data, "removed", true);
    return output_object(&ctl->output, data, NULL);
}

int
llm_remove_key(struct ctl *ctl, const char *key, cJSON *data)
{
    struct profiles profiles;
    struct llm llm;
    const cJSON *name = NULL;
    if (open_profiles(ctl, &profiles, true) != CTL_OK)
        return CTL_FAILED;
    cJSON *names = toml_names(str_from(buf_cstr(&profiles.text)), "llm");
    cJSON *removed = cJSON_AddArrayToObject(data, "removed_llm");
    cJSON_ArrayForEach(name, names)
    {
        read_llm(&profiles, name->valuestring, &llm);
        if (*key == '\0' || strcmp(llm.api_key, key) != 0)
            continue;
        remove_entry(&profiles, name->valuestring);
        cJSON_AddItemToArray(removed, cJSON_CreateString(name->valuestring));
    }
    int status =
        removed->child == NULL ? CTL_OK : write_profiles(ctl, &profiles);
    cJSON_Delete(names);
    profiles_close(&profiles);
    crypto_wipe(&llm, sizeof(llm));
    return status;
}
