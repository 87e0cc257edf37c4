/*
 * test_ini.c - the reader of aigw.ini.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/ini.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/test.h"

static struct buf seen, error;

/* "type|name|option=value$;" for each entry; $ for a secret source. */
static int
note_entry(const struct ini_entry *entry, void *context, struct buf *faults)
{
    const char *stop_at = context;
    buf_printf(&seen, "%s|%s|", entry->section, entry->name);
    if (entry->option != NULL)
        buf_printf(&seen, "%s=%s%s", entry->option, entry->value,
                   entry->secret_source ? "$" : "");
    buf_append_char(&seen, ';');
    if (stop_at == NULL || entry->option == NULL ||
        strcmp(stop_at, entry->option) != 0)
        return 0;
    buf_append_cstr(faults, "stopped");
    return 7;
}

static void
begin(void)
{
    buf_fini(&seen);
    buf_fini(&error);
    buf_init(&seen, 0);
    buf_init(&error, 0);
}

static int
read_text(struct str text)
{
    begin();
    return ini_read_text(text, "text", note_entry, NULL, &error);
}

static void
write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    CHECK_TRUE(file != NULL && fputs(text, file) >= 0);
    fclose(file);
}

static int
read_file(const char *text)
{
    static char folder[] = "/tmp/aigw-test-ini-XXXXXX";
    static bool made;
    if (!made) {
        CHECK_TRUE(mkdtemp(folder) != NULL && chdir(folder) == 0);
        made = true;
    }
    begin();
    write_file("main.ini", text);
    return ini_read_file("main.ini", note_entry, NULL, &error);
}

TEST(sections_and_options_are_read)
{
    CHECK_EQ(read_text(STR_LIT("\xef\xbb\xbf; comment\n# comment\n\n"
                               "[server]\r\n a = 1 \r\nb=\n"
                               "  [ model.qwen/qwen3-max ]\n"
                               "c = x ; y # z\nd = = \"q\" \n[model.a.b]]\n"
                               "e\t=\tone\ttwo")),
             0);
    CHECK_STR(buf_view(&seen),
              "server||;server||a=1;server||b=;model|qwen/qwen3-max|;"
              "model|qwen/qwen3-max|c=x ; y # z;model|qwen/qwen3-max|d== "
              "\"q\";model|a.b]|;model|a.b]|e=one\ttwo;");
    CHECK_EQ(buf_len(&error), 0);
}

TEST(bad_lines_are_named_and_passed_over)
{
    CHECK_EQ(read_text(STR_LIT("a = 1\n[x\n[]\n[.y]\n[y.]\n[ok]\nnonsense\n"
                               "= 1\nb = \x01\nc = 2\n")),
             -EINVAL);
    CHECK_STR(buf_view(&seen), "ok||;ok||c=2;");
    CHECK_STR(buf_view(&error),
              "text:1: an option stands before the first [section]\n"
              "text:2: a section header ends with \"]\"\n"
              "text:3: a section header is [type] or [type.name]\n"
              "text:4: a section header is [type] or [type.name]\n"
              "text:5: a section header is [type] or [type.name]\n"
              "text:7: expected \"name = value\" or \"[section]\"\n"
              "text:8: there is no option of such a name\n"
              "text:9: the line has a control character");
    CHECK_EQ(read_text(str_make("[a]\nb = c\0d\n", 12)), -EINVAL);
}

TEST(a_text_in_memory_is_taken_as_it_stands)
{
    CHECK_EQ(read_text(STR_LIT("[a]\nb = ${HOME}\nc = file:/etc/passwd\n"
                               "include = *\n")),
             0);
    CHECK_STR(buf_view(&seen), "a||;a||b=${HOME};a||c=file:/etc/passwd;"
                               "a||include=*;");
}

TEST(lines_may_have_64_kib)
{
    static char text[70000];
    memset(text, 'x', sizeof(text));
    memcpy(text, "[a]\nb = ", 8);
    CHECK_EQ(read_text(str_make(text, 4 + 65536)), 0);
    CHECK_EQ(read_text(str_make(text, 4 + 65537)), -EINVAL);
    CHECK_STR(buf_view(&error), "text:2: the line is longer than 64 KiB");
}

TEST(the_callback_stops_the_reading)
{
    begin();
    char stop[] = "b";
    CHECK_EQ(ini_read_text(STR_LIT("[a]\nb = 1\nc = 2\n"), "text", note_entry,
                           stop, &error),
             7);
    CHECK_STR(buf_view(&seen), "a||;a||b=1;");
    CHECK_EQ(read_file(""), 0);
    write_file("part.ini", "[a]\nb = 1\n");
    write_file("main.ini", "include = part.ini\n[c]\n");
    begin();
    CHECK_EQ(ini_read_file("main.ini", note_entry, stop, &error), 7);
    CHECK_STR(buf_view(&seen), "a||;a||b=1;");
}

