/*
 * config_options.h - THE option table. Parsing, aigw.ini, --options, the man
 * page, -T, and what a reload may change all come from these rows: adding an
 * option is one row here and one field in config.h.
 *
 *   O(section, option, field, type, unit, default, min, max, applies, text)
 *
 * type     one of enum config_type, without its CONFIG_.
 * unit     ENUM and CHOICE: the words allowed, with "|" between; ENUM in the
 *          order of the C enum. Else what the number counts.
 * default  as it would stand in the file; "" = not set.
 * min max  in ms, bytes, or the unit; of texts the length, of lists the items.
 * applies  RELOAD, or RESTART: refused at a reload.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_CONFIG_OPTIONS_H
#define AIGW_COMMON_CONFIG_OPTIONS_H

#include "common/alert_rule.h"
#include "common/balance_rule.h"
#include "common/config_options_provider.h"
#include "common/dynamic_route.h"
#include "common/price_tier.h"
#include "common/spend_rule.h"

#define CONFIG_SECOND     UINT64_C(1000)
#define CONFIG_MINUTE     (60 * CONFIG_SECOND)
#define CONFIG_HOUR       (60 * CONFIG_MINUTE)
#define CONFIG_DAY        (24 * CONFIG_HOUR)
#define CONFIG_KIB        UINT64_C(1024)
#define CONFIG_MIB        (1024 * CONFIG_KIB)
#define CONFIG_GIB        (1024 * CONFIG_MIB)
#define CONFIG_TEXT       1023   /* bytes of a path or an address */
#define CONFIG_ATTRIBUTES 262144 /* bytes of what management keeps with it */
#define CONFIG_TOKENS     UINT64_C(1000000000)

