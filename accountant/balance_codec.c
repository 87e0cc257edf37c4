/*
 * balance_codec.c - accounts (balance.h) as notes of the ledger.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/balance.h"

#include <errno.h>
#include <stdlib.h>

#include "accountant/ledger/codec.h"
#include "accountant/notes.h"
#include "common/clock.h"

enum { ACCOUNT_VERSION = 1 };
enum { FLAG_TOLD = 1, FLAG_SUBSCRIPTION = 2 };

static void
put_charge(const struct balance_charge *charge, struct buf *out)
{
    codec_put_u64(out, charge->serial);
    codec_put_i64(out, charge->micro);
    codec_put_i64(out, charge->sent_ms);
    codec_put_i64(out, charge->before);
    codec_put_cstr(out, charge->courier);
    codec_put_cstr(out, charge->reason);
}

static void
get_charge(struct codec_reader *reader, struct balance_charge *charge)
{
    charge->serial = codec_get_u64(reader);
    charge->micro = codec_get_i64(reader);
    charge->sent_ms = codec_get_i64(reader);
    charge->before = codec_get_i64(reader);
    codec_get_cstr(reader, charge->courier, sizeof(charge->courier));
    codec_get_cstr(reader, charge->reason, sizeof(charge->reason));
}

void
balance_encode(const struct balance_account *account, struct buf *out)
{
    codec_put_u8(out, ACCOUNT_VERSION);
    codec_put_u8(out, (account->is_told ? FLAG_TOLD : 0u) |
                          (account->is_subscription ? FLAG_SUBSCRIPTION : 0u));
    codec_put_u8(out, (uint8_t)account->real_name);
    codec_put_i64(out, account->origin);
    codec_put_i64(out, account->end);
    codec_put_i64(out, account->charged);
    codec_put_i64(out, account->told);
    codec_put_i64(out, account->told_charged);
    codec_put_i64(out, account->quota);
    codec_put_i64(out, account->told_ms);
    codec_put_cstr(out, account->user);
    codec_put_u64(out, account->serial);
    codec_put_u64(out, account->unknown_count);
    put_charge(&account->sent, out);
    for (uint32_t i = 0; i < account->unknown_count; i++)
        put_charge(&account->unknown[i], out);
}

/* Amounts within their bounds, so that sums of them are. */
static bool
is_sound(const struct balance_account *account)
{
    const int64_t most = INT64_MAX / NANO_PER_MICRO;
    int64_t sum = account->sent.micro;
    if (account->charged < 0 || account->charged > most || sum < 0 ||
        sum > most || account->told_charged < 0 ||
        account->told_charged > most || account->told > BALANCE_MICRO_MAX ||
        account->told < -BALANCE_MICRO_MAX)
        return false;
    for (uint32_t i = 0; i < account->unknown_count; i++) {
        int64_t one = account->unknown[i].micro;
        if (one <= 0 || one > most - sum)
            return false;
        sum += one;
    }
    return account->origin >= 0 && account->end >= -1 &&
           account->real_name <= REAL_NAME_NO;
}

int
balance_decode(struct str bytes, struct balance_account *account)
{
    struct codec_reader reader;
    codec_reader_init(&reader, bytes);
    if (codec_get_u8(&reader) != ACCOUNT_VERSION)
        return -EBADMSG;
    uint8_t flags = codec_get_u8(&reader);
    account->is_told = (flags & FLAG_TOLD) != 0;
    account->is_subscription = (flags & FLAG_SUBSCRIPTION) != 0;
    account->real_name = (enum balance_real_name)codec_get_u8(&reader);
    account->origin = codec_get_i64(&reader);
    account->end = codec_get_i64(&reader);
    account->charged = codec_get_i64(&reader);
    account->told = codec_get_i64(&reader);
    account->told_charged = codec_get_i64(&reader);
    account->quota = codec_get_i64(&reader);
    account->told_ms = codec_get_i64(&reader);
    codec_get_cstr(&reader, account->user, sizeof(account->user));
    account->serial = codec_get_u64(&reader);
    uint32_t count = (uint32_t)codec_get_max(&reader, BALANCE_UNKNOWN_MAX);
    get_charge(&reader, &account->sent);
    if (count > 0) {
        account->unknown = calloc(count, sizeof(*account->unknown));
        if (account->unknown == NULL)
            return -ENOMEM;
        account->unknown_count = count;
    }
    for (uint32_t i = 0; i < count; i++)
        get_charge(&reader, &account->unknown[i]);
    return codec_reader_done(&reader) && is_sound(account) ? 0 : -EBADMSG;
}

static uint64_t
name_number(struct str name)
{
    uint64_t value = 0;
    for (size_t i = 0; i < name.len; i++)
        value = value << 8 | (uint8_t)name.ptr[i];
    return value;
}

int
balance_load(struct balance_book *book, struct objects *objects,
             struct str name, struct str bytes)
{
    if (name.len != sizeof(uint64_t))
        return -EBADMSG;
    struct object *object =
        objects_get(objects, LEDGER_GROUP, name_number(name));
    struct balance_account *account =
        object == NULL ? NULL : balance_make(book, object);
    if (account == NULL)
        return -ENOMEM;
    int rc = balance_decode(bytes, account);
    if (rc < 0)
        return rc;
    /* A clock that was set back makes an answer no younger than it is known. */
    int64_t age_ms = clock_wall_ms() - account->told_ms;
    account->told_mono_ms =
        (int64_t)clock_mono_ms() - (age_ms > 0 ? age_ms : 0);
    if (account->sent.micro > 0) {
        account->task = BALANCE_CHARGE;
        str_copy(account->courier, str_from(account->sent.courier));
        account->courier[str_from(account->sent.courier).len] = '\0';
        account->next = book->busy;
        book->busy = account;
    }
    return 0;
}
