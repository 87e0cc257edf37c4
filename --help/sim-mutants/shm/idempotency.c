/*
 * idempotency.c - see idempotency.h.
 *
 * An entry is claimed by a compare-and-swap of its word, which has a part of
 * the name, the owner's column and a state. Two may claim one name in two
 * entries of its set, so a claim is announced first (CLAIMED), then the set is
 * searched for another of that name, both sequentially consistent: of two, one
 * at least sees the other. Then:
 *
 *   the other is RUNNING or CHARGED          -> I take mine back
 *   the other is CLAIMED, in a lower entry   -> I take mine back
 *   the other is CLAIMED, in a higher entry  -> I wait what becomes of it: it
 *                                               has seen me and will give way,
 *                                               or it has not and is RUNNING
 *
 *   0 (free) --CAS--> CLAIMED --fields, store--> RUNNING --> CHARGED, or 0
 *
 * The fields count once the word says RUNNING, and are read between two equal
 * words. A reader takes what is dead or expired away by CAS, so a word never
 * stands for two tenants.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/idempotency.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STATE_CLAIMED = 1, STATE_RUNNING, STATE_CHARGED };

/* A claim takes nanoseconds; its owner may have lost the processor. */
enum { PATIENCE = 200, TRIES = 64 };

#define TABLE_MAGIC UINT64_C(0x61696777206b6579) /* changes with the layout */

struct entry {
    _Alignas(SHM_LINE) shm_u64 word;
    shm_u64 name; /* what the word has no room for */
    shm_u64 body[2], request_id[2];
    shm_u64 expires_ms;
    shm_u64 spare;
};

struct file {
    shm_u64 magic;
    shm_u64 epoch; /* of the segment it belongs to */
    shm_u64 spare[6];
    struct entry entries[IDEMPOTENCY_SETS * IDEMPOTENCY_WAYS];
};
_Static_assert(sizeof(struct entry) == SHM_LINE, "an entry is a line");

struct idempotency {
    const struct segment *segment;
    struct file *file;
};

/* ---- words: 40 bits of the name, 8 of the column's generation, the column,
 * the state ---- */

static uint64_t
word_of(const struct idempotency_claim *claim, const struct seat *seat,
        unsigned state)
{
    const struct shm_column *column =
        segment_column(seat->segment, seat->column);
    uint64_t generation = shm_load(&column->generation) & 0xff;
    return claim->name[0] >> 24 << 24 | generation << 16 |
           (uint64_t)(seat->column & 0xff) << 8 | state;
}

static unsigned
state_of(uint64_t word)
{
    return (unsigned)word & 0xff;
}

static bool
is_of_name(uint64_t word, const struct idempotency_claim *claim)
{
    return word != 0 && word >> 24 == claim->name[0] >> 24;
}

static bool
owner_is_dead(const struct idempotency *table, uint64_t word)
{
    uint32_t column = (uint32_t)(word >> 8) & 0xff;
    if (column >= table->segment->column_max)
        return true;
    const struct shm_column *shm = segment_column(table->segment, column);
    uint32_t state = shm_load(&shm->state);
    return state == SHM_COLUMN_FREE || state == SHM_COLUMN_DYING ||
           (shm_load(&shm->generation) & 0xff) != (word >> 16 & 0xff);
}

/* Whether the entry of this word may be given to another. */
static bool
is_over(const struct idempotency *table, const struct entry *entry,
        uint64_t word, uint64_t now_ms)
{
    switch (state_of(word)) {
    case STATE_CLAIMED:
        return owner_is_dead(table, word);
    case STATE_RUNNING:
        return shm_load(&entry->expires_ms) < now_ms &&
               owner_is_dead(table, word);
    case STATE_CHARGED:
        return shm_load(&entry->expires_ms) < now_ms;
    default:
        return true; /* damage */
    }
}

/* ---- claiming ---- */

struct search {
    struct idempotency *table;
    struct entry *set;
    const struct idempotency_claim *claim;
    uint64_t *first_id;
};

enum found { FOUND_NONE, FOUND_CLAIMED, FOUND_CALL, FOUND_AGAIN };

