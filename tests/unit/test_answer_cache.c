/*
 * test_answer_cache.c - stored answers: found by all workers, bounded in size
 * and time, kept over deaths, never believed when damaged; and their file.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "shm/answer_cache_layout.h"
#include "tests/unit/shm_fixture.h"

enum { NOW = 1000, TTL = 500, SIZE = 4 * CACHE_BLOCK_LEAST };

struct stage {
    struct fixture f;
    struct answer_cache *cache;
    struct answer_writer writer[3];
    struct answer_kept kept;
    struct buf out;
};

static void
stage_open_size(struct stage *s, uint64_t bytes)
{
    fixture_open(&s->f);
    s->cache = answer_cache_create_shared(&s->f.segment, bytes);
    CHECK_TRUE(s->cache != NULL);
    for (int i = 0; i < 3; i++)
        answer_writer_open(&s->writer[i], s->cache, &s->f.seat[i]);
    buf_init(&s->out, 0);
}

static void
stage_open(struct stage *s)
{
    stage_open_size(s, SIZE);
}

static void
stage_close(struct stage *s)
{
    for (int i = 0; i < 3; i++)
        answer_writer_close(&s->writer[i]);
    answer_cache_close(&s->cache);
    fixture_close(&s->f);
    buf_fini(&s->out);
}

static struct answer_key
key_of(uint64_t n)
{
    return (struct answer_key){{hash_mix64(n), hash_mix64(~n)}};
}

static int
store(struct stage *s, int seat, uint64_t n, struct str head, struct str body)
{
    struct answer_key key = key_of(n);
    struct answer_kept kept = {.stored_ms = NOW,
                               .expires_ms = NOW + TTL,
                               .tokens = 100 + n,
                               .nano = 7000 + n,
                               .output_tokens = (uint32_t)(3 * n),
                               .model_idx = (uint32_t)(1023 - n % 1024),
                               .provider_idx = 4095,
                               .stream = n % 2 == 1};
    return answer_cache_store(&s->writer[seat], &key, &kept, head, body);
}

static int
find_at(struct stage *s, uint64_t n, uint64_t now_ms, uint64_t max_age_ms)
{
    struct answer_key key = key_of(n);
    buf_reset(&s->out);
    return answer_cache_find(s->cache, &key, now_ms, max_age_ms, &s->kept,
                             &s->out);
}

static int
find(struct stage *s, uint64_t n)
{
    return find_at(s, n, NOW, UINT64_MAX);
}

/* An answer of `len` bytes that no other number has. */
static struct str
body_of(uint64_t n, size_t len)
{
    static char texts[2][1 << 20];
    static unsigned turn; /* head and body of one answer */
    char *text = texts[++turn % 2];
    CHECK_TRUE(len <= sizeof(texts[0]));
    for (size_t i = 0; i < len; i++)
        text[i] = (char)hash_mix64(n * 1000003 + i / 8 * 8 + i % 8);
    return str_make(text, len);
}

static uint64_t
count(const struct stage *s, enum answer_count which)
{
    struct answer_cache_stats stats;
    answer_cache_stats(s->cache, &stats);
    return stats.counts[which];
}

TEST(a_stored_answer_is_what_it_was_and_no_other_name_leads_to_it)
{
    struct stage s;
    stage_open(&s);
    for (size_t len = 0; len < 40; len++) {
        CHECK_EQ(store(&s, (int)(len % 3), len, body_of(900 + len, len % 11),
                       body_of(len, len)),
                 0);
        CHECK_EQ(find(&s, len), 0);
        CHECK_EQ(s.kept.head_len, len % 11);
        CHECK_EQ(s.kept.body_len, len);
        struct str all = buf_view(&s.out);
        CHECK_EQ(all.len, len + len % 11);
        CHECK_TRUE(
            memcmp(all.ptr, body_of(900 + len, len % 11).ptr, len % 11) == 0);
        CHECK_TRUE(memcmp(all.ptr + len % 11, body_of(len, len).ptr, len) == 0);
        CHECK_EQ(s.kept.tokens, 100 + len);
        CHECK_EQ(s.kept.nano, 7000 + len);
        CHECK_EQ(s.kept.output_tokens, 3 * len);
        CHECK_EQ(s.kept.model_idx, 1023 - len);
        CHECK_EQ(s.kept.provider_idx, 4095);
        CHECK_EQ(s.kept.stream, len % 2 == 1);
        CHECK_EQ(find(&s, 1000 + len), -ENOENT);
        CHECK_EQ(buf_len(&s.out), 0);
    }
    CHECK_EQ(count(&s, ANSWER_COUNT_stores), 40);
    stage_close(&s);
}

