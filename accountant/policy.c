/*
 * policy.c - see policy.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/policy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "shm/catalogue.h"
#include "shm/model_stats.h"

int
policy_parse_cidr(const char *text, uint8_t addr[16], uint32_t *prefix_len)
{
    char host[52];
    const char *slash = strchr(text, '/');
    size_t len = slash == NULL ? strlen(text) : (size_t)(slash - text);
    if (len == 0 || len >= sizeof(host))
        return -EINVAL;
    memcpy(host, text, len);
    host[len] = '\0';
    uint8_t v4[4];
    bool is_v4 = inet_pton(AF_INET, host, v4) == 1;
    if (is_v4) {
        memset(addr, 0, 10);
        addr[10] = addr[11] = 0xff;
        memcpy(addr + 12, v4, 4);
    } else if (inet_pton(AF_INET6, host, addr) != 1) {
        return -EINVAL;
    }
    unsigned long bits = is_v4 ? 32 : 128, most = bits;
    if (slash != NULL) {
        char *end;
        if (slash[1] < '0' || slash[1] > '9')
            return -EINVAL;
        bits = strtoul(slash + 1, &end, 10);
        if (*end != '\0' || bits > most)
            return -EINVAL;
    }
    *prefix_len = (uint32_t)(is_v4 ? bits + 96 : bits);
    return 0;
}

static void
copy_budgets(struct entry_policy *policy, const struct budget *budgets)
{
    for (int i = 0; i < SHM_BUDGETS; i++) {
        const struct budget *b = &budgets[i];
        policy->budgets[i] = (struct entry_budget){
            .unit = b->unit,
            .period = b->period,
            .limit = b->limit,
            .baseline = b->baseline,
            .period_no = b->period_no,
            .resets_ms = b->resets_ms,
        };
        if (b->period != SHM_PERIOD_NONE && b->unit == SHM_NANO)
            policy->flags |= SHM_KEY_HAS_MONEY_BUDGET;
    }
}

/*
 * The number of a model that a key names. An alias counts as its model. A name
 * that only a provider with `models = *` would serve gets a number of its own:
 * the number of "PROVIDER/" + "*" would let the key have all of them. A name that
 * nobody serves gets none (-ENOENT): misspelt ones would fill the registry,
 * which forgets nothing. Should a catalogue name it later, keys are published
 * again then.
 */
static int
model_number(struct segment *segment, const struct catalogue *catalogue,
             const char *name)
{
    if (catalogue != NULL) {
        struct str upstream;
        int only_provider;
        const struct catalogue_model *model = catalogue_find(
            catalogue, str_from(name), &upstream, &only_provider);
        if (model != NULL &&
            (!model->is_wildcard || strcmp(model->name, name) == 0))
            return (int)model->model_idx;
        if (model == NULL)
            return -ENOENT;
    }
    return model_registry_model(segment, name);
}

static void
set_models(struct segment *segment, const struct catalogue *catalogue,
           const struct gateway *gateway, struct entry_policy *policy)
{
    for (uint32_t i = 0; i < gateway->model_count; i++) {
        int number = model_number(segment, catalogue, gateway->models[i]);
        if (number == -ENOENT)
            continue;
        if (number < 0 || number >= SHM_MODELS_MAX) {
            log_warn("key=%llu cannot be given model %s: no number is free; "
                     "raise [server] max_models",
                     (unsigned long long)gateway->id, gateway->models[i]);
            continue;
        }
        policy->models[number / 64] |= UINT64_C(1) << (number % 64);
    }
}

void
policy_set_settings(const struct catalogue *catalogue, const char *text,
                    struct entry_policy *policy)
{
    struct buf reason;
    if (text == NULL || *text == '\0')
        return;
    buf_init(&reason, 0);
    if (settings_read(&policy->settings, str_from(text),
                      catalogue_provider_number, catalogue, &reason) < 0)
        log_warn("the settings of key or group id=%llu are not all "
                 "understood: %s",
                 (unsigned long long)policy->id, buf_cstr(&reason));
    buf_fini(&reason);
    if (policy->settings.set != 0)
        policy->flags |= SHM_KEY_HAS_SETTINGS;
}

