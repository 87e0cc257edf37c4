/*
 * pattern.c - see pattern.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/pattern.h"

#include <stdio.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
    /* Milliseconds, by either way of matching. */
    STEPS_MAX = 200000,
    DEPTH_MAX = 20000,
    HEAP_KIB_MAX = 8 * 1024,
    STACK_FIRST_BYTES = 32 * 1024,
    STACK_MAX_BYTES = 512 * 1024,
};

struct pattern {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *limits;
    pcre2_jit_stack *stack;
};

static bool
set_limits(struct pattern *pattern)
{
    pattern->limits = pcre2_match_context_create(NULL);
    pattern->match = pcre2_match_data_create(1, NULL);
    if (pattern->limits == NULL || pattern->match == NULL)
        return false;
    pcre2_set_match_limit(pattern->limits, STEPS_MAX);
    pcre2_set_depth_limit(pattern->limits, DEPTH_MAX);
    pcre2_set_heap_limit(pattern->limits, HEAP_KIB_MAX);
    return true;
}

/* Machine code where it may be made: else it is interpreted, with one result. */
static void
make_quick(struct pattern *pattern)
{
    uint32_t options = PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD;
    if (pcre2_jit_compile(pattern->code, options) != 0)
        return;
    pattern->stack =
        pcre2_jit_stack_create(STACK_FIRST_BYTES, STACK_MAX_BYTES, NULL);
    if (pattern->stack != NULL)
        pcre2_jit_stack_assign(pattern->limits, NULL, pattern->stack);
}

struct pattern *
pattern_compile(const char *text, bool quick, char reason[PATTERN_REASON_BYTES])
{
    int error = 0;
    PCRE2_SIZE at = 0;
    if (strlen(text) > PATTERN_TEXT_MAX || *text == '\0') {
        snprintf(reason, PATTERN_REASON_BYTES,
                 "a pattern has 1 to %d characters", PATTERN_TEXT_MAX);
        return NULL;
    }
    struct pattern *pattern = calloc(1, sizeof(*pattern));
    if (pattern == NULL || !set_limits(pattern)) {
        snprintf(reason, PATTERN_REASON_BYTES, "out of memory");
        pattern_free(&pattern);
        return NULL;
    }
    pattern->code =
        pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_MATCH_INVALID_UTF |
                          PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_AUTO_CAPTURE,
                      &error, &at, NULL);
    if (pattern->code == NULL) {
        PCRE2_UCHAR words[160] = "";
        pcre2_get_error_message(error, words, sizeof(words));
        snprintf(reason, PATTERN_REASON_BYTES, "%s (at character %zu)",
                 (const char *)words, (size_t)at);
        pattern_free(&pattern);
        return NULL;
    }
    if (quick)
        make_quick(pattern);
    return pattern;
}

void
pattern_free(struct pattern **pointer)
{
    struct pattern *pattern = *pointer;
    if (pattern == NULL)
        return;
    pcre2_code_free(pattern->code);
    pcre2_match_data_free(pattern->match);
    pcre2_match_context_free(pattern->limits);
    pcre2_jit_stack_free(pattern->stack);
    free(pattern);
    *pointer = NULL;
}

enum pattern_result
pattern_search(struct pattern *pattern, struct str text, size_t from, bool more,
               size_t *start, size_t *end)
{
    uint32_t options = PCRE2_NOTEMPTY | (more ? PCRE2_PARTIAL_HARD : 0);
    const char *ptr = text.len > 0 ? text.ptr : "";
    int r = pcre2_match(pattern->code, (PCRE2_SPTR)ptr, text.len, from, options,
                        pattern->match, pattern->limits);
    const PCRE2_SIZE *found = pcre2_get_ovector_pointer(pattern->match);
    if (r == PCRE2_ERROR_NOMATCH)
        return PATTERN_NONE;
    if (r < 0 && r != PCRE2_ERROR_PARTIAL)
        return PATTERN_UNDECIDED;
    *start = found[0];
    *end = found[1];
    return r == PCRE2_ERROR_PARTIAL ? PATTERN_BEGUN : PATTERN_FOUND;
}