TEST(values_come_from_the_environment_and_from_files)
{
    CHECK_EQ(read_file(""), 0);
    setenv("AIGW_TEST_A", "one", 1);
    setenv("AIGW_TEST_FILE", "file:secret", 1);
    setenv("CREDENTIALS_DIRECTORY", ".", 1);
    write_file("secret", "  from file \n");
    CHECK_EQ(read_file("[s]\na = ${AIGW_TEST_A}\nb = x${AIGW_TEST_A}y$z\n"
                       "c = file:secret\nd = cred:secret\n"
                       "e = ${AIGW_TEST_FILE}\nf = file:${AIGW_TEST_A}\n"),
             -EINVAL);
    CHECK_STR(buf_view(&seen),
              "s||;s||a=one$;s||b=xoney$z$;s||c=from file$;s||d=from file$;"
              "s||e=file:secret$;");
    CHECK_STR(buf_view(&error), "main.ini:7: one: No such file or directory");
}

TEST(values_that_cannot_be_had_are_named)
{
    unsetenv("CREDENTIALS_DIRECTORY");
    unsetenv("AIGW_TEST_NOT_SET");
    CHECK_EQ(read_file("[s]\na = ${AIGW_TEST_NOT_SET}\nb = ${A\nc = ${}\n"
                       "d = file:\ne = cred:x\nf = file:.\ng = file:two\n"),
             -EINVAL);
    write_file("two", "a\nb\n");
    CHECK_EQ(read_file("[s]\nd = file:\ne = cred:x\nf = file:.\n"
                       "g = file:two\n"),
             -EINVAL);
    CHECK_STR(buf_view(&error),
              "main.ini:2: file: is followed by a path\n"
              "main.ini:3: cred: needs $CREDENTIALS_DIRECTORY, which systemd "
              "sets\n"
              "main.ini:4: .: Is a directory\n"
              "main.ini:5: the value has a control character or more than one "
              "line");
    setenv("CREDENTIALS_DIRECTORY", ".", 1);
    CHECK_EQ(read_file("[s]\na = cred:../two\n"), -EINVAL);
    unlink("two");
}

TEST(includes_are_read_in_order_beside_their_file)
{
    CHECK_EQ(read_file(""), 0);
    mkdir("conf.d", 0700);
    write_file("conf.d/2.ini", "[two]\nb = 2\n");
    write_file("conf.d/1.ini", "[one]\na = 1\ninclude = more\n");
    write_file("conf.d/more", "[more]\nm = file:secret\n");
    write_file("conf.d/secret", "s");
    CHECK_EQ(read_file("[main]\nx = 1\ninclude = conf.d/*.ini\ny = 2\n"), 0);
    CHECK_STR(buf_view(&seen),
              "main||;main||x=1;one||;one||a=1;more||;more||m=s$;two||;"
              "two||b=2;main||y=2;");
    CHECK_EQ(read_file("include = absent/*.ini\n[a]\n"), 0);
    CHECK_STR(buf_view(&seen), "a||;");
    CHECK_EQ(read_file("include = absent.ini\n[a]\n"), -EINVAL);
    CHECK_STR(buf_view(&error), "main.ini:1: the included file cannot be read");
    CHECK_STR(buf_view(&seen), "a||;");
    CHECK_EQ(read_file("include = conf.d\n"), -EISDIR);
    write_file("conf.d/2.ini", "bad\n");
    CHECK_EQ(read_file("include = conf.d/2.ini\nbad\n"), -EINVAL);
    CHECK_STR(buf_view(&error),
              "conf.d/2.ini:1: expected \"name = value\" or \"[section]\"\n"
              "main.ini:2: expected \"name = value\" or \"[section]\"");
}

TEST(a_file_that_includes_itself_is_refused)
{
    CHECK_EQ(read_file("include = main.ini\n"), -EINVAL);
    CHECK_STR(buf_view(&error), "main.ini:1: includes nest more than 8 deep");
}

TEST(a_missing_file_is_named)
{
    begin();
    CHECK_EQ(ini_read_file("absent.ini", note_entry, NULL, &error), -ENOENT);
    CHECK_STR(buf_view(&error), "absent.ini: No such file or directory");
    char folder[256];
    CHECK_TRUE(getcwd(folder, sizeof(folder)) != NULL && chdir("/") == 0);
    char command[300];
    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    CHECK_EQ(system(command), 0);
    begin();
    buf_fini(&seen);
    buf_fini(&error);
}
