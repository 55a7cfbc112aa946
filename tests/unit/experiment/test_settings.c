/* SPDX-License-Identifier: Apache-2.0
 * What the tables of settings say of themselves: the defaults that are told are those that there
 * are, other spellings mean the same, every key is explained, and the file to start from is one.
 */
#include <stdio.h>
#include <string.h>

#include "eval/experiment/experiment.h"
#include "eval/experiment/settings_page.h"
#include "eval/experiment/starter.h"
#include "tests/support/support.h"

/* Every block has something in it; %s: an item for each method and each strategy. */
static const char sample[] = "name: x\nmodel: builtin\ncorpora: [{path: c}]\n"
                             "tasks: [{path: t}, {path: builtin/topic}]\nwatch: [{path: w}]\n"
                             "methods: [%s{kind: given, stages: [s]}]\n"
                             "bounds: {perturbed: {runs: 5}}\ntrack: {every: 100}\n"
                             "interventions: {k: 10}\nmatrices: [q_proj]\n";

static void write_sample(wane_text *out)
{
    wane_text items = {0};
    for (size_t i = 0; wane_method_at(i); i++)
        wane_text_printf(&items, "%s, ", wane_method_at(i)->settings->name);
    for (size_t i = 0; wane_strategy_at(i); i++) {
        const char *name = wane_strategy_at(i)->settings->name;
        wane_text_printf(&items, "{name: %s, kind: full, strategy: %s}, ", name, name);
    }
    wane_text_printf(out, sample, items.data);
    wane_text_free(&items);
}

/* The experiment as it is printed, with one setting said; NULL when that is refused. */
static char *printed(const char *override)
{
    wane_error err;
    wane_experiment *x = NULL;
    wane_text out = {0}, text = {0};
    write_sample(&text);
    wane_status st = wane_experiment_parse(&x, text.data, text.length, "x.yaml", "", &override,
                                           override ? 1 : 0, &err);
    wane_text_free(&text);
    if (st != WANE_OK) {
        print_error("%s\n", err.message);
        return NULL;
    }
    wane_experiment_print(&out, x);
    wane_experiment_free(x);
    return out.data;
}

/* The key of the sample that sets the setting: of a list, in the item that has it. */
static void path_in_sample(char out[128], const wane_setting_place *place, const char *name)
{
    const char *dot = strchr(place->path, '.'), *last = strrchr(place->path, '.');
    const char *block = place->block->name, *item = "0";
    bool in_list = false;
    static const char *const lists[] = {"corpora.", "tasks.", "watch.", "methods.", "matrices."};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        in_list = in_list || strncmp(place->path, lists[i], strlen(lists[i])) == 0;
    for (size_t i = 0; wane_method_at(i); i++)
        if (place->block == wane_method_at(i)->settings) item = block;
    for (size_t i = 0; wane_strategy_at(i); i++)
        if (place->block == wane_strategy_at(i)->settings) item = block;
    if (strcmp(block, "given") == 0) item = block;
    if (!dot) (void)snprintf(out, 128, "%s", name);
    else if (!in_list)
        (void)snprintf(out, 128, "%.*s.%s", (int)(last - place->path), place->path, name);
    else (void)snprintf(out, 128, "%.*s.%s.%s", (int)(dot - place->path), place->path, item, name);
}

typedef struct seen {
    char *usual; /* the sample as it is printed */
    size_t count, wrong;
} seen;

/* A default that is said changes nothing; of some the value is then printed where there was none.
 */
static bool defaults_change_nothing(void *context, const wane_setting_place *place)
{
    seen *s = context;
    const wane_setting *setting = place->setting;
    wane_text override = {0};
    char path[128];
    bool open = setting->written && setting->size && setting->type != WANE_SETTING_OWN &&
                setting->type != WANE_SETTING_NUMBER;
    if (setting->type == WANE_SETTING_BLOCK || strncmp(place->path, "orders.", 7) == 0) return true;
    if (!wane_setting_has_default(setting, place->block)) return true;
    path_in_sample(path, place, setting->name);
    wane_text_printf(&override, "%s=", path);
    wane_setting_print_default(&override, setting, place->block);
    char *now = printed(override.data);
    open = open || strcmp(setting->name, "validation_fraction") == 0;
    if (!now || (!open && strcmp(now, s->usual) != 0)) {
        print_error("%s\n%s", override.data, now ? now : "");
        s->wrong++;
    }
    s->count++;
    wane_free(now);
    wane_text_free(&override);
    return true;
}

static void told_defaults_are_true(void **state)
{
    (void)state;
    seen s = {.usual = printed(NULL)};
    assert_non_null(s.usual);
    wane_settings_walk(&wane_experiment_settings, defaults_change_nothing, &s);
    assert_int_equal(s.wrong, 0);
    assert_true(s.count > 80);
    wane_free(s.usual);
}

/* Another value, by the name and by each other spelling. */
static bool spellings_agree(void *context, const wane_setting_place *place)
{
    seen *s = context;
    const wane_setting *setting = place->setting;
    const char *value = setting->type == WANE_SETTING_CHOICE ? wane_setting_choice(setting, 0)
                        : setting->type == WANE_SETTING_FLAG ? "true"
                        : setting->low >= 1                  ? "5"
                                                             : "0.5";
    if (strcmp(setting->name, "target_modules") == 0) value = "[v_proj]";
    for (const char *at = setting->aliases; at && *at; at += strspn(at, " ")) {
        char alias[64] = "", path[128], override[256];
        size_t length = strcspn(at, " ");
        memcpy(alias, at, length);
        at += length;
        if (strcmp(setting->name, "model") == 0) value = "m";
        path_in_sample(path, place, setting->name);
        (void)snprintf(override, sizeof override, "%s=%s", path, value);
        if (strcmp(value, "m") == 0) continue; /* pretraining is for the built-in model alone */
        char *ours = printed(override);
        path_in_sample(path, place, alias);
        (void)snprintf(override, sizeof override, "%s=%s", path, value);
        char *theirs = printed(override);
        if (!ours || !theirs || strcmp(ours, theirs) != 0) {
            print_error("%s: not the same as %s\n", override, setting->name);
            s->wrong++;
        }
        s->count++;
        wane_free(ours);
        wane_free(theirs);
    }
    return true;
}

