/* SPDX-License-Identifier: Apache-2.0
 * The table of reports: names, options and examples hold together, what an entry does not take is
 * refused, and a name that is misspelt is told its nearest.
 */
#include <stdio.h>
#include <string.h>

#include "analysis/report/lists.h"
#include "analysis/report/report.h"
#include "store/base/text.h"
#include "store/results/query.h"
#include "tests/support/support.h"
#include "tests/unit/results/sample.h"

static const sample_shape shape = {
    .methods = 2, .orders = 1, .seeds = 2, .tasks = 2, .corpora = 1, .matrices = 2, .top = 10};
static sample s;
static wane_results *db;

static int open_sample(void **state)
{
    if (scratch_make(state) != 0) return -1;
    db = sample_filled(&s, scratch_path("r.db"), &shape);
    return 0;
}

static int close_sample(void **state)
{
    sample_close(db, &s);
    return scratch_remove(state);
}

static void names_are_unique_and_entries_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < WANE_REPORTS; i++) {
        const wane_report *r = wane_reports[i];
        assert_true(r->name && r->brief && r->example);
        assert_true(r->open && r->rows && r->draw && r->caption);
        assert_ptr_equal(wane_report_of(r->name), r);
        for (size_t k = 0; k < i; k++) assert_string_not_equal(wane_reports[k]->name, r->name);
    }
    assert_ptr_equal(wane_report_of(NULL), wane_reports[0]);
    assert_ptr_equal(wane_report_of("forgetting"), wane_reports[0]);
}

static const wane_report_option *option_named(const char *name)
{
    for (size_t i = 0; i < WANE_REPORT_OPTIONS; i++) {
        const wane_report_option *o = &wane_report_options[i];
        if (strcmp(o->name, name) == 0 || (o->letter && o->letter == name[0] && !name[1])) return o;
    }
    return NULL;
}

static void every_option_is_a_bit_of_its_own(void **state)
{
    (void)state;
    uint32_t all = 0, taken = 0;
    for (size_t i = 0; i < WANE_REPORT_OPTIONS; i++) {
        const wane_report_option *o = &wane_report_options[i];
        assert_true(o->bit && (o->bit & (o->bit - 1)) == 0 && !(all & o->bit));
        all |= o->bit;
        assert_ptr_equal(option_named(o->name), o);
        assert_true(o->argument && o->help && o->offset < sizeof(wane_report_request));
    }
    for (size_t i = 0; i < WANE_REPORTS; i++) {
        assert_true((wane_reports[i]->takes & ~all) == 0);
        taken |= wane_reports[i]->takes;
    }
    assert_true(taken == all);
}

/* Of the words behind "wane curves DB": -m with a name that leads to the report, -o with a chart,
 * and options that it takes. */
static void check_example(const wane_report *report, const char *call)
{
    char words[200];
    const wane_report *asked = wane_reports[0];
    (void)snprintf(words, sizeof words, "%s", call);
    for (char *rest = NULL, *word = strtok_r(words, " ", &rest); word;
         word = strtok_r(NULL, " ", &rest)) {
        const char *value = strtok_r(NULL, " ", &rest);
        assert_true(word[0] == '-' && value);
        if (strcmp(word, "-m") == 0) asked = wane_report_of(value);
        else if (strcmp(word, "-o") == 0) assert_true(wane_ends_with(value, ".svg"));
        else {
            const wane_report_option *o = option_named(word + (word[1] == '-' ? 2 : 1));
            assert_non_null(o);
            assert_true(report->takes & o->bit);
        }
    }
    assert_ptr_equal(asked, report);
}

static void every_example_parses(void **state)
{
    (void)state;
    for (size_t i = 0; i < WANE_REPORTS; i++) {
        const wane_report *r = wane_reports[i];
        check_example(r, r->example);
        for (const wane_report_example *e = r->more; e && e->call; e++) {
            check_example(r, e->call);
            assert_non_null(e->shows);
        }
    }
}

/* Gives the option a value that may be. */
static void give(wane_report_request *r, const wane_report_option *o)
{
    static const char *const some[] = {"shrink"};
    void *value = (char *)r + o->offset;
    switch (o->kind) {
    case WANE_REPORT_TEXT: *(const char **)value = o->choices ? o->choices[0] : "x"; break;
    case WANE_REPORT_STAGE: *(const char **)value = "2"; break;
    case WANE_REPORT_COUNT: *(size_t *)value = 3; break;
    case WANE_REPORT_FRACTION: *(double *)value = .25; break;
    case WANE_REPORT_NAMES: *(wane_report_names *)value = (wane_report_names){some, 1}; break;
    }
}

