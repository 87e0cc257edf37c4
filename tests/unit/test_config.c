/*
 * test_config.c - aigw.ini read, checked, written and read again.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/config_part.h"
#include "common/ini_part.h"
#include "common/log.h"
#include "common/net/listen.h"
#include "tests/test.h"

static struct buf error;

static struct config *
load_text(const char *text)
{
    static char folder[] = "/tmp/aigw-test-config-XXXXXX";
    static char path[64];
    if (path[0] == '\0') {
        CHECK_TRUE(mkdtemp(folder) != NULL);
        snprintf(path, sizeof(path), "%s/t.ini", folder);
        CHECK_EQ(chdir(folder), 0);
        unsetenv("OPENAI_API_KEY");
    }
    int fd = open("t.ini", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK_TRUE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    buf_fini(&error);
    buf_init(&error, 0);
    struct config *config = config_load("t.ini", &error);
    unlink("t.ini");
    return config;
}

/* First of all: the tests after it work in a folder of their own. */
TEST(aigw_ini_is_the_table_and_loads_as_the_defaults)
{
    struct buf want, have, text, defaults;
    buf_init(&want, 0);
    buf_init(&have, 0);
    buf_init(&text, 0);
    buf_init(&defaults, 0);
    buf_init(&error, 0);
    unsetenv("OPENAI_API_KEY");
    config_print_options(CONFIG_DOC_INI, &want);
    /* AIGW_UPDATE=1 writes the file anew, after a change of the table. */
    if (getenv("AIGW_UPDATE") != NULL) {
        FILE *file = fopen("aigw.ini", "w");
        fwrite(buf_ptr(&want), 1, buf_len(&want), file);
        fclose(file);
    }
    CHECK_EQ(ini_read_whole("aigw.ini", &have), 0);
    CHECK_TRUE(str_equals(buf_view(&want), buf_view(&have)));
    struct config *a = config_load("aigw.ini", &error);
    struct config *b = config_load(NULL, &error);
    CHECK_STR(buf_view(&error), "");
    CHECK_TRUE(a != NULL && b != NULL);
    if (a != NULL && b != NULL) {
        config_serialize(a, false, &text);
        config_serialize(b, false, &defaults);
        CHECK_TRUE(str_equals(buf_view(&text), buf_view(&defaults)));
    }
    config_free(a);
    config_free(b);
    buf_fini(&want);
    buf_fini(&have);
    buf_fini(&text);
    buf_fini(&defaults);
}

TEST(an_empty_file_has_the_documented_defaults)
{
    struct config *config = load_text("");
    CHECK_TRUE(config != NULL);
    const struct config_server *server = &config->server;
    CHECK_STR(str_from(server->instance), "default");
    CHECK_TRUE(server->workers >= 1);
    CHECK_EQ(server->listen.count, 1);
    CHECK_STR(str_from(server->listen.items[0]), "127.0.0.1:8080");
    CHECK_EQ(server->tls_listen.count, 0);
    CHECK_TRUE(server->tls_cert == NULL && server->user == NULL);
    CHECK_STR(str_from(server->tls_min), "1.2");
    CHECK_STR(str_from(server->data_dir), "./data");
    CHECK_STR(str_from(server->run_dir), "./run");
    CHECK_EQ(server->flush_interval_ms, 1000);
    CHECK_EQ(server->drain_timeout_ms, 300000);
    CHECK_EQ(server->header_timeout_ms, 10000);
    CHECK_EQ(server->keepalive_timeout_ms, 75000);
    CHECK_EQ(server->max_keys, 65536);
    CHECK_EQ(server->max_requests, 4096);
    CHECK_EQ(server->ring_mib, 16);
    CHECK_EQ(server->body_max_bytes, 32 << 20);
    CHECK_EQ(server->body_memory_bytes, 512 << 20);
    CHECK_EQ(server->stream_slice_tokens, 256);
    CHECK_EQ(server->log_retention_ms, 30LL * 86400000);
    CHECK_STR(str_from(server->timezone), "UTC");
    CHECK_STR(str_from(config->admin.listen.items[0]), "127.0.0.1:8081");
    CHECK_TRUE(config->admin.token == NULL && !config->admin.is_public);
    CHECK_STR(str_from(config->log.access), "off");
    CHECK_EQ(config->provider_count, 1);
    CHECK_EQ(config->providers[0].kind, PROVIDER_BUILTIN);
    CHECK_EQ(config->model_count, 1);
    CHECK_STR(str_from(config->models[0].name), "builtin/echo");
    CHECK_EQ(config->models[0].prices.input, 1000000);
    CHECK_EQ(config->models[0].prices.output, 2000000);
    CHECK_EQ(config->models[0].prices.cached, MONEY_UNSET);
    CHECK_EQ(config->models[0].max_output, 4096);
    config_free(config);
}