static void other_spellings_mean_the_same(void **state)
{
    (void)state;
    seen s = {0};
    wane_settings_walk(&wane_experiment_settings, spellings_agree, &s);
    assert_int_equal(s.wrong, 0);
    assert_true(s.count > 20);
}

static bool is_explained(void *context, const wane_setting_place *place)
{
    seen *s = context;
    wane_text out = {0};
    assert_true(wane_settings_explain(&out, place->path, false));
    assert_non_null(strstr(out.data, place->path));
    assert_non_null(strstr(out.data, place->setting->name));
    /* A line of help fits one line of the file to start from, nearly. */
    assert_non_null(place->setting->help);
    if (strlen(place->setting->help) > 130 || strchr(place->setting->help, '\n')) {
        print_error("%s: no line: %s\n", place->path, place->setting->help);
        s->wrong++;
    }
    wane_text_free(&out);
    return true;
}

static void every_key_is_explained(void **state)
{
    (void)state;
    seen s = {0};
    wane_text out = {0};
    wane_settings_walk(&wane_experiment_settings, is_explained, &s);
    assert_int_equal(s.wrong, 0);
    assert_true(wane_settings_explain(&out, "full", false)); /* a block that no key names */
    assert_non_null(strstr(out.data, "none of its own"));
    wane_text_free(&out);
    assert_false(wane_settings_explain(&out, "epochz", false));
    assert_int_equal(out.length, 0);
    assert_string_equal(wane_settings_nearest("epochz"), "epochs");
    assert_null(wane_settings_nearest("xxxxxxxxxxxx"));
}

/* The starter with its comments taken away where they hold a key at all. */
static char *uncommented(const char *text, const char *key)
{
    char *copy = wane_strdup(text);
    char line[64];
    (void)snprintf(line, sizeof line, "\n# %s:", key);
    char *at = strstr(copy, line);
    if (at) memmove(at + 1, at + 3, strlen(at + 3) + 1);
    return copy;
}

static void the_starter_is_an_experiment(void **state)
{
    (void)state;
    static const char *const single[] = {"seeds", "sample_seed", "keep"};
    wane_error err;
    wane_text text = {0}, first = {0};
    const wane_starter starter = {.name = "mine"};
    CHECK_OK(wane_experiment_starter(&text, &starter, &err));
    for (size_t i = 0; i <= sizeof single / sizeof *single; i++) {
        char *file = uncommented(text.data, i ? single[i - 1] : "nothing");
        wane_experiment *x = NULL;
        wane_text out = {0};
        CHECK_OK(wane_experiment_parse(&x, file, strlen(file), "mine.yaml", "", NULL, 0, &err));
        assert_int_equal(x->trained_tasks, 2);
        wane_experiment_print(i ? &out : &first, x);
        if (i) {
            assert_int_not_equal(strlen(file), text.length);
            assert_string_equal(out.data, first.data);
        }
        wane_experiment_free(x);
        wane_text_free(&out);
        wane_free(file);
    }
    wane_text_free(&first);
    wane_text_free(&text);
}

/* What is filled in of a table decides the same rows as the table alone. */
static void the_starter_says_what_it_saw(void **state)
{
    (void)state;
    wane_error err;
    wane_text text = {0}, rows = {0};
    wane_experiment *x = NULL;
    wane_task alone, told;
    char path[512];
    (void)snprintf(path, sizeof path, "%s", scratch_path("pairs.csv"));
    wane_text_string(&rows, "premise,hypothesis,label\n");
    for (int i = 0; i < 60; i++)
        wane_text_printf(&rows, "a%d,\"b \"\"%d\"\"\",%s\n", i, i, i % 3 ? "yes" : "no");
    write_file(path, rows.data, rows.length);
    const char *const tasks[] = {path};
    const wane_starter starter = {.name = "mine", .model = "m", .task_count = 1, .tasks = tasks};
    CHECK_OK(wane_experiment_starter(&text, &starter, &err));
    assert_non_null(strstr(text.data, "labels: {\"no\": \" no\", \"yes\": \" yes\"}"));
    assert_non_null(strstr(text.data, "label: \"label\""));
    CHECK_OK(wane_experiment_parse(&x, text.data, text.length, "mine.yaml", "", NULL, 0, &err));
    assert_string_equal(x->model, "m");
    CHECK_OK(wane_task_open(&told, &x->tasks[0].spec, &err));
    CHECK_OK(wane_task_open(&alone, &(wane_task_spec){.path = path}, &err));
    assert_string_equal(told.name, alone.name);
    for (int split = 0; split < WANE_SPLITS; split++)
        assert_string_equal(told.sha256[split], alone.sha256[split]);
    wane_task_free(&alone);
    wane_task_free(&told);
    wane_experiment_free(x);
    wane_text_free(&text);
    wane_text_free(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(told_defaults_are_true),
        cmocka_unit_test(other_spellings_mean_the_same),
        cmocka_unit_test(every_key_is_explained),
        cmocka_unit_test(the_starter_is_an_experiment),
        cmocka_unit_test(the_starter_says_what_it_saw),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