void
policy_budgets_of_gateway(const struct gateway *gateway,
                          struct entry_policy *policy)
{
    memset(policy, 0, sizeof(*policy));
    copy_budgets(policy, gateway->budgets);
}

void
policy_of_gateway(struct segment *segment, const struct catalogue *catalogue,
                  const struct gateway *gateway, const struct group *group,
                  struct entry_policy *policy)
{
    /* Without its group's entry the group's budgets could not hold it. */
    bool usable = gateway->enabled && gateway->deleted_ms == 0 &&
                  group != NULL && group->entry != SHM_ENTRY_NONE;
    policy_budgets_of_gateway(gateway, policy);
    policy->id = gateway->id;
    policy->group_id = gateway->group_id;
    memcpy(policy->digest, gateway->digest, sizeof(policy->digest));
    memcpy(policy->former, gateway->former_digest, sizeof(policy->former));
    policy->former_until = gateway->former_until_ms;
    policy->flags |=
        (usable ? SHM_KEY_ENABLED : 0u) |
        (gateway->model_count == 0 ? SHM_KEY_ALL_MODELS : 0u) |
        (gateway->hold_worst ? SHM_KEY_HOLD_WORST : 0u) |
        (gateway->crash_reserved ? SHM_KEY_CRASH_RESERVED : 0u) |
        (gateway->model_limits != NULL && gateway->model_limits->count > 0
             ? SHM_KEY_HAS_MODEL_LIMITS
             : 0u) |
        (gateway->deleted_ms != 0 ? SHM_KEY_DELETED : 0u);
    policy->on_exhausted = gateway->on_exhausted;
    policy->expires_ms = gateway->expires_ms;
    policy->max_in_flight = gateway->concurrency;
    policy->group_entry = group == NULL ? SHM_ENTRY_NONE : group->entry;
    policy->group_tag = group == NULL ? 0 : group->tag;
    policy->rpm = gateway->rpm;
    policy->tpm = gateway->tpm;
    memcpy(policy->name, gateway->name, sizeof(policy->name));
    policy->name[sizeof(policy->name) - 1] = '\0';
    set_models(segment, catalogue, gateway, policy);
    if (!gateway->acl_enabled)
        return;
    if (gateway->acl_allow)
        policy->flags |= SHM_KEY_ACL_ALLOW;
    for (uint32_t i = 0; i < gateway->acl_count; i++) {
        uint32_t at = policy->acl_count;
        if (policy_parse_cidr(gateway->acl[i], policy->acl[at].addr,
                              &policy->acl[at].prefix_len) == 0)
            policy->acl_count++;
    }
}

void
policy_budgets_of_group(const struct group *group, struct entry_policy *policy)
{
    memset(policy, 0, sizeof(*policy));
    copy_budgets(policy, group->budgets);
    if (!group->prepaid)
        return;
    policy->flags |= SHM_KEY_HAS_MONEY_BUDGET;
    for (int i = 0; i < SHM_BUDGETS; i++) {
        if (policy->budgets[i].period != SHM_PERIOD_NONE)
            continue;
        policy->budgets[i] = (struct entry_budget){
            .unit = SHM_NANO,
            .period = SHM_PERIOD_BALANCE,
            .limit = group->topped_up_nano,
        };
        return;
    }
}

void
policy_of_group(const struct group *group, struct entry_policy *policy)
{
    policy_budgets_of_group(group, policy);
    policy->id = group->id;
    policy->group_id = group->id;
    policy->flags |=
        SHM_KEY_IS_GROUP | SHM_KEY_ALL_MODELS |
        (group->disabled ? 0u : SHM_KEY_ENABLED) |
        (group->model_limits.count > 0 ? SHM_KEY_HAS_MODEL_LIMITS : 0u);
    policy->max_in_flight = group->concurrency;
    policy->group_entry = SHM_ENTRY_NONE;
    policy->rpm = group->rpm;
    policy->tpm = group->tpm;
    memcpy(policy->ratio, group->ratio, sizeof(policy->ratio));
    memcpy(policy->name, group->name, sizeof(policy->name));
    policy->name[sizeof(policy->name) - 1] = '\0';
}
