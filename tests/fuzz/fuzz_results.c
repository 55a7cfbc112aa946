/* SPDX-License-Identifier: Apache-2.0
 * Results databases: opened for reading as the read commands do, every view and named query read,
 * all of it checked.
 */
#include <unistd.h>

#include "store/base/text.h"
#include "store/results/query.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_file.h"

static const char *const views[] = {
    "run_list",      "accuracy_matrix",    "task_forgetting",     "forgetting",
    "intruders",     "stage_summary",      "run_summary",         "seed_summary",
    "seed_interval", "correlation_points", "intervention_effect", "pretraining_forgetting"};
enum { VIEWS = sizeof views / sizeof *views };

/* What a killed writer may leave beside a database is not part of the input. */
static void remove_beside(const char *path)
{
    static const char *const endings[] = {"-journal", "-wal", "-shm"};
    char name[300];
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, endings[i]);
        (void)unlink(name);
    }
}

/* Reads to the end, or to what is damaged. */
static void read_all(wane_query *query, wane_status st, wane_error *err)
{
    wane_text text = {0};
    if (st == WANE_OK) st = wane_query_render(query, WANE_RENDER_TABLE, &text, err);
    if (st != WANE_OK) fuzz_check_error(st, err);
    else FUZZ_CHECK(wane_utf8_valid(text.data, text.length, NULL));
    wane_text_free(&text);
    wane_query_free(query);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wane_error err = {0};
    wane_results *db = NULL;
    const char *path = fuzz_file(data, size);
    remove_beside(path);
    wane_status st = wane_results_open(&db, path, WANE_RESULTS_READ, &err);
    if (st != WANE_OK) {
        fuzz_check_error(st, &err);
        FUZZ_CHECK(!db);
        return 0;
    }
    for (size_t i = 0; i < VIEWS; i++) {
        char sql[96];
        wane_query *query = NULL;
        (void)snprintf(sql, sizeof sql, "SELECT * FROM %s LIMIT 20", views[i]);
        st = wane_query_open(&query, db, sql, NULL, 0, &err);
        read_all(query, st, &err);
    }
    size_t count = 0;
    const wane_named_query *named = wane_named_queries(&count);
    for (size_t i = 0; i < count; i++) {
        wane_query *query = NULL;
        st = wane_named_query_open(&query, db, named[i].name, NULL, 0, &err);
        read_all(query, st, &err);
    }
    if ((st = wane_results_check(db, &err)) != WANE_OK) fuzz_check_error(st, &err);
    wane_results_close(db);
    remove_beside(path);
    return 0;
}
