/*
 * openai_write.h - between the files that write a provider's chat request.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_DIALECT_OPENAI_WRITE_H
#define AIGW_WORKER_DIALECT_OPENAI_WRITE_H

#include "worker/dialect/openai_canon.h"
#include "worker/provider/provider.h"

/* A body under way. */
struct openai_writing {
    struct canon_request *request;
    const struct canon_target *target;
    struct fault *fault;
    uint32_t quirks;
    struct json_writer json;
};

/* ---- openai_write_part.c; parts of [from, to), results and what they hold
 * passed over ---- */

void openai_write_tool_id(struct openai_writing *writing, struct str id);
bool openai_is_text(const struct canon_part *part);
/* The part behind this one and what it holds. */
uint32_t openai_part_next(const struct canon_request *request, uint32_t at);
/* All texts as one string, empty lines between, behind `prefix`. */
void openai_write_texts(struct openai_writing *writing, uint32_t from,
                        uint32_t to, const char *prefix);
/* A string, or a list where there is more than text. 0, or -1 refused. */
int openai_write_content(struct openai_writing *writing, uint32_t from,
                         uint32_t to);
/* What is no text, as elements of the list under way. 0, or -1 refused. */
int openai_write_pictures(struct openai_writing *writing, uint32_t from,
                          uint32_t to);

/* ---- openai_write_message.c ---- */

/* "messages": [...]. 0, or -1 refused. */
int openai_write_messages(struct openai_writing *writing);

#endif
