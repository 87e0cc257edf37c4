/*
 * health_tell.c - what the log says of endpoints and credentials that cool down
 * and come back.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>

#include "common/log.h"
#include "shm/model_stats.h"
#include "worker/health_part.h"

static void
describe(const struct worker *worker, uint32_t endpoint_idx,
         char model[SHM_NAME_BYTES])
{
    uint32_t model_idx, provider_idx;
    model[0] = '\0';
    if (model_registry_endpoint_pair(worker->heritage->segment, endpoint_idx,
                                     &model_idx, &provider_idx) == 0)
        model_registry_model_name(worker->heritage->segment, model_idx, model);
}

static const char *
credential_name(const struct health_attempt *attempt)
{
    const struct catalogue_credential *credential =
        attempt->provider->credential;
    return credential != NULL ? credential->name : CREDENTIAL_DEFAULT;
}

void
health_tell_cooling(struct worker *worker, const struct health_attempt *attempt,
                    const struct shm_breaker *breaker, bool is_credential)
{
    char model[SHM_NAME_BYTES];
    struct breaker_view view;
    uint64_t now_ms = loop_now_ms(worker->loop);
    describe(worker, attempt->endpoint_idx, model);
    breaker_view(worker->heritage->segment, breaker, now_ms, &view);
    uint64_t ms = view.until_ms > now_ms ? view.until_ms - now_ms : 0;
    if (is_credential)
        log_warn("provider %s refuses credential %s (model %s): it is not used "
                 "for %" PRIu64 " ms; check it",
                 attempt->provider->name, credential_name(attempt), model, ms);
    else
        log_warn("model %s at provider %s fails: nothing is sent there for "
                 "%" PRIu64 " ms",
                 model, attempt->provider->name, ms);
}

void
health_tell_back(struct worker *worker, const struct health_attempt *attempt,
                 bool is_endpoint)
{
    char model[SHM_NAME_BYTES];
    describe(worker, attempt->endpoint_idx, model);
    log_info("%s%s at provider %s is back (model %s)",
             is_endpoint ? "an endpoint" : "credential ",
             is_endpoint ? "" : credential_name(attempt),
             attempt->provider->name, model);
}
