/*
 * fuzz_ini.c - hostile text as configuration: what is accepted is written and
 * read back the same; faults come one a line, each with its place; the values'
 * expansion stays inside its buffers.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "common/config.h"
#include "common/ini_part.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_round_trip(const struct config *config)
{
    struct buf first, second, masked, error;
    buf_init(&first, 0);
    buf_init(&second, 0);
    buf_init(&masked, 0);
    buf_init(&error, 0);
    config_serialize(config, false, &first);
    config_serialize(config, true, &masked);
    struct config *again = config_parse_text(buf_view(&first), &error);
    if (again == NULL)
        abort();
    config_serialize(again, false, &second);
    if (!str_equals(buf_view(&first), buf_view(&second)))
        abort();
    if (config_check_reload(config, again, &error) != 0)
        abort();
    config_free(again);
    buf_fini(&first);
    buf_fini(&second);
    buf_fini(&masked);
    buf_fini(&error);
}

static void
check_faults(struct buf *error)
{
    const char *line = buf_cstr(error);
    if (*line == '\0')
        abort();
    while (line != NULL) {
        if (strncmp(line, "configuration:", 14) != 0)
            abort();
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
}

static void
check_expansion(struct str text)
{
    struct buf out;
    bool secret_source;
    char reason[INI_REASON_BYTES] = "";
    /* The fuzzer does not choose files to read. */
    if (str_starts_with(text, STR_LIT("file:")) ||
        str_starts_with(text, STR_LIT("cred:")))
        return;
    buf_init(&out, 4096);
    if (!ini_expand_value(text, "t.ini", &out, &secret_source, reason) &&
        (reason[0] == '\0' || memchr(reason, '\0', sizeof(reason)) == NULL))
        abort();
    buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct buf error;
    buf_init(&error, 0);
    struct config *config = config_parse_text(text, &error);
    if (config != NULL)
        check_round_trip(config);
    else
        check_faults(&error);
    config_free(config);
    buf_fini(&error);
    check_expansion(text);
    return 0;
}
