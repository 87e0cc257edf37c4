/*
 * config_check_guards.c - patterns of redaction and guardrails, webhooks, alerts.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/config_part.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/alert_rule.h"
#include "common/balance_rule.h"
#include "common/pattern.h"

enum { GUARD_NAME_MAX = 64, PAYLOAD_MIB_LEAST = 4 };

struct check {
    const struct config_origins *origins;
    struct buf *error;
    bool failed;
    enum config_section section;
    const struct config_origin *origin;
};

static void PRINTF_LIKE(3, 4)
    fault(struct check *check, const char *option, const char *format, ...)
{
    char reason[512];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    config_fault_at(check->error, check->origins->path, check->section,
                    check->origin, option, reason);
    check->failed = true;
}

static void
check_pattern(struct check *check, const char *option, const char *text)
{
    char reason[PATTERN_REASON_BYTES] = "";
    struct pattern *pattern = strpbrk(text, "\r\n") == NULL
                                  ? pattern_compile(text, false, reason)
                                  : NULL;
    if (pattern == NULL)
        fault(check, option, "\"%.80s\" is no regular expression: %s", text,
              reason);
    pattern_free(&pattern);
}

static void
check_patterns(struct check *check, const char *option,
               const struct config_list *list)
{
    for (unsigned i = 0; i < list->count; i++)
        check_pattern(check, option, list->items[i]);
}

/* NAME:block|flag:PATTERN */
static void
check_guards(struct check *check, const char *option,
             const struct config_list *list)
{
    for (unsigned i = 0; i < list->count; i++) {
        const char *item = list->items[i];
        size_t len = strspn(item, "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
        const char *action = item + len;
        bool good = len > 0 && len <= GUARD_NAME_MAX &&
                    (strncmp(action, ":block:", 7) == 0 ||
                     strncmp(action, ":flag:", 6) == 0);
        if (good)
            check_pattern(check, option, strchr(action + 1, ':') + 1);
        else
            fault(check, option,
                  "\"%.80s\" must be as NAME:block:PATTERN or "
                  "NAME:flag:PATTERN, the name of letters, digits, \"-\", "
                  "\"_\" and \".\"",
                  item);
    }
}

enum { HOST_BYTES = 256, URL_PATH_BYTES = 256 }; /* with the NUL */

const char *
config_url_fault(const char *rest)
{
    size_t host = *rest == '[' ? strcspn(rest, "]/") + 1 : strcspn(rest, ":/");
    for (const char *p = rest; *p != '\0'; p++)
        if (*p <= ' ' || *p == 0x7f || strchr("@?#\\\"<>^`{|}", *p) != NULL)
            return "only a scheme, a host, a port and a path may stand in it";
    if (host == 0 || host > strlen(rest) || host >= HOST_BYTES)
        return "there is no host in it";
    for (size_t i = 0; i < host; i++)
        if (!isalnum((unsigned char)rest[i]) &&
            strchr(*rest == '[' ? "[]:." : ".-_", rest[i]) == NULL)
            return "its host has a character that no host has";
    rest += host;
    if (*rest == ':') {
        char *end;
        unsigned long port = strtoul(rest + 1, &end, 10);
        if (!isdigit((unsigned char)rest[1]) || port < 1 || port > 65535)
            return "its port is not 1 to 65535";
        rest = end;
    }
    if (*rest != '\0' && *rest != '/')
        return "a path begins with \"/\"";
    return strlen(rest) >= URL_PATH_BYTES ? "its path is too long" : NULL;
}

static void
check_webhook(struct check *check, const char *option, const char *url)
{
    static const char *const schemes[] = {"http://", "https://"};
    bool good = url == NULL;
    for (size_t i = 0; i < ARRAY_LEN(schemes) && !good; i++) {
        size_t len = strlen(schemes[i]);
        const char *host = url + len;
        good = strncmp(url, schemes[i], len) == 0 && *host != '\0' &&
               config_url_fault(host) == NULL && strlen(url) < 256;
    }
    if (!good)
        fault(check, option,
              "it must be http:// or https://, a host and a path, without "
              "user, \"?\" and \"#\"");
}

static void
check_alerts(struct check *check, const struct config *config)
{
    check->section = CONFIG_SECTION_alert;
    for (unsigned i = 0; i < config->alert_count; i++) {
        const struct config_alert *alert = &config->alerts[i];
        struct alert_levels levels;
        struct buf reason;
        check->origin = &check->origins->named[CONFIG_SECTION_alert][i];
        buf_init(&reason, 0);
        if (alert->url == NULL)
            fault(check, NULL, "it needs a url");
        check_webhook(check, "url", alert->url);
        if (strlen(alert->name) > ALERT_NAME_MAX)
            fault(check, NULL, "its name has more than %d bytes",
                  ALERT_NAME_MAX);
        if (alert_levels_parse(alert, &levels, &reason) < 0)
            fault(check, NULL, "%s", buf_cstr(&reason));
        else if (levels.percent_count + levels.balance_count == 0)
            fault(check, NULL, "it needs levels of budget or balance");
        buf_fini(&reason);
    }
}

static void
check_balance(struct check *check, const struct config_balance *balance)
{
    struct buf reason;
    check->section = CONFIG_SECTION_balance;
    check->origin = &check->origins->single[CONFIG_SECTION_balance];
    buf_init(&reason, 0);
    check_webhook(check, "url", balance->url);
    if (balance->url != NULL && balance->jwt_secret == NULL)
        fault(check, "url", "it needs a jwt_secret");
    if (balance->max_age_ms < 2 * balance->interval_ms)
        fault(check, "max_age", "it must be twice the interval, or more");
    if (balance_rule_check(balance, &reason) < 0)
        fault(check, NULL, "%s", buf_cstr(&reason));
    buf_fini(&reason);
}

bool
config_check_guards(const struct config *config,
                    const struct config_origins *origins, struct buf *error)
{
    struct check check = {.origins = origins,
                          .error = error,
                          .section = CONFIG_SECTION_log,
                          .origin = &origins->single[CONFIG_SECTION_log]};
    uint64_t mib = config->log.payload_mib;
    if (mib > 0 && mib < PAYLOAD_MIB_LEAST)
        fault(&check, "payload_mib", "it must be 0, or %d and more",
              PAYLOAD_MIB_LEAST);
    check_patterns(&check, "redact", &config->log.redact);
    check.section = CONFIG_SECTION_gateway;
    for (unsigned i = 0; i < config->gateway_count; i++) {
        const struct config_gateway *gateway = &config->gateways[i];
        check.origin = &origins->named[CONFIG_SECTION_gateway][i];
        check_patterns(&check, "redact", &gateway->redact);
        check_guards(&check, "guard_prompt", &gateway->guard_prompt);
        check_guards(&check, "guard_answer", &gateway->guard_answer);
        check_webhook(&check, "webhook_url", gateway->webhook_url);
    }
    check_alerts(&check, config);
    check_balance(&check, &config->balance);
    return !check.failed;
}
