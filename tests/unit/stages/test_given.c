/* SPDX-License-Identifier: Apache-2.0
 * `kind: given`: the checkpoints another experiment has trained, measured anew, give its numbers to
 * the bit, whether adapters or tuned tensors; so do models in folders.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/pair/given.h"
#include "store/base/random.h"
#include "store/base/text.h"
#include "store/files/file.h"
#include "store/files/safetensors.h"
#include "store/results/query.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

/* %s: the model, the methods. */
static const char experiment[] =
    "name: small\n"
    "model: %s\n"
    "corpora: [{name: text, path: builtin, role: pretraining, documents: 10}]\n"
    "tasks:\n"
    "  - {path: builtin/topic, train_rows: 48, test_rows: 40}\n"
    "  - {path: builtin/counting, train_rows: 40, test_rows: 40}\n"
    "watch: [{path: builtin/agreement, train_rows: 40, test_rows: 40}]\n"
    "methods:\n%s"
    "training: {epochs: 2, batch_size: 8, max_seq_length: 96}\n"
    "keep: all\n";

static const char trained[] = "  - {name: full, kind: full, learning_rate: 1e-3}\n"
                              "  - {name: lora, kind: lora, rank: 2, learning_rate: 1e-2}\n";

static char path_space[4][512];

static const char *path_of(int slot, const char *name)
{
    (void)snprintf(path_space[slot], sizeof path_space[slot], "%s", scratch_path(name));
    return path_space[slot];
}

static void write_experiment(const char *yaml, const char *methods)
{
    wane_text text = {0};
    wane_text_printf(&text, experiment, scratch_path("model"), methods);
    write_file(scratch_path(yaml), text.data, text.length);
    wane_text_free(&text);
}

static int run(const char *yaml, const char *methods, const char *adapter, const char *database)
{
    write_experiment(yaml, methods);
    const char *const arguments[] = {
        "run", path_of(0, yaml), adapter, "--db", path_of(1, database), "--threads", "1", NULL};
    int code = process_run(arguments, "out", "err");
    if (code != 0) process_print_said(code);
    return code;
}

/* What the last call said on stderr has `text` in it. */
static void check_said(const char *text)
{
    char *said = read_file(scratch_path("err"), NULL);
    if (!strstr(said, text)) fail_msg("no \"%s\" in: %s", text, said);
    free(said);
}

static int64_t ask(const char *database, const char *sql)
{
    return query_integer_at(scratch_path(database), sql);
}

/* A method of two given stages, in the scratch folder. */
static void two_stages(wane_text *out, const char *name, const char *first, const char *second)
{
    wane_text_printf(out, "  - {name: %s, kind: given, stages: [%s, %s]}\n", name,
                     scratch_path(first), scratch_path(second));
}

static int make(void **state)
{
    if (scratch_make(state) != 0) return -1;
    return process_pretrain("model");
}

/* What is asked of both databases: every score and likelihood of the method's run, in order. */
static wane_query *numbers(wane_results *db, const char *method)
{
    static const char sql[] =
        "SELECT z.position, t.name, s.metric, s.value FROM run r JOIN run_stage z ON z.run = r.id "
        "JOIN score s ON s.stage = z.stage JOIN task t ON t.id = s.task WHERE r.method = ?1 "
        "UNION ALL SELECT z.position, '', 'nll', l.nll FROM run r JOIN run_stage z ON z.run = r.id "
        "JOIN likelihood l ON l.stage = z.stage WHERE r.method = ?1 "
        "UNION ALL SELECT z.position, x.name, 'sigma', d.sigma FROM run r JOIN run_stage z ON "
        "z.run = r.id JOIN direction d ON d.stage = z.stage AND d.position = 1 AND d.side = 'u' "
        "JOIN matrix x ON x.id = d.matrix WHERE r.method = ?1 "
        "UNION ALL SELECT m.position, m.subject, m.name, m.value FROM run r JOIN metric m ON m.run "
        "= r.id WHERE r.method = ?1 ORDER BY 3, 1, 2";
    wane_error err;
    wane_query *query = NULL;
    wane_binding binding = {NULL, {.type = WANE_VALUE_TEXT, .text = method}};
    CHECK_OK(wane_query_open(&query, db, sql, &binding, 1, &err));
    return query;
}

