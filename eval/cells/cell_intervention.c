/* SPDX-License-Identifier: Apache-2.0
 * An intervention cell: one choice of intruders, one lambda, one arm, on everything measured at the
 * stage. Changes are against the stage itself (lambda = 1), paired by document and by example; for
 * the arms that compare also against `intruders` on the same matrices.
 */
#include <math.h>
#include <stdio.h>

#include "eval/cells/cell_arms.h"
#include "eval/cells/cell_matrices.h"
#include "eval/measure/spectra_rows.h"
#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/results/query.h"

/* ------------------------------------------------------------------------------ which there are */

typedef struct which {
    wane_choice choice;
    wane_arm arm;
    double lambda;
} which;

/* Cells in the order choice, lambda, arm, so that `intruders` is measured before what is held
 * against it. */
static bool numbered(which *out, const wane_interventions *asked, size_t number)
{
    size_t arm = number % WANE_ARMS, lambda = number / WANE_ARMS % asked->lambda_count;
    size_t choice = number / WANE_ARMS / asked->lambda_count;
    *out = (which){(wane_choice)choice, (wane_arm)arm, asked->lambdas[lambda]};
    return asked->choice[choice] && asked->arm[arm];
}

/* The last stage is that of any run: runs that share it ask for the same cells. */
static bool at_position(const wane_plan *plan, const wane_plan_run *run, size_t position)
{
    const wane_interventions *asked = &plan->inputs->experiment->interventions;
    if (position == 0 || asked->lambda_count == 0 || run->config->bound) return false;
    if (asked->every_stage) return true;
    for (size_t i = 0; i < asked->position_count; i++)
        if (asked->positions[i] == position) return true;
    return asked->position_count == 0 && wane_plan_ends(plan, run->stages[position]);
}

static wane_status settings_sha256(char out[WANE_SHA256_HEX], const wane_experiment *x,
                                   wane_error *err)
{
    const wane_interventions *asked = &x->interventions;
    wane_text text = {0};
    char number[32];
    wane_text_printf(&text, "intervention 1 k %zu epsilon %s side %d stored %zu %s", asked->k,
                     wane_format_double(number, asked->epsilon), asked->side, x->intruders_top,
                     asked->together ? "together" : "pairs");
    for (size_t a = 0; asked->together && a < WANE_ARMS; a++)
        if (asked->arm[a]) wane_text_printf(&text, " %s", wane_arm_name((wane_arm)a));
    wane_status st = wane_text_check(&text, "intervention", x->name, err);
    if (st == WANE_OK) st = wane_sha256_bytes(out, text.data, text.length, err);
    wane_text_free(&text);
    return st;
}

/* Of everything that is measured on the changed weights. */
static wane_status data_sha256(char out[WANE_SHA256_HEX], const wane_plan *plan,
                               const wane_plan_run *run, size_t position, wane_error *err)
{
    const wane_inputs *in = plan->inputs;
    wane_sha256 *hash = NULL;
    wane_status st = wane_sha256_begin(&hash, err);
    if (st != WANE_OK) return st;
    for (size_t c = 0; c < in->experiment->corpus_count; c++) {
        wane_sha256_text(hash, in->corpora[c].key);
        wane_sha256_text(hash, in->corpora[c].settings);
        wane_sha256_text(hash, in->corpora[c].corpus.sha256);
    }
    for (size_t t = 0; t < in->experiment->task_count; t++) {
        if (!wane_task_measured(plan, run, position, t)) continue;
        wane_sha256_text(hash, in->tasks[t].key);
        wane_sha256_text(hash, in->tasks[t].settings);
        wane_sha256_text(hash, in->tasks[t].task.sha256[WANE_SPLIT_TEST]);
    }
    return wane_sha256_end(out, hash, err);
}

static wane_status visit(const wane_visiting *at, wane_error *err)
{
    const wane_experiment *x = at->plan->inputs->experiment;
    char settings[WANE_SHA256_HEX], data[WANE_SHA256_HEX], subject[64], number[32];
    char bounds[WANE_SHA256_HEX];
    if (!at_position(at->plan, at->run, at->position)) return WANE_OK;
    wane_status st = settings_sha256(settings, x, err);
    if (st == WANE_OK) st = data_sha256(data, at->plan, at->run, at->position, err);
    if (st == WANE_OK) st = wane_spectra_bounds(bounds, at->plan->inputs, WANE_ALL_MATRICES, err);
    size_t cells = WANE_CHOICES * WANE_ARMS * x->interventions.lambda_count;
    for (size_t i = 0; i < cells && st == WANE_OK; i++) {
        which w;
        if (!numbered(&w, &x->interventions, i)) continue;
        (void)snprintf(subject, sizeof subject, "%s/%s/%s", wane_choice_name(w.choice),
                       wane_arm_name(w.arm), wane_format_double(number, w.lambda));
        st = wane_visit_cosines(at, subject, settings, bounds, data, i, err);
    }
    return st;
}

