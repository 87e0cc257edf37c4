/*
 * aigwctl_doctor_net.c - what the server talks to: its listeners as clients see
 * them, its providers by TCP and TLS. See aigwctl_doctor.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_doctor.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/net/listen.h"
#include "tools/aigwctl_json.h"

enum { CONNECT_WAIT_MS = 8000, URL_BYTES = 512, POLL_MS = 1000 };

static size_t
drop_bytes(char *bytes, size_t size, size_t count, void *context)
{
    (void)bytes, (void)context;
    return size * count;
}

/* A wildcard is reached by loopback. false: nothing to connect to by TCP. */
static bool
url_of_listener(const char *address, bool tls, char out[URL_BYTES])
{
    const char *port = strrchr(address, ':');
    size_t host = port == NULL ? 0 : (size_t)(port - address);
    bool any = host == 0 || (host == 1 && *address == '*') ||
               strncmp(address, "0.0.0.0:", 8) == 0 ||
               strncmp(address, "[::]:", 5) == 0;
    struct listen_address parsed;
    if (listen_parse(address, &parsed) != 0)
        return false;
    int n =
        snprintf(out, URL_BYTES, "%s://%.*s:%s/readyz", tls ? "https" : "http",
                 any ? 9 : (int)host, any ? "127.0.0.1" : address,
                 port == NULL ? address : port + 1);
    return n > 0 && n < URL_BYTES;
}

/* The certificate is for the name that clients use, which is not this one. */
static CURL *
request_to(const char *url)
{
    CURL *curl = curl_easy_init();
    if (curl == NULL)
        return NULL;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_WAIT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)CONNECT_WAIT_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop_bytes);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    return curl;
}

static void
ask_listener(struct doctor *doctor, const char *address, const char *url)
{
    long status = 0;
    CURL *curl = request_to(url);
    if (curl == NULL)
        return;
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    if (code != CURLE_OK)
        doctor_say(doctor, DOCTOR_FAIL, "port", address,
                   "see who has it: `ss -ltnp`; then the error log",
                   "does not answer: %s", curl_easy_strerror(code));
    else if (status >= 500)
        doctor_say(doctor, DOCTOR_FAIL, "port", address,
                   "see the rows of server and ledger",
                   "answers, but is not ready (HTTP %ld)", status);
    else
        doctor_say(doctor, DOCTOR_OK, "port", address, NULL, "answers");
}

/* Nothing runs: could it have the port? */
static void
try_port(struct doctor *doctor, const char *address)
{
    struct listen_address parsed;
    if (listen_parse(address, &parsed) != 0)
        return; /* the check of the configuration says so */
    int fd = listen_open(&parsed, 1);
    if (fd >= 0)
        close(fd);
    if (fd >= 0)
        doctor_say(doctor, DOCTOR_OK, "port", address, NULL, "free");
    else if (fd == -EADDRINUSE)
        doctor_say(
            doctor, DOCTOR_FAIL, "port", address,
            "end that program (`ss -ltnp` names it), or listen elsewhere",
            "another program has it");
    else
        doctor_say(doctor, DOCTOR_FAIL, "port", address,
                   fd == -EACCES ? "start aigw as root, it gives the right away"
                                 : "listen on an address of this machine",
                   "cannot be had: %s", strerror(-fd));
}

static void
check_listeners(struct doctor *doctor, const char *const *addresses,
                unsigned count, bool tls)
{
    char url[URL_BYTES];
    for (unsigned i = 0; i < count; i++) {
        if (doctor->status == NULL)
            try_port(doctor, addresses[i]);
        else if (url_of_listener(addresses[i], tls, url))
            ask_listener(doctor, addresses[i], url);
    }
}

static void
check_said(struct doctor *doctor, const char *path, bool tls)
{
    const cJSON *address = NULL;
    cJSON_ArrayForEach(address, json_at_path(doctor->status, path))
    {
        const char *text = address->valuestring;
        if (cJSON_IsString(address))
            check_listeners(doctor, &text, 1, tls);
    }
}

static void
check_list(struct doctor *doctor, const struct config_list *list, bool tls)
{
    check_listeners(doctor, (const char *const *)list->items, list->count, tls);
}

