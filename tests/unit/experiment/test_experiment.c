/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "eval/experiment/experiment.h"
#include "store/base/matrix_name.h"
#include "tests/support/support.h"

static const char whole[] =
    "name: x\n"
    "model: m\n"
    "corpora:\n"
    "  - {path: c.txt, role: pretraining, weight: 3}\n"
    "tasks: [a, {path: dir/b.tar.gz, labels: {no: \" A\", 1: B}}]\n"
    "watch: [w]\n"
    "orders: [given, reversed, [b]]\n"
    "seeds: [3, 1]\n"
    "methods:\n"
    "  - {kind: full_matrices, learning_rate: 1e-5, num_train_epochs: 2}\n"
    "  - {name: l, kind: lora, r: [1, 16], lora_alpha: 2r, lr: [1.0e-05, 3]}\n"
    "protocol: {adapter: stack, head: linear}\n"
    "training: {per_device_train_batch_size: 4,\n"
    "           gradient_accumulation_steps: 3}\n"
    "intruders: {sides: [u], against: [base, previous]}\n"
    "matrices: [q_proj, {name: layers.*.down_proj, stages: all, sides: [v]}]\n"
    "track: {every: 7, task_rows: 0}\n"
    "interventions: {choices: [all], arms: [energy, intruders], lambdas: [1.25, .5, 1e-1],\n"
    "                stages: [2, 1], k: 4, epsilon: .4, side: v, compare: together}\n";

static wane_status parse(wane_experiment **out, const char *text, const char *override,
                         wane_error *err)
{
    return wane_experiment_parse(out, text, strlen(text), "x.yaml", "root", &override,
                                 override ? 1 : 0, err);
}

static void a_file_is_typed_and_expanded(void **state)
{
    (void)state;
    wane_error err;
    wane_experiment *x = NULL;
    CHECK_OK(parse(&x, whole, NULL, &err));
    assert_string_equal(x->model, "root/m");
    assert_int_equal(x->task_count, 3);
    assert_int_equal(x->trained_tasks, 2);
    assert_string_equal(x->tasks[1].spec.name, "b");
    assert_string_equal(x->tasks[1].spec.path, "root/dir/b.tar.gz");
    assert_string_equal(x->tasks[1].spec.labels[0].value, "no"); /* a word, no truth value */
    assert_true(x->tasks[2].watched);
    assert_int_equal(x->order_count, 3);
    assert_int_equal(x->orders[1].tasks[0], 1);
    assert_int_equal(x->orders[2].count, 1);
    assert_int_equal(x->seeds[0], 3);
    assert_int_equal(x->config_count, 5);
    assert_string_equal(x->configs[0].name, "full_matrices");
    assert_true(x->configs[0].settings.method == &wane_method_full_matrices);
    assert_true(x->configs[0].training.learning_rate == 1e-5 && x->configs[0].training.epochs == 2);
    assert_string_equal(x->configs[1].name, "l-r1-lr1e-05");
    assert_true(x->configs[1].training.learning_rate == 1e-5);
    assert_string_equal(x->configs[4].name, "l-r16-lr3");
    assert_true(x->configs[4].settings.alpha == 32 && x->configs[4].settings.rank == 16);
    assert_int_equal(x->configs[4].training.batch_size, 12);
    assert_true(x->configs[4].training.epochs == 1);
    assert_true(x->corpora[0].weight == 3);
    assert_int_equal(x->track.every, 7);
    assert_int_equal(x->track.nll_tokens, 1024);
    assert_true(x->track.spectra && x->track.task_rows == 0 && x->track.top == 10);
    assert_int_equal(x->shown_count, 2);
    assert_true(x->shown[0].u && !x->shown[0].v && !x->shown[0].all_stages);
    assert_true(!x->shown[1].u && x->shown[1].v && x->shown[1].all_stages);
    assert_true(x->against_previous && x->intruders_u && !x->intruders_v);
    wane_experiment_free(x);
}

/* A strategy and its settings are what was written, else what is usual, and are printed as they are
 * read; of one that does nothing, and of a bound of all tasks at once, nothing is. */
