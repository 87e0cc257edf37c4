/*
 * aigwctl_connect.c - see aigwctl_connect.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_connect.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/config.h"
#include "common/crypto.h"

enum { ANSWER_MAX = 256 * 1024 * 1024, CONNECT_MS = 10000, WHOLE_S = 600 };

static int
use_socket(struct connect *connect, const char *path, const char *from,
           struct buf *error)
{
    if (strlen(path) >= sizeof(connect->socket)) {
        buf_printf(error, "The socket's path is too long: %s", path);
        return -ENAMETOOLONG;
    }
    memcpy(connect->socket, path, strlen(path) + 1);
    connect->from = from;
    return 0;
}

/* run_dir is relative to where aigw was started, mostly beside its file. */
static int
use_config(struct connect *connect, const char *file, struct buf *error)
{
    char path[1024], dir[CONFIG_NAME_BYTES];
    int result = config_run_dir(file, dir, error);
    if (result < 0)
        return result;
    snprintf(path, sizeof(path), "%s/aigw.sock", dir);
    const char *slash = strrchr(file, '/');
    if (dir[0] != '/' && access(path, F_OK) != 0 && slash != NULL)
        snprintf(path, sizeof(path), "%.*s/%s/aigw.sock", (int)(slash - file),
                 file, dir);
    return use_socket(connect, path, file, error);
}

static int
read_token(struct connect *connect, const char *file, struct buf *error)
{
    const char *token = getenv("AIGW_TOKEN");
    if (file == NULL) {
        snprintf(connect->token, sizeof(connect->token), "%s",
                 token == NULL ? "" : token);
        return 0;
    }
    FILE *stream = fopen(file, "re");
    if (stream == NULL) {
        buf_printf(error, "Cannot read the token file %s: %s", file,
                   strerror(errno));
        return -errno;
    }
    if (fgets(connect->token, sizeof(connect->token), stream) == NULL)
        connect->token[0] = '\0';
    fclose(stream);
    connect->token[strcspn(connect->token, "\r\n")] = '\0';
    return 0;
}

static int
use_url(struct connect *connect, const struct connect_flags *flags,
        const char *url, const char *from, struct buf *error)
{
    size_t len = strlen(url);
    while (len > 0 && url[len - 1] == '/')
        len--;
    if (len >= sizeof(connect->url) ||
        (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)) {
        buf_printf(error,
                   "'%s' is no URL as http://127.0.0.1:8081 (of the [admin] "
                   "listener).",
                   url);
        return -EINVAL;
    }
    memcpy(connect->url, url, len);
    connect->url[len] = '\0';
    connect->from = from;
    return read_token(connect, flags->token_file, error);
}

static const char *
environment(const char *name)
{
    const char *value = getenv(name);
    return value == NULL || *value == '\0' ? NULL : value;
}

int
connect_find(struct connect *connect, const struct connect_flags *flags,
             struct buf *error)
{
    *connect = (struct connect){.from = ""};
    const char *socket_env = environment("AIGW_SOCKET");
    const char *url_env = environment("AIGW_URL");
    if (flags->socket != NULL)
        return use_socket(connect, flags->socket, "--socket", error);
    if (socket_env != NULL)
        return use_socket(connect, socket_env, "AIGW_SOCKET", error);
    if (flags->config != NULL)
        return use_config(connect, flags->config, error);
    if (flags->url != NULL)
        return use_url(connect, flags, flags->url, "--url", error);
    if (url_env != NULL)
        return use_url(connect, flags, url_env, "AIGW_URL", error);
    const char *file = config_default_path();
    if (file != NULL)
        return use_config(connect, file, error);
    return use_socket(connect, "/run/aigw/aigw.sock", "the usual place", error);
}

static size_t
take_answer(char *bytes, size_t size, size_t count, void *context)
{
    struct buf *answer = context;
    buf_append(answer, bytes, size * count);
    return buf_ok(answer) ? size * count : 0;
}

