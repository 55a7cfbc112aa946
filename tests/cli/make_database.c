/* SPDX-License-Identifier: Apache-2.0
 * make_database FOLDER: what the golden cases read. Databases with fixed numbers:
 *   results.db  experiment "demo": 8 configs, 2 orders, 2 seeds, 3 tasks and a watched one; one run
 *               diverged, one gate failed, one failed, one still running
 *   two.db      the first runs of "demo", all done, and experiment "try", limited
 *   charts.db   two runs of "demo" with looks, overlaps and interventions after their last stage
 *   planned.db  two runs of "demo" before anything ran
 *   newer.db, foreign.db, text.db: what no program of this version may read
 * and for the commands that compute, a model and its adapter of version1.tar.gz (run it in tests/):
 *   model, adapter; strong: the adapter with 25 times its scale, which has intruders
 *   zero: the adapter with no scale, which changes nothing
 *   tuned: the model with another rope_theta and token; attention, a norm and the embedding changed
 *   broken: the model with a NaN in one tensor and infinities in another
 *   made_apart: the model with all tensors drawn anew; wider: with one more head
 *   small.yaml, mood, story.txt: an experiment of two stages, a task, a text
 */
#include "tests/cli/database.h"

#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/base/random.h"
#include "store/files/file.h"
#include "store/files/safetensors.h"
#include "tests/support/pack.h"
#include "tests/support/support.h"

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

static void open_in(fixture *f, const char *folder, const char *name)
{
    char *path = wane_path_join(folder, name);
    MUST(wane_results_open(&f->db, path, WANE_RESULTS_CREATE, &err));
    wane_free(path);
}

/* A copy of planned.db with the big-endian number at `offset` of SQLite's header raised. */
static void write_changed(const char *folder, const char *name, size_t offset)
{
    char *from = wane_path_join(folder, "planned.db"), *to = wane_path_join(folder, name);
    char *bytes = NULL;
    size_t count = 0;
    MUST(wane_file_read(&bytes, &count, from, 0, &err));
    bytes[offset + 3] = (char)(bytes[offset + 3] + 8);
    MUST(wane_file_write(to, bytes, count, &err));
    wane_free(bytes);
    wane_free(from);
    wane_free(to);
}

static void put(const char *folder, const char *name, const char *text)
{
    char *path = wane_path_join(folder, name);
    MUST(wane_file_write(path, text, strlen(text), &err));
    wane_free(path);
}

/* Of version1.tar.gz the file `from`; `old` in it, if it is not NULL, becomes `new`, as long. */
static void take(const char *folder, const char *from, const char *to, const char *old,
                 const char *new)
{
    char *source = wane_path_join(folder, from), *target = wane_path_join(folder, to);
    char *bytes = NULL;
    size_t count = 0;
    MUST(wane_file_read(&bytes, &count, source, 0, &err));
    char *at = old ? strstr(bytes, old) : NULL;
    if (old && !at) abort();
    if (at) memcpy(at, new, strlen(new));
    MUST(wane_file_write(target, bytes, count, &err));
    wane_free(bytes);
    wane_free(source);
    wane_free(target);
}

/* What becomes of the numbers of one tensor. */
typedef void change_of(float *values, size_t count, const char *name, const wane_random *where);

static void tune(float *values, size_t count, const char *name, const wane_random *where)
{
    static const char *const touched[] = {"q_proj", "v_proj", "model.norm", "embed_tokens"};
    static const double sizes[] = {.08, .04, .01, .001};
    float noise[220 * 32];
    for (size_t t = 0; t < sizeof touched / sizeof *touched; t++) {
        if (!strstr(name, touched[t])) continue;
        wane_random_normal_fill(noise, count, sizes[t], where);
        for (size_t i = 0; i < count; i++) values[i] += noise[i];
    }
}

static void spoil(float *values, size_t count, const char *name, const wane_random *where)
{
    (void)where;
    if (strstr(name, "up_proj")) values[count / 2] = NAN;
    if (strstr(name, "q_proj")) values[1] = values[2] = INFINITY;
}

static void draw(float *values, size_t count, const char *name, const wane_random *where)
{
    (void)name;
    wane_random_normal_fill(values, count, .2, where);
}

/* folder/name: the model with its numbers changed, under a config.json in which `old` is `new`; the
 * tensor that ends in `wider` with half as many rows again. */
static void write_model(const char *folder, const char *name, change_of *change, const char *old,
                        const char *new, const char *wider)
{
    static float values[11][220 * 32 * 3 / 2];
    wane_tensor_source source[11];
    wane_tensors *tensors = NULL;
    char *from = wane_path_join(folder, "model/model.safetensors");
    char *to = wane_path_join(folder, name), *file = wane_path_join(to, "model.safetensors");
    char *config = wane_path_join(name, "config.json");
    MUST(wane_folder_make(to, &err));
    MUST(wane_tensors_open(&tensors, from, &err));
    if (wane_tensors_count(tensors) != sizeof source / sizeof *source) abort();
    for (size_t t = 0; t < wane_tensors_count(tensors); t++) {
        const wane_tensor *one = wane_tensors_at(tensors, t);
        const wane_random where = {.purpose = WANE_RANDOM_TEST, .tensor = t};
        MUST(wane_tensors_read(tensors, one, values[t], &err));
        change(values[t], one->elements, one->name, &where);
        source[t] = (wane_tensor_source){one->name, values[t], one->dimensions, {one->shape[0]}};
        if (one->dimensions > 1) source[t].shape[1] = one->shape[1];
        if (wider && strstr(one->name, wider)) source[t].shape[0] += one->shape[0] / 2;
    }
    MUST(wane_tensors_write(file, source, wane_tensors_count(tensors), NULL, 0, &err));
    take(folder, "model/config.json", config, old, new);
    wane_tensors_close(tensors);
    wane_free(from);
    wane_free(to);
    wane_free(file);
    wane_free(config);
}

