/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/files/yaml.h"
#include "tests/support/support.h"

static const char *const experiment = "# an experiment\n"
                                      "name: small\n"
                                      "training: {epochs: 1, batch_size: 16}\n"
                                      "methods:\n"
                                      "  - {name: lora-r8, rank: [1, 4]}\n"
                                      "  - name: lora-0.5\n"
                                      "    rank: 2\n"
                                      "seeds: [3, 0]\n"
                                      "tasks:\n"
                                      "- agnews\n"
                                      "- {path: t.csv, text: body}\n"
                                      "quoted: '~'\n"
                                      "null: ~\n"
                                      "empty:\n";

static wane_yaml_document *parse(const char *text)
{
    wane_error err;
    wane_yaml_document *document = NULL;
    CHECK_OK(wane_yaml_parse(&document, text, strlen(text), "e.yaml", &err));
    return document;
}

/* The node at keys and numbers joined by '/'. */
static const wane_yaml *at(const wane_yaml_document *document, const char *path)
{
    char copy[128];
    (void)snprintf(copy, sizeof copy, "%s", path);
    const wane_yaml *n = wane_yaml_root(document);
    char *rest = NULL;
    for (char *part = strtok_r(copy, "/", &rest); part && n; part = strtok_r(NULL, "/", &rest)) {
        if (n->kind == WANE_YAML_LIST) {
            size_t index = (size_t)atoi(part);
            n = index < n->count ? n->children[index] : NULL;
        } else {
            n = wane_yaml_get(n, part);
        }
    }
    return n;
}

static void expect(const wane_yaml_document *document, const char *path, const char *text)
{
    const wane_yaml *n = at(document, path);
    assert_non_null(n);
    assert_int_equal(n->kind, WANE_YAML_SCALAR);
    assert_string_equal(n->text, text);
}

static void trees_are_read(void **state)
{
    (void)state;
    wane_yaml_document *document = parse(experiment);
    const wane_yaml *root = wane_yaml_root(document);
    assert_int_equal(root->kind, WANE_YAML_MAP);
    assert_int_equal(root->count, 8);
    assert_null(root->key);
    assert_string_equal(root->children[1]->key, "training");
    expect(document, "training/batch_size", "16");
    expect(document, "methods/0/rank/1", "4");
    expect(document, "methods/1/name", "lora-0.5");
    expect(document, "null", "~");
    assert_false(at(document, "null")->quoted);
    expect(document, "quoted", "~");
    assert_true(at(document, "quoted")->quoted);
    expect(document, "empty", "");
    const wane_yaml *rank = at(document, "methods/1/rank");
    assert_int_equal(rank->line, 7);
    assert_int_equal(rank->column, 11);
    assert_ptr_equal(rank->document, document);
    assert_null(at(document, "nothing"));
    assert_null(wane_yaml_get(NULL, "x"));
    assert_null(wane_yaml_get(rank, "x"));
    wane_yaml_free(document);
    wane_yaml_free(NULL);
}

static void scalars_stay_text(void **state)
{
    (void)state;
    wane_yaml_document *document =
        parse("\xef\xbb\xbf"
              "a: 010\nb: no\nc: 1e-5\nd: \"\\u00e9\\n\"\ne: |\n  two\n"
              "  lines\nf: >\n  one\n  line\ng: 1:30\nh: \xc3\xa9t\xc3\xa9\n");
    expect(document, "a", "010");
    expect(document, "b", "no");
    expect(document, "c", "1e-5");
    expect(document, "d", "\xc3\xa9\n");
    expect(document, "e", "two\nlines\n");
    expect(document, "f", "one line\n");
    expect(document, "g", "1:30");
    expect(document, "h", "\xc3\xa9t\xc3\xa9");
    wane_yaml_free(document);
}