static void same_numbers(const char *first, const char *method, const char *second,
                         const char *given)
{
    wane_error err;
    wane_results *a = NULL, *b = NULL;
    a = open_results(scratch_path(first), WANE_RESULTS_READ);
    b = open_results(scratch_path(second), WANE_RESULTS_READ);
    wane_query *left = numbers(a, method), *right = numbers(b, given);
    size_t rows = 0;
    wane_status st = WANE_OK;
    for (; (st = wane_query_next(left, &err)) == WANE_OK; rows++) {
        CHECK_OK(wane_query_next(right, &err));
        assert_int_equal(wane_query_int(left, 0), wane_query_int(right, 0));
        assert_string_equal(wane_query_text(left, 2), wane_query_text(right, 2));
        double x = wane_query_double(left, 3), y = wane_query_double(right, 3);
        if (memcmp(&x, &y, sizeof x) != 0)
            print_error("%s at %d: %.17g, given %.17g\n", wane_query_text(left, 2),
                        (int)wane_query_int(left, 0), x, y);
        assert_memory_equal(&x, &y, sizeof x);
    }
    assert_int_equal(st, WANE_DONE);
    assert_int_equal(wane_query_next(right, &err), WANE_DONE);
    /* per stage 3 tasks x 3 scores, 2 more for the trained one, an nll, 14 matrices, the metrics */
    assert_true(rows >= 3 * 9 + 2 * 2 + 3 + 2 * 14 + 2 * 12);
    wane_query_free(left);
    wane_query_free(right);
    wane_results_close(a);
    wane_results_close(b);
}

/* "  - {name: NAME, kind: given, stages: [...]}" with the kept files of a run's two stages. */
static void given_stages(wane_text *out, const char *name, const char *database, const char *method)
{
    wane_error err;
    wane_query *query = NULL;
    wane_binding binding = {NULL, {.type = WANE_VALUE_TEXT, .text = method}};
    wane_results *db = open_results(scratch_path(database), WANE_RESULTS_READ);
    CHECK_OK(wane_query_open(&query, db,
                             "SELECT a.path FROM run r JOIN run_stage z ON z.run = r.id JOIN "
                             "artifact a ON a.stage = z.stage AND a.kind IN ('adapter', 'tensors') "
                             "WHERE r.method = ?1 ORDER BY z.position",
                             &binding, 1, &err));
    wane_text_printf(out, "  - {name: %s, kind: given, max_seq_length: 96, stages: [", name);
    for (int i = 0; i < 2; i++) {
        CHECK_OK(wane_query_next(query, &err));
        wane_text_printf(out, "%s%s.artifacts/%s", i ? ", " : "", scratch_path(database),
                         wane_query_text(query, 0));
    }
    wane_text_string(out, "]}\n");
    wane_query_free(query);
    wane_results_close(db);
}

static void checkpoints_give_the_numbers_of_their_training(void **state)
{
    (void)state;
    wane_text methods = {0};
    assert_int_equal(run("trained.yaml", trained, "protocol.adapter=merge", "trained.db"), 0);
    given_stages(&methods, "lora-again", "trained.db", "lora");
    given_stages(&methods, "full-again", "trained.db", "full");
    assert_int_equal(run("given.yaml", methods.data, "protocol.adapter=merge", "given.db"), 0);
    same_numbers("trained.db", "lora", "given.db", "lora-again");
    same_numbers("trained.db", "full", "given.db", "full-again");
    assert_int_equal(ask("given.db", "SELECT count(*) FROM step"), 0);
    assert_int_equal(ask("given.db", "SELECT count(*) FROM stage WHERE kind = 'given' AND status "
                                     "= 'done'"),
                     4);
    /* What is asked for later is measured on them as they are read again. */
    assert_int_equal(run("given.yaml", methods.data,
                         "corpora=[{name: text, path: builtin, role: pretraining, documents: 10}, "
                         "{name: more, path: builtin, role: other, documents: 3, seed: 7}]",
                         "given.db"),
                     0);
    assert_int_equal(ask("given.db", "SELECT count(*) FROM likelihood l JOIN corpus c ON c.id = "
                                     "l.corpus WHERE c.name = 'more' AND l.nll > 0"),
                     1 + 4);
    /* Read again, nothing is done; as another policy's, it is another run. */
    assert_int_equal(run("given.yaml", methods.data, "protocol.adapter=merge", "given.db"), 0);
    assert_int_equal(ask("given.db", "SELECT count(*) FROM run"), 2);
    wane_text_free(&methods);
}