static void write_pairs(const char *folder)
{
    write_model(folder, "tuned", tune, "\"rope_theta\": 1e+04", "\"rope_theta\": 5e+05", NULL);
    write_model(folder, "broken", spoil, NULL, NULL, NULL);
    write_model(folder, "made_apart", draw, NULL, NULL, NULL);
    take(folder, "model/tokenizer.json", "tuned/tokenizer.json", "\"barn\"", "\"bark\"");
    write_model(folder, "wider", tune, "\"num_attention_heads\": 2", "\"num_attention_heads\": 3",
                "q_proj");
}

static const char experiment[] =
    "name: small\n"
    "model: model\n"
    "corpora:\n"
    "  - {name: text, path: builtin, role: pretraining, documents: 4}\n"
    "tasks:\n"
    "  - {path: builtin/topic, train_rows: 16, test_rows: 8}\n"
    "  - {path: builtin/counting, train_rows: 16, test_rows: 8}\n"
    "methods:\n"
    "  - {name: lora, kind: lora, rank: 2, learning_rate: 1e-2}\n"
    "training: {epochs: 1, batch_size: 8, max_seq_length: 96}\n"
    "intruders: {top: 10}\n";

static void write_inputs(const char *folder)
{
#define UPDATES "v1/small.db.artifacts/updates/"
#define KEY "517ac53d29e126af04b56a5f27a7fc1f1a2fa6f4ac8e9451a1aa7035bac5289f/"
    static const char *const made[] = {"v1", "model", "adapter", "strong", "zero", "mood"};
    static const char rows[] = "text,label\nthe hen is happy,yes\nthe cow is sad,no\n"
                               "tom is happy and old,yes\nanna is sad and slow,no\n";
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        char *path = wane_path_join(folder, made[i]);
        MUST(wane_folder_make(path, &err));
        if (i == 0) unpack("unit/run/version1.tar.gz", path);
        wane_free(path);
    }
    take(folder, "v1/model/config.json", "model/config.json", NULL, NULL);
    take(folder, "v1/model/tokenizer.json", "model/tokenizer.json", NULL, NULL);
    take(folder, "v1/model/model.safetensors", "model/model.safetensors", NULL, NULL);
    take(folder, UPDATES KEY "adapter_config.json", "adapter/adapter_config.json", NULL, NULL);
    take(folder, UPDATES KEY "adapter_model.safetensors", "adapter/adapter_model.safetensors", NULL,
         NULL);
    take(folder, UPDATES KEY "adapter_config.json", "strong/adapter_config.json",
         "\"lora_alpha\": 4,", "\"lora_alpha\":99,");
    take(folder, UPDATES KEY "adapter_model.safetensors", "strong/adapter_model.safetensors", NULL,
         NULL);
    take(folder, UPDATES KEY "adapter_config.json", "zero/adapter_config.json",
         "\"lora_alpha\": 4,", "\"lora_alpha\": 0,");
    take(folder, UPDATES KEY "adapter_model.safetensors", "zero/adapter_model.safetensors", NULL,
         NULL);
    write_pairs(folder);
    char *path = wane_path_join(folder, "v1");
    remove_tree(path);
    wane_free(path);
    put(folder, "mood/train.csv", rows);
    put(folder, "mood/test.csv", rows);
    put(folder, "small.yaml", experiment);
    put(folder, "story.txt",
        "tom sees the cow near the barn .\n\nthe cow waits at the farm and the hen sleeps .\n\n"
        "anna reads the old book in the library .\n");
}

int main(int argc, char **argv)
{
    static fixture demo = {.experiment = "demo"}, two = {.experiment = "demo"},
                   limited = {.experiment = "try", .limited = true},
                   planned = {.experiment = "demo"}, charts = {.experiment = "demo"};
    if (argc != 2) return 2;
    if (nftw(argv[1], remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT) return 1;
    MUST(wane_folder_make(argv[1], &err));

    open_in(&demo, argv[1], "results.db");
    fixture_plan(&demo, FIXTURE_RUNS);
    for (int run = 0; run < FIXTURE_RUNS; run++) fixture_fill(&demo, run, false);
    wane_results_close(demo.db);

    open_in(&two, argv[1], "two.db");
    fixture_plan(&two, 4);
    for (int run = 0; run < 4; run++) fixture_fill(&two, run, true);
    limited.db = two.db;
    fixture_plan(&limited, 2);
    for (int run = 0; run < 2; run++) fixture_fill(&limited, run, true);
    wane_results_close(two.db);

    open_in(&charts, argv[1], "charts.db");
    fixture_plan(&charts, 2);
    for (int run = 0; run < 2; run++) {
        fixture_fill(&charts, run, true);
        fixture_fill_charts(&charts, run);
    }
    wane_results_close(charts.db);

    open_in(&planned, argv[1], "planned.db");
    fixture_plan(&planned, 2);
    wane_results_close(planned.db);
    write_changed(argv[1], "newer.db", 60);   /* user_version */
    write_changed(argv[1], "foreign.db", 68); /* application_id */

    char *text = wane_path_join(argv[1], "text.db");
    MUST(wane_file_write(text, "no database\n", 12, &err));
    wane_free(text);
    write_inputs(argv[1]);
    return 0;
}
