/* SPDX-License-Identifier: Apache-2.0
 * The three kinds of looks and their cells (likelihood, scores, spectra), and the watcher that the
 * training loop calls, with the directions of the last look carried from look to look.
 */
#include "eval/cells/track.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/cells/cell_matrices.h"
#include "eval/measure/measure.h"
#include "eval/stages/stage_kind.h"
#include "store/base/clock.h"
#include "store/base/memory.h"
#include "store/files/file.h"
#include "store/results/query.h"

typedef enum kind { KIND_NLL, KIND_TASKS, KIND_SPECTRA, KINDS } kind;

struct wane_tracker {
    wane_work *work;
    const wane_plan_run *run;
    size_t position;
    const wane_chain *chain;
    const wane_trainer *trainer;
    const wane_adapter *adapter; /* NULL: trained in place */
    wane_model
        *merged; /* at a look at spectra: with an adapter that is more than its factors; owned
                  */
    const wane_class_head *head; /* NULL: under verbalizers */
    const wane_plan_stage *planned;
    int64_t stage;
    size_t corpus;      /* whose likelihood is followed */
    wane_windows probe; /* its first windows; `starts` is owned, the rest is the corpus's */
    wane_trace *traces; /* per parameter; owned */
    size_t traced;      /* the step of the look they are of; SIZE_MAX: none yet */
    char *path;         /* of the file that keeps them over a kill */
    char key[2 * WANE_SHA256_HEX];
    double wall[KINDS], cpu[KINDS];
};

/* ------------------------------------------------------------------------------------- settings */

/* The corpus marked pretraining, else the first. */
static size_t probe_corpus(const wane_experiment *x)
{
    for (size_t c = 0; c < x->corpus_count; c++)
        if (strcmp(x->corpora[c].role, "pretraining") == 0) return c;
    return 0;
}

static wane_status hash_of(char out[WANE_SHA256_HEX], const char *what, const char *of,
                           const char *number_name, size_t number, wane_error *err)
{
    wane_sha256 *hash = NULL;
    wane_status st = wane_sha256_begin(&hash, err);
    if (st != WANE_OK) return st;
    wane_sha256_text(hash, what);
    wane_sha256_text(hash, of);
    wane_sha256_number(hash, number_name, (double)number);
    return wane_sha256_end(out, hash, err);
}

static wane_status nll_cell(wane_cell *cell, char settings[WANE_SHA256_HEX], const wane_work *work,
                            wane_error *err)
{
    const wane_input_corpus *c = &work->inputs->corpora[probe_corpus(work->experiment)];
    cell->measure = WANE_CELL_LIKELIHOOD;
    cell->subject = c->key;
    cell->settings_sha256 = settings;
    cell->data_sha256 = c->corpus.sha256;
    return hash_of(settings, "track likelihood", c->settings, "tokens",
                   work->experiment->track.nll_tokens, err);
}

static wane_status task_cell(wane_cell *cell, char settings[WANE_SHA256_HEX], const wane_work *work,
                             size_t t, wane_error *err)
{
    const wane_input_task *task = &work->inputs->tasks[t];
    cell->measure = WANE_CELL_SCORE;
    cell->subject = task->key;
    cell->settings_sha256 = settings;
    cell->data_sha256 = task->task.sha256[WANE_SPLIT_TEST];
    return hash_of(settings, "track score", task->settings, "rows",
                   work->experiment->track.task_rows, err);
}

/* Identities depend on all looks before, hence on how far apart they are. */
static wane_status spectra_cell(wane_cell *cell, char settings[WANE_SHA256_HEX],
                                const wane_work *work, wane_error *err)
{
    const wane_experiment *x = work->experiment;
    char text[96], exact[WANE_SHA256_HEX], bounds[WANE_SHA256_HEX];
    (void)snprintf(text, sizeof text, "top %zu u %d v %d", x->track.top, x->intruders_u,
                   x->intruders_v);
    cell->measure = WANE_CELL_SPECTRUM;
    cell->subject = "base";
    cell->settings_sha256 = settings;
    cell->data_sha256 = "";
    wane_status st = hash_of(exact, "track spectrum", text, "every", x->track.every, err);
    if (st == WANE_OK) st = wane_spectra_bounds(bounds, work->inputs, WANE_ALL_MATRICES, err);
    if (st == WANE_OK && *bounds) return wane_settings_bounded(settings, exact, bounds, err);
    if (st == WANE_OK) memcpy(settings, exact, WANE_SHA256_HEX);
    return st;
}

