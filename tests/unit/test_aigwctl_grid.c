/*
 * test_aigwctl_grid.c - tables on a screen.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_grid.h"

#include <locale.h>

#include "tests/test.h"

static void
print(struct grid *grid, unsigned width, const char *want)
{
    struct buf out;
    buf_init(&out, 0);
    grid_print(grid, width, true, false, &out);
    CHECK_STR(buf_view(&out), want);
    buf_fini(&out);
    grid_fini(grid);
}

TEST(columns_are_aligned_by_what_characters_take)
{
    struct grid grid;
    setlocale(LC_CTYPE, "C.UTF-8");
    grid_init(&grid, 3);
    grid.right[1] = true;
    grid_add(&grid, STR_LIT("NAME"));
    grid_add(&grid, STR_LIT("N"));
    grid_add(&grid, STR_LIT("X"));
    grid_add(&grid, STR_LIT("\xe5\xaf\x86\xe9\x92\xa5")); /* two wide ones */
    grid_add(&grid, STR_LIT("17"));
    grid_add(&grid, STR_LIT("a"));
    grid_add(&grid, STR_LIT("e\xcc\x81")); /* a combining accent */
    grid_add(&grid, STR_LIT("5"));
    grid_add(&grid, STR_LIT("b"));
    print(&grid, 0,
          "NAME   N  X\n"
          "\xe5\xaf\x86\xe9\x92\xa5  17  a\n"
          "e\xcc\x81      5  b\n");
}

TEST(the_widest_column_is_cut_to_fit)
{
    struct grid grid;
    setlocale(LC_CTYPE, "C.UTF-8");
    grid_init(&grid, 2);
    grid_add(&grid, STR_LIT("A"));
    grid_add(&grid, STR_LIT("B"));
    grid_add(&grid, STR_LIT("abcdefghijklmnop"));
    grid_add(&grid, STR_LIT("xyz"));
    print(&grid, 13,
          "A         B\n"
          "abcdefg~  xyz\n");
}

TEST(control_characters_never_reach_the_screen)
{
    struct grid grid;
    setlocale(LC_CTYPE, "C.UTF-8");
    grid_init(&grid, 1);
    grid_add(&grid, STR_LIT("H"));
    grid_add(&grid, STR_LIT("a\033[31m\nb\xff"));
    print(&grid, 0, "H\na?[31m?b?\n");
}

TEST(a_wide_character_is_not_cut_in_half)
{
    struct grid grid;
    setlocale(LC_CTYPE, "C.UTF-8");
    grid_init(&grid, 1);
    grid_add(&grid, STR_LIT("H"));
    grid_add(&grid, STR_LIT("\xe5\xaf\x86\xe9\x92\xa5\xe5\xaf\x86\xe9\x92"
                            "\xa5"));
    print(&grid, 6, "H\n\xe5\xaf\x86\xe9\x92\xa5~\n");
}
