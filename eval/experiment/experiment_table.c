/* SPDX-License-Identifier: Apache-2.0
 * The root of an experiment file: every key that it may hold, and the file printed again.
 */
#include <math.h>
#include <string.h>

#include "eval/experiment/experiment_parts.h"
#include "store/files/yaml_value.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { MOST = 1 << 30 };

/* -------------------------------------------------------------------- the built-in model */

static const wane_pretraining usual_pretraining = {.width = 64,
                                                   .layers = 2,
                                                   .heads = 4,
                                                   .kv_heads = 2,
                                                   .hidden = 192,
                                                   .context = 128,
                                                   .documents = 8000,
                                                   .batch_tokens = 2048,
                                                   .steps = 1500,
                                                   .learning_rate = 4e-3,
                                                   .warmup_ratio = 0.05,
                                                   .weight_decay = 0.01,
                                                   .clip = 1.0,
                                                   .seed = 0};

wane_pretraining wane_pretraining_defaults(void)
{
    return usual_pretraining;
}

static const wane_setting pretraining[] = {
    {.name = "width",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(wane_pretraining, width),
     .low = 8,
     .high = 1 << 16,
     .key = 1,
     .help = "length of a token's vector"},
    {.name = "layers",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(wane_pretraining, layers),
     .low = 1,
     .high = 1000,
     .key = 2,
     .help = "how many blocks of attention and MLP"},
    {.name = "heads",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(wane_pretraining, heads),
     .low = 1,
     .high = 1024,
     .key = 3,
     .help = "of attention; divides width"},
    {.name = "kv_heads",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(wane_pretraining, kv_heads),
     .low = 1,
     .high = 1024,
     .key = 4,
     .help = "heads of keys and values; divides heads"},
    {.name = "hidden",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(wane_pretraining, hidden),
     .low = 8,
     .high = 1 << 18,
     .key = 5,
     .help = "width of the MLP"},
    {.name = "context",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(wane_pretraining, context),
     .low = 8,
     .high = 1 << 20,
     .key = 6,
     .unit = "tokens",
     .help = "the most tokens it can read"},
    {.name = "documents",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(wane_pretraining, documents),
     .low = 1,
     .high = MOST,
     .key = 7,
     .unit = "documents",
     .help = "how many the built-in language writes to pretrain on"},
    {.name = "batch_tokens",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(wane_pretraining, batch_tokens),
     .low = 1,
     .high = 1 << 24,
     .key = 8,
     .unit = "tokens",
     .help = "of a step"},
    {.name = "steps",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(wane_pretraining, steps),
     .low = 1,
     .high = MOST,
     .key = 9,
     .unit = "steps",
     .help = "of its pretraining"},
    {.name = "seed",
     .type = WANE_SETTING_SEED,
     WANE_MEMBER(wane_pretraining, seed),
     .low = 0,
     .high = MOST,
     .key = 14,
     .help = "of its first weights, documents and their order"},
    {.name = "learning_rate",
     .type = WANE_SETTING_NUMBER,
     WANE_MEMBER(wane_pretraining, learning_rate),
     .low = 0,
     .high = 100,
     .key = 10,
     .help = "the largest; a cosine follows the warm-up"},
    {.name = "warmup_ratio",
     .type = WANE_SETTING_NUMBER,
     WANE_MEMBER(wane_pretraining, warmup_ratio),
     .low = 0,
     .high = 1,
     .key = 11,
     .unit = "share of the steps",
     .help = "steps in which the learning rate rises from 0"},
    {.name = "weight_decay",
     .type = WANE_SETTING_NUMBER,
     WANE_MEMBER(wane_pretraining, weight_decay),
     .low = 0,
     .high = 100,
     .key = 12,
     .help = "AdamW's decoupled decay"},
    {.name = "clip",
     .type = WANE_SETTING_NUMBER,
     WANE_MEMBER(wane_pretraining, clip),
     .low = 0,
     .high = 1e9,
     .key = 13,
     .help = "the largest norm of all gradients together; 0: any"},
};

const wane_settings wane_pretraining_settings = {
    .name = "pretraining",
    .help = "how the built-in model is made from its seed; for 'model: builtin' alone",
    .entries = pretraining,
    .count = COUNT(pretraining),
    .defaults = &usual_pretraining,
};

static wane_status read_pretraining(void *into, const wane_setting *setting, const wane_yaml *node,
                                    const wane_setting_reader *reader, wane_error *err)
{
    wane_experiment *x = into;
    wane_status st = node ? wane_node_is(node, WANE_YAML_MAP, err) : WANE_OK;
    if (st == WANE_OK && node && x->model)
        st = wane_yaml_fail(node, err, "is for 'model: builtin' alone");
    return st == WANE_OK ? wane_settings_fill(&x->pretraining, setting->block, node, reader, err)
                         : st;
}

