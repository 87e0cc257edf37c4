/*
 * request_path.c - see request_path.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/request_path.h"

#include "worker/self_service.h"

#define BIT(method) (1u << HTTP_##method)
#define GETS        (BIT(GET) | BIT(HEAD))
#define ALL                                                                    \
    (GETS | BIT(POST) | BIT(PUT) | BIT(PATCH) | BIT(DELETE) | BIT(OPTIONS))
#define GETS_TEXT "GET, HEAD"
#define ALL_TEXT  "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

// clang-format off
static const struct path_row rows[] = {
    /* path               methods    allow      endpoint              admin  key    answer */
    {"/v1/chat/completions", BIT(POST), "POST",    ENDPOINT_CHAT,        false, true,  NULL},
    {"/v1/completions",      BIT(POST), "POST",    ENDPOINT_COMPLETIONS, false, true,  NULL},
    {"/v1/embeddings",       BIT(POST), "POST",    ENDPOINT_EMBEDDINGS,  false, true,  NULL},
    {"/v1/models",           GETS,      GETS_TEXT, 0,                    false, true,  self_service_models},
    {"/v1/models/",          GETS,      GETS_TEXT, 0,                    false, true,  self_service_model},
    {"/v1/usage",            GETS,      GETS_TEXT, 0,                    false, true,  self_service_usage},
    {"/healthz",             GETS,      GETS_TEXT, 0,                    false, false, self_service_healthz},
    {"/readyz",              GETS,      GETS_TEXT, 0,                    false, false, self_service_readyz},
    {"/metrics",             GETS,      GETS_TEXT, 0,                    true,  false, NULL},
    {"/admin/v1/",           ALL,       ALL_TEXT,  0,                    true,  false, NULL},
    {"/console",             ALL,       ALL_TEXT,  0,                    true,  false, NULL},
    {"/console/",            ALL,       ALL_TEXT,  0,                    true,  false, NULL},
};
/* Written without /v1 by clients whose base URL lacks it. */
static const struct { const char *path; unsigned row; } short_rows[] = {
    {"/chat/completions", 0}, {"/completions", 1}, {"/embeddings", 2},
};
// clang-format on

static const struct path_row *
row_find(struct str path, bool admin_listener, struct str *rest)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct path_row *row = &rows[i];
        struct str name = str_from(row->path);
        if (row->admin && !admin_listener)
            continue;
        bool below = name.ptr[name.len - 1] == '/';
        if (below ? path.len > name.len && str_starts_with(path, name)
                  : str_equals(path, name)) {
            *rest = str_skip(path, name.len);
            return row;
        }
    }
    return NULL;
}

/* Doubled slashes to one, none at the end; then the prefixes. */
static struct str
path_forgive(struct str path, char scratch[PATH_BYTES])
{
    size_t len = 0;
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] != '/' || len == 0 || scratch[len - 1] != '/')
            scratch[len++] = path.ptr[i];
    if (len > 1 && scratch[len - 1] == '/')
        len--;
    struct str clean = {scratch, len};
    if (str_starts_with(clean, STR_LIT("/gateway/v1/")))
        clean = str_skip(clean, 8);
    else if (str_starts_with(clean, STR_LIT("/api/v1/")))
        clean = str_skip(clean, 4);
    while (str_starts_with(clean, STR_LIT("/v1/v1/")))
        clean = str_skip(clean, 3);
    return clean;
}

const struct path_row *
path_find(struct str path, bool admin_listener, char scratch[PATH_BYTES],
          struct str *rest)
{
    *rest = (struct str){path.ptr, 0};
    if (str_equals(path, str_make(rows[0].path, 20)))
        return &rows[0];
    if (path.len == 0 || path.len > PATH_BYTES)
        return NULL;
    struct str clean = path_forgive(path, scratch);
    for (size_t i = 0; i < ARRAY_LEN(short_rows); i++)
        if (str_equals(clean, str_from(short_rows[i].path)))
            return &rows[short_rows[i].row];
    return row_find(clean, admin_listener, rest);
}