static void an_empty_document_is_an_empty_map(void **state)
{
    (void)state;
    static const char *const cases[] = {"", "\n\n", "# only a comment\n", "---\n", "---\n...\n"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_yaml_document *document = parse(cases[i]);
        assert_int_equal(wane_yaml_root(document)->kind, WANE_YAML_MAP);
        assert_int_equal(wane_yaml_root(document)->count, 0);
        wane_yaml_free(document);
    }
    wane_yaml_document *document = parse("- 1\n- 2\n");
    assert_int_equal(wane_yaml_root(document)->kind, WANE_YAML_LIST);
    wane_yaml_free(document);
}

static void bad_input_has_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        long line, column;
        const char *cause;
    } cases[] = {
        {"a: 1\nb: 2\na: 3\nb: 4\n", 3, 1, "read: e.yaml: a: duplicate key, first on line 1"},
        {"x: {a: 1, b: 2, a: 3}\n", 1, 17, "a: duplicate key"},
        {"a: &x 1\n", 1, 4, "anchors are not allowed"},
        {"a: &x [1]\n", 1, 4, "anchors are not allowed"},
        {"a: &x {b: 1}\n", 1, 4, "anchors are not allowed"},
        {"b: 1\na: *x\n", 2, 4, "aliases are not allowed"},
        {"*x : 1\n", 1, 1, "aliases are not allowed"},
        {"a: !!int 1\n", 1, 4, "tags are not allowed"},
        {"a: ! 1\n", 1, 4, "tags are not allowed"},
        {"a: !!map {}\n", 1, 4, "tags are not allowed"},
        {"a: !!seq []\n", 1, 4, "tags are not allowed"},
        {"a: 1\n---\nb: 2\n", 2, 1, "more than one document"},
        {"[a]: 1\n", 1, 1, "a key must be a plain text"},
        {"? {a: b}\n: 1\n", 1, 3, "a key must be a plain text"},
        {"a: [1, 2\nb: 3\n", 2, 2, "did not find expected ',' or ']'"},
        {"a: 1\n b: 2\n", 2, 3, "mapping values are not allowed"},
        {"a:\n\t- 1\n", 2, 1, "cannot start any token"},
        {"a: 'x\n", 2, 1, "unexpected end of stream"},
        {"a: \"\\0\"\n", 1, 4, "must not contain the character \\0"},
        {"a: 1\n\xc3\xa9: \xff\n", 2, 4, "invalid leading UTF-8 octet"},
        {"a: \x01\n", 1, 4, "control characters are not allowed"},
        {"a: @x\n", 1, 4, "cannot start any token"},
        {"a\nb\n: c", 3, 1, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_error err = {0};
        wane_yaml_document *document = NULL;
        CHECK_FAILS(
            wane_yaml_parse(&document, cases[i].text, strlen(cases[i].text), "e.yaml", &err),
            WANE_EFORMAT, cases[i].cause);
        if (err.line != cases[i].line || err.column != cases[i].column)
            fail_msg("case %zu: %s", i, err.message);
        assert_null(document);
    }
}

static void size_and_depth_are_bounded(void **state)
{
    (void)state;
    enum { LARGE = (1 << 20) + 1 };
    wane_error err;
    wane_yaml_document *document = NULL;
    char *text = malloc(LARGE);
    assert_non_null(text);
    memset(text, '\n', LARGE);
    CHECK_FAILS(wane_yaml_parse(&document, text, LARGE, "e.yaml", &err), WANE_EFORMAT,
                "larger than 1048576 bytes");
    memset(text, '[', 100000);
    CHECK_FAILS(wane_yaml_parse(&document, text, 100000, "e.yaml", &err), WANE_EFORMAT,
                "nested too deeply");
    assert_int_equal(err.column, 65);
    memset(text + 64, ']', 64);
    CHECK_OK(wane_yaml_parse(&document, text, 128, "e.yaml", &err));
    wane_yaml_free(document);
    /* Many equal keys must not take quadratic time. */
    for (size_t i = 0; i + 4 <= LARGE - 1; i += 4) memcpy(text + i, "k:\n\n", 4);
    document = NULL;
    CHECK_FAILS(wane_yaml_parse(&document, text, LARGE - 1, "e.yaml", &err), WANE_EFORMAT,
                "k: duplicate key, first on line 1");
    assert_int_equal(err.line, 3);
    free(text);
}

