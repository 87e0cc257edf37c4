/*
 * condition.c - see condition.h. One walk over the text both checks and decides:
 * without a `find` it only checks, and looks at all of it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/condition.h"

#include <stdlib.h>
#include <string.h>

#include "common/json_scan.h"

struct walk {
    condition_find find; /* NULL: is it a condition at all */
    void *context;
    struct buf *reason;
    bool bad;
};

enum test { EQ, NE, GT, GTE, LT, LTE, IN, NIN, EXISTS, TESTS };
static const struct str test_names[TESTS] = {
    STR_LIT("$eq"),  STR_LIT("$ne"),  STR_LIT("$gt"),
    STR_LIT("$gte"), STR_LIT("$lt"),  STR_LIT("$lte"),
    STR_LIT("$in"),  STR_LIT("$nin"), STR_LIT("$exists"),
};

enum joint { AND, OR, NOR, NOT, JOINTS };
static const struct str joint_names[JOINTS] = {
    STR_LIT("$and"), STR_LIT("$or"), STR_LIT("$nor"), STR_LIT("$not")};

static bool
fail(struct walk *walk, const char *what, struct str text)
{
    if (!walk->bad && walk->reason != NULL)
        buf_printf(walk->reason, "%s: %.*s", what,
                   (int)(text.len < 60 ? text.len : 60), text.ptr);
    walk->bad = true;
    return false;
}

bool
condition_is_field(struct str name)
{
    static const struct str kinds[] = {STR_LIT("metadata."),
                                       STR_LIT("headers."), STR_LIT("body.")};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (name.len > kinds[i].len && name.len < 256 &&
            memcmp(name.ptr, kinds[i].ptr, kinds[i].len) == 0)
            return true;
    return false;
}

/* ---- one value with another ---- */

struct value {
    bool exists;
    int len;
    char text[CONDITION_VALUE_BYTES];
};

static bool
as_number(const char *text, int len, double *out)
{
    char copy[64], *end;
    if (len <= 0 || len >= (int)sizeof(copy) ||
        strspn(text, "+-.0123456789eE") < (size_t)len)
        return false;
    memcpy(copy, text, (size_t)len);
    copy[len] = '\0';
    *out = strtod(copy, &end);
    return *end == '\0';
}

/* -1, 0, 1; 2: neither is before the other. */
static int
compare(const struct value *value, struct str operand)
{
    char text[CONDITION_VALUE_BYTES];
    double a, b;
    if (str_equals(operand, STR_LIT("null")))
        return value->exists ? 2 : 0;
    if (!value->exists)
        return 2;
    if (operand.ptr[0] == '"') {
        int len = json_string_decode(operand, text, sizeof(text));
        return len == value->len && memcmp(text, value->text, (size_t)len) == 0
                   ? 0
                   : 2;
    }
    if (as_number(operand.ptr, (int)operand.len, &b) &&
        as_number(value->text, value->len, &a))
        return a < b ? -1 : a > b;
    return str_equals(operand, str_make(value->text, (size_t)value->len)) ? 0
                                                                          : 2;
}

static bool
is_in(struct walk *walk, const struct value *value, struct str list)
{
    struct json_reader reader;
    struct str item;
    bool found = false;
    if (!json_list_begin(&reader, list))
        return fail(walk, "a list is needed", list);
    while (json_list_next(&reader, &item)) {
        if (item.ptr[0] == '{' || item.ptr[0] == '[')
            return fail(walk, "no value to compare with", item);
        found = found || (walk->find != NULL && compare(value, item) == 0);
    }
    return found;
}

