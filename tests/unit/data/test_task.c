/* SPDX-License-Identifier: Apache-2.0
 * Tasks from folders, archives and single files: mapping, label sets, draws, fingerprints, overlap.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/text.h"
#include "tasks/data/task.h"
#include "tests/support/support.h"

static const char *make_folder(const char *name)
{
    const char *path = scratch_path(name);
    assert_int_equal(mkdir(path, 0777), 0);
    return path;
}

static void put(const char *folder, const char *name, const char *text)
{
    char path[600];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    write_file(path, text, strlen(text));
}

#define ROW(text, label) "{\"text\": \"" text "\", \"label\": " label "}\n"

static void prompt_of(wane_text *out, const wane_row *row)
{
    wane_text_clear(out);
    wane_text_printf(out, "%s|%s|%s", row->before, row->text, row->after);
}

static void first_prompt_is(const wane_task *task, const char *expected)
{
    wane_text out = {0};
    prompt_of(&out, &task->row[WANE_SPLIT_TRAIN][0]);
    assert_string_equal(out.data, expected);
    wane_text_free(&out);
}

static void folder_with_defaults(void **state)
{
    (void)state;
    wane_error err;
    wane_task task;
    const char *folder = make_folder("plain");
    put(folder, "train.jsonl", ROW("ten", "10") ROW("two", "2") ROW("neg", "-3") ROW("2b", "2"));
    put(folder, "test.csv", "label,text\n2,\"x, y\"\n-3,z\n");
    put(folder, "meta.json", "not even JSON");
    wane_task_spec spec = {.path = folder};
    CHECK_OK(wane_task_open(&task, &spec, &err));
    assert_string_equal(task.name, "plain");
    assert_int_equal(task.rows[WANE_SPLIT_TRAIN], 4);
    assert_int_equal(task.rows[WANE_SPLIT_TEST], 2);
    assert_int_equal(task.label_count, 3); /* sorted as numbers */
    assert_string_equal(task.labels[0].value, "-3");
    assert_string_equal(task.labels[1].value, "2");
    assert_string_equal(task.labels[2].value, "10");
    assert_string_equal(task.labels[2].verbalizer, " 10");
    assert_int_equal(task.row[WANE_SPLIT_TRAIN][0].label, 2);
    assert_int_equal(task.row[WANE_SPLIT_TRAIN][3].label, 1);
    assert_int_equal(task.row[WANE_SPLIT_TRAIN][3].number, 3);
    assert_int_equal(task.row[WANE_SPLIT_TEST][1].label, 0);
    assert_string_equal(task.row[WANE_SPLIT_TEST][0].text, "x, y");
    assert_string_equal(task.tail, "\nLabel:");
    assert_false(task.truncate_left);
    first_prompt_is(&task, "|ten|\nLabel:");
    wane_task_free(&task);
    wane_task_free(&task); /* {0} */
}

static void label_names_become_verbalizers(void **state)
{
    (void)state;
    wane_error err;
    wane_task task;
    const char *folder = make_folder("names");
    put(folder, "train.tsv", "text\tlabel\tlabel_name\na\t1\tgood\nb\t0\tbad\n");
    put(folder, "dev.tsv", "text\tlabel\tlabel_name\nc\t1\tgood\n");
    wane_task_spec spec = {.path = folder};
    CHECK_OK(wane_task_open(&task, &spec, &err)); /* no test split: dev is measured on */
    assert_int_equal(task.rows[WANE_SPLIT_TEST], 1);
    assert_string_equal(task.labels[0].verbalizer, " bad");
    assert_string_equal(task.labels[1].verbalizer, " good");
    wane_task_free(&task);
    put(folder, "dev.tsv", "text\tlabel\tlabel_name\nc\t1\tbad\n");
    CHECK_FAILS(wane_task_open(&task, &spec, &err), WANE_EFORMAT,
                "/names/dev.tsv: label \"1\" is called \"bad\" here and \"good\" before (line 2");
    wane_label labels[] = {{"1", " yes"}, {"0", " no"}}; /* given: the data's names are not asked */
    spec.labels = labels;
    spec.label_count = 2;
    CHECK_OK(wane_task_open(&task, &spec, &err));
    assert_string_equal(task.labels[0].verbalizer, " yes");
    assert_int_equal(task.row[WANE_SPLIT_TRAIN][0].label, 0);
    wane_task_free(&task);
}

