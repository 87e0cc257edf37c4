/*
 * page.h - lists in pages: `?page=&limit=` read, and {"data", "total", "page",
 * "limit"} answered, the same of every list. Loop thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_PAGE_H
#define AIGW_ACCOUNTANT_ADMIN_PAGE_H

#include "accountant/admin/call.h"

struct page {
    uint64_t number, limit; /* from 1; rows at most */
    uint64_t total;         /* of all pages: counted, or set by who knows */
};

/* False: call->error says what is wrong with them. */
bool page_read(struct call *call, struct page *page) MUST_CHECK;
/* How many rows stand before the page. */
uint64_t page_first(const struct page *page);
/* Counts one row more; whether it is of this page. */
bool page_has(struct page *page);
/* The answer's object with its array "data" begun (an operation with members of
 * its own ahead of it begins both itself); and both ended, answered. */
void page_begin(struct call *call);
void page_answer(struct call *call, const struct page *page);

#endif
