/*
 * request_fields.c - the fields of a client's head that are for the gateway and
 * say more than who asks: metadata and the like. See request_call.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/request_call.h"

enum {
    EVENT_ID_BYTES = 128, /* of a caller's own id; a longer one is none */
    LEAST_NAME_BYTES = 12,
};

static void
take_tags(struct request *request, struct str value, unsigned most)
{
    if (!request->has_tags)
        request_tags_reset(&request->tags);
    request_tags_add(&request->tags, value, most, &request->worker->reply);
    request->has_tags = request->tags.count > 0;
}

static void
take_cloudflare_metadata(struct request *request, struct str value)
{
    take_tags(request, value, TAGS_CLOUDFLARE_MAX);
}

static void
take_metadata(struct request *request, struct str value)
{
    take_tags(request, value, TAGS_MAX);
}

static void
take_event_id(struct request *request, struct str value)
{
    if (value.len > 0 && value.len <= EVENT_ID_BYTES)
        request->event_id = value;
}

/* Cloudflare: a stored key that is not `default`. */
static void
take_alias(struct request *request, struct str value)
{
    if (value.len == 0)
        return;
    request->alias = settings_name_hash(value);
    request->alias_len = (uint32_t)value.len;
}

/* In the order in which they are taken. */
static const struct {
    struct str name;
    void (*take)(struct request *request, struct str value);
} own_fields[] = {
    {STR_LIT("cf-aig-metadata"), take_cloudflare_metadata},
    {STR_LIT("x-aigw-metadata"), take_metadata},
    {STR_LIT("cf-aig-event-id"), take_event_id},
    {STR_LIT("cf-aig-cache-key"), cache_field_name},
    {STR_LIT("x-aigw-cache-key"), cache_field_name},
    {STR_LIT("cf-aig-byok-alias"), take_alias},
    {STR_LIT("x-aigw-credential"), take_alias},
};

/* "cf-a" or "x-ai", and long enough to be one of them. */
static bool
may_be_own(struct str name)
{
    uint32_t begin, cf, own;
    if (name.len < LEAST_NAME_BYTES)
        return false;
    memcpy(&begin, name.ptr, sizeof(begin));
    memcpy(&cf, "cf-a", sizeof(cf));
    memcpy(&own, "x-ai", sizeof(own));
    begin |= 0x20202020; /* none of the five is changed by it but letters */
    return begin == cf || begin == own;
}

struct str
request_tag(const struct request *request, struct str key)
{
    return request->has_tags ? request_tags_find(&request->tags, key)
                             : (struct str){NULL, 0};
}

void
request_read_fields(struct request *request)
{
    const struct http_head *head = request->head;
    bool any = false;
    for (unsigned i = 0; i < head->field_count; i++)
        any |= may_be_own(head->fields[i].name);
    if (!any)
        return;
    for (size_t i = 0; i < ARRAY_LEN(own_fields); i++) {
        struct str value = http_field_find(head, own_fields[i].name);
        if (value.ptr != NULL)
            own_fields[i].take(request, value);
    }
}