static void known_columns(void **state)
{
    (void)state;
    static const struct {
        const char *header, *row, *prompt;
    } cases[] = {
        {"sentence,label", "s,1", "|s|\nLabel:"},
        {"sentence1,sentence2,label", "a,b,1", "|a|\nb\nLabel:"},
        {"premise,hypothesis,label", "a,b,1", "|a|\nb\nLabel:"},
        {"question1,question2,label", "a,b,1", "|a|\nb\nLabel:"},
        {"question,sentence,label", "q,s,1", "q\n|s|\nLabel:"},
        {"question,passage,label", "q,p,1", "|p|\nQuestion: q\nAnswer:"},
        {"title,content,label", "t,c,1", "t\n|c|\nLabel:"},
        {"prompt,answer", "p,B", "|p|"},
        {"text,label_text", "t,fine", "|t|\nLabel:"},
    };
    wane_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[32], file[256];
        (void)snprintf(name, sizeof name, "columns%zu", i);
        const char *folder = make_folder(name);
        bool answer = strstr(cases[i].header, "answer") || strstr(cases[i].header, "label_text");
        const char *other = answer ? "C" : "0";
        size_t cut = strlen(cases[i].row) - strlen(strrchr(cases[i].row, ',')) + 1;
        (void)snprintf(file, sizeof file, "%s\n%s\n%.*s%s\n", cases[i].header, cases[i].row,
                       (int)cut, cases[i].row, other);
        put(folder, "train.csv", file);
        put(folder, "test.csv", file);
        wane_task task;
        wane_task_spec spec = {.path = folder};
        CHECK_OK(wane_task_open(&task, &spec, &err));
        first_prompt_is(&task, cases[i].prompt);
        assert_int_equal(task.label_count, 2);
        wane_task_free(&task);
    }
}

static void inline_mapping_and_template(void **state)
{
    (void)state;
    wane_error err;
    wane_task task;
    const char *path = scratch_path("tickets.csv");
    char file[4096] = "id,body,queue,team\n";
    for (int i = 0; i < 60; i++)
        (void)snprintf(file + strlen(file), sizeof file - strlen(file), "%d,\"body %d\",q,%s\n", i,
                       i, i % 2 ? "sales" : "billing");
    write_file(path, file, strlen(file));
    wane_label labels[] = {{"sales", " S"}, {"billing", " B"}};
    wane_task_spec spec = {.path = path,
                           .text_field = "body",
                           .label_field = "team",
                           .template_text = "[{queue}] {body} {{{id}}} ->",
                           .labels = labels,
                           .label_count = 2,
                           .validation_fraction = 0.25,
                           .truncate = "left"};
    CHECK_OK(wane_task_open(&task, &spec, &err));
    assert_string_equal(task.name, "tickets");
    assert_true(task.truncate_left);
    assert_string_equal(task.tail, "} ->");
    assert_int_equal(task.rows[WANE_SPLIT_TRAIN] + task.rows[WANE_SPLIT_TEST], 60);
    assert_in_range(task.rows[WANE_SPLIT_TEST], 5, 25);
    for (size_t s = 0; s < WANE_SPLITS; s++)
        for (size_t i = 0; i < task.rows[s]; i++) {
            const wane_row *row = &task.row[s][i];
            char expected[64];
            (void)snprintf(expected, sizeof expected, "body %zu", row->number);
            assert_string_equal(row->text, expected);
            assert_string_equal(row->before, "[q] ");
            assert_int_equal(row->label, row->number % 2 ? 0 : 1);
            if (i) assert_true(row->number > row[-1].number);
        }
    wane_task_free(&task);
    spec.template_text = NULL; /* by the text column */
    CHECK_OK(wane_task_open(&task, &spec, &err));
    assert_string_equal(task.tail, "\nLabel:");
    wane_task_free(&task);
}

