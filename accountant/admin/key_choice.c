/*
 * key_choice.c - see key_choice.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/key_choice.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/store_search.h"
#include "common/json_write.h"

enum { TAGS_UNKNOWN, TAGS_FIT, TAGS_DIFFER }; /* choice->known */

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

static void
put_string(struct buf *out, struct str text)
{
    buf_append_char(out, '"');
    json_escape(out, text);
    buf_append_char(out, '"');
}

/* As key_fields.c writes them. */
static void
want(struct key_choice *choice, struct str name, const char *text)
{
    put_string(&choice->wanted, name);
    buf_append_char(&choice->wanted, ':');
    if (text != NULL)
        put_string(&choice->wanted, str_from(text));
    buf_append_char(&choice->wanted, '\0');
}

static bool
read_tags(struct key_choice *choice, const char *text,
          struct admin_error *error)
{
    const cJSON *item = NULL;
    cJSON *tags = cJSON_Parse(text);
    bool good = cJSON_IsObject(tags);
    cJSON_ArrayForEach(item, tags)
    {
        good = good && cJSON_IsString(item);
        if (good)
            want(choice, str_from(item->string), item->valuestring);
    }
    cJSON_Delete(tags);
    choice->by_tags = true;
    return good || admin_error_field(error, "tags",
                                     "'tags' must be a JSON object of texts.");
}

static void
read_tag_keys(struct key_choice *choice, const char *names)
{
    while (*names != '\0') {
        size_t len = strcspn(names, ",");
        want(choice, str_make(names, len), NULL);
        names += len + (names[len] == ',');
    }
    choice->by_tags = true;
}

bool
key_choice_read(struct key_choice *choice, const struct query *query,
                struct admin_error *error)
{
    const char *ids = query_get(query, "ids");
    const char *tags = query_get(query, "tags");
    const char *names = query_get(query, "tag_keys");
    buf_init(&choice->wanted, 0);
    if ((ids != NULL && !read_ids(choice, ids, error)) ||
        (tags != NULL && !read_tags(choice, tags, error)))
        return false;
    if (names != NULL)
        read_tag_keys(choice, names);
    return buf_ok(&choice->wanted) ||
           admin_error_set(error, 503, "overloaded", "Out of memory.");
}

void
key_choice_fini(struct key_choice *choice)
{
    free(choice->ids);
    free(choice->known);
    buf_fini(&choice->wanted);
    *choice = (struct key_choice){0};
}

/* A quote behind a brace or comma begins a name: inside of strings quotes have a
 * backslash, and behind a string that ends in a comma stands no name. */
static bool
has_tag(const char *tags, const char *wanted, size_t len)
{
    const char *at = tags;
    while ((at = strstr(at, wanted)) != NULL) {
        bool whole = wanted[len - 1] == ':' || at[len] == ',' || at[len] == '}';
        if (at > tags && (at[-1] == '{' || at[-1] == ',') && whole)
            return true;
        at++;
    }
    return false;
}

static bool
has_tags(const struct key_choice *choice, const char *tags)
{
    const char *wanted = buf_ptr(&choice->wanted);
    const char *end = wanted + buf_len(&choice->wanted);
    while (wanted < end) {
        size_t len = strlen(wanted);
        if (!has_tag(tags, wanted, len))
            return false;
        wanted += len + 1;
    }
    return true;
}

bool
key_choice_admits(const struct key_choice *choice, const struct gateway *key)
{
    if (choice->ids != NULL && bsearch(&key->id, choice->ids, choice->id_count,
                                       sizeof(key->id), compare_ids) == NULL)
        return false;
    return has_tags(choice, key->tags);
}

bool
key_choice_begin(struct key_choice *choice, const struct store *store,
                 struct admin_error *error)
{
    if (!choice->by_tags)
        return true;
    choice->known = calloc((size_t)store_tags_highest(store) + 1, 1);
    return choice->known != NULL ||
           admin_error_set(error, 503, "overloaded", "Out of memory.");
}

bool
key_choice_admits_tags(struct key_choice *choice, const struct store *store,
                       uint32_t number)
{
    if (!choice->by_tags)
        return true;
    if (choice->known[number] == TAGS_UNKNOWN)
        choice->known[number] = has_tags(choice, store_tags(store, number))
                                    ? TAGS_FIT
                                    : TAGS_DIFFER;
    return choice->known[number] == TAGS_FIT;
}
