/*
 * key_choice.c - see key_choice.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/key_choice.h"

#include <stdlib.h>

static int
compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool
read_ids(struct key_choice *choice, const char *text, struct admin_error *error)
{
    choice->ids = malloc(KEY_CHOICE_IDS_MAX * sizeof(*choice->ids));
    if (choice->ids == NULL)
        return admin_error_set(error, 503, "overloaded", "Out of memory.");
    for (;;) {
        char *end = NULL;
        uint64_t id =
            *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
        if (end == NULL || (*end != ',' && *end != '\0') ||
            choice->id_count == KEY_CHOICE_IDS_MAX)
            return admin_error_field(error, "ids",
                                     "'ids' must be at most %d ids by comma.",
                                     KEY_CHOICE_IDS_MAX);
        choice->ids[choice->id_count++] = id;
        if (*end == '\0')
            break;
        text = end + 1;
    }
    qsort(choice->ids, choice->id_count, sizeof(*choice->ids), compare_ids);
    return true;
}

static bool
read_tags(struct key_choice *choice, const char *text,
          struct admin_error *error)
{
    const cJSON *item = NULL;
    choice->tags = cJSON_Parse(text);
    bool good = cJSON_IsObject(choice->tags);
    cJSON_ArrayForEach(item, choice->tags)
    {
        good = good && cJSON_IsString(item);
    }
    return good || admin_error_field(error, "tags",
                                     "'tags' must be a JSON object of texts.");
}

bool
key_choice_read(struct key_choice *choice, const struct query *query,
                struct admin_error *error)
{
    const char *ids = query_get(query, "ids");
    const char *tags = query_get(query, "tags");
    choice->tag_keys = query_get(query, "tag_keys");
    return (ids == NULL || read_ids(choice, ids, error)) &&
           (tags == NULL || read_tags(choice, tags, error));
}

void
key_choice_fini(struct key_choice *choice)
{
    free(choice->ids);
    cJSON_Delete(choice->tags);
    *choice = (struct key_choice){0};
}

static bool
has_tags(const struct key_choice *choice, const cJSON *tags)
{
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, choice->tags)
    {
        const cJSON *tag = cJSON_GetObjectItemCaseSensitive(tags, item->string);
        if (!cJSON_IsString(tag) ||
            strcmp(tag->valuestring, item->valuestring) != 0)
            return false;
    }
    return true;
}

static bool
has_tag_keys(const char *names, const cJSON *tags)
{
    while (names != NULL && *names != '\0') {
        size_t len = strcspn(names, ",");
        const cJSON *tag = tags == NULL ? NULL : tags->child;
        while (tag != NULL && (strlen(tag->string) != len ||
                               memcmp(tag->string, names, len) != 0))
            tag = tag->next;
        if (tag == NULL)
            return false;
        names += len + (names[len] == ',');
    }
    return true;
}

bool
key_choice_admits(const struct key_choice *choice, const struct gateway *key)
{
    if (choice->ids != NULL && bsearch(&key->id, choice->ids, choice->id_count,
                                       sizeof(key->id), compare_ids) == NULL)
        return false;
    if (choice->tags == NULL && choice->tag_keys == NULL)
        return true;
    cJSON *tags = cJSON_Parse(key->tags);
    bool admits =
        has_tags(choice, tags) && has_tag_keys(choice->tag_keys, tags);
    cJSON_Delete(tags);
    return admits;
}