static void task_yaml_is_read_and_overridden(void **state)
{
    (void)state;
    wane_error err;
    wane_task task;
    const char *folder = make_folder("manifest");
    put(folder, "train.jsonl", "{\"body\": \"a\", \"y\": 1}\n{\"body\": \"b\", \"y\": 0}\n");
    put(folder, "valid.jsonl", "{\"body\": \"c\", \"y\": 1}\n");
    put(folder, "test.jsonl", "{\"body\": \"d\", \"y\": -1}\n");
    put(folder, "task.yaml",
        "text: body\nlabel: y\ntemplate: \"{body} =>\"\nlabels: {0: \" no\", 1: \" yes\"}\n"
        "test: validation\ntruncate: left\n");
    wane_task_spec spec = {.path = folder};
    CHECK_OK(wane_task_open(&task, &spec, &err));
    assert_string_equal(task.tail, " =>");
    assert_string_equal(task.labels[1].verbalizer, " yes");
    assert_string_equal(task.row[WANE_SPLIT_TEST][0].text, "c");
    assert_true(task.truncate_left);
    wane_task_free(&task);
    spec.template_text = "{body}\nOver:";
    spec.truncate = "right";
    CHECK_OK(wane_task_open(&task, &spec, &err));
    assert_string_equal(task.tail, "\nOver:");
    assert_string_equal(task.labels[1].verbalizer, " yes");
    assert_false(task.truncate_left);
    wane_task_free(&task);
    put(folder, "task.yaml", "text: body\nlabl: y\n");
    CHECK_FAILS(wane_task_open(&task, &spec, &err), WANE_EINVAL, "label");
    assert_non_null(strstr(err.message, "task.yaml"));
    assert_int_equal(err.line, 2);
    put(folder, "task.yaml", "labels: [a, b]\n");
    CHECK_FAILS(wane_task_open(&task, &spec, &err), WANE_EINVAL, "a map from label to verbalizer");
}

/* Rows chosen out of a file, as one text. */
static void chosen(wane_text *out, const char *path, size_t train_rows)
{
    wane_error err;
    wane_task task;
    wane_task_spec spec = {.path = path, .train_rows = train_rows};
    CHECK_OK(wane_task_open(&task, &spec, &err));
    assert_int_equal(task.rows[WANE_SPLIT_TRAIN], train_rows);
    wane_text_clear(out);
    for (size_t i = 0; i < train_rows; i++) {
        wane_text_printf(out, "%s ", task.row[WANE_SPLIT_TRAIN][i].text);
        if (i)
            assert_true(task.row[WANE_SPLIT_TRAIN][i].number >
                        task.row[WANE_SPLIT_TRAIN][i - 1].number);
    }
    wane_task_free(&task);
}

static void draws_depend_on_content_alone(void **state)
{
    (void)state;
    wane_text file = {0}, longer = {0}, one = {0}, other = {0};
    const char *folder = make_folder("draws");
    for (int i = 0; i < 200; i++)
        wane_text_printf(&file, "{\"text\": \"row%d\", \"label\": %d}\n", i, i % 3);
    wane_text_string(&longer, "{\"text\": \"new\", \"label\": 1}\n");
    wane_text_append(&longer, file.data, file.length);
    put(folder, "test.jsonl", ROW("t", "1"));
    put(folder, "train.jsonl", file.data);
    chosen(&one, folder, 50);
    chosen(&other, folder, 50);
    assert_string_equal(one.data, other.data);
    put(folder, "train.jsonl", longer.data);
    chosen(&other, folder, 50);
    size_t kept = 0;
    for (char *word = strtok(other.data, " "); word; word = strtok(NULL, " ")) {
        char spaced[32];
        (void)snprintf(spaced, sizeof spaced, "%s ", word);
        kept += strstr(one.data, spaced) != NULL;
    }
    assert_true(kept >= 49);
    /* A smaller draw is part of a larger one. */
    chosen(&other, folder, 20);
    put(folder, "train.jsonl", file.data);
    chosen(&other, folder, 20);
    for (char *word = strtok(other.data, " "); word; word = strtok(NULL, " "))
        assert_non_null(strstr(one.data, word));
    wane_text_free(&file);
    wane_text_free(&longer);
    wane_text_free(&one);
    wane_text_free(&other);
}

static void equal_rows_stay_on_one_side(void **state)
{
    (void)state;
    wane_error err;
    wane_task task;
    wane_overlap overlap;
    const char *path = scratch_path("twins.jsonl");
    wane_text file = {0};
    for (int i = 0; i < 300; i++)
        wane_text_printf(&file, "{\"text\": \"row%d\", \"label\": %d}\n", i / 3, (i / 3) % 2);
    write_file(path, file.data, file.length);
    wane_task_spec spec = {.path = path};
    CHECK_OK(wane_task_open(&task, &spec, &err));
    assert_true(task.rows[WANE_SPLIT_TEST] > 0 && task.rows[WANE_SPLIT_TEST] % 3 == 0);
    CHECK_OK(wane_task_overlap(&overlap, &task, 0, &err));
    assert_int_equal(overlap.normalised, 0);
    wane_task_free(&task);
    wane_text_free(&file);
}

