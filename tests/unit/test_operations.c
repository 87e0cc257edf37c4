/*
 * test_operations.c - the table of management operations.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include "tests/test.h"

static char params[CALL_PATH_PARAMS][CALL_PATH_PARAM_BYTES];
static const char *allow;
static struct admin_error error;

static const char *
found(enum http_method method, const char *path)
{
    error = (struct admin_error){0};
    const struct operation *operation =
        operations_find(method, str_from(path), params, &allow, &error);
    return operation == NULL ? "" : operation->name;
}

TEST(every_row_is_found_by_its_own_path)
{
    const struct operation *row;
    for (unsigned i = 0; (row = operations_row(i)) != NULL; i++) {
        char path[128];
        size_t len = 0;
        for (const char *p = row->path; *p != '\0'; p++)
            if (*p != '}')
                path[len++] = *p == '{' ? 'x' : *p;
        path[len] = '\0';
        CHECK_STR(str_from(found(row->method, path)), row->name);
        CHECK_TRUE(row->handler != NULL && row->query != NULL);
        for (unsigned j = 0; j < i; j++)
            CHECK_TRUE(strcmp(operations_row(j)->name, row->name) != 0);
    }
}

TEST(a_change_is_never_a_get_and_takes_no_query)
{
    const struct operation *row;
    for (unsigned i = 0; (row = operations_row(i)) != NULL; i++) {
        if ((row->flags & OPERATION_CHANGES) == 0)
            continue;
        CHECK_TRUE(row->method != HTTP_GET);
        const char *query = "";
        if (strcmp(row->name, "ledger_export") == 0)
            query = "rows";
        else if (strcmp(row->name, "gateway_delete") == 0)
            query = "routes"; /* a DELETE has no body to say it in */
        else if (strcmp(row->name, "group_delete") == 0)
            query = "all"; /* the same */
        CHECK_STR(str_from(row->query), query);
    }
}

TEST(path_parameters_are_decoded)
{
    CHECK_STR(str_from(found(HTTP_GET, "/admin/v1/keys/17")), "key_get");
    CHECK_STR(str_from(params[0]), "17");
    CHECK_STR(str_from(found(HTTP_POST, "/admin/v1/groups/a%2Fb%20c/top-up")),
              "group_top_up");
    CHECK_STR(str_from(params[0]), "a/b c");
    CHECK_STR(str_from(found(HTTP_HEAD, "/metrics")), "metrics");
}

TEST(a_fixed_segment_beats_a_parameter)
{
    CHECK_STR(str_from(found(HTTP_POST, "/admin/v1/keys/upsert")),
              "key_upsert");
    CHECK_STR(str_from(found(HTTP_GET, "/admin/v1/keys/upsert")), "key_get");
}

TEST(what_is_not_there_is_404_and_a_wrong_method_405)
{
    static const char *const unknown[] = {"",
                                          "/",
                                          "/admin/v1",
                                          "/admin/v1/keys/",
                                          "/x",
                                          "/metrics/",
                                          "/admin/v1/keys/1/2",
                                          "//admin/v1/keys",
                                          "keys",
                                          "xadmin/v1/keys",
                                          "/admin/v1/Keys"};
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        CHECK_STR(str_from(found(HTTP_GET, unknown[i])), "");
        CHECK_EQ(error.status, 404);
    }
    CHECK_STR(str_from(found(HTTP_DELETE, "/admin/v1/keys")), "");
    CHECK_EQ(error.status, 405);
    CHECK_STR(str_from(allow), "GET, HEAD, POST");
    CHECK_STR(str_from(found(HTTP_OTHER, "/metrics")), "");
    CHECK_EQ(error.status, 405);
}

TEST(a_bad_escape_in_the_path_is_400)
{
    CHECK_STR(str_from(found(HTTP_GET, "/admin/v1/keys/%zz")), "");
    CHECK_EQ(error.status, 400);
    CHECK_STR(str_from(found(HTTP_GET, "/admin/v1/groups/a%00b")), "");
    CHECK_EQ(error.status, 400);
}