static void a_strategy_has_its_settings(void **state)
{
    (void)state;
    static const char text[] =
        "name: x\nmodel: builtin\ntasks: [builtin/topic, builtin/order]\nbounds: {joint: all, "
        "single: true}\nmethods:\n"
        "  - {name: p, kind: lora, strategy: none}\n  - {name: q, kind: lora, strategy: replay}\n"
        "  - {name: r, kind: full, strategy: replay, share: 0.3}\n";
    static const char *const wanted[] = {"none", "replay", "replay", "none",  "none",
                                         "none", "none",   "replay", "replay"};
    wane_error err;
    wane_experiment *x = NULL;
    wane_text once = {0}, twice = {0};
    CHECK_OK(parse(&x, text, NULL, &err));
    assert_int_equal(x->config_count, 9);
    for (size_t c = 0; c < 9; c++)
        assert_string_equal(x->configs[c].strategy->settings->name, wanted[c]);
    for (size_t c = 1; c <= 2; c++) {
        const wane_setting *share = &x->configs[c].strategy->settings->entries[0];
        assert_string_equal(share->name, "share");
        assert_true(wane_setting_value(share, x->configs[c].strategy_settings) ==
                    (c == 1 ? 0.05 : 0.3));
    }
    wane_experiment_print(&once, x);
    wane_experiment_free(x);
    assert_non_null(strstr(once.data, ", strategy: replay, share: 0.3}"));
    assert_null(strstr(once.data, "strategy: none"));
    CHECK_OK(parse(&x, once.data, NULL, &err));
    wane_experiment_print(&twice, x);
    wane_experiment_free(x);
    assert_string_equal(twice.data, once.data);
    wane_text_free(&once);
    wane_text_free(&twice);
}

static void interventions_have_defaults(void **state)
{
    (void)state;
    wane_error err;
    wane_experiment *x = NULL;
    CHECK_OK(parse(&x, whole, NULL, &err));
    const wane_interventions *asked = &x->interventions;
    assert_true(!asked->choice[WANE_CHOICE_TOP] && asked->choice[WANE_CHOICE_ALL]);
    assert_true(asked->arm[WANE_ARM_INTRUDERS] && asked->arm[WANE_ARM_ENERGY]);
    assert_true(!asked->arm[WANE_ARM_NEIGHBOUR] && !asked->arm[WANE_ARM_SHRINK]);
    assert_int_equal(asked->lambda_count, 3);
    assert_true(asked->lambdas[0] == 0.1 && asked->lambdas[2] == 1.25);
    assert_int_equal(asked->position_count, 2);
    assert_int_equal(asked->positions[0], 2);
    assert_true(asked->k == 4 && asked->epsilon == 0.4 && asked->side == WANE_SIDE_V);
    assert_true(asked->together && !asked->every_stage);
    wane_experiment_free(x);
    static const char plain[] = "name: x\nmodel: m\ntasks: [a]\nmethods: [{kind: full}]\n";
    for (int i = 0; i < 3; i++) {
        static const char *const added[] = {NULL, "interventions=false", "interventions=true"};
        CHECK_OK(parse(&x, plain, added[i], &err));
        assert_int_equal(x->interventions.lambda_count, i == 2 ? 8 : 0);
        assert_true(!x->interventions.every_stage && x->interventions.position_count == 0);
        for (int arm = 0; i == 2 && arm < WANE_ARMS; arm++)
            assert_true(x->interventions.arm[arm] && x->interventions.choice[arm % 2]);
        wane_experiment_free(x);
    }
}

#define HEAD "name: x\nmodel: m\n"
static const char shorter[] = HEAD "corpora: [dir/c.txt]\ntasks: [a]\nseeds: 3\n"
                                   "methods: [full-matrices, lora, full]\n";

/* Items given by their text alone are what they are with it spelled out, and overrides reach them.
 */