/* -------------------------------------------------------------------------------- making, ending
 */

/* Windows in order until so many tokens are scored, the last one cut short. */
static wane_status make_probe(wane_tracker *t, wane_error *err)
{
    const wane_windows *all = &t->work->inputs->corpora[t->corpus].windows;
    size_t left = t->work->experiment->track.nll_tokens, documents = 0;
    wane_windows *probe = &t->probe;
    *probe = *all;
    probe->windows = probe->tokens = 0;
    probe->starts = wane_alloc(all->windows + 1, sizeof *probe->starts);
    if (!probe->starts) return wane_fail_memory(err, "track", "windows");
    for (size_t w = 0; w < all->windows && left > 0; w++) {
        size_t scored = all->starts[w + 1] - all->starts[w] - all->first[w];
        size_t take = scored < left ? scored : left;
        probe->starts[w] = all->starts[w];
        probe->starts[w + 1] = all->starts[w] + all->first[w] + take;
        documents += w == 0 || all->document[w] != all->document[w - 1];
        probe->windows++;
        probe->tokens += take;
        left -= take;
    }
    probe->documents = documents;
    probe->words = probe->bytes = probe->unknown_tokens = 0;
    return WANE_OK;
}

static bool tracks_nll(const wane_experiment *x)
{
    return x->track.nll_tokens > 0 && x->corpus_count > 0;
}

static void forget_traces(wane_tracker *t)
{
    for (size_t i = 0; t->traces && i < t->work->inputs->base->parameters.count; i++)
        wane_trace_free(&t->traces[i]);
    t->traced = SIZE_MAX;
}

static void tracker_free(wane_tracker *tracker)
{
    if (!tracker) return;
    forget_traces(tracker);
    wane_free(tracker->traces);
    wane_free(tracker->path);
    wane_free(tracker->probe.starts);
    wane_free(tracker);
}

static wane_status tracker_new(wane_tracker **out, wane_work *work, const wane_plan_run *run,
                               size_t position, const wane_chain *chain,
                               const wane_trainer *trainer, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_experiment *x = work->experiment;
    const wane_plan_stage *stage = &work->plan->stages[run->stages[position]];
    char name[WANE_SHA256_HEX + 16], settings[WANE_SHA256_HEX];
    wane_cell cell;
    *out = NULL;
    if (x->track.every == 0 || stage->perturbation) return WANE_OK;
    wane_tracker *t = wane_alloc(1, sizeof *t);
    if (!t) return wane_fail_memory(err, "track", run->name);
    *t = (wane_tracker){.work = work,
                        .run = run,
                        .position = position,
                        .chain = chain,
                        .trainer = trainer,
                        .adapter = wane_trainer_adapter(trainer),
                        .head = wane_trainer_head(trainer),
                        .planned = stage,
                        .stage = stage->id,
                        .corpus = probe_corpus(x),
                        .traced = SIZE_MAX};
    (void)snprintf(name, sizeof name, "%s.trace", stage->key);
    t->path = wane_work_path(work, "checkpoints", name);
    t->traces = wane_alloc(work->inputs->base->parameters.count, sizeof *t->traces);
    WANE_TRY(t->path && t->traces ? WANE_OK : wane_fail_memory(err, "track", run->name));
    WANE_TRY(spectra_cell(&cell, settings, work, err));
    (void)snprintf(t->key, sizeof t->key, "%s %s", stage->key, settings);
    if (tracks_nll(x)) WANE_TRY(make_probe(t, err));
    *out = t;
    t = NULL;
done:
    tracker_free(t);
    return st;
}

/* How many looks into the stage are there. */
static wane_status count_cells(int64_t *out, wane_work *work, int64_t stage, const char *measure,
                               wane_error *err)
{
    static const char sql[] =
        "SELECT count(*) FROM cell WHERE stage = ?1 AND step >= 0 AND measure = ?2";
    wane_binding values[2] = {{NULL, {.type = WANE_VALUE_INTEGER, .integer = stage}},
                              {NULL, {.type = WANE_VALUE_TEXT, .text = measure}}};
    wane_query *query = NULL;
    wane_status st = wane_query_open(&query, work->db, sql, values, 2, err);
    if (st == WANE_OK) st = wane_query_next(query, err);
    if (st == WANE_OK) *out = wane_query_int(query, 0);
    wane_query_free(query);
    return st;
}

