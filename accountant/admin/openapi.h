/*
 * openapi.h - what the OpenAPI document says beside the table of operations:
 * sentences, the members of bodies and of answers. tests/system/test_94_members
 * walks all of it against the server.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_OPENAPI_H
#define AIGW_ACCOUNTANT_ADMIN_OPENAPI_H

#include "accountant/admin/operations.h"
#include "common/json_write.h"

struct openapi_operation {
    const char *name, *summary;
    const char *body, *answer; /* schemas; NULL: none, or any object */
};

/*
 * A member of a schema. `type`: string, integer, number, boolean, time, money
 * (a number or a decimal text), map (of texts by name), object, any, a schema's
 * name, or "a|b|c", one of these texts; "[]" before it: a list of them; "?"
 * behind it: or null.
 */
struct openapi_member {
    const char *schema, *name, *type, *text;
};

/* A parameter of a query, the same wherever it is. */
struct openapi_query {
    const char *name, *type, *text;
};

/* Each ends with a row whose name is NULL. */
extern const struct openapi_operation openapi_operations[];
extern const struct openapi_member openapi_members[];
extern const struct openapi_query openapi_queries[];

/* The type as a JSON schema. */
void openapi_type_to_json(struct json_writer *json, const char *type,
                          const char *text);
/* All schemas of the table, and of the sections of the configuration. */
void openapi_schemas_to_json(struct json_writer *json);
/* The section that the operation is about, as a schema's name; NULL: none. */
const char *openapi_section(const struct operation *operation);

#endif
