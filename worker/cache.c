/*
 * cache.c - whether a call may be answered from the cache, and what names its
 * answer.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/cache.h"

#include "common/hash.h"
#include "worker/error_reply.h"
#include "worker/guard.h"
#include "worker/provider/provider.h"
#include "worker/request.h"
#include "worker/request_universal.h"
#include "worker/settings.h"

/* ---- what the client's head asks for ---- */

/* Digits alone; UINT64_MAX: it is something else. */
static uint64_t
read_seconds(struct str value)
{
    uint64_t n = 0;
    if (value.len == 0 || value.len > 10)
        return UINT64_MAX;
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            return UINT64_MAX;
        n = n * 10 + (uint64_t)(value.ptr[i] - '0');
    }
    return n;
}

void
cache_field_name(struct request *request, struct str value)
{
    if (value.len <= CACHE_NAME_BYTES)
        request->cache.name = value;
}

/* Of Cache-Control in a request (RFC 9111 5.2.1). */
struct cache_rules {
    bool no_cache;       /* the stored answer will not do */
    bool no_store;       /* the new one is not to be stored */
    bool only_if_cached; /* nothing but a stored one */
    uint64_t max_age_ms;
};

static void
read_directive(struct str directive, struct cache_rules *rules)
{
    struct str max_age = STR_LIT("max-age=");
    if (str_equals_nocase(directive, STR_LIT("no-cache")))
        rules->no_cache = true;
    else if (str_equals_nocase(directive, STR_LIT("no-store")))
        rules->no_store = true;
    else if (str_equals_nocase(directive, STR_LIT("only-if-cached")))
        rules->only_if_cached = true;
    else if (directive.len > max_age.len &&
             str_equals_nocase(str_make(directive.ptr, max_age.len), max_age)) {
        uint64_t seconds = read_seconds(str_skip(directive, max_age.len));
        if (seconds != UINT64_MAX)
            rules->max_age_ms = seconds * 1000;
    }
}

static void
read_cache_control(const struct http_head *head, struct cache_rules *rules)
{
    *rules = (struct cache_rules){.max_age_ms = UINT64_MAX};
    for (unsigned i = 0; i < head->field_count; i++) {
        struct str value = head->fields[i].value;
        if (!str_equals_nocase(head->fields[i].name, STR_LIT("cache-control")))
            continue;
        while (value.len > 0) {
            const char *comma = memchr(value.ptr, ',', value.len);
            size_t len =
                comma != NULL ? (size_t)(comma - value.ptr) : value.len;
            read_directive(str_trim(str_make(value.ptr, len)), rules);
            value = str_skip(value, comma != NULL ? len + 1 : len);
        }
    }
}

/* ---- what names an answer ---- */

/* A provider that the call may go to is given the field because somebody has
 * listed it: so it says something there. */
static bool
is_asked_for(const struct request *request, const struct http_field *field)
{
    const struct route_plan *plan = &request->plan;
    for (unsigned i = 0; i < plan->count; i++) {
        const struct catalogue_model *model =
            plan->models[plan->items[i].model].model;
        uint32_t provider = model->endpoints[plan->items[i].endpoint].provider;
        if (provider_asks_for(&request->catalogue->providers[provider], field))
            return true;
    }
    return false;
}

/* A field of the client's that reaches the provider and changes what it does,
 * and is no client's own mark. */
static bool
matters(const struct request *request, const struct http_field *field)
{
    struct str name = field->name;
    struct str anthropic = STR_LIT("anthropic-"), openai = STR_LIT("openai-");
    return (name.len > anthropic.len &&
            str_equals_nocase(str_make(name.ptr, anthropic.len), anthropic)) ||
           (name.len > openai.len &&
            str_equals_nocase(str_make(name.ptr, openai.len), openai)) ||
           is_asked_for(request, field);
}

