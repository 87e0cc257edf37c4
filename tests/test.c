/*
 * test.c - see test.h. The main() of every unit test program.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct test_case *tests, **tests_end = &tests;
static bool current_failed;

void
test_register(struct test_case *test)
{
    *tests_end = test;
    tests_end = &test->next;
}

void
test_fail(const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    current_failed = true;
}

bool
test_dies(void (*body)(void))
{
    fflush(stderr);
    pid_t child = fork();
    if (child == 0) {
        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(0);
        body();
        _exit(0);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return false;
    return WIFSIGNALED(status) ||
           (WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

int
main(int argc, char **argv)
{
    unsigned passed = 0, failed = 0;
    bool names = getenv("AIGW_TEST_NAMES") != NULL; /* where did it die? */
    for (struct test_case *t = tests; t != NULL; t = t->next) {
        if (argc > 1 && strstr(t->name, argv[1]) == NULL)
            continue;
        if (names)
            fprintf(stderr, "# %s\n", t->name);
        current_failed = false;
        t->run();
        if (current_failed) {
            fprintf(stderr, "FAILED %s\n", t->name);
            failed++;
        } else {
            passed++;
        }
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}
