/* SPDX-License-Identifier: Apache-2.0
 * Adapters on some matrices, and weights whose directions do not exist or are not unique: the count
 * and what stands beside it agree between commands.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/model/model.h"
#include "store/base/random.h"
#include "store/files/update.h"
#include "tests/support/process.h"
#include "tests/support/support.h"
#include "tests/support/told.h"

enum { WIDTH = 64, RANK = 12, TUNED = 2 };
static const char *const tuned_names[TUNED] = {"model.layers.0.self_attn.q_proj.weight",
                                               "model.layers.1.self_attn.v_proj.weight"};
static wane_model *model;

/* On one query and one value matrix of 14. */
static void save_adapter(const char *path)
{
    wane_error err;
    wane_update update = {0};
    float *factor = calloc((size_t)TUNED * 2 * RANK * WIDTH, sizeof *factor), *next = factor;
    assert_non_null(factor);
    const wane_random where = {.seed = 1, .purpose = WANE_RANDOM_TEST};
    wane_random_normal_fill(factor, (size_t)TUNED * 2 * RANK * WIDTH, 0.125, &where);
    CHECK_OK(wane_update_new(&update, TUNED, true, &err));
    for (size_t i = 0; i < TUNED; i++, next += 2 * RANK * WIDTH) {
        size_t rows = i == 0 ? WIDTH : WIDTH / 2;
        update.tensors[i] = (wane_update_tensor){
            .name = tuned_names[i],
            .rows = rows,
            .cols = WIDTH,
            .term = {.b = next, .a = next + RANK * WIDTH, .rank = RANK, .scale = 1}};
    }
    update.facts = (wane_adapter_facts){.alpha = RANK, .rank = RANK};
    CHECK_OK(wane_update_save(&update, path, &err));
    wane_update_free(&update);
    free(factor);
}

/* One tensor m.weight, rows x cols. */
static void save_matrix(const char *name, float *values, size_t rows, size_t cols)
{
    wane_error err;
    wane_update update = {0};
    CHECK_OK(wane_update_new(&update, 1, false, &err));
    update.tensors[0] =
        (wane_update_tensor){.name = "m.weight", .rows = rows, .cols = cols, .data = values};
    CHECK_OK(wane_update_save(&update, scratch_path(name), &err));
    wane_update_free(&update);
}

static void save_matrices(void)
{
    enum { ROWS = 64, COLS = 96, SIZE = ROWS * COLS };
    float *a = calloc(SIZE, sizeof *a), *b = calloc(SIZE, sizeof *b), factor[2 * (ROWS + COLS)];
    assert_true(a && b);
    wane_random where = {.seed = 2, .purpose = WANE_RANDOM_TEST};
    save_matrix("zero.safetensors", a, ROWS, COLS);
    wane_random_normal_fill(a, SIZE, 1, &where);
    save_matrix("dense.safetensors", a, ROWS, COLS);
    where.tensor = 1;
    wane_random_normal_fill(factor, 2 * (ROWS + COLS), 1, &where);
    for (size_t i = 0; i < SIZE; i++)
        for (size_t k = 0; k < 2; k++)
            b[i] += factor[2 * (i / COLS) + k] * factor[2 * (ROWS + i % COLS) + k];
    save_matrix("rank2.safetensors", b, ROWS, COLS);
    for (size_t i = 0; i < ROWS * ROWS; i++) /* orthogonal, all singular values 1 */
        a[i] = __builtin_popcountll(i / ROWS & i % ROWS) % 2 ? -0.125f : 0.125f;
    save_matrix("orthogonal.safetensors", a, ROWS, ROWS);
    where.tensor = 2;
    wane_random_normal_fill(b, ROWS * ROWS, 1e-6, &where);
    for (size_t i = 0; i < ROWS * ROWS; i++) a[i] += b[i];
    save_matrix("moved.safetensors", a, ROWS, ROWS);
    free(a);
    free(b);
}

static int make(void **state)
{
    wane_error err;
    if (scratch_make(state) != 0) return -1;
    model = small_model(2, 4, 16, 100);
    save_adapter(scratch_path("qv"));
    save_matrices();
    for (size_t i = 0; i < model->parameters.floats; i++) model->weights[i] *= 1.5f;
    CHECK_OK(wane_model_save(model, scratch_path("base-moved"), &err));
    return 0;
}

