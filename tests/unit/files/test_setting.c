/* SPDX-License-Identifier: Apache-2.0
 * The loops over tables of settings, on a table of the test's own.
 */
#include <string.h>

#include "store/files/setting.h"
#include "tests/support/support.h"

typedef enum shape { ROUND, SQUARE, FLAT } shape;

typedef struct thing {
    const char *title, *side;
    double weight;
    size_t count, most;
    uint64_t seed;
    bool large, tall;
    shape shape;
    struct inner {
        double depth;
    } inner;
    size_t settled;
} thing;

static const char *const shapes[] = {"round", "square", "flat", NULL};
static const char *const sides[] = {"left", "right", NULL};
static const char *const heights[] = {"low", "tall", NULL};

static const wane_setting inner_entries[] = {{.name = "depth",
                                              .type = WANE_SETTING_NUMBER,
                                              WANE_MEMBER(struct inner, depth),
                                              .low = 0,
                                              .high = 9,
                                              .help = "how deep"}};
static const struct inner usual_inner = {2};
static const wane_settings inner = {.name = "inner",
                                    .help = "inside",
                                    .entries = inner_entries,
                                    .count = 1,
                                    .defaults = &usual_inner};

static wane_status settle(void *into, const wane_setting_reader *reader, wane_error *err)
{
    (void)err;
    ((thing *)into)->settled = reader->map ? 2 : 1;
    return WANE_OK;
}

/* In the key: weight, then count; `most` and `title` where they are changed. */
static const wane_setting entries[] = {
    {.name = "title",
     .type = WANE_SETTING_TEXT,
     WANE_MEMBER(thing, title),
     .key = WANE_KEY_CHANGED,
     .help = "what"},
    {.name = "count",
     .aliases = "n number",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(thing, count),
     .low = 1,
     .high = 100,
     .key = 2,
     .listed = "n",
     .help = "how many"},
    {.name = "weight",
     .type = WANE_SETTING_NUMBER,
     WANE_MEMBER(thing, weight),
     .low = 0,
     .high = 10,
     .key = 1,
     .listed = "w",
     .help = "how heavy"},
    {.name = "most",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(thing, most),
     .low = 1,
     .high = 1000,
     .key = WANE_KEY_CHANGED,
     .help = "at most"},
    {.name = "seed", .type = WANE_SETTING_SEED, WANE_MEMBER(thing, seed), .high = 50, .help = "of"},
    {.name = "large",
     .type = WANE_SETTING_FLAG,
     WANE_MEMBER(thing, large),
     .quiet = true,
     .help = "whether"},
    {.name = "height",
     .type = WANE_SETTING_CHOICE,
     WANE_MEMBER(thing, tall),
     .choices = heights,
     .help = "how high"},
    {.name = "shape",
     .type = WANE_SETTING_CHOICE,
     WANE_MEMBER(thing, shape),
     .choices = shapes,
     .help = "which"},
    {.name = "side",
     .type = WANE_SETTING_CHOICE,
     WANE_MEMBER(thing, side),
     .choices = sides,
     .help = "where"},
    {.name = "inner",
     .type = WANE_SETTING_BLOCK,
     WANE_MEMBER(thing, inner),
     .block = &inner,
     .key = WANE_KEY_INSIDE,
     .help = "inside"},
};
static const thing usual = {.count = 3, .weight = 0.5, .shape = SQUARE, .seed = 7};
static const wane_settings table = {.name = "thing",
                                    .help = "of the test",
                                    .entries = entries,
                                    .count = sizeof entries / sizeof *entries,
                                    .defaults = &usual,
                                    .settle = settle};

typedef struct read {
    wane_yaml_document *document;
    wane_arena *memory;
    thing thing;
    wane_status status;
} read;

static read read_thing(const char *text, wane_error *err)
{
    read r = {.memory = wane_arena_new()};
    const wane_setting_reader reader = {.memory = r.memory};
    assert_non_null(r.memory);
    r.status = wane_yaml_parse(&r.document, text, strlen(text), "t.yaml", err);
    assert_int_equal(r.status, WANE_OK);
    r.status = wane_settings_fill(&r.thing, &table, wane_yaml_root(r.document), &reader, err);
    return r;
}

