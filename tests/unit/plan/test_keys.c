/* SPDX-License-Identifier: Apache-2.0
 * What each setting of an experiment file decides: written by hand, setting by setting, and held
 * against the keys of stages, runs and cells. A setting that the tables have and this list has
 * not fails the test; so does one that moves a key it should not, or leaves one as it was.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eval/cells/cell_measures.h"
#include "eval/cells/track.h"
#include "eval/plan/plan.h"
#include "eval/stages/stage_kind.h"
#include "eval/stages/work.h"
#include "store/base/memory.h"
#include "store/files/file.h"
#include "tests/support/pack.h"
#include "tests/support/support.h"
#include "tests/unit/plan/keys_of_files.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The model and the adapters are those of version1.tar.gz, the rest is written by set_up. */
static const char files[] =
    "name: keys\n"
    "model: model\n"
    "corpora:\n"
    "  - {name: text, path: text.txt, role: pretraining, tokens: 100, window: 32, stride: 16}\n"
    "  - {name: made, path: builtin, role: other, documents: 4, seed: 5}\n"
    "  - {name: lines, path: lines.jsonl, role: other}\n"
    "tasks:\n"
    "  - {name: mood, path: mood, text: text, label: label, train_rows: 6, test_rows: 4}\n"
    "  - {name: topic, path: builtin/topic, train_rows: 8, test_rows: 8}\n"
    "watch:\n"
    "  - {name: seen, path: mood, text: text, label: label, train_rows: 6, test_rows: 4}\n"
    "  - {name: order, path: builtin/order, train_rows: 8, test_rows: 8}\n"
    "methods:\n"
    "  - {name: lora, kind: lora, rank: 2}\n"
    "  - {name: matrices, kind: full-matrices}\n"
    "  - {name: given, kind: given, stages: [" ADAPTER(
        TOPIC) "]}\n"
               "training: {epochs: 1, batch_size: 4, max_seq_length: 64}\n"
               "intruders: {top: 12}\n"
               "track: {every: 2}\n"
               "interventions: {lambdas: [0, 0.5], choices: [top], arms: [intruders, shrink]}\n"
               "matrices: [{name: 0.q_proj}]\n";

/* A model that is made from its seed. */
static const char made[] =
    "name: keys\n"
    "model: builtin\n"
    "pretraining: {width: 16, layers: 1, heads: 2, kv_heads: 1, hidden: 16, context: 48,\n"
    "              documents: 20, batch_tokens: 64, steps: 3, clip: 0.1}\n"
    "corpora: [{name: made, path: builtin, documents: 2}]\n"
    "tasks: [{path: builtin/topic, train_rows: 4, test_rows: 4}]\n"
    "methods: [{name: m, kind: full-matrices}]\n";

/* ---------------------------------------------------------------- the keys of an experiment */

/* What there is to change; a letter each in the lists below. */
static const char kinds[] = "b" /* the key of the base stage */
                            "t" /* keys of the trained stages */
                            "r" /* keys of the runs */
                            /* cells: subject, settings and data of */
                            "s" /* scores */
                            "l" /* likelihoods */
                            "p" /* spectra */
                            "c" /* changes */
                            "o" /* overlaps */
                            "i" /* interventions */
                            "n" /* nulls */
                            "e" /* onsets */
                            "w" /* norms */
                            /* cells of looks into a training: */
                            "N" /* likelihood */
                            "A" /* scores */
                            "D" /* spectra */;

enum { KINDS = sizeof kinds - 1, MOST_KEYS = 200 };

typedef struct key_set {
    char *key[MOST_KEYS];
    size_t count;
} key_set;

typedef struct keys {
    key_set of[KINDS];
    size_t config, position; /* of the stage at work */
    bool look;
} keys;

static void add(keys *k, char kind, const char *key)
{
    key_set *set = &k->of[strchr(kinds, kind) - kinds];
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->key[i], key) == 0) return;
    assert_true(set->count < MOST_KEYS);
    set->key[set->count++] = wane_strdup(key);
}

static void free_keys(keys *k)
{
    for (size_t kind = 0; kind < KINDS; kind++)
        for (size_t i = 0; i < k->of[kind].count; i++) wane_free(k->of[kind].key[i]);
    *k = (keys){0};
}

