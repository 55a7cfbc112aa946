/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/stages/small_run.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/process.h"
#include "tests/support/support.h"

static void arguments_of(const char *arguments[8], const char *database, const char *threads)
{
    static char yaml[512], path[512];
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    (void)snprintf(path, sizeof path, "%s", scratch_path(database));
    const char *const all[] = {"run", yaml, "--db", path, "--threads", threads, NULL};
    memcpy(arguments, all, sizeof all);
}

int small_run_make(void **state, const char *experiment)
{
    const char *arguments[8];
    if (scratch_make(state) != 0) return -1;
    write_file(scratch_path("small.yaml"), experiment, strlen(experiment));
    arguments_of(arguments, "once.db", "1");
    int code = process_run(arguments, "out", "err");
    if (code != 0) process_print_said(code);
    return code;
}

int64_t small_run_ask(const char *sql)
{
    return query_integer_at(scratch_path("once.db"), sql);
}

void small_run_check(const char *threads)
{
    const char *arguments[8];
    arguments_of(arguments, "threads.db", threads);
    assert_int_equal(process_run(arguments, "out", "err"), 0);
    assert_true(databases_equal(scratch_path("once.db"), scratch_path("threads.db")) > 500);
    int kills = 0;
    for (uint64_t seed = 1; kills < 5; seed++) {
        char database[32];
        (void)snprintf(database, sizeof database, "killed%d.db", (int)seed);
        arguments_of(arguments, database, "1");
        kills += (int)process_kill_until_done(arguments, seed, 60, 20);
        assert_true(databases_equal(scratch_path("once.db"), scratch_path(database)) > 500);
    }
}
