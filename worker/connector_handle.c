/*
 * connector_handle.c - the options of a connecting handle, and what its failure
 * means.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>

#include "common/str.h"
#include "worker/connector_part.h"

enum { URL_BYTES = 320, HANDLE_BUFFER_BYTES = 1024 };

/* CURLOPT_OPENSOCKETFUNCTION: after resolution, just before connect(). */
static curl_socket_t
open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    struct connect_job *job = context;
    if (job->guarded ? !connector_is_public(&address->addr)
                     : !job->host_is_address &&
                           connector_refuses_address(&address->addr)) {
        job->address_refused = true;
        return CURL_SOCKET_BAD;
    }
    int fd = socket(address->family,
                    address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    address->protocol);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    int on = 1;
    /* Only latency depends on it. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

/* The host without brackets if it may stand in a URL, else empty. */
static struct str
plain_host(const char *host)
{
    struct str s = str_from(host);
    if (s.len > 2 && s.ptr[0] == '[' && s.ptr[s.len - 1] == ']')
        s = str_make(s.ptr + 1, s.len - 2);
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                    (c >= '0' && c <= '9') || c == '.' || c == '-' ||
                    c == '_' || c == ':';
        if (!good)
            return str_make(NULL, 0);
    }
    return s;
}

static int
refuse(struct connect_job *job, const char *why)
{
    snprintf(job->text, sizeof(job->text), "%s", why);
    return -EINVAL;
}

/* "http://host:port/": also for TLS, which is not libcurl's business here. */
static int
build_url(struct connect_job *job, const struct connect_target *target,
          char url[URL_BYTES])
{
    struct str host = plain_host(target->host);
    if (host.len == 0 || host.len > 255 || target->port == 0)
        return refuse(job, "the provider's host or port is not usable");
    bool is_v6 = memchr(host.ptr, ':', host.len) != NULL;
    snprintf(url, URL_BYTES, "http://%s%.*s%s:%u/", is_v6 ? "[" : "",
             STR_ARG(host), is_v6 ? "]" : "", target->port);
    char text[64];
    struct in_addr v4;
    snprintf(text, sizeof(text), "%.*s", STR_ARG(host));
    job->host_is_address = is_v6 || inet_pton(AF_INET, text, &v4) == 1;
    return 0;
}

static void
set_proxy(CURL *easy, const char *proxy)
{
    /* "" and "*" keep the environment's proxies out. */
    curl_easy_setopt(easy, CURLOPT_PROXY, proxy != NULL ? proxy : "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, proxy != NULL ? "" : "*");
    curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

static void
set_options(struct connector *connector, struct connect_job *job, CURL *easy,
            const struct connect_target *target)
{
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(easy, CURLOPT_PRIVATE, (char *)job);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* Ending a handle must not wait for its resolver thread: the worker's only
     * thread would stand still for as long as the name server is silent. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    /* A model may think for minutes: routers on the way must not forget us. */
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)HANDLE_BUFFER_BYTES);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, job);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, connector_on_close);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, connector);
    if (target->timeout_ms > 0 && target->timeout_ms < INT32_MAX)
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                         (long)target->timeout_ms);
    set_proxy(easy, target->proxy);
}

int
connector_prepare(struct connector *connector, struct connect_job *job,
                  const struct connect_target *target, CURL **easy)
{
    char url[URL_BYTES];
    job->text[0] = '\0';
    job->address_refused = false;
    job->guarded = target->guarded;
    int result = build_url(job, target, url);
    if (result != 0)
        return result;
    if (target->guarded && target->proxy != NULL)
        return refuse(job, "a guarded provider cannot be reached by a proxy: "
                           "nobody sees what stands behind it");
    if (target->proxy != NULL) {
        if (strncasecmp(target->proxy, "https:", 6) == 0)
            return refuse(job, "a proxy that is reached by https:// is not "
                               "supported");
        /* What is opened is the proxy's socket, and the operator wrote it. */
        job->host_is_address = true;
    }
    *easy = curl_easy_init();
    if (*easy == NULL ||
        curl_easy_setopt(*easy, CURLOPT_URL, url) != CURLE_OK) {
        curl_easy_cleanup(*easy);
        snprintf(job->text, sizeof(job->text), "out of memory");
        return -ENOMEM;
    }
    set_options(connector, job, *easy, target);
    return 0;
}

int
connector_explain(struct connect_job *job, CURL *easy, CURLcode code)
{
    long os_error = 0;
    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_error);
    const char *text;
    int result = -ECONNREFUSED;
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        text = "its host name has no address";
        break;
    case CURLE_COULDNT_RESOLVE_PROXY:
        text = "the proxy's host name has no address";
        break;
    case CURLE_OPERATION_TIMEDOUT:
        text = "no connection in time";
        result = -ETIMEDOUT;
        break;
    case CURLE_OUT_OF_MEMORY:
        text = "out of memory";
        result = -ENOMEM;
        break;
    case CURLE_COULDNT_CONNECT:
        text = job->address_refused
                   ? job->guarded
                         ? "its address is none of the public internet, and "
                           "the provider is guarded"
                         : "its name leads to an address that is not allowed"
               : os_error != 0 ? strerror((int)os_error)
                               : "no connection";
        break;
    case CURLE_PROXY:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
        text = "the proxy refused to connect";
        break;
    default: /* never libcurl's own text: it may hold a proxy's password */
        text = curl_easy_strerror(code);
        break;
    }
    snprintf(job->text, sizeof(job->text), "%s", text);
    return result;
}
