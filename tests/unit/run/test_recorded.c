/* SPDX-License-Identifier: Apache-2.0
 * What a whole run records, against what its file says and its tasks have.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/base/text.h"
#include "store/files/file.h"
#include "store/results/query.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

static const char experiment[] =
    "name: told\n"
    "model: builtin\n"
    "pretraining: {width: 16, layers: 1, heads: 2, kv_heads: 1, hidden: 32, steps: 20,\n"
    "              documents: 50, batch_tokens: 256, context: 96}\n"
    "corpora: [{name: text, path: builtin, role: pretraining, documents: 3, window: 32,\n"
    "           stride: 16}]\n"
    "tasks:\n"
    "  - {path: builtin/topic, train_rows: 10, test_rows: 8}\n"
    "  - {path: builtin/counting, train_rows: 6, test_rows: 5}\n"
    "watch: [{path: builtin/order, train_rows: 4, test_rows: 4}]\n"
    "methods:\n"
    "  - {name: lora, kind: lora, rank: [2, 3], alpha: 4r, learning_rate: 1e-3,\n"
    "     weight_decay: 0.1, clip: 0.5}\n"
    "  - {name: wild, kind: full-matrices, learning_rate: 300}\n"
    "training: {epochs: 2, batch_size: 4, max_seq_length: 96}\n"
    "protocol: {evaluate: seen}\n"
    "track: {every: 3, nll_tokens: 50, task_rows: 3, spectra: false}\n"
    "keep: last\n";

/* Accuracies of a task in the looks into the last stage of that run. */
#define LOOKS                                                                                      \
    "FROM run r JOIN run_stage p ON p.run = r.id AND p.position = 2 JOIN score s ON s.stage = "    \
    "p.stage AND s.step > 0 JOIN task t ON t.id = s.task WHERE r.rank = 3 AND s.metric = "         \
    "'accuracy' AND t.name = "
#define METRIC(metric)                                                                             \
    "(SELECT value FROM metric m JOIN run r ON r.id = m.run WHERE r.rank = 3 AND m.position = 2 "  \
    "AND m.name = '" metric "')"
#define SCORED                                                                                     \
    "SELECT group_concat(n, ' ') FROM (SELECT p.position || t.name || count(*) AS n FROM run r "   \
    "JOIN run_stage p ON p.run = r.id JOIN score s ON s.stage = p.stage AND s.step = -1 JOIN "     \
    "task t ON t.id = "                                                                            \
    "s.task WHERE r.rank = 3 GROUP BY p.position, t.name ORDER BY p.position, t.name)"
/* The accuracy of a task after the stage at a position. */
#define ACCURACY(task, position)                                                                   \
    "(SELECT accuracy FROM accuracy_matrix WHERE rank = 3 AND task = '" task                       \
    "' AND position = " position ")"