/* A row is its text and its label: rows that differ in the label alone are two draws, which agree
 * about as often as they do not (100 pairs, half held out: 50 +- 5 are parted). */
static void a_row_is_drawn_by_its_label_too(void **state)
{
    (void)state;
    wane_error err;
    wane_task task;
    const char *path = scratch_path("pairs.jsonl");
    wane_text file = {0};
    for (int i = 0; i < 200; i++)
        wane_text_printf(&file, "{\"text\": \"row%d\", \"label\": %d}\n", i / 2, i % 2);
    write_file(path, file.data, file.length);
    wane_task_spec spec = {.path = path, .validation_fraction = 0.5};
    CHECK_OK(wane_task_open(&task, &spec, &err));
    bool held[200] = {false};
    for (size_t i = 0; i < task.rows[WANE_SPLIT_TEST]; i++)
        held[task.row[WANE_SPLIT_TEST][i].number] = true;
    int parted = 0;
    for (int i = 0; i < 200; i += 2) parted += held[i] != held[i + 1];
    assert_in_range(parted, 50 - 4 * 5, 50 + 4 * 5);
    wane_task_free(&task);
    wane_text_free(&file);
}

/* With both files there, test is the one that is measured on, unless it says otherwise. */
static void test_goes_before_validation(void **state)
{
    (void)state;
    wane_error err;
    wane_task task;
    const char *folder = make_folder("both");
    put(folder, "train.jsonl", ROW("a", "0") ROW("b", "1"));
    put(folder, "valid.jsonl", ROW("of validation", "1"));
    put(folder, "test.jsonl", ROW("of test", "1"));
    wane_task_spec spec = {.path = folder};
    for (int turn = 0; turn < 3; turn++) {
        static const char *const wanted[] = {NULL, "test", "validation"};
        spec.test_split = wanted[turn];
        CHECK_OK(wane_task_open(&task, &spec, &err));
        assert_int_equal(task.rows[WANE_SPLIT_TEST], 1);
        assert_string_equal(task.row[WANE_SPLIT_TEST][0].text,
                            turn < 2 ? "of test" : "of validation");
        wane_task_free(&task);
    }
}

/* Labels are text: their digits stay as written, beyond any type of number, and so does their order
 * by number. */
static void labels_beyond_64_bits(void **state)
{
    (void)state;
    wane_error err;
    wane_task task;
    const char *folder = make_folder("large");
    static const char *const sorted[] = {"-9223372036854775809",
                                         "-9223372036854775808",
                                         "-7",
                                         "+3",
                                         "007",
                                         "9223372036854775808",
                                         "18446744073709551614",
                                         "18446744073709551615",
                                         "123456789012345678901234567890"};
    enum { LABELS = sizeof sorted / sizeof *sorted };
    wane_text file = {0};
    wane_text_string(&file, "text\tlabel\n");
    for (int i = 0; i < LABELS; i++)
        wane_text_printf(&file, "t%d\t%s\n", i, sorted[(i * 4 + 2) % LABELS]);
    put(folder, "train.tsv", file.data);
    put(folder, "test.csv", "text,label\na,18446744073709551614\nb,18446744073709551615\n");
    wane_task_spec spec = {.path = folder};
    CHECK_OK(wane_task_open(&task, &spec, &err));
    assert_int_equal(task.label_count, LABELS);
    for (size_t i = 0; i < LABELS; i++) assert_string_equal(task.labels[i].value, sorted[i]);
    for (size_t i = 0; i < LABELS; i++) /* read before the order was known */
        assert_int_equal(task.row[WANE_SPLIT_TRAIN][i].label, (i * 4 + 2) % LABELS);
    assert_int_equal(task.row[WANE_SPLIT_TEST][0].label, 6);
    assert_int_equal(task.row[WANE_SPLIT_TEST][1].label, 7);
    wane_task_free(&task);
    wane_text_free(&file);
    put(folder, "train.tsv", "text\tlabel\na\t18446744073709551614\nb\t18446744073709551615\n");
    put(folder, "task.yaml",
        "labels: {18446744073709551615: \" b\", 18446744073709551614: \" a\"}");
    CHECK_OK(wane_task_open(&task, &spec, &err));
    assert_string_equal(task.labels[0].value, "18446744073709551615");
    assert_string_equal(task.labels[task.row[WANE_SPLIT_TEST][0].label].verbalizer, " a");
    wane_task_free(&task);
}

