/*
 * bedrock_think.c - members that only some models take, chosen by the name that
 * Bedrock has for the model: how it thinks, top_k, one call at a time.
 *
 * Claude takes a budget of thoughts, from 4.6 on an effort; it must be left free
 * to call a tool or not, and must see its signed thoughts again between a call
 * and the answer to it: where a client's dialect has lost them, it does not
 * think.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/bedrock_part.h"

#include "worker/dialect/scan.h"

enum { BUDGET_MIN = 1024 };

static bool
contains(struct str name, const char *word)
{
    return name.len > 0 &&
           memmem(name.ptr, name.len, word, strlen(word)) != NULL;
}

static enum bedrock_vendor
vendor_of(struct str model)
{
    static const struct {
        const char *word;
        enum bedrock_vendor vendor;
    } vendors[] = {
        {"claude", BEDROCK_CLAUDE}, {"anthropic.", BEDROCK_CLAUDE},
        {"nova", BEDROCK_NOVA},     {"gpt-oss", BEDROCK_GPT_OSS},
        {"qwen", BEDROCK_QWEN},     {"mistral.", BEDROCK_MISTRAL},
    };
    for (size_t i = 0; i < ARRAY_LEN(vendors); i++)
        if (contains(model, vendors[i].word))
            return vendors[i].vendor;
    return BEDROCK_OTHER;
}

/* One or two digits that no third follows; -1: none. */
static int
small_number(struct str *text)
{
    int number = -1;
    size_t at = 0;
    while (at < text->len && text->ptr[at] >= '0' && text->ptr[at] <= '9' &&
           at < 3) {
        number = (number < 0 ? 0 : number * 10) + (text->ptr[at] - '0');
        at++;
    }
    if (at == 3)
        return -1; /* a date */
    *text = str_skip(*text, at);
    return number;
}

/* "claude-3-7-sonnet-20250219" and "claude-opus-4-5" alike: 307, 405. */
static unsigned
version_of(struct str model)
{
    static const struct str mark = {"claude-", 7};
    const char *at =
        model.len == 0 ? NULL : memmem(model.ptr, model.len, mark.ptr, 7);
    if (at == NULL)
        return 0;
    struct str rest = {at + mark.len,
                       model.len - (size_t)(at - model.ptr) - mark.len};
    while (rest.len > 0 && (*rest.ptr < '0' || *rest.ptr > '9'))
        rest = str_skip(rest, 1);
    int major = small_number(&rest), minor = -1;
    if (major >= 0 && rest.len > 1 && *rest.ptr == '-') {
        rest = str_skip(rest, 1);
        minor = small_number(&rest);
    }
    return major < 0 ? 0 : (unsigned)(major * 100 + (minor < 0 ? 0 : minor));
}

static bool
wants_thinking(const struct canon_request *request)
{
    if (request->thinking == CANON_NO || request->effort == CANON_EFFORT_NONE)
        return false;
    return request->thinking == CANON_YES || request->thinking_budget != 0 ||
           request->effort != CANON_EFFORT_UNSET;
}

/* The last turn of the user answers a call whose thoughts are lost. */
static bool
has_lost_thoughts(const struct canon_request *request)
{
    bool answers = false, calls = false;
    for (uint32_t i = request->message_count; i-- > 0;) {
        const struct canon_message *message = &request->messages[i];
        const struct canon_part *part = &request->parts[message->first_part];
        if (message->role == CANON_SYSTEM)
            continue;
        if (message->role == CANON_USER && calls)
            break;
        for (uint32_t n = 0; n < message->part_count; n++, part++) {
            answers = answers || part->kind == CANON_TOOL_RESULT;
            calls = calls || part->kind == CANON_TOOL_CALL;
            if ((part->kind == CANON_THINKING && part->signature.len > 0) ||
                part->kind == CANON_REDACTED)
                return false;
        }
        if (message->role == CANON_ASSISTANT && !calls)
            break;
    }
    return answers && calls;
}