static int unmake(void **state)
{
    told_free();
    wane_model_free(model);
    return scratch_remove(state);
}

/* The sum of a column over the rows of what a command prints as JSON; with `at`, only over those
 * whose column `at` is `place`. */
static double sum(const char *line, const char *column, const char *at, double place)
{
    const wane_json *answer = told_json(line), *columns = wane_json_get(answer, "columns");
    const wane_json *rows = wane_json_get(answer, "rows");
    size_t found = SIZE_MAX, where = SIZE_MAX, counted = 0;
    double total = 0;
    for (size_t i = 0; i < wane_json_size(columns); i++) {
        const char *name = wane_json_string(wane_json_at(columns, i), NULL);
        if (strcmp(name, column) == 0) found = i;
        if (at && strcmp(name, at) == 0) where = i;
    }
    if (found == SIZE_MAX) fail_msg("%s: no column %s", line, column);
    for (size_t r = 0; r < wane_json_size(rows); r++) {
        const wane_json *row = wane_json_at(rows, r);
        double number = NAN, here = place;
        if (at) assert_true(wane_json_number(&here, wane_json_at(row, where)));
        if (here != place) continue;
        (void)wane_json_number(&number, wane_json_at(row, found));
        total += number;
        counted++;
    }
    assert_true(counted > 0);
    return total;
}

/* Of two matrices of 14, everywhere. */
static void a_count_is_over_the_changed_matrices(void **state)
{
    (void)state;
    const wane_json *page = told_json("intruders {base} {qv} --json --db {qv.db}");
    double intruders = json_number(page, "total"), null = json_number(page, "intruders_null");
    assert_true(json_number(page, "existing") == 20 && intruders > 0);
    page = wane_json_get(told_json("diff {base} {qv} --json"), "spectra");
    CHECK_NEAR(json_number(wane_json_get(page, "u"), "intruders_null"), null, 0, 0);
    CHECK_NEAR(json_number(wane_json_get(page, "u"), "intruders"), intruders, 0, 0);
    static const struct question {
        const char *line, *intruders, *at;
        double place;
    } questions[] = {{"ls {qv.db} --json", "intruders", NULL, 0},
                     {"query {qv.db} --name run_summary --json", "intruders", NULL, 0},
                     {"query {qv.db} --name intruders --json", "intruders", NULL, 0},
                     {"query {qv.db} --name intruders_by_run --json", "intruders", NULL, 0},
                     {"query {qv.db} --name intruders_by_method --json", "intruders", NULL, 0},
                     {"query {qv.db} --name intruders_by_matrix --json", "intruders", NULL, 0},
                     {"query {qv.db} --name intruders_by_module --json", "intruders", NULL, 0},
                     {"curves {qv.db} -m intruders_by_matrix --json", "mean", NULL, 0},
                     {"curves {qv.db} -x epsilon --json", "mean", "epsilon", 0.5},
                     {"curves {qv.db} -x k --json", "mean", "k", 10},
                     {"curves {qv.db} -m intruders --json", "mean", "stage", 1}};
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        const struct question *q = &questions[i];
        CHECK_NEAR(sum(q->line, q->intruders, q->at, q->place), intruders, 0, 0);
    }
    /* Matrices that have not changed are listed, and count nothing. */
    assert_true(sum("query {qv.db} --name intruders_by_matrix --json", "changed", NULL, 0) == 2);
    assert_int_equal(query_integer_at(scratch_path("qv.db"),
                                      "SELECT count(*) FROM spectrum WHERE changed = 0 AND "
                                      "reason = 'unchanged' AND intruders_u = 0"),
                     12);
    /* Any k up to all there are, although the largest matrices are unchanged. */
    CHECK_NEAR(sum("query {qv.db} --name intruders --param k=32 --param epsilon=.4 --json",
                   "existing", NULL, 0),
               64, 0, 0);
}

