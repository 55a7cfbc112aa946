/* SPDX-License-Identifier: Apache-2.0
 * Numbers and texts of an experiment are what was written, and what `wane validate` prints of them
 * reads back equal: every character of Unicode, and texts made of those that YAML treats apart.
 */
#include <stdio.h>
#include <string.h>

#include "eval/experiment/experiment.h"
#include "store/base/random.h"
#include "tests/support/support.h"

static const char plain[] = "name: x\nmodel: m\ntasks: [a]\nmethods: [{kind: lora}]\n";

static wane_status parse(wane_experiment **out, const char *text, const char *override,
                         wane_error *err)
{
    return wane_experiment_parse(out, text, strlen(text), "x.yaml", "", &override, override ? 1 : 0,
                                 err);
}

static void integers_are_taken_as_written(void **state)
{
    (void)state;
    static const struct {
        const char *override, *says; /* NULL: read */
    } cases[] = {
        {"seeds=[9007199254740991, 9007199254740992]", NULL},
        {"seeds=[9007199254740993]", "9007199254740993 is not in [0, 9007199254740992]"},
        {"seeds=[18446744073709551616]", "18446744073709551616 is not in [0, 9007199254740992]"},
        {"seeds=[-1]", "-1 is not in [0, 9007199254740992]"},
        {"seeds=[7.00000000000000000001]", "7.00000000000000000001 is no whole number"},
        {"limit=9007199254740992.0", NULL},
        {"limit=9007199254740992.5", "9007199254740992.5 is no whole number"},
        {"limit=9007199254740993", "9007199254740993 is not in [1, 9007199254740992]"},
        {"limit=0.99999999999999999999", "0.99999999999999999999 is no whole number"},
        {"limit=1e4", NULL},
        {"training.batch_size=1048576.00000000001", "is n"},
        {"training.batch_size=1048577", "1048577 is not in [1, 1048576]"},
        {"training.max_seq_length=511.99999999999999999", "is no whole number"},
        {"methods.0.rank=16.0000000000000001", "16.0000000000000001 is no whole number"},
        {"methods.0.rank=16.0", NULL},
        {"intruders.top=9.99999999999999999999", "9.99999999999999999999 is n"},
    };
    wane_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_experiment *x = NULL;
        if (cases[i].says) {
            CHECK_FAILS(parse(&x, plain, cases[i].override, &err), WANE_EINVAL, cases[i].says);
            continue;
        }
        CHECK_OK(parse(&x, plain, cases[i].override, &err));
        if (i == 0) {
            assert_true(x->seeds[0] == UINT64_C(9007199254740991));
            assert_true(x->seeds[1] == UINT64_C(9007199254740992));
        }
        wane_experiment_free(x);
    }
}

/* Prints, reads what was printed, and prints that: both texts are the same. */
static wane_experiment *read_back(const wane_experiment *x)
{
    wane_error err;
    wane_experiment *y = NULL;
    wane_text first = {0}, second = {0};
    wane_experiment_print(&first, x);
    CHECK_OK(wane_text_check(&first, "print", "x", &err));
    CHECK_OK(wane_experiment_parse(&y, first.data, first.length, "y.yaml", "", NULL, 0, &err));
    wane_experiment_print(&second, y);
    CHECK_OK(wane_text_check(&second, "print", "y", &err));
    assert_string_equal(first.data, second.data);
    wane_text_free(&first);
    wane_text_free(&second);
    return y;
}

static size_t encode(char out[5], unsigned c)
{
    size_t bytes = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0x00, 0xc0, 0xe0, 0xf0};
    for (size_t i = bytes; i-- > 1; c >>= 6) out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(lead[bytes] | c);
    out[bytes] = '\0';
    return bytes;
}

/* Labels of one task: characters from `first` on, each alone as a label's text and at the
 * beginning, in the middle and at the end of its word. */
static void characters_read_back(unsigned first, unsigned count)
{
    static char values[1024][5], words[1024][16];
    wane_label labels[1024];
    size_t made = 0;
    for (unsigned c = first; c < first + count; c++) {
        if (c == 0 || (c >= 0xd800 && c < 0xe000)) continue;
        size_t bytes = encode(values[made], c);
        char *word = words[made];
        (void)snprintf(word, sizeof words[0], "%sa%sa%s", values[made], values[made], values[made]);
        labels[made] = (wane_label){values[made], word};
        assert_int_equal(strlen(word), 3 * bytes + 2);
        made++;
    }
    if (made == 0) return;
    wane_error err;
    wane_experiment *x = NULL;
    CHECK_OK(parse(&x, plain, NULL, &err));
    x->tasks[0].spec.labels = labels;
    x->tasks[0].spec.label_count = made;
    wane_experiment *y = read_back(x);
    const wane_task_spec *spec = &y->tasks[0].spec;
    assert_int_equal(spec->label_count, made);
    for (size_t i = 0; i < made; i++)
        if (strcmp(spec->labels[i].value, values[i]) != 0 ||
            strcmp(spec->labels[i].verbalizer, words[i]) != 0)
            fail_msg("U+%04X does not read back", first + (unsigned)i);
    wane_experiment_free(y);
    wane_experiment_free(x);
}

