/*
 * pattern_set.c - see pattern_set.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/pattern_set.h"

#include <stdlib.h>

#include "common/log.h"

enum { SETS_KEPT = 64 }; /* that nobody holds */

static void
set_free(struct pattern_set *set)
{
    for (unsigned i = 0; i < set->count; i++) {
        pattern_free(&set->rules[i].pattern);
        free(set->rules[i].name);
    }
    free(set->rules);
    free(set->text);
    free(set);
}

/* One line. False: out of memory, or no pattern. */
static bool
add_rule(struct pattern_set *set, const char *line, size_t len, bool named)
{
    struct pattern_rule *rule = &set->rules[set->count];
    char reason[PATTERN_REASON_BYTES] = "it has no name and action";
    size_t name_len = 0;
    const char *text = line;
    if (named) {
        const char *colon = memchr(line, ':', len);
        name_len = colon == NULL ? 0 : (size_t)(colon - line);
        text =
            colon == NULL ? NULL : memchr(colon + 1, ':', len - name_len - 1);
        if (text != NULL)
            rule->blocks = *++colon == 'b';
        text = text == NULL ? NULL : text + 1;
    }
    char *copy =
        text == NULL ? NULL : strndup(text, len - (size_t)(text - line));
    rule->name = strndup(line, name_len);
    rule->pattern = copy == NULL ? NULL : pattern_compile(copy, true, reason);
    free(copy);
    set->count++; /* set_free() takes what there is */
    if (rule->pattern == NULL)
        log_error("a pattern is not usable: %s", reason);
    return rule->name != NULL && rule->pattern != NULL;
}

static struct pattern_set *
set_create(const char *text, bool named)
{
    size_t lines = 1;
    for (const char *p = text; *p != '\0'; p++)
        lines += *p == '\n';
    struct pattern_set *set = calloc(1, sizeof(*set));
    if (set == NULL)
        return NULL;
    set->rules = calloc(lines, sizeof(*set->rules));
    set->text = strdup(text);
    bool good = set->rules != NULL && set->text != NULL;
    for (const char *line = text; good && *line != '\0';) {
        size_t len = strcspn(line, "\n");
        good = add_rule(set, line, len, named);
        line += len + (line[len] == '\n');
    }
    if (!good) {
        set_free(set);
        return NULL;
    }
    return set;
}

/* Those that nobody holds, when there are many: of catalogues that are gone. */
static void
trim(struct pattern_set **list)
{
    unsigned idle = 0;
    for (struct pattern_set **at = list; *at != NULL;) {
        struct pattern_set *set = *at;
        if (set->references == 0 && ++idle > SETS_KEPT) {
            *at = set->next;
            set_free(set);
        } else {
            at = &set->next;
        }
    }
}

struct pattern_set *
pattern_set_get(struct pattern_set **list, const char *text, bool named)
{
    struct pattern_set *set = *list;
    while (set != NULL && strcmp(set->text, text) != 0)
        set = set->next;
    if (set == NULL) {
        trim(list);
        set = set_create(text, named);
        if (set == NULL)
            return NULL;
        set->next = *list;
        *list = set;
    }
    set->references++;
    return set;
}

void
pattern_set_put(struct pattern_set *set)
{
    if (set == NULL)
        return;
    CHECK(set->references > 0);
    set->references--;
}

void
pattern_sets_free(struct pattern_set **list)
{
    while (*list != NULL) {
        struct pattern_set *set = *list;
        *list = set->next;
        set_free(set);
    }
}