static const char whole_text[] =
    "[server]\n"
    "workers = 3\nlisten = 127.0.0.1:1, [::1]:2\n"
    "flush_interval = 250ms\nbody_max = 1g\nbody_memory=2g\n"
    "timezone = Europe/Berlin\ncurrency = EUR\n"
    "[admin]\ntoken = a;b \"c\"\npublic = yes\nlisten = 0.0.0.0:8081\n"
    "[log]\nlevel = debug\n"
    "[provider.groq]\nbase_url = https://api.groq.com/openai/v1//\n"
    "api_key = sk-upstream\nmodels = *\nverify = no\n"
    "names = a=arn:aws:b/c:0, b=d=e\n"
    "on_disconnect = drain\nproxy = http://u:pw@proxy:3128\n"
    "total_timeout = 1h\n"
    "[credential.groq/team-a]\napi_key = sk-own-one\ngroup = team-a\n"
    "weight = 3\nenabled = no\n"
    "[provider.builtin]\nkind = builtin\ndelay = 5ms\n"
    "[model.qwen/qwen3-max]\nproviders = groq, builtin\nalias = q3,fast\n"
    "type = chat\ncontext = 32768\nprice_input = 0.15\nprice_output = 2.5\n"
    "price_cached=0\nprice_request = 0.000000000001\nprice_image=0.04\n";

TEST(every_kind_of_value_is_read)
{
    struct config *config = load_text(whole_text);
    CHECK_STR(buf_view(&error), "");
    CHECK_TRUE(config != NULL);
    CHECK_EQ(config->server.workers, 3);
    CHECK_EQ(config->server.listen.count, 2);
    CHECK_EQ(config->server.flush_interval_ms, 250);
    CHECK_EQ(config->server.body_max_bytes, 1LL << 30);
    CHECK_STR(str_from(config->admin.token), "a;b \"c\"");
    CHECK_EQ(config->provider_count, 2);
    const struct config_provider *groq = &config->providers[0];
    CHECK_STR(str_from(groq->base_url), "https://api.groq.com/openai/v1");
    CHECK_EQ(groq->on_disconnect, ON_DISCONNECT_DRAIN);
    CHECK_TRUE(!groq->verify && groq->enabled);
    CHECK_EQ(groq->total_timeout_ms, 3600000);
    CHECK_EQ(groq->names.count, 2);
    CHECK_EQ(config->credential_count, 1);
    const struct config_credential *own = &config->credentials[0];
    CHECK_STR(str_from(own->api_key), "sk-own-one");
    CHECK_STR(str_from(own->group), "team-a");
    CHECK_TRUE(own->weight == 3 && !own->enabled && own->region == NULL);
    CHECK_STR(str_from(groq->names.items[0]), "a=arn:aws:b/c:0");
    CHECK_STR(str_from(groq->names.items[1]), "b=d=e");
    CHECK_EQ(config->providers[1].builtin_delay_ms, 5);
    CHECK_EQ(config->model_count, 1); /* provider builtin is the file's own */
    const struct config_model *model = &config->models[0];
    CHECK_STR(str_from(model->name), "qwen/qwen3-max");
    CHECK_EQ(model->alias.count, 2);
    CHECK_STR(str_from(model->alias.items[1]), "fast");
    CHECK_EQ(model->prices.input, 150000);
    CHECK_EQ(model->prices.output, 2500000);
    CHECK_EQ(model->prices.cached, 0);
    CHECK_EQ(model->prices.request, 1);
    CHECK_EQ(model->prices.image, 40000000000);
    CHECK_EQ(model->prices.reasoning, MONEY_UNSET);
    config_free(config);
}

