/*
 * request_steps.h - the steps of a request, in order. Included with STEP()
 * defined; names, texts and the table in request.c are made from it.
 * SPDX-License-Identifier: Apache-2.0
 */
STEP(HEAD, "reading the head")
STEP(AUTH, "checking the key")
STEP(BODY, "reading the body")
STEP(SCAN, "scanning the body")
STEP(ROUTE, "choosing a provider")
STEP(GUARD, "looking at the call")
STEP(WAIT, "waiting for an equal call")
STEP(ADMIT, "admitting against budgets")
STEP(QUEUE, "waiting for its turn")
STEP(UPSTREAM, "waiting for the provider")
STEP(RELAY, "relaying the answer")
STEP(REPLAY, "giving a stored answer")
STEP(LOCAL, "answering by itself")
STEP(DONE, "done")
