/* SPDX-License-Identifier: Apache-2.0
 * What `keep` leaves on disk of a finished run, kind by kind, and nothing more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/base/text.h"
#include "store/results/query.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

static const char experiment[] =
    "name: small\n"
    "model: builtin\n"
    "pretraining: {width: 32, layers: 2, heads: 2, kv_heads: 1, hidden: 64, steps: 20,\n"
    "              documents: 200, batch_tokens: 512, context: 96}\n"
    "corpora: [{name: text, path: builtin, role: pretraining, documents: 3}]\n"
    "tasks:\n"
    "  - {path: builtin/topic, train_rows: 8, test_rows: 8}\n"
    "  - {path: builtin/counting, train_rows: 8, test_rows: 8}\n"
    "methods: [{kind: lora, rank: 2}, {kind: full-matrices}]\n"
    "training: {batch_size: 8, max_seq_length: 96}\n"
    "protocol: {adapter: stack, head: linear}\n";

/* method, stage, kind and whether it is there: 1 gone in the rows and on disk, 0 kept in both, 2
 * where these differ. */
static const char leavings[] =
    "SELECT r.method || ' ' || z.position || ' ' || a.kind, a.gone, a.path FROM run r JOIN "
    "run_stage z ON z.run = r.id JOIN artifact a ON a.stage = z.stage ORDER BY 1";

static void left_of(wane_text *out, const char *keep)
{
    wane_error err;
    wane_results *db = NULL;
    wane_query *query = NULL;
    char yaml[512], database[512], name[64], setting[64], path[900];
    (void)snprintf(name, sizeof name, "%s.db", keep);
    (void)snprintf(setting, sizeof setting, "keep=%s", keep);
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    (void)snprintf(database, sizeof database, "%s", scratch_path(name));
    write_file(yaml, experiment, sizeof experiment - 1);
    const char *const arguments[] = {"run",       yaml, "--db",  database,
                                     "--threads", "1",  setting, NULL};
    int code = process_run(arguments, "out", "err");
    char *said = read_file(scratch_path("err"), NULL);
    if (code != 0) print_error("%s\n", said);
    assert_int_equal(code, 0);
    free(said);
    db = open_results(database, WANE_RESULTS_READ);
    CHECK_OK(wane_query_open(&query, db, leavings, NULL, 0, &err));
    while (wane_query_next(query, &err) == WANE_OK) {
        (void)snprintf(path, sizeof path, "%s.artifacts/%s", database, wane_query_text(query, 2));
        bool gone = wane_query_int(query, 1) != 0, missing = access(path, F_OK) != 0;
        if (gone == missing && gone) continue;
        wane_text_printf(out, "%s%s\n", wane_query_text(query, 0),
                         gone == missing ? "" : " row and disk differ");
    }
    wane_query_free(query);
    wane_results_close(db);
}

static void what_is_not_kept_is_deleted(void **state)
{
    (void)state;
    static const struct {
        const char *keep, *left;
    } cases[] = {
        {"all", "full-matrices 1 head\nfull-matrices 1 tensors\nfull-matrices 2 head\n"
                "full-matrices 2 tensors\nlora 1 adapter\nlora 1 head\nlora 2 adapter\n"
                "lora 2 head\nlora 2 stack\n"},
        {"adapters", "full-matrices 1 head\nfull-matrices 2 head\nfull-matrices 2 tensors\n"
                     "lora 1 adapter\nlora 1 head\nlora 2 adapter\nlora 2 head\nlora 2 stack\n"},
        {"last", "full-matrices 1 head\nfull-matrices 2 head\nfull-matrices 2 tensors\n"
                 "lora 1 head\nlora 2 adapter\nlora 2 head\nlora 2 stack\n"},
        {"none", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_text left = {0};
        left_of(&left, cases[i].keep);
        assert_string_equal(left.data ? left.data : "", cases[i].left);
        wane_text_free(&left);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_not_kept_is_deleted)};
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
