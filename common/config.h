/*
 * config.h - the configuration: read from aigw.ini through the option table
 * (config_options.h), checked as a whole, constant after that.
 *
 * Owner: config_load() makes it, config_free() ends it. The master holds it;
 * children inherit a copy by fork, the accountant gets a new one as text
 * (config_serialize) in a message.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_CONFIG_H
#define AIGW_COMMON_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/money.h"
#include "common/settings.h"

enum {
    CONFIG_NAME_BYTES = 128,
    CONFIG_LISTEN_MAX = 8,
    CONFIG_MODEL_PROVIDERS_MAX = 8,
    CONFIG_CREDENTIALS_MAX = 64, /* of a provider, its own api_key among them */
    CONFIG_CREDENTIAL_NAME_BYTES = 64, /* of NAME in PROVIDER/NAME, with NUL */
    CONFIG_RING_RECORD_BYTES = 1280,   /* SHM_RECORD_MAX, kept for each slot */
};

enum provider_kind {
    PROVIDER_OPENAI,
    PROVIDER_BUILTIN,
    PROVIDER_ANTHROPIC,
    PROVIDER_GEMINI,
    PROVIDER_AZURE,
    PROVIDER_BEDROCK,
    PROVIDER_WORKERS_AI,
};
enum durability { DURABILITY_FLUSH, DURABILITY_STRICT };
enum webhook_fail { WEBHOOK_FAIL_OPEN, WEBHOOK_FAIL_CLOSED };
enum data_policy { DATA_UNKNOWN, DATA_COLLECTS, DATA_RETAINS, DATA_ZERO };
enum quantization {
    QUANTIZATION_UNKNOWN,
    QUANTIZATION_INT4,
    QUANTIZATION_INT8,
    QUANTIZATION_FP4,
    QUANTIZATION_FP6,
    QUANTIZATION_FP8,
    QUANTIZATION_FP16,
    QUANTIZATION_BF16,
    QUANTIZATION_FP32,
};
/* Their words, in that order. */
#define QUANTIZATION_WORDS "unknown|int4|int8|fp4|fp6|fp8|fp16|bf16|fp32"
enum on_disconnect { ON_DISCONNECT_ABORT, ON_DISCONNECT_DRAIN };

struct config_list { /* of NUL-terminated strings */
    char **items;
    unsigned count;
};

/* A text that is not set is NULL; one with a default never is. */
struct config_server {
    char *instance;
    unsigned workers; /* 0 = cores; resolved by config_load */
    struct config_list listen, tls_listen;
    char *tls_cert, *tls_key, *tls_min;
    uint64_t tls_reload_ms; /* 0: never looked at by time */
    char *data_dir, *run_dir, *user;
    bool sandbox;
    uint64_t flush_interval_ms, drain_timeout_ms, delete_grace_ms,
        watchdog_timeout_ms;
    uint64_t export_interval_ms, export_keep; /* interval 0: none */
    enum durability durability;
    uint64_t escrow_tokens;
    uint64_t header_timeout_ms, body_timeout_ms, keepalive_timeout_ms,
        send_timeout_ms;
    uint64_t max_keys, max_models, max_limits, max_requests, max_connections;
    uint64_t ring_mib;
    uint64_t body_max_bytes, body_memory_bytes;
    uint64_t stream_slice_tokens; /* a stream's lease grows by this much */
    uint64_t log_retention_ms;
    uint64_t audit_retention_ms;
    bool idempotency;
    uint64_t idempotency_ttl_ms;
    uint64_t cache_memory_bytes, cache_item_max_bytes;
    uint64_t cache_wait_ms;
    char *timezone, *currency;
    char *settings[SETTINGS]; /* the lowest layer; "": the row's default */
};
struct config_admin {
    struct config_list listen, tls_listen;
    char *token; /* NULL: management over TCP is refused */
    bool is_public;
    bool private_providers; /* those of management need not be guarded */
};
struct config_log {
    char *error, *level, *access; /* access: path, or "off" */
    uint64_t payload_mib, payload_max_bytes;
    struct config_list redact; /* patterns */
};
struct config_balance { /* balance_rule.h; url NULL: there is none */
    char *url, *jwt_secret, *ca_file, *app_name;
    struct config_list groups; /* names; `*` at an end */
    uint64_t interval_ms, max_age_ms, timeout_ms;
    bool real_name;
    char *real_name_limit; /* an amount */
};
struct config_provider {
    char *name;
    enum provider_kind kind;
    char *base_url;            /* no trailing slash */
    char *api_key;             /* secret; NULL = none is sent */
    char *api_version;         /* azure, anthropic */
    char *region;              /* bedrock; NULL: as base_url's host says */
    struct config_list models; /* one item "*": any, by name */
    struct config_list names;  /* "model=name it has there" */
    /* Words of common/provider_quirks.h; empty: as known for its host. */
    struct config_list speaks, quirks;
    char *ca_file, *proxy;
    bool verify, guarded;
    struct config_list pass_headers, drop_headers; /* names; `*` at an end */
    enum data_policy data_policy;
    uint64_t connect_timeout_ms, first_byte_timeout_ms, idle_timeout_ms,
        total_timeout_ms;
    unsigned fails; /* 0: never cools down */
    uint64_t cooldown_ms, cooldown_max_ms;
    char *health_check; /* a path, or "off" */
    uint64_t health_check_interval_ms;
    unsigned max_concurrency, max_queue; /* concurrency 0: no limit */
    uint64_t queue_timeout_ms;
    enum on_disconnect on_disconnect;
    char *attributes;
    bool enabled;
    uint64_t builtin_delay_ms; /* builtin: pause before each event */
};
/* PROVIDER/NAME: one more credential for it, beside its own `api_key`. */
struct config_credential {
    char *name;
    char *api_key;               /* secret */
    char *group, *gateway;       /* NULL: any; else only of that one's calls */
    unsigned weight, rate_limit; /* 0: no limit */
    uint64_t rate_interval_ms;
    char *region; /* bedrock; NULL: the provider's */
    char *attributes;
    bool named_only, enabled;
};
struct config_model {
    char *name;
    struct config_list providers; /* names; empty = those that list it */
    struct config_list alias;
    char *type;                                 /* chat, embedding, ... */
    uint64_t context, max_output;               /* tokens; 0 = not stated */
    unsigned max_concurrency;                   /* 0: no limit */
    uint64_t key_rpm, key_tpm, key_concurrency; /* of each key; 0 = none */
    struct prices prices;
    struct config_list price_tiers; /* price_tier.h */
};
/* PROVIDER/MODEL: what differs from the provider's and the model's. */
struct config_endpoint {
    char *name;
    struct prices prices;           /* one that is set: all of them are these */
    struct config_list price_tiers; /* price_tier.h */
    uint64_t connect_timeout_ms, first_byte_timeout_ms, idle_timeout_ms,
        total_timeout_ms;     /* 0: the provider's */
    unsigned max_concurrency; /* 0: the model's */
    enum quantization quantization;
    bool enabled;
};
/* A profile: settings for the calls that name it. */
struct config_gateway {
    char *name;
    char *formerly;            /* its first name; NULL: this is it */
    char *settings[SETTINGS];  /* NULL: says nothing of it */
    struct config_list redact; /* patterns */
    struct config_list guard_prompt, guard_answer; /* NAME:ACTION:PATTERN */
    char *webhook_url;                             /* NULL: nobody is asked */
    uint64_t webhook_timeout_ms;
    enum webhook_fail webhook_fail;
    bool webhook_prompt;
    struct config_list spend_rules; /* spend_rule.h */
    bool guarded; /* made by management: its webhook is a guarded provider */
    bool authentication;
    char *attributes;
};

