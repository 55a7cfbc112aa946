/* SPDX-License-Identifier: Apache-2.0
 * bench_results [SCALE [FILE]]: a database of 1,000 * SCALE runs x 10 stages x 10 tasks and ten
 * million * SCALE direction rows; the time of every view and of the named queries, as JSON lines.
 * Default scale 0.05; scale 1 is engine.md's target. FILE is reused when it is there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/base/clock.h"
#include "store/results/query.h"
#include "tests/unit/results/sample.h"

static void must(wane_status st, const wane_error *err)
{
    if (st == WANE_OK || st == WANE_DONE) return;
    (void)fprintf(stderr, "%s\n", err->message);
    exit(1);
}

/* Twice: the first time with whatever the file cache holds. */
static void ask(wane_results *db, const char *label, const char *sql, const char *name,
                const wane_assignment *assignments, size_t count)
{
    wane_error err = {0};
    double seconds[2];
    long rows = 0;
    for (int i = 0; i < 2; i++) {
        double start = wane_clock_wall();
        wane_query *query = NULL;
        if (sql) must(wane_query_open(&query, db, sql, NULL, 0, &err), &err);
        else must(wane_named_query_open(&query, db, name, assignments, count, &err), &err);
        wane_status st;
        for (rows = 0; (st = wane_query_next(query, &err)) == WANE_OK; rows++)
            for (size_t c = 0; c < wane_query_columns(query); c++) (void)wane_query_type(query, c);
        must(st, &err);
        wane_query_free(query);
        seconds[i] = wane_clock_wall() - start;
    }
    printf("{\"query\":\"%s\",\"rows\":%ld,\"first_s\":%.3f,\"again_s\":%.3f}\n", label, rows,
           seconds[0], seconds[1]);
    (void)fflush(stdout);
}

static void ask_all(wane_results *db)
{
    static const char *const views[] = {"run_list",
                                        "intruders",
                                        "run_summary",
                                        "seed_summary",
                                        "stage_summary",
                                        "correlation_points",
                                        "pretraining_forgetting",
                                        "forgetting",
                                        "task_forgetting",
                                        "accuracy_matrix"};
    char sql[128];
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        (void)snprintf(sql, sizeof sql, "SELECT * FROM %s", views[i]);
        ask(db, views[i], sql, NULL, NULL, 0);
    }
    const wane_assignment other[] = {{"k", "10"}, {"epsilon", "0.3"}};
    const wane_assignment deep[] = {{"k", "32"}, {"epsilon", "0.7"}, {"side", "v"}};
    const wane_assignment one[] = {{"run", "lora-r1/given/s0"}, {"k", "20"}};
    const wane_assignment metric[] = {{"metric", "forgetting"}};
    ask(db, "intruders k=10 epsilon=.3", NULL, "intruders", other, 2);
    ask(db, "intruders k=32 epsilon=.7 side=v", NULL, "intruders", deep, 3);
    ask(db, "intruders_by_run k=10 epsilon=.3", NULL, "intruders_by_run", other, 2);
    ask(db, "intruders_by_method k=10 epsilon=.3", NULL, "intruders_by_method", other, 2);
    ask(db, "intruders k=20 of one run", NULL, "intruders", one, 2);
    ask(db, "intruders_by_matrix of one run", NULL, "intruders_by_matrix", one, 2);
    ask(db, "curves pretraining_forgetting", NULL, "curves", NULL, 0);
    ask(db, "curves forgetting", NULL, "curves", metric, 1);
    const wane_assignment run[] = {{"run", "lora-r1/given/s0"}};
    ask(db, "accuracy_matrix of one run", NULL, "accuracy_matrix", run, 1);
    ask(db, "forgetting of one run", NULL, "forgetting", run, 1);
    ask(db, "task_forgetting of one run", NULL, "task_forgetting", run, 1);
    ask(db, "stage_summary of one run", NULL, "stage_summary", run, 1);
    ask(db, "spectra of one run", NULL, "spectra", run, 1);
}

int main(int argc, char **argv)
{
    double scale = argc > 1 ? atof(argv[1]) : 0.05;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", argc > 2 ? argv[2] : "/tmp/bench_results.db");
    bool there = argc > 2 && access(path, F_OK) == 0;
    if (!there) (void)unlink(path);
    int methods = (int)(50 * scale + 0.5);
    const sample_shape shape = {.methods = methods < 2 ? 2 : methods,
                                .orders = 2,
                                .seeds = 10,
                                .tasks = 10,
                                .watched = 0,
                                .corpora = 2,
                                .matrices = 16,
                                .top = 32,
                                .experiment = "bench"};
    static sample s;
    wane_error err = {0};
    wane_results *db = NULL;
    double start = wane_clock_wall();
    if (!there) {
        db = sample_open(&s, path, &shape);
        double planned = wane_clock_wall();
        sample_fill(db, &s);
        double filled = wane_clock_wall();
        wane_results_close(db);
        struct stat facts = {0};
        (void)stat(path, &facts);
        printf("{\"runs\":%d,\"plan_s\":%.2f,\"fill_s\":%.2f,\"bytes\":%lld}\n",
               sample_runs(&shape), planned - start, filled - planned, (long long)facts.st_size);
    }
    start = wane_clock_wall();
    must(wane_results_open(&db, path, WANE_RESULTS_READ, &err), &err);
    printf("{\"open_s\":%.4f}\n", wane_clock_wall() - start);
    ask_all(db);
    int64_t runs = 0;
    start = wane_clock_wall();
    must(wane_results_restrict(db, &runs, "kind = 'lora' AND rank < 3 AND seed < 2", "bench", &err),
         &err);
    printf("{\"restricted_to\":%lld,\"seconds\":%.4f}\n", (long long)runs,
           wane_clock_wall() - start);
    ask(db, "seed_summary restricted", "SELECT * FROM seed_summary", NULL, NULL, 0);
    ask(db, "correlation_points restricted", "SELECT * FROM correlation_points", NULL, NULL, 0);
    wane_results_close(db);
    free(s.stage);
    if (argc <= 2) (void)unlink(path);
    return 0;
}