static void short_forms_are_the_long_ones(void **state)
{
    (void)state;
    static const char longer[] =
        HEAD "corpora: [{path: dir/c.txt}]\ntasks: [{path: a}]\n"
             "seeds: [0, 1, 2]\nmethods: [{kind: full-matrices}, {kind: lora}, {kind: full}]\n";
    static const char *const overrides[] = {NULL,
                                            "seeds=2",
                                            "seeds=[4]",
                                            "methods.lora.rank=[1, 2]",
                                            "methods.1.name=l",
                                            "methods=[full, lora]",
                                            "methods.0=lora-not",
                                            "corpora.dir/c.txt.tokens=7",
                                            "tasks.a.train_rows=9",
                                            "corpora.0=e.txt",
                                            "corpora=[builtin]"};
    wane_error err, other;
    for (size_t i = 0; i < sizeof overrides / sizeof *overrides; i++) {
        wane_experiment *x = NULL, *y = NULL;
        wane_text first = {0}, second = {0};
        wane_status st = parse(&x, shorter, overrides[i], &err);
        /* Of a list in the long form the overrides find every item by the same words. */
        assert_int_equal(parse(&y, longer, overrides[i], &other), st);
        assert_int_equal(st == WANE_OK, !overrides[i] || !strstr(overrides[i], "lora-not"));
        if (st == WANE_OK) {
            wane_experiment_print(&first, x);
            wane_experiment_print(&second, y);
            assert_string_equal(first.data, second.data);
        } else assert_string_equal(err.message, other.message);
        wane_text_free(&first);
        wane_text_free(&second);
        wane_experiment_free(x);
        wane_experiment_free(y);
    }
}

static void short_forms_have_the_usual_settings(void **state)
{
    (void)state;
    wane_error err;
    wane_experiment *x = NULL;
    CHECK_OK(parse(&x, shorter, NULL, &err));
    assert_int_equal(x->seed_count, 3);
    assert_true(x->seeds[0] == 0 && x->seeds[1] == 1 && x->seeds[2] == 2);
    assert_string_equal(x->corpora[0].spec.name, "c");
    assert_string_equal(x->corpora[0].role, "pretraining");
    assert_string_equal(x->configs[0].name, "full-matrices");
    assert_true(x->configs[0].settings.method == &wane_method_full_matrices);
    assert_true(x->configs[1].settings.rank == 8 && x->configs[1].settings.alpha == 16);
    assert_true(x->configs[1].training.learning_rate == 2e-4);
    wane_experiment_free(x);
}

static void senseless_numbers_of_seeds_are_refused(void **state)
{
    (void)state;
    wane_error err;
#define ALONE HEAD "tasks: [a]\nmethods: [full]\nseeds: "
    static const char *const senseless[] = {"0", "-1", "1.5", "many", "\"3\"", "10001", "nan", "~"};
    for (size_t i = 0; i < sizeof senseless / sizeof *senseless; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, ALONE "%s\n", senseless[i]);
        wane_experiment *x = NULL;
        CHECK_FAILS(parse(&x, text, NULL, &err), WANE_EINVAL, "neither a number of seeds");
        assert_non_null(strstr(err.message, "line 5, column 8"));
    }
}

static void overrides_reach_any_leaf(void **state)
{
    (void)state;
    wane_error err;
    wane_experiment *x = NULL;
    CHECK_OK(parse(&x, whole, "methods.l.rank=4", &err));
    assert_int_equal(x->config_count, 3);
    assert_int_equal(x->configs[1].settings.rank, 4);
    wane_experiment_free(x);
    CHECK_OK(parse(&x, whole, "root=/elsewhere", &err));
    assert_string_equal(x->model, "/elsewhere/m");
    wane_experiment_free(x);
    CHECK_FAILS(parse(&x, whole, "training.epocs=3", &err), WANE_EINVAL, "epochs");
    CHECK_FAILS(parse(&x, whole, "novalue", &err), WANE_EINVAL, "key=value");
}

#define INTERVENTIONS HEAD "tasks: [a]\nmethods: [{kind: full}]\ninterventions: "

