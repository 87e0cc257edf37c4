/*
 * test_crypto.c - keyed digests, sealing, names, the master secret.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/test.h"

static struct crypto_secrets secrets = {.key_digest = {0}};

TEST(the_digest_is_hmac_sha256)
{
    /* RFC 4231 has no key of 32 bytes; this is HMAC-SHA256 of "sk-aigw-x" under
     * 00..1f, by Python's hmac. */
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    char hex[2 * CRYPTO_DIGEST_BYTES + 1];
    for (uint8_t i = 0; i < 32; i++)
        secrets.key_digest[i] = i;
    crypto_key_digest(&secrets, STR_LIT("sk-aigw-x"), digest);
    crypto_hex(digest, sizeof(digest), hex);
    CHECK_STR(
        str_from(hex),
        "58c49a0ce13a8ddff14e8f0a5ed309c67fa1e444604fc82e749b4ccaa522f52d");
}

TEST(a_repeated_prefix_of_a_key_means_nothing)
{
    uint8_t a[CRYPTO_DIGEST_BYTES], b[CRYPTO_DIGEST_BYTES];
    crypto_key_digest(&secrets, STR_LIT("sk-aigw-x"), a);
    crypto_key_digest(&secrets, STR_LIT("sk-sk-sk-aigw-x"), b);
    CHECK_EQ(memcmp(a, b, sizeof(a)), 0);
    crypto_key_digest(&secrets, STR_LIT("aigw-x"), b);
    CHECK_TRUE(memcmp(a, b, sizeof(a)) != 0);
    crypto_key_digest(&secrets, STR_LIT("sk-"), a);
    crypto_key_digest(&secrets, STR_LIT("sk-sk-"), b);
    CHECK_EQ(memcmp(a, b, sizeof(a)), 0);
    crypto_key_digest(&secrets, STR_LIT(""), b);
    CHECK_TRUE(memcmp(a, b, sizeof(a)) != 0);
}

TEST(generated_keys_are_well_formed_and_differ)
{
    char a[CRYPTO_KEY_CHARS + 1], b[CRYPTO_KEY_CHARS + 1];
    bool seen[256] = {false};
    for (int i = 0; i < 200; i++) {
        crypto_key_generate(a);
        crypto_key_generate(b);
        CHECK_EQ(strlen(a), CRYPTO_KEY_CHARS);
        CHECK_EQ(memcmp(a, "sk-aigw-", 8), 0);
        CHECK_TRUE(strcmp(a, b) != 0);
        for (const char *p = a + 8; *p != '\0'; p++)
            seen[(unsigned char)*p] = true;
    }
    int count = 0;
    for (int c = 0; c < 256; c++)
        count += seen[c];
    CHECK_EQ(count, 62);
}

TEST(a_masked_key_shows_its_ends_only)
{
    char out[24];
    crypto_key_mask(STR_LIT("sk-aigw-0123456789abcdefABCD"), out);
    CHECK_STR(str_from(out), "sk-aigw-****ABCD");
    crypto_key_mask(STR_LIT("my-own-key-that-is-long"), out);
    CHECK_STR(str_from(out), "****long");
    crypto_key_mask(STR_LIT("sk-aigw-short"), out);
    CHECK_STR(str_from(out), "sk-aigw-****");
    crypto_key_mask(STR_LIT("abc"), out);
    CHECK_STR(str_from(out), "****");
    crypto_key_mask(STR_LIT("sk-aigw-0123456789\n\x1b[2"), out);
    CHECK_STR(str_from(out), "sk-aigw-****??[2");
}

TEST(what_is_sealed_opens_only_as_it_was)
{
    static const char plain[] = "sk-upstream-credential";
    uint8_t sealed[sizeof(plain) + CRYPTO_SEAL_OVERHEAD], out[64];
    struct str aad = STR_LIT("provider/openai/api_key");
    size_t len = crypto_seal(&secrets, aad, plain, sizeof(plain), sealed);
    CHECK_EQ(len, sizeof(sealed));
    CHECK_EQ(crypto_open(&secrets, aad, sealed, len, out), sizeof(plain));
    CHECK_EQ(memcmp(out, plain, sizeof(plain)), 0);
    CHECK_EQ(crypto_open(&secrets, STR_LIT("provider/other/api_key"), sealed,
                         len, out),
             -EBADMSG);
    for (size_t i = 0; i < len; i++) {
        sealed[i] ^= 1;
        CHECK_EQ(crypto_open(&secrets, aad, sealed, len, out), -EBADMSG);
        sealed[i] ^= 1;
    }
    for (size_t i = 0; i < len; i++)
        CHECK_EQ(crypto_open(&secrets, aad, sealed, i, out), -EBADMSG);
    struct crypto_secrets other = secrets;
    other.seal[0] ^= 1;
    CHECK_EQ(crypto_open(&other, aad, sealed, len, out), -EBADMSG);
}

