/*
 * redact.h - bodies without what the operator's patterns name, and not longer
 * than is kept. Matches are looked for in strings as they are meant, escapes
 * decoded, so that no spelling of a secret passes.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_REDACT_H
#define AIGW_WORKER_REDACT_H

#include "worker/pattern_set.h"

enum { REDACT_SETS = 2 };

/* What holds for one call; NULL: none. */
struct redaction {
    struct pattern_set *sets[REDACT_SETS];
};

/*
 * redact_text, redact_json - appends `text` to `out`, matches replaced by
 * "[redacted]", at most `max` bytes of it; true: there is more. A match across
 * `max` is found where it is not longer than PATTERN_SPAN. `more`: the text goes
 * on behind what there is of it, so its last PATTERN_SPAN bytes only serve to
 * find what crosses their beginning. What cannot be decided
 * in time is left out as a whole. JSON that breaks off or is none goes on as
 * text.
 */
bool redact_text(struct buf *out, struct str text, size_t max, bool more,
                 const struct redaction *redaction);
bool redact_json(struct buf *out, struct str body, size_t max, bool more,
                 const struct redaction *redaction);

#endif
