/* SPDX-License-Identifier: Apache-2.0
 * Experiment files. What is read is printed with every default, and that must read back to a file
 * that prints the same.
 */
#include "eval/experiment/experiment.h"
#include "store/base/text.h"
#include "tests/fuzz/fuzz.h"

static wane_status parse(wane_experiment **out, const char *bytes, size_t size, wane_error *err)
{
    *out = NULL;
    return wane_experiment_parse(out, bytes, size, "x.yaml", "", NULL, 0, err);
}

static void check_read_back(const wane_experiment *x)
{
    wane_error err = {0};
    wane_experiment *again = NULL;
    wane_text first = {0}, second = {0};
    wane_experiment_print(&first, x);
    FUZZ_CHECK(wane_text_check(&first, "print", "first", &err) == WANE_OK);
    wane_status st = parse(&again, first.data, first.length, &err);
    if (st != WANE_OK) (void)fprintf(stderr, "%s\n%s\n", err.message, first.data);
    FUZZ_CHECK(st == WANE_OK);
    wane_experiment_print(&second, again);
    FUZZ_CHECK(wane_text_check(&second, "print", "second", &err) == WANE_OK);
    FUZZ_CHECK(first.length == second.length && !memcmp(first.data, second.data, first.length));
    wane_experiment_free(again);
    wane_text_free(&first);
    wane_text_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wane_error err = {0};
    wane_experiment *x = NULL;
    wane_status st = parse(&x, (const char *)data, size, &err);
    if (st != WANE_OK) {
        fuzz_check_error(st, &err);
        FUZZ_CHECK(!x);
        return 0;
    }
    FUZZ_CHECK(x->name && x->order_count && x->seed_count && x->config_count);
    FUZZ_CHECK(x->trained_tasks && x->trained_tasks <= x->task_count);
    for (size_t o = 0; o < x->order_count; o++)
        for (size_t i = 0; i < x->orders[o].count; i++)
            FUZZ_CHECK(x->orders[o].tasks[i] < x->trained_tasks);
    check_read_back(x);
    wane_experiment_free(x);
    return 0;
}