static void
add_fields(const struct request *request, uint64_t out[2])
{
    const struct http_head *head = request->universal != NULL
                                       ? universal_head(request->universal)
                                       : request->head;
    const uint8_t *seed = request->worker->heritage->secrets->hash_seed;
    for (unsigned i = 0; i < head->field_count; i++) {
        struct str name = head->fields[i].name, value = head->fields[i].value;
        uint64_t pair[4];
        if (!matters(request, &head->fields[i]))
            continue;
        hash_siphash128(seed, name.ptr, name.len, &pair[0]);
        hash_siphash128(seed, value.ptr, value.len, &pair[2]);
        hash_siphash128(seed, pair, sizeof(pair), pair);
        out[0] += pair[0]; /* in any order */
        out[1] += pair[1];
    }
}

/*
 * Which providers the call may go to, as far as it is not all of its model's:
 * another key of the group may be kept from them. Which of them made the answer
 * does not matter, nor in what order they are tried.
 */
static void
add_choice(const struct request *request, uint64_t out[2])
{
    static const enum setting words[] = {SETTING_ROUTE, SETTING_ALLOW_FALLBACKS,
                                         SETTING_BYOK_FALLBACK,
                                         SETTING_DATA_COLLECTION, SETTING_ZDR};
    const struct settings *settings = request->settings;
    const uint8_t *seed = request->worker->heritage->secrets->hash_seed;
    struct {
        uint32_t words[ARRAY_LEN(words)], alias;
        struct settings_providers lists[SETTINGS_LISTS];
    } choice;
    if (settings == &request->catalogue->settings && request->alias == 0)
        return; /* the same for all */
    memset(&choice, 0, sizeof(choice));
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        choice.words[i] = settings->values[words[i]];
    choice.alias = request->alias;
    choice.lists[SETTINGS_ONLY] = settings->lists[SETTINGS_ONLY];
    choice.lists[SETTINGS_IGNORE] = settings->lists[SETTINGS_IGNORE];
    if (choice.words[0] == ROUTE_PROVIDER || choice.words[1] == 0)
        choice.lists[SETTINGS_ORDER] = settings->lists[SETTINGS_ORDER];
    hash_siphash128(seed, &choice, sizeof(choice), out);
}

/* The models that may answer, of those that this key may use. */
static void
add_chain(const struct request *request, uint64_t out[2])
{
    const struct route_plan *plan = &request->plan;
    const uint8_t *seed = request->worker->heritage->secrets->hash_seed;
    struct {
        uint64_t name[2]; /* of any model of a provider */
        uint32_t model_idx, only_provider_idx;
    } links[ROUTE_MODELS_MAX];
    memset(links, 0, sizeof(links));
    for (unsigned i = 0; i < plan->model_count; i++) {
        const struct route_model *link = &plan->models[i];
        links[i].model_idx = link->model->model_idx;
        links[i].only_provider_idx =
            link->only >= 0
                ? request->catalogue->providers[link->only].provider_idx
                : UINT32_MAX;
        if (link->model->is_wildcard)
            hash_siphash128(seed, link->upstream.ptr, link->upstream.len,
                            links[i].name);
    }
    hash_siphash128(seed, links, sizeof(links[0]) * plan->model_count, out);
}

/* All that an answer depends on, and who may have it. */
struct answer_facts {
    uint64_t generation[2];
    uint64_t rules; /* of a profile with guardrails: as of which catalogue */
    uint64_t scope;
    uint64_t body[2], type[2], fields[2], model[2], choice[2];
    uint64_t chain[2];
    uint32_t gateway_hash;
    uint8_t dialect, endpoint, scope_kind;
    bool stream, include_usage, as_array, is_named;
    uint8_t pad[5];
};
_Static_assert(sizeof(struct answer_facts) == 16 * 8 + 16, "no gaps");

/* Of a gateway only where there is one: else nobody has said that groups may
 * share. */