static bool
passes(struct walk *walk, const struct value *value, unsigned test,
       struct str operand)
{
    if (test == IN || test == NIN)
        return is_in(walk, value, operand) == (test == IN);
    if (operand.ptr[0] == '{' || operand.ptr[0] == '[')
        return fail(walk, "no value to compare with", operand);
    bool is_yes = str_equals(operand, STR_LIT("true"));
    if (test == EXISTS && !is_yes && !str_equals(operand, STR_LIT("false")))
        return fail(walk, "$exists is true or false", operand);
    double number;
    if (test >= GT && test <= LTE &&
        !as_number(operand.ptr, (int)operand.len, &number))
        return fail(walk, "no number to compare with", operand);
    if (walk->find == NULL)
        return true;
    int order = test == EXISTS ? 0 : compare(value, operand);
    switch ((enum test)test) {
    case EQ:
        return order == 0;
    case NE:
        return order != 0;
    case GT:
        return order == 1;
    case GTE:
        return order == 0 || order == 1;
    case LT:
        return order == -1;
    case LTE:
        return order == 0 || order == -1;
    case EXISTS:
        return value->exists == is_yes;
    case IN:
    case NIN:
    case TESTS:
        break;
    }
    UNREACHABLE();
}

/* ---- objects ---- */

static bool
field_holds(struct walk *walk, struct str name, struct str tests)
{
    struct value value = {0};
    char field[256];
    struct json_reader reader;
    struct json_token token;
    struct str key, operand;
    enum json_type type;
    int len = json_string_decode(name, field, sizeof(field));
    if (len < 0 || !condition_is_field(str_make(field, (size_t)len)))
        return fail(walk, "no field; metadata.NAME, headers.NAME or body.PATH",
                    name);
    if (walk->find != NULL) {
        value.len =
            walk->find(walk->context, str_make(field, (size_t)len), value.text);
        value.exists = value.len >= 0;
    }
    if (tests.ptr[0] != '{')
        return passes(walk, &value, EQ, tests);
    bool holds = true;
    unsigned count = 0;
    json_reader_init(&reader, tests);
    json_next(&reader, &token);
    while ((type = json_member(&reader, &key, &operand)) != JSON_OBJECT_END) {
        unsigned test =
            type == JSON_BAD ? TESTS : json_key_find(key, test_names, TESTS);
        if (test >= TESTS)
            return fail(walk, "no test", key);
        holds = passes(walk, &value, test, operand) && holds;
        count++;
    }
    return count > 0 ? holds : fail(walk, "no test", tests);
}

static bool object_holds(struct walk *walk, struct str object, unsigned depth);

static bool
joint_holds(struct walk *walk, unsigned joint, struct str value, unsigned depth)
{
    struct json_reader reader;
    struct str item;
    bool all = true, any = false;
    unsigned count = 0;
    if (depth >= CONDITION_DEPTH)
        return fail(walk, "too deep", value);
    if (joint == NOT)
        return !object_holds(walk, value, depth + 1);
    if (!json_list_begin(&reader, value))
        return fail(walk, "a list is needed", value);
    for (; json_list_next(&reader, &item); count++) {
        bool holds = object_holds(walk, item, depth + 1);
        all = all && holds;
        any = any || holds;
    }
    if (count == 0)
        return fail(walk, "an empty list", value);
    return joint == AND ? all : joint == OR ? any : !any;
}

static bool
object_holds(struct walk *walk, struct str object, unsigned depth)
{
    struct json_reader reader;
    struct json_token token;
    struct str key, value;
    enum json_type type;
    bool holds = true;
    unsigned count = 0;
    json_reader_init(&reader, object);
    if (json_next(&reader, &token) != JSON_OBJECT)
        return fail(walk, "an object is needed", object);
    while ((type = json_member(&reader, &key, &value)) != JSON_OBJECT_END) {
        if (type == JSON_BAD)
            return fail(walk, "not JSON", object);
        unsigned joint = json_key_find(key, joint_names, JOINTS);
        bool one = joint < JOINTS ? joint_holds(walk, joint, value, depth)
                                  : field_holds(walk, key, value);
        holds = holds && one;
        count++;
    }
    return count > 0 ? holds : fail(walk, "an empty condition", object);
}

bool
condition_check(struct str text, struct buf *reason)
{
    struct walk walk = {.reason = reason};
    if (text.len >= CONDITION_BYTES)
        return fail(&walk, "too long", text);
    if (!json_is(text, JSON_OBJECT))
        return fail(&walk, "no JSON object", text);
    (void)object_holds(&walk, text, 0);
    return !walk.bad;
}

bool
condition_holds(struct str text, condition_find find, void *context)
{
    struct walk walk = {.find = find, .context = context};
    return object_holds(&walk, text, 0) && !walk.bad;
}
