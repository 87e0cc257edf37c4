/*
 * test_aigwctl_toml.c - strings set in a TOML file that others write too.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_toml.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/test.h"

static char result[4096];

static struct toml_path
path_of(const char *name)
{
    return name == NULL ? toml_top() : toml_table("llm", name);
}

static const char *
set(const char *text, const char *name, const char *key, const char *value)
{
    struct buf out;
    struct toml_path path = path_of(name);
    buf_init(&out, 0);
    toml_set(str_from(text), &path, key, value, &out);
    snprintf(result, sizeof(result), "%s", buf_cstr(&out));
    buf_fini(&out);
    return result;
}

static const char *
get(const char *text, const char *name, const char *key)
{
    struct buf out;
    struct toml_path path = path_of(name);
    buf_init(&out, 0);
    bool found = toml_get(str_from(text), &path, key, &out);
    snprintf(result, sizeof(result), "%s", found ? buf_cstr(&out) : "(none)");
    buf_fini(&out);
    return result;
}

static const char *
remove_table(const char *text, const char *name)
{
    struct buf out;
    struct toml_path path = path_of(name);
    buf_init(&out, 0);
    toml_remove(str_from(text), &path, &out);
    snprintf(result, sizeof(result), "%s", buf_cstr(&out));
    buf_fini(&out);
    return result;
}

#define CHECK_TEXT(got, want) CHECK_TRUE(strcmp(got, want) == 0)

TEST(a_value_is_set_and_all_else_stays)
{
    static const struct {
        const char *text, *name, *key, *value, *want;
    } cases[] = {
        {"", NULL, "d", "x", "d = \"x\"\n"},
        {"", "a", "k", "x", "[llm.a]\nk = \"x\"\n"},
        {"", "a", "k", NULL, ""},
        {"", "a b.c\"", "k", "x", "[llm.\"a b.c\\\"\"]\nk = \"x\"\n"},
        {"[llm.a]\nk='1' # c\nz=1\n", "a", "k", "2",
         "[llm.a]\nk = \"2\"\nz=1\n"},
        {"[llm.a]\nk='1'\nz=1\n", "a", "k", NULL, "[llm.a]\nz=1\n"},
        {"# top\n\n[llm.a]\nz=1\n\n# of b\n[llm.b]\ny=2", "a", "k", "v",
         "# top\n\n[llm.a]\nz=1\nk = \"v\"\n\n# of b\n[llm.b]\ny=2\n"},
        {"a=1\n# c\n[t]\nd=\"mine\"\n", NULL, "d", "x",
         "a=1\nd = \"x\"\n# c\n[t]\nd=\"mine\"\n"},
        /* What looks like a header in a value is none. */
        {"a = \"\"\"\n[llm.a]\nk = 'no'\n\"\"\"\n", "a", "k", "v",
         "a = \"\"\"\n[llm.a]\nk = 'no'\n\"\"\"\n\n[llm.a]\nk = \"v\"\n"},
        {"a = [ # ]\n  '[llm.a]',\n  2 ]\nk = 0\n", NULL, "k", "v",
         "a = [ # ]\n  '[llm.a]',\n  2 ]\nk = \"v\"\n"},
        {"[ llm . 'a' ]\r\nk = 1\r\n", "a", "k", "v",
         "[ llm . 'a' ]\r\nk = \"v\"\n"},
        {"[[llm.a]]\nk=1\n", "a", "k", "v",
         "[[llm.a]]\nk=1\n\n[llm.a]\nk = \"v\"\n"},
        {"[llm.a]\nx.k = 1\n", "a", "k", "v\n\x01",
         "[llm.a]\nx.k = 1\nk = \"v\\u000A\\u0001\"\n"},
    };
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++)
        CHECK_TEXT(
            set(cases[i].text, cases[i].name, cases[i].key, cases[i].value),
            cases[i].want);
}

