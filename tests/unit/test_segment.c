/*
 * test_segment.c - the file format: what is created can be attached, and
 * nothing else can.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/segment_places.h"
#include "tests/unit/shm_fixture.h"

static char folder[64];
static struct buf error;

static void
in_folder(void (*body)(void))
{
    char command[96];
    snprintf(folder, sizeof(folder), "/tmp/aigw-unit-XXXXXX");
    CHECK_TRUE(mkdtemp(folder) != NULL);
    setenv("AIGW_SHM_DIR", folder, 1);
    buf_init(&error, 4096);
    body();
    buf_fini(&error);
    unsetenv("AIGW_SHM_DIR");
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    CHECK_EQ(system(command), 0);
}

static void
create(struct segment *s)
{
    struct segment_sizes sizes = fixture_sizes();
    CHECK_EQ(segment_create(s, &sizes, &error), 0);
}

/* Attaches `path`; true when it is refused with `rc` and a text that contains
 * `reason`. */
static bool
is_refused(const char *path, bool writable, int rc, const char *reason)
{
    struct segment s;
    buf_reset(&error);
    int got = segment_attach(&s, path, writable, (uid_t)-1, &error);
    bool ok = got == rc && strstr(buf_cstr(&error), reason) != NULL;
    if (!ok)
        fprintf(stderr, "got %d: %s\n", got, buf_cstr(&error));
    if (got == 0)
        segment_detach(&s);
    return ok;
}

static void
attach_what_was_created(void)
{
    struct segment s, again;
    struct stat st;
    create(&s);
    CHECK_EQ(stat(s.path, &st), 0);
    CHECK_EQ(st.st_mode & 0777, 0600);
    CHECK_EQ(st.st_size, s.bytes);
    CHECK_EQ(segment_attach(&again, s.path, true, (uid_t)-1, &error), 0);
    CHECK_EQ(again.bytes, s.bytes);
    CHECK_EQ(again.rings_off, s.rings_off);
    CHECK_EQ(again.header->instance_id, 77);
    CHECK_TRUE(strcmp(again.header->instance, "unit") == 0);
    shm_store(&s.header->reload_failed, 1);
    CHECK_EQ(shm_load(&again.header->reload_failed), 1);
    segment_detach(&again);
    CHECK_EQ(segment_attach(&again, s.path, false, (uid_t)-1, &error), 0);
    segment_detach(&again);
    segment_detach(&s);
}

TEST(what_is_created_can_be_attached_for_writing_and_for_reading)
{
    in_folder(attach_what_was_created);
}

static void
create_twice(void)
{
    struct segment s, second;
    struct segment_sizes sizes = fixture_sizes();
    create(&s);
    uint64_t epoch = s.header->epoch;
    CHECK_EQ(segment_create(&second, &sizes, &error), -EEXIST);
    CHECK_TRUE(strstr(buf_cstr(&error), s.path) != NULL);
    CHECK_EQ(segment_set_aside(s.path), 0);
    CHECK_EQ(segment_create(&second, &sizes, &error), 0);
    CHECK_TRUE(second.header->epoch != epoch);
    segment_detach(&s);
    segment_detach(&second);
}

TEST(a_second_creation_is_refused_until_the_first_file_is_set_aside)
{
    in_folder(create_twice);
}

static void
patch(const char *path, off_t off, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY);
    CHECK_TRUE(fd >= 0 && pwrite(fd, bytes, len, off) == (ssize_t)len);
    close(fd);
}

#define PATCH(s, field, value)                                                 \
    do {                                                                       \
        __typeof__(((struct shm_header *)0)->field) v_ = (value);              \
        patch((s)->path, offsetof(struct shm_header, field), &v_, sizeof(v_)); \
    } while (0)

static void
refuse_strangers(void)
{
    struct segment s;
    uint8_t other_boot[16] = {1};
    create(&s);
    struct shm_header good = *s.header;
    char path[128];
    segment_path("missing", path);
    CHECK_TRUE(is_refused(path, true, -ENOENT, "cannot open"));
    CHECK_TRUE(is_refused("/dev/null", true, -ESTALE, "not a segment"));
    CHECK_TRUE(is_refused(folder, false, -ESTALE, "not a segment"));
    PATCH(&s, magic, 0);
    CHECK_TRUE(is_refused(s.path, true, -ESTALE, "not finished"));
    PATCH(&s, magic, 12345);
    CHECK_TRUE(is_refused(s.path, true, -ESTALE, "not a segment of aigw"));
    patch(s.path, 0, &good, sizeof(good));
    PATCH(&s, layout_version, SHM_LAYOUT_VERSION + 1);
    CHECK_TRUE(is_refused(s.path, true, -EPROTO, "another version"));
    patch(s.path, 0, &good, sizeof(good));
    PATCH(&s, layout_hash, good.layout_hash + 1);
    CHECK_TRUE(is_refused(s.path, false, -EPROTO, "another version"));
    patch(s.path, 0, &good, sizeof(good));
    PATCH(&s, entry_max, UINT32_MAX);
    CHECK_TRUE(is_refused(s.path, false, -ESTALE, "damaged"));
    patch(s.path, 0, &good, sizeof(good));
    PATCH(&s, ring_bytes, good.ring_bytes - 8);
    CHECK_TRUE(is_refused(s.path, false, -ESTALE, "damaged"));
    patch(s.path, 0, &good, sizeof(good));
    PATCH(&s, slots_off, good.slots_off + 4096);
    CHECK_TRUE(is_refused(s.path, false, -ESTALE, "damaged"));
    patch(s.path, 0, &good, sizeof(good));
    patch(s.path, offsetof(struct shm_header, boot_id), other_boot, 16);
    CHECK_TRUE(is_refused(s.path, true, -ESTALE, "last boot"));
    struct segment reader;
    CHECK_EQ(segment_attach(&reader, s.path, false, (uid_t)-1, &error), 0);
    segment_detach(&reader);
    patch(s.path, 0, &good, sizeof(good));
    CHECK_EQ(chmod(s.path, 0644), 0);
    CHECK_TRUE(is_refused(s.path, true, -EPROTO, "others may open it"));
    CHECK_EQ(chmod(s.path, 0600), 0);
    CHECK_EQ(truncate(s.path, (off_t)s.bytes - 4096), 0);
    CHECK_TRUE(is_refused(s.path, false, -ESTALE, "cut short"));
    CHECK_EQ(truncate(s.path, 100), 0);
    CHECK_TRUE(is_refused(s.path, false, -ESTALE, "not a segment"));
    segment_detach(&s);
}

