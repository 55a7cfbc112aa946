/* SPDX-License-Identifier: Apache-2.0
 * The plan's rows in the database.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "eval/experiment/shown_row.h"
#include "eval/model/architecture.h"
#include "eval/plan/plan.h"
#include "eval/stages/stage_kind.h"
#include "eval/train/method.h"
#include "store/files/hub.h"
#include "store/results/query.h"

static wane_status store_model(wane_plan *plan, wane_results *db, int64_t *model, wane_error *err)
{
    const wane_inputs *in = plan->inputs;
    const wane_config *c = &in->base->config;
    char title[256];
    wane_model_row row = {.key = in->model_key,
                          .name = in->experiment->model
                                      ? wane_hub_title(title, sizeof title, in->model_path)
                                      : "builtin",
                          .path = in->experiment->model ? in->model_path : "builtin",
                          .architecture = c->architecture->name,
                          .parameters = (int64_t)in->base->parameters.numbers,
                          .vocabulary = (int64_t)c->vocabulary,
                          .context = (int64_t)c->context,
                          .layers = (int64_t)c->layers,
                          .width = (int64_t)c->width};
    wane_status st = wane_results_put_model(db, model, &row, err);
    int64_t position = 0;
    for (size_t p = 0; p < in->base->parameters.count && st == WANE_OK; p++) {
        const wane_parameter *parameter = &in->base->parameters.parameter[p];
        if (!parameter->linear) continue;
        wane_matrix_row matrix = {.model = *model,
                                  .position = position++,
                                  .name = parameter->name,
                                  .module = parameter->module,
                                  .layer = parameter->layer < 0 ? WANE_NULL : parameter->layer,
                                  .rows = (int64_t)parameter->rows,
                                  .cols = (int64_t)parameter->cols};
        st = wane_results_put_matrix(db, &plan->matrix_ids[p], &matrix, err);
    }
    return st;
}

static wane_status store_data(wane_plan *plan, wane_results *db, wane_error *err)
{
    const wane_inputs *in = plan->inputs;
    const wane_experiment *x = in->experiment;
    wane_status st = WANE_OK;
    for (size_t t = 0; t < x->task_count && st == WANE_OK; t++) {
        const wane_task *task = &in->tasks[t].task;
        wane_shown_row shown;
        wane_text text = {0};
        if (wane_shown_row_of(&shown, in, t)) wane_shown_row_json(&text, &shown, in->tokenizer);
        if ((st = wane_text_check(&text, "store", task->name, err)) != WANE_OK) return st;
        wane_task_row row = {.key = in->tasks[t].key,
                             .name = x->tasks[t].spec.name,
                             .path = x->tasks[t].builtin ? "builtin" : x->tasks[t].spec.path,
                             .kind = "classification",
                             .split = "test",
                             .train_sha256 = x->tasks[t].watched || in->tasks[t].samples
                                                 ? NULL
                                                 : task->sha256[WANE_SPLIT_TRAIN],
                             .data_sha256 = task->sha256[WANE_SPLIT_TEST],
                             .template_text = x->tasks[t].spec.template_text,
                             .train_rows = (int64_t)task->rows[WANE_SPLIT_TRAIN],
                             .measured_rows = (int64_t)in->tasks[t].test.rows,
                             .labels = (int64_t)task->label_count,
                             .shown = text.length ? text.data : NULL};
        st = wane_results_put_task(db, &plan->task_ids[t], &row, err);
        wane_text_free(&text);
    }
    for (size_t c = 0; c < x->corpus_count && st == WANE_OK; c++) {
        const wane_windows *w = &in->corpora[c].windows;
        wane_corpus_row row = {.key = in->corpora[c].key,
                               .name = x->corpora[c].spec.name,
                               .path = x->corpora[c].builtin ? "builtin" : x->corpora[c].spec.path,
                               .data_sha256 = in->corpora[c].corpus.sha256,
                               .documents = (int64_t)w->documents,
                               .windows = (int64_t)w->windows,
                               .tokens = (int64_t)w->tokens,
                               .words = (int64_t)w->words,
                               .bytes = (int64_t)w->bytes,
                               .floor = in->corpora[c].floor,
                               .unigram_entropy = in->corpora[c].unigram_entropy};
        st = wane_results_put_corpus(db, &plan->corpus_ids[c], &row, err);
    }
    return st;
}

static wane_status store_experiment(wane_plan *plan, wane_results *db, int64_t model,
                                    wane_error *err)
{
    const wane_experiment *x = plan->inputs->experiment;
    wane_text source = {0};
    wane_experiment_print(&source, x);
    wane_status st = wane_text_check(&source, "store", x->name, err);
    wane_experiment_row row = {
        .name = x->name, .source = source.data, .model = model, .limited = x->limit > 0};
    if (st == WANE_OK) st = wane_results_put_experiment(db, &plan->experiment, &row, err);
    for (size_t t = 0; t < x->task_count && st == WANE_OK; t++)
        st = wane_results_put_experiment_task(db, plan->experiment, plan->task_ids[t],
                                              x->tasks[t].watched, err);
    for (size_t c = 0; c < x->corpus_count && st == WANE_OK; c++)
        st = wane_results_put_experiment_corpus(db, plan->experiment, plan->corpus_ids[c],
                                                x->corpora[c].role, x->corpora[c].weight, err);
    wane_text_free(&source);
    return st;
}

/* What a stage is trained on, "a + b" in the order of the file. */
static void name_tasks(wane_text *out, const wane_plan_stage *stage, const wane_experiment *x)
{
    for (size_t task = 0; task < x->trained_tasks; task++)
        for (size_t t = 0; t < stage->task_count; t++)
            if (stage->tasks[t] == task)
                wane_text_printf(out, "%s%s", out->length ? " + " : "", x->tasks[task].spec.name);
}

