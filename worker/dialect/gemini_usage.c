/*
 * gemini_usage.c - usageMetadata as the six classes, and back.
 *
 * Thoughts and the prompts of Google's own tools stand outside of the sums for
 * prompt and candidates; cached tokens and sound inside. Each statement is
 * whole: with built-in tools a later one starts its numbers again. What the call
 * was served as stands beside them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/gemini_part.h"

#include <errno.h>

enum count {
    COUNT_PROMPT,
    COUNT_CACHED,
    COUNT_CANDIDATES,
    COUNT_THOUGHTS,
    COUNT_TOOL_USE,
    COUNT_TOTAL,
    COUNTS,
    DETAILS_PROMPT = COUNTS,
    DETAILS_CACHE,
    DETAILS_CANDIDATES,
    NAME_SERVICE,
    NAME_TRAFFIC,
    NAMES,
};
static const struct str count_names[NAMES] = {
    STR_LIT("promptTokenCount"),
    STR_LIT("cachedContentTokenCount"),
    STR_LIT("candidatesTokenCount"),
    STR_LIT("thoughtsTokenCount"),
    STR_LIT("toolUsePromptTokenCount"),
    STR_LIT("totalTokenCount"),
    STR_LIT("promptTokensDetails"),
    STR_LIT("cacheTokensDetails"),
    STR_LIT("candidatesTokensDetails"),
    STR_LIT("serviceTier"),
    STR_LIT("trafficType"),
};

/* What Vertex calls it; what is bought ahead is OpenAI's "scale". */
static const struct {
    struct str word;
    enum service_tier tier;
} traffic_types[] = {
    {STR_LIT("\"ON_DEMAND\""), SERVICE_DEFAULT},
    {STR_LIT("\"ON_DEMAND_FLEX\""), SERVICE_FLEX},
    {STR_LIT("\"ON_DEMAND_PRIORITY\""), SERVICE_PRIORITY},
    {STR_LIT("\"PROVISIONED_THROUGHPUT\""), SERVICE_SCALE},
};

struct counts {
    uint64_t values[COUNTS];
    uint64_t audio[3]; /* prompt, cache, candidates */
    struct str service, traffic;
    bool any, odd;
    bool has_output;
};

static uint64_t
read_number(struct counts *counts, struct str number)
{
    uint64_t value = 0;
    int rc = json_number_u64(number, &value);
    counts->odd = counts->odd || rc == -ERANGE;
    return rc == 0 ? value : 0;
}

/* {modality, tokenCount} */
static uint64_t
read_detail(struct counts *counts, struct json_reader *reader)
{
    static const struct str names[] = {STR_LIT("modality"),
                                       STR_LIT("tokenCount")};
    struct str values[ARRAY_LEN(names) + 1];
    json_members_here(reader, names, ARRAY_LEN(names), values);
    return str_equals(values[0], STR_LIT("\"AUDIO\"")) && values[1].len > 0
               ? read_number(counts, values[1])
               : 0;
}

/* Sound among the details of one sum; most have none. */
static uint64_t
read_details(struct counts *counts, struct str list)
{
    struct json_reader reader;
    uint64_t audio = 0;
    if (memmem(list.ptr, list.len, "AUDIO", 5) == NULL)
        return 0;
    if (json_list_begin(&reader, list))
        while (json_list_object(&reader))
            audio += read_detail(counts, &reader);
    return audio;
}

static bool
is_number(struct str value)
{
    return *value.ptr == '-' || (*value.ptr >= '0' && *value.ptr <= '9');
}

static bool
read_counts(struct counts *counts, struct json_reader *reader)
{
    struct str values[NAMES + 1];
    bool whole = json_members_here(reader, count_names, NAMES, values);
    for (unsigned i = 0; i < COUNTS; i++)
        if (values[i].len > 0 && is_number(values[i])) {
            counts->values[i] = read_number(counts, values[i]);
            counts->any = true;
            counts->has_output = counts->has_output || i == COUNT_CANDIDATES;
        }
    for (unsigned i = DETAILS_PROMPT; i <= DETAILS_CANDIDATES; i++)
        if (values[i].len > 0)
            counts->audio[i - COUNTS] = read_details(counts, values[i]);
    counts->service = values[NAME_SERVICE];
    counts->traffic = values[NAME_TRAFFIC];
    return whole && counts->any && !counts->odd;
}

