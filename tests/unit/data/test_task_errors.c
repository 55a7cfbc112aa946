/* SPDX-License-Identifier: Apache-2.0
 * What can be wrong with a task, and the one line it gives; and memory running out anywhere.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/memory.h"
#include "tasks/data/task.h"
#include "tests/support/support.h"

static char folder[512];

static int begin(void **state)
{
    if (scratch_make(state) != 0) return -1;
    (void)snprintf(folder, sizeof folder, "%s", scratch_path("t"));
    return mkdir(folder, 0777);
}

static void put(const char *name, const char *text)
{
    char path[600];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    if (text) write_file(path, text, strlen(text));
    else (void)remove(path);
}

static void opens_with(wane_task_spec spec, wane_status code, const char *message)
{
    wane_error err = {0};
    wane_task task = {.name = "untouched"};
    if (!spec.path) spec.path = folder;
    CHECK_FAILS(wane_task_open(&task, &spec, &err), code, message);
    assert_string_equal(task.name, "untouched");
}

#define TWO "text,label\na,0\nb,1\n"

static void files_missing(void **state)
{
    (void)state;
    opens_with((wane_task_spec){.path = "/no/such/folder"}, WANE_ENOTFOUND, "/no/such/folder");
    opens_with((wane_task_spec){.path = ""}, WANE_EINVAL, "no path");
    put("notes.txt", "x");
    opens_with((wane_task_spec){0}, WANE_ENOTFOUND,
               "there is no train.{jsonl,json,csv,tsv} in it (it holds: notes.txt)");
    put("test.csv", TWO);
    opens_with((wane_task_spec){0}, WANE_ENOTFOUND, "there is no train split");
    put("train.parquet", "PAR1");
    opens_with((wane_task_spec){0}, WANE_ENOTFOUND, "pandas.read_parquet(");
    put("train.parquet", NULL);
    put("train.csv", TWO);
    put("train.jsonl", "{}");
    opens_with((wane_task_spec){0}, WANE_EEXIST, "/t/train.csv and train.js");
    put("train.jsonl", NULL);
    put("test.csv", NULL);
    opens_with((wane_task_spec){.test_split = "test"}, WANE_ENOTFOUND, "there is no test split");
    opens_with((wane_task_spec){.test_split = "tset"}, WANE_EINVAL,
               "\"tset\" is neither test nor validation");
    put("train.csv", NULL);
}

static void bad_labels(void **state)
{
    (void)state;
    put("train.csv", TWO);
    put("test.csv", "text,label\nc,0\nd,2\n");
    opens_with((wane_task_spec){0}, WANE_EFORMAT,
               "/t/test.csv: label \"2\" is not in the set: 0, 1 (line 3, column 1)");
    put("test.csv", "text,label\nc,-1\nd,-1\n");
    opens_with((wane_task_spec){0}, WANE_EFORMAT,
               "/t/test.csv: every label is -1, so the split has no labels (say `test: valid");
    put("test.csv", "text,label\nc,-1\nd,1\n");
    opens_with((wane_task_spec){0}, WANE_EFORMAT, "label \"-1\" is not in the set");
    wane_label labels[] = {{"0", " no"}, {"2", " yes"}};
    opens_with((wane_task_spec){.labels = labels, .label_count = 2}, WANE_EFORMAT,
               "/t/train.csv: label \"1\" is not in the set: 0, 2 (line 3, column 1)");
    labels[1] = (wane_label){"1", " no"};
    opens_with((wane_task_spec){.labels = labels, .label_count = 2}, WANE_EINVAL,
               "labels \"0\" and \"1\" have one verbalizer");
    labels[1] = (wane_label){"0", " yes"};
    opens_with((wane_task_spec){.labels = labels, .label_count = 2}, WANE_EINVAL, "is there twice");
    labels[1] = (wane_label){"1", ""};
    opens_with((wane_task_spec){.labels = labels, .label_count = 2}, WANE_EINVAL, "empty verbaliz");
    opens_with((wane_task_spec){.labels = labels, .label_count = 1}, WANE_EINVAL, "at least two");
    put("test.csv", TWO);
    put("train.csv", "text,label\na,1\nb,1\n");
    opens_with((wane_task_spec){0}, WANE_EINVAL, "at least two labels are wanted, there is 1");
    put("train.csv", "text,label\na,1\nb,\n");
    opens_with((wane_task_spec){0}, WANE_EFORMAT,
               "/t/train.csv: the label is empty: leave the row out, or name the empty label under "
               "`labels` (line 3, column 1)");
    put("train.csv", TWO);
    put("test.csv", "text,label\na,1\nb,\n");
    opens_with((wane_task_spec){0}, WANE_EFORMAT, "label \"\" is not in the set: 0, 1 (line 3, co");
    labels[0] = (wane_label){"", " no"};
    labels[1] = (wane_label){"1", " yes"};
    put("train.csv", "text,label\na,1\nb,\n");
    wane_task task = {0};
    wane_task_spec named = {.path = folder, .labels = labels, .label_count = 2};
    wane_error err = {0};
    CHECK_OK(wane_task_open(&task, &named, &err));
    wane_task_free(&task);
    put("test.csv", TWO);
}

static void too_many_labels(void **state)
{
    (void)state;
    wane_text file = {0};
    wane_text_string(&file, "text,label\n");
    for (int i = 0; i < 1002; i++) wane_text_printf(&file, "t,answer %d\n", i);
    put("train.csv", file.data);
    opens_with((wane_task_spec){0}, WANE_EFORMAT,
               "the label column has more than 1000 values, which is no label set");
    wane_text_free(&file);
}

static void bad_columns_and_templates(void **state)
{
    (void)state;
    put("train.csv", TWO);
    put("test.csv", "txt,label\na,0\n");
    opens_with((wane_task_spec){0}, WANE_EFORMAT,
               "/t/test.csv: no column \"text\"; did you mean \"txt\"?");
    put("test.csv", TWO);
    opens_with((wane_task_spec){.template_text = "{txet} x"}, WANE_EINVAL,
               "the template's field {txet} is no column; did you mean \"text\"?");
    opens_with((wane_task_spec){.template_text = "{text"}, WANE_EINVAL, "read template");
    opens_with((wane_task_spec){.label_field = "labl"}, WANE_EFORMAT,
               "no column \"labl\" for the label; did you mean \"label\"?");
    opens_with((wane_task_spec){.text_field = "label", .template_text = "{text}"}, WANE_EINVAL,
               "does not use the text column \"label\"");
    opens_with((wane_task_spec){.truncate = "middle"}, WANE_EINVAL, "neither left nor right");
    put("train.csv", "body,label\na,0\n");
    opens_with((wane_task_spec){0}, WANE_EFORMAT,
               "no column is known to be the text; name it with `text` or `template` (columns: bo");
    put("train.csv", "text,class\na,0\n");
    opens_with((wane_task_spec){0}, WANE_EFORMAT, "no column \"label\"; name it with `label`");
    put("train.csv", "text,label\na,0\nb\xff,1\n");
    opens_with((wane_task_spec){0}, WANE_EFORMAT,
               "/t/train.csv: broken UTF-8 (convert the file to UTF-8) (line 3, column 2)");
}

static void empty_splits_and_counts(void **state)
{
    (void)state;
    put("train.csv", "text,label\n");
    opens_with((wane_task_spec){0}, WANE_EFORMAT, "/t/train.csv: the split is empty");
    put("train.csv", TWO);
    put("test.csv", "");
    opens_with((wane_task_spec){0}, WANE_EFORMAT, "/t/test.csv: the split is empty");
    put("test.csv", TWO);
    opens_with((wane_task_spec){.train_rows = 3}, WANE_EINVAL,
               "train_rows is 3 but the split has 2 rows");
    opens_with((wane_task_spec){.test_rows = 9}, WANE_EINVAL,
               "test_rows is 9 but the split has 2 rows");
    put("test.csv", NULL);
    opens_with((wane_task_spec){.validation_fraction = 1.5}, WANE_EINVAL, "between 0 and 1");
    opens_with((wane_task_spec){.validation_fraction = 1e-9}, WANE_EINVAL, "leaves a split empty");
}

static void memory_runs_out_anywhere(void **state)
{
    (void)state;
    put("train.csv", TWO);
    put("test.csv", TWO);
    put("task.yaml", "template: \"{text} :\"\nlabels: {0: \" a\", 1: \" b\"}\n");
    wane_task_spec spec = {.path = folder};
    bool worked = false;
    for (long n = 0; n < 2000 && !worked; n++) {
        wane_error err = {0};
        wane_task task = {0};
        wane_overlap overlap;
        wane_memory_fail_after(n);
        wane_status st = wane_task_open(&task, &spec, &err);
        if (st == WANE_OK) st = wane_task_overlap(&overlap, &task, 0, &err);
        wane_memory_fail_after(-1);
        worked = st == WANE_OK;
        if (!worked && st != WANE_ENOMEM) fail_msg("after %ld: %s", n, err.message);
        wane_task_free(&task);
    }
    assert_true(worked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_missing),           cmocka_unit_test(bad_labels),
        cmocka_unit_test(too_many_labels),         cmocka_unit_test(bad_columns_and_templates),
        cmocka_unit_test(empty_splits_and_counts), cmocka_unit_test(memory_runs_out_anywhere),
    };
    return cmocka_run_group_tests(tests, begin, scratch_remove);
}