TEST(an_answer_is_found_until_it_expires_and_while_it_is_young_enough)
{
    struct stage s;
    stage_open(&s);
    CHECK_EQ(store(&s, 0, 1, str_from("h"), str_from("body")), 0);
    CHECK_EQ(find_at(&s, 1, NOW + TTL - 1, UINT64_MAX), 0);
    CHECK_EQ(find_at(&s, 1, NOW + TTL, UINT64_MAX), -ENOENT);
    CHECK_EQ(find_at(&s, 1, NOW + 100, 100), 0);
    CHECK_EQ(find_at(&s, 1, NOW + 101, 100), -ENOENT);
    CHECK_EQ(find_at(&s, 1, NOW, 0), 0);
    /* Of a worker whose turn began before this one's. */
    CHECK_EQ(find_at(&s, 1, NOW - 1, 0), 0);
    stage_close(&s);
}

TEST(the_newer_of_two_answers_to_one_call_is_given)
{
    struct stage s;
    stage_open(&s);
    CHECK_EQ(store(&s, 0, 1, str_from(""), str_from("old")), 0);
    CHECK_EQ(store(&s, 1, 1, str_from(""), str_from("newer")), 0);
    CHECK_EQ(find(&s, 1), 0);
    CHECK_TRUE(str_equals(buf_view(&s.out), str_from("newer")));
    stage_close(&s);
}

TEST(what_is_too_long_is_refused_the_longest_is_not)
{
    struct stage s;
    stage_open(&s);
    size_t most = answer_cache_item_max(s.cache);
    CHECK_EQ(store(&s, 0, 1, str_from("h"), body_of(1, most)), -E2BIG);
    CHECK_EQ(store(&s, 0, 1, body_of(1, most + 1), str_from("")), -E2BIG);
    CHECK_EQ(count(&s, ANSWER_COUNT_refused), 2);
    CHECK_EQ(store(&s, 0, 1, str_from("h"), body_of(1, most - 1)), 0);
    CHECK_EQ(find(&s, 1), 0);
    CHECK_EQ(buf_len(&s.out), most);
    stage_close(&s);
}

TEST(the_oldest_answers_give_way_and_the_size_is_kept)
{
    enum { ANSWERS = 1000, BYTES = 2000 };
    struct stage s;
    struct answer_cache_stats stats;
    stage_open(&s);
    for (uint64_t n = 0; n < ANSWERS; n++) {
        CHECK_EQ(store(&s, (int)(n % 3), n, str_from(""), body_of(n, BYTES)),
                 0);
        CHECK_EQ(find(&s, n), 0);
        answer_cache_stats(s.cache, &stats);
        CHECK_TRUE(stats.used_bytes <= SIZE);
    }
    CHECK_EQ(find(&s, 0), -ENOENT);
    CHECK_TRUE(stats.counts[ANSWER_COUNT_evicted] > ANSWERS / 2);
    CHECK_EQ(stats.entries + stats.counts[ANSWER_COUNT_evicted], ANSWERS);
    CHECK_EQ(stats.blocks_used, stats.blocks);
    uint64_t found = 0;
    for (uint64_t n = 0; n < ANSWERS; n++) {
        if (find(&s, n) != 0)
            continue;
        found++;
        CHECK_TRUE(str_equals(buf_view(&s.out), body_of(n, BYTES)));
    }
    CHECK_TRUE(found > 50 && found <= stats.entries);
    stage_close(&s);
}

TEST(what_a_dead_worker_stored_is_found_and_its_block_becomes_another_s)
{
    struct stage s;
    struct reap_result result = {0};
    stage_open(&s);
    CHECK_EQ(store(&s, 0, 1, str_from(""), str_from("of the dead")), 0);
    uint64_t block = (uint64_t)s.writer[0].block;
    fixture_kill(&s.f, 0);
    reap_all(&s.f.segment, 1, &result);
    CHECK_EQ(find(&s, 1), 0);
    CHECK_TRUE(str_equals(buf_view(&s.out), str_from("of the dead")));
    /* Four blocks: two go round them all. */
    for (uint64_t n = 10; n < 400; n++)
        CHECK_EQ(store(&s, 1 + (int)(n % 2), n, str_from(""), body_of(n, 999)),
                 0);
    CHECK_EQ(find(&s, 1), -ENOENT);
    CHECK_TRUE(shm_load(&s.cache->blocks[block].life) > 1);
    s.writer[0].block = -1; /* it is dead */
    stage_close(&s);
}