// clang-format off
#define CONFIG_SERVER_OPTIONS(O) \
    O(server, instance, instance, STRING, "", "default", 1, 32, RESTART, \
      "name of this instance among several on one host") \
    O(server, workers, workers, UINT, "processes", "0", 0, 64, RELOAD, \
      "worker processes; 0: as many as there are cores") \
    O(server, listen, listen, LIST, "ADDRESS:PORT", "127.0.0.1:8080", 0, CONFIG_LISTEN_MAX, RELOAD, \
      "addresses of the API, plain HTTP") \
    O(server, tls_listen, tls_listen, LIST, "ADDRESS:PORT", "", 0, CONFIG_LISTEN_MAX, RELOAD, \
      "addresses of the API, HTTPS") \
    O(server, tls_cert, tls_cert, STRING, "path", "", 0, CONFIG_TEXT, RELOAD, \
      "certificate chain, PEM") \
    O(server, tls_key, tls_key, STRING, "path", "", 0, CONFIG_TEXT, RELOAD, \
      "private key of tls_cert, PEM") \
    O(server, tls_min, tls_min, CHOICE, "1.2|1.3", "1.2", 0, 0, RELOAD, \
      "oldest TLS version spoken with clients") \
    O(server, tls_reload, tls_reload_ms, DURATION, "", "1m", 0, CONFIG_DAY, RELOAD, \
      "time between two looks at whether tls_cert or tls_key has changed; 0s: only at a reload") \
    O(server, data_dir, data_dir, STRING, "path", "./data", 1, CONFIG_TEXT, RESTART, \
      "ledger, log databases and the master secret") \
    O(server, run_dir, run_dir, STRING, "path", "./run", 1, 80, RESTART, \
      "aigw.pid and aigw.sock") \
    O(server, user, user, STRING, "", "", 0, 32, RESTART, \
      "user to become when started as root") \
    O(server, sandbox, sandbox, BOOL, "", "yes", 0, 0, RESTART, \
      "confine workers and accountant: files, system calls, no core dumps") \
    O(server, flush_interval, flush_interval_ms, DURATION, "", "1s", 50, CONFIG_MINUTE, RELOAD, \
      "longest time between a settled call and its record on disk") \
    O(server, durability, durability, ENUM, "flush|strict", "flush", 0, 0, RESTART, \
      "flush: losing power loses at most flush_interval; strict: nothing answered, but charges up to an escrow") \
    O(server, escrow_tokens, escrow_tokens, U64, "tokens", "200000", 1000, CONFIG_TOKENS, RELOAD, \
      "strict: how far a key may run ahead of what is durable, and what losing power may charge it too much") \
    O(server, export_interval, export_interval_ms, DURATION, "", "1h", 0, 366 * CONFIG_DAY, RELOAD, \
      "time between two exports of the ledger into data_dir/export; 0s: none") \
    O(server, export_keep, export_keep, U64, "files", "24", 1, 100000, RELOAD, \
      "exports that are kept") \
    O(server, delete_grace, delete_grace_ms, DURATION, "", "10m", 0, 30 * CONFIG_DAY, RELOAD, \
      "how long a deleted key, which is refused at once, can be restored; 0s: not at all") \
    O(server, drain_timeout, drain_timeout_ms, DURATION, "", "5m", 0, CONFIG_DAY, RELOAD, \
      "time that running requests have to end at a reload or stop") \
    O(server, watchdog_timeout, watchdog_timeout_ms, DURATION, "", "10s", 2 * CONFIG_SECOND, CONFIG_DAY, RELOAD, \
      "time after which a process that does not move is ended and replaced") \
    O(server, header_timeout, header_timeout_ms, DURATION, "", "10s", 100, CONFIG_HOUR, RELOAD, \
      "time for a client to send the head of a request") \
    O(server, body_timeout, body_timeout_ms, DURATION, "", "60s", 100, CONFIG_HOUR, RELOAD, \
      "time between two pieces of a request's body, and for all of it, but for 16 KiB each second") \
    O(server, keepalive_timeout, keepalive_timeout_ms, DURATION, "", "75s", 0, CONFIG_HOUR, RELOAD, \
      "time that an idle client connection stays open") \
    O(server, send_timeout, send_timeout_ms, DURATION, "", "60s", 100, CONFIG_HOUR, RELOAD, \
      "time in which a client must take a byte that waits, and 4 KiB each second after it") \
    O(server, max_keys, max_keys, U64, "keys and groups", "65536", 16, 16777216, RESTART, \
      "virtual keys and groups that the shared table has room for") \
    O(server, max_models, max_models, U64, "models", "1024", 16, 1024, RESTART, \
      "models, over all providers, that the segment has room for") \
    O(server, max_limits, max_limits, U64, "limits", "8192", 16, 1048576, RESTART, \
      "limits by key and model, and windows, that count at once; 256 bytes each") \
    O(server, max_requests, max_requests, U64, "requests", "4096", 16, 65536, RESTART, \
      "requests that one worker may have in progress") \
    O(server, max_connections, max_connections, U64, "connections", "16384", 16, 1048576, RELOAD, \
      "client connections at once, of all workers; more take the place of idle and slow ones") \
    O(server, ring_mib, ring_mib, U64, "MiB", "16", 1, 1024, RESTART, \
      "log ring of one worker, a power of two; 1280 bytes for each of max_requests must fit") \
    O(server, body_max, body_max_bytes, SIZE, "", "32m", CONFIG_KIB, CONFIG_GIB, RELOAD, \
      "largest body of a request") \
    O(server, body_memory, body_memory_bytes, SIZE, "", "512m", CONFIG_MIB, 1024 * CONFIG_GIB, RELOAD, \
      "bodies that all workers may hold in memory, and translation as much again; each has its part, and room for one of body_max") \
    O(server, stream_slice, stream_slice_tokens, U64, "tokens", "256", 1, CONFIG_TOKENS, RELOAD, \
      "tokens by which the lease of a running stream grows") \
    O(server, log_retention, log_retention_ms, DURATION, "", "30d", CONFIG_DAY, 36500 * CONFIG_DAY, RELOAD, \
      "time that rows of the request log are kept") \
    O(server, audit_retention, audit_retention_ms, DURATION, "", "365d", CONFIG_DAY, 36500 * CONFIG_DAY, RELOAD, \
      "time that rows of the audit log of management are kept") \
    O(server, idempotency, idempotency, BOOL, "", "no", 0, 0, RESTART, \
      "refuse a call whose Idempotency-Key another call has that is in progress or was charged") \
    O(server, idempotency_ttl, idempotency_ttl_ms, DURATION, "", "24h", 1000, 7 * CONFIG_DAY, RELOAD, \
      "time that the Idempotency-Key of a charged call is remembered") \
    O(server, cache_memory, cache_memory_bytes, SIZE, "", "64m", 0, 64 * CONFIG_GIB, RESTART, \
      "memory for answers that are given again, had as it is used; 0k: none") \
    O(server, cache_item_max, cache_item_max_bytes, SIZE, "", "512k", CONFIG_KIB, 8 * CONFIG_MIB, RELOAD, \
      "longest answer that is stored; never more than half a block of cache_memory") \
    O(server, cache_wait, cache_wait_ms, DURATION, "", "10s", 0, 5 * CONFIG_MINUTE, RELOAD, \
      "time that a call waits for the answer of an equal one that is under way; 0s: none does") \
    O(server, timezone, timezone, STRING, "", "UTC", 1, 64, RELOAD, \
      "zone in which the days, weeks and months of budgets begin, as Europe/Berlin") \
    O(server, currency, currency, STRING, "", "USD", 3, 3, RELOAD, \
      "currency of prices and budgets, three letters") \
    SETTINGS_ROWS(CONFIG_SERVER_SETTING, O, server)

