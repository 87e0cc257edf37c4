/*
 * words.c - see words.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "shm/layout.h"

const struct word words_unit[] = {
    {"tokens", SHM_TOKENS}, {"currency", SHM_NANO}, {NULL, 0}};
const struct word words_period[] = {{"daily", SHM_PERIOD_DAILY},
                                    {"weekly", SHM_PERIOD_WEEKLY},
                                    {"monthly", SHM_PERIOD_MONTHLY},
                                    {"total", SHM_PERIOD_TOTAL},
                                    {NULL, 0}};
const struct word words_on_exhausted[] = {
    {"default", SHM_ON_DEFAULT}, {"reject", SHM_ON_REJECT},
    {"clamp", SHM_ON_CLAMP},     {"cut", SHM_ON_CUT},
    {"finish", SHM_ON_FINISH},   {NULL, 0}};
const struct word words_hold[] = {{"slice", 0}, {"worst", 1}, {NULL, 0}};
const struct word words_crash_charge[] = {
    {"progress", 0}, {"reserved", 1}, {NULL, 0}};
const struct word words_acl_type[] = {{"deny", 0}, {"allow", 1}, {NULL, 0}};

const char *
word_text(const struct word *words, uint32_t value)
{
    for (; words->text != NULL; words++)
        if (words->value == value)
            return words->text;
    return "unknown";
}

int
word_value(const struct word *words, const char *text, uint32_t *value)
{
    for (; words->text != NULL; words++) {
        if (strcmp(words->text, text) == 0) {
            *value = words->value;
            return 0;
        }
    }
    return -ENOENT;
}

void
word_list(const struct word *words, char *out, unsigned size)
{
    unsigned at = 0;
    out[0] = '\0';
    for (; words->text != NULL && at < size; words++) {
        const char *joint = words[1].text == NULL   ? ""
                            : words[2].text == NULL ? " or "
                                                    : ", ";
        int n = snprintf(out + at, size - at, "%s%s", words->text, joint);
        at += n > 0 ? (unsigned)n : 0;
    }
}