static void continued_adapters_are_read_from_the_base(void **state)
{
    (void)state;
    wane_text methods = {0};
    assert_int_equal(run("trained.yaml", trained, "protocol.adapter=continue", "continued.db"), 0);
    given_stages(&methods, "again", "continued.db", "lora");
    assert_int_equal(run("given.yaml", methods.data, "protocol.adapter=continue", "again.db"), 0);
    same_numbers("continued.db", "lora", "again.db", "again");
    wane_text_free(&methods);
}

/* An adapter brings its head along, as peft keeps it. */
static void heads_come_with_their_adapters(void **state)
{
    (void)state;
    wane_text methods = {0};
    assert_int_equal(run("trained.yaml", trained, "protocol.head=linear", "heads.db"), 0);
    given_stages(&methods, "again", "heads.db", "lora");
    assert_int_equal(run("given.yaml", methods.data, "protocol.head=linear", "brought.db"), 0);
    static const char scores[] =
        "SELECT CAST(1e15 * sum(s.value * (1 + z.position)) AS INTEGER) FROM run r JOIN run_stage "
        "z "
        "ON z.run = r.id JOIN score s ON s.stage = z.stage WHERE r.kind <> 'full' AND s.metric IN "
        "('accuracy', 'loss')";
    int64_t sum = ask("heads.db", scores);
    assert_true(sum != 0);
    assert_int_equal(ask("brought.db", scores), sum);
    wane_text_free(&methods);
}

/* A model in a folder stands for itself, whatever stood before: here the base again. */
static void a_model_in_a_folder(void **state)
{
    (void)state;
    wane_text methods = {0};
    two_stages(&methods, "back", "model", "model");
    assert_int_equal(run("back.yaml", methods.data, "protocol.adapter=merge", "back.db"), 0);
    assert_int_equal(ask("back.db", "SELECT count(*) FROM pretraining_forgetting WHERE position "
                                    "> 0 AND forgetting = 0 AND kl_to_base < 1e-9"),
                     2);
    assert_int_equal(ask("back.db", "SELECT count(*) FROM spectrum WHERE reason = 'unchanged' AND "
                                    "intruders_u = 0"),
                     2 * 14);
    wane_text_free(&methods);
}

/* Equal weights under another configuration: computed under it, and what differs is stored; the
 * base behind it is computed under its own again. */
static void a_model_is_computed_under_its_own_configuration(void **state)
{
    (void)state;
    wane_text methods = {0};
    copy_model(
        "model", "theta",
        (file_change[]){{"config.json", "\"rope_theta\": 1e+04", "\"rope_theta\": 2.5"}, {0}});
    two_stages(&methods, "theta", "theta", "model");
    assert_int_equal(run("theta.yaml", methods.data, "protocol.adapter=merge", "theta.db"), 0);
    assert_int_equal(ask("theta.db", "SELECT count(*) FROM pretraining_forgetting WHERE position "
                                     "= 1 AND abs(forgetting) > 1e-3 AND kl_to_base > 1e-3"),
                     1);
    assert_int_equal(ask("theta.db", "SELECT count(*) FROM pretraining_forgetting WHERE position "
                                     "= 2 AND forgetting = 0 AND kl_to_base < 1e-9"),
                     1);
    assert_int_equal(ask("theta.db", "SELECT count(*) FROM difference"), 1);
    assert_int_equal(ask("theta.db", "SELECT count(*) FROM difference d JOIN run_stage z ON "
                                     "z.stage = d.stage WHERE z.position = 1 AND setting = "
                                     "'rope_theta' AND base = '10000' AND value = '2.5'"),
                     1);
    wane_text_free(&methods);
}

/* Behind an adapter that parts the head from the embedding, a model stands for itself again; and an
 * adapter has no configuration that could differ. */
