/*
 * store_manage.c - edits of the parts that management made, until they are in a
 * configuration that fits: see store_manage().
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/store_group.h"
#include "accountant/store_private.h"
#include "common/clock.h"
#include "common/log.h"

enum {
    MANAGED_MAX = 16384,
    MANAGED_BYTES = 64 << 20,      /* of all values: each change reads them */
    MANAGED_OWNER_BYTES = 4 << 20, /* of what one group's members may make */
    MANAGE_AT_ONCE = 256,
};

struct manage {
    struct managed_edit *edits;
    size_t count;
    store_done done; /* NULL: answered */
    void *context;
    struct group_edit *group;  /* owned; makes the edits; alone in its batch */
    struct store_extra *extra; /* owned; goes into the same batch */
    struct manage *next;
};

void
manage_free_all(struct manage *manages)
{
    while (manages != NULL) {
        struct manage *next = manages->next;
        for (size_t i = 0; i < manages->count; i++)
            managed_put(manages->edits[i].put);
        if (manages->extra != NULL)
            manages->extra->free(manages->extra);
        free(manages->edits);
        group_edit_free(manages->group);
        free(manages);
        manages = next;
    }
}

void
manage_answer_all(struct manage *manages, int error, const char *reason)
{
    for (; manages != NULL; manages = manages->next) {
        store_done done = manages->done;
        manages->done = NULL;
        if (done != NULL)
            done(manages->context, error, reason,
                 manages->group == NULL ? 0 : manages->group->id);
    }
}

static void
refuse(struct manage *manage, int error, const char *reason)
{
    manage->next = NULL;
    manage_answer_all(manage, error, reason);
    manage_free_all(manage);
}

void
manage_refuse_queued(struct store *store, int error, const char *reason)
{
    struct manage *manages = store->manages;
    store->manages = NULL;
    store->manages_end = &store->manages;
    manage_answer_all(manages, error, reason);
    manage_free_all(manages);
}

static void
enqueue(struct store *store, const struct manage *what)
{
    struct manage *manage = calloc(1, sizeof(*manage));
    if (manage == NULL)
        fatal("out of memory");
    *manage = *what;
    manage->extra = store_detach(store);
    *store->manages_end = manage;
    store->manages_end = &manage->next;
    configure_kick(store);
}

void
store_manage(struct store *store, struct managed_edit *edits, size_t count,
             store_done done, void *context)
{
    enqueue(store, &(struct manage){.edits = edits,
                                    .count = count,
                                    .done = done,
                                    .context = context});
}

void
manage_group(struct store *store, struct group_edit *edit, store_done done,
             void *context)
{
    enqueue(store,
            &(struct manage){.group = edit, .done = done, .context = context});
}

const struct group_edit *
manage_group_edit(const struct manage *manages)
{
    return manages == NULL ? NULL : manages->group;
}

const struct managed_book *
store_managed(const struct store *store)
{
    return &store->managed;
}

const struct config *
store_file_config(const struct store *store)
{
    return store->file_config;
}

/* ---- whether one fits ---- */

static size_t
bytes_of(const struct managed *managed)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < managed->pair_count; i++)
        bytes += strlen(managed->pairs[i].value);
    return bytes;
}

/* Profiles and routes are called GROUP/..., and members bound to the group may
 * make them. Of a group's name with slashes its beginning. */
static bool
has_same_owner(const struct managed *a, const struct managed *b)
{
    size_t len = strcspn(a->name, "/");
    return (a->section == CONFIG_SECTION_gateway ||
            a->section == CONFIG_SECTION_route) &&
           (b->section == CONFIG_SECTION_gateway ||
            b->section == CONFIG_SECTION_route) &&
           strncmp(a->name, b->name, len + 1) == 0;
}

