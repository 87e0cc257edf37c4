/*
 * test_catalogue.c - built from a configuration, written, read by another, and
 * names resolved in the order of the manual.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/catalogue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/provider_quirks.h"
#include "shm/catalogue_part.h"
#include "tests/unit/shm_fixture.h"

static char folder[64];
static struct segment segment;
static struct buf error;
static struct crypto_secrets secrets = {.seal = {1, 2, 3}};

#define LIST(...)                                                              \
    {                                                                          \
        (char *[]){__VA_ARGS__},                                               \
            (unsigned)(sizeof((char *[]){__VA_ARGS__}) / sizeof(char *))       \
    }

/* Two providers with lists, one for any model, one that is switched off. */
static struct config_provider providers[] = {
    {.name = "openai",
     .base_url = "https://api.openai.com/v1",
     .api_key = "sk-secret-1",
     .names = LIST("gpt-a=gpt-a-2026-01-01", "gpt-b=deploy=b"),
     .speaks = LIST("chat", "messages"),
     .quirks = LIST("top-k", "google-signature"),
     .pass_headers = LIST("x-team", "x-*"),
     .drop_headers = LIST("cookie"),
     .guarded = true,
     .models = LIST("gpt-a", "gpt-b"),
     .verify = true,
     .enabled = true,
     .connect_timeout_ms = 1000},
    {.name = "local",
     .base_url = "http://[::1]:8000/api/v1/",
     .proxy = "http://u:p@proxy:1",
     .models = LIST("gpt-a", "qwen/qwen3"),
     .enabled = true},
    {.name = "router",
     .base_url = "http://router.test",
     .models = LIST("*"),
     .enabled = true},
    {.name = "off",
     .base_url = "http://off.test",
     .models = LIST("gpt-off"),
     .enabled = false},
    {.name = "builtin",
     .kind = PROVIDER_BUILTIN,
     .models = LIST("builtin/echo"),
     .enabled = true,
     .builtin_delay_ms = 7},
};
static struct config_model models[] = {
    {.name = "gpt-a",
     .providers = LIST("local", "openai"),
     .alias = LIST("best", "a:nitro"),
     .type = "chat",
     .context = 128000,
     .max_output = 4096},
    {.name = "text-embed", .providers = LIST("openai"), .type = "embedding"},
    {.name = "orphan"},
    {.name = "gone", .providers = LIST("off")},
};
static struct config_gateway gateways[] = {{.name = "g"}};
static struct config_route routes[] = {
    {.name = "g/w", .version = "1", .enabled = true},
    {.name = "g/w@1",
     .elements = LIST("id=a type=percentage to=b:40% else=b",
                      "id=b type=model model=gpt-a"),
     .enabled = true},
    {.name = "g/off", .elements = LIST("id=b type=model model=gpt-a")},
    {.name = "gg/w",
     .elements = LIST("id=b type=model model=gpt-a"),
     .enabled = true},
};
static struct config_credential credentials[] = {
    {.name = "openai/second",
     .api_key = "sk-secret-2",
     .weight = 3,
     .enabled = true},
    {.name = "openai/own",
     .api_key = "sk-secret-3",
     .weight = 1,
     .group = "team",
     .gateway = "team/shop",
     .rate_limit = 30,
     .rate_interval_ms = 60000,
     .named_only = true,
     .region = "eu",
     .enabled = true},
    {.name = "openai/off", .api_key = "sk-secret-4", .weight = 1},
    {.name = "openaix/other", .api_key = "sk-secret-5", .enabled = true},
    {.name = "local/first",
     .api_key = "sk-secret-6",
     .group = "team",
     .weight = 1,
     .enabled = true},
    {.name = "local/second",
     .api_key = "sk-secret-7",
     .weight = 1,
     .enabled = true},
};
static const struct config config = {.credentials = credentials,
                                     .credential_count = ARRAY_LEN(credentials),
                                     .providers = providers,
                                     .provider_count = 5,
                                     .models = models,
                                     .model_count = 4,
                                     .gateways = gateways,
                                     .gateway_count = ARRAY_LEN(gateways),
                                     .routes = routes,
                                     .route_count = ARRAY_LEN(routes)};

