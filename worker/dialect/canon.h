/*
 * canon.h - the canonical request, answer and stream event: what every dialect
 * is read into and written from where a call and its provider do not speak the
 * same one. Same dialect in and out never comes here: its bytes pass.
 *
 *   client's body  -> read_request  -> canon_request -> write_request -> provider
 *   provider's     -> read_event or -> canon_stream  -> write_event or -> client
 *   events or body    read_plain       (canon_stream.h) write_plain
 *
 * Nothing is decoded that need not be. A `struct str` is, as each field says:
 *   text   the inside of a JSON string as it stood, without the quotes: valid
 *          inside any JSON string, escapes and lone surrogate halves included
 *   value  a whole JSON value as it stood ("0.7", "[...]", "\"a\"")
 *   plain  bytes of ours
 * len 0: not there. All point into the client's body or the request's arena.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_DIALECT_CANON_H
#define AIGW_WORKER_DIALECT_CANON_H

#include <stdbool.h>
#include <stdint.h>

#include "common/str.h"
#include "worker/fault.h"

enum canon_kind { CANON_CHAT, CANON_EMBED };
enum canon_role { CANON_SYSTEM, CANON_USER, CANON_ASSISTANT };

enum canon_part_kind {
    CANON_TEXT,        /* text */
    CANON_IMAGE,       /* source, data, media_type, detail */
    CANON_AUDIO,       /* source, data, media_type (audio/wav, audio/mp3) */
    CANON_FILE,        /* source, data, media_type, name */
    CANON_THINKING,    /* text, signature */
    CANON_REDACTED,    /* data: thinking that only its provider can read */
    CANON_REFUSAL,     /* text */
    CANON_TOOL_CALL,   /* id, name, arguments, signature (Gemini's) */
    CANON_TOOL_RESULT, /* id, name where stated, is_error; the next `children`
                          parts are what it holds (TEXT, IMAGE, FILE), or a
                          value in `arguments` where it is a JSON object */
};
enum canon_source { CANON_BASE64, CANON_URL, CANON_FILE_ID, CANON_PLAIN_TEXT };

struct canon_part {
    uint8_t kind, source;
    bool is_error;
    uint32_t children;
    struct str text;          /* text */
    struct str data;          /* text: base64, a URL, an id, plain text */
    struct str media_type;    /* text: "image/png" */
    struct str detail;        /* text */
    struct str id, name;      /* text */
    struct str arguments;     /* value: a JSON object */
    struct str signature;     /* text */
    struct str cache_control; /* value: Anthropic's object */
};

/* Consecutive messages may have the same role: a writer whose dialect does not
 * allow that merges them. Tool results stand in messages of the user. */
struct canon_message {
    uint8_t role;
    bool is_developer; /* of CANON_SYSTEM */
    uint32_t first_part, part_count;
};

struct canon_tool {
    struct str name, description; /* text */
    struct str schema;            /* value; len 0: no parameters */
    struct str strict;            /* value */
    struct str cache_control;     /* value */
};

enum canon_tool_choice {
    CANON_CHOICE_DEFAULT, /* not stated */
    CANON_CHOICE_AUTO,
    CANON_CHOICE_NONE,
    CANON_CHOICE_REQUIRED,
    CANON_CHOICE_NAMED, /* tool_choice_names[0] */
};
enum canon_format { CANON_FORMAT_TEXT, CANON_FORMAT_JSON, CANON_FORMAT_SCHEMA };
enum canon_flag { CANON_UNSET, CANON_NO, CANON_YES };
enum canon_effort {
    CANON_EFFORT_UNSET,
    CANON_EFFORT_NONE,
    CANON_EFFORT_MINIMAL,
    CANON_EFFORT_LOW,
    CANON_EFFORT_MEDIUM,
    CANON_EFFORT_HIGH,
    CANON_EFFORT_XHIGH,
};

/*
 * Members that are one value and mean the same wherever they are known. A
 * reader stores the value as it stood; a writer has a row for each in a table
 * of its own (canon_fields_write): under which name it goes out, or what
 * becomes of it. X(field, the name by which it is told of)
 */
#define CANON_FIELDS(X)                                                        \
    X(TEMPERATURE, "temperature")                                              \
    X(TOP_P, "top_p")                                                          \
    X(TOP_K, "top_k")                                                          \
    X(SEED, "seed")                                                            \
    X(PRESENCE_PENALTY, "presence_penalty")                                    \
    X(FREQUENCY_PENALTY, "frequency_penalty")                                  \
    X(REPETITION_PENALTY, "repetition_penalty")                                \
    X(LOGIT_BIAS, "logit_bias")                                                \
    X(LOGPROBS, "logprobs")                                                    \
    X(TOP_LOGPROBS, "top_logprobs")                                            \
    X(N, "n")                                                                  \
    X(USER, "user")                                                            \
    X(SERVICE_TIER, "service_tier")                                            \
    X(METADATA, "metadata")                                                    \
    X(STORE, "store")                                                          \
    X(VERBOSITY, "verbosity")                                                  \
    X(PREDICTION, "prediction")                                                \
    X(MODALITIES, "modalities")                                                \
    X(AUDIO, "audio")                                                          \
    X(WEB_SEARCH, "web_search_options")                                        \
    X(SAFETY, "safetySettings")                                                \
    X(CACHED_CONTENT, "cachedContent")                                         \
    X(PROMPT_CACHE_KEY, "prompt_cache_key")                                    \
    X(DIMENSIONS, "dimensions")                                                \
    X(ENCODING, "encoding_format")                                             \
    X(TASK_TYPE, "taskType")                                                   \
    X(TITLE, "title")

