/*
 * aigwctl_llm.h - profiles of clients, as commands of their own and as a part of
 * those that make keys.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TOOLS_AIGWCTL_LLM_H
#define AIGW_TOOLS_AIGWCTL_LLM_H

#include "tools/aigwctl.h"
#include "tools/aigwctl_profiles.h"

struct llm {
    char name[TOML_NAME_BYTES];
    char provider[64], api_key[512], base_url[512], model[256]; /* "" unset */
};

/* An error with a code of its own; CTL_FAILED. */
int llm_refuse(struct ctl *ctl, const char *code, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* The entry called `name` (NULL: default_llm); CTL_OK, or the error was
 * printed. */
int llm_find(struct ctl *ctl, struct profiles *profiles, const char *name,
             struct llm *llm) MUST_CHECK;
/* Whether all can be called by it: "" or the code of the refusal, with a
 * sentence in `error`. */
const char *llm_check(const struct llm *llm, struct buf *error);
/* Writes the entry, and default_llm when `use`. */
int llm_save(struct ctl *ctl, const struct llm *llm, bool use) MUST_CHECK;

/* Before a key is made: whether what --add-to-llm asks for can be done. */
int llm_check_flags(struct ctl *ctl) MUST_CHECK;
/* --add-to-llm [name] --use of a command about a key {id, name, key}: adds it to
 * the profiles and "llm" to `data`. Nothing without the flag. */
int llm_add_key(struct ctl *ctl, const cJSON *key, cJSON *data) MUST_CHECK;
/* --remove-from-llm: removes every entry with that key, named in `data`. */
int llm_remove_key(struct ctl *ctl, const char *key, cJSON *data) MUST_CHECK;

#endif
