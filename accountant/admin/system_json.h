/*
 * system_json.h - of GET /admin/v1/status: what the processes take, when the
 * certificate ends, and what whoever runs the server should know of.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_SYSTEM_JSON_H
#define AIGW_ACCOUNTANT_ADMIN_SYSTEM_JSON_H

#include "accountant/store.h"
#include "common/json_write.h"

/* "processes": of the master, the accountant and each worker. */
void system_processes_to_json(struct json_writer *json,
                              const struct segment *segment);
/* "certificate": null, or what tls_cert is and when it ends. */
void system_certificate_to_json(struct json_writer *json,
                                const struct config *config,
                                const struct shm_header *header);
/* "warnings": code, object, message. */
void system_warnings_to_json(struct json_writer *json,
                             const struct store *store);

#endif
