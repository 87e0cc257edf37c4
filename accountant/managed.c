/*
 * managed.c - see managed.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/managed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

/* ---- one part ---- */

static char *
copy_text(const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL)
        fatal("out of memory");
    return copy;
}

/* It may be a credential. */
static void
free_text(char *text)
{
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
}

struct managed *
managed_make(enum config_section section, const char *name)
{
    struct managed *managed = calloc(1, sizeof(*managed));
    if (managed == NULL)
        fatal("out of memory");
    managed->references = 1;
    managed->section = section;
    snprintf(managed->name, sizeof(managed->name), "%s", name);
    return managed;
}

struct managed *
managed_copy(const struct managed *managed)
{
    struct managed *copy = managed_make(managed->section, managed->name);
    for (unsigned i = 0; i < managed->pair_count; i++)
        managed_set(copy, managed->pairs[i].name, managed->pairs[i].value);
    copy->revision = managed->revision;
    copy->created_ms = managed->created_ms;
    copy->updated_ms = managed->updated_ms;
    return copy;
}

void
managed_put(struct managed *managed)
{
    if (managed == NULL || --managed->references > 0)
        return;
    for (unsigned i = 0; i < managed->pair_count; i++) {
        free(managed->pairs[i].name);
        free_text(managed->pairs[i].value);
    }
    free(managed->pairs);
    free(managed->fault);
    free(managed);
}

static struct config_pair *
find_pair(const struct managed *managed, const char *option)
{
    for (unsigned i = 0; i < managed->pair_count; i++)
        if (strcmp(managed->pairs[i].name, option) == 0)
            return &managed->pairs[i];
    return NULL;
}

const char *
managed_get(const struct managed *managed, const char *option)
{
    const struct config_pair *pair = find_pair(managed, option);
    return pair == NULL ? NULL : pair->value;
}

static void
remove_pair(struct managed *managed, struct config_pair *pair)
{
    free(pair->name);
    free_text(pair->value);
    *pair = managed->pairs[--managed->pair_count];
}

void
managed_set(struct managed *managed, const char *option, const char *value)
{
    struct config_pair *pair = find_pair(managed, option);
    char *copy = value == NULL ? NULL : copy_text(value);
    if (copy == NULL) {
        if (pair != NULL)
            remove_pair(managed, pair);
        return;
    }
    if (pair != NULL) {
        free_text(pair->value);
        pair->value = copy;
        return;
    }
    struct config_pair *pairs =
        realloc(managed->pairs, (managed->pair_count + 1) * sizeof(*pairs));
    if (pairs == NULL)
        fatal("out of memory");
    managed->pairs = pairs;
    pairs[managed->pair_count++] =
        (struct config_pair){copy_text(option), copy};
}

/* ---- the book ---- */