static uint32_t
next_version(const char *model, const struct prices *prices,
             const struct price_tiers *tiers, void *context)
{
    unsigned *calls = context;
    (void)model;
    (void)prices;
    (void)tiers;
    return 100 + (*calls)++;
}

static void
with_segment(void (*body)(void))
{
    char command[96];
    struct segment_sizes sizes = fixture_sizes();
    snprintf(folder, sizeof(folder), "/tmp/aigw-unit-XXXXXX");
    CHECK_TRUE(mkdtemp(folder) != NULL);
    setenv("AIGW_SHM_DIR", folder, 1);
    buf_init(&error, 0);
    CHECK_EQ(segment_create(&segment, &sizes, &error), 0);
    models[0].prices = (struct prices){.input = 5, .output = 6};
    body();
    segment_detach(&segment);
    buf_fini(&error);
    unsetenv("AIGW_SHM_DIR");
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    CHECK_EQ(system(command), 0);
}

static struct catalogue *
build(void)
{
    unsigned calls = 0;
    struct catalogue *catalogue =
        catalogue_build(&segment, &config, next_version, &calls, &error);
    if (catalogue == NULL) {
        test_fail(__FILE__, __LINE__, "%s", buf_cstr(&error));
        exit(1);
    }
    CHECK_EQ(calls, catalogue->model_count);
    return catalogue;
}

static void
providers_and_models(void)
{
    struct catalogue *c = build();
    CHECK_EQ(c->provider_count, 4);
    CHECK_STR(str_from(c->providers[0].scheme), "https");
    CHECK_STR(str_from(c->providers[0].host), "api.openai.com");
    CHECK_STR(str_from(c->providers[0].path), "/v1");
    CHECK_EQ(c->providers[0].port, 443);
    CHECK_TRUE(c->providers[0].tls && c->providers[0].verify);
    CHECK_STR(str_from(c->providers[1].host), "::1");
    CHECK_EQ(c->providers[1].port, 8000);
    CHECK_STR(str_from(c->providers[1].path), "/api/v1");
    CHECK_STR(str_from(c->providers[2].path), "");
    CHECK_EQ(c->providers[2].port, 80);
    CHECK_TRUE(c->providers[2].any_model);
    CHECK_EQ(c->providers[3].kind, PROVIDER_BUILTIN);
    CHECK_EQ(c->providers[3].builtin_delay_ms, 7);
    /* gpt-a, text-embed, orphan (by the wildcard); gpt-b, qwen/qwen3,
     * builtin/echo from the lists; router's pseudo model. */
    CHECK_EQ(c->model_count, 7);
    CHECK_EQ(c->models[0].endpoint_count, 2);
    CHECK_EQ(c->models[0].endpoints[0].provider, 1);
    CHECK_EQ(c->models[0].endpoints[1].provider, 0);
    CHECK_EQ(c->models[0].context, 128000);
    CHECK_EQ(c->models[0].prices.output, 6);
    CHECK_STR(str_from(c->models[1].type), "embedding");
    CHECK_EQ(c->models[2].endpoints[0].provider, 2);
    CHECK_STR(str_from(c->models[3].name), "gpt-b");
    CHECK_TRUE(!prices_are_set(&c->models[3].prices));
    CHECK_STR(str_from(c->models[6].name), "router/*");
    CHECK_TRUE(c->models[6].is_wildcard);
    catalogue_put(c);
}

TEST(providers_and_models_come_from_the_configuration)
{
    with_segment(providers_and_models);
}

