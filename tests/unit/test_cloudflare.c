/*
 * test_cloudflare.c - Cloudflare's names of providers, and its two envelopes of
 * errors.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/cloudflare.h"

#include <stdio.h>

#include "tests/test.h"
#include "worker/error_reply.h"
#include "worker/request_path.h"

static int
find(struct catalogue_provider *providers, uint32_t count, const char *name)
{
    struct catalogue catalogue = {.providers = providers,
                                  .provider_count = count};
    return cloudflare_provider(&catalogue, str_from(name));
}

TEST(a_provider_is_found_by_its_own_name_before_cloudflares)
{
    struct catalogue_provider providers[] = {
        {.name = "claude", .kind = PROVIDER_ANTHROPIC},
        {.name = "anthropic", .kind = PROVIDER_OPENAI},
        {.name = "grok", .kind = PROVIDER_OPENAI},
        {.name = "xai", .kind = PROVIDER_OPENAI},
        {.name = "custom-own", .kind = PROVIDER_OPENAI},
        {.name = "own", .kind = PROVIDER_OPENAI},
    };
    CHECK_EQ(find(providers, 6, "anthropic"), 1);
    CHECK_EQ(find(providers, 6, "grok"), 2);
    CHECK_EQ(find(providers, 6, "custom-own"), 4);
    CHECK_EQ(find(providers, 6, "custom-xai"), 3);
    CHECK_EQ(find(providers, 6, "own"), 5);
    CHECK_EQ(find(providers, 6, "openai"), -1);
    CHECK_EQ(find(providers, 6, ""), -1);
    CHECK_EQ(find(providers, 6, "custom-"), -1);
}

TEST(a_name_of_cloudflares_leads_to_ours_or_to_the_kind)
{
    struct catalogue_provider providers[] = {
        {.name = "xai", .kind = PROVIDER_OPENAI},
        {.name = "gemini", .kind = PROVIDER_OPENAI},
        {.name = "g2", .kind = PROVIDER_GEMINI},
        {.name = "claude", .kind = PROVIDER_ANTHROPIC},
        {.name = "wai", .kind = PROVIDER_WORKERS_AI},
    };
    CHECK_EQ(find(providers, 5, "grok"), 0);
    CHECK_EQ(find(providers, 5, "google-ai-studio"), 1);
    CHECK_EQ(find(providers + 2, 3, "google-ai-studio"), 0);
    CHECK_EQ(find(providers, 5, "anthropic"), 3);
    CHECK_EQ(find(providers, 5, "workers-ai"), 4);
    CHECK_EQ(find(providers, 5, "azure-openai"), -1);
}

static const char *
body_of(uint8_t plane, uint16_t status, const char *code)
{
    static struct buf out;
    struct fault fault;
    buf_fini(&out);
    buf_init(&out, 0);
    fault_set(&fault, status, "t", code, NULL, "say \"it\"");
    cloudflare_error_body(&out, plane, &fault);
    return buf_cstr(&out);
}

TEST(the_gateways_envelope_tells_everything_twice)
{
    CHECK_STR(str_from(body_of(PLANE_CF_GATEWAY, 401, "invalid_api_key")),
              "{\"success\":false,\"result\":[],\"messages\":[],\"error\":[{"
              "\"code\":2009,\"message\":\"say \\\"it\\\"\"}],\"name\":"
              "\"AiGatewayError\",\"httpCode\":401,\"internalCode\":2009,"
              "\"message\":\"say \\\"it\\\"\"}");
}

TEST(the_apis_envelope_has_two_errors_where_no_route_is)
{
    CHECK_STR(str_from(body_of(PLANE_CF_REST, 404, "unknown_path")),
              "{\"success\":false,\"result\":null,\"messages\":[],\"errors\":[{"
              "\"code\":7003,\"message\":\"say \\\"it\\\"\"},{\"code\":7000,"
              "\"message\":\"No route for that URI\"}]}");
    CHECK_STR(str_from(body_of(PLANE_CF_REST, 401, "invalid_api_key")),
              "{\"success\":false,\"result\":null,\"messages\":[],\"errors\":[{"
              "\"code\":10000,\"message\":\"Authentication error\"}]}");
}

TEST(codes_without_a_number_have_that_of_a_failed_execution)
{
    CHECK_TRUE(strstr(body_of(PLANE_CF_GATEWAY, 400, NULL), "7003") != NULL);
    CHECK_TRUE(strstr(body_of(PLANE_CF_GATEWAY, 429, "rate_limit_exceeded"),
                      "\"code\":2003") != NULL);
    CHECK_TRUE(strstr(body_of(PLANE_CF_GATEWAY, 402, "insufficient_balance"),
                      "\"code\":2021") != NULL);
}