#define CONFIG_ADMIN_OPTIONS(O) \
    O(admin, listen, listen, LIST, "ADDRESS:PORT", "127.0.0.1:8081", 0, CONFIG_LISTEN_MAX, RELOAD, \
      "addresses of management and metrics, plain HTTP") \
    O(admin, tls_listen, tls_listen, LIST, "ADDRESS:PORT", "", 0, CONFIG_LISTEN_MAX, RELOAD, \
      "addresses of management and metrics, HTTPS") \
    O(admin, token, token, SECRET, "", "", 0, CONFIG_TEXT, RELOAD, \
      "bearer token of management over TCP; without one only the socket serves it") \
    O(admin, public, is_public, BOOL, "", "no", 0, 0, RELOAD, \
      "allow management on addresses other than loopback") \
    O(admin, private_providers, private_providers, BOOL, "", "no", 0, 0, RELOAD, \
      "providers and webhooks that management makes may have addresses that are not of the public internet")

#define CONFIG_LOG_OPTIONS(O) \
    O(log, error, error, STRING, "path", "stderr", 1, CONFIG_TEXT, RELOAD, \
      "\"stderr\", or the file of errors and events") \
    O(log, level, level, CHOICE, "debug|info|warn|error", "info", 0, 0, RELOAD, \
      "least severity that is logged") \
    O(log, access, access, STRING, "path", "off", 1, CONFIG_TEXT, RELOAD, \
      "\"off\", or the file of the access log, a JSON object a line") \
    O(log, payload_mib, payload_mib, U64, "MiB", "4", 0, 1024, RESTART, \
      "ring by which the payloads of one worker go to the log, at least 4; what finds no room is dropped; 0: none is ever kept") \
    O(log, payload_max, payload_max_bytes, SIZE, "", "64k", CONFIG_KIB, CONFIG_MIB, RELOAD, \
      "most that is kept of a request, and of an answer") \
    O(log, redact, redact, LIST, "PATTERN", "", 0, 64, RELOAD, \
      "regular expressions (PCRE2) whose matches are replaced in payloads before they leave the worker; a comma in one is written \\,")

#define CONFIG_PRICE_OPTIONS(O, section) \
    O(section, price_input, prices.input, PRICE, "per million tokens", "", 0, 0, RELOAD, \
      "prompt, not from a cache") \
    O(section, price_output, prices.output, PRICE, "per million tokens", "", 0, 0, RELOAD, \
      "answer") \
    O(section, price_cached, prices.cached, PRICE, "per million tokens", "", 0, 0, RELOAD, \
      "prompt read from a cache; else as price_input") \
    O(section, price_cache_creation, prices.cache_creation, PRICE, "per million tokens", "", 0, 0, RELOAD, \
      "prompt written to a cache; else as price_input") \
    O(section, price_cache_creation_1h, prices.cache_creation_1h, PRICE, "per million tokens", "", 0, 0, RELOAD, \
      "prompt written to a cache for an hour; else as price_cache_creation") \
    O(section, price_reasoning, prices.reasoning, PRICE, "per million tokens", "", 0, 0, RELOAD, \
      "hidden part of the answer; else as price_output") \
    O(section, price_audio_in, prices.audio_in, PRICE, "per million tokens", "", 0, 0, RELOAD, \
      "audio in the prompt; else as price_input") \
    O(section, price_audio_out, prices.audio_out, PRICE, "per million tokens", "", 0, 0, RELOAD, \
      "audio in the answer; else as price_output") \
    O(section, price_image, prices.image, UNIT_PRICE, "per image", "", 0, 0, RELOAD, \
      "image sent or made") \
    O(section, price_request, prices.request, UNIT_PRICE, "per request", "", 0, 0, RELOAD, \
      "each call") \
    O(section, price_tiers, price_tiers, LIST, "TIER", "", 0, PRICE_TIERS_MAX, RELOAD, \
      "prices under conditions, the first that holds: prompt_from=200001 input=2.5 output=15, and prompt_to= output_from= output_to= (tokens) hours=16:30-00:30 (UTC) from= until= (times) service_tier=flex|batch; a price that one does not state is as above")