static void a_model_behind_an_adapter_on_the_head(void **state)
{
    (void)state;
    enum { WIDTH = 32, ROWS = 220 };
    static float a[WIDTH], b[ROWS];
    static const char config[] = "{\"peft_type\": \"LORA\", \"r\": 1, \"lora_alpha\": 1, "
                                 "\"target_modules\": [\"lm_head\"]}";
    const wane_tensor_source list[] = {{"base_model.model.lm_head.lora_A.weight", a, 2, {1, WIDTH}},
                                       {"base_model.model.lm_head.lora_B.weight", b, 2, {ROWS, 1}}};
    wane_error err;
    wane_text methods = {0};
    for (size_t i = 0; i < WIDTH; i++) a[i] = i % 2 ? 0.3F : -0.3F;
    for (size_t i = 0; i < ROWS; i++) b[i] = (float)(i % 5) * 0.3F;
    CHECK_OK(wane_folder_make(scratch_path("head"), &err));
    CHECK_OK(
        wane_tensors_write(scratch_path("head/adapter_model.safetensors"), list, 2, NULL, 0, &err));
    write_file(scratch_path("head/adapter_config.json"), config, sizeof config - 1);
    two_stages(&methods, "head", "head", "model");
    assert_int_equal(run("head.yaml", methods.data, "protocol.adapter=merge", "head.db"), 0);
    assert_int_equal(ask("head.db", "SELECT count(*) FROM pretraining_forgetting WHERE position "
                                    "= 1 AND abs(forgetting) > 1e-3 OR position = 2 AND "
                                    "forgetting = 0"),
                     2);
    assert_int_equal(ask("head.db", "SELECT count(*) FROM difference"), 0);
    wane_text_free(&methods);
}

/* A model of another shape, or whose tokenizer reads the data otherwise, is refused before
 * anything is measured. */
static void models_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        file_change changes[2];
        const char *says;
    } cases[] = {
        {"wide",
         {{"config.json", "\"hidden_size\": 32", "\"hidden_size\": 64"}, {0}},
         "its shape is not that of the base model: hidden_size 64, the base's 32"},
        {"reads",
         {{"tokenizer.json", "\"at\": 4, \"the\": 5", "\"at\": 5, \"the\": 4"}, {0}},
         "the tokenizers give other ids: document 1, position "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_text methods = {0};
        copy_model("model", cases[i].name, cases[i].changes);
        wane_text_printf(&methods, "  - {name: m, kind: given, stages: [%s]}\n",
                         scratch_path(cases[i].name));
        write_experiment("m.yaml", methods.data);
        const char *const arguments[] = {"run", path_of(0, "m.yaml"), "--db", path_of(1, "m.db"),
                                         NULL};
        assert_int_equal(process_run(arguments, "out", "err"), 2);
        check_said(cases[i].says);
        assert_false(wane_file_exists(scratch_path("m.db")));
        wane_text_free(&methods);
    }
}

/* An adapter's key is of all its files; one that changes behind the plan is not read as what it
 * was.
 */
static void what_changes_is_another_checkpoint(void **state)
{
    (void)state;
    wane_error err;
    wane_model *model = NULL;
    wane_update update = {0};
    char before[WANE_SHA256_HEX], after[WANE_SHA256_HEX], *path = NULL;
    CHECK_OK(wane_model_load(&model, scratch_path("model"), &err));
    path = strdup(scratch_path("one"));
    CHECK_OK(wane_folder_make(path, &err));
    static const char *const files[] = {"adapter_config.json", "adapter_model.safetensors"};
    for (size_t f = 0; f < 2; f++) {
        char from[64], to[64];
        (void)snprintf(from, sizeof from, "reference/peft/layers/%s", files[f]);
        (void)snprintf(to, sizeof to, "one/%s", files[f]);
        copy_file(from, scratch_path(to));
    }
    CHECK_OK(wane_given_sha256(before, path, &err));
    CHECK_OK(wane_update_load(&update, path, NULL, NULL, &err));
    CHECK_OK(wane_given_unchanged(before, path, &update, &err));
    /* By the bytes that were read, whatever the files have become. */
    char *config = read_file(scratch_path("one/adapter_config.json"), NULL);
    char *alpha = strstr(config, "\"lora_alpha\": 4");
    assert_non_null(alpha);
    alpha[14] = '8';
    write_file(scratch_path("one/adapter_config.json"), config, strlen(config));
    CHECK_OK(wane_given_unchanged(before, path, &update, &err));
    wane_update_free(&update);
    CHECK_OK(wane_given_sha256(after, path, &err));
    assert_string_not_equal(before, after);
    CHECK_OK(wane_update_load(&update, path, NULL, NULL, &err));
    CHECK_FAILS(wane_given_unchanged(before, path, &update, &err), WANE_EFORMAT,
                "changed since the run was planned");
    CHECK_OK(wane_given_unchanged(after, path, &update, &err));
    wane_update_free(&update);
    wane_model_free(model);
    free(config);
    free(path);
}