TEST(nothing_can_be_sealed_and_two_seals_differ)
{
    uint8_t a[CRYPTO_SEAL_OVERHEAD], b[CRYPTO_SEAL_OVERHEAD], out[1];
    struct str aad = STR_LIT("");
    CHECK_EQ(crypto_seal(&secrets, aad, "", 0, a), CRYPTO_SEAL_OVERHEAD);
    CHECK_EQ(crypto_seal(&secrets, aad, "", 0, b), CRYPTO_SEAL_OVERHEAD);
    CHECK_TRUE(memcmp(a, b, sizeof(a)) != 0);
    CHECK_EQ(crypto_open(&secrets, aad, a, sizeof(a), out), 0);
}

TEST(hex_goes_there_and_back)
{
    uint8_t bytes[3] = {0x00, 0xab, 0xff}, out[3];
    char hex[7];
    crypto_hex(bytes, 3, hex);
    CHECK_STR(str_from(hex), "00abff");
    CHECK_EQ(crypto_unhex(STR_LIT("00aBFf"), out, 3), 0);
    CHECK_EQ(memcmp(out, bytes, 3), 0);
    CHECK_EQ(crypto_unhex(STR_LIT("00abf"), out, 3), -EINVAL);
    CHECK_EQ(crypto_unhex(STR_LIT("00abfg"), out, 3), -EINVAL);
    CHECK_EQ(crypto_unhex(STR_LIT("00ab f"), out, 3), -EINVAL);
}

TEST(comparison_sees_length_and_content)
{
    CHECK_TRUE(crypto_equals(STR_LIT("token"), STR_LIT("token")));
    CHECK_TRUE(!crypto_equals(STR_LIT("token"), STR_LIT("tokem")));
    CHECK_TRUE(!crypto_equals(STR_LIT("token"), STR_LIT("toke")));
    CHECK_TRUE(crypto_equals(STR_LIT(""), str_make(NULL, 0)));
}

