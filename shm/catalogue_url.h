/*
 * catalogue_url.h - an address becomes what is connected to.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_CATALOGUE_URL_H
#define AIGW_SHM_CATALOGUE_URL_H

#include <stdbool.h>

struct catalogue_provider;

/* catalogue_build.c: scheme://host[:port][/path]; an IPv6 host stands in
 * brackets, which are not part of it. */
bool catalogue_split_url(const char *url, struct catalogue_provider *p);

#endif
