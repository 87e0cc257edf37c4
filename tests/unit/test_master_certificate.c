/*
 * test_master_certificate.c - tests of master/certificate.c: what is taken at
 * a start, and by time. What workers do with it: tests/system/test_70_tls.py.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/clock.h"
#include "common/log.h"
#include "master/master.h"
#include "tests/unit/tls_files.h"

enum { DEADLINE_MS = 60000 };

static struct master master;
static struct shm_header header; /* of a segment without more */
static char used_cert[64], used_key[64];

static void
copy_file(const char *from, const char *to)
{
    char bytes[4096], temporary[80];
    snprintf(temporary, sizeof(temporary), "%s.new", to);
    FILE *in = fopen(from, "r"), *out = fopen(temporary, "w");
    CHECK_TRUE(in != NULL && out != NULL);
    size_t n = fread(bytes, 1, sizeof(bytes), in);
    CHECK_EQ(fwrite(bytes, 1, n, out), n);
    fclose(in);
    fclose(out);
    CHECK_EQ(rename(temporary, to), 0);
}

static void
begin(void)
{
    struct buf text, error;
    make_files();
    buf_init(&text, 0);
    buf_init(&error, 0);
    snprintf(used_cert, sizeof(used_cert), "%s/used.pem", folder);
    snprintf(used_key, sizeof(used_key), "%s/used.key", folder);
    copy_file(cert_file, used_cert);
    copy_file(key_file, used_key);
    buf_printf(&text,
               "[server]\ntls_listen = 127.0.0.1:9\ntls_cert = %s\n"
               "tls_key = %s\ntls_reload = 5ms\n",
               used_cert, used_key);
    memset(&master, 0, sizeof(master));
    master.segment.header = &header;
    master.config = config_parse_text(buf_view(&text), &error);
    if (master.config == NULL)
        test_fail(__FILE__, __LINE__, "%s", buf_cstr(&error));
    master.loop = loop_create();
    log_set_level(LOG_FATAL);
    certificate_start(&master);
    certificate_watch(&master);
    buf_fini(&text);
    buf_fini(&error);
}

static void
end(void)
{
    loop_timer_clear(master.loop, &master.certificate_watch.timer);
    loop_destroy(&master.loop);
    certificate_wipe(&master.certificate);
    config_free(master.config);
    unlink(used_cert);
    unlink(used_key);
}

static bool
is_in_use(const char *cert, const char *key)
{
    struct certificate wanted;
    struct buf error;
    buf_init(&error, 0);
    CHECK_EQ(certificate_load(&wanted, cert, key, &error), 0);
    bool same =
        certificate_equals(&wanted, &master.certificate) &&
        shm_load(&header.certificate_until_s) == certificate_until(&wanted) &&
        certificate_until(&wanted) > clock_wall_ms() / 1000;
    certificate_wipe(&wanted);
    buf_fini(&error);
    return same;
}

/* Turns until the files as they are now were read, used or not. */
static void
turn_until_read(void)
{
    const struct certificate_watch *watch = &master.certificate_watch;
    struct certificate_stamp before = watch->done;
    uint64_t until = clock_mono_ms() + DEADLINE_MS;
    while (memcmp(&before, &watch->done, sizeof(before)) == 0 &&
           clock_mono_ms() < until)
        loop_turn(master.loop, 10);
    CHECK_TRUE(memcmp(&before, &watch->done, sizeof(before)) != 0);
}

TEST(files_that_change_are_used_when_they_fit)
{
    char other_key[64], other_cert[64];
    begin();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *leaf = make_cert(key, "other", "DNS:other.example", 86400);
    write_pem(other_key, "other.key", NULL, key, NULL);
    write_pem(other_cert, "other.pem", leaf, NULL, NULL);
    X509_free(leaf);
    EVP_PKEY_free(key);
    turn_until_read();
    CHECK_TRUE(is_in_use(cert_file, key_file));
    copy_file(other_key, used_key);
    turn_until_read();
    CHECK_TRUE(is_in_use(cert_file, key_file));
    copy_file(other_cert, used_cert);
    turn_until_read();
    CHECK_TRUE(is_in_use(other_cert, other_key));
    unlink(used_key);
    turn_until_read();
    CHECK_TRUE(is_in_use(other_cert, other_key));
    unlink(other_key);
    unlink(other_cert);
    end();
}

TEST(one_that_is_not_valid_yet_is_used_when_it_is)
{
    char early_file[64];
    begin();
    turn_until_read();
    X509 *leaf = make_cert(leaf_key, "leaf", "DNS:x.example", 86400);
    X509_gmtime_adj(X509_getm_notBefore(leaf), 2);
    CHECK_TRUE(X509_sign(leaf, ca_key, EVP_sha256()) > 0);
    write_pem(early_file, "early.pem", leaf, NULL, NULL);
    X509_free(leaf);
    copy_file(early_file, used_cert);
    turn_until_read(); /* not before it is taken */
    CHECK_TRUE(is_in_use(early_file, key_file));
    unlink(early_file);
    end();
}

TEST(an_expired_one_is_refused_but_for_the_one_in_use)
{
    struct certificate out;
    struct buf error;
    buf_init(&error, 0);
    begin();
    copy_file(old_file, used_cert);
    CHECK_TRUE(certificate_read(master.config, NULL, &out, &error) < 0);
    CHECK_TRUE(strstr(buf_cstr(&error), "expired on") != NULL);
    CHECK_TRUE(out.key == NULL);
    buf_reset(&error);
    CHECK_TRUE(
        certificate_read(master.config, &master.certificate, &out, &error) < 0);
    buf_reset(&error);
    struct certificate running;
    CHECK_EQ(certificate_load(&running, old_file, key_file, &error), 0);
    CHECK_EQ(certificate_read(master.config, &running, &out, &error), 0);
    CHECK_TRUE(certificate_equals(&running, &out));
    certificate_wipe(&running);
    certificate_wipe(&out);
    buf_fini(&error);
    end();
}