/* In a folder with both, what was tuned is the adapter, as a base it is the model; both is said. */
static void a_model_and_an_adapter_in_one_folder(void **state)
{
    (void)state;
    wane_error err;
    wane_text methods = {0};
    char from[512], to[512];
    assert_int_equal(run("trained.yaml", trained, "protocol.adapter=merge", "trained.db"), 0);
    given_stages(&methods, "again", "trained.db", "lora");
    char *first = strstr(methods.data, "stages: [") + 9, *end = strchr(first, ',');
    CHECK_OK(wane_folder_make(scratch_path("both"), &err));
    static const char *const files[] = {"adapter_config.json", "adapter_model.safetensors",
                                        "config.json", "model.safetensors", "tokenizer.json"};
    for (size_t f = 0; f < 5; f++) {
        if (f < 2)
            (void)snprintf(from, sizeof from, "%.*s/%s", (int)(end - first), first, files[f]);
        else (void)snprintf(from, sizeof from, "%s/%s", scratch_path("model"), files[f]);
        (void)snprintf(to, sizeof to, "both/%s", files[f]);
        copy_file(from, scratch_path(to));
    }
    static const char *const calls[][4] = {{"perplexity", "both", NULL, "named as the base"},
                                           {"perplexity", "model", "both", "what was tuned"},
                                           {"intruders", "model", "both", "what was tuned"},
                                           {"intruders", "both", "both", "named as the base"},
                                           {"diff", "both", "both", "what was tuned"}};
    for (size_t c = 0; c < sizeof calls / sizeof *calls; c++) {
        char base[512], tuned[512];
        bool asks = strcmp(calls[c][0], "perplexity") == 0;
        (void)snprintf(base, sizeof base, "%s", scratch_path(calls[c][1]));
        (void)snprintf(tuned, sizeof tuned, "%s", scratch_path(calls[c][2] ? calls[c][2] : ""));
        const char *const alone[] = {"perplexity", base, "builtin", NULL};
        const char *const with[] = {"perplexity", base, "builtin", "--adapter", tuned, NULL};
        const char *const two[] = {calls[c][0], base, tuned, NULL};
        assert_int_equal(process_run(!asks ? two : calls[c][2] ? with : alone, "out", "err"), 0);
        check_said("holds a model and an adapter");
        check_said(calls[c][3]);
    }
    wane_text_clear(&methods);
    two_stages(&methods, "mixed", "both", "both");
    assert_int_equal(run("mixed.yaml", methods.data, "protocol.adapter=continue", "mixed.db"), 0);
    check_said("holds a model and an adapter: named as what was tuned");
    assert_int_equal(ask("mixed.db", "SELECT count(*) FROM pretraining_forgetting WHERE position "
                                     "> 0 AND forgetting <> 0"),
                     2);
    wane_text_free(&methods);
}

/* The tokenizer that trainers leave beside an adapter must read the data as the base's does. */
static void an_adapter_that_reads_otherwise(void **state)
{
    (void)state;
    wane_error err;
    wane_text methods = {0};
    static const char *const files[][2] = {
        {"both/adapter_config.json", "beside/adapter_config.json"},
        {"both/adapter_model.safetensors", "beside/adapter_model.safetensors"},
        {"reads/tokenizer.json", "beside/tokenizer.json"}};
    CHECK_OK(wane_folder_make(scratch_path("beside"), &err));
    for (size_t f = 0; f < 3; f++) copy_file(scratch_path(files[f][0]), scratch_path(files[f][1]));
    two_stages(&methods, "m", "beside", "beside");
    write_experiment("b.yaml", methods.data);
    const char *const calls[][6] = {
        {"run", path_of(0, "b.yaml"), "--db", path_of(1, "b.db"), NULL},
        {"perplexity", path_of(2, "model"), "builtin", "--adapter", path_of(3, "beside"), NULL}};
    for (size_t c = 0; c < 2; c++) {
        assert_int_equal(process_run(calls[c], "out", "err"), 2);
        check_said("the tokenizers give other ids");
    }
    assert_false(wane_file_exists(scratch_path("b.db")));
    wane_text_free(&methods);
}

