/* SPDX-License-Identifier: Apache-2.0
 * A whole run in which one call of the system fails, wherever it is made: in wane, jansson,
 * libarchive, SQLite, OpenBLAS. It ends with a clear line or goes on rightly; the same line then
 * finishes with the rows of a run that nothing disturbed.
 *
 * WANE_FAULT_POINTS: how many places of each kind are tried (4); WANE_FAULT_ONLY: one
 * kind of call.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/base/random.h"
#include "tests/support/pack.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

#ifdef __SANITIZE_ADDRESS__
enum { SANITIZED = 1 }; /* it must be the first to stand before malloc */
#else
enum { SANITIZED = 0 };
#endif

static const char experiment[] =
    "name: small\n"
    "model: %s\n"
    "corpora: [{name: text, path: builtin, role: pretraining, documents: 10}]\n"
    "tasks:\n"
    "  - {path: builtin/topic, train_rows: 16, test_rows: 16}\n"
    "  - {path: builtin/counting, train_rows: 16, test_rows: 16}\n"
    "methods: [{name: lora, kind: lora, rank: 2, learning_rate: 1e-2}]\n"
    "training: {epochs: 1, batch_size: 8, max_seq_length: 96}\n"
    "intruders: {against: [base, previous]}\n"
    "matrices: [v_proj]\n"
    "interventions: {choices: [all], lambdas: [0.5]}\n"
    "checkpoint: {minutes: 0.0003}\n"
    "keep: all\n";

typedef struct fault_kind {
    const char *call;
    int error;
    bool lasts;
    const char *wanted[4]; /* what the line says, one of them; none: any line will do */
} fault_kind;

/* Where libarchive lacks memory for a name it ends the process itself, with exit code 1. */
#define NO_MEMORY "out of memory", "Cannot allocate memory"
#define ARCHIVE_NO_MEMORY "libarchive: No memory", "libarchive: Out of memory"

static const fault_kind kinds[] = {
    {"malloc", ENOMEM, false, {NO_MEMORY, ARCHIVE_NO_MEMORY}},
    {"malloc", ENOMEM, true, {NO_MEMORY, ARCHIVE_NO_MEMORY}},
    {"mmap", ENOMEM, false, {NO_MEMORY}},
    {"thread", EAGAIN, false, {"could not be started"}},
    {"write", ENOSPC, false, {"No space left on device", "disk is full"}},
    {"write", ENOSPC, true, {"No space left on device", "disk is full"}},
    {"write", EIO, false, {"Input/output error", "I/O error"}},
    {"fsync", EIO, false, {"Input/output error", "I/O error"}},
    {"rename", EIO, false, {"Input/output error", "I/O error"}},
    /* SQLite then tries to open it for reading alone, and says how that went. */
    {"open", EIO, false, {"Input/output error", "I/O error", "unable to open", "No such file"}},
    {"open", EMFILE, true, {"Too many open files", "unable to open"}},
    {"read", EIO, false, {"Input/output error", "I/O error"}},
};
enum { KINDS = sizeof kinds / sizeof *kinds, MOST_POINTS = 4000 };

static char yaml[512];

static int make(void **state)
{
    if (scratch_make(state) != 0 || process_pretrain("model") != 0) return -1;
    char model[512], folder[512], text[2048];
    (void)snprintf(model, sizeof model, "%s", scratch_path("model.tar.gz"));
    (void)snprintf(folder, sizeof folder, "%s", scratch_path("model"));
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    pack_folder(model, folder, "");
    int length = snprintf(text, sizeof text, experiment, model);
    write_file(yaml, text, (size_t)length);
    return 0;
}

/* One run to a database; under a fault where `kind` is given. A hang ends with SIGALRM. */
static int run_to(const char *database, const fault_kind *kind, long n)
{
    char path[512], out[512], err[512], count[512], where[32], error[32];
    (void)snprintf(path, sizeof path, "%s", scratch_path(database));
    (void)snprintf(out, sizeof out, "%s", scratch_path("out"));
    (void)snprintf(err, sizeof err, "%s", scratch_path("err"));
    (void)snprintf(count, sizeof count, "%s", scratch_path("count"));
    (void)snprintf(where, sizeof where, "%ld", n);
    (void)snprintf(error, sizeof error, "%d", kind ? kind->error : 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) return process_wait(pid);
    (void)dup2(open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
    (void)dup2(open(err, O_WRONLY | O_CREAT | O_TRUNC, 0600), 2);
    (void)alarm(60);
    (void)setenv("LD_PRELOAD", WANE_FAULT_SHIM, 1);
    (void)setenv("WANE_FAULT_CALL", kind ? kind->call : "none", 1);
    (void)setenv("WANE_FAULT_AT", where, 1);
    (void)setenv("WANE_FAULT_ERRNO", error, 1);
    (void)setenv("WANE_FAULT_LASTS", kind && kind->lasts ? "1" : "0", 1);
    (void)setenv("WANE_FAULT_COUNT", count, 1);
    (void)execl(WANE_PROGRAM, WANE_PROGRAM, "run", yaml, "--db", path, "--threads", "2",
                (char *)NULL);
    _exit(99);
}

static bool says(const char *said, const fault_kind *kind)
{
    for (size_t i = 0; i < 4 && kind->wanted[i]; i++)
        if (strstr(said, kind->wanted[i])) return true;
    return false;
}

static void remove_database(const char *name)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal", ".artifacts"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char path[560];
        (void)snprintf(path, sizeof path, "%s%s", scratch_path(name), ends[i]);
        remove_tree(path);
    }
}

