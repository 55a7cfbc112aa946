/* SPDX-License-Identifier: Apache-2.0
 * Every line that a run suggests under "next:" answers on the database it was said of.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/text.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

static const char usual[] =
    "name: usual\n"
    "model: builtin\n"
    "pretraining: {width: 32, layers: 2, heads: 2, kv_heads: 1, hidden: 64, steps: 20,\n"
    "              documents: 200, batch_tokens: 512, context: 96}\n"
    "corpora: [{path: builtin, documents: 20}]\n"
    "tasks: [{path: builtin/topic, train_rows: 32, test_rows: 30}, {path: builtin/counting,\n"
    "        train_rows: 32, test_rows: 30}]\n"
    "methods: [{name: m, kind: lora, rank: 2, learning_rate: 1e-3}]\n"
    "training: {batch_size: 8, max_seq_length: 96}\n";

static const char elsewhere[] = "name: usual\n"
                                "model: there\n"
                                "corpora: [{path: builtin, documents: 20}]\n"
                                "tasks: [{path: builtin/topic, test_rows: 40}]\n"
                                "methods: [{kind: given, stages: [there]}]\n";

static void wait_for(const char *const *arguments, int wanted)
{
    int code = process_run(arguments, "out", "err");
    char *said = read_file(scratch_path("err"), NULL);
    if (code != wanted) print_error("exit code %d, not %d: %s\n", code, wanted, said);
    assert_int_equal(code, wanted);
    free(said);
}

/* Runs the lines of "next:" in the scratch folder, as typed there; how many there were. */
static int type_them(void)
{
    char *said = read_file(scratch_path("err"), NULL), *next = strstr(said, "\nnext: ");
    wane_text script = {0};
    int lines = 0;
    if (next) {
        memcpy(next + 1, "     ", 5);
        wane_text_printf(&script, "set -e\ncd '%s'\nwane() { '%s' \"$@\"; }\n%s", scratch_folder(),
                         WANE_PROGRAM, next + 1);
        for (const char *at = next; (at = strstr(at, "\n      wane ")); at++) lines++;
        write_file(scratch_path("next.sh"), script.data, script.length);
        wane_text_clear(&script);
        wane_text_printf(&script, "sh '%s' > '%s' 2>&1", scratch_path("next.sh"),
                         scratch_path("typed"));
        int code = system(script.data);
        char *answer = read_file(scratch_path("typed"), NULL);
        if (code != 0) print_error("%s\n%s\n", said, answer);
        assert_int_equal(code, 0);
        free(answer);
    }
    wane_text_free(&script);
    free(said);
    return lines;
}

static void every_line_answers(void **state)
{
    (void)state;
    static const struct {
        const char *database;     /* the next case may go on with it */
        const char *overrides[3]; /* of the usual experiment; none: of the other */
        int code, lines;
        const char *chart;
    } cases[] = {
        {"a.db", {"name=usual"}, 0, 2, "usual.svg"},
        {"a.db", {"name=twin"}, 0, 2, "twin.svg"}, /* its runs bear the same names */
        {"b.db", {"corpora=[]"}, 0, 2, "usual.svg"},
        {"c.db", {"tasks=[builtin/topic]"}, 0, 2, "usual.svg"},
        {"d.db", {"tasks=[builtin/topic]", "corpora=[]"}, 0, 2, "usual.svg"},
        {"e.db", {"corpora.0.role=other"}, 0, 2, "usual.svg"},
        {"f.db", {"limit=10"}, 0, 2, "usual.svg"},
        {"g.db",
         {"methods=[{kind: full, learning_rate: 1e3, weight_decay: 1e3}]", "training.epochs=9"},
         0,
         1,
         NULL},
        {"it's a $db", {"name=-o \"it's", "methods.m.name=-m;&"}, 0, 2, "-o \"it's.svg"},
        {"h.db", {NULL}, 0, 2, "usual.svg"},
        {"i.db", {"pretraining.steps=1"}, 1, 1, NULL}, /* a failed gate */
    };
    char yaml[512], given[512], database[512];
    write_file(scratch_path("usual.yaml"), usual, sizeof usual - 1);
    write_file(scratch_path("given.yaml"), elsewhere, sizeof elsewhere - 1);
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("usual.yaml"));
    assert_int_equal(process_pretrain("there"), 0);
    (void)snprintf(given, sizeof given, "%s", scratch_path("given.yaml"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        (void)snprintf(database, sizeof database, "%s", scratch_path(cases[i].database));
        const char *arguments[8] = {"run", cases[i].overrides[0] ? yaml : given, "--db", database};
        for (size_t o = 0; o < 3; o++) arguments[4 + o] = cases[i].overrides[o];
        wait_for(arguments, cases[i].code);
        int lines = type_them();
        if (lines != cases[i].lines) print_error("case %zu: %d lines\n", i, lines);
        assert_int_equal(lines, cases[i].lines);
        if (!cases[i].chart) continue;
        free(read_file(scratch_path(cases[i].chart), NULL));
        assert_int_equal(remove(scratch_path(cases[i].chart)), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_line_answers, scratch_make, scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
