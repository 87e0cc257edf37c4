/*
 * provider.c - the table of provider families.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/provider/provider.h"

static const struct provider_family *const provider_table[] = {
    &provider_openai,     &provider_anthropic, &provider_builtin,
    &provider_gemini,     &provider_azure,     &provider_bedrock,
    &provider_workers_ai,
};

const struct provider_family *
provider_family_of(enum provider_kind kind)
{
    for (size_t i = 0; i < ARRAY_LEN(provider_table); i++)
        if (provider_table[i]->kind == kind)
            return provider_table[i];
    return NULL;
}