static void forget(read *r)
{
    wane_yaml_free(r->document);
    wane_arena_free(r->memory);
}

static void a_map_is_read_over_the_defaults(void **state)
{
    (void)state;
    wane_error err;
    read r = read_thing("title: a b\nweight: 1e1\nseed: 50\nlarge: yes\nheight: tall\n"
                        "shape: flat\nside: right\ninner: {depth: 3}\n",
                        &err);
    assert_int_equal(r.status, WANE_OK);
    assert_string_equal(r.thing.title, "a b");
    assert_true(r.thing.weight == 10 && r.thing.count == 3 && r.thing.most == 0);
    assert_true(r.thing.seed == 50 && r.thing.large && r.thing.tall && r.thing.shape == FLAT);
    assert_string_equal(r.thing.side, "right");
    assert_true(r.thing.inner.depth == 3 && r.thing.settled == 2);
    forget(&r);
    r = read_thing("{}", &err);
    assert_true(r.thing.inner.depth == 2 && r.thing.shape == SQUARE && !r.thing.side);
    forget(&r);
    const wane_setting_reader none = {0};
    CHECK_OK(wane_settings_fill(&r.thing, &table, NULL, &none, &err));
    assert_int_equal(r.thing.settled, 1);
}

static void mistakes_name_their_place(void **state)
{
    (void)state;
    static const char *const mistakes[][2] = {
        {"wieght: 1", "wieght: unknown key; did you mean weight? (line 1, column 1)"},
        {"inner: {deph: 1}", "inner.deph: unknown key; did you mean depth?"},
        {"inner: 3", "inner: a map expected, found a value"},
        {"weight: 11", "weight: 11 is not in [0, 10] (line 1, column 9)"},
        {"count: 0", "count: 0 is not in [1, 100]"},
        {"count: 1.5", "count: 1.5 is no whole number"},
        {"count: [1]", "count: a value expected, found a list"},
        {"seed: 51", "seed: 51 is not in [0, 50]"},
        {"large: 3", "large: '3' is none of false, true"},
        {"shape: long", "shape: 'long' is none of round, square, flat"},
        {"title: [a]", "title: a value expected, found a list"}};
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        wane_error err;
        read r = read_thing(mistakes[i][0], &err);
        CHECK_FAILS(r.status, WANE_EINVAL, mistakes[i][1]);
        forget(&r);
    }
}

/* What is printed reads back to the same; what was not said, and what is quiet, is not. */
static void settings_are_printed_as_yaml(void **state)
{
    (void)state;
    wane_error err;
    wane_text out = {0};
    read r = read_thing("title: \"a: b\"\nmost: 4\n", &err);
    wane_settings_print(&out, &(wane_settings_of){&table, &r.thing}, 1);
    assert_string_equal(out.data, "{title: \"a: b\", count: 3, weight: 0.5, most: 4, seed: 7, "
                                  "height: low, shape: square, inner: {depth: 2}}");
    read again = read_thing(out.data, &err);
    wane_text second = {0};
    wane_settings_print(&second, &(wane_settings_of){&table, &again.thing}, 1);
    assert_string_equal(out.data, second.data);
    wane_text_clear(&out);
    wane_setting_print_default(&out, &entries[7], &table);
    wane_text_string(&out, " ");
    wane_setting_print_default(&out, &entries[3], &table);
    assert_string_equal(out.data, "square none");
    wane_text_free(&out);
    wane_text_free(&second);
    forget(&r);
    forget(&again);
}

static void hash_of(char out[WANE_SHA256_HEX], const thing *t)
{
    wane_error err;
    wane_sha256 *hash = NULL;
    CHECK_OK(wane_sha256_begin(&hash, &err));
    wane_settings_hash(hash, &(wane_settings_of){&table, t}, 1);
    CHECK_OK(wane_sha256_end(out, hash, &err));
}

