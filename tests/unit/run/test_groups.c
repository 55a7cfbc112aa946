/* SPDX-License-Identifier: Apache-2.0
 * Two calls of run at once on one database, one of them killed: the other waits, takes over what
 * the dead left, and ends as if it had been alone.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/random.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

/* One task, four runs: a second of work. */
static const char experiment[] =
    "name: small\n"
    "model: builtin\n"
    "pretraining: {width: 32, layers: 2, heads: 2, kv_heads: 1, hidden: 64, steps: 20,\n"
    "              documents: 200, batch_tokens: 512, context: 96}\n"
    "corpora: [{name: text, path: builtin, role: pretraining, documents: 20}]\n"
    "tasks:\n"
    "  - {path: builtin/topic, train_rows: 64, test_rows: 16}\n"
    "  - {path: builtin/counting, train_rows: 64, test_rows: 16}\n"
    "seeds: [1, 2]\n"
    "methods:\n"
    "  - {name: full, kind: full-matrices, learning_rate: 1e-3}\n"
    "  - {name: lora, kind: lora, rank: 2, dropout: 0.1, learning_rate: 1e-2}\n"
    "training: {epochs: 2, batch_size: 8, max_seq_length: 96}\n"
    "checkpoint: {minutes: 0.0003}\n";

enum { LONG_PATH = 512 };

/* Which processes of a call are killed. */
typedef enum victim { GROUP, PARENT, WORKER } victim;

static pid_t start(const char *database, const char *option, const char *value, const char *err)
{
    char yaml[LONG_PATH], path[LONG_PATH];
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    (void)snprintf(path, sizeof path, "%s", scratch_path(database));
    const char *const arguments[] = {"run", yaml, "--db", path, option, value, NULL};
    return process_start_group(arguments, "out", err);
}

static int make(void **state)
{
    if (scratch_make(state) != 0) return -1;
    write_file(scratch_path("small.yaml"), experiment, sizeof experiment - 1);
    return process_wait(start("whole.db", "--threads", "1", "err"));
}

/* The parent of a process, 0 when it is gone; *group: its process group. */
static pid_t parent_of(const char *pid, pid_t *group)
{
    char path[64], text[512];
    (void)snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    FILE *file = fopen(path, "re");
    size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file) (void)fclose(file);
    text[length] = '\0';
    char *at = strrchr(text, ')'); /* behind the name: state, parent, group */
    if (!at || strlen(at) < 5) return 0;
    pid_t parent = (pid_t)strtol(at + 4, &at, 10);
    *group = (pid_t)strtol(at, NULL, 10);
    return parent;
}

/* Processes of a group but its leader; 0 when there is none. *one: any of them. */
static int members(pid_t leader, pid_t *one)
{
    int count = 0;
    DIR *folder = opendir("/proc");
    assert_non_null(folder);
    for (const struct dirent *e; (e = readdir(folder));) {
        pid_t group = 0, pid = (pid_t)strtol(e->d_name, NULL, 10);
        if (pid <= 0 || pid == leader || !parent_of(e->d_name, &group) || group != leader) continue;
        *one = pid;
        count++;
    }
    (void)closedir(folder);
    return count;
}

static void kill_of(victim what, pid_t leader)
{
    pid_t one = 0;
    if (what == GROUP) (void)kill(-leader, SIGKILL);
    else if (what == PARENT) (void)kill(leader, SIGKILL);
    else if (members(leader, &one)) (void)kill(one, SIGKILL);
}

static void check_survivor(pid_t survivor, const char *database)
{
    int code = process_wait(survivor);
    char *said = read_file(scratch_path("err2"), NULL);
    if (code != 0) print_error("%s: exit code %d: %s\n", database, code, said);
    assert_int_equal(code, 0);
    assert_non_null(strstr(said, "runs: 4 done, 0 diverged, 0 with a failed gate, 0 failed"));
    assert_null(strstr(said, "error"));
    free(said);
}

