/*
 * fuzz_request_path.c - hostile paths: what is found points into the scratch,
 * names decoded from it are text, and a found path is found again when it is
 * written with its slashes doubled.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/fuzz/fuzz.h"
#include "worker/dialect/scan.h"
/* The table without the worker behind it. */
#include "worker/request_path.c"
#include "worker/request_path_rows.c"

#define ABSENT(name)                                                           \
    SELF_SERVICE(name)                                                         \
    {                                                                          \
        (void)request;                                                         \
        (void)head;                                                            \
        (void)rest;                                                            \
        abort();                                                               \
    }
ABSENT(self_service_healthz)
ABSENT(self_service_readyz)
ABSENT(self_service_usage)
ABSENT(self_service_models)
ABSENT(self_service_model)
ABSENT(self_service_search)
ABSENT(self_service_endpoints)
ABSENT(self_service_key)
ABSENT(self_service_subscription)
ABSENT(self_service_billed)
ABSENT(self_service_quota)
ABSENT(refuse_websocket)
ABSENT(refuse_stored)
ABSENT(refuse_gateway)

static void
check_inside(struct str part, const char *scratch)
{
    MUST(part.len == 0 ||
         (part.ptr >= scratch && part.ptr + part.len <= scratch + PATH_BYTES));
}

static void
check_doubled(struct str path, enum http_method method, bool admin,
              const struct path_match *match)
{
    char doubled[PATH_BYTES];
    size_t len = 0;
    for (size_t i = 0; i < path.len; i++) {
        if (len + 2 > sizeof(doubled))
            return;
        doubled[len++] = path.ptr[i];
        if (path.ptr[i] == '/')
            doubled[len++] = '/';
    }
    char *scratch = malloc(PATH_BYTES);
    struct path_match again;
    MUST(path_find(str_make(doubled, len), method, admin, scratch, &again));
    MUST(again.row == match->row && again.plane == match->plane &&
         again.model.len == match->model.len &&
         again.provider.len == match->provider.len);
    free(scratch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    enum http_method method = (enum http_method)(data[0] % (HTTP_OTHER + 1));
    bool admin = (data[0] & 0x80) != 0;
    char *path = malloc(size), *scratch = malloc(PATH_BYTES);
    char name[CALL_MODEL_BYTES];
    struct path_match match;
    memcpy(path, data + 1, size - 1);
    struct str text = {path, size - 1};
    if (path_find(text, method, admin, scratch, &match)) {
        MUST(match.row != NULL && (admin || !match.row->admin));
        if (match.rest.len > 0 || match.row->rest != REST_NOTHING)
            check_inside(match.rest, scratch);
        check_inside(match.model, scratch);
        check_inside(match.provider, scratch);
        size_t len = path_decode(match.model, name, sizeof(name));
        MUST(len < sizeof(name) && name[len] == '\0' &&
             scan_is_name(name, len));
        check_doubled(text, method, admin, &match);
    }
    free(path);
    free(scratch);
    return 0;
}
