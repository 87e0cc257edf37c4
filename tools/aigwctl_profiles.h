/*
 * aigwctl_profiles.h - ~/.clickzetta/profiles.toml, in which clients of several
 * programs keep the services they call: [llm.NAME] tables and default_llm.
 * Another's tables and comments in it stay as they are.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TOOLS_AIGWCTL_PROFILES_H
#define AIGW_TOOLS_AIGWCTL_PROFILES_H

#include "common/buf.h"
#include "tools/aigwctl_toml.h"

enum { PROFILES_PATH_BYTES = 4096 };

struct profiles {
    char path[PROFILES_PATH_BYTES]; /* of the file, links followed */
    struct buf text;                /* "" when there is no file */
    int lock; /* of its folder while it is changed, or -1 */
};

/*
 * profiles_open - reads the file below CLICKZETTA_TEST_HOME or HOME. `change`:
 * nobody else changes it until profiles_close(). 0, or -errno with a sentence.
 */
int profiles_open(struct profiles *profiles, bool change,
                  struct buf *error) MUST_CHECK;
/* Writes the text: a file of mode 0600 beside the old one, synced, renamed. 0,
 * or -errno with a sentence. */
int profiles_write(struct profiles *profiles, struct buf *error) MUST_CHECK;
void profiles_close(struct profiles *profiles);

/* One value of [llm.NAME], or of the file's top (name NULL), set in `text`; NULL
 * removes it. */
void profiles_edit(struct buf *text, const char *name, const char *key,
                   const char *value);

#endif