static wane_status store_stages(wane_plan *plan, wane_results *db, int64_t model, wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t s = 0; s < plan->stage_count && st == WANE_OK; s++) {
        wane_plan_stage *stage = &plan->stages[s];
        const wane_experiment *x = plan->inputs->experiment;
        wane_text trained = {0};
        name_tasks(&trained, stage, x);
        st = wane_text_check(&trained, "store", x->name, err);
        wane_stage_row row = {.key = stage->key,
                              .parent = s ? plan->stages[stage->parent].id : 0,
                              .model = model,
                              .kind = stage->kind->name,
                              .task_name = stage->config ? trained.data : NULL,
                              .steps_planned = (int64_t)stage->steps};
        if (st == WANE_OK) st = wane_results_put_stage(db, &stage->id, &row, err);
        wane_text_free(&trained);
    }
    return st;
}

/* A run of that name must have the same key, and its stored path must begin as the planned one. */
static wane_status check_run(const wane_plan *plan, const wane_plan_run *run, wane_results *db,
                             wane_error *err)
{
    static const char sql[] =
        "SELECT r.key, s.position, t.key FROM run r JOIN experiment e ON e.id = r.experiment "
        "LEFT JOIN run_stage s ON s.run = r.id LEFT JOIN stage t ON t.id = s.stage "
        "WHERE e.key = :experiment AND r.name = :run ORDER BY s.position";
    wane_binding names[2] = {
        {"experiment", {.type = WANE_VALUE_TEXT, .text = plan->inputs->experiment->name}},
        {"run", {.type = WANE_VALUE_TEXT, .text = run->name}}};
    wane_query *query = NULL;
    int64_t shift = (int64_t)run->shift, last = (int64_t)run->length + shift;
    wane_status st = wane_query_open(&query, db, sql, names, 2, err);
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK) {
        const char *key = wane_query_text(query, 0), *stage = wane_query_text(query, 2);
        int64_t position = wane_query_int(query, 1);
        if (strcmp(key, run->key) != 0)
            st = wane_fail(err, WANE_EEXIST,
                           "run: %s: %s holds a run of this name under other settings: name the "
                           "method or the experiment anew, or use another database (--db)",
                           run->name, wane_results_path(db));
        else if (stage && (position == 0 || position > shift) && position <= last &&
                 strcmp(stage, plan->stages[run->stages[position ? position - shift : 0]].key) != 0)
            st = wane_fail(err, WANE_EEXIST,
                           "run: %s: stage %lld in %s was trained on other data or in another "
                           "order: name the order or the experiment anew, or use another database "
                           "(--db)",
                           run->name, (long long)position, wane_results_path(db));
        else if (stage && position > last)
            st = wane_fail(err, WANE_EEXIST,
                           "run: %s: %s holds more stages of it than the file names: name the "
                           "order or the experiment anew, or use another database (--db)",
                           run->name, wane_results_path(db));
    }
    wane_query_free(query);
    return st == WANE_DONE ? WANE_OK : st;
}

/* The settings of `block` that are stored, each as `prefix` and its name. */
static wane_status store_block(const wane_plan_run *run, wane_results *db, const char *prefix,
                               const wane_settings *block, const void *of, wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t i = 0; i < block->count && st == WANE_OK; i++) {
        const wane_setting *s = &block->entries[i];
        char key[64];
        wane_value value = {.type = WANE_VALUE_REAL};
        if (!s->stored) continue;
        (void)snprintf(key, sizeof key, "%s%s", prefix, s->name);
        switch (s->type) {
        case WANE_SETTING_NUMBER: value.real = wane_setting_value(s, of); break;
        case WANE_SETTING_COUNT:
        case WANE_SETTING_SEED:
        case WANE_SETTING_FLAG:
            value = (wane_value){.type = WANE_VALUE_INTEGER,
                                 .integer = (int64_t)wane_setting_value(s, of)};
            break;
        default: value = (wane_value){.type = WANE_VALUE_TEXT, .text = wane_setting_word(s, of)};
        }
        st = wane_results_put_parameter(db, run->id, key, &value, err);
    }
    return st;
}