static void what_an_entry_does_not_take_is_refused(void **state)
{
    (void)state;
    wane_error err;
    for (size_t i = 0; i < WANE_REPORTS; i++)
        for (size_t k = 0; k < WANE_REPORT_OPTIONS; k++) {
            const wane_report_option *o = &wane_report_options[k];
            wane_report_request request = wane_report_ask(i ? wane_reports[i]->name : "acc");
            CHECK_OK(wane_report_check(&request, &err));
            give(&request, o);
            if (wane_reports[i]->takes & o->bit) CHECK_OK(wane_report_check(&request, &err));
            else CHECK_FAILS(wane_report_check(&request, &err), WANE_EINVAL, o->name);
        }
    wane_report_request request = wane_report_ask("frontierr");
    request.choice = "all";
    CHECK_FAILS(wane_report_check(&request, &err), WANE_EINVAL, "did you mean frontier?");
}

static void values_that_cannot_be_are_refused(void **state)
{
    (void)state;
    wane_error err;
    wane_report_request request = wane_report_ask("acc");
    request.band = "se";
    CHECK_FAILS(wane_report_check(&request, &err), WANE_EINVAL, "--band se: neither sd nor ci");
    request = wane_report_ask("acc");
    request.x_scale = "ln";
    CHECK_FAILS(wane_report_check(&request, &err), WANE_EINVAL, "none of auto, linear, log");
    static const char *const stages[] = {"0", "-1", "first", "1.5", ""};
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        request = wane_report_ask("intruders_by_matrix");
        request.stage = stages[i];
        CHECK_FAILS(wane_report_check(&request, &err), WANE_EINVAL, "from 1 on nor last");
    }
    static const double epsilons[] = {0, -1, 1.01};
    for (size_t i = 0; i < sizeof epsilons / sizeof *epsilons; i++) {
        request = wane_report_ask("rise");
        request.epsilon = epsilons[i];
        CHECK_FAILS(wane_report_check(&request, &err), WANE_EINVAL, "not in (0, 1]");
    }
}

static void check_suggested(const char *wrong, const char *meant)
{
    char wanted[100];
    wane_error err;
    wane_reporting r;
    const wane_report_request request = wane_report_ask(wrong);
    (void)snprintf(wanted, sizeof wanted, "did you mean %s?", meant);
    CHECK_FAILS(wane_report_open(&r, db, &request, &err), WANE_ENOTFOUND, wanted);
    wane_report_close(&r);
}

/* Charts, a metric of runs, a column of stages, and those of a task and a corpus. */
static void a_misspelt_name_is_told_its_nearest(void **state)
{
    (void)state;
    char wrong[100];
    for (size_t i = 1; i < WANE_REPORTS; i++) {
        (void)snprintf(wrong, sizeof wrong, "%se", wane_reports[i]->name);
        check_suggested(wrong, wane_reports[i]->name);
    }
    check_suggested("forgeting", "forgetting");
    check_suggested("accuracyy", "accuracy");
    check_suggested("intruder_energi", "intruder_energy");
    check_suggested("soft_cee", "soft_ce");
}

/* How often the list has the name. */
static int times(const wane_text *list, const char *name)
{
    char row[100];
    int count = 0;
    (void)snprintf(row, sizeof row, "\n%s,", name);
    for (const char *at = list->data; (at = strstr(at, row)) != NULL; at++) count++;
    return count;
}

static void lists_name_charts_and_metrics(void **state)
{
    (void)state;
    wane_error err;
    wane_text names = {0}, charts = {0};
    wane_query *query = NULL;
    CHECK_OK(wane_list_chart_names(&query, db, &err));
    CHECK_OK(wane_query_render(query, WANE_RENDER_CSV, &names, &err));
    wane_query_free(query);
    CHECK_OK(wane_list_charts(&query, db, &err));
    CHECK_OK(wane_query_render(query, WANE_RENDER_CSV, &charts, &err));
    wane_query_free(query);
    for (size_t i = 0; i < WANE_REPORTS; i++) {
        assert_int_equal(times(&names, wane_reports[i]->name), i > 0);
        assert_int_equal(times(&charts, wane_reports[i]->name), 1);
    }
    static const char *const metrics[] = {"acc",      "intruders", "forgetting",
                                          "accuracy", "nll",       "soft_ce"};
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
        assert_int_equal(times(&names, metrics[i]), 1);
    wane_text_free(&names);
    wane_text_free(&charts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_unique_and_entries_whole),
        cmocka_unit_test(every_option_is_a_bit_of_its_own),
        cmocka_unit_test(every_example_parses),
        cmocka_unit_test(what_an_entry_does_not_take_is_refused),
        cmocka_unit_test(values_that_cannot_be_are_refused),
        cmocka_unit_test(a_misspelt_name_is_told_its_nearest),
        cmocka_unit_test(lists_name_charts_and_metrics),
    };
    return cmocka_run_group_tests(tests, open_sample, close_sample);
}