static void
find_names(void)
{
    static const struct {
        const char *asked, *model, *upstream, *provider;
    } cases[] = {
        {"gpt-a", "gpt-a", "gpt-a", NULL},
        {"best", "gpt-a", "gpt-a", NULL},
        {"a:nitro", "gpt-a", "gpt-a", NULL},
        {"gpt-a:floor", "gpt-a", "gpt-a", NULL},
        {"best:nitro", "gpt-a", "gpt-a", NULL},
        {"openai/gpt-a", "gpt-a", "gpt-a", "openai"},
        {"local/best", "gpt-a", "gpt-a", "local"},
        {"local/qwen/qwen3", "qwen/qwen3", "qwen/qwen3", "local"},
        {"qwen/qwen3", "qwen/qwen3", "qwen/qwen3", NULL},
        {"builtin/echo", "builtin/echo", "builtin/echo", NULL},
        {"router/any/thing", "router/*", "any/thing", "router"},
        {"router/gpt-a", "router/*", "gpt-a", "router"},
        {"unheard-of", "router/*", "unheard-of", NULL},
        {"openai/unheard", "router/*", "openai/unheard", NULL},
        {"gpt-off", "router/*", "gpt-off", NULL},
        {"router/*", "router/*", "*", "router"},
        {":nitro", "router/*", ":nitro", NULL},
        {"", NULL, NULL, NULL},
    };
    struct catalogue *c = build();
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct str upstream = {NULL, 0};
        int only = 99;
        const struct catalogue_model *found =
            catalogue_find(c, str_from(cases[i].asked), &upstream, &only);
        if (cases[i].model == NULL) {
            CHECK_TRUE(found == NULL);
            continue;
        }
        CHECK_TRUE(found != NULL);
        if (found == NULL)
            continue;
        CHECK_STR(str_from(found->name), cases[i].model);
        CHECK_STR(upstream, cases[i].upstream);
        if (cases[i].provider == NULL)
            CHECK_EQ(only, -1);
        else
            CHECK_STR(str_from(c->providers[only].name), cases[i].provider);
    }
    catalogue_put(c);
}

TEST(names_resolve_exact_alias_provider_wildcard)
{
    with_segment(find_names);
}

static void
without_wildcards(void)
{
    struct str upstream;
    int only;
    providers[2].enabled = false;
    struct catalogue *c = build();
    CHECK_TRUE(catalogue_find(c, str_from("unheard-of"), &upstream, &only) ==
               NULL);
    CHECK_TRUE(catalogue_find(c, str_from("openai/unheard"), &upstream,
                              &only) == NULL);
    CHECK_TRUE(catalogue_find(c, str_from("local/text-embed"), &upstream,
                              &only) == NULL);
    CHECK_TRUE(catalogue_find(c, str_from("orphan"), &upstream, &only) == NULL);
    CHECK_TRUE(catalogue_find(c, str_from("openai/"), &upstream, &only) ==
               NULL);
    catalogue_put(c);
    providers[2].enabled = true;
}

TEST(without_a_wildcard_the_unknown_is_unknown)
{
    with_segment(without_wildcards);
}

static bool
file_contains(const char *path, const char *text)
{
    char bytes[65536];
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, bytes, sizeof(bytes));
    close(fd);
    return n > 0 && memmem(bytes, (size_t)n, text, strlen(text)) != NULL;
}

static void
publish_and_load(void)
{
    char path[192];
    struct stat st;
    int rc = 0;
    CHECK_TRUE(catalogue_load(&segment, &secrets, &rc) == NULL);
    CHECK_EQ(rc, -ENOENT);
    for (uint64_t generation = 1; generation <= 3; generation++) {
        struct catalogue *c = build();
        CHECK_EQ(catalogue_publish(&segment, c, &secrets), 0);
        CHECK_EQ(c->generation, generation);
        CHECK_EQ(catalogue_current(&segment), generation);
        catalogue_put(c);
    }
    struct catalogue *loaded = catalogue_load(&segment, &secrets, &rc);
    CHECK_TRUE(loaded != NULL);
    if (loaded == NULL)
        return;
    CHECK_EQ(loaded->generation, 3);
    CHECK_EQ(loaded->model_count, 7);
    CHECK_STR(str_from(loaded->providers[0].api_key), "sk-secret-1");
    CHECK_TRUE(loaded->providers[1].api_key == NULL);
    CHECK_STR(str_from(loaded->providers[1].proxy), "http://u:p@proxy:1");
    CHECK_STR(str_from(loaded->models[0].aliases[1]), "a:nitro");
    CHECK_EQ(credential_slots_used(&segment, 0), 7); /* not that it is off */
    CHECK_EQ(credential_slots_used(&segment, 1), 6); /* no api_key */
    CHECK_EQ(credential_slots_used(&segment, 2), 0);
    CHECK_EQ(loaded->models[0].prices.input, 5);
    struct catalogue *again = catalogue_get(loaded);
    catalogue_put(again);
    catalogue_put(loaded);
    snprintf(path, sizeof(path), "%s.cat.1", segment.path);
    CHECK_TRUE(stat(path, &st) < 0 && errno == ENOENT);
    snprintf(path, sizeof(path), "%s.cat.3", segment.path);
    CHECK_EQ(stat(path, &st), 0);
    CHECK_EQ(st.st_mode & 0777, 0600);
    CHECK_TRUE(!file_contains(path, "sk-secret"));
    CHECK_TRUE(!file_contains(path, "api.openai.com"));
}

