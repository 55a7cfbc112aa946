/* SPDX-License-Identifier: Apache-2.0
 * A disk that fills up under a run: one clear line, the database stays whole, and the same line
 * finishes the run once there is room, with the rows of a run that never lacked any.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "store/files/file.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

static const char experiment[] =
    "name: small\n"
    "model: builtin\n"
    "pretraining: {width: 32, layers: 2, heads: 2, kv_heads: 1, hidden: 64, steps: 5,\n"
    "              documents: 100, batch_tokens: 512, context: 96}\n"
    "corpora: [{name: text, path: builtin, role: pretraining, documents: 20}]\n"
    "tasks:\n"
    "  - {path: builtin/topic, train_rows: 32, test_rows: 32}\n"
    "  - {path: builtin/counting, train_rows: 32, test_rows: 32}\n"
    "methods: [{name: full, kind: full-matrices, learning_rate: [1e-3, 2e-3, 3e-3]}]\n"
    "training: {epochs: 1, batch_size: 8, max_seq_length: 96}\n"
    "keep: all\n";

static int run_to(const char *database)
{
    char yaml[512], path[512];
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    (void)snprintf(path, sizeof path, "%s", scratch_path(database));
    const char *const arguments[] = {"run", yaml, "--db", path, NULL};
    return process_run(arguments, "out", "err");
}

static void fills_up(void **state)
{
    (void)state;
    wane_error err;
    /* A mount of one's own needs a name space of one's own, which not every system grants. */
    if (unshare(CLONE_NEWNS) != 0) skip();
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) skip();
    CHECK_OK(wane_folder_make(scratch_path("disk"), &err));
    if (mount("tmpfs", scratch_path("disk"), "tmpfs", 0, "size=768k") != 0) skip();
    write_file(scratch_path("small.yaml"), experiment, sizeof experiment - 1);
    assert_int_equal(run_to("whole.db"), 0);
    int code = run_to("disk/small.db");
    char *said = read_file(scratch_path("err"), NULL);
    if (code != 1 && code != 2) print_error("exit code %d: %s\n", code, said);
    assert_true(code == 1 || code == 2);
    assert_true(strstr(said, "No space left on device") || strstr(said, "disk is full"));
    free(said);
    assert_true(query_integer_at(scratch_path("disk/small.db"), "SELECT count(*) FROM cell") > 0);
    assert_int_equal(mount("tmpfs", scratch_path("disk"), "tmpfs", MS_REMOUNT, "size=64m"), 0);
    assert_int_equal(run_to("disk/small.db"), 0);
    assert_true(databases_equal(scratch_path("whole.db"), scratch_path("disk/small.db")) > 100);
    assert_int_equal(umount(scratch_path("disk")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fills_up)};
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