TEST(what_is_written_reads_back_the_same)
{
    struct config *config = load_text(whole_text);
    struct buf first, second;
    buf_init(&first, 0);
    buf_init(&second, 0);
    config_serialize(config, false, &first);
    struct config *again = config_parse_text(buf_view(&first), &error);
    CHECK_STR(buf_view(&error), "");
    CHECK_TRUE(again != NULL);
    if (again != NULL)
        config_serialize(again, false, &second);
    CHECK_TRUE(str_equals(buf_view(&first), buf_view(&second)));
    CHECK_TRUE(strstr(buf_cstr(&first), "token = a;b \"c\"\n") != NULL);
    CHECK_TRUE(strstr(buf_cstr(&first), "price_input = 0.15\n") != NULL);
    CHECK_TRUE(strstr(buf_cstr(&first), "price_cached = 0\n") != NULL);
    CHECK_TRUE(strstr(buf_cstr(&first), "price_reasoning = \n") != NULL);
    config_free(config);
    config_free(again);
    buf_fini(&first);
    buf_fini(&second);
}

TEST(masked_text_has_no_secret)
{
    struct config *config = load_text(whole_text);
    struct buf text;
    buf_init(&text, 0);
    config_serialize(config, true, &text);
    CHECK_TRUE(strstr(buf_cstr(&text), "sk-upstream") == NULL);
    CHECK_TRUE(strstr(buf_cstr(&text), "sk-own-one") == NULL);
    CHECK_TRUE(strstr(buf_cstr(&text), "a;b") == NULL);
    CHECK_TRUE(strstr(buf_cstr(&text), "pw") == NULL);
    CHECK_TRUE(strstr(buf_cstr(&text), "api_key = ****\n") != NULL);
    CHECK_TRUE(strstr(buf_cstr(&text), "proxy = http://****@proxy:3128\n") !=
               NULL);
    config_free(config);
    buf_fini(&text);
}

static void
overwrite(void *context, char *secret)
{
    ++*(unsigned *)context;
    memset(secret, '\0', strlen(secret));
}

TEST(every_secret_of_a_configuration_can_be_wiped)
{
    struct config *config = load_text(whole_text);
    unsigned count = 0;
    struct buf text;
    buf_init(&text, 0);
    config_visit_secrets(config, overwrite, &count);
    CHECK_TRUE(count >= 5); /* token, two keys, base_url, proxy */
    config_serialize(config, false, &text);
    CHECK_TRUE(strstr(buf_cstr(&text), "sk-upstream") == NULL);
    CHECK_TRUE(strstr(buf_cstr(&text), "sk-own-one") == NULL);
    CHECK_TRUE(strstr(buf_cstr(&text), "a;b") == NULL);
    CHECK_TRUE(strstr(buf_cstr(&text), "pw") == NULL);
    config_free(config);
    buf_fini(&text);
}

TEST(a_key_in_the_environment_brings_the_provider)
{
    buf_init(&error, 0);
    setenv("OPENAI_API_KEY", "sk-test", 1);
    struct config *config = config_load(NULL, &error);
    CHECK_TRUE(config != NULL && config->provider_count == 2);
    CHECK_STR(str_from(config->providers[1].name), "openai");
    CHECK_STR(str_from(config->providers[1].api_key), "sk-test");
    CHECK_STR(str_from(config->providers[1].models.items[0]), "*");
    struct buf text;
    buf_init(&text, 0);
    config_serialize(config, false, &text);
    unsetenv("OPENAI_API_KEY");
    struct config *again = config_parse_text(buf_view(&text), &error);
    CHECK_TRUE(again != NULL && again->provider_count == 2);
    config_free(again);
    config_free(config);
    buf_fini(&text);
    setenv("OPENAI_API_KEY", "sk\ntest", 1);
    CHECK_TRUE(config_load(NULL, &error) == NULL);
    CHECK_TRUE(strstr(buf_cstr(&error), "sk\n") == NULL);
    unsetenv("OPENAI_API_KEY");
    buf_fini(&error);
}

