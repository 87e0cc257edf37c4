/*
 * http_parse_part.h - the parts of http_parse.c that stand in other files.
 *
 * Each gets one line without its CR LF, in which http_parse.c found no control
 * byte but HTAB. false: head->error_status and error_reason are set.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_NET_HTTP_PARSE_PART_H
#define AIGW_COMMON_NET_HTTP_PARSE_PART_H

#include "common/net/http_parse.h"

/* Always false, for `return http_refuse(...)`. `reason` is a literal. */
COLD bool http_refuse(struct http_head *head, uint16_t status,
                      const char *reason);

/* http_parse_line.c: the first line. */
bool http_parse_request_line(struct http_head *head,
                             struct str line) MUST_CHECK;
bool http_parse_status_line(struct http_head *head, struct str line) MUST_CHECK;
/* uri-host [":" port] of RFC 3986; no user information, no percent escapes. */
bool http_is_authority(struct str s);

/* http_parse_fields.c: field lines, and what they say together at the end. */
bool http_parse_field_line(struct http_head *head, struct str line) MUST_CHECK;
bool http_finish_request(struct http_head *head) MUST_CHECK;
bool http_finish_response(struct http_head *head,
                          bool to_head_request) MUST_CHECK;

#endif