static wane_status set(wane_yaml_document *document, const char *path, const char *value,
                       wane_error *err)
{
    return wane_yaml_override(document, path, value, err);
}

static void overrides_set_values(void **state)
{
    (void)state;
    wane_error err;
    wane_yaml_document *document = parse(experiment);
    CHECK_OK(set(document, "training.epochs", "3", &err));
    expect(document, "training/epochs", "3");
    assert_int_equal(at(document, "training/epochs")->line, 0);
    CHECK_OK(set(document, "training.warmup.ratio", " 0.06 ", &err)); /* maps are made */
    expect(document, "training/warmup/ratio", "0.06");
    CHECK_OK(set(document, "training.warmup.ratio", "0.1", &err));
    expect(document, "training/warmup/ratio", "0.1");
    CHECK_OK(set(document, "methods.lora-r8.rank", "[16, 32, 64]", &err));
    expect(document, "methods/0/rank/2", "64");
    CHECK_OK(set(document, "methods.lora-0.5.rank", "7", &err)); /* a name with a dot */
    expect(document, "methods/1/rank", "7");
    CHECK_OK(set(document, "methods.0.alpha", "2r", &err));
    expect(document, "methods/0/alpha", "2r");
    CHECK_OK(set(document, "seeds.0", "9", &err)); /* a number is an index first */
    expect(document, "seeds/0", "9");
    CHECK_OK(set(document, "seeds.9", "8", &err)); /* else a text */
    expect(document, "seeds/0", "8");
    CHECK_OK(set(document, "tasks.t.csv.label", "\"a\\tb\"", &err)); /* by path */
    expect(document, "tasks/1/label", "a\tb");
    assert_true(at(document, "tasks/1/label")->quoted);
    CHECK_OK(set(document, "tasks.agnews", "{path: agnews, limit: 5}", &err));
    expect(document, "tasks/0/limit", "5");
    CHECK_OK(set(document, "tasks.agnews.limit", "6", &err));
    expect(document, "tasks/0/limit", "6");
    CHECK_OK(set(document, "empty.a.b", "x", &err)); /* an empty value becomes a map */
    expect(document, "empty/a/b", "x");
    CHECK_OK(set(document, "training", "{epochs: 5}", &err));
    assert_int_equal(at(document, "training")->count, 1);
    CHECK_OK(set(document, "name", "a # b: *c", &err)); /* as it stands */
    expect(document, "name", "a # b: *c");
    assert_false(at(document, "name")->quoted);
    CHECK_OK(set(document, "name", "", &err));
    expect(document, "name", "");
    wane_yaml_free(document);
    document = parse("");
    CHECK_OK(set(document, "a.b", "1", &err));
    expect(document, "a/b", "1");
    wane_yaml_free(document);
}

static void bad_overrides_change_nothing(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"methods.lora-r9.rank", "1",
         "override: methods.lora-r9.rank: the list methods has no item lora-r9"},
        {"methods.2.rank", "1", "the list methods has no item 2"},
        {"seeds.99999999999999999999999", "1", "the list seeds has no item"},
        {"methods.", "1", "the list methods has no item"},
        {"name.x", "1", "name is a single value, not a map"},
        {"quoted.x", "1", "quoted is a single value"},
        {"methods.0.rank.0.x", "1", "methods.lora-r8.rank.0 is a single value"},
        {"training.epochs", "[1", "did not find expected ',' or ']'"},
        {"training.epochs", "{a: 1, a: 2}", "a: duplicate key"},
        {"training.epochs", "[1] x", "override: training.epochs: "},
        {"training.epochs", "[&a 1]", "anchors are not allowed"},
        {"training.epochs", "{text} x", "override: training.epochs: "},
        {"training.epochs", "\xff", "not UTF-8"},
        {"\xff", "1", "not a key"},
        {"", "1", "not a key"},
        {".", "1", "an empty name"},
        {"training..x", "1", "an empty name"},
        {"training.x.", "1", "an empty name"},
        {"a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a."
         "a.a."
         "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a",
         "1", "nested too deeply"},
    };
    wane_yaml_document *document = parse(experiment);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_error err = {0};
        wane_status st = set(document, cases[i][0], cases[i][1], &err);
        assert_true(st == WANE_EINVAL || st == WANE_EFORMAT);
        CHECK_FAILS(st, st, cases[i][2]);
    }
    assert_int_equal(wane_yaml_root(document)->count, 8);
    assert_int_equal(at(document, "training")->count, 2);
    expect(document, "training/epochs", "1");
    wane_yaml_free(document);
    wane_error err;
    document = parse("m: [{name: a}, {name: a}]");
    CHECK_FAILS(set(document, "m.a.x", "1", &err), WANE_EINVAL, "several items are named a");
    wane_yaml_free(document);
}

