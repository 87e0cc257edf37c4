/*
 * replay.c - runs a fuzz target over files and folders without libFuzzer, and
 * over every prefix of small ones.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PREFIX_MAX = 512 };

static unsigned runs;

static void
replay_bytes(const uint8_t *bytes, size_t size)
{
    uint8_t *exact = malloc(size + 1); /* own block: ASan sees its end */
    if (exact == NULL)
        abort();
    memcpy(exact, bytes, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    runs++;
}

static void
replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return;
    static uint8_t bytes[1 << 20];
    size_t size = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    for (size_t n = 0; n < size && n < PREFIX_MAX; n++)
        replay_bytes(bytes, n);
    replay_bytes(bytes, size);
}

int
main(int argc, char **argv)
{
    replay_bytes((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        if (dir == NULL) {
            replay_file(argv[i]);
            continue;
        }
        struct dirent *entry;
        while ((entry = readdir(dir)) != NULL) {
            char path[1024];
            snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
            struct stat st;
            if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
                replay_file(path);
        }
        closedir(dir);
    }
    printf("%u inputs\n", runs);
    return 0;
}
