/*
 * provider_quirks.c - see provider_quirks.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/provider_quirks.h"

#include <stddef.h>
#include <string.h>

#include "common/check.h"

struct bit_word {
    uint32_t bit;
    const char *word;
};

static uint32_t
find(const struct bit_word *words, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i].word, word) == 0)
            return words[i].bit;
    return 0;
}

uint32_t
provider_quirk_find(const char *word)
{
    static const struct bit_word words[] = {
#define X(bit, name, text) {1u << (bit), text},
        PROVIDER_QUIRKS(X)
#undef X
    };
    return find(words, ARRAY_LEN(words), word);
}

uint32_t
provider_api_find(const char *word)
{
    static const struct bit_word words[] = {
#define X(bit, name, text) {1u << (bit), text},
        PROVIDER_APIS(X)
#undef X
    };
    return find(words, ARRAY_LEN(words), word);
}