#define CONFIG_MODEL_OPTIONS(O) \
    O(model, providers, providers, LIST, "", "", 0, CONFIG_MODEL_PROVIDERS_MAX, RELOAD, \
      "providers that serve it, in this order; empty: those that list it") \
    O(model, alias, alias, LIST, "", "", 0, 64, RELOAD, \
      "further names of it") \
    O(model, type, type, CHOICE, "chat|completion|embedding|image|audio|moderation|rerank", "chat", 0, 0, RELOAD, \
      "what it does") \
    O(model, context, context, U64, "tokens", "0", 0, CONFIG_TOKENS, RELOAD, \
      "tokens of prompt and answer together; 0: not stated") \
    O(model, max_output, max_output, U64, "tokens", "0", 0, CONFIG_TOKENS, RELOAD, \
      "most tokens of an answer; 0: not stated") \
    O(model, max_concurrency, max_concurrency, UINT, "calls", "0", 0, 1000000, RELOAD, \
      "calls at once to it at each of its providers; more wait; 0: any number") \
    O(model, key_rpm, key_rpm, U64, "requests", "0", 0, UINT64_C(1) << 48, RELOAD, \
      "requests a minute that each key may send to it; 0: no limit; a key's own model_limits go first") \
    O(model, key_tpm, key_tpm, U64, "tokens", "0", 0, UINT64_C(1) << 48, RELOAD, \
      "tokens a minute that each key may use of it; 0: no limit") \
    O(model, key_concurrency, key_concurrency, U64, "requests", "0", 0, 1000000, RELOAD, \
      "requests that each key may have in progress with it; 0: no limit") \
    CONFIG_PRICE_OPTIONS(O, model)

#define CONFIG_ENDPOINT_OPTIONS(O) \
    O(endpoint, enabled, enabled, BOOL, "", "yes", 0, 0, RELOAD, \
      "no: the provider is not asked for this model") \
    O(endpoint, max_concurrency, max_concurrency, UINT, "calls", "0", 0, 1000000, RELOAD, \
      "calls of this model that the provider is sent at once, over all workers; 0: as the model has it") \
    O(endpoint, quantization, quantization, ENUM, QUANTIZATION_WORDS, "unknown", 0, 0, RELOAD, \
      "of the weights there, for calls that choose by it") \
    CONFIG_PRICE_OPTIONS(O, endpoint) \
    O(endpoint, connect_timeout, connect_timeout_ms, DURATION, "", "0ms", 0, CONFIG_HOUR, RELOAD, \
      "time to connect, TLS included; 0ms: the provider's") \
    O(endpoint, first_byte_timeout, first_byte_timeout_ms, DURATION, "", "0ms", 0, CONFIG_DAY, RELOAD, \
      "time from the request sent to the first byte of the answer; 0ms: the provider's") \
    O(endpoint, idle_timeout, idle_timeout_ms, DURATION, "", "0ms", 0, CONFIG_DAY, RELOAD, \
      "time between two pieces of the answer; 0ms: the provider's") \
    O(endpoint, total_timeout, total_timeout_ms, DURATION, "", "0ms", 0, CONFIG_DAY, RELOAD, \
      "time for the whole call; 0ms: the provider's")