/* Files that are no experiments, and what is said of them. */
static const struct {
    const char *text, *message;
} mistakes[] = {
    {HEAD "tasks: [a]\nmethods: [full]\nseeds: {count: 3}\n", "found a map"},
    {HEAD "tasks: [a]\nmethods: [fulls]\n", "'fulls' is none of full, full-matrices, lora"},
    {HEAD "tasks: [a]\nmethods: [fulls]\n", "line 4, column 11"},
    {HEAD "tasks: [a]\nmethods: [given]\n", "needs 'stages'"},
    {HEAD "tasks: [a]\nmethods: [lora, lora]\n", "'lora' is there twice"},
    {HEAD "corpora: [a/c, c.txt]\ntasks: [a]\nmethods: [lora]\n", "corpus 'c' is there twice"},
    {HEAD "corpora: [c, builtin]\ntasks: [a]\nmethods: [lora]\n",
     "give one of the 2 'role: pretraining'"},
    {HEAD "tasks: [a]\nmetods: []\n", "did you mean"},
    {HEAD "tasks: [a]\nmetods: []\n", "line 4, column"},
    {"name: x\nname: y\n", "line 2"},
    {"model: m\n", "'name' is missing"},
    {"name: x\ntasks: [a]\n", "'model' is missing"},
    {HEAD "tasks: []\nmethods: []\n", "empty list"},
    {"name: x\nmodel: ''\ntasks: [a]\nmethods: [lora]\n", "a path is empty"},
    {HEAD "tasks: [a]\nmethods: [lora]\ncorpora: ['']\n", "a path is empty"},
    {HEAD "tasks: [a, b/a]\nmethods: [{kind: full}]\n", "there twice"},
    {HEAD "tasks: [a]\nmethods: [{kind: fool}]\n", "full"},
    {HEAD "tasks: [a]\nmethods: [{kind: full, rank: 4}]\n",
     "methods.full.rank: is no setting of 'full', but of lora"},
    {HEAD "tasks: [a]\nmethods: [{kind: full, target_modules: [q]}]\n",
     "is no setting of 'full', but of full-matrices, lora"},
    {HEAD "tasks: [a]\nmethods: [{kind: given, stages: [p], lr: 1}]\n",
     "is no setting of 'given', but of every method that trains"},
    {HEAD "tasks: [a]\nmethods: [{kind: full, rnak: 4}]\n", "unknown key; known here: name"},
    {HEAD "tasks: [a]\nmethods: [{kind: lora, rank: 1.5}]\n", "whole"},
    {HEAD "tasks: [a]\nmethods: [{kind: lora, rank: 4, r: 4}]\n", "the same"},
    {HEAD "tasks: [a]\nmethods: [{kind: lora, alpha: 2q}]\n", "2q"},
    {HEAD "tasks: [a]\nmethods: [{kind: lora, alpha: 1e12}]\n", "1e12"},
    {HEAD "tasks: [a]\nmethods: [{kind: full, learning_rate: fast}]\n", "fast"},
    {HEAD "tasks: [a]\nmethods: [{kind: full}]\nintruders: {top: 9}\n", "9 is not in [10,"},
    {HEAD "tasks: [a]\nmethods: [{kind: full}]\ntrack: {every: 5, top: 9}\n", "9 is not in [10,"},
    {HEAD "tasks: [a]\nmethods: [{kind: lora, strategy: replays}]\n", "none, replay"},
    {HEAD "tasks: [a]\nmethods: [{kind: lora, share: 1}]\n",
     "methods.lora.share: is no setting of 'lora', but of replay"},
    {HEAD "tasks: [a]\nmethods: [{kind: lora, strategy: replay, shard: 1}]\n", "share"},
    {HEAD "tasks: [a]\nmethods: [{kind: lora, strategy: replay, share: -1}]\n",
     "-1 is not in [0, 100]"},
    {HEAD "tasks: [a]\nmethods: [{kind: given, stages: [p], strategy: replay}]\n", "strategy"},
    {HEAD "tasks: [a]\nmethods: [{kind: full, strategy: replay}]\nprotocol: {head: linear}\n",
     "strategy 'replay' of full needs label words"},
    {HEAD "tasks: [a]\nmethods: [{kind: lora, strategy: l2}]\n",
     "strategy 'l2' of lora: to: base is a distance of weights"},
    {HEAD "tasks: [a]\nmethods:\n  - {kind: full}\n  - {kind: lora, strategy: l2}\n",
     "methods.lora.strategy: strategy 'l2' of lora"},
    {HEAD "tasks: [a]\nmethods: [{kind: full, strategy: l2, to: end}]\n", "base, start"},
    {HEAD "tasks: [a]\norders: [[b]]\nmethods: [{kind: full}]\n", "'b'"},
    {HEAD "tasks: [a]\nseeds: [1, 1]\nmethods: [{kind: full}]\n", "twice"},
    {HEAD "tasks: [a]\nmethods: [{kind: full}]\nstop: {wall: 2 days}\n", "2h"},
    {HEAD "tasks: [a]\nmethods: [{kind: given, stages: [p, q]}]\n", "2 stages"},
    {HEAD "tasks: [a]\nmethods: [{kind: full}]\nprotocol: {head: probe}\n", "verbalizer"},
    {HEAD "tasks: [a]\nmethods: [{kind: full}]\nintruders: {against: [last]}\n",
     "neither base nor previous"},
    {HEAD "tasks: [a]\nmethods: [{kind: full}]\nintruders: {against: [previous]}\n",
     "always measured"},
    {HEAD "tasks: [a]\nmethods: [{kind: full}]\ntrack: {spectra: true}\n", "'every' is missing"},
    {HEAD "tasks: [a]\nmethods: [{kind: full}]\ntrack: {every: 0}\n", "not in"},
    {HEAD "tasks: [a]\nmethods: [{kind: full}]\nmatrices: [{stages: all}]\n", "'name' is missing"},
    {HEAD "tasks: [a]\nmethods: [{kind: full}]\nmatrices: [{name: q, sides: [w]}]\n",
     "neither u nor v"},
    {HEAD "tasks: [a]\nmethods: [{kind: full}]\nmeasures: size\n", "a list expected"},
    {HEAD "tasks: [a]\nmethods: [{kind: full}]\nmeasures: [size, size]\n", "'size' is there twice"},
    {HEAD "corpora: [{path: c, weight: 0}]\ntasks: [a]\nmethods: [{kind: full}]\n",
     "[1e-09, 1e+09]"},
    {HEAD "corpora: [{path: c}, {path: d}]\ntasks: [a]\nmethods: [{kind: full}]\n",
     "corpora: which corpus is the pretraining text? give one of the 2 'role: pretraining'"},
    {HEAD "corpora: [{path: c, role: other}, {path: d}]\ntasks: [a]\nmethods: [{kind: full}]\n",
     "which corpus is the pretraining text?"},
    {INTERVENTIONS "some\n", "none of false, true, no, yes"},
    {INTERVENTIONS "{side: [u, v]}\n", "side: one of u, v expected, found a list"},
    {INTERVENTIONS "{k: 0}\n", "0 is not in [1, 1048576]"},
    {INTERVENTIONS "{k: 2.5}\n", "2.5 is no whole number"},
    {INTERVENTIONS "{arms: [shrunk]}\n", "none of intruders, neighbour, shrink"},
    {INTERVENTIONS "{arms: [shrink, shrink]}\n", "'shrink' is there twice"},
    {INTERVENTIONS "{choices: []}\n", "empty list"},
    {INTERVENTIONS "{lambdas: [.5, 0.5]}\n", "0.5 is there twice"},
    {INTERVENTIONS "{lambdas: [-1]}\n", "-1 is not in [0, 4]"},
    {INTERVENTIONS "{lambdas: []}\n", "empty list"},
    {INTERVENTIONS "{stages: first}\n", "last, all or a list"},
    {INTERVENTIONS "{stages: [2]}\n", "2 is not in [1, 1]"},
    {INTERVENTIONS "{lambda: .5}\n", "did you mean"},
    {INTERVENTIONS "{epsilon: 2}\n", "2 is not in"},
    {INTERVENTIONS "[top]\n", "a map expected"},
};

