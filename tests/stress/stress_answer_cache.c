/*
 * stress_answer_cache.c - many workers store and find few answers in a cache
 * that is far too small for them, and die at each store: what is found is
 * always the answer that was asked for, whole.
 *
 *   stress_answer_cache SECONDS [calm|dying|processes [SEED]]
 *
 * Each word of an answer says whose it is and in which version, so that a byte of
 * another answer, or of another version of the same, is seen.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/answer_cache_layout.h"
#include "tests/stress/stress_stage.h"

enum {
    NAMES = 400,
    WORDS_MOST = 600,
    BLOCKS = STAGE_WORKERS + 2, /* so they are given away all the time */
    WORKER_DIES_EVERY = 20000,
};

struct world {
    _Atomic int stop;
    struct audit audit;
    _Atomic uint64_t finds, found, stores, refused, wrong, version;
};

static struct world *world;
static struct segment segment;
static struct answer_cache *cache;
static struct seat seats[STAGE_WORKERS];
static char text[STAGE_WORKERS + 1][WORDS_MOST * 8];
static struct buf copies[STAGE_WORKERS + 1];

static struct answer_key
key_of(uint64_t name)
{
    return (struct answer_key){{hash_mix64(name), hash_mix64(~name)}};
}

static void
store_one(struct answer_writer *writer, unsigned number, uint64_t name)
{
    struct answer_key key = key_of(name);
    uint64_t words = 1 + random_below(WORDS_MOST);
    uint64_t mark = hash_mix64(name << 40 | world->version++);
    for (uint64_t i = 0; i < words; i++) {
        uint64_t word = mark + i;
        memcpy(&text[number][8 * i], &word, 8);
    }
    struct answer_kept kept = {.stored_ms = 1,
                               .expires_ms = UINT64_MAX,
                               .tokens = mark >> 32,
                               .nano = name};
    int r = answer_cache_store(writer, &key, &kept, str_make(text[number], 8),
                               str_make(text[number] + 8, (words - 1) * 8));
    writer->retry_ms = 0;
    if (r == 0)
        world->stores++;
    else
        world->refused++;
}

static void
find_one(struct answer_writer *writer, unsigned number, uint64_t name)
{
    struct answer_key key = key_of(name);
    struct answer_kept kept;
    struct buf *out = &copies[number];
    buf_reset(out);
    world->finds++;
    if (answer_cache_find(writer->cache, &key, 1, UINT64_MAX, &kept, out) < 0)
        return;
    world->found++;
    uint64_t mark, word, words = buf_len(out) / 8;
    memcpy(&mark, buf_ptr(out), 8);
    bool right = kept.nano == name && kept.tokens == mark >> 32 &&
                 kept.head_len == 8 && kept.body_len == (words - 1) * 8;
    for (uint64_t i = 0; i < words; i++) {
        memcpy(&word, buf_ptr(out) + 8 * i, 8);
        right = right && word == mark + i;
    }
    if (!right)
        world->wrong++;
}

static void
worker_life(unsigned number, uint32_t column)
{
    struct seat *seat = &seats[number];
    struct answer_writer writer;
    require(column_claim(&segment, column, getpid(), 1), "claim");
    require(seat_open(seat, &segment, column), "seat");
    answer_writer_open(&writer, cache, seat);
    while (!world->stop) {
        /* The last ones are asked for most. */
        uint64_t name = random_below(1 + random_below(NAMES));
        if (random_below(3) == 0)
            store_one(&writer, number, name);
        else
            find_one(&writer, number, name);
    }
    answer_writer_close(&writer);
}

static void
bury(unsigned number)
{
    seat_close(&seats[number]);
}

/* Columns must come back, or no worker can be born. */
static void
accountant_life(void)
{
    struct reap_result result = {0};
    while (!world->stop) {
        reap_all(&segment, 1, &result);
        if (random_below(1000) == 0)
            answer_cache_purge_scope(cache, random_next());
        sched_yield();
    }
}

/* All are dead: their blocks can be had, and what is in them verifies. */
static bool
works_afterwards(void)
{
    struct reap_result result = {0};
    struct player player;
    struct seat seat;
    struct answer_writer writer;
    player_init(&player, CALM_THREADS, 1, 0);
    reap_all(&segment, 1, &result);
    int column = column_find_free(&segment);
    require(column, "a column");
    require(column_claim(&segment, (uint32_t)column, getpid(), 1), "claim");
    require(seat_open(&seat, &segment, (uint32_t)column), "seat");
    answer_writer_open(&writer, cache, &seat);
    uint64_t refused = world->refused;
    for (uint64_t name = 0; name < NAMES; name++)
        find_one(&writer, STAGE_WORKERS, name);
    uint64_t of_the_dead = world->found;
    for (uint64_t i = 0; i < (uint64_t)BLOCKS * NAMES; i++)
        store_one(&writer, STAGE_WORKERS, i % NAMES);
    for (uint64_t name = 0; name < NAMES; name++)
        find_one(&writer, STAGE_WORKERS, name);
    bool works = world->refused == refused && world->found > of_the_dead;
    answer_writer_close(&writer);
    seat_close(&seat);
    self = NULL;
    return works;
}

static bool
run(enum mode mode, double seconds, uint64_t seed)
{
    const struct segment_sizes sizes = {.instance = "stress",
                                        .workers = STAGE_WORKERS,
                                        .max_keys = 16,
                                        .max_models = 4,
                                        .max_requests = 4,
                                        .ring_kib = 16};
    world = shared_memory(sizeof(*world));
    stage_make_segment(&segment, mode, &sizes);
    cache = answer_cache_create_shared(&segment, BLOCKS * CACHE_BLOCK_LEAST);
    require(cache == NULL ? -ENOMEM : 0, "cache");
    for (int i = 0; i <= STAGE_WORKERS; i++) {
        buf_init(&copies[i], 0);
        require(buf_reserve(&copies[i], sizeof(text[i])), "buffer");
    }
    struct play play = {.mode = mode,
                        .seed = seed,
                        .segment = segment,
                        .worker_dies_every = WORKER_DIES_EVERY,
                        .stop = &world->stop,
                        .worker = worker_life,
                        .accountant = accountant_life,
                        .bury = bury};
    stage_run(&play, seconds);
    uint64_t stores = world->stores, finds = world->finds, found = world->found;
    bool works = works_afterwards();
    struct answer_cache_stats stats;
    answer_cache_stats(cache, &stats);
    printf("%llu stores, %llu of %llu found, %llu evicted, %llu deaths, %llu "
           "wrong%s\n",
           (unsigned long long)stores, (unsigned long long)found,
           (unsigned long long)finds,
           (unsigned long long)stats.counts[ANSWER_COUNT_evicted],
           (unsigned long long)play.deaths, (unsigned long long)world->wrong,
           works ? "" : ", and blocks are lost");
    audit_segment(&world->audit, &segment);
    bool good = world->audit.broken == 0 && world->wrong == 0 && works &&
                stores > 1000 && found > 100 &&
                stats.used_bytes <= stats.size_bytes &&
                (mode == CALM_THREADS || play.deaths > STAGE_WORKERS);
    for (int i = 0; i <= STAGE_WORKERS; i++)
        buf_fini(&copies[i]);
    answer_cache_close(&cache);
    segment_detach(&segment);
    munmap(world, sizeof(*world));
    return good;
}

int
main(int argc, char **argv)
{
    return stage_main(argc, argv, run);
}