/* The Gemini API states a service tier, Vertex a type of traffic. */
static void
learn_service(struct answer *answer, const struct counts *counts)
{
    if (counts->service.len > 0)
        answer_learn_service(answer, counts->service);
    for (size_t i = 0; i < ARRAY_LEN(traffic_types); i++)
        if (str_equals(counts->traffic, traffic_types[i].word))
            answer->service_tier = (uint8_t)traffic_types[i].tier;
}

static uint64_t
at_most(uint64_t n, uint64_t most)
{
    return n < most ? n : most;
}

bool
gemini_usage(struct json_reader *reader, struct answer *answer)
{
    struct counts counts = {0};
    bool states = read_counts(&counts, reader);
    answer->usage_odd = answer->usage_odd || counts.odd;
    learn_service(answer, &counts);
    if (!states)
        return false;
    uint64_t prompt = counts.values[COUNT_PROMPT];
    uint64_t cached = at_most(counts.values[COUNT_CACHED], prompt);
    uint64_t audio =
        counts.audio[0] - at_most(counts.audio[1], counts.audio[0]);
    uint64_t audio_in = at_most(audio, prompt - cached);
    uint64_t candidates = counts.values[COUNT_CANDIDATES];
    uint64_t audio_out = at_most(counts.audio[2], candidates);
    const struct usage usage = {
        .prompt_missed =
            prompt - cached - audio_in + counts.values[COUNT_TOOL_USE],
        .cached = cached,
        .audio_in = audio_in,
        .completion = candidates - audio_out,
        .audio_out = audio_out,
        .reasoning = counts.values[COUNT_THOUGHTS],
    };
    answer_state_split(answer, &usage);
    return counts.has_output;
}

bool
gemini_read_usage(struct answer *answer, struct str object)
{
    struct json_reader reader;
    struct json_token token;
    json_reader_init(&reader, object);
    if (json_next(&reader, &token) != JSON_OBJECT)
        return false;
    gemini_usage(&reader, answer);
    return answer->usage_seen;
}

/* ---- back ---- */

static void
write_count(struct json_writer *json, const char *name, uint64_t n)
{
    json_key(json, name);
    json_u64(json, n);
}

static void
write_detail(struct json_writer *json, const char *modality, uint64_t n)
{
    json_object_begin(json);
    json_key(json, "modality");
    json_cstring(json, modality);
    write_count(json, "tokenCount", n);
    json_object_end(json);
}

static void
write_details(struct json_writer *json, const char *name, uint64_t text,
              uint64_t audio)
{
    json_key(json, name);
    json_array_begin(json);
    write_detail(json, "TEXT", text);
    write_detail(json, "AUDIO", audio);
    json_array_end(json);
}

void
gemini_write_usage(struct json_writer *json, const struct usage *usage)
{
    uint64_t text =
        usage->prompt_missed + usage->cached + usage->cache_creation;
    uint64_t candidates = usage->completion + usage->audio_out;
    json_key(json, "usageMetadata");
    json_object_begin(json);
    write_count(json, "promptTokenCount", text + usage->audio_in);
    if (usage->cached > 0)
        write_count(json, "cachedContentTokenCount", usage->cached);
    write_count(json, "candidatesTokenCount", candidates);
    if (usage->reasoning > 0)
        write_count(json, "thoughtsTokenCount", usage->reasoning);
    write_count(json, "totalTokenCount", usage_total(usage));
    if (usage->audio_in > 0)
        write_details(json, "promptTokensDetails", text, usage->audio_in);
    if (usage->audio_out > 0)
        write_details(json, "candidatesTokensDetails", usage->completion,
                      usage->audio_out);
    json_object_end(json);
}
