/*
 * aigwctl_provider_test.c - a small call to one provider, the way that clients'
 * calls go: through the server's own listener, by a key that lives as long as
 * the test. What it says is what a client would be told.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "tools/aigwctl_json.h"

enum { TEST_WAIT_MS = 60000 };

static int
refuse(struct ctl *ctl, const char *sentence)
{
    output_error(&ctl->output, "USAGE_ERROR", sentence, NULL);
    return CTL_USAGE;
}

/* PROVIDER/MODEL of --model, or of the first model in the provider's list. */
static int
choose_model(struct ctl *ctl, char *out, size_t size)
{
    const char *provider = ctl->args.positional[0];
    const char *model = argument(&ctl->args, "model");
    struct buf path;
    cJSON *shown = NULL;
    ctl_config_path(&path, "providers", provider);
    int status = ctl_call(ctl, "GET", buf_cstr(&path), NULL, &shown);
    buf_fini(&path);
    if (status != CTL_OK)
        return status;
    const cJSON *first = json_at_path(shown, "models.0");
    if (model == NULL && cJSON_IsString(first) &&
        strcmp(first->valuestring, "*") != 0)
        model = first->valuestring;
    if (model == NULL && strcmp(json_text(shown, "kind"), "builtin") == 0)
        model = "echo";
    if (model != NULL)
        snprintf(out, size, "%s/%s", provider, model);
    cJSON_Delete(shown);
    return model != NULL ? CTL_OK
                         : refuse(ctl, "The provider lists no models: name one "
                                       "of them with --model.");
}

bool
ctl_listener_url(const cJSON *status, char out[512])
{
    const cJSON *plain = json_at_path(status, "config.listen.0");
    const cJSON *tls = json_at_path(status, "config.tls_listen.0");
    const char *address = cJSON_IsString(plain) ? plain->valuestring
                          : cJSON_IsString(tls) ? tls->valuestring
                                                : NULL;
    if (address == NULL)
        return false;
    const char *port = strrchr(address, ':');
    size_t host = port == NULL ? 0 : (size_t)(port - address);
    bool any = host == 0 || (host == 1 && *address == '*') ||
               strncmp(address, "0.0.0.0:", 8) == 0 ||
               strncmp(address, "[::]:", 5) == 0;
    snprintf(out, 512, "%s://%.*s%s", cJSON_IsString(plain) ? "http" : "https",
             any ? 9 : (int)host, any ? "127.0.0.1" : address,
             port == NULL ? "" : port);
    return port != NULL;
}

/* Should it outlive the test, it can do little, and not for long. */
static int
make_key(struct ctl *ctl, cJSON **key)
{
    char name[64];
    snprintf(name, sizeof(name), "provider-test-%ld-%lld", (long)getpid(),
             (long long)clock_wall_ms());
    cJSON *body = cJSON_CreateObject(), *budget = cJSON_CreateObject();
    cJSON *budgets = cJSON_CreateArray();
    cJSON_AddStringToObject(body, "name", name);
    cJSON_AddNumberToObject(budget, "limit", 10000);
    cJSON_AddStringToObject(budget, "period", "total");
    cJSON_AddItemToArray(budgets, budget);
    cJSON_AddItemToObject(body, "budgets", budgets);
    cJSON_AddNumberToObject(body, "expires_in_days", 1);
    return ctl_call(ctl, "POST", "/admin/v1/keys", body, key);
}

static cJSON *
call_body(const char *model)
{
    cJSON *body = cJSON_CreateObject(), *message = cJSON_CreateObject();
    cJSON *messages = cJSON_CreateArray();
    cJSON_AddStringToObject(message, "role", "user");
    cJSON_AddStringToObject(message, "content", "Say ok.");
    cJSON_AddItemToArray(messages, message);
    cJSON_AddStringToObject(body, "model", model);
    cJSON_AddItemToObject(body, "messages", messages);
    cJSON_AddNumberToObject(body, "max_tokens", 16);
    return body;
}

