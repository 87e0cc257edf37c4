/*
 * connector_part.h - between connector.c and connector_handle.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_CONNECTOR_PART_H
#define AIGW_WORKER_CONNECTOR_PART_H

#include <curl/curl.h>

#include "worker/connector.h"

/* CURLOPT_CLOSESOCKETFUNCTION. The connector is its context, because a
 * connection may outlive the job. */
int connector_on_close(void *connector, curl_socket_t fd);

/* An easy handle with all options. 0; -EINVAL or -ENOMEM with job->text. */
int connector_prepare(struct connector *connector, struct connect_job *job,
                      const struct connect_target *target,
                      CURL **easy) MUST_CHECK;
/* Writes job->text for a failed handle; -ETIMEDOUT or another -errno. */
int connector_explain(struct connect_job *job, CURL *easy, CURLcode code);

#endif