static const struct {
    const char *sql, *value;
} facts[] = {
    {"SELECT group_concat(rank || ' ' || alpha, ', ') FROM (SELECT rank, alpha FROM run WHERE "
     "rank > 0 ORDER BY rank)",
     "2 8.0, 3 12.0"},
    {"SELECT value FROM parameter WHERE run = 1 AND key = 'clip'", "0.5"},
    {"SELECT value FROM parameter WHERE run = 1 AND key = 'weight_decay'", "0.1"},
    {"SELECT limited FROM experiment", "0"},
    /* one row of each task, whole: its tokens spell the prompt, its label is one of its words */
    {"SELECT group_concat(DISTINCT json_extract(shown, '$.row') || ' ' || json_extract(shown, "
     "'$.tokens_cut') || ' ' || (json_extract(shown, '$.cut_at') IS NULL) || ' ' || "
     "json_extract(shown, '$.tokens[0].token') || ' ' || (json_extract(shown, '$.classes') = "
     "labels) || ' ' || (json_extract(shown, '$.label_tokens[0].token') = json_extract(shown, "
     "'$.label'))) FROM task",
     "0 0 1 <s> 1 1"},
    {"SELECT min((SELECT group_concat(json_extract(value, '$.token'), ' ') FROM "
     "json_each(t.shown, '$.tokens')) = '<s> ' || json_extract(t.shown, '$.prompt')) FROM task t",
     "1"},
    {"SELECT group_concat(name || measured_rows, ' ') FROM (SELECT * FROM task ORDER BY name)",
     "counting5 order4 topic8"},
    /* two epochs of 10 and of 6 rows, 4 to a step */
    {"SELECT group_concat(DISTINCT p.position || ':' || g.steps || ':' || (SELECT count(*) FROM "
     "step s WHERE s.stage = g.id)) FROM run_stage p JOIN stage g ON g.id = p.stage WHERE "
     "p.position > 0",
     "1:6:6,2:4:4"},
    {"SELECT count(*) FROM usage u WHERE phase = 'train' AND tokens = (SELECT sum(s.tokens) FROM "
     "step s WHERE s.stage = u.stage)",
     "6"},
    /* each epoch has each row once */
    {"SELECT count(*) FROM stage g WHERE g.steps > 0 AND (SELECT sum(s.tokens) FROM step s WHERE "
     "s.stage = g.id AND 2 * s.step < g.steps) = (SELECT sum(s.tokens) FROM step s WHERE s.stage = "
     "g.id AND 2 * s.step >= g.steps)",
     "6"},
    /* looks: at every third step and the last, on 50 tokens and 3 rows */
    {"SELECT group_concat(DISTINCT p.position || ':' || l.step) FROM run_stage p JOIN likelihood l "
     "ON l.stage = p.stage AND l.step > 0",
     "1:3,1:6,2:3,2:4"},
    {"SELECT min(tokens) || ' ' || max(tokens) FROM likelihood WHERE step > 0", "50 50"},
    {"SELECT min(n) || ' ' || max(n) FROM score WHERE step > 0 AND metric = 'accuracy'", "3 3"},
    {"SELECT " METRIC("min_acc") " = min(value) " LOOKS "'topic'", "1"},
    {"SELECT abs(" METRIC("wc_acc") " - (value + " METRIC("min_acc") ") / 2) < 1e-12 " LOOKS
                                                                     "'counting' AND s.step = 4",
     "1"},
    /* accuracy, loss, majority; two divergences of the task just trained; what comes later is not
       measured before, what is watched always */
    {SCORED, "0counting3 0order3 0topic3 1order3 1topic5 2counting5 2order3 2topic3"},
    /* each document's windows from 0 on */
    {"SELECT count(*) > 3 AND min(position = (SELECT count(*) FROM \"window\" v WHERE v.stage = "
     "w.stage AND v.document = w.document AND v.position < w.position)) FROM \"window\" w WHERE "
     "stage = 1",
     "1"},
    /* the base is better than chance on its text, whatever training made of it */
    {"SELECT max(nll) > 6 AND max(out_of_reach) = 0 FROM likelihood", "1"},
    {"SELECT group_concat(DISTINCT p.position || kind || gone) FROM run_stage p JOIN artifact a ON "
     "a.stage = p.stage",
     "1adapter1,2adapter0,1tensors1,2tensors0"},
    /* floats of A and B: rank times the rows and columns of q, k, v, o, gate, up and down */
    {"SELECT group_concat(DISTINCT r.rank || ':' || a.bytes) FROM run r JOIN run_stage p ON p.run "
     "= r.id JOIN artifact a ON a.stage = p.stage AND a.kind = 'adapter'",
     "2:2048,3:3072"},
    /* of the ten first directions, those there are: k and v have eight rows */
    {"SELECT group_concat(n, ' ') FROM (SELECT DISTINCT (m.name GLOB '*[kv]_proj*') || ':' || "
     "s.existing_u || ':' || s.existing_v AS n FROM spectrum s JOIN matrix m ON m.id = s.matrix "
     "ORDER BY n)",
     "0:10:10 1:8:8"},
    {"SELECT abs(value - (" ACCURACY("topic", "2") " + " ACCURACY(
         "counting", "2") ") / 2) < "
                          "1e-12 FROM metric m WHERE run = (SELECT id FROM run WHERE rank = 3) AND "
                          "position = 2 AND "
                          "name = 'acc'",
     "1"},
    {"SELECT abs(value - (" ACCURACY("order", "2") " - " ACCURACY(
         "order", "0") ")) < 1e-12 FROM "
                       "metric m WHERE run = (SELECT id FROM run WHERE rank = 3) AND position = 2 "
                       "AND name = "
                       "'held_out_change' AND subject = 'order'",
     "1"},
};