typedef struct missing {
    wane_work *work;
    bool *missed; /* set where something was */
} missing;

static wane_status miss(void *context, const wane_cell *look, size_t subject, wane_error *err)
{
    const missing *m = context;
    int64_t looks = 0;
    wane_cell cell = *look;
    (void)subject;
    wane_status st = count_cells(&looks, m->work, cell.stage, cell.measure, err);
    if (st != WANE_OK || looks > 0) return st;
    wane_cell_rows none = {0};
    cell.reason = "training went on before it was tracked";
    *m->missed = true;
    return wane_work_commit(m->work, &cell, &none, err);
}

wane_status wane_track_visit(const wane_work *work, const wane_plan_stage *stage,
                             wane_visit_cell *visit, void *context, wane_error *err)
{
    const wane_experiment *x = work->experiment;
    wane_cell cell = {.stage = stage->id, .step = 0};
    char settings[WANE_SHA256_HEX];
    wane_status st = WANE_OK;
    if (stage->perturbation) return WANE_OK;
    if (tracks_nll(x)) {
        st = nll_cell(&cell, settings, work, err);
        if (st == WANE_OK) st = visit(context, &cell, probe_corpus(x), err);
    }
    if (st == WANE_OK && x->track.task_rows) {
        st = task_cell(&cell, settings, work, stage->tasks[0], err);
        if (st == WANE_OK) st = visit(context, &cell, stage->tasks[0], err);
    }
    if (st == WANE_OK && x->track.spectra) {
        st = spectra_cell(&cell, settings, work, err);
        if (st == WANE_OK) st = visit(context, &cell, 0, err);
    }
    return st;
}

static wane_status miss_all(wane_work *work, const wane_plan_stage *stage, bool *missed,
                            wane_error *err)
{
    missing m = {work, missed};
    return wane_track_visit(work, stage, miss, &m, err);
}

static wane_status tracker_resume(wane_tracker *tracker, size_t done, wane_error *err)
{
    const wane_experiment *x = tracker->work->experiment;
    const wane_parameters *table = &tracker->work->inputs->base->parameters;
    wane_error why;
    size_t step = 0;
    if (x->track.spectra && wane_file_exists(tracker->path)) {
        if (wane_traces_load(tracker->traces, table, &step, tracker->key, tracker->path, &why) ==
            WANE_OK)
            tracker->traced = step;
        else
            wane_log_line(tracker->work->options->log, WANE_LOG_WARNING, "%s: stage %zu: %s",
                          tracker->run->name, tracker->position, why.message);
    }
    if (done == 0) return WANE_OK;
    if (x->track.spectra && tracker->traced == SIZE_MAX) {
        /* Numbers that no look so far can have given. */
        for (size_t i = 0; i < table->count; i++)
            tracker->traces[i].issued = (int64_t)((done + 1) * x->track.top);
        wane_log_line(tracker->work->options->log, WANE_LOG_WARNING,
                      "%s: stage %zu: directions are followed from step %zu on: those of earlier "
                      "looks are not there",
                      tracker->run->name, tracker->position, done);
    }
    bool missed = false;
    wane_status st = miss_all(tracker->work, tracker->planned, &missed, err);
    if (st == WANE_OK && missed)
        wane_log_line(tracker->work->options->log, WANE_LOG_WARNING,
                      "%s: stage %zu: 'track' was asked for at step %zu: there are no looks before",
                      tracker->run->name, tracker->position, done);
    return st;
}

static wane_status tracker_save(wane_tracker *tracker, wane_error *err)
{
    if (tracker->traced == SIZE_MAX) return WANE_OK;
    return wane_traces_save(tracker->traces, &tracker->work->inputs->base->parameters,
                            tracker->traced, tracker->key, tracker->path, err);
}

static wane_status tracker_end(wane_tracker *tracker, wane_error *err)
{
    return tracker ? wane_remove(tracker->path, err) : WANE_OK;
}

static wane_status tracker_usage(wane_tracker *tracker, double *wall, double *cpu, wane_error *err)
{
    static const char *const phases[KINDS] = {"track_nll", "track_tasks", "track_spectra"};
    wane_status st = WANE_OK;
    *wall = *cpu = 0;
    for (int k = 0; tracker && k < KINDS && st == WANE_OK; k++) {
        if (tracker->wall[k] == 0) continue;
        wane_usage_row usage = wane_work_usage(phases[k], tracker->wall[k], tracker->cpu[k]);
        *wall += tracker->wall[k];
        *cpu += tracker->cpu[k];
        st = wane_results_add_usage(tracker->work->db, tracker->stage, &usage, err);
        if (st == WANE_OK) tracker->wall[k] = tracker->cpu[k] = 0;
    }
    return st;
}

