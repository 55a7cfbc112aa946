/* SPDX-License-Identifier: Apache-2.0
 * What a run records beside scores and likelihoods, asked of a small database.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/report/glossary.h"
#include "store/results/query.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

/* Two tasks, two methods, two pretraining corpora, the built-in model, hardly pretrained. */
static const char experiment[] =
    "name: small\n"
    "model: builtin\n"
    "pretraining: {width: 32, layers: 2, heads: 2, kv_heads: 1, hidden: 64, steps: 20,\n"
    "              documents: 200, batch_tokens: 512, context: 96}\n"
    "corpora:\n"
    "  - {name: text, path: builtin, role: pretraining, documents: 20}\n"
    "  - {name: more, path: builtin, role: pretraining, documents: 10, seed: 7, weight: 3}\n"
    "tasks:\n"
    "  - {path: builtin/topic, train_rows: 64, test_rows: 32}\n"
    "  - {path: builtin/counting, train_rows: 64, test_rows: 32}\n"
    "methods:\n"
    "  - {name: full, kind: full-matrices, learning_rate: 1e-2}\n"
    "  - {name: lora, kind: lora, rank: 2, learning_rate: 1e-1}\n"
    "training: {epochs: 1, batch_size: 8, max_seq_length: 96}\n"
    "intruders: {against: [base, previous]}\n"
    "matrices: [{name: layers.0.q_proj, stages: all, sides: [u, v]}, \"1.down*\"]\n"
    "track: {every: 3, nll_tokens: 150, task_rows: 16}\n";

static int run_to(const char *text, const char *database)
{
    char yaml[512], path[512];
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    (void)snprintf(path, sizeof path, "%s", scratch_path(database));
    write_file(yaml, text, strlen(text));
    const char *const arguments[] = {"run", yaml, "--db", path, "--threads", "1", NULL};
    int code = process_run(arguments, "out", "err");
    if (code != 0) {
        char *said = read_file(scratch_path("err"), NULL);
        print_error("exit code %d: %s\n", code, said);
        free(said);
    }
    return code;
}

static int make(void **state)
{
    return scratch_make(state) == 0 ? run_to(experiment, "small.db") : -1;
}

static double number(const char *database, const char *sql)
{
    return query_number_at(scratch_path(database), sql);
}

#define COUNTS(sql, count) assert_int_equal((int)number("small.db", sql), count)

/* 4 stages of 14 matrices; the first stage's are against the base either way. */
static void the_stage_before_is_a_reference(void **state)
{
    (void)state;
    COUNTS("SELECT count(*) FROM spectrum WHERE step = -1 AND against = 'previous'", 4 * 14);
    COUNTS("SELECT count(*) FROM spectrum WHERE step = -1 AND against = 'base'", 4 * 14);
    static const char differ[] =
        "SELECT count(*) FROM spectrum a JOIN spectrum b ON b.stage = a.stage AND b.step = a.step "
        "AND b.matrix = a.matrix AND b.against = 'previous' JOIN stage s ON s.id = a.stage "
        "WHERE a.against = 'base' AND a.delta_frobenius <> b.delta_frobenius AND "
        "(SELECT parent FROM stage WHERE id = s.parent) IS %s NULL";
    char sql[512];
    (void)snprintf(sql, sizeof sql, differ, ""); /* parent is the base */
    COUNTS(sql, 0);
    (void)snprintf(sql, sizeof sql, differ, "NOT");
    COUNTS(sql, 2 * 14);
    /* W_2 - W_0 = (W_2 - W_1) + (W_1 - W_0): the norms obey the triangle inequality */
    COUNTS("SELECT count(*) FROM spectrum_total a JOIN spectrum_total p ON p.stage = a.stage AND "
           "p.step = -1 AND p.against = 'previous' JOIN stage s ON s.id = a.stage JOIN "
           "spectrum_total f ON f.stage = s.parent AND f.step = -1 AND f.against = 'base' WHERE "
           "a.step = -1 AND a.against = 'base' AND "
           "a.delta_frobenius <= p.delta_frobenius + f.delta_frobenius AND "
           "a.delta_frobenius >= abs(p.delta_frobenius - f.delta_frobenius)",
           2);
    COUNTS("SELECT count(*) FROM usage WHERE phase = 'svd_previous'", 2);
    /* views speak of the base alone */
    COUNTS("SELECT count(*) FROM intruders", 4);
    COUNTS("SELECT count(*) FROM stage_summary WHERE position > 0", 4);
}

