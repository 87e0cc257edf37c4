/*
 * test_managed.c - parts of the configuration that management made: as bytes,
 * in a store, over reloads, starts, a full disk, and a death at each point.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/managed.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "accountant/ledger/crash_point.h"
#include "shm/catalogue.h"
#include "tests/test.h"
#include "tests/unit/store_fixture.h"

/* ---- as bytes ---- */

static void
check_pairs(const struct managed *a, const struct managed *b)
{
    CHECK_EQ(a->pair_count, b->pair_count);
    for (unsigned i = 0; i < a->pair_count; i++)
        CHECK_STR(str_from(managed_get(b, a->pairs[i].name)),
                  a->pairs[i].value);
}

TEST(bytes_are_what_was_written_and_show_no_secret)
{
    struct crypto_secrets secrets, others;
    struct managed *again = NULL;
    struct buf bytes;
    log_set_level(LOG_FATAL);
    memset(&secrets, 1, sizeof(secrets));
    memset(&others, 2, sizeof(others));
    buf_init(&bytes, 0);
    struct managed *one = managed_make(CONFIG_SECTION_provider, "own");
    managed_set(one, "api_key", "sk-secret-canary");
    managed_set(one, "base_url", "https://example.com/v1");
    managed_set(one, "enabled", "no");
    managed_set(one, "enabled", NULL);
    one->revision = 7;
    one->created_ms = 1234567890123;
    one->updated_ms = 1234567890124;
    managed_encode(one, &secrets, &bytes);
    CHECK_TRUE(memmem(buf_ptr(&bytes), buf_len(&bytes), "canary", 6) == NULL);
    struct str section = STR_LIT("provider"), name = STR_LIT("own");
    CHECK_EQ(managed_decode(section, name, buf_view(&bytes), &secrets, &again),
             0);
    check_pairs(one, again);
    CHECK_EQ(again->revision, 7);
    CHECK_EQ(again->created_ms, one->created_ms);
    CHECK_EQ(again->updated_ms, one->updated_ms);
    CHECK_TRUE(!again->unreadable && again->fault == NULL);
    managed_put(again);
    /* Under another secret, or another name: known to be there, no more. */
    CHECK_EQ(managed_decode(section, name, buf_view(&bytes), &others, &again),
             0);
    CHECK_TRUE(again->unreadable && again->fault != NULL);
    CHECK_EQ(again->pair_count, 0);
    managed_put(again);
    CHECK_EQ(managed_decode(section, STR_LIT("two"), buf_view(&bytes), &secrets,
                            &again),
             0);
    CHECK_TRUE(again->unreadable);
    managed_put(again);
    CHECK_EQ(managed_decode(STR_LIT("nonsense"), name, buf_view(&bytes),
                            &secrets, &again),
             -ENOTSUP);
    managed_put(one);
    buf_fini(&bytes);
}

TEST(damaged_bytes_are_refused_or_known_to_be_unreadable)
{
    struct crypto_secrets secrets;
    struct managed *again = NULL;
    struct buf bytes;
    log_set_level(LOG_FATAL);
    memset(&secrets, 1, sizeof(secrets));
    buf_init(&bytes, 0);
    struct managed *one = managed_make(CONFIG_SECTION_model, "m");
    managed_set(one, "price_input", "2.5");
    managed_encode(one, &secrets, &bytes);
    for (size_t len = 0; len < buf_len(&bytes); len++)
        CHECK_EQ(managed_decode(STR_LIT("model"), STR_LIT("m"),
                                str_make(buf_ptr(&bytes), len), &secrets,
                                &again),
                 -EBADMSG);
    for (size_t at = 0; at < buf_len(&bytes); at++) {
        bytes.data[bytes.start + at] ^= 1;
        int rc = managed_decode(STR_LIT("model"), STR_LIT("m"),
                                buf_view(&bytes), &secrets, &again);
        CHECK_TRUE(rc == 0 || rc == -EBADMSG);
        if (rc == 0) { /* revision and times are not sealed */
            CHECK_TRUE(again->unreadable ||
                       strcmp(managed_get(again, "price_input"), "2.5") == 0);
            managed_put(again);
        }
        bytes.data[bytes.start + at] ^= 1;
    }
    managed_put(one);
    buf_fini(&bytes);
}