TEST(each_provider_has_its_variable_and_the_file_goes_before)
{
    static const struct {
        const char *variable, *name, *kind;
    } cases[] = {
        {"ANTHROPIC_API_KEY", "anthropic", "anthropic"},
        {"GEMINI_API_KEY", "gemini", "gemini"},
        {"DEEPSEEK_API_KEY", "deepseek", "openai"},
        {"GROQ_API_KEY", "groq", "openai"},
        {"MISTRAL_API_KEY", "mistral", "openai"},
        {"OPENROUTER_API_KEY", "openrouter", "openai"},
    };
    buf_init(&error, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        setenv(cases[i].variable, "sk-test", 1);
        struct config *config = config_load(NULL, &error);
        CHECK_TRUE(config != NULL && config->provider_count == 2);
        const struct config_provider *provider = &config->providers[1];
        CHECK_STR(str_from(provider->name), cases[i].name);
        CHECK_STR(str_from(config_provider_kind_name(provider->kind)),
                  cases[i].kind);
        CHECK_STR(str_from(provider->api_key), "sk-test");
        config_free(config);
        char text[200];
        snprintf(text, sizeof(text),
                 "[provider.%s]\nkind = openai\n"
                 "base_url = http://127.0.0.1:1\napi_key = mine\n",
                 cases[i].name);
        config = load_text(text);
        CHECK_TRUE(config != NULL && config->provider_count == 2);
        CHECK_STR(str_from(config->providers[0].api_key), "mine");
        config_free(config);
        unsetenv(cases[i].variable);
    }
    buf_fini(&error);
}

