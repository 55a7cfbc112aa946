/* SPDX-License-Identifier: Apache-2.0
 * wane intruders and diff with a database: killed at any moment the same line goes on and leaves
 * rows and page of one that was not; what is there is not found anew.
 */
#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/model/model.h"
#include "eval/pair/pair_store.h"
#include "store/base/random.h"
#include "store/results/query.h"
#include "tests/support/process.h"
#include "tests/support/support.h"
#include "tests/support/told.h"

enum { WIDTH = 256, HIDDEN = 256, LAYERS = 4, MATRICES = 7 * LAYERS, UNCHANGED = 5, TOP = 32 };

static char *page; /* of one that nothing disturbed */

/* All matrices changed but the fifth of the table. */
static int make(void **state)
{
    wane_error err;
    static float noise[WIDTH * HIDDEN];
    wane_model *base = NULL, *tuned = NULL;
    size_t matrices = 0;
    if (scratch_make(state) != 0) return -1;
    base = small_model(LAYERS, 4, WIDTH / 4, HIDDEN);
    CHECK_OK(wane_model_copy(&tuned, base, &err));
    for (size_t i = 0; i < tuned->parameters.count; i++) {
        const wane_parameter *p = &tuned->parameters.parameter[i];
        wane_random where = {.seed = 8, .purpose = WANE_RANDOM_TEST, .tensor = i};
        if (!p->linear || ++matrices == UNCHANGED) continue;
        wane_random_normal_fill(noise, p->rows * p->cols, 0.02, &where);
        for (size_t j = 0; j < p->rows * p->cols; j++) tuned->weights[p->offset + j] += noise[j];
    }
    CHECK_OK(wane_model_save(tuned, scratch_path("tuned"), &err));
    wane_model_free(tuned);
    wane_model_free(base);
    assert_int_equal(told("intruders {base} {tuned} --side both --json --no-null --db {whole.db}"),
                     0);
    page = strdup(told_out());
    return 0;
}

static int64_t ask(const char *database, const char *sql)
{
    return query_integer_at(scratch_path(database), sql);
}