static int
check_room(const struct managed_book *book, const struct managed_edit *edit,
           const struct managed *now, struct buf *reason)
{
    size_t all = bytes_of(edit->put), owners = all;
    if (now == NULL && book->count >= MANAGED_MAX) {
        buf_printf(reason, "there are %d parts already, which is the most",
                   MANAGED_MAX);
        return -ENOSPC;
    }
    for (size_t i = 0; i < book->count; i++) {
        const struct managed *other = book->items[i];
        if (other == now)
            continue;
        size_t bytes = bytes_of(other);
        all += bytes;
        owners += has_same_owner(edit->put, other) ? bytes : 0;
    }
    if (all <= MANAGED_BYTES && owners <= MANAGED_OWNER_BYTES)
        return 0;
    buf_printf(reason, "the options of %s would have %zu bytes, %d is the most",
               all > MANAGED_BYTES ? "all parts" : "the group's parts",
               all > MANAGED_BYTES ? all : owners,
               all > MANAGED_BYTES ? MANAGED_BYTES : MANAGED_OWNER_BYTES);
    return -ENOSPC;
}

static int
check_edit(const struct store *store, const struct managed_book *book,
           const struct managed_edit *edit, struct buf *reason)
{
    enum config_section section = (enum config_section)edit->section;
    const struct managed *now = managed_find(book, section, edit->name);
    if (edit->put != NULL &&
        config_find_section(store->file_config, section, edit->name) != NULL) {
        buf_printf(reason, "%s '%s' stands in the configuration file",
                   config_section_names[section], edit->name);
        return -EPERM;
    }
    if (now == NULL && edit->revision != 0) {
        buf_printf(reason, "%s '%s' does not exist",
                   config_section_names[section], edit->name);
        return -ENOENT;
    }
    if (now != NULL && edit->revision == 0) {
        buf_printf(reason, "%s '%s' exists already",
                   config_section_names[section], edit->name);
        return -EEXIST;
    }
    if (now != NULL && now->revision != edit->revision) {
        buf_printf(reason, "%s '%s' was changed meanwhile",
                   config_section_names[section], edit->name);
        return -ESTALE;
    }
    return edit->put == NULL ? 0 : check_room(book, edit, now, reason);
}

/* Into the book, which is a copy: what was made before a refusal goes with it. */
static int
edit_book(const struct store *store, struct managed_book *book,
          const struct manage *manage, struct buf *reason)
{
    int rc = 0;
    for (size_t i = 0; i < manage->count && rc == 0; i++) {
        struct managed_edit *edit = &manage->edits[i];
        enum config_section section = (enum config_section)edit->section;
        rc = check_edit(store, book, edit, reason);
        if (rc < 0)
            break;
        const struct managed *now = managed_find(book, section, edit->name);
        if (edit->put == NULL) {
            managed_book_delete(book, section, edit->name);
            continue;
        }
        edit->put->updated_ms = clock_wall_ms();
        if (now != NULL)
            edit->put->created_ms = now->created_ms;
        else if (edit->put->created_ms == 0) /* not one that moves */
            edit->put->created_ms = edit->put->updated_ms;
        edit->put->revision = edit->revision + 1;
        edit->put->references++;
        managed_book_put(book, edit->put);
    }
    return rc;
}

/* The first line of config_extend(), in the words of who made the edit: its own
 * name is not said again. -EINVAL, or -EBUSY where others do not fit any more. */
static int
explain(const struct manage *manage, const char *lines, struct buf *reason)
{
    char prefix[MANAGED_NAME_BYTES + 40];
    size_t len = strcspn(lines, "\n");
    bool only_deletes = true;
    for (size_t i = 0; i < manage->count; i++) {
        const struct managed_edit *edit = &manage->edits[i];
        int n = snprintf(prefix, sizeof(prefix),
                         "%s.%s: ", config_section_names[edit->section],
                         edit->name);
        only_deletes = only_deletes && edit->put == NULL;
        if (strncmp(lines, prefix, (size_t)n) == 0) {
            size_t skip = manage->count == 1 ? (size_t)n : 0;
            buf_append(reason, lines + skip, len - skip);
            return -EINVAL;
        }
    }
    if (strncmp(lines, "aigw.ini:", 9) == 0) { /* a line of no file */
        const char *colon = strchr(lines + 9, ' ');
        size_t skip = colon == NULL ? 0 : (size_t)(colon - lines) + 1;
        buf_append(reason, lines + skip, len - skip);
    } else {
        buf_append(reason, lines, len);
    }
    return only_deletes ? -EBUSY : -EINVAL;
}

