/*
 * visit_part.h - what dialect.c and visit*.c share of a visit.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_DIALECT_VISIT_PART_H
#define AIGW_ACCOUNTANT_ADMIN_DIALECT_VISIT_PART_H

#include "accountant/admin/dialect/visit.h"

/* The route by method and path, with its parameters; NULL: visit->error. */
const struct dialect_route *visit_route_by_path(struct visit *visit);
/* Names and values of the query, decoded to `into`: room for all, as they were
 * sent, and a NUL behind each. What is beyond VISIT_QUERY_MAX, or no
 * escape, is left as it is or out: unknown parameters never are an error here. */
void visit_query_parse(struct visit *visit, char *into);
/* Runs the route's function from its start. */
void visit_run(struct visit *visit);
/* It has returned: gives the answer, if there is one; the visit is then gone. */
void visit_end(struct visit *visit);

#endif