static void change(const char *database, const char *sql)
{
    sqlite3 *plain = NULL;
    assert_int_equal(sqlite3_open_v2(scratch_path(database), &plain, SQLITE_OPEN_READWRITE, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_exec(plain, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_true(sqlite3_total_changes(plain) > 0);
    (void)sqlite3_close(plain);
}

static void is_whole(const char *database)
{
    char line[100];
    assert_true(databases_equal(scratch_path("whole.db"), scratch_path(database)) >
                2 * TOP * (MATRICES - 1));
    (void)snprintf(line, sizeof line, "verify {%s}", database);
    assert_int_equal(told(line), 0);
}

typedef struct call {
    char base[512], tuned[512], database[512];
    const char *argument[10];
} call;

static void make_call(call *out, const char *database)
{
    (void)snprintf(out->base, sizeof out->base, "%s", scratch_path("base"));
    (void)snprintf(out->tuned, sizeof out->tuned, "%s", scratch_path("tuned"));
    (void)snprintf(out->database, sizeof out->database, "%s", scratch_path(database));
    const char *const list[] = {"intruders", out->base,   out->tuned, "--side",      "both",
                                "--json",    "--no-null", "--db",     out->database, NULL};
    memcpy(out->argument, list, sizeof list);
}

static void kills_change_nothing(void **state)
{
    (void)state;
    int kills = 0;
    for (uint64_t seed = 1; kills < 12; seed++) {
        char database[32];
        call c;
        (void)snprintf(database, sizeof database, "killed%d.db", (int)seed);
        make_call(&c, database);
        kills += process_kill_until_done(c.argument, seed, 10, 40);
        char *said = read_file(scratch_path("out"), NULL);
        assert_string_equal(said, page);
        free(said);
        is_whole(database);
    }
}

/* What others see of one that was killed half-way: a run that stopped, counts that say of how many
 * matrices they are, and a database in which everything is what it says. */
static void half_of_one_is_no_result(void **state)
{
    (void)state;
    call c;
    make_call(&c, "half.db");
    pid_t pid = process_start(c.argument, "out", "err");
    wait_for_query(scratch_path("half.db"), "SELECT count(*) FROM spectrum", 3);
    (void)kill(pid, SIGKILL);
    int code = process_wait(pid);
    if (code == 0) skip(); /* it was faster */
    int64_t spectra = ask("half.db", "SELECT count(*) FROM spectrum");
    assert_true(spectra >= 3 && spectra <= MATRICES);
    assert_true(ask("half.db", "SELECT matrices FROM spectrum_total") == spectra);
    assert_int_equal(ask("half.db", "SELECT count(*) FROM run WHERE status = 'done'"), 0);
    assert_int_equal(ask("half.db", "SELECT count(*) FROM stage_summary WHERE status = 'done'"), 0);
    assert_int_equal(ask("half.db", "SELECT matrices FROM intruders"), spectra);
    assert_int_equal(told("ls {half.db}"), 0);
    assert_non_null(strstr(told_out(), "stopped"));
    assert_int_equal(told("verify {half.db}"), 0);
    assert_int_equal(told("intruders {base} {tuned} --side both --json --no-null --db {half.db}"),
                     0);
    assert_string_equal(told_out(), page);
    is_whole("half.db");
}

/* Any number of threads, again, with fewer matrices: nothing changes. */
static void what_is_there_stays(void **state)
{
    (void)state;
    assert_int_equal(
        told("intruders {base} {tuned} --side both --json --no-null --threads 1 --db {again.db}"),
        0);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(told_out(), page);
        is_whole("again.db");
        assert_int_equal(told("intruders {base} {tuned} --side both --json --no-null --threads 3 "
                              "--db {again.db}"),
                         0);
    }
    assert_int_equal(told("intruders {base} {tuned} --json --match q_proj --db {again.db}"), 0);
    char *few = strdup(told_out());
    is_whole("again.db");
    /* so do its random updates, which are drawn again */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(told("intruders {base} {tuned} --json --match q_proj --db {few.db}"), 0);
        assert_string_equal(told_out(), few);
    }
    free(few);
}

/* One that has fewer matrices is gone on from; one with other directions, or rows that are not what
 * was sealed, is made anew. */
static void what_does_not_answer_is_replaced(void **state)
{
    (void)state;
    assert_int_equal(told("intruders {base} {tuned} --match q_proj --no-null --db {more.db}"), 0);
    assert_int_equal(ask("more.db", "SELECT count(*) FROM spectrum"), LAYERS);
    assert_int_equal(told("intruders {base} {tuned} --side both --json --no-null --db {more.db}"),
                     0);
    assert_string_equal(told_out(), page);
    assert_int_equal(ask("more.db", "SELECT count(*) FROM spectrum"), MATRICES);
    assert_int_equal(ask("more.db", "SELECT count(*) FROM run WHERE status = 'done'"), 1);
    assert_int_equal(told("verify {more.db}"), 0);

    assert_int_equal(told("intruders {base} {tuned} -k 40 --no-null --db {more.db}"), 0);
    assert_int_equal(ask("more.db", "SELECT max(position) FROM direction"), 40);
    assert_int_equal(told("diff {base} {tuned} --no-null --db {more.db}"), 0);
    assert_int_equal(ask("more.db", "SELECT max(position) FROM direction"), TOP);

    assert_int_equal(told("intruders {base} {tuned} --no-null --db {bad.db}"), 0);
    change("bad.db", "UPDATE direction SET sigma = 2 * sigma WHERE position = 3");
    assert_int_equal(told("verify {bad.db}"), 1);
    assert_int_equal(told("intruders {base} {tuned} --side both --json --no-null --db {bad.db}"),
                     0);
    assert_string_equal(told_out(), page);
    is_whole("bad.db");
}

/* ------------------------------------------------------------------------------- not found anew
 */

typedef struct counting {
    const wane_pair_keeper *keeper;
    size_t kept, most; /* matrices; it fails before it keeps more than these, 0: any */
} counting;

static wane_status recall(void *context, wane_pair_spectra *all, bool *known, wane_error *err)
{
    const counting *c = context;
    return c->keeper->recall(c->keeper->context, all, known, err);
}

static wane_status keep(void *context, const wane_pair_spectra *all, const size_t *place,
                        size_t count, wane_error *err)
{
    counting *c = context;
    if (c->most && c->kept + count > c->most)
        return wane_fail(err, WANE_EINTERNAL, "test: stopped");
    c->kept += count;
    return c->keeper->keep(c->keeper->context, all, place, count, err);
}

/* How many matrices were found for the database; with `most` it ends there, and nothing is sealed.
 */
static size_t found_until(const char *database, wane_pair_spectra *out, bool seal, bool bounded,
                          size_t most)
{
    wane_error err;
    char base[512], tuned[512];
    wane_comparison pair = {0};
    wane_comparison_options names = {0};
    wane_pair_store *store = NULL;
    wane_pool *pool = NULL;
    wane_pair_question question = {.k = 10, .epsilon = 0.5, .no_null = true, .bounded = bounded};
    (void)snprintf(base, sizeof base, "%s", scratch_path("base"));
    (void)snprintf(tuned, sizeof tuned, "%s", scratch_path("tuned"));
    wane_pair_store_widen(&question);
    CHECK_OK(wane_pool_new(&pool, 2, &err));
    CHECK_OK(wane_comparison_open(&pair, base, tuned, &names, NULL, &err));
    CHECK_OK(wane_pair_store_open(&store, scratch_path(database), &pair, &question, 2, &err));
    counting c = {.keeper = wane_pair_store_keeper(store), .most = most};
    const wane_pair_keeper keeper = {&c, recall, keep};
    question.keeper = &keeper;
    wane_status st = wane_pair_spectra_find(out, &pair, &question, pool, &err);
    if (most) CHECK_FAILS(st, WANE_EINTERNAL, "test: stopped");
    else CHECK_OK(st);
    if (seal) CHECK_OK(wane_pair_store_seal(store, out, &err));
    wane_pair_store_close(store);
    wane_comparison_close(&pair);
    wane_pool_free(pool);
    return c.kept;
}

static size_t found_for(const char *database, wane_pair_spectra *out, bool seal, bool bounded)
{
    return found_until(database, out, seal, bounded, 0);
}

/* Number by number what was found and what is read back; a NaN is a NaN. */
static void same_spectra(const wane_pair_spectra *a, const wane_pair_spectra *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        const wane_matrix_spectrum *x = &a->matrix[i], *y = &b->matrix[i];
        const wane_spectrum *s = &x->spectrum, *t = &y->spectrum;
        assert_true(x->changed == y->changed && x->floor == y->floor);
        assert_int_equal(x->base_count, y->base_count);
        assert_true(s->base_frobenius == t->base_frobenius);
        assert_true(s->delta_frobenius == t->delta_frobenius && s->bounded == t->bounded);
        if (!x->changed) continue;
        assert_int_equal(s->count, t->count);
        assert_memory_equal(x->intruders, y->intruders, sizeof x->intruders);
        assert_memory_equal(x->more, y->more, sizeof x->more);
        assert_memory_equal(x->energy, y->energy, sizeof x->energy);
        const double one[] = {s->base_spectral,
                              s->delta_spectral,
                              s->relative_update,
                              s->effective_rank,
                              s->stable_rank,
                              s->top_share,
                              s->rho,
                              s->floor};
        const double two[] = {t->base_spectral,
                              t->delta_spectral,
                              t->relative_update,
                              t->effective_rank,
                              t->stable_rank,
                              t->top_share,
                              t->rho,
                              t->floor};
        assert_memory_equal(one, two, sizeof one);
        for (int side = 0; side < 2; side++)
            assert_memory_equal(s->side[side], t->side[side], s->count * sizeof *s->side[side]);
    }
}