/* A notebook's copy of a split is no second file for it. */
static void hidden_splits_are_passed_over(void **state)
{
    (void)state;
    wane_error err;
    wane_task task;
    char path[600];
    const char *folder = make_folder("notebook");
    put(folder, "TRAIN.jsonl", "not this one");
    put(folder, "train.CSV", "text,label\na,0\nb,1\n");
    put(folder, "test.tsv", "text\tlabel\n\"a\tb\"\t1\n");
    put(folder, "._train.csv", "\xff");
    (void)snprintf(path, sizeof path, "%s/.ipynb_checkpoints", folder);
    assert_int_equal(mkdir(path, 0777), 0);
    put(folder, ".ipynb_checkpoints/train.csv", "text,label\nc,0\nd,1\n");
    wane_task_spec spec = {.path = folder};
    CHECK_OK(wane_task_open(&task, &spec, &err));
    assert_int_equal(task.rows[WANE_SPLIT_TRAIN], 2);
    assert_string_equal(task.row[WANE_SPLIT_TEST][0].text, "a\tb");
    assert_int_equal(task.hidden.count, 2);
    assert_string_equal(task.hidden.first, "._train.csv");
    wane_task_free(&task);
}

static void overlap_is_found(void **state)
{
    (void)state;
    wane_error err;
    wane_task task;
    wane_overlap overlap;
    const char *folder = make_folder("overlap");
    put(folder, "train.jsonl", ROW("The  Cat", "0") ROW("dog", "1") ROW("Stra\\u00dfe", "1"));
    put(folder, "test.jsonl",
        ROW("bird", "0") ROW("the cat ", "1") ROW("dog", "0") ROW("STRASSE", "0"));
    wane_task_spec spec = {.path = folder};
    CHECK_OK(wane_task_open(&task, &spec, &err));
    CHECK_OK(wane_task_overlap(&overlap, &task, 0, &err));
    assert_int_equal(overlap.exact, 1);
    assert_int_equal(overlap.normalised, 3);
    assert_int_equal(overlap.first_test_row, 1);
    assert_int_equal(overlap.rows, 4);
    CHECK_OK(wane_task_overlap(&overlap, &task, 2, &err)); /* of the first two: bird, the cat */
    assert_int_equal(overlap.rows, 2);
    assert_int_equal(overlap.exact, 0);
    assert_int_equal(overlap.normalised, 1);
    CHECK_OK(wane_task_overlap(&overlap, &task, 9, &err));
    assert_int_equal(overlap.rows, 4);
    wane_task_free(&task);
}

static void fingerprints_follow_content(void **state)
{
    (void)state;
    wane_error err;
    wane_task one, two;
    const char *a = make_folder("print1"), *b = make_folder("print2");
    const char *rows = ROW("x", "0") ROW("y", "1");
    put(a, "train.jsonl", rows);
    put(a, "test.jsonl", rows);
    put(b, "train.csv", "text,label\nx,0\ny,1\n");
    put(b, "eval.jsonl", rows);
    wane_task_spec first = {.path = a}, second = {.path = b, .name = "other"};
    CHECK_OK(wane_task_open(&one, &first, &err));
    CHECK_OK(wane_task_open(&two, &second, &err));
    assert_string_equal(one.sha256[0], two.sha256[0]); /* names and formats are not content */
    assert_string_equal(one.sha256[1], two.sha256[1]);
    assert_int_equal(strlen(one.sha256[0]), 64);
    wane_task_free(&two);
    static const char *const changes[] = {"text",   "template", "truncate",
                                          "labels", "order",    "label of a row"};
    for (size_t i = 0; i < 6; i++) {
        second = (wane_task_spec){.path = b};
        wane_label labels[] = {{"0", " no"}, {"1", " yes"}};
        if (i == 1) second.template_text = "{text}\nlabel:";
        if (i == 2) second.truncate = "left";
        if (i == 3) {
            second.labels = labels;
            second.label_count = 2;
        }
        put(b, "train.csv",
            i == 0   ? "text,label\nx,0\nz,1\n"
            : i == 4 ? "text,label\ny,1\nx,0\n"
            : i == 5 ? "text,label\nx,1\ny,0\n"
                     : "text,label\nx,0\ny,1\n");
        CHECK_OK(wane_task_open(&two, &second, &err));
        if (strcmp(one.sha256[0], two.sha256[0]) == 0) fail_msg("%s changed nothing", changes[i]);
        wane_task_free(&two);
    }
    wane_task_free(&one);
}