static void energies_are_shares(void **state)
{
    (void)state;
    COUNTS("SELECT count(*) FROM spectrum WHERE step = -1 AND energy_u BETWEEN 0 AND 1 AND "
           "energy_v BETWEEN 0 "
           "AND 1 AND (energy_u > 0) = (intruders_u > 0)",
           2 * 4 * 14);
    assert_true(number("small.db", "SELECT count(*) FROM spectrum WHERE intruders_u > 0 AND "
                                   "energy_u < 1") > 10);
    /* the same from the directions */
    assert_true(number("small.db",
                       "SELECT max(abs(s.energy_v - (SELECT total(iif(d.max_cosine < .5, "
                       "d.sigma * d.sigma, 0)) / sum(d.sigma * d.sigma) FROM direction d WHERE "
                       "d.stage = s.stage AND d.step = s.step AND d.against = s.against AND "
                       "d.matrix = s.matrix AND d.side = 'v' AND d.position <= 10))) "
                       "FROM spectrum s") < 1e-12);
}

static void chosen_matrices_have_overlaps(void **state)
{
    (void)state;
    COUNTS("SELECT count(*) FROM cell WHERE measure = 'overlap'", 4 + 2);
    COUNTS("SELECT count(*) FROM (SELECT 1 FROM overlap o JOIN matrix m ON m.id = o.matrix WHERE "
           "m.name = 'model.layers.0.self_attn.q_proj.weight' GROUP BY stage, side HAVING count(*) "
           "= 32 * 32)",
           4 * 2);
    COUNTS("SELECT count(DISTINCT o.stage) FROM overlap o JOIN matrix m ON m.id = o.matrix WHERE "
           "m.name = 'model.layers.1.mlp.down_proj.weight' AND o.side = 'u'",
           2);
    /* the largest of a column is the direction's max_cosine: 32 are all there are */
    COUNTS("SELECT count(*) FROM direction d WHERE d.step = -1 AND d.against = 'base' AND "
           "abs(d.max_cosine - (SELECT max(o.value) FROM overlap o WHERE o.stage = d.stage AND "
           "o.matrix = d.matrix AND o.side = d.side AND o.j = d.position)) < 1e-9",
           (4 * 2 + 2) * 32);
}

static void changes_act_and_turn(void **state)
{
    (void)state;
    COUNTS("SELECT count(*) FROM change c JOIN spectrum s ON s.stage = c.stage AND s.step = -1 AND "
           "s.matrix = c.matrix AND s.against = 'base' WHERE c.f_delta > 0 AND c.f_delta < "
           "s.delta_spectral * (1 + 1e-6)",
           4 * 14);
    COUNTS("SELECT count(*) FROM change WHERE reason = 'first_stage' AND angle_u IS NULL", 2 * 14);
    COUNTS("SELECT count(*) FROM change c JOIN run_stage p ON p.stage = c.stage JOIN run r ON r.id "
           "= p.run WHERE c.angle_u > 0 AND c.angle_v < 1.5708 AND c.directions = CASE r.kind WHEN "
           "'lora' THEN 2 ELSE 8 END",
           2 * 14);
    COUNTS("SELECT count(*) FROM stage_summary s WHERE abs(f_delta - (SELECT avg(c.f_delta) FROM "
           "change c JOIN stage g ON g.id = c.stage WHERE g.key = s.stage)) < 1e-15",
           4);
}

/* sqrt(1^2 a^2 + 3^2 b^2) / (1 + 3) */
static void errors_of_several_corpora_combine(void **state)
{
    (void)state;
    assert_true(
        number("small.db",
               "SELECT max(abs(s.pretraining_forgetting_stderr - (SELECT sqrt(sum(CASE p.corpus "
               "WHEN 'more' THEN 9 ELSE 1 END * p.stderr * p.stderr)) / 4 FROM "
               "pretraining_forgetting p WHERE p.run = s.run AND p.position = s.position))) "
               "FROM stage_summary s WHERE s.position > 0") < 1e-12);
    COUNTS("SELECT count(*) FROM stage_summary WHERE pretraining_forgetting_stderr > 0", 4);
    COUNTS("SELECT count(*) FROM stage_summary WHERE position = 0 AND "
           "pretraining_forgetting_stderr IS NULL",
           2);
}

