/*
 * catalogue_credentials.c - the credentials of a provider: from the
 * configuration, and as views of the provider.
 *
 * A view is the provider with another api_key. Who has chosen a credential goes
 * on with its view as with any provider: heads, signatures, what must not show
 * in an answer, health. It owns nothing.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shm/catalogue_part.h"

void
catalogue_free_credentials(struct catalogue_provider *provider)
{
    for (uint32_t i = 0; i < provider->credential_count; i++) {
        struct catalogue_credential *c = &provider->credentials[i];
        free(c->group);
        free(c->gateway);
        catalogue_free_secret(c->api_key);
        free(c->region);
        free(c->view);
    }
    free(provider->credentials);
    provider->credentials = NULL;
    provider->credential_count = 0;
}

static struct catalogue_credential *
find_checked(struct catalogue_provider *provider)
{
    for (uint32_t i = 0; i < provider->credential_count; i++)
        if (provider->credentials[i].group == NULL)
            return &provider->credentials[i];
    return &provider->credentials[0];
}

bool
catalogue_link_credentials(struct catalogue_provider *provider)
{
    provider->credential_slot = 0;
    provider->credential = NULL;
    provider->is_checked = true;
    for (uint32_t i = 0; i < provider->credential_count; i++) {
        struct catalogue_credential *c = &provider->credentials[i];
        if (c->view == NULL)
            c->view = malloc(sizeof(*c->view));
        if (c->view == NULL)
            return false;
        *c->view = *provider;
        c->view->api_key = c->api_key;
        if (c->region != NULL)
            c->view->region = c->region;
        c->view->credentials = NULL;
        c->view->credential_count = 0;
        c->view->credential_slot = c->slot;
        c->view->credential = c;
        c->view->is_checked = c == find_checked(provider);
    }
    return true;
}

const struct catalogue_provider *
catalogue_checked_provider(const struct catalogue_provider *provider)
{
    for (uint32_t i = 0; i < provider->credential_count; i++)
        if (provider->credentials[i].view->is_checked)
            return provider->credentials[i].view;
    return provider;
}

/* ---- from the configuration ---- */

static bool
copy_text(char **to, const char *from)
{
    *to = from == NULL ? NULL : strdup(from);
    return from == NULL || *to != NULL;
}

static bool
add(struct catalogue_provider *provider, const char *name,
    const struct config_credential *c)
{
    char full[SHM_NAME_BYTES + CREDENTIAL_NAME_BYTES + 1];
    struct catalogue_credential *credential =
        &provider->credentials[provider->credential_count++];
    size_t provider_len = strlen(provider->name), len = strlen(name);
    memcpy(credential->name, name, len + 1);
    memcpy(full, provider->name, provider_len);
    full[provider_len] = '/';
    memcpy(full + provider_len + 1, name, len);
    credential->hash = settings_name_hash(str_make(name, len));
    credential->full_hash =
        settings_name_hash(str_make(full, provider_len + 1 + len));
    credential->weight = c == NULL ? 1 : c->weight;
    credential->rate_limit = c == NULL ? 0 : c->rate_limit;
    credential->rate_interval_ms = c == NULL ? 0 : c->rate_interval_ms;
    credential->named_only = c != NULL && c->named_only;
    return copy_text(&credential->group, c == NULL ? NULL : c->group) &&
           copy_text(&credential->gateway, c == NULL ? NULL : c->gateway) &&
           copy_text(&credential->region, c == NULL ? NULL : c->region) &&
           copy_text(&credential->api_key,
                     c == NULL ? provider->api_key : c->api_key);
}

/* Those of the provider that may be used; checked: they fit, and have names. */
static unsigned
find(const struct config *config, const char *provider,
     const struct config_credential *found[CONFIG_CREDENTIALS_MAX])
{
    size_t len = strlen(provider);
    unsigned count = 0;
    for (unsigned i = 0; i < config->credential_count; i++) {
        const struct config_credential *c = &config->credentials[i];
        if (c->enabled && c->api_key != NULL &&
            strncmp(c->name, provider, len) == 0 && c->name[len] == '/' &&
            count < CONFIG_CREDENTIALS_MAX - 1)
            found[count++] = c;
    }
    return count;
}

bool
catalogue_add_credentials(struct segment *segment,
                          struct catalogue_provider *provider,
                          const struct config *config, struct buf *error)
{
    const struct config_credential *found[CONFIG_CREDENTIALS_MAX];
    const char *names[CONFIG_CREDENTIALS_MAX] = {NULL};
    uint8_t slots[CONFIG_CREDENTIALS_MAX];
    unsigned count = find(config, provider->name, found);
    bool good = true, has_own = provider->api_key != NULL;
    for (unsigned i = 0; i < count; i++)
        names[i] = found[i]->name + strlen(provider->name) + 1;
    credential_slots_assign(segment, provider->provider_idx, names, count,
                            slots);
    if (count == 0)
        return catalogue_link_credentials(provider);
    provider->credentials = calloc(count + 1, sizeof(*provider->credentials));
    good = provider->credentials != NULL &&
           (!has_own || add(provider, CREDENTIAL_DEFAULT, NULL));
    for (unsigned i = 0; good && i < count; i++) {
        good = add(provider, names[i], found[i]);
        provider->credentials[provider->credential_count - 1].slot = slots[i];
    }
    if (good && catalogue_link_credentials(provider))
        return true;
    buf_printf(error, "provider %s: %s", provider->name, strerror(ENOMEM));
    return false;
}

/* ---- changes ---- */

static bool
same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* The secret that the slot stood for. */
static const struct catalogue_credential *
find_slot(const struct catalogue_provider *provider, uint8_t slot)
{
    for (uint32_t i = 0; i < provider->credential_count; i++)
        if (provider->credentials[i].slot == slot)
            return &provider->credentials[i];
    return NULL;
}

static void
forget_changed(const struct segment *segment,
               const struct catalogue_provider *last,
               const struct catalogue_provider *next)
{
    if (!same(last->api_key, next->api_key))
        credential_slot_forget(segment, next->provider_idx, 0);
    for (uint32_t i = 0; i < next->credential_count; i++) {
        const struct catalogue_credential *c = &next->credentials[i];
        const struct catalogue_credential *was = find_slot(last, c->slot);
        if (c->slot != 0 && was != NULL && !same(was->api_key, c->api_key))
            credential_slot_forget(segment, next->provider_idx, c->slot);
    }
}

void
catalogue_forget_credentials(const struct segment *segment,
                             const struct catalogue *last,
                             const struct catalogue *next)
{
    for (uint32_t i = 0; i < next->provider_count; i++)
        for (uint32_t n = 0; n < last->provider_count; n++)
            if (next->providers[i].provider_idx ==
                last->providers[n].provider_idx)
                forget_changed(segment, &last->providers[n],
                               &next->providers[i]);
}

void
catalogue_show_credentials(const struct segment *segment,
                           const struct catalogue *catalogue)
{
    uint32_t providers = shm_load(&segment->header->provider_high);
    for (uint32_t i = 0; i < providers && i < segment->provider_max; i++) {
        uint64_t slots = 0;
        for (uint32_t n = 0; n < catalogue->provider_count; n++) {
            const struct catalogue_provider *p = &catalogue->providers[n];
            for (uint32_t c = 0;
                 p->provider_idx == i && c < p->credential_count; c++)
                slots |= UINT64_C(1) << p->credentials[c].slot;
        }
        credential_slots_use(segment, i, slots);
    }
}