/* One alone, on top of `book`: it joins it, or is refused. */
static bool
try_one(struct store *store, struct managed_book *book, struct manage *manage,
        struct config **config)
{
    struct managed_book with;
    struct buf reason, lines;
    struct config *made = NULL;
    buf_init(&reason, 0);
    buf_init(&lines, 0);
    managed_book_copy(&with, book);
    int rc = manage->group == NULL
                 ? 0
                 : group_edit_parts(store, book, manage->group, &manage->edits,
                                    &manage->count, &reason);
    if (rc == 0)
        rc = edit_book(store, &with, manage, &reason);
    if (rc == 0) {
        made = managed_extend(store->file_config, &with, &lines);
        if (made == NULL)
            rc = explain(manage, buf_cstr(&lines), &reason);
    }
    if (rc == 0) {
        managed_book_fini(book);
        *book = with;
        config_free(*config);
        *config = made;
    } else {
        managed_book_fini(&with);
        refuse(manage, rc, buf_cstr(&reason));
    }
    buf_fini(&reason);
    buf_fini(&lines);
    return rc == 0;
}

/* All as one; false: not all of them fit, and nothing was done. */
static bool
try_all(struct store *store, struct managed_book *book,
        const struct manage *manages, struct config **config)
{
    struct managed_book with;
    struct buf unused;
    bool good = true;
    buf_init(&unused, 0);
    managed_book_copy(&with, book);
    for (; manages != NULL && good; manages = manages->next)
        good = edit_book(store, &with, manages, &unused) == 0;
    if (good)
        *config = managed_extend(store->file_config, &with, &unused);
    buf_fini(&unused);
    if (*config == NULL) {
        managed_book_fini(&with);
        return false;
    }
    managed_book_fini(book);
    *book = with;
    return true;
}

static struct manage *
take_queued(struct store *store)
{
    struct manage *manages = store->manages, **end = &manages;
    for (unsigned i = 0; i < MANAGE_AT_ONCE && *end != NULL; i++) {
        bool is_alone = (*end)->group != NULL;
        if (is_alone && i > 0)
            break;
        end = &(*end)->next;
        if (is_alone)
            break;
    }
    store->manages = *end;
    if (store->manages == NULL)
        store->manages_end = &store->manages;
    *end = NULL;
    return manages;
}

struct manage *
manage_take(struct store *store, struct managed_book *book,
            struct config **config)
{
    struct manage *manages = take_queued(store);
    struct manage *taken = NULL, **taken_end = &taken;
    *config = NULL;
    managed_book_copy(book, &store->managed);
    if (manages->next != NULL && try_all(store, book, manages, config))
        return manages;
    while (manages != NULL) {
        struct manage *next = manages->next;
        manages->next = NULL;
        if (try_one(store, book, manages, config)) {
            *taken_end = manages;
            taken_end = &manages->next;
        }
        manages = next;
    }
    return taken;
}

static void
stage_edit(const struct managed_edit *edit,
           const struct crypto_secrets *secrets, struct ledger_batch *batch)
{
    const char *section = config_section_names[edit->section];
    struct buf bytes;
    if (edit->put == NULL) {
        ledger_batch_delete_config(batch, section, edit->name);
        return;
    }
    buf_init(&bytes, 0);
    managed_encode(edit->put, secrets, &bytes);
    if (!buf_ok(&bytes))
        fatal("out of memory");
    ledger_batch_config(batch, section, edit->name, buf_view(&bytes));
    buf_fini(&bytes);
}

void
manage_stage(const struct manage *manages, const struct crypto_secrets *secrets,
             struct ledger_batch *batch)
{
    for (; manages != NULL; manages = manages->next) {
        for (size_t i = 0; i < manages->count; i++)
            stage_edit(&manages->edits[i], secrets, batch);
        if (manages->extra != NULL)
            manages->extra->stage(manages->extra, batch, 0, false);
    }
}

void
manage_applied(const struct manage *manages)
{
    for (; manages != NULL; manages = manages->next)
        if (manages->extra != NULL && manages->extra->applied != NULL)
            manages->extra->applied(manages->extra);
}
