/*
 * test_dialects.c - the table of other systems' APIs: whose a path is, and which
 * of its routes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/dialect/dialect.h"

#include <stdio.h>

#include "accountant/admin/dialect/visit_part.h"
#include "tests/test.h"

static char texts[1024];
static struct visit visit;

static const struct dialect_route *
route_of(enum http_method method, const char *path)
{
    const struct dialect *dialect = dialect_of_path(str_from(path));
    visit = (struct visit){.dialect = dialect,
                           .head = {.method = method,
                                    .method_text = STR_LIT("METHOD"),
                                    .path = str_from(path)},
                           .texts = texts};
    return dialect == NULL ? NULL : visit_route_by_path(&visit);
}

/* A path that the pattern stands for: "/a/{}/b/{*}" -> PREFIX "/a/x/b/x/x". */
static void
path_of(const char *prefix, const char *pattern, char out[256])
{
    size_t len = (size_t)snprintf(out, 256, "%s", prefix);
    for (const char *p = pattern; *p != '\0'; p++) {
        if (*p == '{') {
            bool rest = p[1] == '*';
            len += (size_t)snprintf(out + len, 256 - len, rest ? "x/x" : "x");
            p += rest ? 2 : 1;
        } else {
            out[len++] = *p;
            out[len] = '\0';
        }
    }
}

TEST(every_route_is_found_by_its_own_path)
{
    const struct dialect *dialect;
    unsigned count = 0;
    for (unsigned i = 0; (dialect = dialect_row(i)) != NULL; i++) {
        if (dialect->find != NULL)
            continue;
        for (const struct dialect_route *const *t = dialect->tables; *t != NULL;
             t++) {
            for (const struct dialect_route *row = *t; row->run != NULL;
                 row++, count++) {
                char path[256];
                path_of(dialect->prefixes[0], row->path, path);
                if (route_of(row->method, path) != row)
                    test_fail(__FILE__, __LINE__, "%s %s: another row",
                              dialect->name, row->path);
                CHECK_TRUE(row->path[0] == '/');
            }
        }
    }
    CHECK_TRUE(count > 70);
}

/* tests/unit/test_request_path.c has the same list: a prefix more is one there,
 * too, and a row in worker/request_path_rows.c. */
TEST(workers_know_every_prefix)
{
    static const char *const known[] = {
        "/api/v2/aigw",
        "/api/v2/aig",
        "/clickzetta-portal",
        "/llm-gateway-admin",
        "/client/v4",
        "/api/v2alpha",
        "/api",
    };
    const struct dialect *dialect;
    unsigned count = 0;
    for (unsigned i = 0; (dialect = dialect_row(i)) != NULL; i++)
        for (const char *const *p = dialect->prefixes; *p != NULL; p++)
            CHECK_STR(str_from(*p), known[count++ % ARRAY_LEN(known)]);
    CHECK_EQ(count, ARRAY_LEN(known));
}

TEST(a_path_is_of_the_longest_prefix)
{
    static const struct {
        const char *path, *name;
    } rows[] = {
        {"/api/v2/aigw", "zenlayer"},   {"/api/v2/aig", "zenlayer"},
        {"/api/v2/aigwx", "aiproxy"},   {"/api/v2alpha/tokens", "sealos"},
        {"/api/v2alphax", "aiproxy"},   {"/api", "aiproxy"},
        {"/api/tokens", "aiproxy"},     {"/client/v4", "cloudflare"},
        {"/client/v4/x", "cloudflare"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct dialect *dialect = dialect_of_path(str_from(rows[i].path));
        CHECK_TRUE(dialect != NULL);
        CHECK_STR(str_from(dialect->name), rows[i].name);
    }
    CHECK_TRUE(dialect_of_path(STR_LIT("/apix")) == NULL);
    CHECK_TRUE(dialect_of_path(STR_LIT("/admin/v1/keys")) == NULL);
    CHECK_TRUE(dialect_of_path(STR_LIT("")) == NULL);
}

TEST(parameters_are_decoded_and_the_rest_has_its_slashes)
{
    CHECK_TRUE(route_of(HTTP_GET, "/api/token/a%2Fb%20c/17/") != NULL);
    CHECK_STR(str_from(visit.params[0]), "a/b c");
    CHECK_STR(str_from(visit.params[1]), "17");
    CHECK_TRUE(visit.params[2] == NULL);
    CHECK_TRUE(route_of(HTTP_GET, "/api/model_config/org/m%2F2") != NULL);
    CHECK_STR(str_from(visit.params[0]), "org/m/2");
    CHECK_TRUE(route_of(HTTP_HEAD, "/api/tokens") != NULL);
    CHECK_TRUE(route_of(HTTP_GET, "/api/tokens/%zz") == NULL);
    CHECK_EQ(visit.error.status, 400);
    CHECK_TRUE(route_of(HTTP_GET, "/api/tokens/%00") == NULL);
    CHECK_EQ(visit.error.status, 400);
    CHECK_TRUE(route_of(HTTP_PATCH, "/api/tokens/7") == NULL);
    CHECK_EQ(visit.error.status, 405);
    CHECK_TRUE(route_of(HTTP_GET, "/api/tokens//") == NULL);
    CHECK_TRUE(route_of(HTTP_GET, "/api/none") == NULL);
    CHECK_EQ(visit.error.status, 404);
}