/* true: as it should be. */
static bool try_point(const fault_kind *kind, long n, size_t *stopped, size_t *equal)
{
    remove_database("faulty.db");
    int code = run_to("faulty.db", kind, n);
    char *said = read_file(scratch_path("err"), NULL);
    bool clear = code == 0 || ((code == 1 || code == 2) && says(said, kind));
    if (!clear)
        print_error("%s %ld (%s%s): exit code %d: %s\n", kind->call, n, strerror(kind->error),
                    kind->lasts ? ", lasting" : "", code, said);
    free(said);
    *stopped += code != 0;
    int after = run_to("faulty.db", NULL, 0);
    if (after != 0) {
        said = read_file(scratch_path("err"), NULL);
        print_error("%s %ld (%s%s), again: exit code %d: %s\n", kind->call, n,
                    strerror(kind->error), kind->lasts ? ", lasting" : "", after, said);
        free(said);
        return false;
    }
    assert_true(databases_equal(scratch_path("whole.db"), scratch_path("faulty.db")) > 100);
    ++*equal;
    return clear;
}

static int ascending(const void *a, const void *b)
{
    const long *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Half of them in geometric steps from the first call on, half anywhere. */
static size_t choose(long *points, size_t count, long calls, uint64_t seed)
{
    wane_random random = {.seed = seed, .purpose = WANE_RANDOM_TEST};
    size_t chosen = 0, kept = 0;
    double step = 1;
    if (calls <= (long)count) {
        for (long n = 1; n <= calls; n++) points[chosen++] = n;
        return chosen;
    }
    for (double ratio = 1; ratio < (double)calls; ratio *= 1.01) step += 1;
    for (size_t i = 0; i < count / 2; i++) {
        double n = 1;
        for (double k = 0; k < step * (double)i / ((double)count / 2); k += 1) n *= 1.01;
        points[chosen++] = n < (double)calls ? (long)n : calls;
    }
    for (; chosen < count; chosen++)
        points[chosen] = 1 + (long)wane_random_below(&random, chosen, (uint64_t)calls);
    qsort(points, chosen, sizeof *points, ascending);
    for (size_t i = 0; i < chosen; i++)
        if (i == 0 || points[i] != points[i - 1]) points[kept++] = points[i];
    return kept;
}

static void every_call_may_fail(void **state)
{
    (void)state;
    if (SANITIZED) skip();
    const char *asked = getenv("WANE_FAULT_POINTS"), *only = getenv("WANE_FAULT_ONLY");
    size_t wanted = asked ? strtoul(asked, NULL, 10) : 4, bad = 0;
    static long points[MOST_POINTS];
    if (wanted > MOST_POINTS) wanted = MOST_POINTS;
    assert_int_equal(run_to("whole.db", NULL, 0), 0);
    for (size_t k = 0; k < KINDS; k++) {
        if (only && strcmp(only, kinds[k].call) != 0) continue;
        remove_database("faulty.db");
        assert_int_equal(run_to("faulty.db", &kinds[k], 0), 0);
        char *text = read_file(scratch_path("count"), NULL);
        long calls = strtol(text, NULL, 10);
        size_t count = choose(points, wanted, calls, k), good = 0, stopped = 0, equal = 0;
        free(text);
        assert_true(calls > 0);
        for (size_t i = 0; i < count; i++)
            good += try_point(&kinds[k], points[i], &stopped, &equal);
        print_message("%-6s %-24s %-7s %6ld calls, %4zu tried, %4zu stopped, %4zu equal after\n",
                      kinds[k].call, strerror(kinds[k].error), kinds[k].lasts ? "lasting" : "once",
                      calls, count, stopped, equal);
        bad += count - good;
    }
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_call_may_fail)};
    return cmocka_run_group_tests(tests, make, scratch_remove);
}