TEST(a_block_whose_owner_lives_is_nobody_else_s_and_none_left_is_no_error)
{
    struct stage s;
    stage_open_size(&s, 2 * CACHE_BLOCK_LEAST);
    CHECK_EQ(store(&s, 0, 1, str_from(""), str_from("one")), 0);
    CHECK_EQ(store(&s, 1, 2, str_from(""), str_from("two")), 0);
    CHECK_EQ(store(&s, 2, 3, str_from(""), str_from("three")), -EAGAIN);
    CHECK_EQ(count(&s, ANSWER_COUNT_refused), 1);
    CHECK_EQ(find(&s, 1), 0);
    CHECK_EQ(find(&s, 2), 0);
    answer_writer_close(&s.writer[0]);
    s.writer[2].retry_ms = 0;
    CHECK_EQ(store(&s, 2, 3, str_from(""), str_from("three")), 0);
    CHECK_EQ(find(&s, 2), 0);
    CHECK_EQ(find(&s, 3), 0);
    stage_close(&s);
}

TEST(a_purge_changes_the_numbers_that_stand_in_keys_of_its_scope_or_all)
{
    struct stage s;
    uint64_t a[2], b[2], after[2];
    stage_open(&s);
    answer_cache_generation(s.cache, 1, a);
    answer_cache_generation(s.cache, 2, b);
    answer_cache_purge_scope(s.cache, 1);
    answer_cache_generation(s.cache, 1, after);
    CHECK_TRUE(after[0] == a[0] && after[1] != a[1]);
    answer_cache_generation(s.cache, 2, after);
    CHECK_TRUE(after[0] == b[0] && after[1] == b[1]);
    answer_cache_purge_all(s.cache);
    answer_cache_generation(s.cache, 2, after);
    CHECK_TRUE(after[0] != b[0]);
    stage_close(&s);
}

TEST(damage_anywhere_an_answer_is_right_or_not_there)
{
    enum { ANSWERS = 60, ROUNDS = 3000 };
    struct stage s;
    uint64_t dice = 20261122, wrong = 0, lost = 0;
    stage_open(&s);
    for (uint64_t n = 0; n < ANSWERS; n++)
        CHECK_EQ(store(&s, 0, n, str_from("head"), body_of(n, 300)), 0);
    uint64_t used = s.writer[0].used;
    unsigned char *from = (unsigned char *)(uintptr_t)s.cache->buckets;
    unsigned char *to = s.cache->data + used;
    for (int i = 0; i < ROUNDS; i++) {
        dice = hash_mix64(dice);
        unsigned char *place = from + dice % (uint64_t)(to - from);
        if (i % 2 == 0) /* the index and the entries by turns */
            place = s.cache->data + dice % used;
        *place ^= (unsigned char)(1u << (dice >> 60 & 7));
        uint64_t n = (dice >> 32) % ANSWERS;
        int r = find(&s, n);
        if (r == 0 &&
            !str_equals(str_skip(buf_view(&s.out), 4), body_of(n, 300)))
            wrong++;
        lost += r != 0;
    }
    CHECK_EQ(wrong, 0);
    CHECK_TRUE(lost > 0);
    stage_close(&s);
}

/* ---- the file ---- */

static struct segment_sizes
file_sizes(void)
{
    struct segment_sizes sizes = fixture_sizes();
    snprintf(sizes.instance, sizeof(sizes.instance), "cache");
    return sizes;
}

struct place {
    char folder[64];
    struct segment segment;
    struct buf error;
};

static void
place_open(struct place *p)
{
    struct segment_sizes sizes = file_sizes();
    snprintf(p->folder, sizeof(p->folder), "/tmp/aigw-cache-XXXXXX");
    CHECK_TRUE(mkdtemp(p->folder) != NULL);
    setenv("AIGW_SHM_DIR", p->folder, 1);
    buf_init(&p->error, 0);
    CHECK_EQ(segment_create(&p->segment, &sizes, &p->error), 0);
}

static void
place_close(struct place *p)
{
    answer_cache_unlink(&p->segment);
    CHECK_EQ(segment_unlink(p->segment.path), 0);
    segment_detach(&p->segment);
    buf_fini(&p->error);
    CHECK_EQ(rmdir(p->folder), 0);
}