static wane_results *run(const char *name, const char *setting)
{
    wane_results *db = NULL;
    char yaml[512], database[512];
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("told.yaml"));
    (void)snprintf(database, sizeof database, "%s", scratch_path(name));
    write_file(yaml, experiment, sizeof experiment - 1);
    const char *const arguments[] = {"run",       yaml, "--db",  database,
                                     "--threads", "1",  setting, NULL};
    int code = process_run(arguments, "out", "err");
    if (code > 1) process_print_said(code);
    assert_true(code <= 1); /* a gate may fail on so few rows */
    db = open_results(database, WANE_RESULTS_READ);
    return db;
}

static const char *answer(wane_query **query, wane_results *db, const char *sql)
{
    wane_error err;
    CHECK_OK(wane_query_open(query, db, sql, NULL, 0, &err));
    CHECK_OK(wane_query_next(*query, &err));
    const char *value = wane_query_text(*query, 0);
    return value ? value : "NULL";
}

static void what_a_run_records(void **state)
{
    (void)state;
    size_t wrong = 0;
    wane_error err;
    wane_query *query = NULL;
    wane_results *db = run("told.db", NULL);
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        const char *value = answer(&query, db, facts[i].sql);
        if (strcmp(value, facts[i].value) != 0) {
            print_error("%s: %s, should be %s\n", facts[i].sql, value, facts[i].value);
            wrong++;
        }
        wane_query_free(query);
    }
    assert_int_equal(wrong, 0);
    /* What is let go is not on disk, the rest is. */
    CHECK_OK(wane_query_open(&query, db, "SELECT gone, path FROM artifact", NULL, 0, &err));
    while (wane_query_next(query, &err) == WANE_OK) {
        char path[900];
        (void)snprintf(path, sizeof path, "told.db.artifacts/%s", wane_query_text(query, 1));
        assert_int_equal(access(scratch_path(path), F_OK) != 0, wane_query_int(query, 0));
    }
    wane_query_free(query);
    wane_results_close(db);
}

/* Of a task that has eight rows two are measured. */
static void what_a_limited_run_records(void **state)
{
    (void)state;
    wane_query *query = NULL;
    wane_results *db = run("limited.db", "limit=2");
    assert_string_equal(answer(&query, db,
                               "SELECT e.limited || ' ' || t.measured_rows || ' ' || (SELECT n "
                               "FROM score s WHERE s.task = t.id AND metric = 'accuracy' LIMIT 1) "
                               "FROM experiment e, task t WHERE t.name = 'topic'"),
                        "1 2 2");
    wane_query_free(query);
    wane_results_close(db);
}

/* Two rows that are trained on and measured: the gate fails, and so do the runs. */
static void a_failed_gate_is_the_end_of_a_run(void **state)
{
    (void)state;
    static const char rows[] = "{\"text\": \"the dog runs\", \"label\": \"yes\"}\n"
                               "{\"text\": \"the cat sits\", \"label\": \"no\"}\n";
    wane_error err;
    wane_query *query = NULL;
    CHECK_OK(wane_folder_make(scratch_path("same"), &err));
    write_file(scratch_path("same/train.jsonl"), rows, sizeof rows - 1);
    write_file(scratch_path("same/test.jsonl"), rows, sizeof rows - 1);
    wane_results *db = run("same.db", "tasks=[{name: topic, path: same}]");
    assert_string_equal(answer(&query, db,
                               "SELECT (SELECT value FROM gate WHERE name = 'overlap' AND subject "
                               "= 'topic' AND run = 1) || ' ' || count(*) || ' ' || sum(status = "
                               "'gate_failed') FROM run"),
                        "2.0 3 3");
    wane_query_free(query);
    wane_results_close(db);
}

