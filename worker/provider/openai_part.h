/*
 * openai_part.h - between openai.c, openai_crowd.c and openai_error.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_PROVIDER_OPENAI_PART_H
#define AIGW_WORKER_PROVIDER_OPENAI_PART_H

#include "worker/provider/provider.h"

/* A provider that speaks as OpenAI does. */
struct crowd_row {
    struct str host; /* empty: any, by its port */
    uint16_t port;   /* 0: any */
    uint8_t speaks;  /* SPEAKS_..., chat always among them */
    uint32_t quirks; /* QUIRK_... */
    /* Where Messages stand, from the root of the host; NULL: at "/messages"
     * below base_url. */
    const char *messages_path;
};

const struct crowd_row *crowd_row_of(const struct catalogue_provider *provider);
/* What its row says, or the configuration in place of it. */
uint32_t openai_quirks(const struct catalogue_provider *provider);
uint32_t openai_apis(const struct catalogue_provider *provider);

/* As provider_family.map_error. */
bool openai_map_error(const struct catalogue_provider *provider,
                      uint16_t status, struct str body, bool translated,
                      struct fault *fault);

#endif
