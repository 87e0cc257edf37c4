/*
 * scan_member.c - names of a request's members, and names that only look like
 * them.
 *
 * JSON readers disagree about names: Go's takes "Max_Tokens", and "maxKtokens"
 * with a Kelvin sign, for "max_tokens"; others drop what follows a NUL, or
 * halves of surrogate pairs. A body that means one thing here and another at
 * the provider would get past a budget, so what some reader takes for a guarded
 * name is told apart as a lookalike, and refused.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/scan.h"

/* Known as it stands, which nearly all are; or SCAN_OTHER. */
static inline unsigned
find_exact(const struct scan_names *names, struct str name)
{
    for (unsigned i = 0; i < names->count; i++) {
        struct str known = names->rows[i].name;
        if (known.len == name.len && *known.ptr == *name.ptr &&
            memcmp(known.ptr, name.ptr, name.len) == 0)
            return names->rows[i].member;
    }
    return SCAN_OTHER;
}

/* No known name, plain ASCII without escapes: whether it is one in other case. */
static unsigned
find_lookalike(const struct scan_names *names, struct str name)
{
    for (unsigned i = 0; i < names->count; i++)
        if (names->rows[i].member < names->guarded_end &&
            str_equals_nocase(names->rows[i].name, name))
            return SCAN_LOOKALIKE;
    return SCAN_OTHER;
}

static unsigned
find_plain(const struct scan_names *names, struct str name)
{
    unsigned member = find_exact(names, name);
    return member != SCAN_OTHER ? member : find_lookalike(names, name);
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
passes_for_guarded(const struct scan_names *names, struct str name)
{
    unsigned member = find_plain(names, name);
    return member < names->guarded_end || member == SCAN_LOOKALIKE;
}

static unsigned
find_decoded(const struct scan_names *names, struct str key)
{
    char name[64];
    int len = json_string_decode(key, name, sizeof(name));
    if (len < 0)
        return SCAN_OTHER; /* longer than any name, with room for tricks */
    unsigned member = find_plain(names, str_make(name, (size_t)len));
    if (member != SCAN_OTHER)
        return member;
    const char *nul = memchr(name, '\0', (size_t)len);
    if (nul != NULL &&
        passes_for_guarded(names, str_make(name, (size_t)(nul - name))))
        return SCAN_LOOKALIKE;
    size_t folded = fold_name(name, (size_t)len);
    return passes_for_guarded(names, str_make(name, folded)) ? SCAN_LOOKALIKE
                                                             : SCAN_OTHER;
}

unsigned
scan_member_find(const struct scan_names *names, struct str key)
{
    bool plain = true;
    struct str inside = {key.ptr + 1, key.len - 2};
    unsigned member = find_exact(names, inside);
    if (LIKELY(member != SCAN_OTHER))
        return member;
    for (size_t i = 1; i + 1 < key.len; i++)
        plain = plain && key.ptr[i] != '\\' && (unsigned char)key.ptr[i] < 0x80;
    if (plain)
        return find_lookalike(names, inside);
    return find_decoded(names, key);
}

const char *
scan_member_name(const struct scan_names *names, unsigned member)
{
    CHECK(member < names->guarded_end);
    return names->rows[member].name.ptr;
}