TEST(what_is_wrong_is_refused_with_its_line)
{
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"[sever]\n", "t.ini:1: unknown section [sever]; did you mean "
                      "\"server\"?"},
        {"[server]\nlistn = 1:1\n", "t.ini:2: unknown option \"listn\" in "
                                    "[server]; did you mean \"listen\"?"},
        {"[server]\nxyzzy = 1\n", "t.ini:2: unknown option \"xyzzy\" in "
                                  "[server]"},
        {"[server.x]\n", "t.ini:1: section [server] has no name behind it"},
        {"[provider]\n", "t.ini:1: the section is [provider.NAME]"},
        {"[server]\ntimezone = UTC\n\ntimezone = UTC\n",
         "t.ini:4: timezone is set twice, first in t.ini:2"},
        {"[server]\ndrain_timeout = 10\n",
         "t.ini:2: drain_timeout: \"10\" is not a number with its unit, as "
         "250ms, 10s, 5m, 1h or 30d"},
        {"[server]\ndrain_timeout = 10x\n", "as 250ms"},
        {"[server]\ndrain_timeout = \n", "as 250ms"},
        {"[server]\nbody_max = 32\n", "as 64k, 32m or 1g (of 1024)"},
        {"[server]\nbody_max = 10s\n", "as 64k"},
        {"[server]\nworkers = 2k\n",
         "\"2k\" is not a whole number without a unit"},
        {"[server]\nworkers = -1\n", "\"-1\" is not a whole number"},
        {"[server]\nworkers = 65\n", "\"65\" is out of range: 0 to 64"},
        {"[server]\nworkers = 99999999999999999999\n", "out of range"},
        {"[server]\nflush_interval = 1ms\n", "out of range: 50ms to 1m"},
        {"[server]\nflush_interval = 18446744073709551615d\n", "out of range"},
        {"[server]\nbody_max = 2g\n", "out of range: 1k to 1g"},
        {"[server]\nring_mib = 3\n", "t.ini:2: ring_mib: 3 is not a power"},
        {"[server]\nmax_requests = 16384\n",
         "t.ini:1: ring_mib: 16 MiB are too few for max_requests = 16384, each "
         "of which keeps 1280 bytes free: at least 20"},
        {"[server]\nbody_memory = 1m\n", "body_memory: is less than body_max"},
        {"[server]\nlisten =\n", "neither listen nor tls_listen"},
        {"[server]\nlisten = localhost\n", "t.ini:2: listen: \"localhost\" is "
                                           "not an address"},
        {"[server]\nlisten = 127.0.0.1:1, 127.0.0.1:1\n", "twice"},
        {"[server]\nlisten = 127.0.0.1:8081\n", "is listened on twice"},
        {"[server]\nlisten = a,,b\n", "the list has an empty item"},
        {"[server]\ntls_listen = 127.0.0.1:9\n", "needs tls_cert and tls_key"},
        {"[server]\ntimezone = Mars/Olympus\n", "neither UTC nor a name"},
        {"[server]\ntimezone = ../../../etc/passwd\n", "neither UTC"},
        {"[server]\ncurrency = usd\n", "three capital letters"},
        {"[server]\ncurrency = US\n", "2 characters, not 3 to 3"},
        {"[server]\ninstance = a/b\n", "make a name"},
        {"[server]\ndata_dir =\n", "t.ini:2: data_dir: the value is empty"},
        {"[server]\ntls_min = 1.1\n", "\"1.1\" is not one of 1.2|1.3"},
        {"[log]\nlevel = warning\n", "did you mean \"warn\"?"},
        {"[admin]\npublic = true\n", "\"true\" is neither yes nor no"},
        {"[admin]\nlisten = 0.0.0.0:1\n", "that needs public = yes"},
        {"[admin]\nlisten = 0.0.0.0:1\npublic = yes\n", "needs a token"},
        {"[provider.a/b]\nkind = builtin\n", "t.ini:1: a provider's name"},
        {"[provider.a]\n", "t.ini:1: provider a has no base_url"},
        {"[provider.a]\nkind = builtin\n[provider.a]\n",
         "t.ini:3: section [provider.a] stands here twice"},
        {"[provider.a]\nbase_url = ftp://x\n", "begins with neither"},
        {"[provider.a]\nbase_url = https:///v1\n", "there is no host"},
        {"[provider.a]\nbase_url = https://u:p@h/v1\n", "only a scheme"},
        {"[provider.a]\nbase_url = https://h/v1?x=1\n", "only a scheme"},
        {"[provider.a]\nbase_url = https://h:0/\n", "its port is not"},
        {"[provider.a]\nbase_url = https://h:70000/\n", "its port is not"},
        {"[provider.a]\nbase_url = https://h:x/\n", "its port is not"},
        {"[provider.a]\nbase_url = https://h:80x\n", "a path begins with"},
        {"[provider.a]\nbase_url = https://h;x/\n", "its host has"},
        {"[provider.a]\nkind = openai2\n", "did you mean \"openai\"?"},
        {"[provider.a]\nkind = builtin\nproxy = proxy:3128\n", "proxy: it"},
        {"[provider.a]\nkind = builtin\nmodels = *, x\n", "stands alone"},
        {"[provider.a]\nkind = builtin\nmodels = x*\n", "no space, comma"},
        {"[provider.a]\nkind = builtin\nmodels = x\nnames = x\n",
         "names: \"x\" is not MODEL=NAME"},
        {"[provider.a]\nkind = builtin\nmodels = x\nnames = x=\n",
         "is not MODEL=NAME"},
        {"[provider.a]\nkind = builtin\nmodels = x\nnames = =y\n",
         "is not MODEL=NAME"},
        {"[provider.a]\nkind = builtin\nmodels = xy\nnames = x=y\n",
         "there is no model \"x\""},
        {"[provider.a]\nkind = builtin\nmodels = x\nnames = x=y, x=z\n",
         "x has two names"},
        {"[provider.a]\nkind = builtin\nmodels = x\nspeaks = chat, talk\n",
         "speaks: \"talk\" is not known"},
        {"[provider.a]\nkind = builtin\nmodels = x\nquirks = top_k\n",
         "quirks: \"top_k\" is not known"},
        {"[credential.a]\napi_key = k\n", "is [credential.PROVIDER/NAME]"},
        {"[credential.a/default]\napi_key = k\n", "\"default\" is the"},
        {"[credential.a/b/c]\napi_key = k\n", "is [credential.PROVIDER/NAME]"},
        {"[credential.a/b]\napi_key = k\n",
         "t.ini:1: there is no provider \"a\""},
        {"[credential.builtin/b]\napi_key = k\n", "takes no credential"},
        /* Two names of one CRC-32. */
        {"[gateway.main]\nsort = price\n[gateway.team/O6obOU]\nsort = price\n",
         "its name looks like that of another"},
        {"[provider.a]\nbase_url = http://h\n[credential.a/b]\n",
         "t.ini:3: api_key: it is missing"},
        {"[provider.a]\nbase_url = http://h\n[credential.a/b]\n"
         "api_key = k\nregion = r\n",
         "t.ini:5: region: only those of bedrock"},
        {"[provider.a]\nbase_url = http://h\n[credential.a/b]\n"
         "api_key = k\nweight = 0\n",
         "out of range: 1 to 1000"},
        {"[server]\nprivate_keys = a,,b\n", "is no name of a credential"},
        {"[server]\nprivate_keys = a,b,c,d,e,f,g,h,i\n",
         "\"i\" is one credential too many"},
        {"[server]\nbyok_fallback = maybe\n", "neither yes nor no"},
        {"[model.m]\nproviders = builtn\n",
         "there is no provider \"builtn\"; did you mean \"builtin\"?"},
        {"[model.m]\nprice_input = 1e-6\n", "is not a decimal number"},
        {"[model.m]\nprice_input = 0.1234567\n", "at most 6 places"},
        {"[model.m]\nprice_input = -1\n", "is not a decimal number"},
        {"[model.m]\nprice_input = 99999999999999\n", "too large a price"},
        {"[model.m]\nalias = n\n[model.n]\n",
         "t.ini:2: alias: \"n\" is also the name of model n"},
        {"[model.m]\nalias = x\n[model.n]\nalias = x\n",
         "\"x\" is also an alias of model"},
        {"[model.m]\nalias = m\n", "\"m\" is also the name of model m"},
        {"[model.a b]\n", "no space, comma"},
        {"[model.m]\n[model.m]\n", "stands here twice"},
        {"[server\n", "t.ini:1: a section header ends with"},
        {"workers = 1\n", "t.ini:1: an option stands before the first"},
        {"[server]\nworkers\n", "t.ini:2: expected \"name = value\""},
        {"include = absent.ini\n", "t.ini:1: the included file cannot"},
        {"[admin]\ntoken = ${AIGW_TEST_NOT_SET}\n",
         "t.ini:2: the environment variable AIGW_TEST_NOT_SET is not set"},
        {"[admin]\ntoken = file:absent\n", "t.ini:2: absent: No such file"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config *config = load_text(cases[i].text);
        if (config != NULL || strstr(buf_cstr(&error), cases[i].reason) == NULL)
            test_fail(__FILE__, __LINE__, "%s gives \"%s\", not \"%s\"",
                      cases[i].text, buf_cstr(&error), cases[i].reason);
        config_free(config);
    }
}

