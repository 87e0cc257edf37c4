/*
 * aigwctl_doctor.c - see aigwctl_doctor.h: the rows, and their print.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_doctor.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/log.h"
#include "tools/aigwctl_json.h"

enum { ASK_WAIT_MS = 15000 };

static const char *const state_names[DOCTOR_STATES] = {"ok", "warn", "fail"};

static const struct output_column columns[] = {
    {"STATE", "state", false},     {"CHECK", "check", false},
    {"SUBJECT", "subject", false}, {"DETAIL", "detail", false},
    {"TO DO", "todo", false},      {NULL, NULL, false},
};

void
doctor_say(struct doctor *doctor, enum doctor_state state, const char *check,
           const char *subject, const char *todo, const char *format, ...)
{
    char detail[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    for (size_t len = strlen(detail); len > 0 && detail[len - 1] == '.'; len--)
        detail[len - 1] = '\0'; /* a sentence in the middle of a line */
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "state", state_names[state]);
    cJSON_AddStringToObject(row, "check", check);
    cJSON_AddStringToObject(row, "subject", subject);
    cJSON_AddStringToObject(row, "detail", detail);
    if (todo != NULL)
        cJSON_AddStringToObject(row, "todo", todo);
    else
        cJSON_AddNullToObject(row, "todo");
    cJSON_AddItemToArray(doctor->rows, row);
    doctor->counts[state]++;
}

cJSON *
doctor_ask(struct doctor *doctor, const char *path, struct buf *error)
{
    struct buf reply;
    long status = 0;
    cJSON *answer = NULL;
    buf_init(&reply, 0);
    if (connect_request(doctor->connect, "GET", path, (struct str){NULL, 0},
                        &status, &reply, error) == 0) {
        answer = cJSON_ParseWithLength(
            buf_len(&reply) == 0 ? "" : buf_ptr(&reply), buf_len(&reply));
        const cJSON *said = json_at_path(answer, "error.message");
        if (status != 200 && cJSON_IsString(said))
            buf_append_cstr(error, said->valuestring);
        else if (status != 200 || answer == NULL)
            buf_printf(error, "HTTP %ld, and no JSON of aigw", status);
    }
    if (buf_len(error) > 0) {
        cJSON_Delete(answer);
        answer = NULL;
    }
    buf_fini(&reply);
    return answer;
}

/* A line each, whole: what is cut cannot be followed. */
static void
print_lines(const struct doctor *doctor, bool color)
{
    static const char *const colors[DOCTOR_STATES] = {"\033[32m", "\033[33m",
                                                      "\033[31m"};
    const cJSON *row = NULL;
    cJSON_ArrayForEach(row, doctor->rows)
    {
        const char *state = json_text(row, "state"), *before = "";
        for (unsigned i = 0; color && i < DOCTOR_STATES; i++)
            if (strcmp(state, state_names[i]) == 0)
                before = colors[i];
        printf("%s%-4s%s  %-11s %s: %s", before, state, color ? "\033[0m" : "",
               json_text(row, "check"), json_text(row, "subject"),
               json_text(row, "detail"));
        if (*json_text(row, "todo") != '\0')
            printf(". To do: %s", json_text(row, "todo"));
        printf("\n");
    }
    printf("%u ok, %u to know, %u wrong\n", doctor->counts[DOCTOR_OK],
           doctor->counts[DOCTOR_WARN], doctor->counts[DOCTOR_FAIL]);
}

static int
print_rows(struct ctl *ctl, struct doctor *doctor)
{
    if (ctl->output.format == OUTPUT_TABLE && ctl->output.field == NULL) {
        print_lines(doctor, ctl->output.color);
        cJSON_Delete(doctor->rows);
        return CTL_OK;
    }
    cJSON *total = cJSON_CreateObject();
    for (unsigned i = 0; i < DOCTOR_STATES; i++)
        cJSON_AddNumberToObject(total, state_names[i], doctor->counts[i]);
    return output_rows(&ctl->output, doctor->rows, columns, NULL, total);
}

int
run_doctor(struct ctl *ctl)
{
    struct doctor doctor = {.connect = &ctl->connect};
    doctor.is_local = ctl->connect.socket[0] != '\0';
    doctor.rows = cJSON_CreateArray();
    ctl->connect.timeout_ms = ASK_WAIT_MS;
    log_set_level(LOG_ERROR); /* what config_load() warns of has a row here */
    doctor_server(&doctor);
    doctor_config(&doctor, argument(&ctl->args, "config"));
    if (doctor.is_local) {
        doctor_permissions(&doctor);
        doctor_limits(&doctor);
    }
    doctor_ports(&doctor);
    doctor_clock(&doctor);
    doctor_ledger(&doctor);
    doctor_providers(&doctor);
    int status = print_rows(ctl, &doctor);
    cJSON_Delete(doctor.status);
    config_free(doctor.config);
    return doctor.counts[DOCTOR_FAIL] > 0 ? CTL_FAILED : status;
}
