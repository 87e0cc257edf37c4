/*
 * config_options_provider.h - the rows of [provider.NAME] and
 * [credential.PROVIDER/NAME], for config_options.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_CONFIG_OPTIONS_PROVIDER_H
#define AIGW_COMMON_CONFIG_OPTIONS_PROVIDER_H

// clang-format off
#define CONFIG_PROVIDER_OPTIONS(O) \
    O(provider, kind, kind, ENUM, "openai|builtin|anthropic|gemini|azure|bedrock|workers-ai", "openai", 0, 0, RELOAD, \
      "what the provider speaks") \
    O(provider, base_url, base_url, URL, "", "", 0, CONFIG_TEXT, RELOAD, \
      "what that provider's SDK takes, as https://api.openai.com/v1") \
    O(provider, api_key, api_key, SECRET, "", "", 0, 8191, RELOAD, \
      "credential sent to the provider: ${ENV}, file:PATH or cred:NAME") \
    O(provider, api_version, api_version, STRING, "text", "", 0, 64, RELOAD, \
      "azure and anthropic: the API version to ask for; empty: a known one") \
    O(provider, region, region, STRING, "text", "", 0, 64, RELOAD, \
      "bedrock: the region to sign for; empty: that of base_url") \
    O(provider, models, models, LIST, "", "", 0, 1024, RELOAD, \
      "models that it serves, or *: any, by PROVIDER/MODEL") \
    O(provider, names, names, LIST, "MODEL=NAME", "", 0, 1024, RELOAD, \
      "models that it knows under other names: Azure deployments, Bedrock ids, dated snapshots") \
    O(provider, speaks, speaks, LIST, "", "", 0, 3, RELOAD, \
      "kind openai: the APIs that it serves, of chat, responses, messages; empty: as known for its host") \
    O(provider, quirks, quirks, LIST, "", "", 0, 32, RELOAD, \
      "kind openai: its habits, in words of worker/dialect/README.md, or none; empty: as known for its host") \
    O(provider, ca_file, ca_file, STRING, "path", "", 0, CONFIG_TEXT, RELOAD, \
      "certificate authorities to trust in place of the system's, PEM") \
    O(provider, verify, verify, BOOL, "", "yes", 0, 0, RELOAD, \
      "check the provider's certificate and name") \
    O(provider, proxy, proxy, URL, "", "", 0, CONFIG_TEXT, RELOAD, \
      "proxy on the way: http://HOST:PORT, socks5h://HOST:PORT") \
    O(provider, guarded, guarded, BOOL, "", "no", 0, 0, RELOAD, \
      "connect to addresses of the public internet only, and by no proxy") \
    O(provider, pass_headers, pass_headers, LIST, "NAME", "", 0, 64, RELOAD, \
      "fields of clients' heads that it gets, as x-team or x-team-*, and no others; empty: all but credentials and what concerns the connection") \
    O(provider, drop_headers, drop_headers, LIST, "NAME", "", 0, 64, RELOAD, \
      "fields of clients' heads that it does not get, as x-team or x-team-*") \
    O(provider, data_policy, data_policy, ENUM, "unknown|collects|retains|zero", "unknown", 0, 0, RELOAD, \
      "what its contract says of prompts and answers: collects (it may use them), retains (it keeps them for a time), zero; calls that ask for more privacy pass it by") \
    O(provider, connect_timeout, connect_timeout_ms, DURATION, "", "5s", 10, CONFIG_HOUR, RELOAD, \
      "time to connect, TLS included") \
    O(provider, first_byte_timeout, first_byte_timeout_ms, DURATION, "", "120s", 10, CONFIG_DAY, RELOAD, \
      "time from the request sent to the first byte of the answer") \
    O(provider, idle_timeout, idle_timeout_ms, DURATION, "", "120s", 10, CONFIG_DAY, RELOAD, \
      "time between two pieces of the answer") \
    O(provider, total_timeout, total_timeout_ms, DURATION, "", "15m", 10, CONFIG_DAY, RELOAD, \
      "time for the whole call") \
    O(provider, fails, fails, UINT, "failures", "3", 0, 100, RELOAD, \
      "failures one after the other that make a model at it cool down; 0: never, and no call is refused for want of another provider") \
    O(provider, cooldown, cooldown_ms, DURATION, "", "30s", 10, CONFIG_DAY, RELOAD, \
      "time that it is sent nothing then; doubled each time that it has not helped") \
    O(provider, cooldown_max, cooldown_max_ms, DURATION, "", "10m", 10, CONFIG_DAY, RELOAD, \
      "longest cool-down, and the most of a Retry-After that is believed") \
    O(provider, health_check, health_check, STRING, "path", "off", 1, CONFIG_TEXT, RELOAD, \
      "\"off\", or what is fetched below base_url to find out whether it is back, as /models") \
    O(provider, health_check_interval, health_check_interval_ms, DURATION, "", "10s", 1000, CONFIG_HOUR, RELOAD, \
      "time between two of them, once its cool-down has passed") \
    O(provider, max_concurrency, max_concurrency, UINT, "calls", "0", 0, 1000000, RELOAD, \
      "calls that it is sent at once, over all workers; more wait; 0: any number") \
    O(provider, max_queue, max_queue, UINT, "calls", "1000", 0, 1000000, RELOAD, \
      "calls that may wait for it in one worker, and for one of its models") \
    O(provider, queue_timeout, queue_timeout_ms, DURATION, "", "30s", 10, CONFIG_HOUR, RELOAD, \
      "longest wait; then 503") \
    O(provider, on_disconnect, on_disconnect, ENUM, "abort|drain", "abort", 0, 0, RELOAD, \
      "when the client goes: stop the call, or read its answer to the end") \
    O(provider, attributes, attributes, STRING, "JSON", "", 0, CONFIG_ATTRIBUTES, RELOAD, \
      "what management keeps with it and the gateway does not read") \
    O(provider, enabled, enabled, BOOL, "", "yes", 0, 0, RELOAD, \
      "no: keep it configured, send it nothing") \
    O(provider, delay, builtin_delay_ms, DURATION, "", "0ms", 0, CONFIG_HOUR, RELOAD, \
      "builtin only: pause before each event of an answer")

#define CONFIG_CREDENTIAL_OPTIONS(O) \
    O(credential, api_key, api_key, SECRET, "", "", 0, 8191, RELOAD, \
      "the credential: ${ENV}, file:PATH or cred:NAME") \
    O(credential, group, group, STRING, "", "", 0, 63, RELOAD, \
      "empty: every call may use it; else only calls of this group's keys: its own (BYOK), used before shared ones") \
    O(credential, gateway, gateway, STRING, "", "", 0, 127, RELOAD, \
      "empty: through whichever; else only calls through this gateway profile, and those that name the credential") \
    O(credential, weight, weight, UINT, "shares", "1", 1, 1000, RELOAD, \
      "its share of the calls, beside the weights of the others; the provider's own api_key has 1") \
    O(credential, rate_limit, rate_limit, UINT, "calls", "0", 0, 4194303, RELOAD, \
      "calls that are sent with it in each rate_interval, over all workers; beyond that another one is used, or 429; 0: any number") \
    O(credential, rate_interval, rate_interval_ms, DURATION, "", "1m", 1000, 31 * CONFIG_DAY, RELOAD, \
      "of rate_limit; intervals are aligned to the clock") \
    O(credential, named_only, named_only, BOOL, "", "no", 0, 0, RELOAD, \
      "yes: only calls that name it (x-aigw-credential, cf-aig-byok-alias) use it, and those whose private_keys list it") \
    O(credential, region, region, STRING, "text", "", 0, 64, RELOAD, \
      "bedrock: the region to sign for; empty: the provider's") \
    O(credential, attributes, attributes, STRING, "JSON", "", 0, CONFIG_ATTRIBUTES, RELOAD, \
      "what management keeps with it and the gateway does not read") \
    O(credential, enabled, enabled, BOOL, "", "yes", 0, 0, RELOAD, \
      "no: keep it configured, use it for nothing")
// clang-format on

#endif