/* Where it is, or would be. */
static size_t
place_of(const struct managed_book *book, enum config_section section,
         const char *name, bool *found)
{
    size_t low = 0, high = book->count;
    *found = false;
    while (low < high && !*found) {
        size_t middle = low + (high - low) / 2;
        const struct managed *m = book->items[middle];
        int order = m->section != section ? (m->section < section ? -1 : 1)
                                          : strcmp(m->name, name);
        *found = order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return high;
}

const struct managed *
managed_find(const struct managed_book *book, enum config_section section,
             const char *name)
{
    bool found;
    size_t at = place_of(book, section, name, &found);
    return found ? book->items[at] : NULL;
}

void
managed_book_copy(struct managed_book *to, const struct managed_book *from)
{
    *to = (struct managed_book){0};
    if (from->count == 0)
        return;
    to->items = malloc(from->count * sizeof(struct managed *));
    if (to->items == NULL)
        fatal("out of memory");
    for (size_t i = 0; i < from->count; i++) {
        to->items[i] = from->items[i];
        to->items[i]->references++;
    }
    to->count = from->count;
}

void
managed_book_fini(struct managed_book *book)
{
    for (size_t i = 0; i < book->count; i++)
        managed_put(book->items[i]);
    free(book->items);
    *book = (struct managed_book){0};
}

void
managed_book_put(struct managed_book *book, struct managed *managed)
{
    bool found;
    size_t at = place_of(book, managed->section, managed->name, &found);
    if (found) {
        managed_put(book->items[at]);
        book->items[at] = managed;
        return;
    }
    struct managed **items =
        realloc(book->items, (book->count + 1) * sizeof(*items));
    if (items == NULL)
        fatal("out of memory");
    memmove(items + at + 1, items + at, (book->count - at) * sizeof(*items));
    items[at] = managed;
    book->items = items;
    book->count++;
}

void
managed_book_delete(struct managed_book *book, enum config_section section,
                    const char *name)
{
    bool found;
    size_t at = place_of(book, section, name, &found);
    if (!found)
        return;
    managed_put(book->items[at]);
    book->count--;
    memmove(book->items + at, book->items + at + 1,
            (book->count - at) * sizeof(*book->items));
}

/* ---- with the file ---- */

struct config *
managed_extend(const struct config *base, struct managed_book *book,
               struct buf *error)
{
    struct config_extra *extras = calloc(book->count + 1, sizeof(*extras));
    struct managed **of = calloc(book->count + 1, sizeof(struct managed *));
    size_t count = 0;
    if (extras == NULL || of == NULL)
        fatal("out of memory");
    for (size_t i = 0; i < book->count; i++) {
        struct managed *m = book->items[i];
        if (m->fault != NULL)
            continue;
        of[count] = m;
        extras[count++] = (struct config_extra){.section = m->section,
                                                .name = m->name,
                                                .pairs = m->pairs,
                                                .pair_count = m->pair_count};
    }
    struct config *config = config_extend(base, extras, count, error);
    for (size_t i = 0; i < count && config != NULL; i++)
        of[i]->shadowed = extras[i].shadowed;
    free(of);
    free(extras);
    return config;
}

/* Gives the parts that `lines` name their faults; how many. */
static unsigned
set_faults(struct managed_book *book, const char *lines)
{
    unsigned count = 0;
    for (size_t i = 0; i < book->count; i++) {
        struct managed *m = book->items[i];
        char prefix[MANAGED_NAME_BYTES + 40];
        snprintf(prefix, sizeof(prefix),
                 "%s.%s: ", config_section_names[m->section], m->name);
        const char *at = lines;
        while (at != NULL && strncmp(at, prefix, strlen(prefix)) != 0) {
            at = strchr(at, '\n');
            at = at == NULL ? NULL : at + 1;
        }
        if (at == NULL || m->fault != NULL)
            continue;
        at += strlen(prefix);
        m->fault = strndup(at, strcspn(at, "\n"));
        if (m->fault == NULL)
            fatal("out of memory");
        log_error("%s %s, which management made, is left out: %s",
                  config_section_names[m->section], m->name, m->fault);
        count++;
    }
    return count;
}

/* Nothing says which of them it is. */
static void
fault_all(struct managed_book *book, const char *lines)
{
    for (size_t i = 0; i < book->count; i++) {
        struct managed *m = book->items[i];
        if (m->fault == NULL)
            m->fault = strndup(lines, strcspn(lines, "\n"));
    }
    log_error("all that management made is left out of the configuration: %s",
              lines);
}

void
managed_forgive(struct managed_book *book)
{
    for (size_t i = 0; i < book->count; i++) {
        struct managed *m = book->items[i];
        if (m->fault == NULL || m->unreadable)
            continue;
        book->items[i] = managed_copy(m);
        managed_put(m);
    }
}

struct config *
managed_extend_leniently(const struct config *base, struct managed_book *book,
                         struct buf *error)
{
    for (;;) {
        buf_reset(error);
        struct config *config = managed_extend(base, book, error);
        size_t left = 0;
        for (size_t i = 0; i < book->count; i++)
            left += book->items[i]->fault == NULL;
        if (config != NULL || left == 0)
            return config;
        if (set_faults(book, buf_cstr(error)) == 0)
            fault_all(book, buf_cstr(error));
    }
}