static void every_error_names_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        wane_error err;
        wane_experiment *x = NULL;
        wane_status st = parse(&x, mistakes[i].text, NULL, &err);
        if (st == WANE_OK) print_error("accepted: %s\n", mistakes[i].text);
        assert_int_not_equal(st, WANE_OK);
        if (!strstr(err.message, mistakes[i].message) || !strstr(err.message, "x.yaml"))
            print_error("%s\n%s\n", mistakes[i].text, err.message);
        assert_non_null(strstr(err.message, mistakes[i].message));
        assert_non_null(strstr(err.message, "x.yaml"));
        assert_null(x);
    }
}

static void matrices_are_named_by_parts(void **state)
{
    (void)state;
    static const char name[] = "model.layers.11.self_attn.q_proj.weight";
    static const char *const yes[] = {"q_proj",   "layers.11.q_proj",
                                      "11.q*",    "*.q_proj",
                                      "1*.self*", "model.layers.11.self_attn.q_proj.weight",
                                      "*"};
    static const char *const no[] = {
        "layers.1.q_proj", "q_pro", "q_proj.11",
        "k_proj",          "proj",  "model.layers.11.self_attn.q_proj.weight.x"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        assert_true(wane_matrix_named(yes[i], name));
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_false(wane_matrix_named(no[i], name));
}

static const char short_file[] = "name: x\nmodel: m\ntasks: [a, b]\nmethods:\n"
                                 "  - {name: l, kind: lora, rank: [1, 2]}\n"
                                 "  - {name: g, kind: given, stages: [p]}\n";

/* A bound is a method of its own beside each that trains; given checkpoints have none. */
static void protocols_and_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value;
        size_t configs;
        wane_joint joint;
    } cases[] = {{"joint", "true", 5, WANE_JOINT_ALL},
                 {"joint", "all", 5, WANE_JOINT_ALL},
                 {"joint", "last", 5, WANE_JOINT_LAST},
                 {"joint", "false", 3, WANE_JOINT_NONE},
                 {"single", "true", 5, WANE_JOINT_NONE}};
    wane_error err;
    wane_experiment *x = NULL;
    char override[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        (void)snprintf(override, sizeof override, "bounds.%s=%s", cases[i].key, cases[i].value);
        CHECK_OK(parse(&x, short_file, override, &err));
        assert_int_equal(x->config_count, cases[i].configs);
        assert_int_equal(x->joint, cases[i].joint);
        if (cases[i].configs == 5) {
            bool single = strcmp(cases[i].key, "single") == 0;
            assert_string_equal(x->configs[4].name, single ? "l-r2-single" : "l-r2-joint");
            assert_string_equal(x->configs[4].bounds, "l-r2");
            assert_int_equal(x->configs[4].settings.rank, 2);
        }
        wane_experiment_free(x);
    }
    CHECK_OK(parse(&x, short_file, "protocol.adapter=stack", &err));
    assert_int_equal(x->policy, WANE_POLICY_STACK);
    assert_false(x->configs[0].settings.linear_head);
    wane_experiment_free(x);
    CHECK_OK(parse(&x, short_file, "protocol.head=reprobe", &err));
    assert_true(x->configs[0].settings.linear_head);
    wane_experiment_free(x);
    x = NULL;
    CHECK_FAILS(parse(&x, short_file, "bounds.joint=some", &err), WANE_EINVAL, "last");
    CHECK_FAILS(parse(&x, short_file, "bounds.single=some", &err), WANE_EINVAL, "true");
    CHECK_OK(parse(&x, short_file, "bounds.single=yes", &err));
    assert_true(x->single);
    wane_experiment_free(x);
    CHECK_OK(parse(&x, short_file, "bounds.joint=yes", &err));
    assert_int_equal(x->joint, WANE_JOINT_ALL);
    wane_experiment_free(x);
    CHECK_OK(parse(&x, short_file, "bounds.joint=no", &err));
    assert_int_equal(x->joint, WANE_JOINT_NONE);
    wane_experiment_free(x);
    x = NULL;
    CHECK_FAILS(parse(&x, short_file, "bounds.alone=true", &err), WANE_EINVAL, "alone");
    CHECK_FAILS(parse(&x, short_file, "protocol.head=linar", &err), WANE_EINVAL, "linear");
    static const char taken[] = "name: x\nmodel: m\ntasks: [a]\nbounds: {joint: true}\nmethods:\n"
                                "  - {name: l, kind: full}\n  - {name: l-joint, kind: full}\n";
    CHECK_FAILS(parse(&x, taken, NULL, &err), WANE_EINVAL, "'l-joint' is there already (line 4");
}