/* Looks at one entry; FOUND_CALL fills *verdict. What is over is freed. */
static enum found
look_at(const struct search *search, uint32_t way,
        enum idempotency_verdict *verdict)
{
    struct entry *entry = &search->set[way];
    const struct idempotency_claim *claim = search->claim;
    /* seq_cst: pairs with the CAS of the other claim, see above */
    uint64_t word = atomic_load_explicit(&entry->word, memory_order_seq_cst);
    if (word == 0)
        return FOUND_NONE;
    if (is_over(search->table, entry, word, claim->now_ms)) {
        atomic_compare_exchange_strong(&entry->word, &word, 0);
        return FOUND_AGAIN;
    }
    if (!is_of_name(word, claim))
        return FOUND_NONE;
    if (state_of(word) == STATE_CLAIMED)
        return FOUND_CLAIMED;
    bool same_name = shm_load(&entry->name) == claim->name[1];
    bool same_body = shm_load(&entry->body[0]) == claim->body[0] &&
                     shm_load(&entry->body[1]) == claim->body[1];
    uint64_t id[2] = {shm_load(&entry->request_id[0]),
                      shm_load(&entry->request_id[1])};
    if (shm_load(&entry->word) != word)
        return FOUND_AGAIN;
    if (!same_name)
        return FOUND_NONE;
    search->first_id[0] = id[0];
    search->first_id[1] = id[1];
    *verdict = !same_body                        ? IDEMPOTENCY_OTHER
               : state_of(word) == STATE_RUNNING ? IDEMPOTENCY_RUNNING
                                                 : IDEMPOTENCY_CHARGED;
    return FOUND_CALL;
}

/* A place for a new claim: a free one, or the charged one that would expire
 * first. -1: none. */
static int
choose_way(const struct search *search, uint64_t *word)
{
    uint64_t soonest = UINT64_MAX;
    int best = -1;
    for (int way = 0; way < IDEMPOTENCY_WAYS; way++) {
        const struct entry *entry = &search->set[way];
        uint64_t w = shm_load(&entry->word);
        if (w == 0) {
            *word = 0;
            return way;
        }
        uint64_t expires = shm_load(&entry->expires_ms);
        if (state_of(w) == STATE_CHARGED && expires < soonest) {
            soonest = expires;
            best = way;
            *word = w;
        }
    }
    return best;
}

/* After the announcement in `mine`: whether the name is ours alone. */
static bool
is_alone(const struct search *search, uint32_t mine)
{
    enum idempotency_verdict verdict;
    for (uint32_t way = 0; way < IDEMPOTENCY_WAYS; way++) {
        int patience = PATIENCE;
        if (way == mine)
            continue;
        for (;;) {
            enum found found = look_at(search, way, &verdict);
            if (found == FOUND_NONE)
                break;
            if (found == FOUND_CALL)
                return false;
            if (found == FOUND_CLAIMED && (way < mine || --patience == 0))
                return false;
            if (found == FOUND_CLAIMED)
                sched_yield();
        }
    }
    return true;
}

static bool
announce(const struct search *search, const struct seat *seat, uint32_t way,
         uint64_t word)
{
    struct entry *entry = &search->set[way];
    const struct idempotency_claim *claim = search->claim;
    if (!atomic_compare_exchange_strong(&entry->word, &word,
                                        word_of(claim, seat, STATE_CLAIMED)))
        return false;
    if (!is_alone(search, way)) {
        shm_store(&entry->word, 0);
        return false;
    }
    shm_store(&entry->name, claim->name[1]);
    for (int i = 0; i < 2; i++) {
        shm_store(&entry->body[i], claim->body[i]);
        shm_store(&entry->request_id[i], claim->request_id[i]);
    }
    shm_store(&entry->expires_ms, claim->now_ms + claim->ttl_ms);
    shm_store(&entry->word, word_of(claim, seat, STATE_RUNNING));
    return true;
}

