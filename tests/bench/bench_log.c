/*
 * bench_log.c - a log of millions of rows: writing it, a page of 100 rows of one
 * key in one hour, and a day from its beginning to its end.
 *
 * usage: bench_log [ROWS [KEYS [FOLDER]]]: rows over one day, evenly; keys in
 * turn by chance, a few of them busy.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <sys/resource.h>

#include "common/clock.h"
#include "tests/unit/ledger_fixture.h"

enum { FLUSH_ROWS = 20000, PAGE = 100, QUESTIONS = 50 };

static uint64_t state = 1;

static uint64_t
draw(uint64_t below)
{
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (state >> 33) % below;
}

static double
cpu_us(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

/* Half of the calls are of a hundredth of the keys. */
static uint64_t
draw_key(uint64_t keys)
{
    return 1 + (draw(2) == 0 ? draw(keys / 100 + 1) : draw(keys));
}

static void
write_rows(struct fixture *f, uint64_t count, uint64_t keys)
{
    static struct ledger_row rows[FLUSH_ROWS];
    uint64_t positions[2] = {0, 0};
    double began = cpu_us();
    for (uint64_t done = 0; done < count; done += FLUSH_ROWS) {
        for (uint64_t i = 0; i < FLUSH_ROWS; i++) {
            uint32_t column = (uint32_t)(i / (FLUSH_ROWS / 2));
            uint64_t nth = done + 2 * (i % (FLUSH_ROWS / 2)) + column;
            int64_t at_ms = FIXTURE_NOON - FIXTURE_DAY / 2 +
                            (int64_t)(nth * (uint64_t)FIXTURE_DAY / count);
            rows[i] = fixture_row(draw_key(keys), positions[column],
                                  1 + draw(1000), at_ms);
            rows[i].column = column;
            positions[column] += 280;
        }
        if (fixture_book(f, rows, FLUSH_ROWS, true) != 0)
            exit(1);
    }
    printf("%llu rows of %llu keys written: %.2f us each\n",
           (unsigned long long)count, (unsigned long long)keys,
           (cpu_us() - began) / (double)count);
}

struct taken {
    uint64_t rows, most;
};

static bool
take(const struct ledger_row *row, void *context)
{
    struct taken *taken = context;
    (void)row;
    return ++taken->rows < taken->most;
}

static double
ask(struct fixture *f, const struct ledger_row_filter *filter,
    struct taken *taken)
{
    struct ledger_snapshot *snapshot = ledger_snapshot_take(f->ledger);
    struct buf error;
    buf_init(&error, 0);
    uint64_t began_ns = clock_mono_ns();
    if (ledger_scan_rows(f->ledger, snapshot, filter, take, taken, &error) != 0)
        exit(1);
    double us = (double)(clock_mono_ns() - began_ns) / 1000;
    ledger_snapshot_release(f->ledger, &snapshot);
    buf_fini(&error);
    return us;
}

static void
ask_hours(struct fixture *f, uint64_t keys, bool busy)
{
    double worst = 0, sum = 0;
    uint64_t rows = 0;
    for (int i = -5; i < QUESTIONS; i++) {
        int64_t hour = 1 + (int64_t)draw(22);
        struct ledger_row_filter filter = {
            .cause = -1,
            .key_id = busy ? 1 : keys,
            .from_ms = FIXTURE_NOON - FIXTURE_DAY / 2 + hour * 3600000,
            .to_ms = FIXTURE_NOON - FIXTURE_DAY / 2 + (hour + 1) * 3600000,
            .oldest_first = draw(2) == 0,
        };
        struct taken taken = {.most = PAGE};
        ask(f, &filter, &taken); /* warm */
        taken.rows = 0;
        double us = ask(f, &filter, &taken);
        sum += i >= 0 ? us : 0;
        worst = us > worst && i >= 0 ? us : worst;
        rows += taken.rows;
    }
    printf("%s key, one hour, %d rows at most: %.1f ms, at worst %.1f ms "
           "(%.0f rows)\n",
           busy ? "a busy" : "a rare", PAGE, sum / QUESTIONS / 1000,
           worst / 1000, (double)rows / (QUESTIONS + 5));
}

/* Kilobytes of a line of /proc/self/status. */
static long
memory(const char *line)
{
    char text[128];
    long kb = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(text, sizeof(text), status) != NULL)
        if (strncmp(text, line, strlen(line)) == 0)
            kb = strtol(text + strlen(line), NULL, 10);
    if (status != NULL)
        fclose(status);
    return kb;
}

static void
forget_peak(void)
{
    FILE *refs = fopen("/proc/self/clear_refs", "w");
    if (refs != NULL && fputs("5", refs) < 0)
        abort();
    if (refs != NULL)
        fclose(refs);
}

int
main(int argc, char **argv)
{
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000000;
    uint64_t keys = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000;
    struct fixture f;
    struct taken all = {.most = UINT64_MAX};
    struct ledger_row_filter day = {.cause = -1, .oldest_first = true};
    fixture_init(&f);
    f.follows = true;
    write_rows(&f, count, keys);
    ask_hours(&f, keys, false);
    ask_hours(&f, keys, true);
    forget_peak();
    long before_kb = memory("VmRSS:");
    double us = ask(&f, &day, &all);
    printf("the day, %llu rows: %.2f us each; %.1f MiB more memory at most\n",
           (unsigned long long)all.rows, us / (double)all.rows,
           (double)(memory("VmHWM:") - before_kb) / 1024);
    fixture_fini(&f);
    return all.rows == count ? 0 : 1;
}
