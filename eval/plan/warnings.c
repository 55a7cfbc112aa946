/* SPDX-License-Identifier: Apache-2.0
 * One function per check, each over the whole plan, called in the order in which they are said.
 */
#include "eval/plan/warnings.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "eval/experiment/label_words.h"
#include "eval/stages/stage_kind.h"
#include "store/base/memory.h"

void wane_warnings_free(wane_warnings *warnings)
{
    if (!warnings) return;
    for (size_t i = 0; i < warnings->count; i++) wane_free(warnings->text[i]);
    wane_free(warnings->text);
    *warnings = (wane_warnings){0};
}

/* For a check: appends one warning. */
static wane_status warn(wane_warnings *warnings, wane_error *err, const char *format, ...)
{
    char line[WANE_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (!WANE_GROW(warnings->text, warnings->capacity, warnings->count + 1))
        return wane_fail_memory(err, "read", "warnings");
    char *copy = wane_strdup(line);
    if (!copy) return wane_fail_memory(err, "read", "warnings");
    warnings->text[warnings->count++] = copy;
    return WANE_OK;
}

/* ---------------------------------------------------------------------------------- the checks */

/* The axis of pretraining_forgetting: there must be one, and none is taken for it unsaid. */
static wane_status pretraining_corpus(wane_warnings *out, const wane_plan *plan, wane_error *err)
{
    const wane_experiment *x = plan->inputs->experiment;
    size_t pretraining = 0;
    if (x->corpus_count == 0)
        return warn(out, err,
                    "no corpora: no likelihood and no pretraining_forgetting is measured "
                    "(corpora: [{path: FILE, role: pretraining}])");
    for (size_t c = 0; c < x->corpus_count; c++) {
        const wane_experiment_corpus *corpus = &x->corpora[c];
        pretraining += strcmp(corpus->role, "pretraining") == 0;
        if (!corpus->role_assumed) continue;
        wane_status st = warn(out, err,
                              "corpus %s has no role and is taken as 'role: pretraining' (say "
                              "so, or 'role: other')",
                              corpus->spec.name);
        if (st != WANE_OK) return st;
    }
    if (pretraining) return WANE_OK;
    return warn(out, err, "no corpus has 'role: pretraining': pretraining_forgetting has no value");
}

/* What is trained, measured and counted against is then another model than the one that was
 * quantized. */
static wane_status quantized_base(wane_warnings *out, const wane_plan *plan, wane_error *err)
{
    const wane_model *base = plan->inputs->base;
    if (!base->quantized[0]) return WANE_OK;
    return warn(out, err,
                "the model's weights are quantized (%s): it is trained and measured with the "
                "dequantized ones, and changes and intruder dimensions are counted against those",
                base->quantized);
}

/* Of tasks whose train rows something is fitted to: those trained on, and all under a probe. */
static wane_status train_rows_measured(wane_warnings *out, const wane_plan *plan, wane_error *err)
{
    const wane_inputs *in = plan->inputs;
    const wane_experiment *x = in->experiment;
    size_t count = x->head == WANE_HEAD_REPROBE ? x->task_count : x->trained_tasks;
    wane_status st = WANE_OK;
    for (size_t t = 0; t < count && st == WANE_OK; t++) {
        const wane_input_task *task = &in->tasks[t];
        uint64_t seed = wane_inputs_most_overlap(in, t);
        const wane_overlap *o = wane_inputs_overlap(in, t, seed);
        char under[40] = "";
        if (o->normalised == 0) continue;
        if (task->samples) (void)snprintf(under, sizeof under, " under seed %" PRIu64, seed);
        st = warn(out, err,
                  "task %s: %zu of the %zu measured rows are in train too%s (the first is row "
                  "%zu of its split, counted from 0): their accuracy is not that of unseen rows",
                  task->task.name, o->normalised, o->rows, under, o->first_test_row);
    }
    return st;
}

static wane_status say_hidden(wane_warnings *out, const char *kind, const char *name,
                              const wane_hidden_files *hidden, wane_error *err)
{
    char line[WANE_MESSAGE_BYTES];
    return hidden->count
               ? warn(out, err, "%s %s: %s", kind, name, wane_hidden_say(line, sizeof line, hidden))
               : WANE_OK;
}

static wane_status hidden_files(wane_warnings *out, const wane_plan *plan, wane_error *err)
{
    const wane_inputs *in = plan->inputs;
    const wane_experiment *x = in->experiment;
    wane_status st = WANE_OK;
    for (size_t c = 0; c < x->corpus_count && st == WANE_OK; c++)
        st = say_hidden(out, "corpus", x->corpora[c].spec.name, &in->corpora[c].corpus.hidden, err);
    for (size_t t = 0; t < x->task_count && st == WANE_OK; t++)
        st = say_hidden(out, "task", in->tasks[t].task.name, &in->tasks[t].task.hidden, err);
    return st;
}

/* The trap of YAML's plain and single-quoted texts: they know no escapes. */
static wane_status literal_escapes(wane_warnings *out, const wane_plan *plan, wane_error *err)
{
    const wane_experiment *x = plan->inputs->experiment;
    wane_status st = WANE_OK;
    for (size_t t = 0; t < x->task_count && st == WANE_OK; t++) {
        const char *text = x->tasks[t].spec.template_text;
        if (!text || (!strstr(text, "\\n") && !strstr(text, "\\t"))) continue;
        st = warn(out, err,
                  "task %s: its template holds a backslash and a letter, no line break or tab "
                  "(in YAML, \\n and \\t are that in double quotes alone)",
                  x->tasks[t].spec.name);
    }
    return st;
}

/* Why none of the steps of a stage moves a weight, in words; NULL when one does. */
static const char *all_at_rate_zero(const wane_plan_stage *stage)
{
    wane_training t = stage->config->training;
    t.total_steps = stage->steps;
    for (size_t s = 0; s < stage->steps; s++)
        if (wane_learning_rate(&t, s) != 0) return NULL;
    return t.learning_rate == 0 ? "at learning rate 0" : "all of it warm-up at rate 0";
}

/* "stage a + b: 1 step, all of it warm-up at rate 0: nothing is trained"; empty when there is
 * nothing to say of the stage. */
static void say_untrained(wane_text *out, const wane_plan *plan, const wane_plan_stage *stage)
{
    wane_text_clear(out);
    const char *why = stage->kind->trained ? all_at_rate_zero(stage) : NULL;
    for (size_t t = 0; why && t < stage->task_count; t++)
        wane_text_printf(out, "%s%s", t ? " + " : "stage ",
                         plan->inputs->experiment->tasks[stage->tasks[t]].spec.name);
    if (why)
        wane_text_printf(out, ": %zu step%s, %s: nothing is trained", stage->steps,
                         stage->steps == 1 ? "" : "s", why);
}

/* " (methods a, b)": those of whose stages `line` is said. */
static wane_status add_methods(wane_text *line, const wane_plan *plan, wane_error *err)
{
    const wane_run_config *last = NULL;
    size_t count = 0;
    wane_text other = {0}, names = {0};
    for (size_t s = 0; s < plan->stage_count; s++) {
        say_untrained(&other, plan, &plan->stages[s]);
        if (!other.length || strcmp(other.data, line->data) != 0 || plan->stages[s].config == last)
            continue;
        last = plan->stages[s].config; /* the stages of a config follow one another */
        wane_text_printf(&names, "%s%s", count++ ? ", " : "", last->name);
    }
    wane_text_printf(line, " (method%s %s)", count == 1 ? "" : "s", names.data ? names.data : "");
    wane_status st = wane_text_check(line, "read", "warnings", err);
    if (st == WANE_OK && (other.failed || names.failed))
        st = wane_fail_memory(err, "read", "warnings");
    wane_text_free(&other);
    wane_text_free(&names);
    return st;
}

static bool said(const wane_warnings *warnings, const wane_text *line)
{
    for (size_t i = 0; i < warnings->count; i++)
        if (strncmp(warnings->text[i], line->data, line->length) == 0) return true;
    return false;
}

static wane_status nothing_trained(wane_warnings *out, const wane_plan *plan, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text line = {0};
    for (size_t s = 0; s < plan->stage_count && st == WANE_OK; s++) {
        say_untrained(&line, plan, &plan->stages[s]);
        if (line.failed) st = wane_fail_memory(err, "read", "warnings");
        if (st != WANE_OK || !line.length || said(out, &line)) continue;
        st = add_methods(&line, plan, err);
        if (st == WANE_OK) st = warn(out, err, "%s", line.data);
    }
    wane_text_free(&line);
    return st;
}

/* "' maybe' 3, ' yes' 1": every label word with its number of tokens; long lists end in "...". */
static void list_label_words(wane_text *out, const wane_input_task *task)
{
    enum { LISTED = 8 };
    const wane_prompts *p = &task->test;
    for (size_t l = 0; l < p->label_count && l < LISTED; l++)
        wane_text_printf(out, "%s'%.40s' %zu", l ? ", " : "", task->task.labels[l].verbalizer,
                         p->label_starts[l + 1] - p->label_starts[l]);
    if (p->label_count > LISTED) wane_text_string(out, ", ...");
}

/* Where label words differ in their number of tokens, and the base answers more than a fifth of the
 * rows otherwise by the mean than by the sum: what is scored is their length too. */
static wane_status lengths_of_labels(wane_warnings *out, const wane_plan *plan, wane_error *err)
{
    enum { FIFTH = 5 };
    const wane_inputs *in = plan->inputs;
    const wane_experiment *x = in->experiment;
    wane_status st = WANE_OK;
    wane_pool *pool = NULL;
    wane_text words = {0};
    for (size_t t = 0; x->head == WANE_HEAD_VERBALIZER && t < x->task_count; t++) {
        const wane_input_task *task = &in->tasks[t];
        wane_label_words found = {0};
        if (x->tasks[t].per_token || !wane_label_words_differ(&task->test)) continue;
        if (!pool) WANE_TRY(wane_pool_new(&pool, 0, err));
        WANE_TRY(wane_label_words_compare(&found, in->base, &task->task, &task->test, pool, err));
        if (FIFTH * found.disagree <= found.rows) continue;
        wane_text_clear(&words);
        list_label_words(&words, task);
        WANE_TRY(wane_text_check(&words, "read", "warnings", err));
        WANE_TRY(warn(
            out, err,
            "task %s: its label words have %zu to %zu tokens (%s), and the base answers %zu of %zu "
            "rows (%.0f%%) otherwise by the mean of their log-likelihoods than by the sum: their "
            "length is scored too ('normalise: tokens', or label words of equally many tokens)",
            task->task.name, found.fewest, found.most, words.data, found.disagree, found.rows,
            100.0 * (double)found.disagree / (double)found.rows));
    }
done:
    wane_text_free(&words);
    wane_pool_free(pool);
    return st;
}

typedef wane_status check(wane_warnings *out, const wane_plan *plan, wane_error *err);

wane_status wane_warnings_find(wane_warnings *out, const wane_plan *plan, wane_error *err)
{
    static check *const checks[] = {quantized_base,   pretraining_corpus, train_rows_measured,
                                    hidden_files,     literal_escapes,    nothing_trained,
                                    lengths_of_labels};
    wane_status st = WANE_OK;
    wane_warnings found = {0};
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        WANE_TRY(checks[i](&found, plan, err));
    *out = found;
    found = (wane_warnings){0};
done:
    wane_warnings_free(&found);
    return st;
}

wane_status wane_warnings_store(const wane_warnings *warnings, wane_results *db,
                                const char *experiment, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text line = {0};
    for (size_t i = 0; i < warnings->count; i++) {
        wane_text_clear(&line);
        wane_text_printf(&line, "%s: %s", experiment, warnings->text[i]);
        WANE_TRY(wane_text_check(&line, "run", experiment, err));
        WANE_TRY(wane_results_add_warning(db, 0, 0, line.data, err));
    }
done:
    wane_text_free(&line);
    return st;
}