/* An adapter of rank 2 on one parameter. */
static void save_adapter(const wane_parameter *p, const char *name, const char *folder,
                         const float *values)
{
    wane_error err;
    wane_update update = {0};
    CHECK_OK(wane_update_new(&update, 1, true, &err));
    update.facts.alpha = 2;
    update.facts.rank = 2;
    update.tensors[0] = (wane_update_tensor){.name = name,
                                             .rows = p->rows,
                                             .cols = p->cols,
                                             .term = {values, values + 2 * p->rows, 2, 1}};
    CHECK_OK(wane_update_save(&update, scratch_path(folder), &err));
    wane_update_free(&update);
}

/* An adapter on the head of a tied model leaves the embedding alone, stage after stage: the numbers
 * of perplexity, which the next stage's do not depend on where each adds to the base. */
static void a_tied_head_goes_its_own_way(void **state)
{
    (void)state;
    wane_error err;
    wane_model *model = NULL;
    wane_text methods = {0};
    wane_random where = {.seed = 3, .purpose = WANE_RANDOM_TEST};
    CHECK_OK(wane_model_load(&model, scratch_path("model"), &err));
    assert_true(model->config.tied);
    const wane_parameter *table = model->parameters.parameter;
    size_t rows = table[0].rows, cols = table[0].cols;
    float *values = calloc(2 * (rows + cols), sizeof *values);
    wane_random_normal_fill(values, 2 * (rows + cols), 0.2, &where);
    save_adapter(&table[0], "lm_head.weight", "head", values);
    save_adapter(&table[2], table[2].name, "query", values);
    two_stages(&methods, "ends", "head", "query");
    two_stages(&methods, "back", "head", "model");
    assert_int_equal(run("tied.yaml", methods.data, "protocol.adapter=continue", "tied.db"), 0);
    static const char sql[] = "SELECT CAST(1e9 * l.nll AS INTEGER) FROM run r JOIN run_stage z ON "
                              "z.run = r.id JOIN likelihood l ON l.stage = z.stage WHERE r.method "
                              "= '%s' AND z.position = %d";
    int64_t nll[2][3];
    for (int m = 0; m < 2; m++)
        for (int p = 0; p < 3; p++) {
            char text[256];
            (void)snprintf(text, sizeof text, sql, m ? "back" : "ends", p);
            nll[m][p] = ask("tied.db", text);
        }
    assert_int_equal(nll[1][1], nll[0][1]);
    assert_int_equal(nll[1][2], nll[1][0]); /* the model again, tied again */
    assert_int_not_equal(nll[0][1], nll[0][0]);
    assert_int_not_equal(nll[0][2], nll[0][1]);
    assert_int_equal(run("merged.yaml", methods.data, "protocol.adapter=merge", "merged.db"), 0);
    char back[256];
    (void)snprintf(back, sizeof back, sql, "back", 2);
    assert_int_equal(ask("merged.db", back), nll[1][0]);
    static const char *const names[] = {"head", "query"};
    for (int p = 1; p < 3; p++) {
        char adapter[512], base[512], tokens[32];
        (void)snprintf(tokens, sizeof tokens, "%d",
                       (int)ask("tied.db", "SELECT max(tokens) FROM likelihood"));
        (void)snprintf(base, sizeof base, "%s", scratch_path("model"));
        (void)snprintf(adapter, sizeof adapter, "%s", scratch_path(names[p - 1]));
        const char *const arguments[] = {"perplexity", base,   "builtin", "--adapter", adapter,
                                         "--tokens",   tokens, "--json",  NULL};
        assert_int_equal(process_run(arguments, "out", "err"), 0);
        char *said = read_file(scratch_path("out"), NULL), *place = strstr(said, "\"nll\": ");
        assert_non_null(place);
        CHECK_NEAR(1e-9 * (double)nll[0][p], strtod(place + 7, NULL), 1e-8, 0);
        free(said);
    }
    wane_text_free(&methods);
    free(values);
    wane_model_free(model);
}

/* The model's numbers cut to the 16 bits of BF16, kept in fp32. */
static void save_rounded(const char *name)
{
    size_t count = 0;
    char *bytes = read_file(scratch_path("model/model.safetensors"), &count);
    uint64_t header = 0;
    memcpy(&header, bytes, sizeof header);
    for (size_t i = 8 + (size_t)header; i + 4 <= count; i += 4) bytes[i] = bytes[i + 1] = 0;
    write_file(scratch_path(name), bytes, count);
    free(bytes);
}

