/* SPDX-License-Identifier: Apache-2.0
 * The memory of a run: it is what validate says, and does not grow from stage to stage.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/process.h"
#include "tests/support/support.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 }; /* keeps what is freed, and shadows of it */
#else
enum { SANITIZED = 0 };
#endif

/* The weights are 14 MB, the SVDs of the base 55 MB. %s: the method. */
static const char experiment[] =
    "name: small\n"
    "model: builtin\n"
    "pretraining: {width: 256, layers: 5, heads: 4, kv_heads: 2, hidden: 640, steps: 1,\n"
    "              documents: 20, batch_tokens: 256, context: 96}\n"
    "corpora: [{name: text, path: builtin, role: pretraining, documents: 5}]\n"
    "tasks:\n"
    "  - {path: builtin/topic, train_rows: 8, test_rows: 8}\n"
    "  - {path: builtin/order, train_rows: 8, test_rows: 8}\n"
    "  - {path: builtin/counting, train_rows: 8, test_rows: 8}\n"
    "  - {path: builtin/agreement, train_rows: 8, test_rows: 8}\n"
    "methods: [{name: m, kind: %s, learning_rate: 1e-3}]\n"
    "intruders: {nulls: none}\n"
    "training: {epochs: 2, batch_size: 8, max_seq_length: 96, micro_tokens: 1024}\n";

static void predicted_and_bounded(const char *method)
{
    char text[2048], yaml[512], database[512];
    unsigned mebibytes = 0;
    (void)snprintf(text, sizeof text, experiment, method);
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    write_file(yaml, text, strlen(text));
    (void)snprintf(database, sizeof database, "%s", scratch_path("small.db"));
    const char *const run[] = {"run", yaml, "--db", database, NULL};
    const char *const validate[] = {"validate", yaml, NULL};
    /* A base of one step knows less than a guess: its gate fails, and nothing ends by that. */
    assert_int_equal(process_run(run, "out", "err"), 1);
    assert_int_equal(process_run(validate, "out", "err"), 0);
    char *said = read_file(scratch_path("out"), NULL), *line = strstr(said, "memory  ");
    assert_non_null(line);
    assert_int_equal(sscanf(line, "memory about %u MiB a process", &mebibytes), 1);
    free(said);
    /* The second stage's training has seen all that a stage does, and two models before it. */
    int64_t second = query_integer_at(database, "SELECT peak_bytes FROM usage JOIN stage ON "
                                                "stage.id = usage.stage WHERE phase = 'train' "
                                                "ORDER BY stage.id LIMIT 1 OFFSET 1");
    int64_t last = query_integer_at(database, "SELECT max(peak_bytes) FROM usage");
    print_message("%s: %lld bytes at the second training, %lld at the end, %u MiB predicted\n",
                  method, (long long)second, (long long)last, mebibytes);
    CHECK_NEAR((double)last, (double)second, 8e6, 0.08);
    CHECK_NEAR((double)mebibytes * 1048576, (double)last, 0, 0.15);
}

static void of_an_adapter(void **state)
{
    (void)state;
    if (SANITIZED) skip();
    predicted_and_bounded("lora, rank: 4");
}

static void of_whole_weights(void **state)
{
    (void)state;
    if (SANITIZED) skip();
    predicted_and_bounded("full");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(of_an_adapter, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(of_whole_weights, scratch_make, scratch_remove)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