/* Which configs have runs again: the first of each method that trains, or those that are named. */
static void runs_again_from_perturbed_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        size_t runs, configs;
        const char *first;
    } cases[] = {{"4", 4, 4, "l-r1"},
                 {"{}", 5, 4, "l-r1"},
                 {"{runs: 2}", 2, 4, "l-r1"},
                 {"{configs: l-r2}", 5, 4, "l-r2"},
                 {"{runs: 1, configs: [l-r2, l-r1]}", 1, 5, "l-r1"}};
    wane_error err;
    wane_experiment *x = NULL;
    char override[80];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        (void)snprintf(override, sizeof override, "bounds.perturbed=%s", cases[i].value);
        CHECK_OK(parse(&x, short_file, override, &err));
        assert_int_equal(x->perturbed, cases[i].runs);
        assert_int_equal(x->config_count, cases[i].configs);
        assert_int_equal(x->configs[3].bound, WANE_BOUND_PERTURBED);
        assert_string_equal(x->configs[3].bounds, cases[i].first);
        wane_text printed = {0};
        wane_experiment *again = NULL;
        wane_experiment_print(&printed, x);
        CHECK_OK(parse(&again, printed.data, NULL, &err));
        assert_int_equal(again->config_count, cases[i].configs);
        assert_int_equal(again->perturbed, cases[i].runs);
        wane_text_free(&printed);
        wane_experiment_free(again);
        wane_experiment_free(x);
    }
    x = NULL;
    CHECK_FAILS(parse(&x, short_file, "bounds.perturbed=0", &err), WANE_EINVAL, "0");
    CHECK_FAILS(parse(&x, short_file, "bounds.perturbed=[3]", &err), WANE_EINVAL, "perturbed");
    CHECK_FAILS(parse(&x, short_file, "bounds.perturbed={run: 3}", &err), WANE_EINVAL, "runs");
    CHECK_FAILS(parse(&x, short_file, "bounds.perturbed={configs: []}", &err), WANE_EINVAL,
                "empty");
    CHECK_FAILS(parse(&x, short_file, "bounds.perturbed={configs: [l]}", &err), WANE_EINVAL,
                "'l' is none of the methods as they are run");
    CHECK_FAILS(parse(&x, short_file, "bounds.perturbed={configs: [g]}", &err), WANE_EINVAL,
                "nothing is trained under 'g'");
    CHECK_FAILS(parse(&x, short_file, "bounds.perturbed={configs: [l-r1, l-r1]}", &err),
                WANE_EINVAL, "'l-r1' is there twice");
}