/* 8 steps a stage: looks at 0, 3, 6, 8. The first stage has one task to look at, the second two. */
static void looks_are_where_they_are_due(void **state)
{
    (void)state;
    COUNTS("SELECT count(*) FROM (SELECT stage FROM likelihood WHERE step >= 0 GROUP BY stage "
           "HAVING group_concat(step) = '0,3,6,8' AND max(tokens) = 150 AND min(tokens) = 150)",
           4);
    COUNTS("SELECT count(*) FROM spectrum WHERE step >= 0 AND against = 'base'", 4 * 4 * 14);
    COUNTS("SELECT count(*) FROM score WHERE step >= 0 AND metric = 'accuracy' AND n = 16",
           4 * (1 + 2) * 2);
    COUNTS("SELECT count(*) FROM example WHERE step >= 0", 0);
    COUNTS("SELECT count(*) FROM usage WHERE phase IN ('track_nll', 'track_tasks', "
           "'track_spectra') AND wall_s > 0",
           3 * 4);
    /* the last look is the sealed stage: the same factors, or the same weights */
    COUNTS("SELECT count(*) FROM spectrum a JOIN spectrum b ON b.stage = a.stage AND b.step = -1 "
           "AND b.against = a.against AND b.matrix = a.matrix WHERE a.step = 8 AND "
           "abs(a.delta_frobenius - b.delta_frobenius) <= 1e-12 * b.delta_frobenius",
           4 * 14);
    COUNTS("SELECT count(*) FROM direction a JOIN direction b ON b.stage = a.stage AND b.step = -1 "
           "AND b.against = a.against AND b.matrix = a.matrix AND b.side = a.side AND b.position = "
           "a.position WHERE a.step = 8 AND abs(a.max_cosine - b.max_cosine) < 1e-6",
           4 * 14 * 2 * 10);
    /* and the first look of a second stage the last one of the first */
    COUNTS("SELECT count(*) FROM spectrum a JOIN stage s ON s.id = a.stage JOIN spectrum b ON "
           "b.stage = s.parent AND b.step = 8 AND b.against = a.against AND b.matrix = a.matrix "
           "WHERE a.step = 0 AND abs(a.delta_frobenius - b.delta_frobenius) <= 1e-6 * "
           "b.delta_frobenius",
           2 * 14);
    COUNTS("SELECT count(*) FROM spectrum_total t JOIN stage s ON s.id = t.stage WHERE "
           "t.step = 0 AND s.parent = 1 AND t.delta_frobenius = 0",
           2);
}

/* Both sides of a triplet are one direction; ids begin at 1; a direction that is nearly a base
 * vector all the time is one direction all the time. */
static void identities_are_stored(void **state)
{
    (void)state;
    COUNTS("SELECT count(*) FROM direction WHERE step >= 0 AND identity IS NULL", 0);
    COUNTS("SELECT count(*) FROM direction WHERE step = -1 AND identity IS NOT NULL", 0);
    COUNTS("SELECT count(*) FROM direction a JOIN direction b USING (stage, step, against, "
           "position, matrix) WHERE a.side = 'u' AND b.side = 'v' AND a.step >= 0 AND a.identity "
           "<> b.identity",
           0);
    COUNTS("SELECT count(*) FROM direction WHERE step = 0 AND identity = position",
           4 * 14 * 2 * 10);
    COUNTS("SELECT count(*) FROM (SELECT 1 FROM direction WHERE step >= 0 AND side = 'u' GROUP BY "
           "stage, step, matrix, identity HAVING count(*) > 1)",
           0);
    /* some are followed to the end, some are new */
    assert_true(number("small.db", "SELECT count(*) FROM direction WHERE step = 8 AND identity <= "
                                   "10") > 100);
    assert_true(number("small.db", "SELECT max(identity) FROM direction WHERE step = 8") > 10);
}