static void
write_file(const char *path, size_t len, mode_t mode)
{
    uint8_t bytes[64] = {1, 2, 3};
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    CHECK_TRUE(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    CHECK_EQ(fchmod(fd, mode), 0);
    close(fd);
}

TEST(the_master_secret_is_made_once_and_kept)
{
    char folder[] = "/tmp/aigw-test-crypto-XXXXXX", path[64];
    struct crypto_secrets a, b;
    struct stat st;
    CHECK_TRUE(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/secret", folder);
    CHECK_EQ(crypto_secrets_load(&a, path, false), -ENOENT);
    CHECK_EQ(crypto_secrets_load(&a, path, true), 0);
    CHECK_EQ(stat(path, &st), 0);
    CHECK_EQ(st.st_mode & 07777, 0600);
    CHECK_EQ(st.st_size, CRYPTO_SECRET_BYTES);
    CHECK_EQ(st.st_nlink, 1);
    CHECK_EQ(crypto_secrets_load(&b, path, true), 0);
    CHECK_EQ(memcmp(&a, &b, sizeof(a)), 0);
    CHECK_TRUE(memcmp(a.key_digest, a.seal, 32) != 0);
    CHECK_TRUE(memcmp(a.master, a.seal, 32) != 0);
    crypto_secrets_wipe(&a);
    for (size_t i = 0; i < sizeof(a); i++)
        CHECK_EQ(((uint8_t *)&a)[i], 0);
    write_file(path, 32, 0640);
    CHECK_EQ(crypto_secrets_load(&a, path, true), -EPERM);
    write_file(path, 32, 0400);
    CHECK_EQ(crypto_secrets_load(&a, path, true), 0);
    write_file(path, 31, 0600);
    CHECK_EQ(crypto_secrets_load(&a, path, true), -EINVAL);
    write_file(path, 33, 0600);
    CHECK_EQ(crypto_secrets_load(&a, path, true), -EINVAL);
    write_file(path, 0, 0600);
    CHECK_EQ(crypto_secrets_load(&a, path, true), -EINVAL);
    /* A credential's mode may show its ACL; no more than that. */
    write_file(path, 32, 0440);
    CHECK_EQ(crypto_secrets_load(&a, path, false), -EPERM);
    CHECK_EQ(crypto_secrets_load_credential(&b, path), 0);
    write_file(path, 32, 0444);
    CHECK_EQ(crypto_secrets_load_credential(&b, path), -EPERM);
    /* Zeros are what a crash of the machine leaves of a new file. */
    int fd = open(path, O_WRONLY);
    CHECK_EQ(pwrite(fd, (uint8_t[32]){0}, 32, 0), 32);
    CHECK_EQ(fchmod(fd, 0600), 0);
    close(fd);
    CHECK_EQ(crypto_secrets_load(&a, path, true), -EINVAL);
    unlink(path);
    CHECK_EQ(crypto_secrets_load(&a, folder, true), -EINVAL);
    rmdir(folder);
}

TEST(secrets_of_another_process_of_ours_are_the_same)
{
    struct crypto_secrets a, b;
    memset(&a, 0, sizeof(a));
    memset(&b, 1, sizeof(b));
    uint8_t secret[CRYPTO_SECRET_BYTES];
    for (size_t i = 0; i < sizeof(secret); i++)
        secret[i] = (uint8_t)(i * 7);
    crypto_secrets_set(&a, secret);
    crypto_secrets_set(&b, secret);
    CHECK_EQ(memcmp(&a, &b, sizeof(a)), 0);
    CHECK_EQ(memcmp(a.master, secret, sizeof(secret)), 0);
    secret[0] ^= 1;
    crypto_secrets_set(&b, secret);
    CHECK_TRUE(memcmp(a.seal, b.seal, sizeof(a.seal)) != 0);
}

TEST(the_derived_keys_are_hkdf_sha256_of_their_labels)
{
    /* Kept forever: another value would make every ledger unreadable. */
    char folder[] = "/tmp/aigw-test-crypto-XXXXXX", path[64], hex[65];
    struct crypto_secrets loaded;
    CHECK_TRUE(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/secret", folder);
    write_file(path, 32, 0600);
    CHECK_EQ(crypto_secrets_load(&loaded, path, false), 0);
    crypto_hex(loaded.key_digest, 32, hex);
    CHECK_STR(
        str_from(hex),
        "a82175a3f5703e91511338acda661f041adb4f837d64e14a664531a8b19eb831");
    crypto_hex(loaded.seal, 32, hex);
    CHECK_STR(
        str_from(hex),
        "27f852548f3f343f943d23aa9cf5ad97a19825b88b55243523e3f5b68231eec6");
    crypto_hex(loaded.hash_seed, 16, hex);
    CHECK_STR(str_from(hex), "fa060090e47c708ec2a67d8135462989");
    unlink(path);
    rmdir(folder);
}

static struct crypto_secrets *guarded;

static void
read_behind_them(void)
{
    volatile const uint8_t *at = (const uint8_t *)(guarded + 1);
    if (*at == 0)
        _exit(3);
    _exit(4);
}

static void
read_before_their_page(void)
{
    uintptr_t page = (uintptr_t)guarded & ~(uintptr_t)4095;
    volatile const uint8_t *at = (const uint8_t *)page - 1;
    if (*at == 0)
        _exit(3);
    _exit(4);
}

static int
signal_of(void (*body)(void))
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        const struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGSEGV, SIG_DFL); /* a sanitizer would explain it */
        body();
    }
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* VmFlags of the mapping that `address` lies in, of /proc/self/smaps. */
static bool
has_flag(const void *address, const char *flag)
{
    char line[512];
    bool in_it = false, found = false;
    FILE *maps = fopen("/proc/self/smaps", "r");
    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            in_it = (uintptr_t)address >= from && (uintptr_t)address < to;
        else if (in_it && strncmp(line, "VmFlags:", 8) == 0)
            found = strstr(line, flag) != NULL;
    }
    if (maps != NULL)
        fclose(maps);
    return found;
}

TEST(secrets_lie_on_pages_of_their_own_in_no_dump)
{
    guarded = crypto_secrets_alloc();
    CHECK_TRUE(guarded != NULL);
    CHECK_TRUE(has_flag(guarded, " dd"));
    CHECK_TRUE(!has_flag(&secrets, " dd"));
    memset(guarded, 0x5a, sizeof(*guarded));
    crypto_secrets_lock(guarded);
    crypto_secrets_forget_master(guarded);
    CHECK_EQ(guarded->master[0] | guarded->master[CRYPTO_SECRET_BYTES - 1], 0);
    CHECK_EQ(guarded->seal[0], 0x5a);
    CHECK_EQ(signal_of(read_behind_them), SIGSEGV);
    CHECK_EQ(signal_of(read_before_their_page), SIGSEGV);
    crypto_secrets_free(&guarded);
    CHECK_TRUE(guarded == NULL);
    crypto_secrets_free(&guarded);
}
