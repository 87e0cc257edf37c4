/*
 * request_path.c - see request_path.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/request_path.h"

#include "common/crypto.h"
#include "worker/dialect/scan.h"

/* What stands in front where a client's base URL has it; each is shorter when
 * it is replaced. */
static const struct {
    struct str from, to;
    uint8_t plane;
} prefixes[] = {
    {STR_LIT("/gateway/v1/"), STR_LIT("/v1/"), PLANE_CLICKZETTA},
    {STR_LIT("/api/v1/"), STR_LIT("/v1/"), PLANE_OPENROUTER},
    {STR_LIT("/v1/v1/"), STR_LIT("/v1/"), PLANE_OWN},
    {STR_LIT("/v1/v1beta/"), STR_LIT("/v1beta/"), PLANE_OWN},
    {STR_LIT("/v1beta/v1beta/"), STR_LIT("/v1beta/"), PLANE_OWN},
    {STR_LIT("/v1alpha/models/"), STR_LIT("/v1beta/models/"), PLANE_OWN},
    {STR_LIT("/v1beta/openai/"), STR_LIT("/v1/"), PLANE_OWN},
    {STR_LIT("/openai/v1/"), STR_LIT("/v1/"), PLANE_OWN},
    {STR_LIT("/anthropic/v1/"), STR_LIT("/v1/"), PLANE_OWN},
};

/* What a pattern stood for. */
struct captures {
    struct str segments[3]; /* of `?` */
    unsigned count;
    struct str rest;
};

static bool
pattern_matches(const char *pattern, struct str path, struct captures *found)
{
    const char *p = path.ptr, *end = p + path.len;
    *found = (struct captures){.rest = {end, 0}};
    for (; *pattern != '\0'; pattern++) {
        if (*pattern == '*') {
            size_t tail = strlen(pattern + 1);
            if ((size_t)(end - p) <= tail ||
                memcmp(end - tail, pattern + 1, tail) != 0)
                return false;
            found->rest = str_make(p, (size_t)(end - p) - tail);
            return true;
        }
        if (*pattern != '?') {
            if (p == end || *p++ != *pattern)
                return false;
            continue;
        }
        const char *slash = memchr(p, '/', (size_t)(end - p));
        size_t len = (size_t)((slash != NULL ? slash : end) - p);
        if (len == 0)
            return false;
        CHECK(found->count < ARRAY_LEN(found->segments));
        found->segments[found->count++] = str_make(p, len);
        p += len;
    }
    return p == end;
}

/* Doubled slashes to one, none at the end. */
static struct str
path_clean(struct str path, char scratch[PATH_BYTES])
{
    size_t len = 0;
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] != '/' || len == 0 || scratch[len - 1] != '/')
            scratch[len++] = path.ptr[i];
    if (len > 1 && scratch[len - 1] == '/')
        len--;
    return (struct str){scratch, len};
}

/* `path` is of the scratch: what replaces a prefix is written over it. */
static struct str
path_forgive(struct str path, uint8_t *plane)
{
    for (size_t i = 0; i < ARRAY_LEN(prefixes);) {
        struct str from = prefixes[i].from, to = prefixes[i].to;
        if (path.len <= from.len || !str_starts_with(path, from)) {
            i++;
            continue;
        }
        path = str_skip(path, from.len - to.len);
        memcpy((char *)(uintptr_t)path.ptr, to.ptr, to.len);
        if (prefixes[i].plane != PLANE_OWN)
            *plane = prefixes[i].plane;
        i = 0;
    }
    return path;
}

/* Whether paths of ours begin with /v1/NAME: then it is no account. */
static bool
is_own_name(struct str name)
{
    for (unsigned i = 0; i < path_row_count; i++) {
        struct str path = str_from(path_rows[i].path);
        if (!str_starts_with(path, STR_LIT("/v1/")))
            continue;
        path = str_skip(path, 4);
        if (str_starts_with(path, name) &&
            (path.len == name.len || path.ptr[name.len] == '/'))
            return true;
    }
    return false;
}

enum find_how {
    FIND_ADMIN = 1 << 0,  /* rows of admin listeners, too */
    FIND_NO_V1 = 1 << 1,  /* the path lacks /v1 of the row's */
    FIND_INSIDE = 1 << 2, /* behind a row with REST_PATH */
};

/* Whether the row may be found so; *pattern: what of it is looked at. */
static bool
may_find(const struct path_row *row, unsigned how, const char **pattern)
{
    *pattern = row->path;
    if (row->admin && (how & FIND_ADMIN) == 0)
        return false;
    if ((how & FIND_INSIDE) != 0 &&
        (!row->needs_key || row->plane != PLANE_OWN || row->rest == REST_PATH))
        return false;
    if ((how & FIND_NO_V1) == 0)
        return true;
    if (row->plane != PLANE_OWN || strncmp(row->path, "/v1/", 4) != 0)
        return false;
    *pattern = row->path + 3;
    return true;
}