/* A health word is kept for each: there is room for so many. */
TEST(a_provider_has_as_many_credentials_as_there_is_room_for)
{
    struct buf text;
    buf_init(&text, 0);
    buf_append_cstr(&text, "[provider.a]\nbase_url = http://h/\n");
    for (int i = 1; i < CONFIG_CREDENTIALS_MAX; i++)
        buf_printf(&text, "[credential.a/n%d]\napi_key = k%d\n", i, i);
    struct config *config = load_text(buf_cstr(&text));
    CHECK_STR(buf_view(&error), "");
    CHECK_TRUE(config != NULL);
    config_free(config);
    buf_append_cstr(&text, "[credential.a/more]\napi_key = k\n");
    CHECK_TRUE(load_text(buf_cstr(&text)) == NULL);
    CHECK_TRUE(strstr(buf_cstr(&error), "at most 63 credentials") != NULL);
    buf_fini(&text);
}

TEST(addresses_are_understood_as_the_listeners_understand_them)
{
    static const char *const texts[] = {"127.0.0.1:8080",
                                        "127.1.2.3:1",
                                        "0.0.0.0:80",
                                        "[::1]:8080",
                                        "[::]:0",
                                        "*:65535",
                                        "8080",
                                        "10.0.0.1:65536",
                                        "[::ffff:127.0.0.1]:1",
                                        "[fe80::1]:1",
                                        "localhost:1",
                                        "::1:80",
                                        "[::1]",
                                        ":80",
                                        "1.2.3:4",
                                        "127.0.0.1:",
                                        "",
                                        "127.0.0.1:+1",
                                        "[]:1",
                                        "*",
                                        "[127.0.0.1]:1",
                                        "127.0.0.1:000001",
                                        "[::1%lo]:1",
                                        "x*:1"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct config_address ours;
        struct listen_address theirs;
        bool good = config_parse_address(texts[i], &ours);
        if (good != (listen_parse(texts[i], &theirs) == 0) ||
            (good &&
             config_address_is_loopback(&ours) != listen_is_loopback(&theirs)))
            test_fail(__FILE__, __LINE__, "not alike: %s", texts[i]);
    }
    struct config *config = load_text("[server]\nlisten = 127.0.0.1:0\n"
                                      "[admin]\nlisten = 127.0.0.1:0\n");
    CHECK_TRUE(config != NULL); /* two ports of the system's choice */
    config_free(config);
}

