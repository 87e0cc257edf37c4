/*
 * config_extend.h - parts of a configuration that stand in no file: sections
 * that management makes, of the same rows as aigw.ini (config_options.h).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_CONFIG_EXTEND_H
#define AIGW_COMMON_CONFIG_EXTEND_H

#include "common/config_part.h"

/* An option and its value as it would stand in the file, but for ${ENV}, file:
 * and cred:, which mean nothing here. */
struct config_pair {
    char *name, *value;
};

struct config_extra {
    enum config_section section; /* one with names */
    const char *name;
    const struct config_pair *pairs;
    unsigned pair_count;
    bool shadowed; /* out: the file has one of this name, which holds */
};

/* The section with names that is called so, or -1. */
int config_section_by_name(const char *name);
/* Sets options of a section that config_section_init() made; false with a
 * reason "option: why". */
bool config_section_fill(enum config_section section, void *fields,
                         const struct config_pair *pairs, unsigned count,
                         struct buf *reason) MUST_CHECK;

/*
 * config_extend - a copy of `base` with the parts, checked as a file would be.
 * Providers among them are guarded, and webhooks of gateways; unless base says
 * [admin] private_providers: then providers may say guarded = no, and webhooks
 * are not. NULL with lines "SECTION.NAME: option: reason" in
 * `error`, or "aigw.ini:LINE: ..." where a section of the base does not fit (of
 * its canonical text, that is: the line says nothing to anybody).
 */
struct config *config_extend(const struct config *base,
                             struct config_extra *extras, size_t count,
                             struct buf *error) MUST_CHECK;

#endif
