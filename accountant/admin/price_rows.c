/*
 * price_rows.c - see price_rows.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/price_rows.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/admin/price_json.h"
#include "common/buf.h"
#include "common/log.h"

enum { COLUMNS_MAX = 32, COLUMN_MODEL = -1, COLUMN_PROVIDER = -2 };
enum { ROWS_MAX = 20000 }; /* each is looked up: public lists have some 3000 */

void
price_rows_fini(struct price_rows *rows)
{
    free(rows->rows);
    *rows = (struct price_rows){0};
}

static bool
has_room(const struct price_rows *rows, struct admin_error *error)
{
    return rows->count < ROWS_MAX ||
           admin_error_field(error, "data",
                             "'data' has more than %d rows: send it in parts.",
                             ROWS_MAX);
}

static struct price_row *
add_row(struct price_rows *rows)
{
    if ((rows->count & (rows->count - 1)) == 0) { /* room: powers of two */
        size_t room = rows->count == 0 ? 1 : 2 * rows->count;
        struct price_row *more =
            realloc(rows->rows, room * sizeof(*rows->rows));
        if (more == NULL)
            fatal("out of memory");
        rows->rows = more;
    }
    struct price_row *row = &rows->rows[rows->count++];
    memset(row, 0, sizeof(*row));
    prices_clear(&row->prices);
    return row;
}

static void
set_name(char *to, size_t size, const char *text, struct price_row *row)
{
    if (strlen(text) >= size)
        row->fault = "the name is too long";
    else
        memcpy(to, text, strlen(text) + 1);
}

/* ---- LiteLLM ---- */

/* Per token in the currency; ours is a whole number of its millionth millionths.
 */
static bool
put_number(double number, int64_t *pico)
{
    double scaled = number * 1e12, whole = nearbyint(scaled);
    if (!(number >= 0) || scaled > 9e15 || fabs(scaled - whole) > 1e-3)
        return false;
    *pico = (int64_t)whole;
    return true;
}

/* Behind a class's name: "_above_200k_tokens", "_flex", "_priority", "_batches",
 * or the first and one of the others. False: it is something else. */
static bool
read_suffix(const char *p, struct price_tier *when)
{
    static const struct {
        const char *word;
        enum service_tier tier;
    } services[] = {{"_flex", SERVICE_FLEX},
                    {"_priority", SERVICE_PRIORITY},
                    {"_batches", SERVICE_BATCH}};
    int len = 0;
    unsigned thousands;
    memset(when, 0, sizeof(*when));
    prices_clear(&when->prices);
    if (sscanf(p, "_above_%5uk_tokens%n", &thousands, &len) == 1 && len > 0 &&
        thousands > 0) {
        when->prompt_from = (uint64_t)thousands * 1000 + 1;
        p += len;
    }
    for (size_t i = 0; i < ARRAY_LEN(services); i++)
        if (strcmp(p, services[i].word) == 0) {
            when->services = UINT32_C(1) << services[i].tier;
            return true;
        }
    return *p == '\0';
}

/* Of that condition; made where it belongs: long prompts first, and of one
 * length that of a service. NULL: there are too many. */
static struct price_tier *
tier_of(struct price_tiers *tiers, const struct price_tier *when)
{
    unsigned at = 0;
    for (; at < tiers->count; at++) {
        struct price_tier *tier = &tiers->items[at];
        if (tier->prompt_from == when->prompt_from &&
            tier->services == when->services)
            return tier;
        if (tier->prompt_from < when->prompt_from ||
            (tier->prompt_from == when->prompt_from &&
             tier->services < when->services))
            break;
    }
    if (tiers->count == PRICE_TIERS_MAX)
        return NULL;
    memmove(&tiers->items[at + 1], &tiers->items[at],
            (tiers->count - at) * sizeof(tiers->items[0]));
    tiers->items[at] = *when;
    tiers->count++;
    return &tiers->items[at];
}

/* The prices that a member is one of, and its class in them. NULL: it is none.
 * Of two names the longer one: one begins with another. */
static struct prices *
prices_of_member(const char *name, struct price_row *row, int *class)
{
    struct price_tier when;
    size_t best = 0;
    for (int i = 0; i < PRICE_CLASSES; i++) {
        size_t len = strlen(price_public_names[i]);
        if (len > best && strncmp(name, price_public_names[i], len) == 0) {
            best = len;
            *class = i;
        }
    }
    if (best == 0 || !read_suffix(name + best, &when))
        return NULL;
    if (when.prompt_from == 0 && when.services == 0)
        return &row->prices;
    struct price_tier *tier = tier_of(&row->tiers, &when);
    if (tier == NULL)
        row->fault = "it has more than 8 price tiers";
    return tier == NULL ? NULL : &tier->prices;
}

static void
read_model(const cJSON *model, struct price_rows *rows)
{
    struct price_row row = {.says_tiers = true};
    const cJSON *value;
    bool any = false;
    prices_clear(&row.prices);
    cJSON_ArrayForEach(value, model)
    {
        int class = 0;
        if (cJSON_IsNull(value))
            continue;
        struct prices *prices = prices_of_member(value->string, &row, &class);
        any = any || prices != NULL;
        if (prices != NULL &&
            (!cJSON_IsNumber(value) ||
             !put_number(value->valuedouble,
                         price_of(prices, &price_classes[class]))))
            row.fault = "a price is no number, below 0, or finer than "
                        "0.000001 per million";
    }
    if (!any)
        return;
    struct price_row *added = add_row(rows);
    *added = row;
    set_name(added->model, sizeof(added->model), model->string, added);
    if (added->fault == NULL && !prices_are_set(&added->prices))
        added->fault = "neither input nor output nor request has a price";
}