TEST(a_generation_is_sealed_published_and_read_by_another)
{
    with_segment(publish_and_load);
}

static void
other_names(void)
{
    struct buf bytes;
    struct catalogue *built = build();
    buf_init(&bytes, 0);
    catalogue_write(built, &bytes);
    struct catalogue *read = catalogue_read(buf_view(&bytes));
    CHECK_TRUE(read != NULL);
    struct catalogue *both[] = {built, read};
    for (size_t i = 0; i < 2 && read != NULL; i++) {
        const struct catalogue_provider *p = both[i]->providers;
        CHECK_EQ(p[0].name_count, 2);
        CHECK_STR(catalogue_upstream_name(&p[0], STR_LIT("gpt-a")),
                  "gpt-a-2026-01-01");
        CHECK_STR(catalogue_upstream_name(&p[0], STR_LIT("gpt-b")), "deploy=b");
        CHECK_STR(catalogue_upstream_name(&p[0], STR_LIT("gpt")), "gpt");
        CHECK_EQ(p[0].speaks, SPEAKS_CHAT | SPEAKS_MESSAGES);
        CHECK_EQ(p[0].quirks, QUIRK_TOP_K | QUIRK_GOOGLE_SIGNATURE);
        CHECK_EQ(p[1].speaks + p[1].quirks, 0);
        CHECK_STR(str_from(p[0].pass_headers), "x-team x-*");
        CHECK_STR(str_from(p[0].drop_headers), "cookie");
        CHECK_TRUE(p[0].guarded && !p[1].guarded);
        CHECK_TRUE(p[1].pass_headers == NULL && p[1].drop_headers == NULL);
        CHECK_EQ(p[1].name_count, 0);
        CHECK_STR(catalogue_upstream_name(&p[1], STR_LIT("gpt-a")), "gpt-a");
    }
    catalogue_put(built);
    catalogue_put(read);
    buf_fini(&bytes);
}

TEST(a_provider_may_know_a_model_under_another_name)
{
    with_segment(other_names);
}

static void
refuse_other_files(void)
{
    char path[192], older[192];
    int rc = 0;
    struct crypto_secrets other = {.seal = {9}};
    for (int i = 0; i < 2; i++) {
        struct catalogue *c = build();
        CHECK_EQ(catalogue_publish(&segment, c, &secrets), 0);
        catalogue_put(c);
    }
    CHECK_TRUE(catalogue_load(&segment, &other, &rc) == NULL);
    CHECK_EQ(rc, -EBADMSG);
    snprintf(older, sizeof(older), "%s.cat.1", segment.path);
    snprintf(path, sizeof(path), "%s.cat.2", segment.path);
    CHECK_EQ(rename(older, path), 0); /* an older one in its place */
    CHECK_TRUE(catalogue_load(&segment, &secrets, &rc) == NULL);
    CHECK_EQ(rc, -EBADMSG);
    CHECK_EQ(truncate(path, 3), 0);
    CHECK_TRUE(catalogue_load(&segment, &secrets, &rc) == NULL);
    CHECK_EQ(rc, -EBADMSG);
    CHECK_EQ(unlink(path), 0);
    CHECK_TRUE(catalogue_load(&segment, &secrets, &rc) == NULL);
    CHECK_EQ(rc, -ENOENT);
}