TEST(strings_are_read_as_they_are_written)
{
    CHECK_TEXT(get("k = \"a\\\"b\\u00e9\\U0001F600\\n\"", NULL, "k"),
               "a\"b\xc3\xa9\xf0\x9f\x98\x80\n");
    CHECK_TEXT(get("k = 'a\\b' # c", NULL, "k"), "a\\b");
    CHECK_TEXT(get("k = \"\"", NULL, "k"), "");
    CHECK_TEXT(get("k = \"\"\"x\"\"\"", NULL, "k"), "(none)");
    CHECK_TEXT(get("k = 5", NULL, "k"), "(none)");
    CHECK_TEXT(get("k = \"\\ud800\"", NULL, "k"), "(none)");
    CHECK_TEXT(get("k = \"open\n", NULL, "k"), "(none)");
    CHECK_TEXT(get("[llm.b]\nk = 'b'\n[llm.a]\nk = 'a'\n", "a", "k"), "a");
    CHECK_TEXT(get("[llm.\"a\"]\n\"k\" = 'q'\n", "a", "k"), "q");
    CHECK_TEXT(get(set("", "n", "k", "\"\\\t\x7f\xc3\xa9"), "n", "k"),
               "\"\\\t\x7f\xc3\xa9");
}

TEST(a_table_goes_with_what_is_below_it_and_others_keep_their_comments)
{
    static const char text[] =
        "x = 1\n\n[llm.a]\n# inside\nk = [\n 1 ]\n\n"
        "[llm.a.more]\ny = 2\n\n# of b\n[llm.b]\nz = 3\n";
    CHECK_TEXT(remove_table(text, "a"), "x = 1\n\n# of b\n[llm.b]\nz = 3\n");
    CHECK_TEXT(remove_table(text, "none"), text);
    CHECK_TEXT(remove_table("[llm.b]\nz = 3\n", "b"), "");
}

TEST(names_come_in_order_and_other_forms_are_seen)
{
    static const char *const other[] = {
        "llm.a.k = 1\n",         "llm = {a = {k = 1}}\n",
        "[llm]\na.k = 1\n",      "[llm]\na = {k = 1}\n",
        "[[llm]]\nname = 'a'\n", "x = 1\n\"llm\".a = 2\n",
    };
    cJSON *names = toml_names(
        STR_LIT("[llm.b]\n[llm]\n[llm.'a b']\n[x.c]\n[llm.b.d]\n"), "llm");
    char *text = cJSON_PrintUnformatted(names);
    CHECK_TEXT(text, "[\"b\",\"a b\"]");
    free(text);
    cJSON_Delete(names);
    CHECK_TRUE(
        toml_is_plain(STR_LIT("[llm]\n[llm.a]\nk=1\n[x]\nllm=1\n"), "llm"));
    for (unsigned i = 0; i < ARRAY_LEN(other); i++)
        CHECK_TRUE(!toml_is_plain(str_from(other[i]), "llm"));
}

/* Whatever stands in the file, nothing is read beyond it, and what is set is
 * read again. */
TEST(any_text_is_borne)
{
    static const char alphabet[] = "[]{}=.\"'#\n\r\\ abllmku0\x80";
    unsigned seed = 12345;
    for (unsigned i = 0; i < 20000; i++) {
        char text[40], *exact;
        size_t len = i % sizeof(text);
        for (size_t j = 0; j < len; j++) {
            seed = seed * 1103515245u + 12345u;
            text[j] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
        }
        exact = malloc(len + 1); /* a sanitizer sees a byte too many */
        memcpy(exact, text, len);
        struct str view = {exact, len};
        struct toml_path path = toml_table("llm", "a");
        struct buf out, value;
        buf_init(&out, 0);
        buf_init(&value, 0);
        cJSON_Delete(toml_names(view, "llm"));
        (void)toml_is_plain(view, "llm");
        bool found = toml_get(view, &path, "k", &value);
        CHECK_TRUE(found || buf_len(&value) <= len);
        toml_remove(view, &path, &out);
        buf_reset(&out);
        toml_set(view, &path, "k", "v", &out);
        CHECK_TRUE(buf_len(&out) > len);
        free(exact);
        buf_fini(&out);
        buf_fini(&value);
    }
}
