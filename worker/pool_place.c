/*
 * pool_place.c - the keys of the pool and their TLS contexts.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>

#include "worker/pool_part.h"

static uint32_t
hash_text(uint32_t hash, const char *text)
{
    /* FNV-1a: the texts are the operator's, not a stranger's. */
    for (; text != NULL && *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * 16777619u;
    return hash;
}

static uint32_t
hash_key(const struct catalogue_provider *provider, const char *unix_path)
{
    if (provider == NULL)
        return hash_text(2166136261u, unix_path);
    return hash_text(2166136261u ^ provider->port, provider->host);
}

static bool
same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool
is_place_of(const struct place *place,
            const struct catalogue_provider *provider, const char *unix_path)
{
    if (provider == NULL)
        return place->host == NULL && same_text(place->unix_path, unix_path);
    return place->host != NULL && place->port == provider->port &&
           place->tls == provider->tls && place->verify == provider->verify &&
           place->guarded == provider->guarded &&
           strcmp(place->host, provider->host) == 0 &&
           same_text(place->proxy, provider->proxy) &&
           same_text(place->ca_file, provider->ca_file);
}

static void
place_free(struct place *place)
{
    free(place->host);
    free(place->proxy);
    free(place->ca_file);
    free(place->unix_path);
    free(place);
}

/* false: out of memory. */
static bool
copy_text(char **to, const char *from)
{
    *to = from != NULL ? strdup(from) : NULL;
    return from == NULL || *to != NULL;
}

static struct place *
place_create(struct pool *pool, const struct catalogue_provider *provider,
             const char *unix_path, uint32_t hash)
{
    struct place *place = calloc(1, sizeof(*place));
    if (place == NULL)
        return NULL;
    place->pool = pool;
    place->hash = hash;
    bool good = provider == NULL
                    ? copy_text(&place->unix_path, unix_path)
                    : copy_text(&place->host, provider->host) &&
                          copy_text(&place->proxy, provider->proxy) &&
                          copy_text(&place->ca_file, provider->ca_file);
    if (!good) {
        place_free(place);
        return NULL;
    }
    if (provider != NULL) {
        place->tls = provider->tls;
        place->verify = provider->verify;
        place->guarded = provider->guarded;
        place->port = provider->port;
    }
    struct place **chain = &pool->chains[hash % PLACE_CHAINS];
    place->next = *chain;
    *chain = place;
    return place;
}

struct place *
pool_get_place(struct pool *pool, const struct catalogue_provider *provider,
               const char *unix_path)
{
    uint32_t hash = hash_key(provider, unix_path);
    struct place *place = pool->chains[hash % PLACE_CHAINS];
    while (place != NULL &&
           (place->hash != hash || !is_place_of(place, provider, unix_path)))
        place = place->next;
    if (place == NULL)
        place = place_create(pool, provider, unix_path, hash);
    if (place != NULL) {
        place->holders++;
        place->retired = false;
    }
    return place;
}

void
place_release(struct place *place)
{
    if (!place->retired || place->holders > 0 || place->connections > 0)
        return;
    struct place **at = &place->pool->chains[place->hash % PLACE_CHAINS];
    while (*at != place)
        at = &(*at)->next;
    *at = place->next;
    place_free(place);
}

void
pool_put_place(struct place *place)
{
    CHECK(place->holders > 0);
    place->holders--;
    place_release(place);
}

static struct tls_setting *
tls_setting_create(struct pool *pool, const struct place *place,
                   struct buf *error)
{
    struct tls_setting *setting = calloc(1, sizeof(*setting));
    if (setting == NULL || !copy_text(&setting->ca_file, place->ca_file)) {
        free(setting);
        buf_append_cstr(error, "out of memory");
        return NULL;
    }
    setting->verify = place->verify;
    setting->context = tls_client_create(place->ca_file, place->verify, error);
    if (setting->context == NULL) {
        free(setting->ca_file);
        free(setting);
        return NULL;
    }
    setting->next = pool->tls_settings;
    pool->tls_settings = setting;
    return setting;
}

struct tls_client_context *
pool_tls_context(struct place *place, struct buf *error)
{
    struct tls_setting *setting = place->tls_setting;
    if (setting == NULL) {
        setting = place->pool->tls_settings;
        while (setting != NULL &&
               (setting->verify != place->verify ||
                !same_text(setting->ca_file, place->ca_file)))
            setting = setting->next;
    }
    if (setting == NULL)
        setting = tls_setting_create(place->pool, place, error);
    place->tls_setting = setting;
    return setting != NULL ? setting->context : NULL;
}

static bool
is_in_catalogue(const struct place *place, const struct catalogue *catalogue)
{
    if (place->host == NULL)
        return true;
    for (uint32_t i = 0; i < catalogue->provider_count; i++)
        if (is_place_of(place, &catalogue->providers[i], NULL))
            return true;
    return false;
}

void
pool_trim(struct pool *pool, const struct catalogue *catalogue)
{
    for (unsigned i = 0; i < PLACE_CHAINS; i++) {
        struct place *next;
        for (struct place *place = pool->chains[i]; place != NULL;
             place = next) {
            next = place->next;
            if (is_in_catalogue(place, catalogue))
                continue;
            place->retired = true;
            place->holders++; /* not freed under our hands */
            while (place->newest != NULL)
                pool_close(place->newest);
            pool_put_place(place);
        }
    }
}

void
place_free_all(struct pool *pool)
{
    for (unsigned i = 0; i < PLACE_CHAINS; i++) {
        while (pool->chains[i] != NULL) {
            struct place *place = pool->chains[i];
            pool->chains[i] = place->next;
            place_free(place);
        }
    }
    while (pool->tls_settings != NULL) {
        struct tls_setting *setting = pool->tls_settings;
        pool->tls_settings = setting->next;
        tls_client_destroy(&setting->context);
        free(setting->ca_file);
        free(setting);
    }
}
