/*
 * store_catalogue.c - a configuration becomes the catalogue: the file's and what
 * management made, built and checked as one; its file staged in /dev/shm; its
 * new price versions and edits made durable in one batch; then published by its
 * number. One at a time.
 *
 *   M1  PATH.cat.N is there, nobody reads it     F4  the batch, synced
 *   M2  the number N is published                then the answer
 *
 * Killed before F4 nothing has happened; after it, the next start builds the
 * same catalogue from the ledger.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/ledger/crash_point.h"
#include "accountant/store_group.h"
#include "accountant/store_private.h"
#include "common/clock.h"
#include "common/log.h"
#include "shm/catalogue.h"

struct reload {
    struct store *store;
    /* Of the file: NULL where its configuration stays. */
    const struct config *file;
    struct config *take; /* owned until it is in force */
    store_done done;     /* once; NULL: was called */
    void *context;
    struct manage *manages; /* answered together */
    struct managed_book book;
    struct config *config; /* in force after it; NULL: stays */
    struct catalogue *catalogue;
    bool is_refused; /* a file whose change was answered with an error */
};

static uint32_t
price_version(const char *model, const struct prices *prices,
              const struct price_tiers *tiers, void *context)
{
    return prices_version(context, model, prices, tiers);
}

static struct reload *
reload_make(struct store *store)
{
    struct reload *reload = calloc(1, sizeof(*reload));
    if (reload == NULL)
        fatal("out of memory");
    reload->store = store;
    return reload;
}

/* What it did not hand over. */
static void
reload_free(struct reload *reload)
{
    if (reload->catalogue != NULL &&
        reload->catalogue != reload->store->catalogue)
        catalogue_put(reload->catalogue);
    config_free(reload->config);
    config_free(reload->take);
    managed_book_fini(&reload->book);
    manage_free_all(reload->manages);
    free(reload);
}

void
reload_answer(struct reload *reload, int error, const char *reason)
{
    store_done done = reload->done;
    reload->done = NULL;
    reload->is_refused = reload->file != NULL && error != 0;
    manage_answer_all(reload->manages, error, reason);
    if (done != NULL)
        done(reload->context, error, reason, 0);
}

/* Answered; the next one may begin. */
static void
reload_end(struct reload *reload)
{
    struct store *store = reload->store;
    store->reload = NULL;
    reload_free(reload);
    configure_kick(store);
}

static void
refuse(struct reload *reload, int error, const char *reason)
{
    prices_forget_pending(&reload->store->prices);
    reload_answer(reload, error, reason);
    reload_end(reload);
}

void
reload_drop(struct reload *reload)
{
    struct store *store = reload->store;
    if (store->closing) {
        store->reload = NULL;
        reload_free(reload);
        return;
    }
    prices_forget_pending(&store->prices);
    reload_end(reload);
}

/* The configuration in force: options that apply at once, and the zone. */
static void
adopt_config(struct store *store, struct reload *reload)
{
    bool same_zone = strcmp(store->config->server.timezone,
                            reload->config->server.timezone) == 0;
    config_free(store->old_config);
    store->old_config = store->own_config;
    store->config = store->own_config = reload->config;
    reload->config = NULL;
    if (reload->file != NULL) {
        config_free(store->own_file);
        store->own_file = reload->take;
        store->file_config = reload->file;
        reload->take = NULL;
    }
    managed_book_fini(&store->managed);
    store->managed = reload->book;
    reload->book = (struct managed_book){0};
    /* Other threads may read TZ: it stands in the environment since before they
     * were there, so that this changes one pointer, and only where it must. */
    if (!same_zone)
        roll_set_zone(store->config->server.timezone);
    escrow_configure(store);
    alerts_configure(&store->alerts, store->config);
    balance_look_at_scope(store);
    store->next_roll_ms = 0;
    access_log_configure(&store->access_log, store->config->log.access);
}

void
reload_apply(struct reload *reload)
{
    struct store *store = reload->store;
    manage_applied(reload->manages);
    if (reload->is_refused) { /* the master runs on with the old file */
        reload_end(reload);
        return;
    }
    if (store->catalogue != NULL && store->catalogue != reload->catalogue)
        catalogue_forget_credentials(store->segment, store->catalogue,
                                     reload->catalogue);
    int rc = catalogue_publish(store->segment, reload->catalogue,
                               store->heritage->secrets);
    if (rc < 0) {
        log_error("cannot publish the catalogue: %s; make room in /dev/shm",
                  strerror(-rc));
        reload_answer(reload, rc,
                      "the catalogue cannot be written to /dev/shm");
        reload_end(reload);
        return;
    }
    if (reload->config != NULL)
        adopt_config(store, reload);
    if (store->catalogue != reload->catalogue) {
        catalogue_put(store->catalogue);
        store->catalogue = reload->catalogue;
        publish_names(store);
    }
    log_info("catalogue %llu is published: %u models, %u providers",
             (unsigned long long)store->catalogue->generation,
             store->catalogue->model_count, store->catalogue->provider_count);
    reload_answer(reload, 0, "");
    reload_end(reload);
}

const struct group_edit *
reload_group_edit(const struct reload *reload)
{
    return manage_group_edit(reload->manages);
}

void
reload_stage(struct reload *reload, struct ledger_batch *batch)
{
    manage_stage(reload->manages, reload->store->heritage->secrets, batch);
}

/* Durable what must be, then published. */
static void
commit(struct reload *reload)
{
    struct store *store = reload->store;
    size_t count;
    struct ledger_price *prices =
        prices_pending(&store->prices, clock_wall_ms(), &count);
    crash_point("M1");
    if (prices == NULL && reload->manages == NULL)
        reload_apply(reload);
    else
        change_queue_reload(store, reload, prices, count);
}

