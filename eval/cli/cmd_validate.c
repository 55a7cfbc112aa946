/* SPDX-License-Identifier: Apache-2.0
 * The command `wane validate`: the experiment with all defaults as YAML again, and behind it, as
 * comments, data, samples, disk and time.
 */
#include <stdio.h>
#include <string.h>

#include "analysis/report/page.h"
#include "eval/cli/commands.h"
#include "eval/cli/experiment_call.h"
#include "eval/cli/row_page.h"
#include "eval/pair/given.h"
#include "eval/plan/estimate.h"
#include "eval/run/needs.h"
#include "store/base/blas.h"

/* Everything behind the settings is comments, so that the whole is an experiment file again. */
static void print_comments(wane_text *out, const wane_text *page)
{
    for (const char *line = page->data; line && *line;) {
        size_t length = strcspn(line, "\n");
        wane_text_printf(out, "#%s%.*s\n", length ? " " : "", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

static void print_tasks(wane_text *page, const wane_inputs *in)
{
    wane_text rows = {0};
    wane_text_string(&rows, "task\ttrain\tmeasured\tlabels\ttokens, mean\tlongest\tcut\tunknown\t"
                            "in train\n");
    for (size_t t = 0; t < in->experiment->task_count; t++) {
        const wane_input_task *task = &in->tasks[t];
        const wane_prompts *p = &task->test;
        size_t longest = 0;
        for (size_t r = 0; r < p->rows; r++)
            if (p->starts[r + 1] - p->starts[r] > longest)
                longest = p->starts[r + 1] - p->starts[r];
        wane_text_printf(&rows, "%s\t%zu\t%zu\t%zu\t%.1f\t%zu\t%zu\t%zu\t%zu\n", task->task.name,
                         task->task.rows[WANE_SPLIT_TRAIN], p->rows, p->label_count,
                         (double)p->starts[p->rows] / (double)p->rows, longest, p->cut_rows,
                         p->unknown_tokens,
                         wane_inputs_overlap(in, t, wane_inputs_most_overlap(in, t))->normalised);
    }
    wane_page_table(page, &rows, "lrrrrrrrr");
    wane_text_free(&rows);
}

/* What a seed draws of the training rows, and of which tasks it cannot. */
static void print_samples(wane_text *page, const wane_inputs *in)
{
    const wane_experiment *x = in->experiment;
    wane_text drawn = {0};
    if (!x->sample_seed) return;
    wane_text_string(page, "\n");
    for (size_t t = 0; t < x->trained_tasks; t++) {
        const wane_task *task = &in->tasks[t].task;
        if (wane_inputs_sampled(in, t))
            wane_text_printf(&drawn, "%s%s %zu of %zu", drawn.length ? ", " : "", task->name,
                             task->rows[WANE_SPLIT_TRAIN], task->train_available);
    }
    if (drawn.length)
        wane_page_line(page, "sample_seed", "each seed draws the training rows anew: %s",
                       drawn.data);
    for (size_t t = 0; t < x->trained_tasks; t++) {
        const wane_task *task = &in->tasks[t].task;
        if (wane_inputs_sampled(in, t)) continue;
        if (x->tasks[t].builtin)
            wane_page_line(page, "sample_seed", "no effect on %s: built in, it has no other rows",
                           task->name);
        else
            wane_page_line(page, "sample_seed", "no effect on %s: train_rows takes all %zu rows",
                           task->name, task->train_available);
    }
    if (x->head == WANE_HEAD_REPROBE)
        wane_page_line(page, "sample_seed",
                       "probes are fitted to the same rows of each task under every seed");
    wane_text_free(&drawn);
}

static void print_corpora(wane_text *page, const wane_inputs *in)
{
    wane_text rows = {0};
    if (!in->experiment->corpus_count) return;
    wane_text_string(&rows, "corpus\trole\tdocuments\ttokens\twindows\tunknown\tsha256\n");
    for (size_t c = 0; c < in->experiment->corpus_count; c++) {
        const wane_windows *w = &in->corpora[c].windows;
        wane_text_printf(&rows, "%s\t%s\t%zu\t%zu\t%zu\t%zu\t%.12s\n",
                         in->experiment->corpora[c].spec.name, in->experiment->corpora[c].role,
                         w->documents, w->tokens, w->windows, w->unknown_tokens,
                         in->corpora[c].corpus.sha256);
    }
    wane_text_string(page, "\n");
    wane_page_table(page, &rows, "llrrrrl");
    wane_text_free(&rows);
}

/* In the unit that a person would say. */
static char *duration(char out[48], double seconds)
{
    char number[32];
    bool minutes = seconds >= 100, hours = seconds >= 6000;
    double value = hours ? seconds / 3600 : minutes ? seconds / 60 : seconds;
    (void)snprintf(out, 48, "%s %s", wane_page_number(number, value, 2),
                   hours     ? "hours"
                   : minutes ? "minutes"
                             : "seconds");
    return out;
}

static wane_status print_needs(wane_text *page, const wane_opened *o, wane_error *err)
{
    wane_estimate e = {0};
    wane_run_need need = {0};
    wane_pool *pool = NULL;
    char a[48], runs[32], stages[32], steps[32], cells[32];
    wane_status st = wane_pool_new(&pool, 0, err);
    if (st == WANE_OK) st = wane_plan_estimate(&e, o->plan, pool, err);
    if (st == WANE_OK) st = wane_run_needs(&need, o->plan, NULL, false, err);
    size_t threads = (size_t)wane_pool_threads(pool);
    wane_pool_free(pool);
    if (st != WANE_OK) return st;
    wane_text_string(page, "\n");
    wane_page_line(page, "plan", "%zu %s, %zu %s to train, %zu %s, %zu %s", need.runs,
                   wane_page_plural(runs, need.runs, "run"), need.stages_missing,
                   wane_page_plural(stages, need.stages_missing, "stage"), need.steps_missing,
                   wane_page_plural(steps, need.steps_missing, "step"), need.cells_missing,
                   wane_page_plural(cells, need.cells_missing, "cell"));
    wane_page_line(page, "memory",
                   "about %.0f MiB a process at its peak; steps in parts of at most %zu tokens",
                   e.memory_bytes / 1048576, e.tokens);
    wane_page_line(page, "address space",
                   "about %.0f MiB a process of %zu %s, %d MiB of it a thread for OpenBLAS (ulimit "
                   "-v must allow it)",
                   e.address_bytes / 1048576, threads, wane_page_plural(a, threads, "thread"),
                   WANE_BLAS_BUFFER_BYTES >> 20);
    wane_page_line(page, "disk", "about %.0f MiB", e.disk_bytes / 1048576);
    wane_page_line(page, "time", "about %s here: %.0f%% of %.0f GFLOP/s of sgemm",
                   duration(a, e.seconds), 100 * WANE_ESTIMATE_SHARE, e.flops_per_second / 1e9);
    for (size_t m = 0; m < WANE_MEASURES; m++) {
        const wane_measure *measure = wane_measures[m];
        if (!measure->apart || e.measure[m].cells == 0) continue;
        wane_page_line(page, measure->apart, "%s%zu %s, about %s more%s",
                       measure->apart_most ? "at most " : "", e.measure[m].cells,
                       measure->apart_unit,
                       duration(a, e.measure[m].flops / (WANE_ESTIMATE_SHARE * e.flops_per_second)),
                       measure->apart_note);
    }
    return WANE_OK;
}

static wane_status open_given(const wane_opened *o, wane_error *err)
{
    const wane_experiment *x = o->experiment;
    bool from_base = x->policy == WANE_POLICY_CONTINUE;
    wane_status st = WANE_OK;
    for (size_t c = 0; c < x->config_count && st == WANE_OK; c++)
        st = wane_given_check(o->inputs->base, x->configs[c].stages, x->configs[c].stage_count,
                              from_base, &o->log, err);
    return st;
}

static int run(wane_call *call)
{
    int code = 0;
    wane_error err;
    wane_opened o;
    if (!wane_call_parse(call, NULL, 0, 1, WANE_OPTION_LIST_MOST, &code)) return code;
    wane_status st = wane_opened_load(&o, call->operand[0], call->operand + 1, call->operands - 1,
                                      NULL, 0, false, &err);
    if (st == WANE_OK && (st = open_given(&o, &err)) != WANE_OK) wane_opened_close(&o);
    if (st != WANE_OK) return wane_cli_fail(&err);
    wane_text text = {0}, page = {0};
    wane_experiment_print(&text, o.experiment);
    wane_text_string(&text, "\n");
    wane_page_line(&page, "model", "%s, %zu parameters, context %zu", o.inputs->model_path,
                   o.inputs->base->parameters.numbers, wane_config_reach(&o.inputs->base->config));
    wane_page_line(&page, "sha256", "%s", o.inputs->model_key);
    wane_text_string(&page, "\n");
    print_tasks(&page, o.inputs);
    wane_text_string(&page, "\n");
    for (size_t t = 0; t < o.experiment->task_count; t++) wane_print_shown_row(&page, o.inputs, t);
    print_samples(&page, o.inputs);
    print_corpora(&page, o.inputs);
    st = print_needs(&page, &o, &err);
    if (st == WANE_OK) st = wane_opened_warn(&o, &err);
    if (st == WANE_OK) st = wane_text_check(&page, "validate", o.experiment->name, &err);
    if (st == WANE_OK) print_comments(&text, &page);
    if (st == WANE_OK) st = wane_page_print(&text, &err);
    wane_text_free(&text);
    wane_text_free(&page);
    wane_opened_close(&o);
    return st == WANE_OK ? WANE_EXIT_DONE : wane_cli_fail(&err);
}

const wane_command wane_command_validate = {
    "validate", "validate EXPERIMENT.yaml [key=value ...]",
    "Check files, labels and lengths before any training; print every setting and what it needs.",
    run};
