/*
 * test_aigwctl_doctor.c - what `aigwctl doctor` makes of a server's words. Its
 * looks at files, ports and providers are tested by the system tests.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_doctor.h"

#include <stdio.h>

#include "common/clock.h"
#include "tests/test.h"
#include "tools/aigwctl_json.h"

static char shown[2048];

/* "state check subject" of each row of one check, a line each. */
static const char *
rows_of(const struct doctor *doctor, const char *check)
{
    size_t at = 0;
    const cJSON *row = NULL;
    shown[0] = '\0';
    cJSON_ArrayForEach(row, doctor->rows)
    {
        if (strcmp(json_text(row, "check"), check) == 0)
            at += (size_t)snprintf(shown + at, sizeof(shown) - at, "%s %s\n",
                                   json_text(row, "state"),
                                   json_text(row, "subject"));
        bool fine = strcmp(json_text(row, "state"), "ok") == 0;
        CHECK_EQ(fine, *json_text(row, "todo") == '\0');
    }
    return shown;
}

static void
begin(struct doctor *doctor, const char *status)
{
    *doctor = (struct doctor){.rows = cJSON_CreateArray()};
    doctor->status = cJSON_Parse(status);
    CHECK_TRUE(doctor->status != NULL);
}

static void
end(struct doctor *doctor)
{
    cJSON_Delete(doctor->rows);
    cJSON_Delete(doctor->status);
}

TEST(the_ledgers_words_become_rows)
{
    static const struct {
        const char *accountant, *workers, *rows;
    } cases[] = {
        {"{\"ledger\":\"ok\"}", "[]", "ok store\nok rings\n"},
        {"{\"ledger\":\"failed\",\"ledger_error\":\"no space\"}", "[]",
         "fail store\nok rings\n"},
        {"{\"ledger\":\"ok\",\"flush_errors\":2}", "[]",
         "warn store\nok rings\n"},
        {"{\"ledger\":\"ok\",\"export_failures\":1}", "[]",
         "ok store\nok rings\nfail export\n"},
        {"{\"ledger\":\"ok\"}", "[{\"ring_bytes\":1},{\"ring_bytes\":499}]",
         "ok store\nok rings\n"},
        {"{\"ledger\":\"ok\"}", "[{\"ring_bytes\":500},{\"ring_bytes\":1}]",
         "ok store\nfail rings\n"},
    };
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct doctor doctor;
        char status[512];
        snprintf(status, sizeof(status),
                 "{\"ring_capacity_bytes\":1000,\"accountant\":%s,"
                 "\"workers\":%s}",
                 cases[i].accountant, cases[i].workers);
        begin(&doctor, status);
        doctor_ledger(&doctor);
        CHECK_TRUE(strcmp(rows_of(&doctor, "ledger"), cases[i].rows) == 0);
        end(&doctor);
    }
}

/* The server's answer may stand anywhere between question and answer. */
TEST(a_clock_is_told_by_what_it_is_off)
{
    static const struct {
        int64_t asked, answered;
        const char *state;
    } cases[] = {
        {0, 0, "ok"},           {-900, 900, "ok"},
        {-60000, 0, "ok"},      {1999, 3000, "ok"},
        {2000, 3000, "warn"},   {-9000, -2000, "warn"},
        {30000, 31000, "fail"}, {-90000, -30000, "fail"},
    };
    const int64_t now = 1795354851000;
    char status[128], time[32], want[64];
    clock_format_rfc3339(now, time);
    snprintf(status, sizeof(status), "{\"time\":\"%s\"}", time);
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct doctor doctor;
        begin(&doctor, status);
        doctor.asked_ms = now + cases[i].asked;
        doctor.answered_ms = now + cases[i].answered;
        doctor_clock(&doctor);
        snprintf(want, sizeof(want), "%s server\n", cases[i].state);
        CHECK_TRUE(strncmp(rows_of(&doctor, "clock"), want, strlen(want)) == 0);
        end(&doctor);
    }
}