/* ---------------------------------------------------------------------------------------- looks */

static wane_status look_at_nll(wane_tracker *t, wane_cell *cell, wane_error *err)
{
    wane_status st = WANE_OK;
    char settings[WANE_SHA256_HEX];
    bool there = false;
    wane_likelihood l = {0};
    wane_likelihood_row row;
    WANE_TRY(nll_cell(cell, settings, t->work, err));
    WANE_TRY(wane_cell_exists(t->work->db, &there, cell, err));
    if (there) goto done;
    WANE_TRY(wane_measure_likelihood(&l, t->chain->model, t->adapter, NULL, &t->probe,
                                     t->work->pool, err));
    wane_likelihood_columns(&row, &l, &t->probe, &t->work->inputs->corpora[t->corpus].rule);
    /* A window that is cut short holds an unknown part of its text. */
    row.words = row.bytes = row.unk_tokens = WANE_NULL;
    wane_cell_rows rows = {.likelihood = &row};
    WANE_TRY(wane_work_commit(t->work, cell, &rows, err));
done:
    wane_likelihood_free(&l);
    return st;
}

/* The position of the last stage before this one that trained the task; 0: none. */
static size_t trained_before(const wane_tracker *t, size_t task)
{
    size_t p = t->position - 1;
    while (p > 0 && !wane_plan_trains(t->work->plan, t->run, p, task)) p--;
    return p;
}

/* By the head in training, or by the one that an earlier stage has left. */
static wane_status score_linear(wane_accuracy *out, wane_tracker *t, size_t index,
                                const wane_prompts *sample, wane_error *err)
{
    const wane_input_task *task = &t->work->inputs->tasks[index];
    const float *weight = NULL;
    float *kept = NULL;
    wane_status st = WANE_OK;
    size_t group = wane_plan_group(t->work->plan, t->planned, index);
    if (group < t->planned->task_count) {
        weight = t->head->weight + t->head->starts[group] * t->work->inputs->base->config.width;
    } else {
        size_t p = trained_before(t, index);
        st = wane_load_head(&kept, t->work, &t->work->plan->stages[t->run->stages[p]], index, err);
        weight = kept;
    }
    if (st == WANE_OK)
        st = wane_measure_linear(out, t->chain->model, t->adapter, weight, &task->task,
                                 WANE_SPLIT_TEST, sample, t->work->pool, err);
    wane_free(kept);
    return st;
}

static wane_status look_at_task(wane_tracker *t, wane_cell cell, size_t index, wane_error *err)
{
    wane_status st = WANE_OK;
    char settings[WANE_SHA256_HEX];
    bool there = false;
    wane_accuracy a = {0};
    wane_cell_rows rows = {0};
    const wane_experiment *x = t->work->experiment;
    const wane_input_task *task = &t->work->inputs->tasks[index];
    WANE_TRY(task_cell(&cell, settings, t->work, index, err));
    WANE_TRY(wane_cell_exists(t->work->db, &there, &cell, err));
    if (there) goto done;
    wane_prompts sample = task->test; /* a shorter view */
    if (sample.rows > x->track.task_rows) sample.rows = x->track.task_rows;
    if (x->head == WANE_HEAD_REPROBE) {
        cell.reason = "no probe is fitted while a stage trains";
        st = wane_work_commit(t->work, &cell, &rows, err);
        goto done;
    }
    if (x->head == WANE_HEAD_LINEAR) WANE_TRY(score_linear(&a, t, index, &sample, err));
    else
        WANE_TRY(wane_measure_accuracy(&a, t->chain->model, t->adapter, NULL, &task->task,
                                       WANE_SPLIT_TEST, &sample, x->tasks[index].per_token,
                                       t->work->pool, err));
    wane_score_row scores[2] = {
        {"test", "accuracy", a.accuracy, a.stderr_, (int64_t)a.examples, a.reason},
        {"test", "loss", a.loss, NAN, (int64_t)a.examples, a.reason}};
    rows = (wane_cell_rows){.scores = scores, .score_count = 2};
    WANE_TRY(wane_work_commit(t->work, &cell, &rows, err));
done:
    wane_accuracy_free(&a);
    return st;
}