static void every_character_reads_back(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 0x110000; first += 1024) characters_read_back(first, 1024);
}

static const char *const pieces[] = {
    " ",
    "  ",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "\\",
    "\"",
    "'",
    "#",
    ": ",
    "- ",
    "? ",
    ", ",
    "[",
    "]",
    "{",
    "}",
    "&a",
    "*a",
    "!a",
    "|",
    ">",
    "%",
    "@",
    "`",
    "~",
    "null",
    "true",
    "0x1f",
    "1e3",
    "---",
    "...",
    "<<",
    "=",
    "\x01",
    "\x1b",
    "\x7f",
    "\xc2\x80",
    "\xc2\x85",
    "\xc2\x9f",
    "\xc2\xa0",
    "\\n",
    "\\x",
    "\xe2\x80\xa8",
    "\xe2\x80\xa9",
    "\xef\xbb\xbf",
    "\xef\xbf\xbe",
    "\xef\xbf\xbf",
    "\xed\x9f\xbf",
    "\xee\x80\x80",
    "\xf0\x9f\x98\x80",
    "\xf4\x8f\xbf\xbf",
    "e\xcc\x81",
    "word",
};

/* `length` pieces drawn from what YAML, UTF-8 and C treat apart. */
/* `length` pieces drawn from them. */
static void draw_text(wane_text *out, uint64_t draw, size_t length)
{
    wane_text_clear(out);
    for (size_t i = 0; i < length; i++) {
        wane_random where = {.seed = draw};
        uint32_t words[4];
        wane_random_words(words, &where, i);
        wane_text_string(out, pieces[words[0] % (sizeof pieces / sizeof *pieces)]);
    }
    if (out->length == 0) wane_text_string(out, "");
}

static void any_text_reads_back(void **state)
{
    (void)state;
    enum { FIELDS = 9 };
    wane_error err;
    wane_text made[FIELDS] = {0};
    for (uint64_t round = 0; round < 600; round++) {
        for (size_t f = 0; f < FIELDS; f++) {
            /* A label of over 1024 characters is no simple key of YAML. */
            draw_text(&made[f], round * FIELDS + f, f == 7 && round % 100 == 0 ? 900 : round % 12);
            if (f != 2) wane_text_string(&made[f], "x"); /* a template may be empty */
            CHECK_OK(wane_text_check(&made[f], "draw", "text", &err));
        }
        wane_experiment *x = NULL;
        CHECK_OK(parse(&x, plain, NULL, &err));
        wane_task_spec *spec = &x->tasks[0].spec;
        const wane_label labels[] = {{made[7].data, made[8].data}, {"other", "other"}};
        spec->text_field = made[0].data;
        spec->label_field = made[1].data;
        spec->template_text = made[2].data;
        spec->test_split = made[3].data;
        spec->path = made[4].data;
        x->model = made[5].data;
        x->configs[0].name = made[6].data;
        spec->labels = labels;
        spec->label_count = 2;
        wane_experiment *y = read_back(x);
        const wane_task_spec *back = &y->tasks[0].spec;
        assert_string_equal(back->text_field, made[0].data);
        assert_string_equal(back->label_field, made[1].data);
        assert_string_equal(back->template_text, made[2].data);
        assert_string_equal(back->test_split, made[3].data);
        assert_string_equal(back->path, made[4].data);
        assert_string_equal(y->model, made[5].data);
        assert_string_equal(y->configs[0].name, made[6].data);
        assert_string_equal(back->labels[0].value, made[7].data);
        assert_string_equal(back->labels[0].verbalizer, made[8].data);
        wane_experiment_free(y);
        wane_experiment_free(x);
    }
    for (size_t f = 0; f < FIELDS; f++) wane_text_free(&made[f]);
}

static void durations_and_folders_read_back(void **state)
{
    (void)state;
    wane_error err;
    static const char *const walls[] = {"stop.wall=0.4s", "stop.wall=90.5m", "stop.wall=.1h",
                                        "stop.wall=1000000h"};
    for (size_t i = 0; i < sizeof walls / sizeof *walls; i++) {
        wane_experiment *x = NULL;
        CHECK_OK(parse(&x, plain, walls[i], &err));
        wane_experiment *y = read_back(x);
        assert_true(y->stop_wall_seconds == x->stop_wall_seconds);
        wane_experiment_free(y);
        wane_experiment_free(x);
    }
    /* A folder that is called builtin holds tasks like any other. */
    wane_experiment *x = NULL;
    CHECK_OK(parse(&x, plain, "root=builtin", &err));
    assert_string_equal(x->tasks[0].spec.path, "builtin/a");
    wane_experiment *y = read_back(x);
    assert_null(y->tasks[0].builtin);
    assert_string_equal(y->tasks[0].spec.path, "./builtin/a");
    wane_experiment_free(y);
    wane_experiment_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_taken_as_written),
        cmocka_unit_test(every_character_reads_back),
        cmocka_unit_test(any_text_reads_back),
        cmocka_unit_test(durations_and_folders_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