static void
open_seat(struct place *p, struct seat *seat)
{
    int column = column_find_free(&p->segment);
    CHECK_TRUE(column >= 0);
    CHECK_EQ(column_claim(&p->segment, (uint32_t)column, getpid(), 1), 0);
    CHECK_EQ(seat_open(seat, &p->segment, (uint32_t)column), 0);
}

TEST(the_file_is_one_s_own_sparse_and_attached_again_with_what_is_in_it)
{
    enum { BYTES = 16 << 20 };
    struct place p;
    struct seat seat;
    struct answer_cache *cache = NULL;
    struct answer_writer writer;
    struct answer_kept kept = {.stored_ms = 1, .expires_ms = 9};
    struct answer_key key = key_of(1);
    struct buf out;
    struct stat st;
    char path[160];
    place_open(&p);
    open_seat(&p, &seat);
    buf_init(&out, 0);
    CHECK_EQ(answer_cache_open(&cache, &p.segment, BYTES, (uid_t)-1), 0);
    answer_cache_path(&p.segment, path);
    CHECK_EQ(stat(path, &st), 0);
    CHECK_EQ(st.st_mode & 0777, 0600);
    CHECK_TRUE(st.st_size > BYTES && st.st_blocks * 512 < BYTES / 32);
    answer_writer_open(&writer, cache, &seat);
    CHECK_EQ(
        answer_cache_store(&writer, &key, &kept, str_from("h"), str_from("b")),
        0);
    answer_writer_close(&writer);
    answer_cache_close(&cache);
    /* As an upgrade does, or a master after the death of another. */
    CHECK_EQ(answer_cache_open(&cache, &p.segment, BYTES, (uid_t)-1), 0);
    CHECK_EQ(answer_cache_find(cache, &key, 2, UINT64_MAX, &kept, &out), 0);
    answer_cache_close(&cache);
    /* Another size: a new one. */
    CHECK_EQ(answer_cache_open(&cache, &p.segment, 2 * BYTES, (uid_t)-1), 0);
    CHECK_EQ(answer_cache_find(cache, &key, 2, UINT64_MAX, &kept, &out),
             -ENOENT);
    answer_cache_close(&cache);
    /* Of another segment of that name: a new one. */
    CHECK_EQ(answer_cache_open(&cache, &p.segment, BYTES, (uid_t)-1), 0);
    answer_writer_open(&writer, cache, &seat);
    CHECK_EQ(
        answer_cache_store(&writer, &key, &kept, str_from("h"), str_from("b")),
        0);
    answer_writer_close(&writer);
    answer_cache_close(&cache);
    p.segment.header->epoch++;
    CHECK_EQ(answer_cache_open(&cache, &p.segment, BYTES, (uid_t)-1), 0);
    CHECK_EQ(answer_cache_find(cache, &key, 2, UINT64_MAX, &kept, &out),
             -ENOENT);
    answer_cache_close(&cache);
    seat_close(&seat);
    buf_fini(&out);
    place_close(&p);
}

TEST(where_no_more_memory_is_to_be_had_an_answer_is_not_stored)
{
    enum { BYTES = 16 << 20 };
    struct place p;
    struct seat seat;
    struct answer_cache *cache = NULL;
    struct answer_writer writer;
    struct answer_kept kept = {.stored_ms = 1, .expires_ms = 9};
    struct answer_key key = key_of(1);
    place_open(&p);
    open_seat(&p, &seat);
    CHECK_EQ(answer_cache_open(&cache, &p.segment, BYTES, (uid_t)-1), 0);
    answer_writer_open(&writer, cache, &seat);
    /* Nothing can be allocated in it. */
    int file = cache->fd;
    cache->fd = open("/dev/null", O_RDWR);
    CHECK_TRUE(cache->fd >= 0);
    int r =
        answer_cache_store(&writer, &key, &kept, str_from("h"), str_from("b"));
    close(cache->fd);
    cache->fd = file;
    CHECK_EQ(r, -EAGAIN);
    /* A second later it may be there. */
    kept.stored_ms += 1000;
    kept.expires_ms += 1000;
    CHECK_EQ(
        answer_cache_store(&writer, &key, &kept, str_from("h"), str_from("b")),
        0);
    answer_writer_close(&writer);
    answer_cache_close(&cache);
    seat_close(&seat);
    place_close(&p);
}
