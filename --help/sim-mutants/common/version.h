/*
 * version.h - the version of the program, in one place.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_VERSION_H
#define AIGW_COMMON_VERSION_H

#define AIGW_VERSION "0.1.0"

#endif
