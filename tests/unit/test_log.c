/*
 * test_log.c - log lines in a file.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/ini_part.h"
#include "tests/test.h"

static char folder[] = "/tmp/aigw-test-log-XXXXXX";
static char path[64];

static void
open_log(enum log_level level)
{
    if (path[0] == '\0') {
        CHECK_TRUE(mkdtemp(folder) != NULL);
        snprintf(path, sizeof(path), "%s/log", folder);
    }
    unlink(path);
    CHECK_EQ(log_open(path, level), 0);
    log_set_role("tester");
}

/* The file's content; valid until the next call. */
static const char *
content(void)
{
    static struct buf text;
    buf_fini(&text);
    buf_init(&text, 0);
    if (ini_read_whole(path, &text) != 0)
        return "unreadable";
    return buf_cstr(&text);
}

static unsigned
count_lines(const char *text)
{
    unsigned n = 0;
    for (; *text != '\0'; text++)
        n += *text == '\n';
    return n;
}

TEST(a_line_has_time_level_role_and_text)
{
    open_log(LOG_INFO);
    errno = EBADF;
    log_warn("disk=%s is at %d%%", "data", 97);
    CHECK_EQ(errno, EBADF);
    const char *line = content();
    char want[96];
    snprintf(want, sizeof(want), "Z warn tester[%d] disk=data is at 97%%\n",
             (int)getpid());
    CHECK_EQ(strlen(line), 23 + strlen(want));
    CHECK_TRUE(strstr(line, want) == line + 23);
}

TEST(less_than_the_level_is_not_written)
{
    open_log(LOG_WARN);
    log_debug("no");
    log_info("no");
    log_warn("yes");
    CHECK_EQ(count_lines(content()), 1);
    CHECK_TRUE(!log_enabled(LOG_INFO) && log_enabled(LOG_ERROR));
    log_set_level(LOG_DEBUG);
    log_debug("yes");
    CHECK_EQ(count_lines(content()), 2);
}

TEST(text_from_outside_cannot_begin_a_line)
{
    open_log(LOG_INFO);
    log_info("name=%s", "x\n2026-01-01 fatal\r\x1b[2Jy");
    CHECK_EQ(count_lines(content()), 1);
    CHECK_TRUE(strstr(content(), "name=x?2026-01-01 fatal??[2Jy\n") != NULL);
}

TEST(repeats_of_one_site_are_limited_and_counted)
{
    open_log(LOG_INFO);
    for (int i = 0; i < 50; i++)
        log_info("again");
    log_info("another site");
    CHECK_EQ(count_lines(content()), 11);
}

TEST(a_long_line_is_cut_and_ends)
{
    static char text[10000];
    open_log(LOG_INFO);
    memset(text, 'x', sizeof(text) - 1);
    log_info("%s", text);
    const char *line = content();
    CHECK_EQ(count_lines(line), 1);
    CHECK_TRUE(strlen(line) <= 4096 && line[strlen(line) - 1] == '\n');
}

TEST(a_moved_file_is_left_at_reopening)
{
    char moved[80];
    open_log(LOG_INFO);
    log_info("old");
    snprintf(moved, sizeof(moved), "%s.1", path);
    CHECK_EQ(rename(path, moved), 0);
    CHECK_EQ(log_reopen(), 0);
    log_info("new");
    CHECK_TRUE(strstr(content(), "old") == NULL);
    CHECK_TRUE(strstr(content(), "new") != NULL);
    unlink(moved);
    struct stat st;
    CHECK_EQ(stat(path, &st), 0);
    CHECK_EQ(st.st_mode & 0137, 0);
}

TEST(a_file_that_cannot_be_opened_leaves_the_old_one)
{
    open_log(LOG_INFO);
    CHECK_EQ(log_open("/nonexistent/log", LOG_INFO), -ENOENT);
    log_info("still here");
    CHECK_EQ(count_lines(content()), 1);
}

static void
die_by_fatal(void)
{
    fatal("no such disk");
}

static void
die_by_panic(void)
{
    panic("a bug");
}

static void
die_by_check(void)
{
    CHECK(path[0] == 'z');
}

TEST(a_file_is_tried_and_nothing_changes)
{
    open_log(LOG_INFO);
    char other[96], missing[96];
    snprintf(other, sizeof(other), "%s/other", folder);
    snprintf(missing, sizeof(missing), "%s/none/other", folder);
    CHECK_EQ(log_check("stderr"), 0);
    CHECK_EQ(log_check(other), 0);
    CHECK_EQ(log_check(missing), -ENOENT);
    log_info("still here");
    CHECK_TRUE(strstr(content(), "still here") != NULL);
    unlink(other);
}

TEST(levels_are_known_by_their_words)
{
    CHECK_EQ(log_level_from("debug"), LOG_DEBUG);
    CHECK_EQ(log_level_from("error"), LOG_ERROR);
    CHECK_EQ(log_level_from("fatal"), LOG_INFO); /* none can be set to */
    CHECK_EQ(log_level_from("loud"), LOG_INFO);
    CHECK_EQ(log_level_from(NULL), LOG_INFO);
}

TEST(fatal_panic_and_check_end_the_process)
{
    open_log(LOG_INFO);
    CHECK_DIES(die_by_fatal);
    CHECK_DIES(die_by_panic);
    CHECK_DIES(die_by_check);
    CHECK_TRUE(strstr(content(), "fatal tester[") != NULL);
    CHECK_TRUE(strstr(content(), "no such disk") != NULL);
    CHECK_TRUE(strstr(content(), "check failed: path[0] == 'z'") != NULL);
}

TEST(the_log_goes_back_to_standard_error)
{
    CHECK_EQ(log_open("stderr", LOG_ERROR), 0);
    unlink(path);
    rmdir(folder);
}