static void
check_credentials(const struct catalogue *c)
{
    const struct catalogue_provider *p = &c->providers[0];
    CHECK_EQ(p->credential_count, 3);
    if (p->credential_count != 3)
        return;
    static const char *const names[] = {"default", "second", "own"};
    static const char *const keys[] = {"sk-secret-1", "sk-secret-2",
                                       "sk-secret-3"};
    for (unsigned i = 0; i < 3; i++) {
        const struct catalogue_credential *own = &p->credentials[i];
        CHECK_STR(str_from(own->name), names[i]);
        CHECK_STR(str_from(own->view->api_key), keys[i]);
        CHECK_TRUE(own->view->credential == own);
        CHECK_EQ(own->view->credential_slot, i);
        CHECK_EQ(own->view->credential_count, 0);
        CHECK_EQ(own->view->is_checked, i == 0);
        CHECK_STR(str_from(own->view->host), "api.openai.com");
        CHECK_EQ(own->hash, settings_name_hash(str_from(names[i])));
        CHECK_EQ(catalogue_credential_number(own->view), i + 1);
    }
    CHECK_EQ(p->credentials[1].full_hash,
             settings_name_hash(STR_LIT("openai/second")));
    CHECK_EQ(p->credentials[1].weight, 3);
    CHECK_TRUE(p->credentials[1].group == NULL);
    CHECK_STR(str_from(p->credentials[2].group), "team");
    CHECK_STR(str_from(p->credentials[2].view->region), "eu");
    CHECK_STR(str_from(p->credentials[2].gateway), "team/shop");
    CHECK_EQ(p->credentials[2].rate_limit, 30);
    CHECK_EQ(p->credentials[2].rate_interval_ms, 60000);
    CHECK_TRUE(p->credentials[2].named_only);
    CHECK_TRUE(p->credentials[1].gateway == NULL);
    CHECK_TRUE(!p->credentials[1].named_only);
    CHECK_TRUE(p->credentials[1].view->region == NULL);
    CHECK_EQ(catalogue_credential_number(p), 0);
    /* No api_key: checks ask with the first that is for all. */
    CHECK_EQ(c->providers[1].credential_count, 2);
    CHECK_STR(str_from(catalogue_checked_provider(&c->providers[1])->api_key),
              "sk-secret-7");
    CHECK_EQ(c->providers[2].credential_count, 0);
    CHECK_TRUE(catalogue_checked_provider(&c->providers[2]) ==
               &c->providers[2]);
}

static void
several_credentials(void)
{
    struct buf bytes;
    struct catalogue *built = build();
    buf_init(&bytes, 0);
    catalogue_write(built, &bytes);
    struct catalogue *read = catalogue_read(buf_view(&bytes));
    CHECK_TRUE(read != NULL);
    check_credentials(built);
    if (read != NULL)
        check_credentials(read);
    catalogue_put(built);
    catalogue_put(read);
    buf_fini(&bytes);
}

TEST(a_provider_has_a_view_for_each_of_its_credentials)
{
    with_segment(several_credentials);
}

/* What was known of the former secret is not held against the new one. */
static void
other_secret(void)
{
    struct catalogue *last = build();
    const struct catalogue_provider *p = &last->providers[0];
    struct shm_credentials *row =
        segment_credentials(&segment, p->provider_idx);
    for (int i = 0; i < 3; i++)
        shm_store(&row->breaker[i].run, 77);
    credentials[0].api_key = "sk-secret-8";
    struct catalogue *next = build();
    catalogue_forget_credentials(&segment, last, next);
    CHECK_EQ(shm_load(&row->breaker[0].run), 77);
    CHECK_EQ(shm_load(&row->breaker[1].run), 0);
    CHECK_EQ(shm_load(&row->breaker[2].run), 77);
    credentials[0].api_key = "sk-secret-2";
    providers[0].api_key = "sk-secret-9";
    catalogue_put(last);
    last = build();
    catalogue_forget_credentials(&segment, next, last);
    CHECK_EQ(shm_load(&row->breaker[0].run), 0);
    CHECK_EQ(shm_load(&row->breaker[2].run), 77);
    providers[0].api_key = "sk-secret-1";
    catalogue_put(last);
    catalogue_put(next);
}