static cJSON *
make_report(const struct ctl *ctl, const char *model, long status,
            uint64_t took_ms, const struct buf *answer, struct buf *error)
{
    cJSON *report = cJSON_CreateObject();
    cJSON *parsed = cJSON_ParseWithLength(
        buf_len(answer) == 0 ? "" : buf_ptr(answer), buf_len(answer));
    bool ok = status == 200;
    cJSON_AddStringToObject(report, "provider", ctl->args.positional[0]);
    cJSON_AddStringToObject(report, "model", model);
    cJSON_AddBoolToObject(report, "ok", ok);
    cJSON_AddNumberToObject(report, "status", (double)status);
    cJSON_AddNumberToObject(report, "duration_ms", (double)took_ms);
    const cJSON *said = json_at_path(parsed, "error.message");
    if (status == 0)
        cJSON_AddStringToObject(report, "error", buf_cstr(error));
    else if (!ok)
        cJSON_AddStringToObject(report, "error",
                                cJSON_IsString(said) ? said->valuestring
                                                     : "no reason was stated");
    const cJSON *text = json_at_path(parsed, "choices.0.message.content");
    if (ok && cJSON_IsString(text))
        cJSON_AddStringToObject(report, "answer", text->valuestring);
    json_copy(report, "request_id", parsed, "request_id");
    cJSON_Delete(parsed);
    return report;
}

static cJSON *
call_provider(struct ctl *ctl, const char *url, const char *key,
              const char *model)
{
    struct connect listener = {.from = "the server's status",
                               .timeout_ms = TEST_WAIT_MS};
    struct buf body, answer, error;
    long status = 0;
    buf_init(&body, 0);
    buf_init(&answer, 0);
    buf_init(&error, 0);
    snprintf(listener.url, sizeof(listener.url), "%s", url);
    snprintf(listener.token, sizeof(listener.token), "%s", key);
    cJSON *json = call_body(model);
    json_print(&body, json);
    cJSON_Delete(json);
    uint64_t began_ms = clock_mono_ms();
    if (connect_request(&listener, "POST", "/v1/chat/completions",
                        buf_view(&body), &status, &answer, &error) != 0)
        status = 0;
    cJSON *report = make_report(ctl, model, status, clock_mono_ms() - began_ms,
                                &answer, &error);
    connect_fini(&listener);
    buf_fini(&body);
    buf_fini(&answer);
    buf_fini(&error);
    return report;
}

/* The key goes, whatever came of the call. */
static int
delete_key(struct ctl *ctl, const cJSON *key)
{
    char path[64];
    cJSON *answer = NULL;
    snprintf(path, sizeof(path), "/admin/v1/keys/%.0f", json_number(key, "id"));
    int status = ctl_call(ctl, "DELETE", path, NULL, &answer);
    cJSON_Delete(answer);
    return status;
}

int
run_provider_test(struct ctl *ctl)
{
    char model[300], url[512];
    cJSON *shown = NULL, *key = NULL;
    int status = choose_model(ctl, model, sizeof(model));
    if (status == CTL_OK)
        status = ctl_call(ctl, "GET", "/admin/v1/status", NULL, &shown);
    if (status != CTL_OK)
        return status;
    bool found = ctl_listener_url(shown, url);
    cJSON_Delete(shown);
    if (!found)
        return refuse(ctl, "The server says of no listener.");
    status = make_key(ctl, &key);
    if (status != CTL_OK)
        return status;
    cJSON *report = call_provider(ctl, url, json_text(key, "key"), model);
    bool ok = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(report, "ok"));
    status = delete_key(ctl, key);
    cJSON_Delete(key);
    int shown_status = output_object(&ctl->output, report, NULL);
    return status != CTL_OK ? status : ok ? shown_status : CTL_FAILED;
}