bool
price_rows_litellm(const cJSON *data, struct price_rows *rows,
                   struct admin_error *error)
{
    const cJSON *model;
    *rows = (struct price_rows){0};
    if (!cJSON_IsObject(data))
        return admin_error_field(error, "data",
                                 "'data' must be an object of models, as in "
                                 "model_prices_and_context_window.json.");
    cJSON_ArrayForEach(model, data)
    {
        if (!cJSON_IsObject(model) || strcmp(model->string, "sample_spec") == 0)
            continue;
        if (!has_room(rows, error)) {
            price_rows_fini(rows);
            return false;
        }
        read_model(model, rows);
    }
    return true;
}

/* ---- CSV ---- */

/* The next cell into `cell`; *end_of_line behind the last one of a line. False:
 * a quote has no end. */
static bool
next_cell(const char **text, struct buf *cell, bool *end_of_line)
{
    const char *p = *text;
    buf_reset(cell);
    if (*p == '"') {
        for (p++; *p != '\0' && (*p != '"' || p[1] == '"'); p++) {
            p += *p == '"'; /* two of them: one */
            buf_append_char(cell, *p);
        }
        if (*p == '\0')
            return false;
        p++;
    }
    for (; *p != '\0' && *p != ',' && *p != '\n'; p++)
        if (*p != '\r')
            buf_append_char(cell, *p);
    *end_of_line = *p != ',';
    *text = *p == '\0' ? p : p + 1;
    return true;
}

static bool
column_of(const char *name, int *column)
{
    const char *bare = strncmp(name, "price_", 6) == 0 ? name + 6 : name;
    *column = strcmp(name, "model") == 0      ? COLUMN_MODEL
              : strcmp(name, "provider") == 0 ? COLUMN_PROVIDER
                                              : PRICE_CLASSES;
    for (int i = 0; i < PRICE_CLASSES && *column == PRICE_CLASSES; i++)
        if (strcmp(price_classes[i].name, bare) == 0)
            *column = i;
    return *column != PRICE_CLASSES;
}

static bool
read_header(const char **text, int columns[COLUMNS_MAX], unsigned *count,
            struct buf *cell, struct admin_error *error)
{
    bool end = false, has_model = false;
    while (!end) {
        if (*count == COLUMNS_MAX || !next_cell(text, cell, &end) ||
            !column_of(buf_cstr(cell), &columns[*count]))
            return admin_error_field(
                error, "data",
                "The first line must name the columns: model, provider, "
                "input, output, cached, cache_creation, cache_creation_1h, "
                "reasoning, audio_in, audio_out, image, request; not '%.40s'.",
                buf_cstr(cell));
        for (unsigned i = 0; i < *count; i++)
            if (columns[i] == columns[*count])
                return admin_error_field(error, "data",
                                         "Column '%.40s' is there twice.",
                                         buf_cstr(cell));
        has_model = has_model || columns[*count] == COLUMN_MODEL;
        ++*count;
    }
    return has_model ||
           admin_error_field(error, "data", "There is no column 'model'.");
}

static void
put_cell(struct price_row *row, int column, const char *text)
{
    if (column == COLUMN_MODEL)
        set_name(row->model, sizeof(row->model), text, row);
    else if (column == COLUMN_PROVIDER)
        set_name(row->provider, sizeof(row->provider), text, row);
    else if (*text != '\0' &&
             money_parse(str_from(text), price_classes[column].scale,
                         price_of(&row->prices, &price_classes[column])) != 0)
        row->fault = "a price is no decimal number, or has too many places";
}

static bool
read_line(const char **text, const int *columns, unsigned count,
          struct price_rows *rows, struct buf *cell, struct admin_error *error)
{
    struct price_row *row = add_row(rows);
    bool end = false;
    for (unsigned i = 0; !end; i++) {
        if (i == count || !next_cell(text, cell, &end))
            return admin_error_field(error, "data",
                                     "Line %zu has more cells than the header, "
                                     "or a quote without end.",
                                     rows->count + 1);
        if (i == 0 && end && buf_len(cell) == 0) { /* an empty line */
            rows->count--;
            return true;
        }
        struct str trimmed = str_trim(buf_view(cell));
        char value[300];
        if (trimmed.len >= sizeof(value))
            return admin_error_field(error, "data",
                                     "Line %zu has a cell that is too long.",
                                     rows->count + 1);
        *str_copy(value, trimmed) = '\0';
        put_cell(row, columns[i], value);
    }
    if (row->fault == NULL && row->model[0] == '\0')
        row->fault = "no model is named";
    if (row->fault == NULL && !prices_are_set(&row->prices))
        row->fault = "neither input nor output nor request has a price";
    return true;
}

bool
price_rows_csv(const char *text, struct price_rows *rows,
               struct admin_error *error)
{
    int columns[COLUMNS_MAX];
    unsigned count = 0;
    struct buf cell;
    *rows = (struct price_rows){0};
    buf_init(&cell, 0);
    bool good = read_header(&text, columns, &count, &cell, error);
    while (good && *text != '\0')
        good = has_room(rows, error) &&
               read_line(&text, columns, count, rows, &cell, error);
    if (!buf_ok(&cell))
        fatal("out of memory");
    buf_fini(&cell);
    if (!good)
        price_rows_fini(rows);
    return good;
}