static wane_status add_cell(void *context, const wane_cell *cell, size_t subject, wane_error *err)
{
    static const struct {
        const char *measure;
        char letter, look;
    } letters[] = {{"score", 's', 'A'}, {"likelihood", 'l', 'N'}, {"spectrum", 'p', 'D'},
                   {"change", 'c', 0},  {"intervention", 'i', 0}, {"overlap", 'o', 0},
                   {"null", 'n', 0},    {"onset", 'e', 0},        {"norm", 'w', 0}};
    keys *k = context;
    char line[512];
    size_t m = 0;
    (void)subject;
    (void)err;
    (void)snprintf(line, sizeof line, "%zu.%zu %s %s %s", k->config, k->position, cell->subject,
                   cell->settings_sha256, cell->data_sha256);
    while (m < sizeof letters / sizeof *letters && strcmp(letters[m].measure, cell->measure) != 0)
        m++;
    assert_true(m < sizeof letters / sizeof *letters);
    add(k, k->look ? letters[m].look : letters[m].letter, line);
    return WANE_OK;
}

static void add_run(keys *k, const wane_work *work, const wane_plan_run *run)
{
    wane_error err;
    add(k, 'r', run->key);
    k->config = (size_t)(run->config - work->experiment->configs);
    for (size_t p = 0; p <= run->length; p++) {
        const wane_plan_stage *stage = &work->plan->stages[run->stages[p]];
        k->position = p ? p + run->shift : 0;
        add(k, p ? 't' : 'b', stage->key);
        k->look = false;
        for (size_t m = 0; m < WANE_MEASURES; m++)
            CHECK_OK(wane_measure_visit(wane_measures[m], work->plan, run, p, add_cell, k, &err));
        k->look = true;
        if (p && !run->config->given && work->experiment->track.every)
            CHECK_OK(wane_track_visit(work, stage, add_cell, k, &err));
    }
}

static void take_keys(keys *out, const char *text, const char *const *overrides, size_t count)
{
    static const wane_log quiet;
    wane_error err;
    wane_experiment *x = NULL;
    wane_inputs *inputs = NULL;
    wane_plan *plan = NULL;
    wane_pool *pool = NULL;
    char builtin[600];
    (void)snprintf(builtin, sizeof builtin, "%s/builtin", scratch_folder());
    CHECK_OK(wane_experiment_parse(&x, text, strlen(text), "keys.yaml", scratch_folder(), overrides,
                                   count, &err));
    CHECK_OK(wane_pool_new(&pool, 1, &err));
    CHECK_OK(wane_inputs_open(&inputs, x, builtin, pool, &quiet, &err));
    CHECK_OK(wane_plan_make(&plan, inputs, &err));
    wane_work work = {.experiment = x, .inputs = inputs, .plan = plan};
    for (size_t r = 0; r < plan->run_count; r++) add_run(out, &work, &plan->runs[r]);
    wane_plan_free(plan);
    wane_inputs_free(inputs);
    wane_pool_free(pool);
    wane_experiment_free(x);
}

static bool holds_all(const key_set *set, const key_set *of)
{
    for (size_t i = 0; i < of->count; i++) {
        bool found = false;
        for (size_t j = 0; j < set->count && !found; j++)
            found = strcmp(of->key[i], set->key[j]) == 0;
        if (!found) return false;
    }
    return true;
}

/* The letters of what changed; + behind one: some are new and all old ones there; -: some are gone
 * and none is new. */
static void differences(char out[2 * KINDS + 1], const keys *before, const keys *after)
{
    for (size_t k = 0; k < KINDS; k++) {
        bool kept = holds_all(&after->of[k], &before->of[k]);
        bool none_new = holds_all(&before->of[k], &after->of[k]);
        if (kept && none_new) continue;
        *out++ = kinds[k];
        if (kept) *out++ = '+';
        else if (none_new) *out++ = '-';
    }
    *out = '\0';
}

/* -------------------------------------------------------------------- setting by setting */

static const setting of_made[] = {
    {"pretraining.width", NULL, "pretraining.width=32", "btr"},
    {"pretraining.layers", NULL, "pretraining.layers=2", "btr"},
    {"pretraining.heads", NULL, "pretraining.heads=1", "btr"},
    {"pretraining.kv_heads", NULL, "pretraining.kv_heads=2", "btr"},
    {"pretraining.hidden", NULL, "pretraining.hidden=24", "btr"},
    {"pretraining.context", NULL, "pretraining.context=40", "btrslc"},
    {"pretraining.documents", NULL, "pretraining.documents=21", "btr"},
    {"pretraining.batch_tokens", NULL, "pretraining.batch_tokens=96", "btr"},
    {"pretraining.steps", NULL, "pretraining.steps=4", "btr"},
    {"pretraining.learning_rate", NULL, "pretraining.learning_rate=0.01", "btr"},
    {"pretraining.warmup_ratio", NULL, "pretraining.warmup_ratio=0.7", "btr"},
    {"pretraining.weight_decay", NULL, "pretraining.weight_decay=0.5", "btr"},
    {"pretraining.clip", NULL, "pretraining.clip=0.2", "btr"},
    {"pretraining.seed", NULL, "pretraining.seed=9", "btr"},
};