TEST(all_faults_are_reported_one_a_line)
{
    struct config *config =
        load_text("[server]\nworkers = x\nlistn = 1\nmax_keys = 1\n"
                  "[bad\n[provider.p]\n[model.m]\nproviders = q\n");
    CHECK_TRUE(config == NULL);
    unsigned lines = 1;
    for (const char *p = buf_cstr(&error); *p != '\0'; p++)
        lines += *p == '\n';
    CHECK_EQ(lines, 6);
    CHECK_TRUE(buf_ptr(&error)[buf_len(&error) - 1] != '\n');
    CHECK_TRUE(config_load("absent.ini", &error) == NULL);
    CHECK_TRUE(strstr(buf_cstr(&error), "absent.ini: No such file") != NULL);
}

TEST(a_refused_secret_is_not_quoted)
{
    static const char text[] = "[provider.a]\nbase_url = https://u:hunter2@h\n"
                               "[server]\ntimezone = ${AIGW_TEST_SECRET}\n"
                               "workers = ${AIGW_TEST_SECRET}\n"
                               "drain_timeout = ${AIGW_TEST_SECRET}\n"
                               "[log]\nlevel = ${AIGW_TEST_SECRET}\n"
                               "[model.m]\nprice_input=${AIGW_TEST_SECRET}\n";
    setenv("AIGW_TEST_SECRET", "hunter2", 1);
    CHECK_TRUE(load_text(text) == NULL);
    CHECK_TRUE(strstr(buf_cstr(&error), "hunter2") == NULL);
}

TEST(a_reload_may_not_change_what_needs_a_restart)
{
    struct config *running = load_text("");
    struct config *same = load_text("[server]\nworkers = 7\n"
                                    "listen = 127.0.0.1:9\n"
                                    "max_connections = 100\n"
                                    "[log]\nlevel = debug\n");
    struct config *other = load_text(
        "[server]\ninstance = x\ndata_dir = d\nrun_dir = r\nuser = nobody\n"
        "max_keys = 100\nmax_models = 100\nmax_requests = 100\n"
        "ring_mib = 1\n");
    CHECK_TRUE(running != NULL && same != NULL && other != NULL);
    CHECK_EQ(config_check_reload(running, same, &error), 0);
    CHECK_EQ(buf_len(&error), 0);
    CHECK_EQ(config_check_reload(running, other, &error), -EINVAL);
    unsigned lines = 1;
    for (const char *p = buf_cstr(&error); *p != '\0'; p++)
        lines += *p == '\n';
    CHECK_EQ(lines, 8);
    CHECK_TRUE(strstr(buf_cstr(&error),
                      "t.ini: [server] max_keys cannot change without a "
                      "restart (is \"65536\", would be \"100\")") != NULL);
    config_free(running);
    config_free(same);
    config_free(other);
}