TEST(a_book_is_in_order_and_its_copies_keep_what_they_had)
{
    struct managed_book book = {0}, copy;
    static const char *const names[] = {"m", "a", "z", "b", "m"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        managed_book_put(&book, managed_make(CONFIG_SECTION_model, names[i]));
    managed_book_put(&book, managed_make(CONFIG_SECTION_provider, "m"));
    CHECK_EQ(book.count, 5);
    CHECK_STR(str_from(book.items[0]->name), "m"); /* the provider */
    CHECK_STR(str_from(book.items[1]->name), "a");
    CHECK_STR(str_from(book.items[4]->name), "z");
    managed_book_copy(&copy, &book);
    managed_book_delete(&book, CONFIG_SECTION_model, "m");
    managed_book_delete(&book, CONFIG_SECTION_model, "none");
    CHECK_TRUE(managed_find(&book, CONFIG_SECTION_model, "m") == NULL);
    CHECK_TRUE(managed_find(&copy, CONFIG_SECTION_model, "m") != NULL);
    CHECK_TRUE(managed_find(&book, CONFIG_SECTION_provider, "m") != NULL);
    managed_book_fini(&book);
    CHECK_STR(str_from(copy.items[3]->name), "m");
    managed_book_fini(&copy);
}

/* ---- in a store ---- */

struct answer {
    bool is_there;
    int error;
    char reason[300];
};

static void
on_managed(void *context, int error, const char *reason, uint64_t id)
{
    struct answer *answer = context;
    (void)id;
    CHECK_TRUE(!answer->is_there);
    answer->is_there = true;
    answer->error = error;
    snprintf(answer->reason, sizeof(answer->reason), "%s", reason);
}

static void
manage(struct world *w, enum config_section section, const char *name,
       uint64_t revision, const char *option, const char *value,
       struct answer *answer)
{
    struct managed_edit *edit = calloc(1, sizeof(*edit));
    *answer = (struct answer){0};
    edit->section = (int)section;
    snprintf(edit->name, sizeof(edit->name), "%s", name);
    edit->revision = revision;
    if (option != NULL) {
        edit->put = managed_make(section, name);
        managed_set(edit->put, option, value);
        if (section == CONFIG_SECTION_provider)
            managed_set(edit->put, "kind", "builtin");
        else if (strcmp(option, "providers") != 0)
            managed_set(edit->put, "providers", "mock");
    }
    store_manage(w->store, edit, 1, on_managed, answer);
    CHECK_TRUE(!answer->is_there); /* never from inside the call */
}

static int
manage_now(struct world *w, enum config_section section, const char *name,
           uint64_t revision, const char *option, const char *value)
{
    struct answer answer;
    manage(w, section, name, revision, option, value, &answer);
    world_wait(w, &answer.is_there);
    return answer.error;
}

static const struct managed *
of_store(const struct world *w, enum config_section section, const char *name)
{
    return managed_find(store_managed(w->store), section, name);
}

/* The model of that name in the catalogue that workers load. */
static bool
is_published(struct world *w, const char *model, int64_t price)
{
    int rc;
    struct str upstream;
    int only;
    struct catalogue *loaded = catalogue_load(&w->segment, &w->secrets, &rc);
    if (loaded == NULL)
        return false;
    const struct catalogue_model *found =
        catalogue_find(loaded, str_from(model), &upstream, &only);
    bool good = found != NULL && strcmp(found->name, model) == 0 &&
                (price < 0 || found->prices.input == price);
    catalogue_put(loaded);
    return good;
}

static uint64_t
generation(const struct world *w)
{
    return shm_load(&w->segment.header->catalogue_generation);
}

TEST(edits_that_wait_together_are_one_catalogue_and_a_bad_one_is_alone)
{
    struct world w;
    struct answer answers[6];
    world_init(&w);
    world_start(&w);
    uint64_t before = generation(&w);
    manage(&w, CONFIG_SECTION_provider, "own", 0, "models", "x1", &answers[0]);
    manage(&w, CONFIG_SECTION_model, "m", 0, "providers", "own", &answers[1]);
    manage(&w, CONFIG_SECTION_model, "bad", 0, "providers", "none",
           &answers[2]);
    manage(&w, CONFIG_SECTION_model, "m2", 0, "price_input", "3", &answers[3]);
    manage(&w, CONFIG_SECTION_model, "gpt-x", 0, "price_input", "3",
           &answers[4]);
    manage(&w, CONFIG_SECTION_model, "m", 0, "price_input", "3", &answers[5]);
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        world_wait(&w, &answers[i].is_there);
    static const int errors[] = {0, 0, -EINVAL, 0, -EPERM, -EEXIST};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        CHECK_EQ(answers[i].error, errors[i]);
    CHECK_STR(str_from(answers[2].reason),
              "providers: there is no provider \"none\"");
    CHECK_EQ(generation(&w), before + 1);
    CHECK_TRUE(is_published(&w, "m", -1));
    CHECK_TRUE(!is_published(&w, "bad", -1));
    CHECK_TRUE(of_store(&w, CONFIG_SECTION_model, "bad") == NULL);
    CHECK_EQ(manage_now(&w, CONFIG_SECTION_model, "m", 2, "alias", "x"),
             -ESTALE);
    CHECK_EQ(manage_now(&w, CONFIG_SECTION_model, "none", 1, "alias", "x"),
             -ENOENT);
    CHECK_EQ(manage_now(&w, CONFIG_SECTION_provider, "own", 1, NULL, NULL),
             -EBUSY);
    CHECK_EQ(generation(&w), before + 1);
    CHECK_EQ(manage_now(&w, CONFIG_SECTION_model, "m", 1, NULL, NULL), 0);
    CHECK_EQ(manage_now(&w, CONFIG_SECTION_provider, "own", 1, NULL, NULL), 0);
    world_end(&w);
    world_start(&w);
    CHECK_EQ(w.ready_error, 0);
    CHECK_EQ(store_managed(w.store)->count, 1);
    CHECK_TRUE(is_published(&w, "m2", 3000000));
    CHECK_EQ(of_store(&w, CONFIG_SECTION_model, "m2")->revision, 1);
    world_fini(&w);
}

TEST(what_is_refused_makes_no_price_version)
{
    struct world w;
    struct prices three;
    world_init(&w);
    world_start(&w);
    CHECK_EQ(manage_now(&w, CONFIG_SECTION_model, "m", 0, "price_input", "3"),
             0);
    prices_clear(&three);
    three.input = 3000000;
    CHECK_EQ(prices_version(&w.store->prices, "m", &three, NULL), 1);
    /* More models than the segment has numbers for: refused as it is built. */
    struct answer answers[80];
    for (int i = 0; i < 80; i++) {
        char name[32];
        snprintf(name, sizeof(name), "many-%d", i);
        manage(&w, CONFIG_SECTION_model, name, 0, "providers", "mock",
               &answers[i]);
    }
    struct answer change;
    manage(&w, CONFIG_SECTION_model, "m", 1, "price_input", "4", &change);
    for (int i = 0; i < 80; i++)
        world_wait(&w, &answers[i].is_there);
    world_wait(&w, &change.is_there);
    CHECK_TRUE(change.error < 0 && answers[0].error < 0);
    size_t count;
    CHECK_TRUE(prices_pending(&w.store->prices, 1, &count) == NULL);
    CHECK_EQ(prices_version(&w.store->prices, "m", &three, NULL), 1);
    /* Nothing of it stays behind. */
    CHECK_EQ(store_managed(w.store)->count, 1);
    CHECK_EQ(manage_now(&w, CONFIG_SECTION_model, "m", 1, "price_input", "5"),
             0);
    CHECK_TRUE(is_published(&w, "m", 5000000));
    world_fini(&w);
}

TEST(a_disk_that_takes_nothing_refuses_edits_and_keeps_what_is_in_force)
{
    struct world w;
    struct rlimit none = {0, RLIM_INFINITY},
                  all = {RLIM_INFINITY, RLIM_INFINITY};
    struct answer first, second;
    world_init(&w);
    signal(SIGXFSZ, SIG_IGN);
    world_start(&w);
    setrlimit(RLIMIT_FSIZE, &none);
    CHECK_EQ(manage_now(&w, CONFIG_SECTION_model, "m", 0, "alias", "x"),
             -ENOSPC); /* /dev/shm is below the same limit */
    setrlimit(RLIMIT_FSIZE, &all);
    CHECK_EQ(manage_now(&w, CONFIG_SECTION_model, "m", 0, "alias", "x"), 0);
    /* The catalogue is written, the ledger not: answered, and done later. */
    manage(&w, CONFIG_SECTION_model, "m", 1, "alias", "y", &first);
    while (w.store->reload == NULL)
        loop_turn(w.loop, 0);
    setrlimit(RLIMIT_FSIZE, &none);
    manage(&w, CONFIG_SECTION_model, "m2", 0, "alias", "z", &second);
    world_wait(&w, &second.is_there);
    CHECK_EQ(second.error, -EIO);
    setrlimit(RLIMIT_FSIZE, &all);
    world_wait(&w, &first.is_there);
    uint64_t end_ms = clock_mono_ms() + FIXTURE_DEADLINE_MS;
    while (w.store->reload != NULL && clock_mono_ms() < end_ms)
        loop_turn(w.loop, 20);
    CHECK_TRUE(w.store->reload == NULL);
    uint64_t revision = of_store(&w, CONFIG_SECTION_model, "m")->revision;
    CHECK_EQ(revision, first.error == 0 ? 2 : revision);
    world_end(&w);
    world_start(&w);
    CHECK_EQ(of_store(&w, CONFIG_SECTION_model, "m")->revision, revision);
    CHECK_TRUE(of_store(&w, CONFIG_SECTION_model, "m2") == NULL);
    world_fini(&w);
}

static int
configure(struct world *w, const char *more)
{
    struct config *first = w->config;
    world_configure(w, more);
    w->answered = false;
    store_configure(w->store, w->config, w->config, world_on_done, w);
    world_wait(w, &w->answered);
    w->config = first; /* the store owns the other */
    return w->error;
}

TEST(the_file_wins_a_reload_that_breaks_is_refused_a_start_goes_on_without)
{
    struct world w;
    world_init(&w);
    world_start(&w);
    CHECK_EQ(manage_now(&w, CONFIG_SECTION_model, "m", 0, "price_input", "3"),
             0);
    CHECK_EQ(configure(&w, "[model.m]\nproviders = mock\nprice_input = 9\n"),
             0);
    CHECK_TRUE(of_store(&w, CONFIG_SECTION_model, "m")->shadowed);
    CHECK_TRUE(is_published(&w, "m", 9000000));
    CHECK_EQ(manage_now(&w, CONFIG_SECTION_model, "m", 1, "price_input", "4"),
             -EPERM);
    CHECK_EQ(configure(&w, ""), 0);
    CHECK_TRUE(!of_store(&w, CONFIG_SECTION_model, "m")->shadowed);
    CHECK_TRUE(is_published(&w, "m", 3000000));
    CHECK_EQ(configure(&w, "[model.z]\nproviders = mock\nalias = m\n"),
             -EINVAL);
    CHECK_TRUE(strstr(w.reason, "management") != NULL);
    CHECK_TRUE(is_published(&w, "m", 3000000));
    /* The next start has that file. */
    world_end(&w);
    config_free(w.config);
    world_configure(&w, "[model.z]\nproviders = mock\nalias = m\n");
    w.heritage.config = w.config;
    world_start(&w);
    CHECK_EQ(w.ready_error, 0);
    CHECK_TRUE(of_store(&w, CONFIG_SECTION_model, "m")->fault != NULL);
    CHECK_TRUE(is_published(&w, "z", -1) && !is_published(&w, "m", -1));
    /* Others can be made meanwhile; with the alias gone it is back. */
    CHECK_EQ(manage_now(&w, CONFIG_SECTION_model, "m2", 0, "alias", "x"), 0);
    CHECK_TRUE(of_store(&w, CONFIG_SECTION_model, "m")->fault != NULL);
    CHECK_EQ(configure(&w, "[model.z]\nproviders = mock\nalias = n\n"), 0);
    CHECK_TRUE(of_store(&w, CONFIG_SECTION_model, "m")->fault == NULL);
    CHECK_TRUE(is_published(&w, "m", 3000000));
    world_fini(&w);
}

TEST(a_reload_and_edits_follow_one_another)
{
    struct world w;
    struct answer answer;
    world_init(&w);
    world_start(&w);
    struct config *first = w.config;
    manage(&w, CONFIG_SECTION_model, "m", 0, "price_input", "3", &answer);
    world_configure(&w, "[model.z]\nproviders = mock\nprice_input = 9\n");
    w.answered = false;
    store_configure(w.store, w.config, w.config, world_on_done, &w);
    w.config = first;
    world_wait(&w, &w.answered);
    world_wait(&w, &answer.is_there);
    CHECK_EQ(w.error, 0);
    CHECK_EQ(answer.error, 0);
    CHECK_TRUE(is_published(&w, "m", 3000000));
    CHECK_TRUE(is_published(&w, "z", 9000000));
    world_fini(&w);
}

/* ---- dying at every named point ---- */

static unsigned points_left;

static void
die_at_point(const char *name)
{
    (void)name;
    if (__atomic_sub_fetch(&points_left, 1, __ATOMIC_SEQ_CST) == 0)
        raise(SIGKILL);
}

/* Makes a model, prices it anew and deletes the one of the round before, as
 * somebody who tries again what was not answered. */
static bool
live_until(struct world *w, unsigned passage)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        char name[32], price[32];
        points_left = passage;
        crash_point_hook(die_at_point);
        world_start(w);
        if (w->ready_error != 0)
            _exit(2);
        snprintf(name, sizeof(name), "m%u", passage % 2);
        snprintf(price, sizeof(price), "%u", passage);
        const struct managed *has = of_store(w, CONFIG_SECTION_model, name);
        if (manage_now(w, CONFIG_SECTION_model, name,
                       has == NULL ? 0 : has->revision, "price_input",
                       price) != 0 ||
            !is_published(w, name, passage * INT64_C(1000000)))
            _exit(3);
        name[1] = name[1] == '0' ? '1' : '0';
        has = of_store(w, CONFIG_SECTION_model, name);
        if (has != NULL && (manage_now(w, CONFIG_SECTION_model, name,
                                       has->revision, NULL, NULL) != 0 ||
                            is_published(w, name, -1)))
            _exit(4);
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child)
        abort();
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        test_fail(__FILE__, __LINE__, "passage %u: exit %d", passage,
                  WEXITSTATUS(status));
    return WIFEXITED(status);
}

static bool
check_price(const struct ledger_price *price, void *context)
{
    uint32_t *last = context;
    if (price->model[0] != 'm')
        return true;
    CHECK_EQ(price->version, *last + 1);
    *last = price->version;
    return true;
}

TEST(dying_at_each_point_leaves_all_of_an_edit_or_nothing)
{
    struct world w;
    world_init(&w);
    unsigned passage = 1;
    while (passage < 300 && !live_until(&w, passage))
        passage++;
    CHECK_TRUE(passage > 8 && passage < 300);
    world_start(&w);
    CHECK_EQ(w.ready_error, 0);
    /* The last life ended its two edits: one model is left, published. */
    CHECK_EQ(store_managed(w.store)->count, 1);
    CHECK_TRUE(is_published(&w, store_managed(w.store)->items[0]->name,
                            passage * INT64_C(1000000)));
    /* No version is missing, none is there twice. */
    uint32_t last = 0;
    CHECK_EQ(ledger_scan_prices(w.store->ledger, NULL, "m0", check_price, &last,
                                NULL),
             0);
    CHECK_TRUE(last > 0);
    CHECK_EQ(world_differences(&w), 0);
    world_fini(&w);
}