TEST(another_secret_under_the_same_name_is_not_known)
{
    with_segment(other_secret);
}

TEST(files_of_another_secret_generation_or_length_are_refused)
{
    with_segment(refuse_other_files);
}

static void
routes_of_a_profile(void)
{
    struct buf bytes;
    struct catalogue *built = build();
    buf_init(&bytes, 0);
    catalogue_write(built, &bytes);
    catalogue_put(built);
    struct catalogue *c = catalogue_read(buf_view(&bytes));
    CHECK_TRUE(c != NULL);
    const struct catalogue_gateway *g = &c->gateways[0];
    CHECK_EQ(g->route_count, 2); /* neither what is off nor another profile's */
    const struct dynamic_route *way = catalogue_find_route(g, STR_LIT("w"));
    CHECK_TRUE(way != NULL && way->count == 2);
    CHECK_EQ(way->elements[0].branches[0].share, 4000);
    CHECK_EQ(way->elements[0].branches[1].to, 1);
    CHECK_TRUE(catalogue_find_route(g, STR_LIT("w@1")) != NULL);
    CHECK_TRUE(catalogue_find_route(g, STR_LIT("off")) == NULL);
    CHECK_TRUE(catalogue_find_route(g, STR_LIT("")) == NULL);
    catalogue_put(c);
    buf_fini(&bytes);
}

TEST(dynamic_routes_are_in_the_file_with_their_version)
{
    with_segment(routes_of_a_profile);
}

static void
read_damaged(void)
{
    struct buf bytes;
    struct catalogue *c = build();
    buf_init(&bytes, 0);
    catalogue_write(c, &bytes);
    catalogue_put(c);
    size_t len = buf_len(&bytes);
    for (size_t cut = 0; cut < len; cut++)
        CHECK_TRUE(catalogue_read(str_make(buf_ptr(&bytes), cut)) == NULL);
    for (size_t at = 0; at < len; at++) {
        bytes.data[bytes.start + at] ^= (char)0x80;
        catalogue_put(catalogue_read(buf_view(&bytes))); /* any answer */
        bytes.data[bytes.start + at] ^= (char)0x80;
    }
    c = catalogue_read(buf_view(&bytes));
    CHECK_TRUE(c != NULL);
    catalogue_put(c);
    buf_fini(&bytes);
}

TEST(damaged_bytes_are_refused_or_read_but_never_believed)
{
    with_segment(read_damaged);
}

static void
refuse_urls(void)
{
    static char *const urls[] = {
        "ftp://x",        "http://",    "http:///v1",   "http://h:0",
        "http://h:70000", "http://h:",  "http://h:8x",  "http://[::1",
        "http://[::1]x",  "http://u@h", "http://h/a b", "h",
        "http://h?q",
    };
    char *good = providers[2].base_url;
    for (unsigned i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        providers[2].base_url = urls[i];
        buf_reset(&error);
        CHECK_TRUE(catalogue_build(&segment, &config, NULL, NULL, &error) ==
                   NULL);
        CHECK_TRUE(strstr(buf_cstr(&error), "provider router: its base_url") !=
                   NULL);
    }
    providers[2].base_url = good;
}

TEST(a_base_url_that_cannot_be_used_is_refused_with_its_provider)
{
    with_segment(refuse_urls);
}

static void
too_many_models(void)
{
    char names[40][24], *items[40];
    for (int i = 0; i < 40; i++) {
        snprintf(names[i], sizeof(names[i]), "model-%d", i);
        items[i] = names[i];
    }
    struct config_provider p = {.name = "p",
                                .base_url = "http://p",
                                .models = {items, 40},
                                .enabled = true};
    const struct config many = {.providers = &p, .provider_count = 1};
    CHECK_TRUE(catalogue_build(&segment, &many, NULL, NULL, &error) == NULL);
    CHECK_TRUE(strstr(buf_cstr(&error), "too many models (max_models)") !=
               NULL);
}

TEST(more_models_than_the_segment_holds_are_refused_with_the_option)
{
    with_segment(too_many_models);
}
