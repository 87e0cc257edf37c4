/*
 * ledger_report.h - the reports of the ledger, for management; they stand in
 * ledger/ because the offline tool links them too.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_REPORT_H
#define AIGW_ACCOUNTANT_LEDGER_REPORT_H

#include "accountant/ledger/ledger_report.h"

#endif