static void settings_decide(const char *text, const setting *list, size_t count)
{
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        keys before = {0}, after = {0};
        char changes[2 * KINDS + 1], folder[600];
        const char *said[2] = {list[i].before ? list[i].before : list[i].after, list[i].after};
        (void)snprintf(folder, sizeof folder, "root=%s/again", scratch_folder());
        if (strcmp(list[i].name, "root") == 0) said[0] = folder;
        take_keys(&before, text, said, list[i].before ? 1 : 0);
        take_keys(&after, text, said, list[i].before ? 2 : 1);
        differences(changes, &before, &after);
        if (strcmp(changes, list[i].changes) != 0) {
            print_error("%s: changes \"%s\", should change \"%s\"\n", said[list[i].before ? 1 : 0],
                        changes, list[i].changes);
            wrong++;
        }
        free_keys(&before);
        free_keys(&after);
    }
    assert_int_equal(wrong, 0);
}

static void settings_of_an_experiment(void **state)
{
    (void)state;
    settings_decide(files, of_files, COUNT(of_files));
}

static void settings_of_the_built_in_model(void **state)
{
    (void)state;
    settings_decide(made, of_made, COUNT(of_made));
}

/* ------------------------------------------------------------------------- none left out */

static const setting *line(size_t i)
{
    return i < COUNT(of_files) ? &of_files[i] : &of_made[i - COUNT(of_files)];
}

enum { LINES = COUNT(of_files) + COUNT(of_made), MOST_SETTINGS = 400 };

/* What the tables say of the settings of one path, of which there may be several. */
typedef struct told {
    size_t count;
    struct {
        char path[96];
        bool in_key, block;
    } of[MOST_SETTINGS];
} told;

static bool tell(void *context, const wane_setting_place *place)
{
    told *t = context;
    size_t at = 0;
    while (at < t->count && strcmp(t->of[at].path, place->path) != 0) at++;
    if (at == t->count) {
        assert_true(t->count < MOST_SETTINGS);
        (void)strcpy(t->of[t->count++].path, place->path);
    }
    t->of[at].in_key = t->of[at].in_key || place->in_key;
    t->of[at].block = place->setting->block != NULL;
    return true;
}

/* Whether the line says that another value makes other stages of those that there were. */
static bool moves_stages(const setting *s)
{
    const char *letter = strchr(s->changes, 't');
    return letter && letter[1] != '+' && letter[1] != '-';
}

/* Every entry of the tables has its line here, and says of the key what the lines do; and every
 * line is of an entry. */
