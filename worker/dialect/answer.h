/*
 * answer.h - an answer while it passes: what is learnt from its bytes, whatever
 * its dialect, and what that comes to.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_DIALECT_ANSWER_H
#define AIGW_WORKER_DIALECT_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/json_scan.h"
#include "common/price_tier.h"
#include "common/usage.h"
#include "worker/dialect/call.h"

struct dialect;

enum event_verdict { EVENT_PASS, EVENT_WITHHOLD };

/* What a plain answer's content type says of its bytes. */
enum answer_body_kind {
    ANSWER_JSON,   /* or nothing */
    ANSWER_TEXT,   /* all of it is output */
    ANSWER_BINARY, /* sound, pictures */
};
enum answer_body_kind answer_body_kind(struct str content_type);

/*
 * What a model makes, by how many tokens its bytes stand for. Where a provider
 * states no usage that is charged, and a stream's lease must cover it before it
 * passes: so it errs high, but not by so much that pictures cost a budget.
 */
enum answer_content {
    ANSWER_WORDS,   /* text, thoughts (readable or not), arguments */
    ANSWER_PICTURE, /* base64: as text, yet no more than the dearest costs */
    ANSWER_SOUND,   /* base64 */
    ANSWER_LIST,    /* a JSON list with an element for each token */
};

/* What an answer has counted: to forget what is cut off and not passed. */
struct answer_counted {
    uint64_t events, ascii, other, media, listed, sequence;
};

/* Where a count of string content stands, so that text may come in pieces cut
 * anywhere, escapes and UTF-8 included. All zero: outside of any escape. */
struct text_count {
    uint8_t escape_left; /* 0; 5: behind a backslash; 4..1: digits to come */
    uint16_t escape_value;
};

enum { ANSWER_KEY_BYTES = 24, ANSWER_TAPPED = 6 };
enum {
    /* OpenAI's largest at its best is 6,240, Google's 2,520. */
    ANSWER_PICTURE_TOKENS = 8192,
    /* 8 bits at 8 kHz, in base64, have 530 bytes a token. */
    ANSWER_SOUND_BYTES = 256,
};

/* Where the count of a plain answer's text stands (answer_plain.c). */
struct plain_count {
    uint8_t state;
    uint8_t key_len;
    bool counting;           /* the string under way is output */
    uint32_t left;           /* of its bytes, those that still count */
    bool is_sound, in_sound; /* the last name is "audio"; inside of its value */
    char key[ANSWER_KEY_BYTES]; /* the last string, until it proves a key */
    struct text_count text;
};

/* What is captured of a plain answer: 10 KiB, which hardly any answer needs. */
struct answer_tap {
    struct json_tap tap;
    struct json_tap_value values[ANSWER_TAPPED];
};

/*
 * What a dialect's read_event() remembers from one event of an answer to the
 * next; zeros at its start. Which word means what is the dialect's own.
 */
struct answer_reader {
    struct usage usage; /* overlaid so far */
    uint64_t words[8];
    uint32_t flags;
};

/*
 * An answer while it passes. The owner sets `tap` to NULL once, then for each
 * answer dialect, endpoint, stream and withhold_usage, and calls answer_begin,
 * which clears the rest; answer_release() at last.
 */
struct answer {
    const struct dialect *dialect;
    uint8_t endpoint;
    bool stream, withhold_usage; /* we asked for usage, the client did not */
    /* learnt */
    struct usage_stated stated;
    bool usage_seen, finish_seen, done_seen, error_seen;
    bool usage_odd; /* a stated number was no count at all (beyond 2^53) */
    uint64_t content_events, ascii_bytes, other_chars;
    uint64_t media_tokens;        /* of pictures and sound, at most */
    uint64_t listed_tokens;       /* of lists of tokens: the same as the text */
    uint64_t output_when_stated;  /* answer_output_estimate() at that time */
    uint8_t choice_top;           /* highest choice index seen */
    uint8_t service_tier;         /* enum service_tier, as last stated */
    uint64_t choices_finished[2]; /* a bit per choice index */
    char id[96], model[CALL_MODEL_BYTES];
    uint64_t created;
    uint64_t sequence; /* of the client's next event, where they are numbered */
    bool bad;          /* plain answer that is not JSON */
    /* enum answer_body_kind; the owner's, behind answer_begin */
    uint8_t body_kind;
    /* The provider stated the classes themselves (Anthropic, Gemini ...): they
     * stand here, and `stated` has their sums. */
    bool usage_is_split;
    struct usage split;
    struct answer_reader reader;
    struct plain_count plain;
    /* Who listens to the text of streams, the insides of JSON strings; NULL:
     * nobody. The owner's, behind answer_begin. */
    void (*on_text)(void *listener, struct str inside);
    void *listener;
    struct answer_tap *tap; /* NULL until a plain answer comes in pieces */
};

/* Output so far: max(events, ascii / 4 rounded up + other characters + media,
 * listed). */
uint64_t answer_output_estimate(const struct answer *answer);
struct answer_counted answer_counted(const struct answer *answer);
void answer_count_back(struct answer *answer,
                       const struct answer_counted *before);
/* A piece of content: a string's inside, or a list as it stood. */
void answer_count(struct answer *answer, enum answer_content kind,
                  struct str piece);
/* Its output was stated: what is counted from now on, it does not include. */
void answer_note_stated(struct answer *answer);
/* Whether it stated a usage that a call can have. */
bool answer_states_usage(const struct answer *answer, const struct call *call);
/* A member "service_tier"; nothing stated where it is no text, or {NULL, 0}. */
void answer_learn_service(struct answer *answer, struct str value);
/* The provider's own split into classes, whole: a later one replaces it. */
void answer_state_split(struct answer *answer, const struct usage *usage);
/* Gives back what a plain answer in pieces made necessary. */
void answer_release(struct answer *answer);
/*
 * The six classes when the provider stated usage; else the estimate (prompt
 * estimate + output so far) and *estimated. What a stream stated before its last
 * words is no more than a lower bound: then the greater of that and what was
 * seen, and *estimated.
 */
void answer_usage(const struct answer *answer, const struct call *call,
                  struct usage *usage, bool *estimated, bool *ambiguous);
/* Counts a decoded-length estimate of a JSON string span (with its quotes)
 * without decoding: adds to ascii bytes and other characters. */
void answer_count_text(struct answer *answer, struct str json_string);
/* The same for a part of a string's inside, cut anywhere. */
void answer_count_part(struct answer *answer, struct text_count *state,
                       struct str part);
/* Counts the output in a piece of a plain answer: the strings under "content",
 * "text", "arguments" and the names of hidden text, and under "data" as of a
 * picture. Any split gives the same. */
void answer_count_plain(struct answer *answer, struct str piece);
/* The same in a piece of an answer that is no JSON. */
void answer_count_other(struct answer *answer, struct str piece);

#endif