/* What to do when nobody answered. */
static int
explain(struct connect *connect, CURLcode code, struct buf *error)
{
    long os_error = 0;
    const char *place = *connect->socket ? connect->socket : connect->url;
    curl_easy_getinfo(connect->curl, CURLINFO_OS_ERRNO, &os_error);
    if (*connect->socket != '\0' && code == CURLE_COULDNT_CONNECT) {
        if (access(connect->socket, F_OK) != 0)
            os_error = errno;
        else if (access(connect->socket, W_OK) != 0)
            os_error = EACCES;
        if (os_error == EACCES)
            buf_printf(error,
                       "No permission for the socket %s: run aigwctl as root, "
                       "as the server's user, or as a member of the group "
                       "'aigw'.",
                       place);
        else if (os_error == ENOENT || os_error == ENOTDIR)
            buf_printf(error,
                       "aigw is not running here: there is no socket %s "
                       "(named by %s). Start it with 'aigw -c aigw.ini', or "
                       "name another place with --socket, -c or --url.",
                       place, connect->from);
        else
            buf_printf(error,
                       "aigw is not running: nobody listens on %s (named by "
                       "%s). Start it with 'aigw -c aigw.ini'.",
                       place, connect->from);
        return -ECONNREFUSED;
    }
    if (code == CURLE_COULDNT_CONNECT) {
        buf_printf(error,
                   "Nobody listens on %s (named by %s). Is aigw running, and "
                   "is 'listen' set in section [admin]?",
                   place, connect->from);
        return -ECONNREFUSED;
    }
    buf_printf(error, "No answer from %s: %s.", place,
               curl_easy_strerror(code));
    return -EIO;
}

static struct curl_slist *
header_list(const struct connect *connect, bool has_body)
{
    struct curl_slist *list =
        curl_slist_append(NULL, "Accept: application/json");
    char line[600];
    if (has_body)
        list = curl_slist_append(list, "Content-Type: application/json");
    list = curl_slist_append(list, "Expect:");
    if (*connect->socket == '\0' && connect->token[0] != '\0') {
        snprintf(line, sizeof(line), "Authorization: Bearer %s",
                 connect->token);
        list = curl_slist_append(list, line);
        crypto_wipe(line, sizeof(line));
    }
    return list;
}

/* 0, or -ENAMETOOLONG; the rest is set for a request. */
static int
prepare(struct connect *connect, const char *method, const char *path,
        struct buf *error)
{
    char url[4096];
    if (connect->curl == NULL)
        connect->curl = curl_easy_init();
    CURL *curl = connect->curl;
    int n = snprintf(url, sizeof(url), "%s%s",
                     *connect->socket ? "http://aigw" : connect->url, path);
    if (curl == NULL || n < 0 || (size_t)n >= sizeof(url)) {
        buf_append_cstr(error, "The request is too long.");
        return -ENAMETOOLONG;
    }
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "aigwctl");
    if (*connect->socket != '\0')
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, connect->socket);
    /* The environment's proxies are for the world, not for a local server. */
    if (!connect->by_proxy)
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    return 0;
}

/* Sends it; 0 and the status, or -errno with a sentence. */
static int
perform(struct connect *connect, bool has_body, long *status, struct buf *error)
{
    CURL *curl = connect->curl;
    struct curl_slist *headers = header_list(connect, has_body);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    CURLcode code = curl_easy_perform(curl);
    curl_slist_free_all(headers);
    if (code != CURLE_OK)
        return explain(connect, code, error);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    return 0;
}

int
connect_request(struct connect *connect, const char *method, const char *path,
                struct str body, long *status, struct buf *answer,
                struct buf *error)
{
    int rc = prepare(connect, method, path, error);
    if (rc < 0)
        return rc;
    CURL *curl = connect->curl;
    buf_reset(answer);
    answer->limit = ANSWER_MAX;
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
                     connect->timeout_ms > 0 ? connect->timeout_ms
                                             : WHOLE_S * 1000L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    if (body.ptr != NULL) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body.len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.ptr);
    }
    return perform(connect, body.ptr != NULL, status, error);
}

struct stream_sink {
    CURL *curl;
    FILE *file;
    struct buf *answer;
};

static size_t
take_stream(char *bytes, size_t size, size_t count, void *context)
{
    struct stream_sink *sink = context;
    long status = 0;
    curl_easy_getinfo(sink->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 || status > 299)
        return take_answer(bytes, size, count, sink->answer);
    return fwrite(bytes, size, count, sink->file) * size;
}

int
connect_stream(struct connect *connect, const char *path, FILE *file,
               long *status, struct buf *answer, struct buf *error)
{
    int rc = prepare(connect, "GET", path, error);
    if (rc < 0)
        return rc;
    CURL *curl = connect->curl;
    struct stream_sink sink = {curl, file, answer};
    buf_reset(answer);
    answer->limit = ANSWER_MAX;
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)WHOLE_S);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_stream);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &sink);
    return perform(connect, false, status, error);
}

void
connect_fini(struct connect *connect)
{
    if (connect->curl != NULL)
        curl_easy_cleanup(connect->curl);
    connect->curl = NULL;
    crypto_wipe(connect->token, sizeof(connect->token));
}