/* GATEWAY/NAME, or GATEWAY/NAME@VERSION: the model dynamic/NAME for calls of that
 * profile. */
struct config_route {
    char *name;
    struct config_list elements; /* dynamic_route.h */
    char *version;               /* NULL: it has elements of its own */
    bool enabled;
};

struct config {
    char *path;
    struct config_server server;
    struct config_admin admin;
    struct config_log log;
    struct config_balance balance;
    struct config_provider *providers;
    unsigned provider_count;
    struct config_credential *credentials;
    unsigned credential_count;
    struct config_model *models;
    unsigned model_count;
    struct config_endpoint *endpoints;
    unsigned endpoint_count;
    struct config_gateway *gateways;
    unsigned gateway_count;
    struct config_route *routes;
    unsigned route_count;
    struct config_alert *alerts; /* alert_rule.h */
    unsigned alert_count;
};

/*
 * config_load - reads `path` (NULL: nothing, all is default), fills defaults,
 * checks everything that can be checked without side effects. Adds provider
 * `builtin` with model `builtin/echo`, and providers for OPENAI_API_KEY ... in
 * the environment where the file has none. NULL with "file:line: reason" (all
 * faults, one a line) in `error`.
 */
struct config *config_load(const char *path, struct buf *error) MUST_CHECK;
/* config_parse_text - the inverse of config_serialize; adds no provider. */
struct config *config_parse_text(struct str text, struct buf *error) MUST_CHECK;
void config_free(struct config *config);

/* Calls `visitor` with each secret that is set (credentials, tokens, and URLs,
 * which may have a password in them); it may overwrite the text. */
typedef void config_secret_visitor(void *context, char *secret);
void config_visit_secrets(struct config *config, config_secret_visitor *visitor,
                          void *context);

/* Canonical ini text with every option; `mask` hides secrets (aigw -T). */
void config_serialize(const struct config *config, bool mask, struct buf *out);
/*
 * config_check_reload - what cannot change without a restart: writes one line
 * per such option into `error` and returns -EINVAL, or 0.
 */
int config_check_reload(const struct config *running, const struct config *next,
                        struct buf *error) MUST_CHECK;
/* The option table as text (aigw --options), as ini (aigw.ini) or as mdoc. */
enum config_doc { CONFIG_DOC_TEXT, CONFIG_DOC_INI, CONFIG_DOC_MDOC };
void config_print_options(enum config_doc form, struct buf *out);

/* -c FILE, else ./aigw.ini, else /etc/aigw/aigw.ini; NULL when there is none. */
const char *config_default_path(void);
/*
 * config_run_dir - only the run_dir that a file names ("./run": none), for those
 * who look for a running server: the rest may be wrong by now, or name secrets
 * that only the service can read. 0, or -errno when the file cannot be read.
 */
int config_run_dir(const char *path, char out[CONFIG_NAME_BYTES],
                   struct buf *error) MUST_CHECK;

/* "openai", "anthropic" ... as `kind` is spelt; never NULL. */
const char *config_provider_kind_name(enum provider_kind kind);

#endif