/* As much as was asked for; half of an answer that is shorter. */
static int64_t
budget_of(const struct bedrock_writer *writer)
{
    const struct canon_request *request = writer->request;
    enum canon_effort effort = (enum canon_effort)request->effort;
    int64_t most = writer->target->max_tokens > INT32_MAX
                       ? INT32_MAX
                       : (int64_t)writer->target->max_tokens;
    int64_t budget = request->thinking_budget;
    if (budget <= 0)
        budget = canon_effort_budget(
            effort == CANON_EFFORT_UNSET ? CANON_EFFORT_MEDIUM : effort);
    if (most > 0 && budget >= most)
        budget = most / 2;
    return budget < BUDGET_MIN ? BUDGET_MIN : budget;
}

static enum canon_effort
effort_of(const struct canon_request *request)
{
    if (request->effort != CANON_EFFORT_UNSET)
        return (enum canon_effort)request->effort;
    if (request->thinking_budget > 0)
        return canon_budget_effort(request->thinking_budget);
    return CANON_EFFORT_UNSET;
}

/* The word of the three or four that a vendor knows. */
static const char *
effort_word(const struct bedrock_writer *writer)
{
    switch (effort_of(writer->request)) {
    case CANON_EFFORT_UNSET:
        return writer->thinking == BEDROCK_ADAPTIVE ? NULL : "medium";
    case CANON_EFFORT_NONE:
    case CANON_EFFORT_MINIMAL:
    case CANON_EFFORT_LOW:
        return "low";
    case CANON_EFFORT_MEDIUM:
        return "medium";
    case CANON_EFFORT_XHIGH:
        if (writer->thinking == BEDROCK_ADAPTIVE)
            return "max";
        break;
    default:
        break;
    }
    /* Nova's highest takes no bound, and ours has to stay. */
    return writer->vendor == BEDROCK_NOVA && writer->target->max_tokens > 0
               ? "medium"
               : "high";
}

static enum bedrock_thinking
claude_thinking(const struct bedrock_writer *writer)
{
    const struct canon_target *target = writer->target;
    if (writer->version > 0 && writer->version < 307)
        return BEDROCK_NO_THINKING;
    if (has_lost_thoughts(writer->request))
        return BEDROCK_NO_THINKING;
    if (writer->version >= 406)
        return BEDROCK_ADAPTIVE;
    return target->max_tokens > 0 && target->max_tokens <= BUDGET_MIN
               ? BEDROCK_NO_THINKING
               : BEDROCK_BUDGET;
}

int
bedrock_think_plan(struct bedrock_writer *writer)
{
    struct canon_request *request = writer->request;
    writer->vendor = vendor_of(writer->target->model);
    writer->version = version_of(writer->target->model);
    if (!wants_thinking(request))
        return 0;
    if (writer->vendor == BEDROCK_CLAUDE)
        writer->thinking = claude_thinking(writer);
    else if (writer->vendor == BEDROCK_NOVA ||
             writer->vendor == BEDROCK_GPT_OSS ||
             writer->vendor == BEDROCK_QWEN)
        writer->thinking = BEDROCK_EFFORT;
    if (writer->thinking == BEDROCK_NO_THINKING) {
        canon_drop(request, "reasoning_effort");
        return 0;
    }
    if (writer->vendor == BEDROCK_CLAUDE && request->tool_count > 0 &&
        (request->tool_choice == CANON_CHOICE_REQUIRED ||
         request->tool_choice == CANON_CHOICE_NAMED))
        return scan_refuse(
            writer->fault, "unsupported_parameter", "tool_choice",
            "A model that thinks cannot be made to call a tool: leave "
            "tool_choice out, or switch thinking off.");
    if (writer->thinking == BEDROCK_BUDGET)
        writer->budget = budget_of(writer);
    else
        writer->effort = effort_word(writer);
    return 0;
}