/* One file of an uncompressed tar archive. */
static void tar_add(wane_text *tar, const char *name, const char *text)
{
    char header[512] = {0};
    size_t count = strlen(text);
    (void)snprintf(header, 100, "%s", name);
    memcpy(header + 100, "0000644", 8);
    memcpy(header + 108, "0000000", 8);
    memcpy(header + 116, "0000000", 8);
    (void)snprintf(header + 124, 12, "%011o", (unsigned)count & 0777777);
    memcpy(header + 136, "00000000000", 12);
    memset(header + 148, ' ', 8);
    header[156] = '0';
    memcpy(header + 257, "ustar", 6);
    memcpy(header + 263, "00", 2);
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof header; i++) sum += (unsigned char)header[i];
    (void)snprintf(header + 148, 8, "%06o", sum & 0777777);
    wane_text_append(tar, header, sizeof header);
    wane_text_append(tar, text, count);
    static const char zeros[512];
    wane_text_append(tar, zeros, (512 - count % 512) % 512);
}

static void archives_are_read_in_one_pass(void **state)
{
    (void)state;
    static const char zeros[1024];
    wane_error err;
    wane_task task;
    wane_text tar = {0};
    tar_add(&tar, "mine/test.jsonl", ROW("t", "1"));
    tar_add(&tar, "mine/README", "hello");
    tar_add(&tar, "mine/train.jsonl", ROW("a", "0") ROW("b", "1"));
    tar_add(&tar, "mine/task.yaml", "template: \"{text} !\"\n"); /* after the rows it is about */
    size_t before = tar.length;
    wane_text_append(&tar, zeros, sizeof zeros);
    const char *path = scratch_path("mine.tar");
    write_file(path, tar.data, tar.length);
    wane_task_spec spec = {.path = path};
    CHECK_OK(wane_task_open(&task, &spec, &err));
    assert_string_equal(task.name, "mine");
    assert_string_equal(task.tail, " !");
    assert_int_equal(task.rows[WANE_SPLIT_TRAIN], 2);
    wane_task_free(&task);
    tar.length = before;
    tar_add(&tar, "mine/sub/train.csv", "text,label\n");
    wane_text_append(&tar, zeros, sizeof zeros);
    write_file(path, tar.data, tar.length);
    CHECK_FAILS(wane_task_open(&task, &spec, &err), WANE_EEXIST,
                "mine.tar/mine/train.jsonl and mine/sub/train.csv in ");
    tar.length = 0;
    tar_add(&tar, "../train.jsonl", ROW("a", "0"));
    wane_text_append(&tar, zeros, sizeof zeros);
    write_file(path, tar.data, tar.length);
    CHECK_FAILS(wane_task_open(&task, &spec, &err), WANE_EFORMAT, "..");
    wane_text_free(&tar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folder_with_defaults),
        cmocka_unit_test(label_names_become_verbalizers),
        cmocka_unit_test(known_columns),
        cmocka_unit_test(inline_mapping_and_template),
        cmocka_unit_test(task_yaml_is_read_and_overridden),
        cmocka_unit_test(draws_depend_on_content_alone),
        cmocka_unit_test(equal_rows_stay_on_one_side),
        cmocka_unit_test(a_row_is_drawn_by_its_label_too),
        cmocka_unit_test(test_goes_before_validation),
        cmocka_unit_test(overlap_is_found),
        cmocka_unit_test(hidden_splits_are_passed_over),
        cmocka_unit_test(labels_beyond_64_bits),
        cmocka_unit_test(fingerprints_follow_content),
        cmocka_unit_test(archives_are_read_in_one_pass),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