/* What a page was stored from has no draws, and every count says so. */
static void a_count_without_draws_says_so(void **state)
{
    (void)state;
    static const char *const lines[] = {"curves {qv.db} -m intruders", "curves {qv.db} -x epsilon",
                                        "curves {qv.db} -m intruders -x delta_frobenius",
                                        "curves {qv.db} -m intruders_by_matrix"};
    assert_int_equal(told("intruders {base} {qv} --db {qv.db}"), 0);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_int_equal(told(lines[i]), 0);
        assert_non_null(strstr(told_out(), "no null: none was drawn for these stages"));
    }
    assert_int_equal(told("curves {qv.db} -x k"), 0);
    assert_non_null(strstr(told_out(), "no null: draws are counted at k = 10"));
}

typedef struct pair {
    const char *base, *tuned;
    size_t intruders, unresolved, existing;
} pair;

/* Also from the database, at the page's k and at another, where no more directions exist. */
static void check_pair(const pair *p, int side, const char *k)
{
    char line[300], name = side ? 'v' : 'u';
    (void)snprintf(line, sizeof line,
                   "intruders {%s.safetensors} {%s.safetensors} --side %c --json --db {%s-%s.db}",
                   p->base, p->tuned, name, p->base, p->tuned);
    const wane_json *page = told_json(line);
    assert_true(json_number(page, "total") == (double)p->intruders);
    assert_true(json_number(page, "unresolved") == (double)p->unresolved);
    assert_true(json_number(page, "existing") == (double)p->existing);
    (void)snprintf(line, sizeof line,
                   "query {%s-%s.db} --name intruders --param side=%c --param k=%s --json", p->base,
                   p->tuned, name, k);
    CHECK_NEAR(sum(line, "intruders", NULL, 0), (double)p->intruders, 0, 0);
    CHECK_NEAR(sum(line, "unresolved", NULL, 0), (double)p->unresolved, 0, 0);
    CHECK_NEAR(sum(line, "existing", NULL, 0), (double)p->existing, 0, 0);
    (void)snprintf(line, sizeof line, "curves {%s-%s.db} -x epsilon --side %c --json", p->base,
                   p->tuned, name);
    CHECK_NEAR(sum(line, "mean", "epsilon", 0.5), (double)p->intruders, 0, 0);
}

/* Nothing changed: nothing of nothing, not an error. */
static void a_weight_against_itself(void **state)
{
    (void)state;
    static const char *const lines[] = {"query {same.db} --name intruders --json",
                                        "query {same.db} --name intruders_by_matrix --json",
                                        "ls {same.db} --json"};
    assert_int_equal(told("intruders {dense.safetensors} {dense.safetensors} --db {same.db}"), 0);
    for (size_t i = 0; i < 3; i++) CHECK_NEAR(sum(lines[i], "intruders", NULL, 0), 0, 0, 0);
    CHECK_NEAR(sum("curves {same.db} -x epsilon --json", "mean", "epsilon", 0.5), 0, 0, 0);
    CHECK_NEAR(sum("curves {same.db} -m intruders_by_matrix --json", "mean", NULL, 0), 0, 0, 0);
}

static void directions_that_do_not_exist_are_no_intruders(void **state)
{
    (void)state;
    static const pair pairs[] = {{"dense", "zero", 0, 0, 0},
                                 {"zero", "rank2", 2, 0, 2},
                                 {"dense", "rank2", 2, 0, 2},
                                 {"orthogonal", "moved", 0, 10, 10}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        for (int side = 0; side < 2; side++) check_pair(&pairs[i], side, i < 3 ? "20" : "10");
    assert_int_equal(told("intruders {orthogonal.safetensors} {moved.safetensors}"), 0);
    assert_non_null(strstr(told_out(), "unresolved           10 more, in neither side"));
    assert_int_equal(told("intruders {zero.safetensors} {rank2.safetensors}"), 0);
    assert_non_null(strstr(told_out(), "2 of 2 directions that exist"));
    assert_null(strstr(told_out(), "inf"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_count_is_over_the_changed_matrices),
        cmocka_unit_test(a_count_without_draws_says_so),
        cmocka_unit_test(directions_that_do_not_exist_are_no_intruders),
        cmocka_unit_test(a_weight_against_itself),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
