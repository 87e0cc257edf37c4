/*
 * test_settings.c - the table of settings: values, layers, texts.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/config_part.h"
#include "common/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ini_part.h"
#include "tests/test.h"

static int
find_provider(const void *context, struct str name)
{
    (void)context;
    if (str_equals(name, STR_LIT("a")))
        return 3;
    return str_equals(name, STR_LIT("b")) ? 7 : -1;
}

static int
put(struct settings *settings, enum setting setting, const char *text)
{
    struct buf reason;
    buf_init(&reason, 0);
    int r = settings_put(settings, setting, str_from(text), find_provider, NULL,
                         &reason);
    CHECK_EQ(r<0, buf_len(&reason)> 0);
    buf_fini(&reason);
    return r;
}

/* Rows of the table in OPERATIONS.md. */
static void
write_table(struct buf *out)
{
    buf_append_cstr(out, "| setting | values | default | fields | what |\n"
                         "|---|---|---|---|---|\n");
    for (int i = 0; i < SETTINGS; i++) {
        const struct setting_row *row = &setting_rows[i];
        static const char *const types[] = {
            "",     "number",    "yes, no",     "time",
            "time", "providers", "credentials", "profile"};
        buf_printf(out, "| `%s` | ", row->name);
        for (const char *p = row->words; *p != '\0'; p++)
            buf_append_cstr(out, *p == '|' ? ", " : (char[2]){*p, 0});
        buf_printf(out, "%s | %s | ", types[row->type],
                   row->fallback[0] != '\0' ? row->fallback : "none");
        if (row->cf_header[0] != '\0')
            buf_printf(out, "`%s`%s", row->cf_header,
                       row->own_header[0] != '\0' ? ", " : "");
        if (row->own_header[0] != '\0')
            buf_printf(out, "`%s`", row->own_header);
        buf_printf(out, " | %s |\n", row->text);
    }
}

static const char *
find_text(const struct buf *text, const char *wanted)
{
    return memmem(buf_ptr(text), buf_len(text), wanted, strlen(wanted));
}

/* Options of what calls go to and through; of [server] what the cache has. */
static bool
is_of_calls(const struct config_option *option)
{
    /* The other table has settings; a credential has none, but options so called. */
    if (option->section != CONFIG_SECTION_credential &&
        settings_find(str_from(option->name)) >= 0)
        return false;
    switch (option->section) {
    case CONFIG_SECTION_provider:
    case CONFIG_SECTION_credential:
    case CONFIG_SECTION_model:
    case CONFIG_SECTION_endpoint:
    case CONFIG_SECTION_gateway:
    case CONFIG_SECTION_route:
        return true;
    default:
        return option->section == CONFIG_SECTION_server &&
               strncmp(option->name, "cache_", 6) == 0;
    }
}

static void
write_cell(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++)
        buf_append_cstr(out, *text == '|' ? "\\|" : (char[2]){*text, 0});
}

static void
write_options(struct buf *out)
{
    buf_append_cstr(out, "| section | option | default | what |\n"
                         "|---|---|---|---|\n");
    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *option = &config_options[i];
        if (!is_of_calls(option))
            continue;
        buf_printf(out, "| %s | `%s` | ", config_section_names[option->section],
                   option->name);
        write_cell(out,
                   option->fallback[0] != '\0' ? option->fallback : "none");
        buf_append_cstr(out, " | ");
        write_cell(out, option->text);
        buf_append_cstr(out, " |\n");
    }
}

/* AIGW_UPDATE=1 writes the table anew, after a change of the rows. */
static void
check_table(const char *first_mark, const char *last_mark,
            void (*write_rows)(struct buf *out))
{
    struct buf table, have, want;
    buf_init(&table, 0);
    buf_init(&have, 0);
    buf_init(&want, 0);
    write_rows(&table);
    CHECK_EQ(ini_read_whole("OPERATIONS.md", &have), 0);
    const char *begin = find_text(&have, first_mark);
    const char *end = find_text(&have, last_mark);
    CHECK_TRUE(begin != NULL && end != NULL);
    const char *all_end = buf_ptr(&have) + buf_len(&have);
    begin = memchr(begin, '\n', (size_t)(all_end - begin)) + 1;
    buf_append(&want, buf_ptr(&have), (size_t)(begin - buf_ptr(&have)));
    buf_append_str(&want, buf_view(&table));
    buf_append(&want, end, (size_t)(all_end - end));
    if (getenv("AIGW_UPDATE") != NULL) {
        FILE *file = fopen("OPERATIONS.md", "w");
        fwrite(buf_ptr(&want), 1, buf_len(&want), file);
        fclose(file);
        CHECK_EQ(0, 0);
    } else {
        CHECK_TRUE(str_equals(buf_view(&want), buf_view(&have)));
    }
    buf_fini(&table);
    buf_fini(&have);
    buf_fini(&want);
}

TEST(the_guide_has_the_table)
{
    check_table("<!-- settings:", "<!-- end of settings -->", write_table);
}

TEST(the_guide_has_the_options_of_what_calls_go_through)
{
    check_table("<!-- options:", "<!-- end of options -->", write_options);
}