TEST(a_secret_in_an_open_file_is_warned_of_once)
{
    struct buf text;
    const char ini[] = "[admin]\ntoken = x\n"
                       "[provider.a]\nkind = builtin\napi_key = y\n";
    buf_init(&text, 0);
    CHECK_EQ(log_open("warn.log", LOG_INFO), 0);
    config_free(load_text(ini)); /* mode 0600: fine */
    int fd = open("open.ini", O_WRONLY | O_CREAT, 0644);
    CHECK_TRUE(fchmod(fd, 0644) == 0 &&
               write(fd, ini, strlen(ini)) == (ssize_t)strlen(ini));
    close(fd);
    config_free(config_load("open.ini", &error));
    CHECK_EQ(log_open("stderr", LOG_INFO), 0);
    CHECK_EQ(ini_read_whole("warn.log", &text), 0);
    CHECK_TRUE(strstr(buf_cstr(&text), "open.ini:2: token stands") != NULL);
    CHECK_TRUE(strstr(buf_cstr(&text), "api_key") == NULL);
    CHECK_TRUE(strstr(buf_cstr(&text), "t.ini") == NULL);
    buf_fini(&text);
    unlink("warn.log");
    unlink("open.ini");
}

TEST(the_table_prints_in_every_form)
{
    struct buf text, mdoc;
    buf_init(&text, 0);
    buf_init(&mdoc, 0);
    config_print_options(CONFIG_DOC_TEXT, &text);
    config_print_options(CONFIG_DOC_MDOC, &mdoc);
    CHECK_TRUE(strstr(buf_cstr(&text), "[model.NAME]") != NULL);
    CHECK_TRUE(strstr(buf_cstr(&text), "duration, 50ms to 1m") != NULL);
    CHECK_TRUE(strstr(buf_cstr(&text), "needs a restart") != NULL);
    CHECK_TRUE(strstr(buf_cstr(&mdoc), ".It Cm max_keys\n") != NULL);
    CHECK_TRUE(strstr(buf_cstr(&mdoc), "\n.El\n") != NULL);
    buf_fini(&text);
    buf_fini(&mdoc);
}

TEST(run_dir_is_found_where_the_rest_cannot_be_read)
{
    static const struct {
        const char *text, *run_dir;
    } cases[] = {
        {"[server]\nrun_dir = /r\n[admin]\ntoken = ${AIGW_NOT_SET}\n", "/r"},
        {"[server]\nrun_dir = /r\nnonsense = 1\n", "/r"},
        {"[server]\nworkers = 1\n[log]\nrun_dir = /l\n", "./run"},
        {"nonsense", "./run"},
    };
    char dir[CONFIG_NAME_BYTES];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int fd = open("r.ini", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        size_t len = strlen(cases[i].text);
        CHECK_EQ(write(fd, cases[i].text, len), (ssize_t)len);
        close(fd);
        buf_reset(&error);
        CHECK_EQ(config_run_dir("r.ini", dir, &error), 0);
        CHECK_STR(str_from(dir), cases[i].run_dir);
        CHECK_EQ(buf_len(&error), 0);
    }
    unlink("r.ini");
    CHECK_TRUE(config_run_dir("r.ini", dir, &error) < 0);
    CHECK_TRUE(buf_len(&error) > 0);
}

TEST(the_file_of_the_working_folder_is_taken_first)
{
    CHECK_TRUE(config_default_path() == NULL ||
               strcmp(config_default_path(), "/etc/aigw/aigw.ini") == 0);
    int fd = open("aigw.ini", O_WRONLY | O_CREAT, 0600);
    close(fd);
    CHECK_STR(str_from(config_default_path()), "aigw.ini");
    unlink("aigw.ini");
    char folder[256];
    CHECK_TRUE(getcwd(folder, sizeof(folder)) != NULL && chdir("/") == 0);
    CHECK_EQ(rmdir(folder), 0);
    buf_fini(&error);
}
