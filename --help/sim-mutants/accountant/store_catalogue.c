/*
 * store_catalogue.c - a configuration becomes the catalogue: built, its new
 * price versions made durable, then published. One at a time.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/store_private.h"
#include "common/clock.h"
#include "common/log.h"
#include "shm/catalogue.h"

struct reload {
    struct store *store;
    const struct config *config;
    struct config *take;
    struct catalogue *catalogue; /* not published yet */
    store_done done;
    void *context;
};

static uint32_t
price_version(const char *model, const struct prices *prices, void *context)
{
    return prices_version(context, model, prices);
}

int
store_build_catalogue(struct store *store, struct buf *error)
{
    store->catalogue = catalogue_build(store->segment, store->config,
                                       price_version, &store->prices, error);
    return store->catalogue == NULL ? -EINVAL : 0;
}

static void
finish(struct reload *reload, int error, const char *reason)
{
    store_done done = reload->done;
    void *context = reload->context;
    reload->store->reload = NULL;
    if (error != 0) {
        if (reload->catalogue != NULL &&
            reload->catalogue != reload->store->catalogue)
            catalogue_put(reload->catalogue);
        config_free(reload->take);
    }
    free(reload);
    done(context, error, reason, 0);
}

/* The configuration in force: options that apply at once, and the zone. */
static void
adopt_config(struct store *store, struct reload *reload)
{
    if (reload->take == NULL)
        return;
    bool same_zone = strcmp(store->config->server.timezone,
                            reload->config->server.timezone) == 0;
    config_free(store->old_config);
    store->old_config = store->own_config;
    store->own_config = reload->take;
    store->config = reload->config;
    /* Other threads may read TZ: it stands in the environment since before they
     * were there, so that this changes one pointer, and only where it must. */
    if (!same_zone)
        roll_set_zone(store->config->server.timezone);
    escrow_configure(store);
    store->next_roll_ms = 0;
    access_log_configure(&store->access_log, store->config->log.access);
}

static void
on_durable(void *context, int error, const char *reason, uint64_t id)
{
    struct reload *reload = context;
    struct store *store = reload->store;
    (void)id;
    if (error != 0) {
        finish(reload, error, reason);
        return;
    }
    int rc = catalogue_publish(store->segment, reload->catalogue,
                               store->heritage->secrets);
    if (rc < 0) {
        log_error("cannot publish the catalogue: %s; make room in /dev/shm",
                  strerror(-rc));
        finish(reload, rc, "the catalogue cannot be written to /dev/shm");
        return;
    }
    if (store->catalogue != reload->catalogue) {
        catalogue_put(store->catalogue);
        store->catalogue = reload->catalogue;
        publish_names(store);
    }
    adopt_config(store, reload);
    log_info("catalogue %llu is published: %u models, %u providers",
             (unsigned long long)store->catalogue->generation,
             store->catalogue->model_count, store->catalogue->provider_count);
    finish(reload, 0, "");
}

void
store_configure(struct store *store, const struct config *config,
                struct config *take, store_done done, void *context)
{
    struct buf error;
    struct reload *reload = calloc(1, sizeof(*reload));
    if (reload == NULL)
        fatal("out of memory");
    *reload = (struct reload){store, config, take, NULL, done, context};
    if (store->reload != NULL) {
        struct reload *running = store->reload;
        finish(reload, -EBUSY, "another configuration is being applied");
        store->reload = running;
        return;
    }
    store->reload = reload;
    buf_init(&error, 0);
    /* At the start the catalogue was built before the keys' policies. */
    reload->catalogue =
        config == store->config && store->catalogue != NULL
            ? store->catalogue
            : catalogue_build(store->segment, config, price_version,
                              &store->prices, &error);
    if (reload->catalogue == NULL) {
        finish(reload, -EINVAL, buf_cstr(&error));
        buf_fini(&error);
        return;
    }
    buf_fini(&error);
    size_t count;
    struct ledger_price *prices =
        prices_pending(&store->prices, clock_wall_ms(), &count);
    if (prices == NULL)
        on_durable(reload, 0, "", 0);
    else
        change_queue_prices(store, prices, count, on_durable, reload);
}
