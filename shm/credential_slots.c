/*
 * credential_slots.c - see credential_slots.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/credential_slots.h"

#include <string.h>

#include "common/config.h"

_Static_assert((int)CREDENTIAL_NAME_BYTES ==
                       (int)CONFIG_CREDENTIAL_NAME_BYTES &&
                   (int)HEALTH_CREDENTIALS == (int)CONFIG_CREDENTIALS_MAX,
               "what the configuration lets pass has room");

static void
collect(const shm_u64 *name, uint64_t words[HEALTH_NAME_WORDS])
{
    for (int i = 0; i < HEALTH_NAME_WORDS; i++)
        words[i] = shm_load(&name[i]);
}

/*
 * Writer: the accountant alone (give()): word 0 to 0, the other words, word 0
 * last, which is never 0 of a name. Readers: any process. All loads are acquire
 * and all stores release, so two collections that are the same are what stood
 * there at one moment; else the name is being changed and is told as none.
 * Killed here (the writer): word 0 is 0, nobody's slot, which is given again from
 * its beginning. A label only: nothing is decided by it outside of the writer.
 */
void
credential_slot_name(const struct segment *segment, uint32_t provider_idx,
                     unsigned slot, char out[CREDENTIAL_NAME_BYTES])
{
    uint64_t words[HEALTH_NAME_WORDS], again[HEALTH_NAME_WORDS];
    CHECK(slot < HEALTH_CREDENTIALS);
    const shm_u64 *name =
        segment_credentials(segment, provider_idx)->name[slot];
    collect(name, words);
    collect(name, again);
    if (words[0] == 0 || memcmp(words, again, sizeof(words)) != 0)
        words[0] = 0;
    memcpy(out, words, sizeof(words));
    out[CREDENTIAL_NAME_BYTES - 1] = '\0';
    if (slot == 0)
        memcpy(out, CREDENTIAL_DEFAULT, sizeof(CREDENTIAL_DEFAULT));
}

void
credential_number_name(const struct segment *segment, uint32_t provider_idx,
                       uint8_t number, char out[CREDENTIAL_NAME_BYTES])
{
    out[0] = '\0';
    if (number > 0 && number <= HEALTH_CREDENTIALS &&
        provider_idx < segment->provider_max)
        credential_slot_name(segment, provider_idx, number - 1u, out);
}

static void
forget_breaker(struct shm_breaker *breaker)
{
    shm_store(&breaker->run, 0);
    shm_store(&breaker->claim, 0);
    shm_store(&breaker->closed, 0);
    shm_store(&breaker->opened, 0);
}

/* Calls of the former one that are under way may still tell: what they leave
 * behind heals as any cool-down does. */
void
credential_slot_forget(const struct segment *segment, uint32_t provider_idx,
                       unsigned slot)
{
    uint32_t endpoints = shm_load(&segment->header->endpoint_high);
    CHECK(slot < HEALTH_CREDENTIALS);
    forget_breaker(&segment_credentials(segment, provider_idx)->breaker[slot]);
    for (uint32_t i = 0; i < endpoints && i < segment->endpoint_max; i++)
        if (shm_load(&segment_endpoint(segment, i)->provider_idx) ==
            provider_idx)
            shm_store(&segment_health(segment, i)->limited[slot], 0);
}

static void
give(const struct segment *segment, uint32_t provider_idx, unsigned slot,
     const char *name)
{
    shm_u64 *row = segment_credentials(segment, provider_idx)->name[slot];
    uint64_t words[HEALTH_NAME_WORDS] = {0};
    memcpy(words, name, strnlen(name, sizeof(words) - 1));
    shm_store(&row[0], 0);
    credential_slot_forget(segment, provider_idx, slot);
    for (int i = HEALTH_NAME_WORDS - 1; i >= 0; i--)
        shm_store(&row[i], words[i]);
}

/* Number of the name among `names`, or `count`. */
static unsigned
find_name(const char *const *names, unsigned count, const char *name)
{
    unsigned i = 0;
    while (i < count && strcmp(names[i], name) != 0)
        i++;
    return i;
}

/* Free for somebody new: nobody's, else one whose credential is gone. */
static unsigned
find_free(const struct segment *segment, uint32_t provider_idx,
          const char *const *names, unsigned count)
{
    char have[CREDENTIAL_NAME_BYTES];
    unsigned gone = 0;
    for (unsigned i = 1; i < HEALTH_CREDENTIALS; i++) {
        credential_slot_name(segment, provider_idx, i, have);
        if (*have == '\0')
            return i;
        if (gone == 0 && find_name(names, count, have) == count)
            gone = i;
    }
    CHECK(gone != 0);
    return gone;
}

void
credential_slots_assign(const struct segment *segment, uint32_t provider_idx,
                        const char *const *names, unsigned count,
                        uint8_t *slots)
{
    char have[CREDENTIAL_NAME_BYTES];
    CHECK(count < HEALTH_CREDENTIALS);
    memset(slots, 0, count);
    for (unsigned i = 1; i < HEALTH_CREDENTIALS; i++) {
        credential_slot_name(segment, provider_idx, i, have);
        unsigned n = *have == '\0' ? count : find_name(names, count, have);
        if (n < count)
            slots[n] = (uint8_t)i;
    }
    for (unsigned n = 0; n < count; n++)
        if (slots[n] == 0) {
            unsigned slot = find_free(segment, provider_idx, names, count);
            give(segment, provider_idx, slot, names[n]);
            slots[n] = (uint8_t)slot;
        }
}

void
credential_slots_use(const struct segment *segment, uint32_t provider_idx,
                     uint64_t slots)
{
    shm_store(&segment_credentials(segment, provider_idx)->used, slots);
}

uint64_t
credential_slots_used(const struct segment *segment, uint32_t provider_idx)
{
    return shm_load(&segment_credentials(segment, provider_idx)->used);
}