static bool is_built_in(const void *of)
{
    return !((const wane_experiment *)of)->model;
}

/* ----------------------------------------------------------------------- name and model */

static wane_status read_name(void *into, const wane_setting *setting, const wane_yaml *node,
                             const wane_setting_reader *reader, wane_error *err)
{
    wane_experiment *x = into;
    wane_status st = wane_node_text(&x->name, node, reader->memory, err);
    if (st != WANE_OK) return st;
    if (!x->name[0]) return wane_yaml_fail(reader->map, err, "'%s' is missing", setting->name);
    if (strchr(x->name, '/')) return wane_yaml_fail(reader->map, err, "a name holds no '/'");
    return WANE_OK;
}

static wane_status read_model(void *into, const wane_setting *setting, const wane_yaml *node,
                              const wane_setting_reader *reader, wane_error *err)
{
    wane_experiment *x = into;
    const char *path = NULL;
    (void)setting;
    wane_status st = wane_node_text(&path, node, reader->memory, err);
    if (st != WANE_OK || strcmp(path, "builtin") == 0) return st;
    return wane_experiment_path(&x->model, x, path, err);
}

static void print_model(wane_text *out, const wane_setting *setting, const void *of)
{
    const wane_experiment *x = of;
    (void)setting;
    wane_setting_quote(out, x->model ? x->model : "builtin");
}

/* --------------------------------------------------------------------------- limits */

/* "2h", "90m", "45s", "1.5h". */
static wane_status read_duration(void *into, const wane_setting *setting, const wane_yaml *node,
                                 const wane_setting_reader *reader, wane_error *err)
{
    wane_experiment *x = into;
    (void)setting;
    (void)reader;
    if (!node) return WANE_OK;
    wane_status st = wane_node_is(node, WANE_YAML_SCALAR, err);
    if (st != WANE_OK) return st;
    size_t length = strlen(node->text);
    char number[32] = "";
    double value = 0, unit = 0;
    if (length >= 2 && length < sizeof number) {
        memcpy(number, node->text, length - 1);
        char last = node->text[length - 1];
        unit = last == 'h' ? 3600 : last == 'm' ? 60 : last == 's' ? 1 : 0;
    }
    if (unit == 0 || !wane_parse_double(&value, number) || value <= 0)
        return wane_yaml_fail(node, err, "'%.60s' is no duration such as 2h, 90m or 45s",
                              node->text);
    x->stop_wall_seconds = value * unit;
    return WANE_OK;
}

static void print_duration(wane_text *out, const wane_setting *setting, const void *of)
{
    double wall = ((const wane_experiment *)of)->stop_wall_seconds;
    char number[32];
    (void)setting;
    if (wall == floor(wall)) wane_text_printf(out, "%.0fs", wall);
    else wane_text_printf(out, "%ss", wane_format_double(number, wall));
}

static bool stops(const void *of)
{
    return ((const wane_experiment *)of)->stop_wall_seconds > 0;
}

static const wane_setting stop[] = {
    {.name = "wall",
     .type = WANE_SETTING_OWN,
     WANE_MEMBER(wane_experiment, stop_wall_seconds),
     .form = "a duration such as 2h, 90m or 45s",
     .usual = "none",
     .help = "after so long the step is finished, its state kept, and the program ends",
     .example = "2h",
     .read = read_duration,
     .print = print_duration,
     .there = stops},
};

static const wane_settings stop_settings = {
    .name = "stop",
    .help = "when a call ends before all is done; the next goes on there",
    .entries = stop,
    .count = COUNT(stop),
    .defaults = &wane_experiment_usual,
};

static const wane_setting checkpoint[] = {
    {.name = "minutes",
     .type = WANE_SETTING_NUMBER,
     WANE_MEMBER(wane_experiment, checkpoint_minutes),
     .low = 0,
     .high = 1e6,
     .unit = "minutes",
     .help = "how often a stage in training keeps its state; 0: at every step"},
};

static const wane_settings checkpoint_settings = {
    .name = "checkpoint",
    .help = "the state of a stage in training, from which it goes on after a stop",
    .entries = checkpoint,
    .count = COUNT(checkpoint),
    .defaults = &wane_experiment_usual,
};

/* --------------------------------------------------------------------------------- the root */

static bool has_corpora(const void *of)
{
    return ((const wane_experiment *)of)->corpus_count > 0;
}

static bool has_watched(const void *of)
{
    const wane_experiment *x = of;
    return x->task_count > x->trained_tasks;
}