/* Whose the profiles are; `edit`: as it will be then. Groups that are made later
 * are seen when the catalogue is made again. */
static void
bind_gateways(const struct store *store, const struct group_edit *edit,
              struct catalogue *catalogue)
{
    for (uint32_t i = 0; catalogue != NULL && i < catalogue->gateway_count;
         i++) {
        char group[SHM_NAME_BYTES];
        struct catalogue_gateway *gateway = &catalogue->gateways[i];
        catalogue_name_gateway(gateway, group);
        const struct object *object =
            *group == '\0'
                ? NULL
                : objects_by_name(&store->objects, LEDGER_GROUP, 0, group);
        if (edit != NULL && *group != '\0' && strcmp(edit->to, group) == 0)
            gateway->group_id = edit->id;
        else if (object != NULL && (edit == NULL || object->id != edit->id))
            gateway->group_id = object->id;
    }
}

/* The catalogue of reload->config, and all that can fail of publishing it. */
static void
build_and_commit(struct reload *reload)
{
    struct store *store = reload->store;
    struct buf error;
    buf_init(&error, 0);
    reload->catalogue = catalogue_build(store->segment, reload->config,
                                        price_version, &store->prices, &error);
    bind_gateways(store, reload_group_edit(reload), reload->catalogue);
    int rc = reload->catalogue == NULL
                 ? -EINVAL
                 : catalogue_stage(store->segment, reload->catalogue,
                                   store->heritage->secrets);
    if (reload->catalogue == NULL) {
        refuse(reload, -EINVAL, buf_cstr(&error));
    } else if (rc < 0) {
        log_error("cannot write the catalogue: %s; make room in /dev/shm",
                  strerror(-rc));
        refuse(reload, -ENOSPC, "the catalogue cannot be written to /dev/shm");
    } else {
        commit(reload);
    }
    buf_fini(&error);
}

/* ---- what begins one ---- */

/* A new file: parts that did not fit to the old one may fit to it; those that
 * do not fit any more refuse it, before calls to them fail. */
static void
begin_file(struct reload *reload)
{
    struct store *store = reload->store;
    struct buf error, reason;
    buf_init(&error, 0);
    buf_init(&reason, 0);
    managed_book_copy(&reload->book, &store->managed);
    managed_forgive(&reload->book);
    reload->config = managed_extend(reload->file, &reload->book, &error);
    if (reload->config == NULL) {
        buf_reset(&error);
        managed_book_fini(&reload->book);
        managed_book_copy(&reload->book, &store->managed);
        reload->config = managed_extend(reload->file, &reload->book, &error);
    }
    if (reload->config != NULL) {
        build_and_commit(reload);
    } else {
        buf_printf(&reason, "what management made does not fit to it: %s",
                   buf_cstr(&error));
        refuse(reload, -EINVAL, buf_cstr(&reason));
    }
    buf_fini(&error);
    buf_fini(&reason);
}

static void
begin_manages(struct store *store)
{
    struct reload *reload = reload_make(store);
    store->reload = reload;
    reload->manages = manage_take(store, &reload->book, &reload->config);
    if (reload->config == NULL)
        reload_end(reload); /* all of them were refused */
    else
        build_and_commit(reload);
}

void
configure_deferred(struct loop_deferred *deferred)
{
    struct store *store =
        (struct store *)((char *)deferred - offsetof(struct store, configure));
    if (store->reload != NULL)
        return; /* its end kicks again */
    if (store->reload_next != NULL) {
        store->reload = store->reload_next;
        store->reload_next = NULL;
        begin_file(store->reload);
    } else if (store->manages != NULL) {
        begin_manages(store);
    }
}

void
configure_kick(struct store *store)
{
    if (store->reload == NULL && store->restored && !store->closing &&
        (store->reload_next != NULL || store->manages != NULL))
        loop_defer(store->loop, &store->configure);
}

void
store_configure(struct store *store, const struct config *config,
                struct config *take, store_done done, void *context)
{
    if (store->reload_next != NULL) {
        config_free(take);
        done(context, -EBUSY, "another configuration is being applied", 0);
        return;
    }
    struct reload *reload = reload_make(store);
    reload->file = config;
    reload->take = take;
    reload->done = done;
    reload->context = context;
    store->reload_next = reload;
    configure_kick(store);
}

int
store_build_catalogue(struct store *store, struct buf *error)
{
    store->own_config =
        managed_extend_leniently(store->file_config, &store->managed, error);
    if (store->own_config == NULL)
        return -EINVAL;
    store->config = store->own_config;
    alerts_configure(&store->alerts, store->config);
    store->catalogue = catalogue_build(store->segment, store->config,
                                       price_version, &store->prices, error);
    bind_gateways(store, NULL, store->catalogue);
    return store->catalogue == NULL ? -EINVAL : 0;
}

void
store_publish_catalogue(struct store *store, store_done done, void *context)
{
    struct reload *reload = reload_make(store);
    reload->catalogue = store->catalogue;
    reload->done = done;
    reload->context = context;
    store->reload = reload;
    commit(reload);
}

void
configure_fini(struct store *store)
{
    if (store->reload != NULL)
        reload_free(store->reload);
    if (store->reload_next != NULL)
        reload_free(store->reload_next);
    manage_free_all(store->manages);
    managed_book_fini(&store->managed);
    alerts_fini(&store->alerts);
    config_free(store->own_config);
    config_free(store->old_config);
    config_free(store->own_file);
}