/* One that takes the method, else one that does not, else NULL. */
static const struct path_row *
row_find(struct str path, enum http_method method, unsigned how,
         struct captures *found)
{
    const struct path_row *other = NULL;
    for (unsigned i = 0; i < path_row_count; i++) {
        const struct path_row *row = &path_rows[i];
        const char *pattern;
        struct captures captures;
        if (!may_find(row, how, &pattern) ||
            !pattern_matches(pattern, path, &captures))
            continue;
        if (row->plane == PLANE_CF_GATEWAY && is_own_name(captures.segments[0]))
            continue;
        bool takes = (row->methods & (1u << method)) != 0;
        if (!takes && other != NULL)
            continue;
        *found = captures;
        other = row;
        if (takes)
            break;
    }
    return other;
}

/* With /v1, then without. */
static const struct path_row *
row_find_both(struct str path, enum http_method method, unsigned how,
              struct captures *found)
{
    const struct path_row *row = row_find(path, method, how, found);
    return row != NULL ? row : row_find(path, method, how | FIND_NO_V1, found);
}

/* ---- paths behind paths ---- */

static bool
is_workers_model(struct str rest)
{
    return str_starts_with(rest, STR_LIT("@cf/")) ||
           str_starts_with(rest, STR_LIT("@hf/")) ||
           str_starts_with(rest, STR_LIT("%40"));
}

/* RESOURCE/DEPLOYMENT/... of Azure: the deployment is the model. */
static struct str
skip_deployment(struct str rest, struct path_match *match)
{
    struct captures captures;
    if (!pattern_matches("?/?/*", rest, &captures))
        return rest;
    match->model = captures.segments[1];
    return captures.rest;
}

/* What stands behind the provider of Cloudflare's gateway is a path of that
 * provider's, mostly as its own base URL has it. */
static void
find_inside(enum http_method method, struct path_match *match)
{
    struct captures found;
    struct str rest = match->rest;
    if (str_equals(match->provider, STR_LIT("compat")))
        match->provider = (struct str){NULL, 0};
    if (str_equals(match->provider, STR_LIT("workers-ai"))) {
        struct str name =
            str_starts_with(rest, STR_LIT("run/")) ? str_skip(rest, 4) : rest;
        if (is_workers_model(name)) {
            match->row = path_row_of_run();
            match->rest = match->model = name;
            return;
        }
    }
    if (str_equals(match->provider, STR_LIT("azure-openai")))
        rest = skip_deployment(rest, match);
    /* A slash stands before it: that of the row's, or the segment's end. */
    struct str path = path_forgive(str_make(rest.ptr - 1, rest.len + 1),
                                   &(uint8_t){PLANE_OWN});
    match->row = row_find_both(path, method, FIND_INSIDE, &found);
    if (match->row == NULL)
        return;
    match->rest = found.rest;
    if (match->row->rest == REST_MODEL)
        match->model = found.rest;
}

bool
path_find(struct str path, enum http_method method, bool admin_listener,
          char scratch[PATH_BYTES], struct path_match *match)
{
    *match = (struct path_match){.rest = {path.ptr, 0}};
    if (method == HTTP_POST)
        for (unsigned i = 0; i < PATH_QUICK_ROWS; i++)
            if (str_equals(path, str_from(path_rows[i].path))) {
                match->row = &path_rows[i];
                return true;
            }
    if (path.len == 0 || path.len > PATH_BYTES)
        return false;
    struct captures found;
    struct str clean = path_forgive(path_clean(path, scratch), &match->plane);
    match->row =
        row_find_both(clean, method, admin_listener ? FIND_ADMIN : 0, &found);
    if (match->row == NULL) {
        if (str_starts_with(clean, STR_LIT("/client/v4/")))
            match->plane = PLANE_CF_REST;
        return false;
    }
    match->rest = found.rest;
    if (match->row->plane != PLANE_OWN)
        match->plane = match->row->plane;
    if (match->row->rest == REST_MODEL)
        match->model = found.rest;
    if (match->plane == PLANE_CF_GATEWAY && found.count >= 2) {
        struct str account = found.segments[0];
        match->gateway = found.segments[1];
        /* They stand side by side in the path. */
        match->account_gateway =
            str_make(account.ptr, account.len + 1 + match->gateway.len);
    }
    if (match->row->rest == REST_PATH) {
        if (found.count == 3)
            match->provider = found.segments[2];
        find_inside(method, match);
    }
    return match->row != NULL;
}

/* The length; 0: malformed or too long. */
static size_t
decode(struct str coded, char *out, size_t size)
{
    size_t len = 0;
    for (size_t i = 0; i < coded.len; i++) {
        char c = coded.ptr[i];
        if (c == '%') {
            uint8_t byte;
            if (coded.len - i < 3 ||
                crypto_unhex(str_make(coded.ptr + i + 1, 2), &byte, 1) < 0)
                return 0;
            c = (char)byte;
            i += 2;
        }
        if (len + 1 >= size)
            return 0;
        out[len++] = c;
    }
    return len;
}

size_t
path_decode(struct str coded, char *out, size_t size)
{
    size_t len = decode(coded, out, size);
    if (!scan_is_name(out, len))
        len = 0;
    out[len] = '\0';
    return len;
}