/* Whether a direction among the top k of the interventions is one that max_cosine alone, the
 * earlier definition, may have called an intruder. */
static bool judged_anew(const wane_spectra_rows *rows, const wane_interventions *asked)
{
    for (size_t i = 0; i < rows->directions; i++) {
        const wane_direction_row *d = &rows->direction[i];
        bool among =
            d->position <= (int64_t)asked->k && (d->side == 'v') == (asked->side == WANE_SIDE_V);
        bool turned = d->max_cosine < asked->epsilon && d->cluster_overlap >= asked->epsilon;
        if (among && (turned || isnan(d->max_cosine))) return true;
    }
    return false;
}

static wane_status forget(wane_work *work, int64_t stage, const wane_spectra_rows *spectra,
                          wane_error *err)
{
    const wane_interventions *asked = &work->experiment->interventions;
    if (asked->lambda_count == 0 || !judged_anew(spectra, asked)) return WANE_OK;
    return wane_cells_drop_interventions(work->db, stage, err);
}

/* At lambda = 1 nothing is measured; a stage without intruders costs nothing. */
static void cost(wane_cost *sum, const wane_visiting *at, size_t number)
{
    const wane_inputs *in = at->plan->inputs;
    which w;
    if (!numbered(&w, &in->experiment->interventions, number) || w.lambda == 1) return;
    sum->cells++;
    for (size_t c = 0; c < in->experiment->corpus_count; c++)
        sum->flops += wane_flops_of_corpus(in, c);
    for (size_t t = 0; t < in->experiment->task_count; t++)
        if (wane_task_measured(at->plan, at->run, at->position, t))
            sum->flops += wane_flops_of_task(in, t);
}

/* ------------------------------------------------------------------------------------- its rows */

/* One cell at work. `none`: why there is nothing to tell, or NULL. */
typedef struct filling {
    wane_work *work;
    const wane_plan_run *run;
    size_t position, matrices;
    which which;
    const char *none;
    const wane_evaluation *own, *one, *intruders; /* intruders: NULL for that arm itself */
    wane_intervention_row *row;
    size_t rows;
} filling;

static void add(filling *f, const char *measure, const char *target, double value, double stderr_,
                const char *reason)
{
    if (f->none) reason = f->none;
    bool there = !reason && isfinite(value);
    f->row[f->rows++] = (wane_intervention_row){.choice = wane_choice_name(f->which.choice),
                                                .arm = wane_arm_name(f->which.arm),
                                                .lambda = f->which.lambda,
                                                .measure = measure,
                                                .target = target,
                                                .value = there ? value : NAN,
                                                .stderr_ = there ? stderr_ : NAN,
                                                .matrices = (int64_t)f->matrices,
                                                .reason = there    ? NULL
                                                          : reason ? reason
                                                                   : "not_finite"};
}

/* nll of `a` minus that of `b` on one corpus, with its error over documents; 0 and 0 for the same.
 */
static wane_status nll_change(double *change, double *stderr_, const filling *f,
                              const wane_evaluation *a, const wane_evaluation *b, size_t corpus,
                              wane_error *err)
{
    *change = *stderr_ = 0;
    if (a == b) return WANE_OK;
    const wane_likelihood *after = &a->likelihood[corpus], *before = &b->likelihood[corpus];
    double *sums = wane_alloc(before->windows, sizeof *sums);
    if (!sums) return wane_fail_memory(err, "intervention", "windows");
    for (size_t i = 0; i < before->windows; i++) sums[i] = before->window[i].nll;
    wane_status st = wane_likelihood_paired(stderr_, after, sums,
                                            &f->work->inputs->corpora[corpus].windows, err);
    *change = after->nll - before->nll;
    wane_free(sums);
    return st;
}

/* nll_1 - nll_0 of the stage and its paired error. */
static wane_status forgotten(double *change, double *stderr_, const filling *f, size_t corpus,
                             wane_error *err)
{
    static const char sql[] =
        "SELECT a.nll - b.nll, a.change_stderr FROM likelihood a JOIN likelihood b "
        "ON b.step = -1 AND b.corpus = a.corpus WHERE a.step = -1 AND a.stage = ?1 AND "
        "b.stage = ?2 AND a.corpus = ?3";
    const wane_plan *plan = f->work->plan;
    const int64_t id[3] = {f->work->intervening->stage, plan->stages[0].id,
                           plan->corpus_ids[corpus]};
    wane_binding ids[3];
    wane_query *query = NULL;
    for (size_t i = 0; i < 3; i++)
        ids[i] = (wane_binding){NULL, {.type = WANE_VALUE_INTEGER, .integer = id[i]}};
    wane_status st = wane_query_open(&query, f->work->db, sql, ids, 3, err);
    if (st == WANE_OK) st = wane_query_next(query, err);
    if (st == WANE_OK) {
        *change = wane_query_double(query, 0);
        *stderr_ = wane_query_double(query, 1);
    }
    wane_query_free(query);
    if (st == WANE_DONE)
        st = wane_fail(err, WANE_EINTERNAL, "intervention: %s: the stage's likelihood is missing",
                       f->work->experiment->corpora[corpus].spec.name);
    return st;
}