static void
add_scope(const struct request *request, struct answer_facts *facts)
{
    const struct answer_cache *cache = request->worker->cache.writer.cache;
    uint64_t purged = request->key.group_id;
    facts->scope_kind = (uint8_t)setting_of(request, SETTING_CACHE_SCOPE);
    facts->scope = request->key.group_id;
    if (request->gateway != NULL) {
        facts->gateway_hash = request->gateway->hash;
        if (guard_is_wanted(request))
            facts->rules = request->catalogue->generation;
    }
    if (facts->scope_kind == CACHE_OF_KEY)
        facts->scope = request->key.id;
    else if (facts->scope_kind == CACHE_OF_GATEWAY && request->gateway != NULL)
        purged = facts->scope = ANSWER_SCOPE_GATEWAY | facts->gateway_hash;
    else
        facts->scope_kind = CACHE_OF_GROUP;
    answer_cache_generation(cache, purged, facts->generation);
}

static void
make_key(struct request *request)
{
    const uint8_t *seed = request->worker->heritage->secrets->hash_seed;
    const struct call *call = &request->call;
    struct answer_facts facts;
    memset(&facts, 0, sizeof(facts));
    add_scope(request, &facts);
    facts.is_named = request->cache.name.len > 0;
    struct str body =
        facts.is_named ? request->cache.name : buf_view(&request->body);
    hash_siphash128(seed, body.ptr, body.len, facts.body);
    if (request->content_type.len > 0 && !facts.is_named)
        hash_siphash128(seed, request->content_type.ptr,
                        request->content_type.len, facts.type);
    add_fields(request, facts.fields);
    add_choice(request, facts.choice);
    hash_siphash128(seed, call->model, call->model_len, facts.model);
    add_chain(request, facts.chain);
    facts.dialect = request->dialect->number;
    facts.endpoint = request->endpoint;
    facts.stream = call->stream;
    facts.include_usage = call->include_usage;
    facts.as_array = call->as_array;
    hash_siphash128(seed, &facts, sizeof(facts), request->cache.key.hash);
}

/* ---- the call ---- */

/* Seconds that its answer may be given again; 0: the cache is not in play. */
static uint32_t
time_to_live(const struct request *request)
{
    uint32_t ttl_s = setting_of(request, SETTING_CACHE_TTL);
    if (ttl_s == 0 && request->cache.name.len > 0)
        ttl_s = CACHE_TTL_NAMED_S;
    if (ttl_s == 0 || setting_of(request, SETTING_SKIP_CACHE) != 0 ||
        request->endpoint == ENDPOINT_COUNT_TOKENS)
        return 0;
    return ttl_s;
}

bool
cache_may_have(const struct request *request)
{
    return request->worker->cache.writer.cache != NULL &&
           time_to_live(request) > 0;
}

bool
cache_take(struct request *request)
{
    struct cache_worker *cache = &request->worker->cache;
    struct cache_rules rules;
    uint32_t ttl_s = time_to_live(request);
    if (ttl_s == 0)
        return false;
    read_cache_control(request->head, &rules);
    request->cache.status = CACHE_MISS;
    request->cache.ttl_s = ttl_s;
    make_key(request);
    if (!rules.no_cache) {
        if (cache_look_up(request, rules.max_age_ms) == 0)
            return true;
        answer_cache_count(&cache->writer, ANSWER_COUNT_misses, 1);
    }
    if (rules.only_if_cached) {
        struct fault fault;
        fault_set(&fault, 504, "invalid_request_error", "not_cached", NULL,
                  "there is no stored answer to this call, and Cache-Control "
                  "asks for no other");
        fault.no_retry = true;
        request_fail(request, &fault);
        return true;
    }
    if (rules.no_store)
        return false;
    request->cache.keeps = true;
    /* Who wants an answer that is younger than this call waits for none. */
    return cache_flight_join(request, !rules.no_cache && rules.max_age_ms > 0);
}
