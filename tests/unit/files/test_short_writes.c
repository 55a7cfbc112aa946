/* SPDX-License-Identifier: Apache-2.0
 * A system that takes a part of what it is given to write, or is interrupted: what POSIX allows,
 * and what no disk does on demand. This program's write() stands in for the system's.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "store/files/file.h"
#include "tests/support/support.h"

static size_t calls, most = SIZE_MAX; /* bytes it takes at once; every third call is interrupted */

ssize_t write(int fd, const void *bytes, size_t count)
{
    if (most < SIZE_MAX && calls++ % 3 == 1) {
        errno = EINTR;
        return -1;
    }
    return syscall(SYS_write, fd, bytes, count < most ? count : most);
}

static void parts_make_the_whole(void **state)
{
    (void)state;
    wane_error err;
    size_t count = 0;
    unsigned char content[1000];
    for (size_t i = 0; i < sizeof content; i++) content[i] = (unsigned char)(i * 7 % 251);
    most = 64;
    calls = 0;
    wane_status st = wane_file_write(scratch_path("parts"), content, sizeof content, &err);
    most = SIZE_MAX;
    CHECK_OK(st);
    assert_int_equal(calls, 16 + 8); /* 1000 / 64 parts, two between interruptions */
    char *there = read_file(scratch_path("parts"), &count);
    assert_int_equal(count, sizeof content);
    assert_memory_equal(there, content, sizeof content);
    free(there);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(parts_make_the_whole)};
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
