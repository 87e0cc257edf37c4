/*
 * scan.h - what the scans of request bodies share, whatever their dialect:
 * names that decide what a call may cost, refusals, counts, how much is put
 * before the model, and the splices that change a body.
 *
 * Scans are strict, because the provider reads the same bytes after us: what
 * two readers may understand differently is refused (members twice, names that
 * look alike, numbers that are no counts). All else is the provider's to judge.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_DIALECT_SCAN_H
#define AIGW_WORKER_DIALECT_SCAN_H

#include "worker/dialect/dialect.h"

/* ---- names (scan_member.c) ---- */

/* A dialect's members by name. Those below guarded_end, which stand first and in
 * the order of their numbers, decide what a call may cost: each may come once,
 * under exactly this name. Others may have several names. */
struct scan_name {
    struct str name;
    unsigned member;
};
struct scan_names {
    const struct scan_name *rows;
    unsigned count, guarded_end;
};
enum {
    SCAN_OTHER = 254,     /* unknown: may be text for the model */
    SCAN_LOOKALIKE = 255, /* some JSON readers take it for a guarded one */
};
/* `key` with its quotes: a member's number, or one of the above. */
unsigned scan_member_find(const struct scan_names *names, struct str key);
/* Of a guarded one. */
const char *scan_member_name(const struct scan_names *names, unsigned member);

/* ---- how much is put before the model (prompt.c) ---- */

/* Sums over the members of a body. All of them count bytes, never tokens, but
 * for those that say so. */
struct prompt {
    uint64_t visible_bytes; /* text that a model surely sees */
    uint64_t tool_bytes;    /* tools as compact JSON */
    uint64_t other_bytes;   /* text that it may see */
    uint64_t token_ids;     /* prompts given as token numbers: tokens */
    uint64_t media_tokens;  /* upper bounds for images, audio, files: tokens */
    uint64_t messages, tools, prompts;
    uint32_t images, audios, files;
};

enum prompt_media {
    PROMPT_NO_MEDIA,
    PROMPT_IMAGE,
    PROMPT_AUDIO,
    PROMPT_FILE,
    PROMPT_VIDEO,
};
/* What stands in the body of it; all 0: only a link or an id. */
struct prompt_media_bytes {
    uint64_t all, pdf;
};
void prompt_media_add(struct prompt *prompt, enum prompt_media media,
                      const struct prompt_media_bytes *bytes);

/*
 * The next value, of a media member: a URL, or an object with a URL, data, an
 * id; null is none. `is_data`: a string is data, not a URL. 0, or -1: no JSON.
 */
int prompt_media(struct json_reader *reader, enum prompt_media media,
                 bool is_data, struct prompt *prompt);

/* One level up or down; false when the value that began at level 0 is over. */
static inline bool
prompt_level_moves(enum json_type type, unsigned *level)
{
    if (type == JSON_OBJECT || type == JSON_ARRAY)
        ++*level;
    else if (type == JSON_OBJECT_END || type == JSON_ARRAY_END)
        --*level;
    return *level > 0;
}
/*
 * Each reads one value whose first token is *token and adds what it holds.
 * 0, or -1 when the text is not JSON.
 */
int prompt_tools(struct json_reader *reader, struct json_token *token,
                 struct prompt *prompt);
int prompt_other(struct json_reader *reader, struct json_token *token,
                 struct prompt *prompt);
int prompt_skip(struct json_reader *reader, struct json_token *token);
/* The sums, as the call's bounds and estimates. */
void prompt_finish(const struct prompt *prompt, struct call *call);

/* ---- one scan (scan.c) ---- */

enum { SCAN_ANSWERS_MAX = 65536 };
#define SCAN_MAX_TOKENS (UINT64_C(1) << 31)

struct scan {
    struct json_reader reader;
    struct json_token token;
    struct str body;
    struct call *call;
    struct fault *fault;
    struct prompt prompt;
    uint32_t seen; /* a bit per guarded member */
    uint64_t n, best_of;
};

/* The call is empty but for what its path told. */
void scan_begin(struct call *call, uint8_t endpoint);
/* All refusals return -1. */
COLD int scan_refuse(struct fault *fault, const char *code, const char *param,
                     const char *format, ...) PRINTF_LIKE(4, 5);
COLD int scan_refuse_json(struct scan *scan);
/* The first token is no object. */
COLD int scan_refuse_non_object(struct scan *scan);
/* Why no model is known, and what to do. */
COLD int scan_refuse_model(struct scan *scan, const char *why);
/*
 * scan_object - the whole body: take() for each member, its value's first token
 * in scan->token; it reads the value and returns 0, or -1 refused. Guarded ones
 * come once, lookalikes never. 0, or -1 refused.
 */
int scan_object(struct scan *scan, const struct scan_names *names,
                int (*take)(struct scan *scan, unsigned member));
/* scan_object's step, for objects inside: the token is a member's name. Their
 * guarded ones are noted in scan->seen, too: the caller saves it. */
int scan_member(struct scan *scan, const struct scan_names *names,
                int (*take)(struct scan *scan, unsigned member));
/* The token as the call's model. 0, or -1 refused. */
int scan_model(struct scan *scan);
struct span32 scan_span(const struct scan *scan, struct str text);
/* A name goes into headers, logs and other bodies: text without controls. */
bool scan_is_name(const char *name, size_t len);
/* The token as a whole number from 1 to max, or as a truth (null: false). 0, or
 * -1 refused. */
int scan_count(struct scan *scan, const char *name, uint64_t max,
               uint64_t *count);
int scan_bool(struct scan *scan, const char *name, bool *value);

/* ---- splices (splice.c) ---- */

/* In order of `off`, whatever the order of calls. */
struct splice *splice_add(struct splices *splices, uint32_t off, uint32_t len);
/* Takes up to two members out of an object, whose values these are (len 0: is not
 * there), with the comma that each needs. They are not all that it has. */
void splice_drop_members(struct splices *splices, struct str body,
                         struct span32 one, struct span32 other);
/* Behind what the splice has; it is the last one added. */
void splice_text(struct splices *splices, struct splice *splice,
                 struct str text);
void splice_number(struct splices *splices, struct splice *splice, uint64_t n);
/*
 * A model name as a JSON string. One that does not fit is cut, and the provider
 * will not know it: clients cannot make such names (scan_is_name), only a
 * configuration with control bytes in them.
 */
void splice_name(struct splices *splices, struct splice *splice,
                 struct str name);
/* Whether an object in the body has no member, for the comma behind a new one. */
bool splice_object_is_empty(struct str body, struct span32 object);

#endif