/* Every task trained so far, this stage's own among them; of a bound, what it trains. */
static wane_status look_at_tasks(wane_tracker *t, const wane_cell *cell, wane_error *err)
{
    bool bound = wane_plan_from_base(t->run);
    size_t count = bound ? t->planned->task_count : t->position;
    wane_status st = WANE_OK;
    for (size_t i = 0; i < count && st == WANE_OK; i++)
        st = look_at_task(t, *cell, bound ? t->planned->tasks[i] : t->run->order->tasks[i], err);
    return st;
}

/* What the tuned weight of a parameter is: low-rank terms, or itself. */
static wane_status make_case(wane_spectrum_case *out, wane_tracker *t, size_t parameter,
                             wane_error *err)
{
    wane_status st = wane_spectra_base(t->work, parameter, t->work->pool, err);
    if (st != WANE_OK) return st;
    *out = (wane_spectrum_case){
        .base = t->work->svd[parameter],
        .tuned = wane_model_matrix(t->merged ? t->merged : t->chain->model, parameter)};
    if (!t->adapter || t->merged) return WANE_OK;
    /* An adapter that is continued holds the whole change since the base. */
    bool whole = t->work->experiment->policy == WANE_POLICY_CONTINUE || t->chain->from_base;
    size_t before = whole ? 0 : t->position - 1;
    wane_terms terms = {0};
    bool lowrank = false;
    st = wane_terms_of(&terms, &lowrank, t->work, t->chain, before, parameter, 1, err);
    if (st != WANE_OK) return st;
    if (!lowrank) {
        wane_free(terms.term);
        return wane_fail(err, WANE_EINTERNAL, "track: %s: an adapter behind a dense stage",
                         t->run->name);
    }
    long at = t->adapter->of_parameter[parameter];
    if (at >= 0) {
        const wane_factor *f = &t->adapter->factor[at];
        terms.term[terms.count++] = (wane_lowrank_term){f->b, f->a, f->rank, f->scale};
    }
    out->terms = terms.term;
    out->count = terms.count;
    return WANE_OK;
}

/* Follows the directions of all matrices and stores them. */
static wane_status follow(wane_tracker *t, const wane_cell *cell, wane_spectrum_case *cases,
                          wane_error *err)
{
    const wane_experiment *x = t->work->experiment;
    const wane_parameters *table = &t->work->inputs->base->parameters;
    wane_spectra_rows rows = {0};
    wane_status st = WANE_OK;
    WANE_TRY(wane_spectra_rows_new(&rows, table, x->track.top, err));
    for (size_t i = 0, c = 0; i < table->count; i++) {
        const wane_parameter *p = &table->parameter[i];
        if (!p->linear) continue;
        wane_spectrum *s = &cases[c++].spectrum;
        WANE_TRY(wane_trace_follow(&t->traces[i], s, p->rows, p->cols, err));
        size_t first = rows.directions;
        wane_spectrum shown = *s;
        if (!x->intruders_u) shown.side[WANE_SIDE_U] = NULL;
        if (!x->intruders_v) shown.side[WANE_SIDE_V] = NULL;
        wane_spectra_rows_add(&rows, &shown, cases[c - 1].base, t->work->plan->matrix_ids[i]);
        for (size_t d = first; d < rows.directions; d++)
            rows.direction[d].identity = t->traces[i].identity[rows.direction[d].position - 1];
        wane_spectrum_row *row = &rows.spectrum[rows.spectra - 1];
        if ((!t->adapter || t->merged) && !row->reason) row->reason = "tracked";
    }
    st = wane_spectra_rows_commit(t->work, cell, &rows, err);
done:
    wane_spectra_rows_free(&rows);
    return st;
}

/* A training that is about to diverge: there is nothing to see, and no direction to follow. */
static wane_status not_finite(wane_tracker *t, wane_cell *cell, wane_error *err)
{
    const wane_parameters *table = &t->work->inputs->base->parameters;
    wane_cell_rows none = {0};
    cell->reason = WANE_NOT_FINITE;
    wane_status st = wane_work_commit(t->work, cell, &none, err);
    cell->reason = NULL;
    for (size_t i = 0; i < table->count; i++) {
        int64_t issued = t->traces[i].issued;
        wane_trace_free(&t->traces[i]);
        t->traces[i].issued = issued;
    }
    return st;
}