/* "strategy", and "NAME.SETTING" for each of its settings; nothing of one that does nothing. */
static wane_status store_strategy(const wane_plan_run *run, wane_results *db, wane_error *err)
{
    const wane_strategy *s = run->config->strategy;
    const wane_value name = {.type = WANE_VALUE_TEXT, .text = s->settings->name};
    char prefix[64];
    if (!wane_strategy_acts(s)) return WANE_OK;
    wane_status st = wane_results_put_parameter(db, run->id, "strategy", &name, err);
    (void)snprintf(prefix, sizeof prefix, "%s.", s->settings->name);
    if (st != WANE_OK) return st;
    return store_block(run, db, prefix, s->settings, run->config->strategy_settings, err);
}

/* What any method has is there for all of them: at 0 where a method has no such setting. */
static wane_status store_parameters(const wane_plan *plan, const wane_plan_run *run,
                                    wane_results *db, wane_error *err)
{
    const wane_run_config *c = run->config;
    const wane_method *method = NULL;
    if (!run->kind->trained) return WANE_OK;
    wane_status st = store_block(run, db, "", &wane_training_settings, &c->training, err);
    for (size_t i = 0; st == WANE_OK && (method = wane_method_at(i)); i++)
        st = store_block(run, db, "", method->settings, &c->settings, err);
    if (st == WANE_OK)
        st = store_block(run, db, "protocol.", &wane_protocol_settings, plan->inputs->experiment,
                         err);
    return st == WANE_OK ? store_strategy(run, db, err) : st;
}

/* Runs come before their bounds. */
static int64_t bounded_by(const wane_plan *plan, const wane_plan_run *bound)
{
    for (const wane_plan_run *run = plan->runs; run < bound; run++)
        if (run->order == bound->order && run->seed == bound->seed &&
            strcmp(run->config->name, bound->config->bounds) == 0)
            return run->id;
    return 0;
}

static wane_status store_run(wane_plan *plan, wane_plan_run *run, wane_results *db, wane_error *err)
{
    const wane_run_config *c = run->config;
    bool trained = run->kind->trained;
    bool factors = trained && c->settings.rank > 0;
    wane_run_row row = {.key = run->key,
                        .experiment = plan->experiment,
                        .name = run->name,
                        .method = c->name,
                        .kind = trained ? c->settings.method->settings->name : run->kind->name,
                        .rank = factors ? (int64_t)c->settings.rank : WANE_NULL,
                        .alpha = factors ? c->settings.alpha : NAN,
                        .learning_rate = trained ? c->training.learning_rate : NAN,
                        .order_name = run->order->name,
                        .seed = (int64_t)run->seed,
                        .stages = (int64_t)(run->length + run->shift),
                        .trainable = WANE_NULL,
                        .bound = wane_bound_name(c->bound),
                        .bounds = c->bound ? bounded_by(plan, run) : 0};
    wane_status st = WANE_OK;
    if (trained)
        st =
            wane_method_numbers(&row.trainable, &c->settings, &plan->inputs->base->parameters, err);
    if (st == WANE_OK) st = wane_results_put_run(db, &run->id, &row, err);
    for (size_t p = 0; p <= run->length && st == WANE_OK; p++) {
        const wane_plan_stage *stage = &plan->stages[run->stages[p]];
        int64_t task = p ? plan->task_ids[wane_plan_task(run, p)] : 0;
        int64_t position = (int64_t)(p ? p + run->shift : 0);
        st = wane_results_put_run_stage(db, run->id, position, stage->id, task, err);
    }
    return st == WANE_OK ? store_parameters(plan, run, db, err) : st;
}

wane_status wane_plan_store(wane_plan *plan, wane_results *db, wane_error *err)
{
    wane_status st = WANE_OK;
    int64_t model = 0;
    WANE_TRY(wane_results_begin(db, err));
    for (size_t r = 0; r < plan->run_count; r++) WANE_TRY(check_run(plan, &plan->runs[r], db, err));
    WANE_TRY(store_model(plan, db, &model, err));
    WANE_TRY(store_data(plan, db, err));
    WANE_TRY(store_experiment(plan, db, model, err));
    WANE_TRY(store_stages(plan, db, model, err));
    for (size_t r = 0; r < plan->run_count; r++) WANE_TRY(store_run(plan, &plan->runs[r], db, err));
    WANE_TRY(wane_results_commit(db, err));
done:
    if (st != WANE_OK) wane_results_rollback(db);
    return st;
}

/* *id of a key, 0 when it is not there. */
static wane_status find_id(int64_t *id, wane_results *db, wane_results_table table, const char *key,
                           wane_error *err)
{
    wane_status st = wane_results_find(db, id, table, key, err);
    if (st != WANE_ENOTFOUND) return st;
    *id = 0;
    return WANE_OK;
}

wane_status wane_plan_find(wane_plan *plan, wane_results *db, wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t s = 0; s < plan->stage_count && st == WANE_OK; s++)
        st = find_id(&plan->stages[s].id, db, WANE_TABLE_STAGE, plan->stages[s].key, err);
    for (size_t r = 0; r < plan->run_count && st == WANE_OK; r++)
        st = find_id(&plan->runs[r].id, db, WANE_TABLE_RUN, plan->runs[r].key, err);
    for (size_t r = 0; r < plan->run_count && st == WANE_OK; r++)
        st = check_run(plan, &plan->runs[r], db, err);
    return st;
}
