/*
 * aigw_ledger_print.c - reports as text. What stands in a report came from
 * clients and providers: control characters are not handed to a terminal.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

#include "common/money.h"
#include "tools/aigw_ledger.h"

/* Costs are exact in nano-currency only. */
static const char *
cost_of(const cJSON *object, char out[32])
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, "cost_nano");
    money_format_nano(cJSON_IsNumber(item) ? (int64_t)item->valuedouble : 0,
                      out);
    return out;
}

/* The text of a member, harmless; "-" when absent. */
static const char *
text_of(const cJSON *object, const char *name, char *out, size_t size)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    if (cJSON_IsNumber(item)) {
        snprintf(out, size, "%.15g", item->valuedouble);
        return out;
    }
    snprintf(out, size, "%s",
             cJSON_IsString(item) && item->valuestring[0] != '\0'
                 ? item->valuestring
                 : "-");
    for (char *c = out; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    return out;
}

static int
print_verify(const cJSON *json, FILE *out)
{
    const cJSON *line = NULL;
    char text[600];
    bool good = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "ok"));
    const cJSON *lines = cJSON_GetObjectItemCaseSensitive(json, "report");
    if (!cJSON_IsArray(lines))
        return -EBADMSG;
    if (out == NULL)
        return good ? 0 : 1;
    cJSON_ArrayForEach(line, lines)
    {
        snprintf(text, sizeof(text), "%s",
                 cJSON_IsString(line) ? line->valuestring : "?");
        for (char *c = text; *c != '\0'; c++)
            if ((unsigned char)*c < 0x20 || *c == 0x7f)
                *c = '?';
        fprintf(out, "%s\n", text);
    }
    if (good)
        fputs("the books balance\n", out);
    else
        fprintf(out, "%s differences\n",
                text_of(json, "differences", text, sizeof(text)));
    return good ? 0 : 1;
}

static void
print_total(const cJSON *of, const char *name, FILE *out)
{
    char a[32], b[32], c[32];
    const cJSON *total = cJSON_GetObjectItemCaseSensitive(of, name);
    fprintf(out, " %10s %14s %16s", text_of(total, "requests", a, sizeof(a)),
            text_of(total, "tokens", b, sizeof(b)), cost_of(total, c));
}

static void
print_list_of(const cJSON *json, const char *name, const char *title, FILE *out)
{
    const cJSON *item = NULL;
    char id[32];
    fprintf(out, "%-10s %10s %14s %16s %10s %14s %16s\n", title, "requests",
            "tokens", "cost", "in rows", "tokens", "cost");
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(json, name))
    {
        fprintf(out, "%-10s", text_of(item, "id", id, sizeof(id)));
        print_total(item, "total", out);
        print_total(item, "rows", out);
        fputc('\n', out);
    }
}

static int
print_sum(const cJSON *json, FILE *out)
{
    if (!cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(json, "keys")))
        return -EBADMSG;
    if (out == NULL)
        return 0;
    print_list_of(json, "keys", "key", out);
    print_list_of(json, "groups", "group", out);
    fprintf(out, "%-10s", "all keys");
    print_total(json, "totals", out);
    print_total(json, "rows", out);
    fputc('\n', out);
    return 0;
}

static int
print_rows(const cJSON *json, FILE *out)
{
    static const struct {
        const char *name;
        int width;
    } columns[] = {{"time", 24},  {"key_id", 6},    {"status", 6},
                   {"cause", 16}, {"tokens", 9},    {"cost", 12},
                   {"model", 24}, {"provider", 12}, {"request_id", 32}};
    const cJSON *row = NULL;
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(json, "rows");
    char text[300];
    if (!cJSON_IsArray(rows))
        return -EBADMSG;
    if (out == NULL)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        fprintf(out, "%-*s ", columns[i].width, columns[i].name);
    fputc('\n', out);
    cJSON_ArrayForEach(row, rows)
    {
        for (size_t i = 0; i < ARRAY_LEN(columns); i++)
            fprintf(out, "%-*s ", columns[i].width,
                    strcmp(columns[i].name, "cost") == 0
                        ? cost_of(row, text)
                        : text_of(row, columns[i].name, text, sizeof(text)));
        fputc('\n', out);
    }
    return 0;
}

int
ledger_print(const char *report, struct str text, FILE *out)
{
    char line[600];
    cJSON *json = cJSON_ParseWithLength(text.ptr, text.len);
    int rc = -EBADMSG;
    if (cJSON_HasObjectItem(json, "error")) {
        fprintf(stderr, "aigw-ledger: %s\n",
                text_of(json, "error", line, sizeof(line)));
        rc = 1;
    } else if (strcmp(report, "verify") == 0) {
        rc = print_verify(json, out);
    } else if (strcmp(report, "sum") == 0) {
        rc = print_sum(json, out);
    } else {
        rc = print_rows(json, out);
    }
    cJSON_Delete(json);
    return rc;
}