enum canon_field {
#define X(field, name) CANON_FIELD_##field,
    CANON_FIELDS(X)
#undef X
        CANON_FIELDS_END
};

enum { CANON_STOPS_MAX = 16, CANON_NAMES_MAX = 128, CANON_DROPPED_MAX = 16 };

/* What one call asks for. Plain growing arrays in the arena. */
struct canon_request {
    struct canon_arena *arena;
    uint8_t kind;
    bool failed; /* out of memory, or the next: nothing in here may be used */
    bool too_many, refused; /* messages, parts or tools; by hold() */
    /* Whether the arena may have so many bytes beyond its first; NULL: it may. */
    bool (*hold)(void *owner, uint64_t bytes);
    void *owner;
    uint64_t arena_bytes;

    struct canon_message *messages;
    uint32_t message_count, message_room;
    struct canon_part *parts; /* CANON_EMBED: one TEXT part per input */
    uint32_t part_count, part_room;
    struct canon_tool *tools;
    uint32_t tool_count, tool_room;
    struct canon_call_index *calls; /* canon_index.c */

    struct str fields[CANON_FIELDS_END]; /* value */
    struct str stops[CANON_STOPS_MAX];   /* text */
    uint32_t stop_count;
    uint64_t max_tokens; /* 0: not stated */
    bool stream;

    uint8_t tool_choice;
    struct str tool_choice_names[CANON_NAMES_MAX]; /* text */
    uint32_t tool_choice_name_count; /* with REQUIRED, AUTO: only these */
    uint8_t parallel_tools;          /* canon_flag */

    uint8_t format;
    struct str schema, schema_strict;           /* value */
    struct str schema_name, schema_description; /* text */

    uint8_t effort;          /* canon_effort */
    uint8_t thinking;        /* canon_flag: switched on or off */
    int64_t thinking_budget; /* tokens; 0 unset, -1 as the model likes */
    uint8_t show_thinking;   /* canon_flag: summaries, includeThoughts */
    const void *own; /* what its reader keeps for the client's writers */

    /* Not carried, of style or accounting only: told in `x-aigw-dropped`. */
    const char *dropped[CANON_DROPPED_MAX];
    uint32_t dropped_count;
};

/* ---- made and given back (canon_request.c) ---- */

/* canon_request_create - empty; NULL: out of memory. Owner: the caller. */
struct canon_request *canon_request_create(void);
/* Empty again, its first memory kept. */
void canon_request_reset(struct canon_request *request);
void canon_request_destroy(struct canon_request **request);

/* What a reader adds. None of them fails by itself: without memory `failed` is
 * set and what is returned is a spare that nobody reads. */
/* Memory that lives as long as the request; 8-byte aligned; NULL: none. */
void *canon_alloc(struct canon_request *request, size_t bytes);
struct canon_message *canon_message_add(struct canon_request *request,
                                        enum canon_role role);
/* To the last message (CANON_EMBED needs none). */
struct canon_part *canon_part_add(struct canon_request *request,
                                  enum canon_part_kind kind);
struct canon_tool *canon_tool_add(struct canon_request *request);
/* A string value's inside ("\"a\"" -> "a"); len 0 for null and the empty one;
 * *is_string tells whether it was a string at all. */
struct str canon_inside(struct str value, bool *is_string);
/* The JSON text that a text stands for (one level of escapes less), in the
 * arena: "{\\\"a\\\":1}" -> {"a":1}. */
struct str canon_unescape(struct canon_request *request, struct str text);
/* Plain bytes as a text, in the arena. */
struct str canon_escape(struct canon_request *request, struct str plain);
/* Tool arguments given as a string: the object they are. "" and white space are
 * {}; false when the text is no JSON object. */
bool canon_arguments(struct canon_request *request, struct str text,
                     struct str *object);

/* ---- what writers ask ---- */

/* Notes a field of ours that could not be carried. */
void canon_drop(struct canon_request *request, const char *name);

enum canon_fate {
    CANON_DROP,   /* absent from the table: dropped and told */
    CANON_CARRY,  /* goes out under `name` */
    CANON_REFUSE, /* 400: it would change what the answer means */
    CANON_SILENT, /* not sent and not told: handled elsewhere, or no loss */
};
struct canon_field_row {
    uint8_t fate;
    const char *name;
};
struct json_writer;
/*
 * canon_fields_write - the fields that are set, by the table of a dialect, as
 * members of the object under way. 0, or -1 with *fault (400
 * unsupported_parameter, the field named, `where` naming the dialect's API).
 */
int canon_fields_write(struct canon_request *request,
                       const struct canon_field_row table[CANON_FIELDS_END],
                       struct json_writer *json, const char *where,
                       struct fault *fault);
/* Budgets of thinking for an effort, and back: ARCHITECTURE.md "Translation". */
int64_t canon_effort_budget(enum canon_effort effort);
enum canon_effort canon_budget_effort(int64_t budget);
/* "none", "minimal" ... "xhigh"; NULL for UNSET. */
const char *canon_effort_name(enum canon_effort effort);
enum canon_effort canon_effort_find(struct str text);
/* Where a request goes to, as the provider has it. */
struct canon_target {
    struct str model;    /* plain: the upstream's name */
    uint64_t max_tokens; /* what may be answered; 0: no bound is to be set */
    uint64_t max_output; /* the model's configured maximum; 0: unknown */
    uint8_t endpoint;    /* of the provider's dialect (endpoint_number) */
    bool stream;
    uint32_t quirks; /* bits of enum provider_quirk (provider.h) */
};

#endif
