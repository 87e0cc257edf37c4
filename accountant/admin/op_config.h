/*
 * op_config.h - what operations on parts of the configuration share.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_OP_CONFIG_H
#define AIGW_ACCOUNTANT_ADMIN_OP_CONFIG_H

#include "accountant/admin/call.h"
#include "accountant/managed.h"

/* The section of that name, in force or faulty, as an object; false: none. */
bool config_object_to_json(struct json_writer *json, const struct store *store,
                           enum config_section section, const char *name);
/* Answers an error of store_manage(). */
void config_refuse(struct call *call, enum config_section section, int error,
                   const char *reason);

#endif