/* By place, whatever the order of the table; what came later, only where it is changed. */
static void keys_outlive_the_table(void **state)
{
    (void)state;
    wane_error err;
    thing t = {0};
    char seen[WANE_SHA256_HEX], wanted[WANE_SHA256_HEX];
    wane_settings_default(&t, &table);
    for (int changed = 0; changed < 3; changed++) {
        wane_sha256 *hash = NULL;
        CHECK_OK(wane_sha256_begin(&hash, &err));
        wane_sha256_number(hash, "weight", 0.5);
        wane_sha256_number(hash, "count", 3);
        if (changed == 2) {
            wane_sha256_text(hash, "title");
            wane_sha256_text(hash, "x");
        }
        if (changed) wane_sha256_number(hash, "most", 9);
        CHECK_OK(wane_sha256_end(wanted, hash, &err));
        t.most = changed ? 9 : 0;
        t.title = changed == 2 ? "x" : NULL;
        t.large = true; /* in no key */
        hash_of(seen, &t);
        assert_string_equal(seen, wanted);
    }
}

/* Two lists are read item by item, the last of the table first. */
static void lists_are_combined(void **state)
{
    (void)state;
    static const char text[] = "weight: [1, 2, 3]\ncount: [4, 5]\n";
    static const struct {
        const char *text, *message;
    } bad[] = {{"count: []", "count: empty list"},
               {"count: [2, 2.0]", "2 is there twice"},
               {"weight: [1, 11]", "11 is not in [0, 10]"}};
    wane_error err;
    wane_yaml_document *document = NULL;
    wane_setting_lists lists;
    thing t = {0};
    const wane_settings_into into = {&table, &t};
    const wane_setting_reader none = {0};
    size_t seen = 0;
    CHECK_OK(wane_yaml_parse(&document, text, sizeof text - 1, "t.yaml", &err));
    CHECK_OK(wane_settings_lists(&lists, &into, 1, wane_yaml_root(document), &err));
    assert_int_equal(lists.count, 2);
    do {
        CHECK_OK(wane_settings_read(&into, 1, wane_yaml_root(document), &lists, &none, &err));
        assert_int_equal(t.count, 4 + seen / 3);
        assert_true(t.weight == 1 + (double)(seen % 3));
        seen++;
    } while (wane_settings_next(&lists));
    assert_int_equal(seen, 6);
    wane_yaml_free(document);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_OK(wane_yaml_parse(&document, bad[i].text, strlen(bad[i].text), "t.yaml", &err));
        CHECK_FAILS(wane_settings_lists(&lists, &into, 1, wane_yaml_root(document), &err),
                    WANE_EINVAL, bad[i].message);
        wane_yaml_free(document);
    }
}

static bool count_place(void *context, const wane_setting_place *place)
{
    size_t *count = context;
    ++*count;
    if (strcmp(place->path, "inner.depth") == 0) {
        assert_int_equal(place->depth, 1);
        assert_false(place->in_key);
    }
    if (strcmp(place->path, "count") == 0) assert_true(place->in_key);
    return true;
}

static void every_key_has_its_place(void **state)
{
    (void)state;
    size_t count = 0;
    wane_settings_walk(&table, count_place, &count);
    assert_int_equal(count, sizeof entries / sizeof *entries + 1);
    assert_string_equal(wane_settings_name(&table, "number"), "count");
    assert_string_equal(wane_settings_name(&table, "n"), "count");
    assert_string_equal(wane_settings_name(&table, "numbe"), "numbe");
    assert_string_equal(wane_settings_name(&table, "n number"), "n number");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_is_read_over_the_defaults),
        cmocka_unit_test(mistakes_name_their_place),
        cmocka_unit_test(settings_are_printed_as_yaml),
        cmocka_unit_test(keys_outlive_the_table),
        cmocka_unit_test(lists_are_combined),
        cmocka_unit_test(every_key_has_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