static void no_setting_is_left_out(void **state)
{
    (void)state;
    static told all;
    size_t wrong = 0;
    wane_settings_walk(&wane_experiment_settings, tell, &all);
    assert_true(all.count > 100);
    for (size_t i = 0; i < all.count; i++) {
        bool said = false, moves = false;
        for (size_t l = 0; l < LINES; l++) {
            if (strcmp(line(l)->name, all.of[i].path) != 0) continue;
            said = true;
            moves = moves || moves_stages(line(l));
        }
        if (all.of[i].block && !said) continue; /* its entries have theirs */
        if (said && moves == all.of[i].in_key) continue;
        print_error("%s: %s\n", all.of[i].path,
                    !said   ? "a setting whose keys nobody has said"
                    : moves ? "moves the keys of stages, and its entry denies it"
                            : "moves no key of a stage, and its entry says it does");
        wrong++;
    }
    for (size_t l = 0; l < LINES; l++) {
        bool there = false;
        for (size_t i = 0; i < all.count && !there; i++)
            there = strcmp(line(l)->name, all.of[i].path) == 0;
        if (there) continue;
        print_error("%s: no setting any more\n", line(l)->name);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

/* ------------------------------------------------------------------------------ golden keys */

/* Stages and runs of the experiment in version1.tar.gz: the first seven are in its database,
 * written by the program of that time. A key that moves here trains finished stages again. */
static void keys_stay_as_they_are(void **state)
{
    (void)state;
    static const char *const golden[][2] = {
        {"b", "06ba773837cd06ae8c5fae1be06151396cef7a62da75b9729eef987be7270d8b"},
        {"t", TOPIC},
        {"t", COUNTING},
        {"t", "b5488dde03fc3a60d8ec955748da93be0b48d2c9973ae1b3599440e3687f0533"},
        {"t", "c5258684e040c56928df7944ce34bb247d9af1d14d4d1574e025aa2aa5ab0592"},
        {"r", "838d1fd124ff627424c03196f56ce1c861828f053df64b146885662ecb8a56ac"},
        {"r", "3f2fa7d2a5262fe0ff01e14629532bdca4db217d77486dee9bddfcb729ebe763"},
    };
    keys k = {0};
    char path[600];
    (void)snprintf(path, sizeof path, "%s/small.yaml", scratch_folder());
    char *text = read_file(path, NULL);
    take_keys(&k, text, NULL, 0);
    size_t at[KINDS] = {0};
    for (size_t i = 0; i < COUNT(golden); i++) {
        size_t kind = (size_t)(strchr(kinds, golden[i][0][0]) - kinds);
        assert_true(at[kind] < k.of[kind].count);
        assert_string_equal(k.of[kind].key[at[kind]++], golden[i][1]);
    }
    for (size_t kind = 0; kind < 3; kind++) assert_int_equal(at[kind], k.of[kind].count);
    free_keys(&k);
    free(text);
}

/* What other weights come out of: a backend says whether it is. The first is in no key. */
static void a_backend_of_other_bits_is_in_a_key(void **state)
{
    (void)state;
    wane_error err;
    wane_experiment *x = NULL;
    wane_model base = {.config = {.layers = 1, .width = 8, .hidden = 8}};
    wane_backend other = *wane_backend_at(0), third = other;
    other.name = "other";
    other.in_key = third.in_key = true;
    const wane_backend *const asked[] = {NULL, wane_backend_at(0), &other, &third};
    char key[COUNT(asked)][WANE_SHA256_HEX];
    CHECK_OK(wane_experiment_parse(&x, files, strlen(files), "keys.yaml", scratch_folder(), NULL, 0,
                                   &err));
    const wane_inputs inputs = {.experiment = x, .base = &base};
    for (size_t i = 0; i < COUNT(asked); i++) {
        wane_run_config config = x->configs[0];
        wane_sha256 *hash = NULL;
        assert_null(config.training.backend);
        config.training.backend = asked[i];
        CHECK_OK(wane_sha256_begin(&hash, &err));
        wane_config_hash(hash, &inputs, &config);
        CHECK_OK(wane_sha256_end(key[i], hash, &err));
    }
    assert_string_equal(key[0], key[1]);
    assert_string_not_equal(key[0], key[2]);
    assert_string_not_equal(key[0], key[3]);
    assert_string_not_equal(key[2], key[3]);
    wane_experiment_free(x);
}

/* Micro-batches of a large model are smaller, and that is in the key; those of a small one, and of
 * one with large weights, are what the file says. */
static void micro_batches_of_a_large_model(void **state)
{
    (void)state;
    /* 4,096 tokens of SmolLM2-135M keep 30 (4 x 576 + 2 x 1536) x 4 bytes each: 2.6 GB */
    static const struct {
        size_t layers, width, hidden, floats, asked, tokens;
    } cases[] = {{2, 64, 128, 1 << 20, 4096, 4096},      {30, 576, 1536, 134515008, 4096, 1024},
                 {30, 576, 1536, 134515008, 1500, 1500}, {30, 576, 1536, 134515008, 3001, 1501},
                 {30, 576, 1536, 1 << 30, 4096, 4096},   {1000, 8192, 28672, 1 << 20, 4096, 256},
                 {1000, 8192, 28672, 1 << 20, 200, 200}};
    wane_error err;
    wane_experiment *x = NULL;
    char key[2][WANE_SHA256_HEX];
    CHECK_OK(wane_experiment_parse(&x, files, strlen(files), "keys.yaml", scratch_folder(), NULL, 0,
                                   &err));
    for (size_t i = 0; i < COUNT(cases); i++) {
        wane_model base = {.config = {.layers = cases[i].layers,
                                      .width = cases[i].width,
                                      .hidden = cases[i].hidden},
                           .parameters = {.floats = cases[i].floats}};
        wane_model small = {.config = {.layers = 1, .width = 8, .hidden = 8}};
        wane_run_config config = x->configs[0];
        config.training.micro_tokens = cases[i].asked;
        assert_int_equal(wane_micro_tokens(&config.training, &base.parameters, &base.config),
                         cases[i].tokens);
        for (int k = 0; k < 2; k++) {
            const wane_inputs inputs = {.experiment = x, .base = k ? &base : &small};
            wane_sha256 *hash = NULL;
            CHECK_OK(wane_sha256_begin(&hash, &err));
            wane_config_hash(hash, &inputs, &config);
            CHECK_OK(wane_sha256_end(key[k], hash, &err));
        }
        assert_int_equal(strcmp(key[0], key[1]) == 0, cases[i].asked == cases[i].tokens);
    }
    wane_experiment_free(x);
}

static void hash_of(char out[WANE_SHA256_HEX], const key_set *set)
{
    wane_error err;
    wane_sha256 *hash = NULL;
    CHECK_OK(wane_sha256_begin(&hash, &err));
    for (size_t i = 0; i < set->count; i++) wane_sha256_text(hash, set->key[i]);
    CHECK_OK(wane_sha256_end(out, hash, &err));
}

static void check_hash(const key_set *set, const char *golden, const char *what)
{
    char sha[WANE_SHA256_HEX];
    hash_of(sha, set);
    if (strcmp(sha, golden) != 0) fail_msg("%s: \"%s\", was \"%s\"", what, sha, golden);
}

/* Stages of several tasks together, of one alone, from perturbed numbers; of strategies.
 * Checkpoints that are given have one run, whatever the orders and seeds. */
static void so_do_those_of_bounds_and_strategies(void **state)
{
    (void)state;
    static const char *const bounds[] = {"bounds={joint: all, single: true, perturbed: 1}",
                                         "orders=[given, reversed]", "seeds=[0, 1]"};
    static const char *const replay[] = {"methods.lora.strategy=replay", "orders=[given, reversed]",
                                         "methods.lora.share=[0.05, 0.5]"};
    keys k = {0};
    take_keys(&k, files, bounds, 3);
    assert_int_equal(k.of[2].count, 1 + 2 * (3 * 4 + 1));
    check_hash(&k.of[1], "958baf742edce488b98413a07426e4f4123953b386865aeaeadd0eadd1f826c2",
               "stages of bounds");
    free_keys(&k);
    take_keys(&k, files, replay, 3);
    assert_int_equal(k.of[2].count, 1 + 2 * (1 + 2));
    check_hash(&k.of[1], "12f0d552eda21d43ef322c4316b9b96e2a81c0698f65f854284bbb92bb0d9a32",
               "stages of strategies");
    free_keys(&k);
}

/* All keys of the experiment above, kind by kind as one hash. */
static void so_do_those_of_every_cell(void **state)
{
    (void)state;
    static const char *const golden[KINDS] = {
        "8702b3f0b351b0e77cf6af3f12d613cba73f6562efe60bca77756136c757d2cf", /* b */
        "f5f8ae67061f718950ec2cd935454713b0b9e3fbb4ee8135189c65a25a254d18", /* t */
        "34988c016d4219c9bb1ee23df728a4fee1098ec152777528cd197656c9e028f0", /* r */
        "30092b217579c84e0811840e183c3686960df48ed8928482c5a9396ff1874f7e", /* s */
        "887321997aa1219882ec7635fba11e7af1b32e47581e31a466070ce319f5caaf", /* l */
        "aabb9113f31c4b64736051225600023815761eb203e7b1ad96eca8763fae5efa", /* p */
        "438ddb077a0849ea9f31acdab0e1fe13f1c7c9102c177f00eaec3928a3539fc1", /* c */
        "96e92660fa0c89599caa564430cb5ffe68d1f4226b4109936bad797b5d806514", /* o */
        "a83b99f51bf75fe54c523693c439f735282eb51567755a6884812cd0c7d0ebab", /* i */
        "63213509e2f98a5d0e9e6420a7b4a2dc84c242998accc24b495b1a4286e64534", /* n */
        "3d6d4aead40c2c23d0a10005033ad8805eb7144bb3412570dc95600f6afaefb6", /* e */
        "1cf700842b5949b0d112be5f65dbb5fdda19547cc6e97ea8ed7ee8c378471b98", /* w */
        "bdf494979dfe84d76a9d46d62bc411cae723ec364a0013e84ea0458bac7f97da", /* N */
        "5e3fe70b1cba296a0495f6a5d72c125609119afb02cbe012c6912cddd8ea3b50", /* A */
        "a255999d1bc57c8f2e24478357c5fc372c269b80171bb23a4f5127ba467541c8", /* D */
    };
    keys k = {0};
    size_t wrong = 0;
    take_keys(&k, files, NULL, 0);
    for (size_t kind = 0; kind < KINDS; kind++) {
        char sha[WANE_SHA256_HEX];
        hash_of(sha, &k.of[kind]);
        assert_true(k.of[kind].count > 0);
        if (strcmp(sha, golden[kind]) == 0) continue;
        print_error("%c: \"%s\", was \"%s\"\n", kinds[kind], sha, golden[kind]);
        wrong++;
    }
    free_keys(&k);
    assert_int_equal(wrong, 0);
}

/* -------------------------------------------------------------------------------- set-up */

static void put(const char *name, const char *text)
{
    write_file(scratch_path(name), text, strlen(text));
}

static void put_task(const char *folder, const char *first)
{
    static const char *const splits[] = {"train", "test", "validation"};
    static const int rows[] = {12, 9, 8};
    static const char *const words[] = {"yes", "no", "three"}; /* which the tokenizer knows */
    wane_error err;
    char name[64];
    CHECK_OK(wane_folder_make(scratch_path(folder), &err));
    for (int s = 0; s < 3; s++) {
        wane_text text = {0};
        for (int i = 0; i < rows[s]; i++)
            wane_text_printf(&text,
                             "{\"text\": \"%s %s %d\", \"note\": \"note %d\", \"label\": "
                             "\"%s\", \"kind\": \"%s\"}\n",
                             first, splits[s], i, i, words[i % 2], words[i % 3]);
        (void)snprintf(name, sizeof name, "%s/%s.jsonl", folder, splits[s]);
        write_file(scratch_path(name), text.data, text.length);
        wane_text_free(&text);
    }
}

/* The model again, computed otherwise. */
static void put_other_model(void)
{
    static const char *const names[] = {"config.json", "tokenizer.json", "model.safetensors"};
    wane_error err;
    char path[64];
    CHECK_OK(wane_folder_make(scratch_path("other"), &err));
    for (size_t f = 0; f < COUNT(names); f++) {
        size_t bytes = 0;
        (void)snprintf(path, sizeof path, "model/%s", names[f]);
        char *content = read_file(scratch_path(path), &bytes);
        char *theta = f == 0 ? strstr(content, "1e+04") : NULL;
        assert_true(theta || f > 0);
        if (theta) theta[0] = '2';
        (void)snprintf(path, sizeof path, "other/%s", names[f]);
        write_file(scratch_path(path), content, bytes);
        free(content);
    }
}

static int set_up(void **state)
{
    static const char prose[] = "one day a cat sat on a mat and saw a dog\n\n"
                                "the dog ran to the cat \xe2\x80\x94 and both were glad\n\n"
                                "then it was night and all of them went home to sleep again\n";
    if (scratch_make(state) != 0) return -1;
    unpack("unit/run/version1.tar.gz", scratch_folder());
    if (symlink(".", scratch_path("again")) != 0) return -1;
    put("text.txt", prose);
    put("same.txt", prose);
    put("text2.txt", prose + 4);
    put("lines.jsonl", "{\"text\": \"a line of text\", \"body\": \"and its body\"}\n"
                       "{\"text\": \"one more line\", \"body\": \"another body\"}\n");
    put_task("mood", "it was");
    put_task("mood_again", "it was");
    put_task("mood2", "it is");
    wane_text rows = {0};
    for (int i = 0; i < 40; i++)
        wane_text_printf(&rows, "{\"text\": \"row %d\", \"label\": \"%s\"}\n", i,
                         i % 2 ? "yes" : "no");
    write_file(scratch_path("rows.jsonl"), rows.data, rows.length);
    wane_text_free(&rows);
    put_other_model();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_setting_is_left_out),
        cmocka_unit_test(keys_stay_as_they_are),
        cmocka_unit_test(a_backend_of_other_bits_is_in_a_key),
        cmocka_unit_test(micro_batches_of_a_large_model),
        cmocka_unit_test(so_do_those_of_every_cell),
        cmocka_unit_test(so_do_those_of_bounds_and_strategies),
        cmocka_unit_test(settings_of_an_experiment),
        cmocka_unit_test(settings_of_the_built_in_model),
    };
    return cmocka_run_group_tests_name("keys", tests, set_up, scratch_remove);
}