static void roles_of_corpora(void **state)
{
    (void)state;
    static const struct {
        const char *corpora, *roles[2];
        bool assumed;
    } cases[] = {{"[{path: c}]", {"pretraining"}, true},
                 {"[{path: c, role: other}]", {"other"}, false},
                 {"[{path: c, role: pretraining}, {path: d}]", {"pretraining", "other"}, false},
                 {"[{path: c}, {path: d, role: pretraining}]", {"other", "pretraining"}, false},
                 {"[{path: c, role: other}, {path: d, role: other}]", {"other", "other"}, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_error err;
        wane_experiment *x = NULL;
        char text[256];
        (void)snprintf(text, sizeof text,
                       "name: x\nmodel: m\ncorpora: %s\ntasks: [a]\nmethods: [{kind: full}]\n",
                       cases[i].corpora);
        CHECK_OK(parse(&x, text, NULL, &err));
        for (size_t c = 0; c < x->corpus_count; c++) {
            assert_string_equal(x->corpora[c].role, cases[i].roles[c]);
            assert_int_equal(x->corpora[c].role_assumed, cases[i].assumed);
        }
        wane_experiment_free(x);
    }
}

/* The printed experiment is an experiment file again, and says the same. */
static void printing_reads_back(void **state)
{
    (void)state;
    wane_error err;
    wane_experiment *x = NULL, *y = NULL;
    wane_text first = {0}, second = {0};
    CHECK_OK(parse(&x, whole, "bounds.single=true", &err));
    assert_int_equal(x->config_count, 10);
    wane_experiment_print(&first, x);
    CHECK_OK(wane_text_check(&first, "print", "x", &err));
    CHECK_OK(wane_experiment_parse(&y, first.data, first.length, "y.yaml", "", NULL, 0, &err));
    wane_experiment_print(&second, y);
    assert_string_equal(first.data, second.data);
    wane_text_free(&first);
    wane_text_free(&second);
    wane_experiment_free(x);
    wane_experiment_free(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_typed_and_expanded),
        cmocka_unit_test(a_strategy_has_its_settings),
        cmocka_unit_test(interventions_have_defaults),
        cmocka_unit_test(short_forms_are_the_long_ones),
        cmocka_unit_test(short_forms_have_the_usual_settings),
        cmocka_unit_test(senseless_numbers_of_seeds_are_refused),
        cmocka_unit_test(overrides_reach_any_leaf),
        cmocka_unit_test(every_error_names_its_place),
        cmocka_unit_test(matrices_are_named_by_parts),
        cmocka_unit_test(protocols_and_bounds),
        cmocka_unit_test(runs_again_from_perturbed_numbers),
        cmocka_unit_test(roles_of_corpora),
        cmocka_unit_test(printing_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
