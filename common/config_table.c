/*
 * config_table.c - the option table as data, and what works on whole rows.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/config_options.h"

#include <stdio.h>
#include <string.h>

#include "common/config_part.h"
#include "common/ini_part.h"

#define OPTION_ROW(section_, name_, field_, type_, unit_, default_, min_,      \
                   max_, applies_, text_)                                      \
    {.section = CONFIG_SECTION_##section_,                                     \
     .name = #name_,                                                           \
     .type = CONFIG_##type_,                                                   \
     .offset = offsetof(struct config_##section_, field_),                     \
     .unit = unit_,                                                            \
     .fallback = default_,                                                     \
     .min = min_,                                                              \
     .max = max_,                                                              \
     .applies = CONFIG_##applies_,                                             \
     .text = text_},

const struct config_option config_options[] = {CONFIG_OPTIONS(OPTION_ROW)};
const size_t config_option_count = ARRAY_LEN(config_options);

/* The field of each row has the size that its type is read and written with. */
enum {
    BYTES_STRING = sizeof(char *),
    BYTES_URL = sizeof(char *),
    BYTES_SECRET = sizeof(char *),
    BYTES_CHOICE = sizeof(char *),
    BYTES_ENUM = sizeof(unsigned),
    BYTES_LIST = sizeof(struct config_list),
    BYTES_BOOL = sizeof(bool),
    BYTES_UINT = sizeof(unsigned),
    BYTES_U64 = sizeof(uint64_t),
    BYTES_DURATION = sizeof(uint64_t),
    BYTES_SIZE = sizeof(uint64_t),
    BYTES_PRICE = sizeof(int64_t),
    BYTES_UNIT_PRICE = sizeof(int64_t),
    BYTES_SETTING = sizeof(char *),
};
#define OPTION_SIZE(section_, name_, field_, type_, unit_, default_, min_,     \
                    max_, applies_, text_)                                     \
    _Static_assert(sizeof(((struct config_##section_ *)0)->field_) ==          \
                       (size_t)BYTES_##type_,                                  \
                   #section_ "." #name_ " has a field of another type");
CONFIG_OPTIONS(OPTION_SIZE)

#define OPTION_COUNT(...) +1
_Static_assert(0 CONFIG_SERVER_OPTIONS(OPTION_COUNT) <=
                   CONFIG_SECTION_OPTIONS_MAX,
               "one struct config_origin has room for all options");

const char *const config_section_names[CONFIG_SECTION_COUNT] = {
    "server", "admin",    "log",     "balance", "provider", "credential",
    "model",  "endpoint", "gateway", "route",   "alert"};

const struct config_option *
config_option_at(enum config_section section, int idx)
{
    for (size_t i = 0; i < config_option_count; i++)
        if (config_options[i].section == section && idx-- == 0)
            return &config_options[i];
    UNREACHABLE();
}

int
config_find_option(enum config_section section, const char *name)
{
    int idx = 0;
    for (size_t i = 0; i < config_option_count; i++) {
        if (config_options[i].section != section)
            continue;
        if (strcmp(config_options[i].name, name) == 0)
            return idx;
        idx++;
    }
    return -1;
}

bool
config_section_init(enum config_section section, void *fields)
{
    struct buf reason;
    bool good = true;
    buf_init(&reason, 0);
    for (size_t i = 0; i < config_option_count && good; i++) {
        const struct config_option *option = &config_options[i];
        if (option->section == section)
            good = config_value_set(option, fields, option->fallback, false,
                                    &reason);
    }
    buf_fini(&reason);
    return good;
}

void
config_section_free(enum config_section section, void *fields)
{
    for (size_t i = 0; i < config_option_count; i++)
        if (config_options[i].section == section)
            config_value_free(&config_options[i], fields);
}

void
config_fault(struct buf *error, const char *file, int line, const char *format,
             ...)
{
    char reason[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    ini_fault(error, file, line, reason);
}

void
config_fault_at(struct buf *error, const char *path,
                enum config_section section, const struct config_origin *origin,
                const char *option, const char *reason)
{
    const char *file = origin->file != NULL ? origin->file : path;
    int line = origin->line;
    int idx = option == NULL ? -1 : config_find_option(section, option);
    if (idx >= 0 && origin->options[idx].line > 0) {
        file = origin->options[idx].file;
        line = origin->options[idx].line;
    }
    config_fault(error, file, line, "%s%s%s", option != NULL ? option : "",
                 option != NULL ? ": " : "", reason);
}

static unsigned
smallest(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Edit distance (Levenshtein) of two short words; 99 for long ones. */
static unsigned
distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned row[40];
    if (a_len >= ARRAY_LEN(row) || b_len >= ARRAY_LEN(row))
        return 99;
    for (size_t j = 0; j <= b_len; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = smallest(change, row[j] + 1, row[j - 1] + 1);
        }
    }
    return row[b_len];
}

void
config_suggest(const char *wrong, const char *words, struct buf *out)
{
    size_t wrong_len = strlen(wrong);
    /* A third of the letters wrong is still a slip. */
    unsigned best = (unsigned)(wrong_len < 3 ? 1 : wrong_len / 3) + 1;
    struct str found = {NULL, 0};
    while (*words != '\0') {
        size_t n = strcspn(words, "|");
        unsigned d = distance(wrong, wrong_len, words, n);
        size_t both = n < wrong_len ? n : wrong_len;
        if (both >= 3 && memcmp(wrong, words, both) == 0)
            d = 1; /* one begins as the other: warning, warn */
        if (d < best && d < n) {
            best = d;
            found = str_make(words, n);
        }
        words += n + (words[n] == '|' ? 1 : 0);
    }
    if (found.ptr != NULL)
        buf_printf(out, "; did you mean \"%.*s\"?", STR_ARG(found));
}