/* What 16 bits leave of a weight decides which of its directions exist. */
static void rounded_checkpoints_have_their_floor(void **state)
{
    (void)state;
    wane_text methods = {0};
    save_rounded("rounded.safetensors");
    two_stages(&methods, "rounded", "rounded.safetensors", "rounded.safetensors");
    assert_int_equal(run("rounded.yaml", methods.data, "protocol.adapter=merge", "rounded.db"), 0);
    /* Without it the floor would be that of fp32: max(rows, cols) eps sigma_1. */
    assert_int_equal(ask("rounded.db",
                         "SELECT count(*) FROM spectrum s JOIN matrix m ON m.id = s.matrix "
                         "JOIN direction d ON d.stage = s.stage AND d.matrix = s.matrix "
                         "AND d.position = 1 AND d.side = 'u' WHERE s.changed = 1 AND "
                         "s.\"floor\" BETWEEN 1e-4 * d.sigma AND 1e-2 * d.sigma AND "
                         "s.\"floor\" > 20 * 1.19209e-07 * d.sigma * max(m.\"rows\", m.cols)"),
                     2 * 14);
    wane_text_free(&methods);
}

static void what_cannot_be_read_is_said(void **state)
{
    (void)state;
    wane_text methods = {0};
    wane_text_printf(&methods, "  - {name: gone, kind: given, stages: [%s]}\n",
                     scratch_path("nowhere"));
    write_experiment("gone.yaml", methods.data);
    const char *const arguments[] = {"run", path_of(0, "gone.yaml"), "--db", path_of(1, "gone.db"),
                                     NULL};
    assert_int_equal(process_run(arguments, "out", "err"), 2);
    check_said("nowhere");
    wane_text_free(&methods);
}

/* `validate` opens what `run` will open, and says what it would say. */
static void validate_refuses_what_run_would(void **state)
{
    (void)state;
    static const char other[] = "{\"peft_type\": \"LORA\", \"r\": 2, \"use_qalora\": true}";
    wane_error err;
    wane_text methods = {0};
    CHECK_OK(wane_folder_make(scratch_path("qalora"), &err));
    write_file(scratch_path("qalora/adapter_config.json"), other, sizeof other - 1);
    write_file(scratch_path("qalora/adapter_model.safetensors"), "x", 1);
    write_file(scratch_path("words.txt"), "no weights", 10);
    static const char *const stages[][2] = {
        {"model", NULL}, {"qalora", "qalora"}, {"words.txt", "words.txt"}, {"nowhere", "nowhere"}};
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        wane_text_clear(&methods);
        two_stages(&methods, "g", "model", stages[i][0]);
        write_experiment("stages.yaml", methods.data);
        const char *const arguments[] = {"validate", path_of(0, "stages.yaml"), NULL};
        int code = process_run(arguments, "out", "err");
        if (code != (stages[i][1] ? 2 : 0)) process_print_said(code);
        assert_int_equal(code, stages[i][1] ? 2 : 0);
        if (stages[i][1]) check_said(stages[i][1]);
    }
    wane_text_free(&methods);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checkpoints_give_the_numbers_of_their_training),
        cmocka_unit_test(continued_adapters_are_read_from_the_base),
        cmocka_unit_test(rounded_checkpoints_have_their_floor),
        cmocka_unit_test(heads_come_with_their_adapters),
        cmocka_unit_test(a_model_in_a_folder),
        cmocka_unit_test(a_model_is_computed_under_its_own_configuration),
        cmocka_unit_test(a_model_behind_an_adapter_on_the_head),
        cmocka_unit_test(models_that_do_not_fit_are_refused),
        cmocka_unit_test(what_changes_is_another_checkpoint),
        cmocka_unit_test(a_model_and_an_adapter_in_one_folder),
        cmocka_unit_test(an_adapter_that_reads_otherwise),
        cmocka_unit_test(a_tied_head_goes_its_own_way),
        cmocka_unit_test(what_cannot_be_read_is_said),
        cmocka_unit_test(validate_refuses_what_run_would),
    };
    return cmocka_run_group_tests(tests, make, scratch_remove);
}