/* From the stored looks, by the definition. */
static void worst_cases_are_metrics(void **state)
{
    (void)state;
    static const char by_hand[] =
        "SELECT count(*) FROM run r JOIN metric m ON m.run = r.id AND m.position = 2 AND m.name = "
        "'min_acc' JOIN metric w ON w.run = r.id AND w.position = 2 AND w.name = 'wc_acc' "
        "JOIN run_stage p ON p.run = r.id AND p.position = 2 JOIN run_stage f ON f.run = r.id AND "
        "f.position = 1 WHERE m.value = (SELECT min(value) FROM score s WHERE s.stage = p.stage "
        "AND s.step > 0 AND s.task = f.task AND s.metric = 'accuracy') AND w.value = m.value / 2 + "
        "(SELECT value / 2 FROM score s WHERE s.stage = p.stage AND s.step = 8 AND s.task = p.task "
        "AND s.metric = 'accuracy')";
    COUNTS(by_hand, 2);
    COUNTS("SELECT count(*) FROM metric WHERE name = 'min_acc' AND position = 1 AND reason = "
           "'first_stage'",
           2);
    COUNTS("SELECT count(*) FROM metric WHERE name = 'wc_acc' AND position = 1 AND value >= 0", 2);
}

/* The same training bits without looks; asked for later, they are not there, and that is said. */
static void looking_changes_nothing_and_comes_too_late(void **state)
{
    (void)state;
    char *text = strdup(experiment), *track = strstr(text, "track:");
    assert_non_null(track);
    *track = '\0';
    assert_int_equal(run_to(text, "blind.db"), 0);
    free(text);
    wane_results *db = open_results(scratch_path("small.db"), WANE_RESULTS_READ);
    wane_results_close(db);
    static const char *const sums[] = {"SELECT total(loss * (step + 1)) FROM step",
                                       "SELECT total(nll) FROM likelihood WHERE step = -1",
                                       "SELECT total(margin) FROM example WHERE step = -1"};
    for (int i = 0; i < 3; i++) {
        double seen = number("small.db", sums[i]), unseen = number("blind.db", sums[i]);
        assert_memory_equal(&seen, &unseen, sizeof seen);
    }
    assert_int_equal(
        (int)number("blind.db", "SELECT count(*) FROM metric WHERE reason = 'not_tracked'"), 2 * 3);
    assert_int_equal(run_to(experiment, "blind.db"), 0);
    char *said = read_file(scratch_path("err"), NULL);
    assert_non_null(strstr(said, "2 stages were trained before 'track' was asked for"));
    free(said);
    assert_int_equal((int)number("blind.db", "SELECT count(*) FROM cell WHERE step = 0 AND reason "
                                             "IS NOT NULL"),
                     3 * 4);
    assert_int_equal((int)number("blind.db", "SELECT count(*) FROM spectrum WHERE step >= 0"), 0);
    assert_int_equal(run_to(experiment, "blind.db"), 0); /* said once */
    said = read_file(scratch_path("err"), NULL);
    assert_null(strstr(said, "before 'track'"));
    free(said);
}

static size_t unexplained(const char *name, bool metric)
{
    const wane_meaning *t = wane_meaning_find(name, NULL);
    bool whole = t && t->brief;
    if (metric) whole = whole && t->kind == WANE_MEANING_METRIC && t->formula && t->unit && t->sign;
    if (!whole) print_error("%s is not explained\n", name);
    return !whole;
}

/* `wane explain` knows every name of a metric, gate and score that is written, with what it is and,
 * for metrics, formula, unit and sign; and every measure among the columns. */
static void every_name_is_explained(void **state)
{
    (void)state;
    static const char *const names[] = {"SELECT DISTINCT name FROM metric",
                                        "SELECT DISTINCT name FROM gate",
                                        "SELECT DISTINCT metric FROM score"};
    static const char *const columns[] = {
        "SELECT * FROM stage_summary LIMIT 0",
        "SELECT * FROM correlation_points LIMIT 0",
        "SELECT sigma, max_cosine, span, subspace_overlap, argmax, identity FROM direction LIMIT 0",
        "SELECT f_delta, directions, angle_u, angle_v FROM change LIMIT 0",
        "SELECT nll, stderr, change_stderr, token_perplexity, word_perplexity, byte_perplexity, "
        "bits_per_byte, kl_to_base, soft_ce, unk_tokens, out_of_reach FROM likelihood LIMIT 0",
        "SELECT base_frobenius, base_spectral, delta_frobenius, delta_spectral, relative_update, "
        "effective_rank, stable_rank, top_share, rho_10, rounding_floor, top_energy FROM spectrum "
        "LIMIT 0"};
    wane_error err;
    size_t count = 0, unknown = 0;
    wane_results *db = open_results(scratch_path("small.db"), WANE_RESULTS_READ);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        wane_query *query = NULL;
        CHECK_OK(wane_query_open(&query, db, names[i], NULL, 0, &err));
        for (; wane_query_next(query, &err) == WANE_OK; count++)
            unknown += unexplained(wane_query_text(query, 0), i == 0);
        wane_query_free(query);
    }
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        wane_query *query = NULL;
        CHECK_OK(wane_query_open(&query, db, columns[i], NULL, 0, &err));
        for (size_t c = 0; c < wane_query_columns(query); c++, count++)
            unknown += unexplained(wane_query_name(query, c), false);
        wane_query_free(query);
    }
    wane_results_close(db);
    assert_int_equal(unknown, 0);
    assert_true(count > 100);
}