static wane_status add_corpus(filling *f, size_t c, wane_error *err)
{
    const char *name = f->work->experiment->corpora[c].spec.name;
    double change = NAN, error = NAN, all = NAN, all_error = NAN;
    wane_status st = WANE_OK;
    if (!f->none) {
        WANE_TRY(nll_change(&change, &error, f, f->own, f->one, c, err));
        WANE_TRY(forgotten(&all, &all_error, f, c, err));
    }
    add(f, "nll", name, f->none ? NAN : f->own->likelihood[c].nll, NAN, NULL);
    add(f, "nll_change", name, change, error, NULL);
    add(f, "forgetting_change_pct", name, 100 * change / all, 100 * error / fabs(all),
        all > 2 * all_error || !isfinite(all) ? NULL : "denominator_small");
    if (f->which.arm == WANE_ARM_INTRUDERS) goto done;
    if (!f->none) WANE_TRY(nll_change(&change, &error, f, f->own, f->intruders, c, err));
    add(f, "nll_minus_intruders", name, change, error, NULL);
done:
    return st;
}

/* Accuracy of `a` minus that of `b`, in points, with the error of the paired difference. */
static void accuracy_change(double *points, double *stderr_, const wane_evaluation *a,
                            const wane_evaluation *b, size_t task)
{
    const wane_accuracy *after = &a->accuracy[task], *before = &b->accuracy[task];
    double n = (double)after->examples, sum = 0, squares = 0;
    for (size_t i = 0; i < after->examples; i++) {
        const wane_example_score *x = &after->example[i], *y = &before->example[i];
        double d = (x->predicted == x->label) - (y->predicted == y->label);
        sum += d;
        squares += d * d;
    }
    *points = 100 * sum / n;
    *stderr_ = n > 1 ? 100 * sqrt((squares - sum * sum / n) / (n - 1) / n) : NAN;
}

/* Sums over tasks; examples of different tasks are different rows, so errors add in squares. */
typedef struct mean {
    double value, one, change, square, contrast, contrast_square, count;
    bool not_finite; /* one is not finite, and so is the mean */
} mean;

static void add_mean(filling *f, const char *const names[4], const char *target, const mean *m)
{
    const char *empty = m->not_finite ? WANE_NOT_FINITE : m->count > 0 ? NULL : "no_score";
    double n = m->count, change = m->change / n, error = sqrt(m->square) / n;
    add(f, names[0], target, m->value / n, NAN, empty);
    add(f, names[1], target, change, error, empty);
    add(f, names[2], target, n * change / m->one, n * error / m->one,
        empty           ? empty
        : !(m->one > 0) ? "zero_accuracy"
                        : NULL);
    if (f->which.arm != WANE_ARM_INTRUDERS)
        add(f, names[3], target, m->contrast / n, sqrt(m->contrast_square) / n, empty);
}

static mean of_task(const filling *f, size_t t)
{
    mean m = {.count = 1};
    double error = NAN;
    if (f->none) return m;
    m.not_finite = f->own->accuracy[t].reason || f->one->accuracy[t].reason ||
                   (f->intruders && f->intruders->accuracy[t].reason);
    if (m.not_finite) return m;
    if (!f->own->accuracy[t].examples || !f->one->accuracy[t].examples ||
        (f->intruders && !f->intruders->accuracy[t].examples))
        return (mean){0};
    m.value = f->own->accuracy[t].accuracy;
    m.one = f->one->accuracy[t].accuracy;
    accuracy_change(&m.change, &error, f->own, f->one, t);
    m.square = error * error;
    if (!f->intruders) return m;
    accuracy_change(&m.contrast, &error, f->own, f->intruders, t);
    m.contrast_square = error * error;
    return m;
}

static void add_up(mean *sum, const mean *m)
{
    sum->value += m->value;
    sum->one += m->one;
    sum->change += m->change;
    sum->square += m->square;
    sum->contrast += m->contrast;
    sum->contrast_square += m->contrast_square;
    sum->count += m->count;
    sum->not_finite = sum->not_finite || m->not_finite;
}