TEST(defaults_are_whole)
{
    struct settings s;
    settings_init(&s);
    CHECK_EQ(s.set, 0);
    CHECK_EQ(s.values[SETTING_SORT], SORT_ORDER);
    CHECK_EQ(s.values[SETTING_ALLOW_FALLBACKS], 1);
    CHECK_EQ(s.values[SETTING_RETRY_DELAY], 500);
    CHECK_EQ(s.values[SETTING_COLLECT_LOG], 1);
    for (int i = 0; i < SETTINGS; i++)
        CHECK_EQ(settings_find(str_from(setting_rows[i].name)), i);
    CHECK_EQ(settings_find(STR_LIT("no_such")), -1);
}

TEST(values_of_each_type)
{
    static const struct {
        enum setting setting;
        const char *text;
        int64_t value; /* -1: refused */
    } cases[] = {
        {SETTING_SORT, "price", SORT_PRICE},
        {SETTING_SORT, "pric", -1},
        {SETTING_SORT, "", -1},
        {SETTING_SORT, "order|draw", -1},
        {SETTING_SHADOW, "true", 1},
        {SETTING_SHADOW, "no", 0},
        {SETTING_SHADOW, "1", -1},
        {SETTING_MAX_ATTEMPTS, "5", 5},
        {SETTING_MAX_ATTEMPTS, "11", -1},
        {SETTING_MAX_ATTEMPTS, "-1", -1},
        {SETTING_MAX_ATTEMPTS, "5s", -1},
        {SETTING_RETRY_DELAY, "250", 250},
        {SETTING_RETRY_DELAY, "2s", 2000},
        {SETTING_RETRY_DELAY, "6s", -1},
        {SETTING_RETRY_DELAY, "2 s", -1},
        {SETTING_CACHE_TTL, "90", 90},
        {SETTING_CACHE_TTL, "10m", 600},
        {SETTING_CACHE_TTL, "1500ms", 1},
        {SETTING_CACHE_TTL, "99999999999999999999", -1},
        {SETTING_CACHE_TTL, "4294967296", -1},
        {SETTING_CACHE_TTL, "", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct settings s = {0};
        int r = put(&s, cases[i].setting, cases[i].text);
        CHECK_EQ(r, cases[i].value < 0 ? -EINVAL : 0);
        CHECK_EQ(settings_has(&s, cases[i].setting), r == 0);
        if (r == 0)
            CHECK_EQ(s.values[cases[i].setting], cases[i].value);
    }
}

TEST(lists_of_providers)
{
    struct settings s = {0};
    CHECK_EQ(put(&s, SETTING_PROVIDERS, "b, a"), 0);
    CHECK_EQ(s.lists[SETTINGS_ORDER].count, 2);
    CHECK_EQ(s.lists[SETTINGS_ORDER].idx[0], 7);
    CHECK_EQ(s.lists[SETTINGS_ORDER].idx[1], 3);
    CHECK_EQ(put(&s, SETTING_ONLY, "c"), -EINVAL);
    CHECK_EQ(put(&s, SETTING_ONLY, "a,,b"), -EINVAL);
    CHECK_EQ(put(&s, SETTING_ONLY, "a,a,a,a,a,a,a,a,a"), -EINVAL);
    CHECK_TRUE(!settings_has(&s, SETTING_ONLY));
}

TEST(upper_layers_win)
{
    struct settings low, up = {0};
    settings_init(&low);
    CHECK_EQ(put(&low, SETTING_SORT, "price"), 0);
    CHECK_EQ(put(&low, SETTING_ONLY, "a"), 0);
    CHECK_EQ(put(&up, SETTING_CACHE_TTL, "60"), 0);
    CHECK_EQ(put(&up, SETTING_ONLY, "b"), 0);
    settings_merge(&low, &up);
    CHECK_EQ(low.values[SETTING_SORT], SORT_PRICE);
    CHECK_EQ(low.values[SETTING_CACHE_TTL], 60);
    CHECK_EQ(low.lists[SETTINGS_ONLY].idx[0], 7);
    CHECK_EQ(low.values[SETTING_ALLOW_FALLBACKS], 1);
}

TEST(texts_that_are_kept)
{
    struct settings s = {0};
    struct buf reason;
    buf_init(&reason, 0);
    /* A provider that is gone leaves its list; an empty one allows nobody. */
    CHECK_EQ(settings_read(&s,
                           STR_LIT("sort = latency\nproviders = gone, a\n"
                                   "only=gone\n\n  shadow = yes"),
                           find_provider, NULL, &reason),
             0);
    CHECK_EQ(s.values[SETTING_SORT], SORT_LATENCY);
    CHECK_EQ(s.lists[SETTINGS_ORDER].count, 1);
    CHECK_TRUE(settings_has(&s, SETTING_ONLY));
    CHECK_EQ(s.lists[SETTINGS_ONLY].count, 0);
    CHECK_EQ(s.values[SETTING_SHADOW], 1);
    CHECK_EQ(settings_read(&s, STR_LIT("sort"), find_provider, NULL, &reason),
             -EINVAL);
    CHECK_EQ(
        settings_read(&s, STR_LIT("srt = price"), find_provider, NULL, &reason),
        -EINVAL);
    buf_fini(&reason);
    CHECK_TRUE(settings_name_hash(STR_LIT("main")) != 0);
    CHECK_EQ(settings_name_hash(STR_LIT("main")),
             settings_name_hash(STR_LIT("main")));
}
