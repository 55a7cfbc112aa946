/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/files/file.h"
#include "tests/support/support.h"

static void locks_exclude_other_processes(void **state)
{
    (void)state;
    wane_error err;
    wane_lock *lock = NULL, *other = NULL;
    const char *path = scratch_path("lock");
    CHECK_OK(wane_lock_take(&lock, path, false, &err));
    CHECK_FAILS(wane_lock_take(&other, path, false, &err), WANE_EBUSY, "held by another process");
    assert_null(other);
    wane_lock_release(lock);
    wane_lock_release(NULL);
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (wane_lock_take(&lock, path, true, &err) != WANE_OK) _exit(1);
        (void)!write(ready[1], "x", 1);
        for (;;) (void)pause();
    }
    char byte = 0;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    CHECK_FAILS(wane_lock_take(&other, path, false, &err), WANE_EBUSY, "held by another process");
    assert_int_equal(kill(child, SIGKILL), 0);
    CHECK_OK(wane_lock_take(&other, path, true, &err)); /* the death of the holder frees it */
    wane_lock_release(other);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(ready[0]);
    (void)close(ready[1]);
    CHECK_FAILS(wane_lock_take(&other, scratch_path("no/lock"), true, &err), WANE_ENOTFOUND,
                "lock: ");
}

/* A lock on a file that was removed meanwhile would exclude nobody. */
static void locks_are_on_the_file_of_the_name(void **state)
{
    (void)state;
    wane_error err;
    wane_lock *lock = NULL, *other = NULL;
    const char *path = scratch_path("removed");
    CHECK_OK(wane_lock_take(&lock, path, false, &err));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)usleep(50000); /* so that the parent waits for what is removed here */
        (void)unlink(path);
        wane_lock_release(lock);
        _exit(0);
    }
    wane_lock_release(lock); /* the child's copy of the descriptor still holds it */
    CHECK_OK(wane_lock_take(&lock, path, true, &err));
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(wane_file_exists(path));
    CHECK_FAILS(wane_lock_take(&other, path, false, &err), WANE_EBUSY, "held by another process");
    wane_lock_release(lock);
}

static void asking_takes_no_lock(void **state)
{
    (void)state;
    wane_error err;
    wane_lock *lock = NULL;
    bool held = true;
    const char *path = scratch_path("asked");
    CHECK_OK(wane_lock_held(&held, path, &err));
    assert_false(held || wane_file_exists(path));
    CHECK_OK(wane_lock_held(&held, scratch_path("no/such/folder"), &err));
    assert_false(held);
    CHECK_OK(wane_lock_take(&lock, path, false, &err));
    CHECK_OK(wane_lock_held(&held, path, &err));
    assert_true(held);
    pid_t child = fork(); /* has the lock with its parent until it ends */
    assert_true(child >= 0);
    if (child == 0) {
        (void)pause();
        _exit(0);
    }
    wane_lock_release(lock);
    CHECK_OK(wane_lock_held(&held, path, &err));
    assert_true(held);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    CHECK_OK(wane_lock_held(&held, path, &err));
    assert_false(held);
    CHECK_OK(wane_lock_take(&lock, path, false, &err));
    wane_lock_release(lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(locks_exclude_other_processes),
        cmocka_unit_test(locks_are_on_the_file_of_the_name),
        cmocka_unit_test(asking_takes_no_lock),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