enum idempotency_verdict
idempotency_claim(struct idempotency *table, const struct seat *seat,
                  const struct idempotency_claim *claim, uint32_t *entry,
                  uint64_t first_id[2])
{
    uint32_t set = (uint32_t)(claim->name[1] % IDEMPOTENCY_SETS);
    struct search search = {
        table, &table->file->entries[set * IDEMPOTENCY_WAYS], claim, first_id};
    for (int tries = 0; tries < TRIES; tries++) {
        enum idempotency_verdict verdict = IDEMPOTENCY_RUNNING;
        enum found found = FOUND_NONE;
        first_id[0] = first_id[1] = 0;
        for (uint32_t way = 0; way < IDEMPOTENCY_WAYS && found == FOUND_NONE;
             way++)
            found = look_at(&search, way, &verdict);
        if (found == FOUND_CALL)
            return verdict;
        if (found != FOUND_NONE) {
            sched_yield();
            continue;
        }
        uint64_t word = 0;
        int way = choose_way(&search, &word);
        if (way < 0)
            return IDEMPOTENCY_FULL;
        if (announce(&search, seat, (uint32_t)way, word)) {
            *entry = set * IDEMPOTENCY_WAYS + (uint32_t)way;
            return IDEMPOTENCY_NEW;
        }
    }
    /* Others are at it all the time: one of them has it, or may have it. */
    first_id[0] = first_id[1] = 0;
    return IDEMPOTENCY_RUNNING;
}

void
idempotency_end(struct idempotency *table, uint32_t entry, bool charged)
{
    CHECK(entry < IDEMPOTENCY_SETS * IDEMPOTENCY_WAYS);
    shm_u64 *word = &table->file->entries[entry].word;
    uint64_t now = shm_load_own(word); /* nobody else changes what runs */
    CHECK(state_of(now) == STATE_RUNNING);
    shm_store(word, charged ? (now & ~UINT64_C(0xff)) | STATE_CHARGED : 0);
}

/* ---- the file ---- */

void
idempotency_path(const struct segment *segment, char out[160])
{
    snprintf(out, 160, "%s.idem", segment->path);
}

/* An earlier one that is ours, of this layout and of this segment. */
static struct file *
map_file(int fd, uid_t also_owner, uint64_t epoch)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
        (st.st_uid != geteuid() && st.st_uid != also_owner) ||
        (st.st_mode & 077) != 0 || st.st_size != (off_t)sizeof(struct file))
        return NULL;
    void *base = mmap(NULL, sizeof(struct file), PROT_READ | PROT_WRITE,
                      MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return NULL;
    struct file *file = base;
    if (shm_load(&file->magic) == TABLE_MAGIC &&
        shm_load(&file->epoch) == epoch)
        return file;
    munmap(base, sizeof(struct file));
    return NULL;
}

static int
make_file(const char *path, uint64_t epoch, struct file **out)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return -errno;
    int fd =
        open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    /* All of it: a full /dev/shm is an error here, never a SIGBUS later. */
    int r = -posix_fallocate(fd, 0, (off_t)sizeof(struct file));
    void *base = MAP_FAILED;
    if (r == 0)
        base = mmap(NULL, sizeof(struct file), PROT_READ | PROT_WRITE,
                    MAP_SHARED, fd, 0);
    if (r == 0 && base == MAP_FAILED)
        r = -errno;
    close(fd);
    if (r != 0) {
        unlink(path);
        return r;
    }
    *out = base;
    shm_store(&(*out)->epoch, epoch);
    shm_store(&(*out)->magic, TABLE_MAGIC); /* last: the rest counts */
    return 0;
}

int
idempotency_open(struct idempotency **table, const struct segment *segment,
                 uid_t also_owner)
{
    char path[160];
    struct file *file = NULL;
    idempotency_path(segment, path);
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) {
        file = map_file(fd, also_owner, segment->header->epoch);
        close(fd);
    }
    int r = file == NULL ? make_file(path, segment->header->epoch, &file) : 0;
    if (r < 0)
        return r;
    *table = calloc(1, sizeof(**table));
    if (*table == NULL) {
        munmap(file, sizeof(*file));
        return -ENOMEM;
    }
    **table = (struct idempotency){segment, file};
    return 0;
}

struct idempotency *
idempotency_create_shared(const struct segment *segment)
{
    struct idempotency *table = calloc(1, sizeof(*table));
    void *base = mmap(NULL, sizeof(struct file), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (table == NULL || base == MAP_FAILED) {
        free(table);
        if (base != MAP_FAILED)
            munmap(base, sizeof(struct file));
        return NULL;
    }
    *table = (struct idempotency){segment, base};
    return table;
}

void
idempotency_close(struct idempotency **table)
{
    if (*table == NULL)
        return;
    munmap((*table)->file, sizeof(struct file));
    free(*table);
    *table = NULL;
}

void
idempotency_unlink(const struct segment *segment)
{
    char path[160];
    idempotency_path(segment, path);
    unlink(path);
}
