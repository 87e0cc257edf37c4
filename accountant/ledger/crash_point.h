/*
 * crash_point.h - places where a test kills the accountant.
 *
 * AIGW_CRASHPOINT=N: SIGKILL at the N-th passage of any point (N >= 1);
 * AIGW_CRASHPOINT=NAME:N: at the N-th passage of the points of that name. The
 * names are the steps of shm/README.md: F1..F5, P1..P3, A2..A5, D1, D2, D4;
 * M1, M2 of accountant/store_catalogue.c. A
 * process without the variable pays one load and one branch.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_CRASH_POINT_H
#define AIGW_ACCOUNTANT_LEDGER_CRASH_POINT_H

/* Any thread. */
void crash_point(const char *name);
/* For tests in one process: replaces the SIGKILL; NULL puts it back. The
 * points are counted from here on. */
void crash_point_hook(void (*hook)(const char *name));

#endif