static char *curves(const char *const *more, size_t count, int code)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s", scratch_path("small.db"));
    const char *arguments[16] = {"curves", path};
    assert_true(count <= 12);
    for (size_t i = 0; i < count; i++) arguments[2 + i] = more[i];
    assert_int_equal(process_run(arguments, "out", "err"), code);
    return read_file(scratch_path(code ? "err" : "out"), NULL);
}

#define CURVES(code, ...)                                                                          \
    curves((const char *const[]){__VA_ARGS__},                                                     \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), code)

static size_t lines_of(char *text)
{
    size_t count = 0;
    for (const char *c = text; *c; c++) count += *c == '\n';
    free(text);
    return count;
}

/* What can be drawn is what is stored, and what is not there is said. */
static void matrices_are_drawn(void **state)
{
    (void)state;
    /* 2 runs x 4 looks x 10 directions, and the header */
    assert_int_equal(lines_of(CURVES(0, "-m", "rise", "--matrix", "0.up_proj", "-f", "csv")), 81);
    assert_int_equal(lines_of(CURVES(0, "-m", "overlap", "--matrix", "0.q_proj", "--side", "v",
                                     "-w", "method='lora'", "--stage", "1", "-f", "csv")),
                     32 * 32 + 1);
    static const char *const metrics[] = {"rise", "overlap"};
    for (int i = 0; i < 2; i++) {
        char svg[512];
        (void)snprintf(svg, sizeof svg, "%s", scratch_path(i ? "o.svg" : "r.svg"));
        free(CURVES(0, "-m", metrics[i], "--matrix", "q_proj", "-w", "kind='lora'", "--matrix",
                    "0.q_proj", "-o", svg));
        char *drawn = read_file(svg, NULL);
        assert_non_null(strstr(drawn, "lora/given/s0"));
        assert_non_null(strstr(drawn, "</svg>"));
        assert_null(strstr(drawn, "full/given/s0"));
        free(drawn);
    }
    static const struct {
        const char *option, *value, *says;
        int code;
    } wrong[] = {{"--matrix", "lm_head", "names none of the 2 matrices", 2},
                 {"--matrix", "proj*", "names none", 2},
                 {"--matrix", "*", "must name one of 2", 2},
                 {"--side", "w", "neither u nor v", 2},
                 {"--task", "topic", "takes no --task", 2}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *said = CURVES(wrong[i].code, "-m", "overlap", wrong[i].option, wrong[i].value);
        if (!strstr(said, wrong[i].says)) print_error("case %zu: %s\n", i, said);
        assert_non_null(strstr(said, wrong[i].says));
        free(said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_stage_before_is_a_reference),
        cmocka_unit_test(energies_are_shares),
        cmocka_unit_test(looks_are_where_they_are_due),
        cmocka_unit_test(identities_are_stored),
        cmocka_unit_test(worst_cases_are_metrics),
        cmocka_unit_test(looking_changes_nothing_and_comes_too_late),
        cmocka_unit_test(errors_of_several_corpora_combine),
        cmocka_unit_test(chosen_matrices_have_overlaps),
        cmocka_unit_test(changes_act_and_turn),
        cmocka_unit_test(matrices_are_drawn),
        cmocka_unit_test(every_name_is_explained),
    };
    return cmocka_run_group_tests(tests, make, scratch_remove);
}
