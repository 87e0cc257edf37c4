/*
 * openai_member.c - names of a request's top-level members.
 *
 * JSON readers disagree about names: Go's takes "Max_Tokens", and "maxKtokens"
 * with a Kelvin sign, for "max_tokens"; others drop what follows a NUL, or
 * halves of surrogate pairs. A body that means one thing here and another at
 * the provider would get past a budget, so what some reader takes for a guarded
 * name is told apart as a lookalike, and refused.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_part.h"

struct member_name {
    struct str name;
    enum openai_member member;
};

/* The guarded ones first, in the order of their numbers. */
static const struct member_name member_names[] = {
    // clang-format off
    {STR_LIT("model"), MEMBER_MODEL},
    {STR_LIT("stream"), MEMBER_STREAM},
    {STR_LIT("stream_options"), MEMBER_STREAM_OPTIONS},
    {STR_LIT("max_tokens"), MEMBER_MAX_TOKENS},
    {STR_LIT("max_completion_tokens"), MEMBER_MAX_COMPLETION_TOKENS},
    {STR_LIT("n"), MEMBER_N},
    {STR_LIT("best_of"), MEMBER_BEST_OF},
    {STR_LIT("messages"), MEMBER_MESSAGES},
    {STR_LIT("prompt"), MEMBER_PROMPT},
    {STR_LIT("input"), MEMBER_INPUT},
    {STR_LIT("tools"), MEMBER_TOOLS},
    {STR_LIT("functions"), MEMBER_FUNCTIONS},
    {STR_LIT("user"), MEMBER_UNSEEN},
    {STR_LIT("metadata"), MEMBER_UNSEEN},
    {STR_LIT("logit_bias"), MEMBER_UNSEEN},
    {STR_LIT("stop"), MEMBER_UNSEEN},
    {STR_LIT("service_tier"), MEMBER_UNSEEN},
    {STR_LIT("safety_identifier"), MEMBER_UNSEEN},
    {STR_LIT("prompt_cache_key"), MEMBER_UNSEEN},
    // clang-format on
};

const char *
openai_member_name(enum openai_member member)
{
    CHECK(member < MEMBER_GUARDED_END);
    return member_names[member].name.ptr;
}

static bool
is_guarded(const struct member_name *name)
{
    return name->member < MEMBER_GUARDED_END;
}

/* `name` is plain ASCII without escapes. */
static enum openai_member
find_plain(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(member_names); i++) {
        const struct member_name *known = &member_names[i];
        if (known->name.len != name.len)
            continue;
        if (memcmp(known->name.ptr, name.ptr, name.len) == 0)
            return known->member;
        if (is_guarded(known) && str_equals_nocase(known->name, name))
            return MEMBER_LOOKALIKE;
    }
    return MEMBER_OTHER;
}

/*
 * Reduces a decoded name as the most lenient readers do: letters that fold to
 * ASCII ones, control bytes, U+FFFD (what halves of pairs decode to) and bytes
 * that can be in no UTF-8 dropped. Returns the new length.
 */
static size_t
fold_name(char *name, size_t len)
{
    static const struct {
        struct str bytes;
        char folded; /* 0: dropped */
    } folds[] = {
        {STR_LIT("\xe2\x84\xaa"), 'k'}, /* Kelvin sign */
        {STR_LIT("\xc5\xbf"), 's'},     /* long s */
        {STR_LIT("\xef\xbf\xbd"), 0},   /* U+FFFD */
        {STR_LIT("\xef\xbb\xbf"), 0},   /* byte order mark */
        {STR_LIT("\xff"), 0},           {STR_LIT("\xfe"), 0},
    };
    size_t out = 0, at = 0;
    while (at < len) {
        struct str rest = {name + at, len - at};
        size_t step = 1;
        char folded = name[at];
        for (size_t i = 0; i < ARRAY_LEN(folds); i++) {
            if (!str_starts_with(rest, folds[i].bytes))
                continue;
            folded = folds[i].folded;
            step = folds[i].bytes.len;
            break;
        }
        at += step;
        if ((unsigned char)folded > 0x20)
            name[out++] = folded;
    }
    return out;
}

/* Whether some reader may take `name` for a guarded one. */
static bool
passes_for_guarded(struct str name)
{
    enum openai_member member = find_plain(name);
    return member < MEMBER_GUARDED_END || member == MEMBER_LOOKALIKE;
}

static enum openai_member
find_decoded(struct str key)
{
    char name[64];
    int len = json_string_decode(key, name, sizeof(name));
    if (len < 0)
        return MEMBER_OTHER; /* longer than any name, with room for tricks */
    enum openai_member member = find_plain(str_make(name, (size_t)len));
    if (member != MEMBER_OTHER)
        return member;
    const char *nul = memchr(name, '\0', (size_t)len);
    if (nul != NULL && passes_for_guarded(str_make(name, (size_t)(nul - name))))
        return MEMBER_LOOKALIKE;
    size_t folded = fold_name(name, (size_t)len);
    return passes_for_guarded(str_make(name, folded)) ? MEMBER_LOOKALIKE
                                                      : MEMBER_OTHER;
}

enum openai_member
openai_member_find(struct str key)
{
    bool plain = true;
    for (size_t i = 1; i + 1 < key.len; i++)
        plain = plain && key.ptr[i] != '\\' && (unsigned char)key.ptr[i] < 0x80;
    if (plain)
        return find_plain(str_make(key.ptr + 1, key.len - 2));
    return find_decoded(key);
}
