/*
 * accountant.h - the process that owns LevelDB, drains the rings, reaps dead
 * columns, rolls periods and answers management requests.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ACCOUNTANT_H
#define AIGW_ACCOUNTANT_ACCOUNTANT_H

#include "common/heritage.h"

/* accountant_main - the role's entry. Exit status. */
int accountant_main(const struct heritage *heritage);

#endif