void
doctor_ports(struct doctor *doctor)
{
    const struct config *config = doctor->config;
    if (!doctor->is_local)
        return; /* addresses of the other machine, seen from there */
    if (doctor->status != NULL) {
        check_said(doctor, "config.listen", false);
        check_said(doctor, "config.tls_listen", true);
    } else if (config != NULL) {
        check_list(doctor, &config->server.listen, false);
        check_list(doctor, &config->server.tls_listen, true);
    }
    if (config != NULL) {
        check_list(doctor, &config->admin.listen, false);
        check_list(doctor, &config->admin.tls_listen, true);
    }
}

/* ---- providers ---- */

/* The file's, in the form of GET /admin/v1/providers. */
static cJSON *
providers_of_file(const struct config *config)
{
    cJSON *list = cJSON_CreateArray();
    for (unsigned i = 0; i < config->provider_count; i++) {
        const struct config_provider *from = &config->providers[i];
        cJSON *to = cJSON_CreateObject();
        cJSON_AddStringToObject(to, "name", from->name);
        cJSON_AddStringToObject(to, "kind",
                                config_provider_kind_name(from->kind));
        cJSON_AddBoolToObject(to, "enabled", from->enabled);
        cJSON_AddBoolToObject(to, "verify", from->verify);
        if (from->base_url != NULL)
            cJSON_AddStringToObject(to, "base_url", from->base_url);
        if (from->ca_file != NULL)
            cJSON_AddStringToObject(to, "ca_file", from->ca_file);
        if (from->proxy != NULL)
            cJSON_AddStringToObject(to, "proxy", "set");
        if (from->api_key != NULL)
            cJSON_AddStringToObject(to, "api_key", "set");
        cJSON_AddItemToArray(list, to);
    }
    return list;
}

static cJSON *
credentials_of_file(const struct config *config)
{
    cJSON *list = cJSON_CreateArray();
    for (unsigned i = 0; i < config->credential_count; i++) {
        cJSON *to = cJSON_CreateObject();
        cJSON_AddStringToObject(to, "name", config->credentials[i].name);
        cJSON_AddBoolToObject(to, "enabled", config->credentials[i].enabled);
        cJSON_AddItemToArray(list, to);
    }
    return list;
}

/* All pages of a collection; what could not be had is a row. */
static cJSON *
ask_list(struct doctor *doctor, const char *collection)
{
    cJSON *all = cJSON_CreateArray();
    struct buf error;
    char path[96];
    double total = 1;
    buf_init(&error, 0);
    for (unsigned page = 1; cJSON_GetArraySize(all) < total; page++) {
        snprintf(path, sizeof(path), "/admin/v1/%s?limit=100&page=%u",
                 collection, page);
        cJSON *answer = doctor_ask(doctor, path, &error);
        cJSON *rows = cJSON_GetObjectItemCaseSensitive(answer, "data");
        total = json_number(answer, "total");
        bool none = rows == NULL || rows->child == NULL;
        while (rows != NULL && rows->child != NULL)
            cJSON_AddItemToArray(all,
                                 cJSON_DetachItemViaPointer(rows, rows->child));
        cJSON_Delete(answer);
        if (none)
            break;
    }
    if (buf_len(&error) > 0)
        doctor_say(doctor, DOCTOR_FAIL, "provider", collection,
                   "ask with a token that may see them", "%s",
                   buf_cstr(&error));
    buf_fini(&error);
    return all;
}

static bool
is_on(const cJSON *object)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "enabled"));
}

/* Its own api_key, and those of PROVIDER/NAME that may be used. */
static unsigned
count_credentials(const cJSON *provider, const cJSON *credentials)
{
    const char *name = json_text(provider, "name");
    size_t len = strlen(name);
    unsigned count = *json_text(provider, "api_key") != '\0';
    const cJSON *one = NULL;
    cJSON_ArrayForEach(one, credentials)
    {
        const char *other = json_text(one, "name");
        count +=
            is_on(one) && strncmp(other, name, len) == 0 && other[len] == '/';
    }
    return count;
}

static void
check_credentials(struct doctor *doctor, const cJSON *provider,
                  const cJSON *credentials)
{
    unsigned count = count_credentials(provider, credentials);
    const char *name = json_text(provider, "name");
    /* A server of one's own that speaks OpenAI's API may ask for none. */
    bool may_lack = strcmp(json_text(provider, "kind"), "openai") == 0;
    if (count > 0)
        doctor_say(doctor, DOCTOR_OK, "credential", name, NULL, "%u there",
                   count);
    else
        doctor_say(doctor, may_lack ? DOCTOR_WARN : DOCTOR_FAIL, "credential",
                   name,
                   "set its api_key, or `aigwctl credential add "
                   "PROVIDER/NAME --api-key-file FILE`",
                   "there is none");
}