static void nothing_is_found_twice(void **state)
{
    (void)state;
    static const char *const names[] = {"twice.db", "bounded.db"};
    for (int bounded = 0; bounded < 2; bounded++) {
        wane_pair_spectra found = {0}, again = {0}, last = {0};
        char running[] = "SELECT count(*) FROM run WHERE status = 'running'";
        assert_int_equal(found_for(names[bounded], &found, false, bounded), MATRICES);
        assert_int_equal(ask(names[bounded], running), 1);
        assert_int_equal(found_for(names[bounded], &again, true, bounded), 0);
        same_spectra(&found, &again);
        if (!bounded) is_whole(names[bounded]);
        assert_int_equal(found_for(names[bounded], &last, true, bounded), 0);
        same_spectra(&found, &last);
        wane_pair_spectra_free(&found);
        wane_pair_spectra_free(&again);
        wane_pair_spectra_free(&last);
    }
    assert_true(ask("bounded.db", "SELECT count(*) FROM spectrum WHERE reason = 'bounded'") > 0);
}

static void what_was_found_stays_found(void **state)
{
    (void)state;
    enum { FIRST = 6, SECOND = 10 }; /* two side by side */
    wane_pair_spectra none = {0}, all = {0};
    assert_int_equal(found_until("parts.db", &none, false, false, FIRST), FIRST);
    assert_int_equal(ask("parts.db", "SELECT matrices FROM spectrum_total"), FIRST);
    assert_int_equal(found_until("parts.db", &none, false, false, SECOND), SECOND);
    assert_int_equal(found_for("parts.db", &all, true, false), MATRICES - FIRST - SECOND);
    is_whole("parts.db");
    wane_pair_spectra_free(&all);
}

/* Exact spectra answer who is content with bounds; bounds do not answer who wants exact ones. */
static void bounds_and_exact_ones(void **state)
{
    (void)state;
    wane_pair_spectra found = {0}, again = {0};
    assert_int_equal(found_for("kinds.db", &found, true, true), MATRICES);
    assert_int_equal(found_for("kinds.db", &again, true, false), MATRICES);
    is_whole("kinds.db");
    wane_pair_spectra_free(&again);
    assert_int_equal(found_for("kinds.db", &again, true, true), 0);
    is_whole("kinds.db");
    wane_pair_spectra_free(&again);
    wane_pair_spectra_free(&found);
}

static int end(void **state)
{
    free(page);
    told_free();
    return scratch_remove(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_found_twice),
        cmocka_unit_test(what_was_found_stays_found),
        cmocka_unit_test(bounds_and_exact_ones),
        cmocka_unit_test(half_of_one_is_no_result),
        cmocka_unit_test(what_is_there_stays),
        cmocka_unit_test(what_does_not_answer_is_replaced),
        cmocka_unit_test(kills_change_nothing),
    };
    return cmocka_run_group_tests(tests, make, end);
}