#define ONE_METHOD "methods=[{name: wild, kind: full-matrices, learning_rate: %s}]"

/* From the same base each seed begins with rows of its own. */
static void each_seed_has_an_order(void **state)
{
    (void)state;
    wane_query *query = NULL;
    char method[120], yaml[512];
    (void)snprintf(method, sizeof method, ONE_METHOD, "0.001");
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("told.yaml"));
    char database[512];
    (void)snprintf(database, sizeof database, "%s", scratch_path("seeds.db"));
    write_file(yaml, experiment, sizeof experiment - 1);
    const char *const arguments[] = {"run", yaml,   "--db",         database, "--threads",
                                     "1",   method, "seeds=[0, 1]", NULL};
    assert_true(process_run(arguments, "out", "err") <= 1);
    wane_results *db = open_results(database, WANE_RESULTS_READ);
    assert_string_equal(answer(&query, db,
                               "SELECT count(*) || ' ' || count(DISTINCT s.loss) FROM step s JOIN "
                               "run_stage p ON p.stage = s.stage AND p.position = 1 WHERE s.step = "
                               "0"),
                        "2 2");
    wane_query_free(query);
    wane_results_close(db);
    /* Another setting under the same name is said, and leaves all as it was. */
    (void)snprintf(method, sizeof method, ONE_METHOD, "0.002");
    assert_int_equal(process_run(arguments, "out", "err"), 2);
    char *text = read_file(scratch_path("err"), NULL);
    assert_non_null(strstr(text, "seeds.db holds a run of this name under other settings"));
    free(text);
}

/* Inputs of a change are the first 64 test rows; here all of them are the same. */
static void changes_take_64_rows(void **state)
{
    (void)state;
    enum { TASKS = 3 };
    static const size_t count[TASKS] = {63, 64, 70};
    static const char train[] = "{\"text\": \"the dog runs\", \"label\": \"yes\"}\n"
                                "{\"text\": \"the cat sits\", \"label\": \"no\"}\n",
                      row[] = "{\"text\": \"the dog sits\", \"label\": \"yes\"}\n";
    wane_error err;
    wane_query *query = NULL;
    for (size_t t = 0; t < TASKS; t++) {
        wane_text rows = {0};
        char file[32];
        (void)snprintf(file, sizeof file, "rows%zu", count[t]);
        CHECK_OK(wane_folder_make(scratch_path(file), &err));
        (void)snprintf(file, sizeof file, "rows%zu/train.jsonl", count[t]);
        write_file(scratch_path(file), train, sizeof train - 1);
        for (size_t r = 0; r < count[t]; r++) wane_text_printf(&rows, "%s", row);
        (void)snprintf(file, sizeof file, "rows%zu/test.jsonl", count[t]);
        write_file(scratch_path(file), rows.data, rows.length);
        wane_text_free(&rows);
    }
    wane_results *db = run("rows.db", "tasks=[{path: rows63}, {path: rows64}, {path: rows70}]");
    assert_string_equal(
        answer(&query, db,
               "SELECT group_concat(n, ' ') FROM (SELECT DISTINCT p.position || "
               "':' || (64 * c.tokens / (SELECT max(tokens) FROM change)) AS n FROM "
               "run_stage p JOIN change c ON c.stage = p.stage ORDER BY n)"),
        "1:63 2:64 3:64");
    wane_query_free(query);
    wane_results_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_run_records), cmocka_unit_test(each_seed_has_an_order),
        cmocka_unit_test(changes_take_64_rows), cmocka_unit_test(what_a_limited_run_records),
        cmocka_unit_test(a_failed_gate_is_the_end_of_a_run)};
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