/* One round: a call is killed at a random moment beside another on the same database. */
static void beside_one_killed(victim what, const char *option, const char *value, uint64_t seed)
{
    wane_random where = {.seed = seed, .purpose = WANE_RANDOM_TEST};
    char database[32];
    pid_t one = 0;
    (void)snprintf(database, sizeof database, "killed%d.db", (int)seed);
    pid_t first = start(database, option, value, "err1");
    wait_milliseconds(wane_random_below(&where, 0, 200));
    pid_t survivor = start(database, option, value, "err2");
    wait_milliseconds(wane_random_below(&where, 1, 1200));
    kill_of(what, first);
    check_survivor(survivor, database);
    int code = process_wait(first);
    assert_true(code == 0 || (what != WORKER && code == 128 + SIGKILL));
    /* Workers without a parent end by themselves. */
    for (int i = 0; members(first, &one) && i < 2000; i++) wait_milliseconds(10);
    assert_true(databases_equal(scratch_path("whole.db"), scratch_path(database)) > 300);
    assert_int_equal(query_integer_at(scratch_path(database),
                                      "SELECT count(*) FROM event WHERE level = 'error'"),
                     0);
}

static void a_killed_group_is_no_failure(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) beside_one_killed(GROUP, "--jobs", "2", seed);
}

static void nor_is_a_killed_parent_or_worker(void **state)
{
    (void)state;
    beside_one_killed(PARENT, "--jobs", "2", 11);
    beside_one_killed(WORKER, "--jobs", "2", 21);
    beside_one_killed(WORKER, "--jobs", "2", 22);
}

static void nor_one_process_of_two(void **state)
{
    (void)state;
    beside_one_killed(GROUP, "--threads", "1", 31);
    beside_one_killed(GROUP, "--threads", "1", 32);
}

/* One long run by itself. */
static void write_long(void)
{
    static const char *const parts[][2] = {{"seeds: [1, 2]", "seeds: [1]   "},
                                           {"epochs: 2,", "epochs: 9e4,"}};
    char text[sizeof experiment + 64];
    (void)snprintf(text, sizeof text, "%s", experiment);
    for (size_t i = 0; i < 2; i++) {
        char *at = strstr(text, parts[i][0]), rest[sizeof text];
        assert_non_null(at);
        (void)snprintf(rest, sizeof rest, "%s", at + strlen(parts[i][0]));
        (void)snprintf(at, sizeof text - (size_t)(at - text), "%s%s", parts[i][1], rest);
    }
    char *lora = strstr(text, "  - {name: lora"), *next = strstr(lora, "\n") + 1;
    memmove(lora, next, strlen(next) + 1);
    write_file(scratch_path("small.yaml"), text, strlen(text));
}

static bool says(const char *file, const char *text)
{
    char *said = read_file(scratch_path(file), NULL);
    bool there = strstr(said, text) != NULL;
    free(said);
    return there;
}

/* A run is tried once more behind a worker that died at it, and failed behind two; the database is
 * another's to hold then. Who waits for another process stops when told to. */
static void two_deaths_fail_the_run(void **state)
{
    (void)state;
    pid_t one = 0, before = 0;
    write_long();
    pid_t call = start("long.db", "--jobs", "2", "err1");
    wait_for_query(scratch_path("long.db"), "SELECT count(*) FROM step", 1);
    for (int waiting = 0; waiting < 2; waiting++) {
        pid_t other = waiting ? start("long.db", "--jobs", "2", "err3")
                              : start("long.db", "--threads", "1", "err3");
        wait_milliseconds(700);
        (void)kill(other, SIGTERM);
        assert_int_equal(process_wait(other), 3);
    }
    for (int death = 0; death < 2; death++) {
        static const char held[] = "SELECT held('run-' || key || '.lock') FROM run";
        while (members(call, &one) != 1 || one == before ||
               !query_integer_at(scratch_path("long.db"), held))
            wait_milliseconds(5);
        assert_int_equal(kill(one, SIGKILL), 0);
        before = one;
    }
    assert_int_equal(process_wait(call), 1);
    assert_true(says("err1", "died of signal 9 at full/given/s1"));
    assert_true(says("err1", "runs: 0 done, 0 diverged, 0 with a failed gate, 1 failed"));
    assert_int_equal(query_integer_at(scratch_path("long.db"),
                                      "SELECT count(*) FROM run WHERE status = 'failed' AND error "
                                      "= 'its worker process died of signal 9, 2 times'"),
                     1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_group_is_no_failure),
        cmocka_unit_test(nor_is_a_killed_parent_or_worker),
        cmocka_unit_test(nor_one_process_of_two),
        cmocka_unit_test(two_deaths_fail_the_run),
    };
    return cmocka_run_group_tests(tests, make, scratch_remove);
}
