/*
 * settings_rows.h - THE table of what a call may be told of its way: how it is
 * routed, tried again, cached, limited and logged. Parsing, aigw.ini, the
 * management API, request headers and the README's table come from these rows.
 *
 *   S(a, b, NAME, name, type, words, min, max, default, cf, own, text)
 *
 * a b      whatever the user of the rows wants to be handed to S again.
 * NAME     SETTING_NAME; `name` is how aigw.ini and the API spell it.
 * type     ENUM (the words, `|` between), UINT, BOOL (yes|no), MS and SECONDS
 *          (10s, 5m; a bare number in a header is in that unit), PROVIDERS (up
 *          to SETTINGS_LIST_MAX names), CREDENTIALS (as many names of those),
 *          GATEWAY (the name of a profile).
 * min max  of the number; of PROVIDERS: which list.
 * default  what holds where no layer says anything.
 * cf own   request headers that set it, "" for none: Cloudflare's, ours.
 *
 * Layers, the highest first: the call's own (universal `config`, headers, body)
 * > key > gateway profile > group > [server].
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_SETTINGS_ROWS_H
#define AIGW_COMMON_SETTINGS_ROWS_H

// clang-format off
#define SETTINGS_ROWS(S, a, b) \
    S(a, b, ROUTE, route, ENUM, "default|provider|byok", 0, 0, "default", "", "x-aigw-route", \
      "default: any provider of the model, by sort; provider: those of providers, in that order; byok: only credentials of the key's own group, those of private_keys in that order") \
    S(a, b, SORT, sort, ENUM, "order|draw|price|throughput|latency", 0, 0, "order", "", "x-aigw-sort", \
      "which provider first: as configured, a draw weighted by 1/price^2, the cheapest, the fastest, the first to answer") \
    S(a, b, PROVIDERS, providers, PROVIDERS, "", 0, 0, "", "", "x-aigw-providers", \
      "providers to try first, in this order") \
    S(a, b, ONLY, only, PROVIDERS, "", 1, 0, "", "", "", \
      "no other providers than these") \
    S(a, b, IGNORE, ignore, PROVIDERS, "", 2, 0, "", "", "", \
      "none of these providers") \
    S(a, b, ALLOW_FALLBACKS, allow_fallbacks, BOOL, "", 0, 0, "yes", "", "", \
      "no: only the first provider, or those of providers, is tried") \
    S(a, b, PRIVATE_KEYS, private_keys, CREDENTIALS, "", 0, 0, "", "", "", \
      "of the group's own credentials only these, in this order, each NAME or PROVIDER/NAME; empty: all of them") \
    S(a, b, BYOK_FALLBACK, byok_fallback, BOOL, "", 0, 0, "no", "", "", \
      "yes: where the group's own credentials fail, or there are none, route byok goes on to the shared ones") \
    S(a, b, DATA_COLLECTION, data_collection, ENUM, "allow|deny", 0, 0, "allow", "", "", \
      "deny: only providers whose data_policy is retains or zero") \
    S(a, b, ZDR, zdr, BOOL, "", 0, 0, "no", "cf-aig-zdr", "x-aigw-zdr", \
      "yes: only providers whose data_policy is zero; what a call says can only be stricter") \
    S(a, b, AFFINITY, affinity, ENUM, "off|session|prefix", 0, 0, "off", "", "", \
      "calls of one session, or with the same beginning of the prompt, go to the provider that has it in its cache") \
    S(a, b, MAX_ATTEMPTS, max_attempts, UINT, "", 0, 10, "0", "cf-aig-max-attempts", "x-aigw-max-attempts", \
      "calls to providers that one request may make, the same ones again after a pause; 0: each provider once") \
    S(a, b, RETRY_DELAY, retry_delay, MS, "", 0, 5000, "500ms", "cf-aig-retry-delay", "x-aigw-retry-delay", \
      "pause before the same provider is asked again") \
    S(a, b, RETRY_BACKOFF, retry_backoff, ENUM, "constant|linear|exponential", 0, 0, "exponential", "cf-aig-backoff", "x-aigw-backoff", \
      "how that pause grows") \
    S(a, b, REQUEST_TIMEOUT, request_timeout, MS, "", 0, 86400000, "0ms", "cf-aig-request-timeout", "x-aigw-request-timeout", \
      "time for the first byte of an answer, then the next provider; 0ms: as the provider has it") \
    S(a, b, CACHE_TTL, cache_ttl, SECONDS, "", 0, 2678400, "0s", "cf-aig-cache-ttl", "x-aigw-cache-ttl", \
      "time that an answer is given again to an equal request; 0s: never") \
    S(a, b, SKIP_CACHE, skip_cache, BOOL, "", 0, 0, "no", "cf-aig-skip-cache", "x-aigw-skip-cache", \
      "neither look into the cache nor keep the answer") \
    S(a, b, CACHE_SCOPE, cache_scope, ENUM, "group|key|gateway", 0, 0, "group", "", "", \
      "who shares cached answers") \
    S(a, b, COLLECT_LOG, collect_log, BOOL, "", 0, 0, "yes", "cf-aig-collect-log", "x-aigw-collect-log", \
      "no: the call is charged and counted, but no log shows it") \
    S(a, b, LOG_PAYLOAD, log_payload, BOOL, "", 0, 0, "no", "cf-aig-collect-log-payload", "x-aigw-log-payload", \
      "keep request and answer with the log row") \
    S(a, b, RATE_LIMIT, rate_limit, UINT, "", 0, 4194303, "0", "", "", \
      "requests in each rate_interval, of all calls that have it from the same layer; every layer's counts; 0: no limit") \
    S(a, b, RATE_INTERVAL, rate_interval, SECONDS, "", 0, 2678400, "0s", "", "", \
      "the window of rate_limit") \
    S(a, b, RATE_TECHNIQUE, rate_technique, ENUM, "fixed|sliding", 0, 0, "fixed", "", "", \
      "windows that begin with the clock, or one that moves") \
    S(a, b, SHADOW, shadow, BOOL, "", 0, 0, "no", "", "", \
      "budgets and limits refuse nothing; what they would have refused is counted and logged; a profile's counts where key, group or server names it, not where the call does") \
    S(a, b, CUT_ON_REVOKE, cut_on_revoke, BOOL, "", 0, 0, "no", "", "", \
      "a key that is disabled or deleted ends its running streams") \
    S(a, b, GATEWAY, gateway, GATEWAY, "", 0, 0, "", "", "cf-aig-gateway-id", \
      "the gateway profile: a key's or group's own stays whatever a call or its path name")
// clang-format on

#endif