static bool has_bounds(const void *of)
{
    const wane_experiment *x = of;
    return x->joint || x->single || x->perturbed;
}

static bool is_tracked(const void *of)
{
    return ((const wane_experiment *)of)->track.every > 0;
}

static bool is_intervened(const void *of)
{
    return ((const wane_experiment *)of)->interventions.lambda_count > 0;
}

static bool has_shown(const void *of)
{
    return ((const wane_experiment *)of)->shown_count > 0;
}

static bool has_asked(const void *of)
{
    return ((const wane_experiment *)of)->asked_count > 0;
}

static const char *const keeps[] = {"all", "adapters", "last", "none", NULL};

static const wane_setting root[] = {
    {.name = "name",
     .type = WANE_SETTING_TEXT,
     WANE_MEMBER(wane_experiment, name),
     .required = true,
     .help = "what the experiment is called, without '/'",
     .example = "mine",
     .read = read_name},
    {.name = "root",
     .type = WANE_SETTING_PATH,
     WANE_MEMBER(wane_experiment, root),
     .usual = "the folder of the file",
     .help = "the folder that relative paths start from",
     .there = wane_setting_never},
    {.name = "model",
     .aliases = "model_name_or_path",
     .type = WANE_SETTING_PATH,
     WANE_MEMBER(wane_experiment, model),
     .required = true,
     .form = "a folder, an archive, a GGUF file, ORG/NAME[@REVISION], or builtin",
     .key = WANE_KEY_CONTENT,
     .help = "the model that is tuned, as Hugging Face keeps it (ORG/NAME: in its cache on this "
             "machine); builtin: made from its seed",
     .explain = "its weights, configuration and tokenizer are in the key, not its path",
     .example = "builtin",
     .read = read_model,
     .print = print_model},
    {.name = "pretraining",
     .type = WANE_SETTING_BLOCK,
     WANE_MEMBER(wane_experiment, pretraining),
     .block = &wane_pretraining_settings,
     .key = WANE_KEY_INSIDE,
     .help = "how the built-in model is made",
     .read = read_pretraining,
     .there = is_built_in},
    {.name = "corpora",
     .type = WANE_SETTING_LIST,
     .block = &wane_corpus_settings,
     .item = "path",
     .usual = "none",
     .help = "texts whose likelihood is measured after every stage",
     .read = wane_experiment_read_corpora,
     .print = wane_experiment_print_corpora,
     .there = has_corpora},
    {.name = "tasks",
     .type = WANE_SETTING_LIST,
     .block = &wane_task_settings,
     .item = "path",
     .required = true,
     .key = WANE_KEY_INSIDE,
     .help = "what is trained on, one after the other, and measured after every stage",
     .read = wane_experiment_read_tasks,
     .print = wane_experiment_print_tasks},
    {.name = "watch",
     .type = WANE_SETTING_LIST,
     .block = &wane_task_settings,
     .item = "path",
     .usual = "none",
     .help = "tasks that are measured and never trained on",
     .read = wane_experiment_read_tasks,
     .print = wane_experiment_print_tasks,
     .there = has_watched},
    {.name = "orders",
     .type = WANE_SETTING_LIST,
     .block = &wane_order_settings,
     .key = WANE_KEY_INSIDE,
     .written = "[given]",
     .help = "the orders in which the tasks are trained; a run of each",
     .read = wane_experiment_read_orders,
     .print = wane_experiment_print_orders},
    {.name = "seeds",
     .type = WANE_SETTING_OWN,
     .form = "a list of whole numbers, or how many (3 is 0, 1, 2)",
     .key = WANE_KEY_CONTENT,
     .written = "[0]",
     .help = "what initial factors, order of rows and dropout are drawn from; a run of each",
     .read = wane_experiment_read_seeds,
     .print = wane_experiment_print_seeds},
    {.name = "sample_seed",
     .type = WANE_SETTING_FLAG,
     WANE_MEMBER(wane_experiment, sample_seed),
     .key = WANE_KEY_CONTENT,
     .quiet = true,
     .help = "whether a run's seed draws its training rows too",
     .explain =
         "false: the seed decides initial factors, order of rows and dropout, and train_rows are "
         "the same rows under every seed; true: each seed draws train_rows of train by a "
         "hash of row and seed; measured rows and the rows that probes are fitted to are "
         "the same for all; no effect where train_rows takes every row, or on built-in "
         "tasks"},
    {.name = "training",
     .type = WANE_SETTING_BLOCK,
     WANE_MEMBER(wane_experiment, training),
     .block = &wane_training_settings,
     .key = WANE_KEY_INSIDE,
     .help = "how stages are trained",
     .there = wane_setting_never},
    {.name = "methods",
     .type = WANE_SETTING_LIST,
     .block = &wane_methods_settings,
     .item = "kind",
     .required = true,
     .key = WANE_KEY_INSIDE,
     .help = "how the weights are tuned; a run of each, and of each value of a list",
     .read = wane_experiment_read_methods,
     .print = wane_experiment_print_methods},
    {.name = "protocol",
     .type = WANE_SETTING_BLOCK,
     .block = &wane_protocol_settings,
     .key = WANE_KEY_INSIDE,
     .help = "how one stage follows another"},
    {.name = "bounds",
     .type = WANE_SETTING_BLOCK,
     .block = &wane_bounds_settings,
     .help = "runs beside each method that bound what it could reach, or make it again",
     .explain = "METHOD-joint, METHOD-single, METHOD-perturbed; wane correlate leaves them out",
     .there = has_bounds},
    {.name = "intruders",
     .type = WANE_SETTING_BLOCK,
     .block = &wane_intruders_settings,
     .help = "the spectra of each stage"},
    {.name = "track",
     .type = WANE_SETTING_BLOCK,
     WANE_MEMBER(wane_experiment, track),
     .block = &wane_track_settings,
     .usual = "none",
     .help = "what is measured while a stage trains",
     .explain = "the top directions of each matrix, the nll of the first tokens of the pretraining "
                "corpus and the score of the first rows of every task trained so far; wane curves "
                "DB -m rise --matrix NAME; min_acc and wc_acc need it",
     .there = is_tracked},
    {.name = "interventions",
     .type = WANE_SETTING_BLOCK,
     WANE_MEMBER(wane_experiment, interventions),
     .block = &wane_interventions_settings,
     .written = "false",
     .help = "the intruders of finished stages scaled, beside arms that compare",
     .form = "a map, or true for what is usual",
     .explain = "as in section 5 of the Illusion of Equivalence (2410.21228); may be added to a "
                "finished experiment; wane query DB --name interventions_by_method",
     .read = wane_experiment_read_interventions,
     .there = is_intervened},
    {.name = "matrices",
     .type = WANE_SETTING_LIST,
     .block = &wane_shown_settings,
     .item = "name",
     .usual = "none",
     .help = "matrices whose overlaps of singular vectors with the base's are stored",
     .read = wane_experiment_read_matrices,
     .print = wane_experiment_print_matrices,
     .there = has_shown},
    {.name = "measures",
     .type = WANE_SETTING_OWN,
     .form = "a list of names",
     .usual = "none",
     .help = "what is measured of each stage only where it is asked for",
     .read = wane_experiment_read_measures,
     .print = wane_experiment_print_measures,
     .there = has_asked},
    {.name = "keep",
     .type = WANE_SETTING_CHOICE,
     WANE_MEMBER(wane_experiment, keep),
     .choices = keeps,
     .help = "which updates of the weights stay on disk",
     .explain = "all: of every stage; adapters: adapters of every stage, full updates of last "
                "stages; last: of last stages; none"},
    {.name = "checkpoint",
     .type = WANE_SETTING_BLOCK,
     .block = &checkpoint_settings,
     .help = "the state of a stage in training"},
    {.name = "stop",
     .type = WANE_SETTING_BLOCK,
     .block = &stop_settings,
     .help = "when a call ends before all is done",
     .there = stops},
    {.name = "limit",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(wane_experiment, limit),
     .low = 1,
     .high = 0x1p53,
     .usual = "all",
     .unit = "rows",
     .help =
         "the most measured rows of each task, to try things out; results are marked as limited"},
};

static wane_status settle(void *into, const wane_setting_reader *reader, wane_error *err)
{
    wane_experiment *x = into;
    for (size_t c = 0; c < x->config_count; c++) {
        const wane_method *method = x->configs[c].settings.method;
        x->configs[c].settings.linear_head = x->head != WANE_HEAD_VERBALIZER;
        if (method && method->adapter && !method->stacks && x->policy == WANE_POLICY_STACK)
            return wane_yaml_fail(wane_yaml_get(reader->map, "protocol"), err,
                                  "adapter: stack: those of %s do not add up: merge or continue",
                                  x->configs[c].name);
        wane_status st = wane_experiment_check_strategy(&x->configs[c], reader->map, err);
        if (st != WANE_OK) return st;
    }
    return WANE_OK;
}

const wane_settings wane_experiment_settings = {
    .name = "an experiment",
    .help = "any key may be set by key=value behind the file's name",
    .entries = root,
    .count = COUNT(root),
    .defaults = &wane_experiment_usual,
    .settle = settle,
};

void wane_experiment_print(wane_text *out, const wane_experiment *x)
{
    wane_settings_print_file(out, &wane_experiment_settings, x);
}
