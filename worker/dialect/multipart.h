/*
 * multipart.h - forms (multipart/form-data, RFC 7578, 2046): what the gateway
 * must know of one to route and to weigh it.
 *
 * Strict, because the provider reads the same bytes after us: what a lenient
 * reader may see otherwise is refused (the boundary anywhere but in a delimiter,
 * bare line ends in heads, folded or doubled fields, encoded parts, a preamble).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_DIALECT_MULTIPART_H
#define AIGW_WORKER_DIALECT_MULTIPART_H

#include "worker/dialect/call.h"
#include "common/check.h"
#include "common/str.h"

enum { MULTIPART_TYPE_BYTES = MULTIPART_BOUNDARY_MAX + 48 };

/* Whether a Content-Type speaks of a form. */
bool multipart_is_form(struct str content_type);
/* Its boundary; false: none, two, or one that may not be. */
bool multipart_boundary(struct str content_type,
                        struct multipart_boundary *boundary);
/* The field's value with that boundary and nothing else, in `text`. */
struct str multipart_content_type(const struct multipart_boundary *boundary,
                                  char text[MULTIPART_TYPE_BYTES]);

struct multipart_reader {
    struct str body;
    char delimiter[MULTIPART_BOUNDARY_MAX + 3]; /* "--" boundary */
    size_t delimiter_len;
    size_t pos; /* of the body: behind a delimiter; where it is bad */
};
struct multipart_part {
    struct str name;  /* with its quotes, no escapes inside */
    bool is_file;     /* it has a file name */
    struct str value; /* all its bytes */
};

enum multipart_result { MULTIPART_PART, MULTIPART_END, MULTIPART_BAD };

/* BAD when the body does not begin with a delimiter. */
enum multipart_result
multipart_begin(struct multipart_reader *reader, struct str body,
                const struct multipart_boundary *boundary);
/* The next part; END: the form is complete; BAD: reader->pos says where. */
enum multipart_result multipart_next(struct multipart_reader *reader,
                                     struct multipart_part *part);

#endif