static void unknown_keys_are_named(void **state)
{
    (void)state;
    static const char *const names[] = {"epochs", "batch_size"};
    wane_error err;
    wane_yaml_document *document = parse("training:\n  epochs: 1\n  batch_sise: 2\n  zebra: 1\n");
    const wane_yaml *training = at(document, "training");
    CHECK_FAILS(
        wane_yaml_known(training, names, 2, &err), WANE_EINVAL,
        "e.yaml: training.batch_sise: unknown key; did you mean batch_size? (line 3, column 3)");
    wane_yaml_free(document);
    document = parse("zebra: 1\n");
    CHECK_FAILS(wane_yaml_known(wane_yaml_root(document), names, 2, &err), WANE_EINVAL,
                "e.yaml: zebra: unknown key; known here: epochs, batch_size (line 1, column 1)");
    CHECK_FAILS(wane_yaml_known(at(document, "zebra"), names, 2, &err), WANE_EINVAL,
                "e.yaml: zebra: must be a map of keys (line 1, column 8)");
    wane_yaml_free(document);
    document = parse("epochs: 1\n");
    CHECK_OK(wane_yaml_known(wane_yaml_root(document), names, 2, &err));
    CHECK_OK(set(document, "epoch", "2", &err));
    CHECK_FAILS(wane_yaml_known(wane_yaml_root(document), names, 2, &err), WANE_EINVAL,
                "e.yaml: epoch: unknown key; did you mean epochs? (set by an override)");
    wane_yaml_free(document);
}

static void failures_name_the_node(void **state)
{
    (void)state;
    wane_error err;
    wane_yaml_document *document = parse(experiment);
    CHECK_FAILS(wane_yaml_fail(at(document, "methods/0/rank/1"), &err, "%d is too small", 4),
                WANE_EINVAL, "e.yaml: methods.lora-r8.rank.1: 4 is too small (line 5, column 31)");
    CHECK_FAILS(wane_yaml_fail(at(document, "tasks/1"), &err, "no label"), WANE_EINVAL,
                "e.yaml: tasks.t.csv: no label (line 11, column 3)");
    CHECK_FAILS(wane_yaml_fail(wane_yaml_root(document), &err, "no model"), WANE_EINVAL,
                "e.yaml: no model (line 2, column 1)");
    wane_yaml_free(document);
    document = parse("");
    CHECK_FAILS(wane_yaml_fail(wane_yaml_root(document), &err, "no model"), WANE_EINVAL,
                "e.yaml: no model (line 1, column 1)");
    wane_yaml_free(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_are_read),
        cmocka_unit_test(scalars_stay_text),
        cmocka_unit_test(an_empty_document_is_an_empty_map),
        cmocka_unit_test(bad_input_has_its_place),
        cmocka_unit_test(size_and_depth_are_bounded),
        cmocka_unit_test(overrides_set_values),
        cmocka_unit_test(bad_overrides_change_nothing),
        cmocka_unit_test(unknown_keys_are_named),
        cmocka_unit_test(failures_name_the_node),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