static wane_status look_at_spectra(wane_tracker *t, wane_cell *cell, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_parameters *table = &t->work->inputs->base->parameters;
    double epsilon[WANE_STORED_EPSILONS];
    const wane_spectrum_options options = {.top = t->work->experiment->track.top,
                                           .u = true,
                                           .v = true,
                                           .vectors = true,
                                           .scan = true,
                                           .epsilon = epsilon,
                                           .epsilons =
                                               wane_stored_epsilons(epsilon, t->work->experiment)};
    char settings[WANE_SHA256_HEX];
    bool there = false;
    size_t count = 0, step = (size_t)cell->step;
    wane_spectrum_case *cases = NULL;
    WANE_TRY(spectra_cell(cell, settings, t->work, err));
    WANE_TRY(wane_cell_exists(t->work->db, &there, cell, err));
    if (t->traced != SIZE_MAX && step <= t->traced) {
        if (there) goto done;
        forget_traces(t); /* of looks that this database does not have */
    }
    if (t->adapter && !t->planned->config->settings.method->lowrank)
        WANE_TRY(wane_trainer_merged(&t->merged, t->trainer, err));
    WANE_TRY(wane_spectra_bases(t->work, err));
    cases = wane_alloc(table->count, sizeof *cases);
    WANE_TRY(cases ? WANE_OK : wane_fail_memory(err, "track", t->run->name));
    for (size_t i = 0; i < table->count; i++)
        if (table->parameter[i].linear) WANE_TRY(make_case(&cases[count++], t, i, err));
    st = wane_spectrum_many(cases, count, &options, t->work->pool, err);
    if (st == WANE_ENUMERIC) {
        st = not_finite(t, cell, err);
        goto done;
    }
    WANE_TRY(st);
    /* A look that is there is repeated for its directions alone: the next ones follow them. */
    WANE_TRY(follow(t, cell, cases, err));
    t->traced = step;
done:
    for (size_t c = 0; cases && c < table->count; c++) {
        wane_free((void *)cases[c].terms);
        wane_spectrum_free(&cases[c].spectrum);
    }
    wane_free(cases);
    wane_model_free(t->merged);
    t->merged = NULL;
    return st;
}

static bool due(const wane_tracker *t, size_t done, size_t steps)
{
    return done == steps || done % t->work->experiment->track.every == 0;
}

static wane_status tracker_look(wane_tracker *tracker, size_t done, size_t steps, wane_error *err)
{
    if (!due(tracker, done, steps)) return WANE_OK;
    wane_tracker *t = tracker;
    const wane_experiment *x = t->work->experiment;
    wane_cell cell = {.stage = t->stage, .step = (int64_t)done};
    wane_status st = WANE_OK;
    for (int k = 0; k < KINDS && st == WANE_OK; k++) {
        double wall = wane_clock_wall(), cpu = wane_clock_cpu();
        if (k == KIND_NLL && tracks_nll(x)) st = look_at_nll(t, &cell, err);
        if (k == KIND_TASKS && x->track.task_rows) st = look_at_tasks(t, &cell, err);
        if (k == KIND_SPECTRA && x->track.spectra) st = look_at_spectra(t, &cell, err);
        t->wall[k] += wane_clock_wall() - wall;
        t->cpu[k] += wane_clock_cpu() - cpu;
    }
    return st;
}

const wane_watcher wane_tracker_watcher = {.begin = tracker_new,
                                           .resume = tracker_resume,
                                           .look = tracker_look,
                                           .save = tracker_save,
                                           .usage = tracker_usage,
                                           .end = tracker_end,
                                           .free = tracker_free};

wane_status wane_track_missed(wane_work *work, const wane_plan_run *run, wane_error *err)
{
    size_t count = 0;
    if (work->experiment->track.every == 0 || !run->kind->trained) return WANE_OK;
    for (size_t p = 1; p <= run->length; p++) {
        const wane_plan_stage *stage = &work->plan->stages[run->stages[p]];
        wane_stage_state state = {0};
        bool missed = false;
        wane_status st = wane_results_stage_state(work->db, &state, stage->id, err);
        if (st == WANE_OK && state.status == WANE_STAGE_DONE)
            st = miss_all(work, stage, &missed, err);
        if (st != WANE_OK) return st;
        count += missed;
    }
    if (count)
        wane_log_line(work->options->log, WANE_LOG_WARNING,
                      "%s: %zu stages were trained before 'track' was asked for: what they were "
                      "like on the way cannot be measured any more (another database trains them "
                      "again)",
                      run->name, count);
    return WANE_OK;
}
