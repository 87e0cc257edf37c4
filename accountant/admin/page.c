/*
 * page.c - see page.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/page.h"

enum { NUMBER_MAX = 1000000000, LIMIT_DEFAULT = 50, LIMIT_MAX = 1000 };

bool
page_read(struct call *call, struct page *page)
{
    *page = (struct page){.number = 1, .limit = LIMIT_DEFAULT};
    return query_u64(&call->query, "page", 1, NUMBER_MAX, &page->number,
                     &call->error) &&
           query_u64(&call->query, "limit", 1, LIMIT_MAX, &page->limit,
                     &call->error);
}

uint64_t
page_first(const struct page *page)
{
    return (page->number - 1) * page->limit;
}

bool
page_has(struct page *page)
{
    uint64_t nth = page->total++;
    return nth >= page_first(page) && nth - page_first(page) < page->limit;
}

void
page_begin(struct call *call)
{
    json_object_begin(&call->json);
    json_key(&call->json, "data");
    json_array_begin(&call->json);
}

void
page_answer(struct call *call, const struct page *page)
{
    struct json_writer *json = &call->json;
    json_array_end(json);
    json_key(json, "total");
    json_u64(json, page->total);
    json_key(json, "page");
    json_u64(json, page->number);
    json_key(json, "limit");
    json_u64(json, page->limit);
    json_object_end(json);
    call_answer(call, 200);
}