TEST(files_of_others_and_damaged_headers_are_refused_with_a_reason)
{
    in_folder(refuse_strangers);
}

static void
refuse_symlink(void)
{
    struct segment s;
    char path[128];
    create(&s);
    segment_path("link", path);
    CHECK_EQ(symlink(s.path, path), 0);
    CHECK_TRUE(is_refused(path, true, -ELOOP, "cannot open"));
    segment_detach(&s);
}

TEST(a_symbolic_link_is_not_followed_for_writing)
{
    in_folder(refuse_symlink);
}

TEST(a_path_that_does_not_fit_is_no_path)
{
    char path[128], dir[120];
    memset(dir, 'x', sizeof(dir) - 1);
    dir[sizeof(dir) - 1] = '\0';
    setenv("AIGW_SHM_DIR", dir, 1);
    segment_path("default", path);
    unsetenv("AIGW_SHM_DIR");
    CHECK_EQ(path[0], '\0');
    segment_path("default", path);
    CHECK_TRUE(strcmp(path, "/dev/shm/aigw-default") == 0);
}

TEST(sizes_follow_from_workers_and_keys)
{
    static const struct {
        uint32_t workers, columns;
    } cases[] = {{1, 32}, {8, 32}, {9, 40}, {64, 256}};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct segment s;
        struct segment_sizes sizes = fixture_sizes();
        sizes.workers = cases[i].workers;
        sizes.ring_mib = 3;
        CHECK_EQ(segment_create_private(&s, &sizes), 0);
        CHECK_EQ(s.column_max, cases[i].columns);
        CHECK_EQ(s.ring_bytes, 4 << 20);
        CHECK_TRUE(s.entry_max > sizes.max_keys);
        CHECK_TRUE(s.bucket_count > s.entry_max);
        CHECK_EQ(s.entry_stride % SHM_LINE, 0);
        CHECK_EQ(s.entries_off % 4096, 0);
        segment_detach(&s);
    }
}

TEST(sizes_that_cannot_be_are_refused)
{
    struct segment s;
    struct segment_sizes sizes = fixture_sizes();
    sizes.max_requests = 0;
    CHECK_EQ(segment_create_private(&s, &sizes), -EINVAL);
    sizes = fixture_sizes();
    sizes.ring_mib = 0;
    CHECK_EQ(segment_create_private(&s, &sizes), -EINVAL);
    sizes = fixture_sizes();
    sizes.max_models = 0;
    CHECK_EQ(segment_create_private(&s, &sizes), -EINVAL);
}

TEST(the_cells_of_an_entry_lie_between_its_parts)
{
    struct segment s;
    struct segment_sizes sizes = fixture_sizes();
    sizes.workers = 9;
    CHECK_EQ(segment_create_private(&s, &sizes), 0);
    CHECK_EQ(s.column_max, 40);
    uintptr_t at = (uintptr_t)segment_entry_hot(&s, 3);
    uintptr_t cold = (uintptr_t)segment_entry_cold(&s, 3);
    for (uint32_t column = 0; column < s.column_max; column++)
        CHECK_EQ((uintptr_t)segment_cell(&s, 3, column),
                 at + sizeof(struct shm_entry_hot) +
                     column * sizeof(struct shm_cell));
    CHECK_TRUE(cold >= (uintptr_t)(segment_cell(&s, 3, s.column_max - 1) + 1));
    CHECK_EQ(cold % SHM_LINE, 0);
    CHECK_EQ((uintptr_t)segment_entry_hot(&s, 4) - at, s.entry_stride);
    segment_detach(&s);
}

static void
index_out_of_range(void)
{
    struct segment s;
    struct segment_sizes sizes = fixture_sizes();
    if (segment_create_private(&s, &sizes) == 0)
        segment_entry_hot(&s, s.entry_max);
}

TEST(an_index_out_of_range_is_our_bug_and_stops_us)
{
    CHECK_DIES(index_out_of_range);
}

static void
full_file_system(void)
{
    /* RLIMIT_FSIZE stands for a full tmpfs: allocation fails, no signal. */
    struct segment s;
    create(&s);
    CHECK_EQ(segment_allocate_entry(&s, 0), 0);
    CHECK_EQ(segment_allocate_column(&s, 0), 0);
    CHECK_EQ(segment_allocate_endpoint(&s, 3), 0);
    CHECK_TRUE(segment_allocate(&s, UINT64_C(1) << 62, 1 << 20) < 0);
    segment_detach(&s);
}

TEST(pages_are_allocated_and_a_failure_is_an_answer)
{
    in_folder(full_file_system);
}