/* A value of each setting; as the lowest layer, its default. */
#define CONFIG_SERVER_SETTING(O, section, id, name, type, words, min, max, otherwise, cf, own, text) \
    O(section, name, settings[SETTING_##id], SETTING, words, otherwise, SETTING_##id, 0, RELOAD, text)
#define CONFIG_LAYER_SETTING(O, section, id, name, type, words, min, max, otherwise, cf, own, text) \
    O(section, name, settings[SETTING_##id], SETTING, words, "", SETTING_##id, 0, RELOAD, text)

#define CONFIG_GATEWAY_OPTIONS(O) \
    SETTINGS_ROWS(CONFIG_LAYER_SETTING, O, gateway) \
    O(gateway, redact, redact, LIST, "PATTERN", "", 0, 64, RELOAD, \
      "as redact of [log], besides it, for this profile's calls") \
    O(gateway, guard_prompt, guard_prompt, LIST, "NAME:block|flag:PATTERN", "", 0, 64, RELOAD, \
      "regular expressions (PCRE2) that are looked for in all texts of a request: block refuses it, flag marks it; a comma in one is written \\,") \
    O(gateway, guard_answer, guard_answer, LIST, "NAME:block|flag:PATTERN", "", 0, 64, RELOAD, \
      "the same in answers: text that may be the beginning of a match waits") \
    O(gateway, webhook_url, webhook_url, URL, "", "", 0, CONFIG_TEXT, RELOAD, \
      "asked before each call whether it may be made, by POST") \
    O(gateway, webhook_timeout, webhook_timeout_ms, DURATION, "", "1s", 10, 60000, RELOAD, \
      "time for its answer") \
    O(gateway, webhook_fail, webhook_fail, ENUM, "open|closed", "closed", 0, 0, RELOAD, \
      "without one: open makes the call, closed refuses it") \
    O(gateway, webhook_prompt, webhook_prompt, BOOL, "", "no", 0, 0, RELOAD, \
      "tell it the request's body, too") \
    O(gateway, authentication, authentication, BOOL, "", "yes", 0, 0, RELOAD, \
      "a profile called GROUP/NAME takes keys of that group only; no: it takes all that name it") \
    O(gateway, formerly, formerly, STRING, "NAME", "", 0, CONFIG_TEXT, RELOAD, \
      "its name before its group was renamed: what counts, is logged or is named under that is this profile's") \
    O(gateway, attributes, attributes, STRING, "JSON", "", 0, CONFIG_ATTRIBUTES, RELOAD, \
      "what management keeps with it and the gateway does not read") \
    O(gateway, spend_rules, spend_rules, LIST, "RULE", "", 0, SPEND_RULES_MAX, RELOAD, \
      "what its calls may cost: id=NAME limit=AMOUNT window=1h, and technique=fixed|sliding model=A|B provider=A|B partition=KEY filter=KEY:A|B")

#define CONFIG_ROUTE_OPTIONS(O) \
    O(route, elements, elements, LIST, "ELEMENT", "", 0, DYNAMIC_ELEMENTS_MAX, RELOAD, \
      "its elements: id=ID type=start|conditional|percentage|rate|model|end and what the type has, or Cloudflare's JSON of each; a comma in one is written \\,") \
    O(route, version, version, STRING, "VERSION", "", 0, 63, RELOAD, \
      "in place of elements: those of [route.GATEWAY/NAME@VERSION]") \
    O(route, enabled, enabled, BOOL, "", "yes", 0, 0, RELOAD, \
      "no: a call by its name is refused, as if it were not there")

#define CONFIG_OPTIONS(O) \
    CONFIG_SERVER_OPTIONS(O) \
    CONFIG_ADMIN_OPTIONS(O) \
    CONFIG_LOG_OPTIONS(O) \
    CONFIG_BALANCE_OPTIONS(O) \
    CONFIG_PROVIDER_OPTIONS(O) \
    CONFIG_CREDENTIAL_OPTIONS(O) \
    CONFIG_MODEL_OPTIONS(O) \
    CONFIG_ENDPOINT_OPTIONS(O) \
    CONFIG_GATEWAY_OPTIONS(O) \
    CONFIG_ROUTE_OPTIONS(O) \
    CONFIG_ALERT_OPTIONS(O)
// clang-format on

#endif