static const char *
advice_for(CURLcode code)
{
    if (code == CURLE_COULDNT_RESOLVE_HOST)
        return "check its base_url, and DNS: `getent hosts HOST`";
    if (code == CURLE_PEER_FAILED_VERIFICATION ||
        code == CURLE_SSL_CACERT_BADFILE)
        return "check its ca_file, and this machine's clock and "
               "ca-certificates";
    if (code == CURLE_SSL_CONNECT_ERROR)
        return "check that base_url has the right scheme and port";
    return "check its base_url, and that a firewall lets it pass";
}

/* TCP, and TLS where it is asked for; no request is made. */
static CURL *
begin_connect(const cJSON *provider)
{
    const char *ca_file = json_text(provider, "ca_file");
    CURL *curl = request_to(json_text(provider, "base_url"));
    if (curl == NULL)
        return NULL;
    curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(curl, CURLOPT_PRIVATE, provider);
    if (*ca_file != '\0' && access(ca_file, R_OK) == 0)
        curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
    if (cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(provider, "verify"))) {
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    return curl;
}

static void
say_connect(struct doctor *doctor, CURL *curl, CURLcode code)
{
    void *provider = NULL;
    double took = 0;
    curl_easy_getinfo(curl, CURLINFO_PRIVATE, &provider);
    curl_easy_getinfo(curl, CURLINFO_PRETRANSFER_TIME, &took);
    const char *name = json_text(provider, "name");
    const char *url = json_text(provider, "base_url");
    if (code == CURLE_OK)
        doctor_say(doctor, DOCTOR_OK, "provider", name, NULL,
                   "%s reached in %.0f ms", url, took * 1000);
    else
        doctor_say(doctor, DOCTOR_FAIL, "provider", name, advice_for(code),
                   "%s: %s", url, curl_easy_strerror(code));
}

/* All at once: several that do not answer take as long as one. */
static void
connect_all(struct doctor *doctor, CURLM *multi)
{
    int running = 1, left = 0;
    CURLMsg *message;
    while (running > 0 && curl_multi_perform(multi, &running) == CURLM_OK) {
        if (running > 0 &&
            curl_multi_poll(multi, NULL, 0, POLL_MS, NULL) != CURLM_OK)
            break;
        while ((message = curl_multi_info_read(multi, &left)) != NULL) {
            CURL *curl = message->easy_handle;
            if (message->msg != CURLMSG_DONE)
                continue;
            say_connect(doctor, curl, message->data.result);
            curl_multi_remove_handle(multi, curl);
            curl_easy_cleanup(curl);
        }
    }
}

static void
check_provider(struct doctor *doctor, CURLM *multi, const cJSON *provider,
               const cJSON *credentials)
{
    const char *name = json_text(provider, "name");
    const char *fault = json_text(provider, "fault");
    if (*fault != '\0')
        doctor_say(doctor, DOCTOR_FAIL, "provider", name,
                   "`aigwctl provider set` or delete it",
                   "is left out of the configuration: %s", fault);
    if (*fault != '\0' || !is_on(provider) ||
        strcmp(json_text(provider, "kind"), "builtin") == 0)
        return;
    check_credentials(doctor, provider, credentials);
    if (*json_text(provider, "proxy") != '\0') {
        doctor_say(doctor, DOCTOR_OK, "provider", name, NULL,
                   "goes by a proxy, not tried from here; `aigwctl provider "
                   "test` calls it");
        return;
    }
    CURL *curl = begin_connect(provider);
    if (curl != NULL && curl_multi_add_handle(multi, curl) != CURLM_OK)
        curl_easy_cleanup(curl);
}

void
doctor_providers(struct doctor *doctor)
{
    cJSON *providers = NULL, *credentials = NULL;
    if (doctor->status != NULL) {
        providers = ask_list(doctor, "providers");
        credentials = ask_list(doctor, "credentials");
    } else if (doctor->config != NULL) {
        providers = providers_of_file(doctor->config);
        credentials = credentials_of_file(doctor->config);
    }
    CURLM *multi = curl_multi_init();
    const cJSON *provider = NULL;
    if (multi != NULL) {
        cJSON_ArrayForEach(provider, providers)
        {
            check_provider(doctor, multi, provider, credentials);
        }
        connect_all(doctor, multi);
        curl_multi_cleanup(multi);
    }
    cJSON_Delete(providers);
    cJSON_Delete(credentials);
}
