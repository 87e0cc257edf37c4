/*
 * ledger_note.c - see ledger_note.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_note.h"

#include <errno.h>
#include <string.h>

#include "accountant/ledger/codec.h"
#include "accountant/ledger/ledger_batch_part.h"
#include "accountant/ledger/ledger_internal.h"
#include "common/check.h"

static void
note_key(struct ledger_key *key, char space, struct str name)
{
    CHECK(name.len <= LEDGER_NOTE_NAME_MAX);
    ledger_key_begin(key, 'N');
    ledger_key_u8(key, (uint8_t)space);
    for (size_t i = 0; i < name.len; i++)
        ledger_key_u8(key, (uint8_t)name.ptr[i]);
}

void
ledger_batch_note(struct ledger_batch *batch, char space, struct str name,
                  struct str value)
{
    struct ledger_key key;
    CHECK(value.len > 0 && value.len <= LEDGER_NOTE_VALUE_MAX);
    note_key(&key, space, name);
    ledger_batch_pair(batch, &key, value);
}

void
ledger_batch_delete_note(struct ledger_batch *batch, char space,
                         struct str name)
{
    struct ledger_key key;
    note_key(&key, space, name);
    ledger_batch_delete_pair(batch, &key);
}

int
ledger_read_note(struct ledger *ledger, struct ledger_snapshot *snapshot,
                 char space, struct str name, struct buf *out,
                 struct buf *error)
{
    struct ledger_key key;
    if (snapshot == NULL)
        return -EIO;
    note_key(&key, space, name);
    return ledger_get(ledger, snapshot, &key, out, error);
}

static struct str
key_bytes(const struct ledger_key *key)
{
    return str_make((const char *)key->bytes, key->len);
}

/* As memcmp() of the bytes, the shorter one first. */
static int
compare(struct str a, struct str b)
{
    size_t least = a.len < b.len ? a.len : b.len;
    int order = least == 0 ? 0 : memcmp(a.ptr, b.ptr, least);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* At the first pair of the way: at `from`, or before `to`. */
static void
seek_first(leveldb_iterator_t *it, const struct ledger_note_range *range)
{
    struct ledger_key key;
    if (!range->backwards) {
        note_key(&key, range->space, range->from);
    } else if (range->to.len > 0) {
        note_key(&key, range->space, range->to);
    } else {
        ledger_key_begin(&key, 'N');
        ledger_key_u8(&key, (uint8_t)(range->space + 1));
    }
    leveldb_iter_seek(it, (const char *)key.bytes, key.len);
    if (!range->backwards)
        return;
    if (leveldb_iter_valid(it))
        leveldb_iter_prev(it);
    else
        leveldb_iter_seek_to_last(it);
}

static bool
is_in_range(const struct ledger_note_range *range, struct str key)
{
    struct ledger_key from, to;
    struct ledger_key space;
    note_key(&space, range->space, str_make("", 0));
    note_key(&from, range->space, range->from);
    note_key(&to, range->space, range->to);
    return str_starts_with(key, key_bytes(&space)) &&
           (range->from.len == 0 || compare(key, key_bytes(&from)) >= 0) &&
           (range->to.len == 0 || compare(key, key_bytes(&to)) < 0);
}

int
ledger_scan_notes(struct ledger *ledger, struct ledger_snapshot *snapshot,
                  const struct ledger_note_range *range,
                  bool (*each)(struct str name, struct str value,
                               void *context),
                  void *context, struct buf *error)
{
    if (snapshot == NULL || snapshot->error != 0 || snapshot->main == NULL)
        return -EIO;
    leveldb_iterator_t *it =
        leveldb_create_iterator(ledger->main, snapshot->read);
    int rc = 0;
    for (seek_first(it, range); leveldb_iter_valid(it);) {
        struct str key, value;
        key.ptr = leveldb_iter_key(it, &key.len);
        value.ptr = leveldb_iter_value(it, &value.len);
        if (!is_in_range(range, key) || !each(str_skip(key, 2), value, context))
            break;
        if (ledger_is_closing(ledger)) {
            rc = -EAGAIN;
            break;
        }
        if (range->backwards)
            leveldb_iter_prev(it);
        else
            leveldb_iter_next(it);
    }
    char *text = NULL;
    leveldb_iter_get_error(it, &text);
    leveldb_iter_destroy(it);
    if (text == NULL)
        return rc;
    ledger_mark_suspect(ledger);
    return ledger_take_error(text, "while reading notes", error);
}