/* ---- additionalModelRequestFields ---- */

static void
write_claude_thinking(struct bedrock_writer *writer)
{
    struct json_writer *json = &writer->json;
    json_key(json, "thinking");
    json_object_begin(json);
    json_key(json, "type");
    json_cstring(json,
                 writer->thinking == BEDROCK_BUDGET ? "enabled" : "adaptive");
    if (writer->thinking == BEDROCK_BUDGET) {
        json_key(json, "budget_tokens");
        json_i64(json, writer->budget);
    }
    json_object_end(json);
    if (writer->effort == NULL)
        return;
    json_key(json, "output_config");
    json_object_begin(json);
    json_key(json, "effort");
    json_cstring(json, writer->effort);
    json_object_end(json);
}

static void
write_thinking(struct bedrock_writer *writer)
{
    struct json_writer *json = &writer->json;
    if (writer->vendor == BEDROCK_CLAUDE) {
        write_claude_thinking(writer);
    } else if (writer->vendor == BEDROCK_NOVA) {
        json_key(json, "reasoningConfig");
        json_object_begin(json);
        json_key(json, "type");
        json_cstring(json, "enabled");
        json_key(json, "maxReasoningEffort");
        json_cstring(json, writer->effort);
        json_object_end(json);
    } else {
        json_key(json, writer->vendor == BEDROCK_QWEN ? "reasoning_config"
                                                      : "reasoning_effort");
        json_cstring(json, writer->effort);
    }
}

/* Whether it is taken: Nova has a place of its own for it. */
static bool
takes_top_k(const struct bedrock_writer *writer)
{
    struct str top_k = writer->request->fields[CANON_FIELD_TOP_K];
    if (top_k.len == 0 || *top_k.ptr < '0' || *top_k.ptr > '9')
        return false;
    bool takes = (writer->vendor == BEDROCK_CLAUDE &&
                  writer->thinking == BEDROCK_NO_THINKING) ||
                 writer->vendor == BEDROCK_NOVA ||
                 writer->vendor == BEDROCK_MISTRAL;
    if (!takes)
        canon_drop(writer->request, "top_k");
    return takes;
}

static void
write_top_k(struct bedrock_writer *writer)
{
    struct json_writer *json = &writer->json;
    struct str top_k = writer->request->fields[CANON_FIELD_TOP_K];
    bool is_nova = writer->vendor == BEDROCK_NOVA;
    if (is_nova) {
        json_key(json, "inferenceConfig");
        json_object_begin(json);
    }
    json_key(json, is_nova ? "topK" : "top_k");
    json_raw(json, top_k);
    if (is_nova)
        json_object_end(json);
}

static void
write_one_tool(struct bedrock_writer *writer)
{
    const struct canon_request *request = writer->request;
    struct json_writer *json = &writer->json;
    bool named = request->tool_choice == CANON_CHOICE_NAMED;
    json_key(json, "tool_choice");
    json_object_begin(json);
    json_key(json, "type");
    json_cstring(json, named ? "tool"
                       : request->tool_choice == CANON_CHOICE_REQUIRED
                           ? "any"
                           : "auto");
    if (named) {
        json_key(json, "name");
        json_inside(json, request->tool_choice_names[0]);
    }
    json_key(json, "disable_parallel_tool_use");
    json_bool(json, true);
    json_object_end(json);
}

void
bedrock_model_fields(struct bedrock_writer *writer)
{
    bool thinks = writer->thinking != BEDROCK_NO_THINKING;
    bool top_k = takes_top_k(writer);
    bool one_tool = bedrock_calls_one_tool(writer);
    if (!thinks && !top_k && !one_tool)
        return;
    json_key(&writer->json, "additionalModelRequestFields");
    json_object_begin(&writer->json);
    if (thinks)
        write_thinking(writer);
    if (top_k)
        write_top_k(writer);
    if (one_tool)
        write_one_tool(writer);
    json_object_end(&writer->json);
}
