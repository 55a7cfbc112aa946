/* SPDX-License-Identifier: Apache-2.0
 * Less address space than a run needs: one clear line and exit code 1, whatever asked for memory,
 * and never a wait without end. Nor where no more threads are to be had.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "store/base/blas.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

#ifdef __SANITIZE_ADDRESS__
enum { SANITIZED = 1 }; /* takes terabytes of addresses for itself */
#else
enum { SANITIZED = 0 };
#endif

static const char experiment[] =
    "name: small\n"
    "model: builtin\n"
    "pretraining: {width: 32, layers: 2, heads: 2, kv_heads: 1, hidden: 64, steps: 5,\n"
    "              documents: 100, batch_tokens: 512, context: 96}\n"
    "corpora: [{name: text, path: builtin, role: pretraining, documents: 20}]\n"
    "tasks: [{path: builtin/topic, train_rows: 32, test_rows: 32}]\n"
    "methods: [{name: lora, kind: lora, rank: 2, learning_rate: 1e-2}]\n"
    "training: {epochs: 1, batch_size: 8, max_seq_length: 96}\n";

/* The program under a limit; a hang ends with SIGALRM. */
static int run_within(const char *const *arguments, int resource, rlim_t limit)
{
    const char *argv[16] = {WANE_PROGRAM};
    for (size_t i = 0; arguments[i]; i++) argv[i + 1] = arguments[i];
    char out[512], err[512];
    (void)snprintf(out, sizeof out, "%s", scratch_path("out"));
    (void)snprintf(err, sizeof err, "%s", scratch_path("err"));
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const struct rlimit few = {limit, limit};
        int streams[2] = {open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600),
                          open(err, O_WRONLY | O_CREAT | O_TRUNC, 0600)};
        (void)dup2(streams[0], 1);
        (void)dup2(streams[1], 2);
        (void)alarm(60);
        if (setrlimit(resource, &few) == 0) (void)execv(WANE_PROGRAM, (char *const *)argv);
        _exit(99);
    }
    return process_wait(pid);
}

/* How a call under a limit ended: true when it went through. */
static bool ends_clearly(const char *const *arguments, unsigned mebibytes)
{
    int code = run_within(arguments, RLIMIT_AS, (rlim_t)mebibytes << 20);
    char *said = read_file(scratch_path("err"), NULL);
    bool memory = strstr(said, "out of memory") || strstr(said, "Cannot allocate memory");
    bool loader = code == 127 && strstr(said, "error while loading shared libraries");
    if (code != 0 && !loader && (code != 1 || !memory))
        print_error("%s in %u MiB: exit code %d: %s\n", arguments[0], mebibytes, code, said);
    assert_true(code == 0 || loader || (code == 1 && memory));
    free(said);
    return code == 0;
}

static void address_space(void **state)
{
    (void)state;
    if (SANITIZED) skip();
    char yaml[512], whole[512], few[512];
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    (void)snprintf(whole, sizeof whole, "%s", scratch_path("whole.db"));
    (void)snprintf(few, sizeof few, "%s", scratch_path("few.db"));
    const char *const plain[] = {"run", yaml, "--db", whole, NULL};
    assert_int_equal(process_run(plain, "out", "err"), 0);
    static const char *const threads[] = {"1", "2", "3"};
    unsigned enough[3] = {0};
    for (size_t t = 0; t < 3; t++) {
        const char *const arguments[] = {"run", yaml, "--db", few, "--threads", threads[t], NULL};
        for (unsigned mebibytes = 96; !enough[t]; mebibytes += mebibytes / 16) {
            assert_true(mebibytes < 4000);
            if (ends_clearly(arguments, mebibytes)) enough[t] = mebibytes;
        }
    }
    /* Every thread's buffer is room that must be there. */
    assert_true(enough[0] > WANE_BLAS_BUFFER_BYTES >> 20);
    assert_true(enough[2] > 3 * (WANE_BLAS_BUFFER_BYTES >> 20));
    assert_true(databases_equal(whole, few) > 50);
    const char *const validate[] = {"validate", yaml, NULL};
    for (unsigned mebibytes = 96; !ends_clearly(validate, mebibytes); mebibytes += mebibytes / 8)
        assert_true(mebibytes < 40000);
}

/* What `validate` says a process needs is enough for one. */
static void validate_counts_it(void **state)
{
    (void)state;
    if (SANITIZED) skip();
    char yaml[512], database[512];
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    (void)snprintf(database, sizeof database, "%s", scratch_path("validated.db"));
    const char *const validate[] = {"validate", yaml, NULL};
    assert_int_equal(process_run(validate, "out", "err"), 0);
    char *said = read_file(scratch_path("out"), NULL), *line = strstr(said, "address space");
    assert_non_null(line);
    unsigned mebibytes = 0, threads = 0;
    assert_int_equal(
        sscanf(line, "address space about %u MiB a process of %u", &mebibytes, &threads), 2);
    assert_true(mebibytes > threads * (WANE_BLAS_BUFFER_BYTES >> 20));
    const char *const arguments[] = {"run", yaml, "--db", database, NULL};
    assert_true(ends_clearly(arguments, mebibytes));
    free(said);
}

/* Root may start threads without bound: then there is nothing to see. */
static void threads_that_are_not_to_be_had(void **state)
{
    (void)state;
    char yaml[512], database[512];
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    (void)snprintf(database, sizeof database, "%s", scratch_path("threads.db"));
    const char *const arguments[] = {"run", yaml, "--db", database, "--threads", "8", NULL};
    int code = run_within(arguments, RLIMIT_NPROC, 1);
    char *said = read_file(scratch_path("err"), NULL);
    if (code != 0 && !strstr(said, "of 8 could not be started")) print_error("%s\n", said);
    assert_true(code == 0 || (code == 1 && strstr(said, "of 8 could not be started")));
    free(said);
}

static int make(void **state)
{
    if (scratch_make(state) != 0) return -1;
    write_file(scratch_path("small.yaml"), experiment, sizeof experiment - 1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(address_space),
                                       cmocka_unit_test(validate_counts_it),
                                       cmocka_unit_test(threads_that_are_not_to_be_had)};
    return cmocka_run_group_tests(tests, make, scratch_remove);
}