/* Every task; the one just trained; the mean of those trained so far. */
static void add_tasks(filling *f)
{
    static const char *const each[] = {"accuracy", "accuracy_change", "accuracy_change_pct",
                                       "accuracy_minus_intruders"};
    static const char *const last[] = {"latest_accuracy", "latest_accuracy_change",
                                       "latest_accuracy_change_pct",
                                       "latest_accuracy_minus_intruders"};
    static const char *const all[] = {"seen_accuracy", "seen_accuracy_change",
                                      "seen_accuracy_change_pct", "seen_accuracy_minus_intruders"};
    const wane_experiment *x = f->work->experiment;
    const wane_plan *plan = f->work->plan;
    mean seen = {0};
    for (size_t t = 0; t < x->task_count; t++)
        if (wane_task_measured(plan, f->run, f->position, t)) {
            mean m = of_task(f, t);
            bool trained = false;
            add_mean(f, each, x->tasks[t].spec.name, &m);
            for (size_t p = 1; p <= f->position; p++)
                trained |= wane_plan_trains(plan, f->run, p, t);
            if (trained) add_up(&seen, &m);
        }
    mean latest = of_task(f, wane_plan_task(f->run, f->position));
    add_mean(f, last, "", &latest);
    add_mean(f, all, "", &seen);
}

/* Over all linear matrices, changed or not. */
static void add_norms(filling *f, const bool *set, size_t with)
{
    double delta = 0, moved = 0;
    size_t intruders = 0;
    for (size_t i = 0; i < f->work->inputs->base->parameters.count; i++) {
        const wane_scaling *s = f->work->intervening->scaling[i];
        if (!s) continue;
        double d = wane_scaling_delta(s);
        if (set[i]) {
            wane_intervention what =
                wane_intervene(s, f->which.choice, f->which.arm, f->which.lambda);
            d = what.delta_frobenius;
            moved += what.moved_frobenius * what.moved_frobenius;
            intruders += wane_scaling_intruders(s, f->which.choice);
        }
        delta += d * d;
    }
    add(f, "delta_frobenius", "", sqrt(delta), NAN, NULL);
    add(f, "moved_frobenius", "", sqrt(moved), NAN, NULL);
    add(f, "intruders_scaled", "", (double)intruders, NAN, NULL);
    if (f->work->intervening->finite) f->none = NULL;
    add(f, "matrices_with_intruders", "", (double)with, NAN, NULL);
}

static wane_status measure(filling *f, const bool *set, const wane_chain *chain, wane_error *err)
{
    wane_status st = WANE_OK;
    const which *w = &f->which;
    f->one = &f->work->intervening->unchanged;
    if (f->none) return WANE_OK;
    if (w->arm != WANE_ARM_INTRUDERS)
        st = wane_intervening_measure(&f->intruders, f->work, f->run, f->position, chain, set,
                                      w->choice, WANE_ARM_INTRUDERS, w->lambda, err);
    if (st == WANE_OK)
        st = wane_intervening_measure(&f->own, f->work, f->run, f->position, chain, set, w->choice,
                                      w->arm, w->lambda, err);
    return st;
}

static wane_status fill(const wane_measuring *at, const wane_cell *cell, size_t number,
                        wane_error *err)
{
    wane_status st = WANE_OK;
    wane_work *work = at->work;
    const wane_experiment *x = work->experiment;
    filling f = {.work = work, .run = at->run, .position = at->position};
    size_t with = 0, most = 4 * (x->corpus_count + x->task_count + 2) + 4;
    const char *why = NULL;
    bool *set = wane_alloc(work->inputs->base->parameters.count, sizeof *set);
    f.row = wane_alloc(most, sizeof *f.row);
    WANE_TRY(set && f.row ? WANE_OK : wane_fail_memory(err, "intervention", at->run->name));
    (void)numbered(&f.which, &x->interventions, number);
    WANE_TRY(wane_intervening_begin(work, at->run, at->position, at->chain, err));
    wane_intervening_set(set, &f.matrices, &with, &why, work, f.which.choice, f.which.arm,
                         f.which.lambda);
    if (!work->intervening->finite) f.none = WANE_NOT_FINITE;
    else if (f.matrices == 0) f.none = why;
    WANE_TRY(measure(&f, set, at->chain, err));
    for (size_t c = 0; c < x->corpus_count; c++) WANE_TRY(add_corpus(&f, c, err));
    add_tasks(&f);
    add_norms(&f, set, with);
    wane_cell_rows rows = {.interventions = f.row, .intervention_count = f.rows};
    WANE_TRY(wane_work_commit(work, cell, &rows, err));
done:
    wane_free(set);
    wane_free(f.row);
    return st;
}

const wane_measure wane_intervention_measure = {.name = WANE_CELL_INTERVENTION,
                                                .visit = visit,
                                                .fill = fill,
                                                .forget = forget,
                                                .free = wane_intervening_free,
                                                .cost = cost,
                                                .apart = "interventions",
                                                .apart_unit = "measurements",
                                                .apart_note =
                                                    "; none for a stage without intruders",
                                                .apart_most = true};
