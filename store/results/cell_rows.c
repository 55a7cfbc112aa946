/* SPDX-License-Identifier: Apache-2.0
 * Cells: one measurement of one stage, committed whole.
 */
#include <string.h>

#include "store/results/database.h"

/* One commit in work: `subject` is the id of the cell's task or corpus, 0 for other subjects. */
typedef struct work {
    wane_results *db;
    const wane_cell *cell;
    const wane_cell_rows *rows;
    int64_t subject;
    wane_error *err;
} work;

wane_status wane_cell_exists(wane_results *db, bool *out, const wane_cell *cell, wane_error *err)
{
    static const char sql[] = "SELECT settings_sha256 = ? AND data_sha256 = ? FROM cell "
                              "WHERE stage = ? AND step = ? AND measure = ? AND subject = ?";
    int64_t same = 0;
    wane_status st =
        wane_results_get(db, &same, 1, err, sql, "ttritt", cell->settings_sha256, cell->data_sha256,
                         cell->stage, cell->step, cell->measure, cell->subject);
    if (st != WANE_OK && st != WANE_DONE) return st;
    *out = st == WANE_OK && same == 1;
    return WANE_OK;
}

/* Rows of a kind that the measure has not would belong to no cell. */
static wane_status check_rows(const work *w)
{
    const wane_cell_rows *r = w->rows;
    const char *own = w->cell->measure;
    const struct {
        const char *measure;
        size_t heads, count; /* windows or examples alone say nothing */
    } kinds[] = {
        {WANE_CELL_SCORE, r->score_count, r->score_count + r->example_count},
        {WANE_CELL_LIKELIHOOD, r->likelihood != NULL, (r->likelihood != NULL) + r->window_count},
        {WANE_CELL_SPECTRUM, r->spectrum_count, r->spectrum_count + r->direction_count},
        {WANE_CELL_INTERVENTION, r->intervention_count, r->intervention_count},
        {WANE_CELL_SAMPLE, r->sample_count, r->sample_count},
        {WANE_CELL_CHANGE, r->change_count, r->change_count},
        {WANE_CELL_OVERLAP, r->overlap_count, r->overlap_count},
        {WANE_CELL_NULL, r->null_draw_count, r->null_draw_count}};
    const char *foreign = NULL;
    size_t heads = r->measured_count;
    bool tables = false; /* of its own */
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        bool of_own = strcmp(own, kinds[i].measure) == 0;
        tables = tables || of_own;
        if (of_own) heads = kinds[i].heads;
        else if (kinds[i].count > 0 && !foreign) foreign = kinds[i].measure;
    }
    if (tables && r->measured_count > 0 && !foreign) foreign = "measured";
    if (foreign)
        return wane_fail(w->err, WANE_EINVAL, "write: %s: rows of '%s' in a cell of '%s'",
                         w->db->path, foreign, own);
    if (heads == 0 && !w->cell->reason)
        return wane_fail(w->err, WANE_EINVAL,
                         "write: %s: a cell of '%s' without rows needs a reason", w->db->path, own);
    return WANE_OK;
}

/* The measures whose subject is the key of a task or corpus. */
static wane_status find_subject(work *w)
{
    static const struct {
        const char *measure;
        wane_results_table table;
    } keyed[] = {{WANE_CELL_SCORE, WANE_TABLE_TASK},
                 {WANE_CELL_SAMPLE, WANE_TABLE_TASK},
                 {WANE_CELL_CHANGE, WANE_TABLE_TASK},
                 {WANE_CELL_LIKELIHOOD, WANE_TABLE_CORPUS}};
    for (size_t i = 0; i < sizeof keyed / sizeof *keyed; i++)
        if (strcmp(w->cell->measure, keyed[i].measure) == 0)
            return wane_results_find(w->db, &w->subject, keyed[i].table, w->cell->subject, w->err);
    return WANE_OK;
}

static wane_status remove_older(const work *w)
{
    const wane_cell *c = w->cell;
    wane_status st =
        wane_cell_remove_rows(w->db, c->stage, c->step, c->measure, c->subject, w->err);
    if (st != WANE_OK) return st;
    return wane_results_run(w->db, w->err,
                            "DELETE FROM cell WHERE stage = ? AND step = ? AND measure = ? "
                            "AND subject = ?",
                            "ritt", c->stage, c->step, c->measure, c->subject);
}

static wane_status write_scores(const work *w)
{
    const wane_cell *c = w->cell;
    wane_status st = WANE_OK;
    for (size_t i = 0; st == WANE_OK && i < w->rows->score_count; i++) {
        const wane_score_row *s = &w->rows->scores[i];
        st = wane_results_run(w->db, w->err,
                              "INSERT INTO score (stage, step, metric, split, task, value, stderr, "
                              "n, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              "rittrddit", c->stage, c->step, s->metric, s->split, w->subject,
                              s->value, s->stderr_, s->n, s->reason);
    }
    for (size_t i = 0; st == WANE_OK && i < w->rows->example_count; i++) {
        const wane_example_row *e = &w->rows->examples[i];
        st = wane_results_run(w->db, w->err,
                              "INSERT INTO example (stage, step, task, split, \"row\", label, "
                              "predicted, margin, loss) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              "rirtiiidd", c->stage, c->step, w->subject, e->split, e->row,
                              e->label, e->predicted, e->margin, e->loss);
    }
    return st;
}

static wane_status write_likelihood(const work *w)
{
    const wane_cell *c = w->cell;
    const wane_likelihood_row *l = w->rows->likelihood;
    wane_status st = WANE_OK;
    if (l)
        st = wane_results_run(
            w->db, w->err,
            "INSERT INTO likelihood (stage, step, corpus, nll, stderr, change_stderr, "
            "token_perplexity, word_perplexity, byte_perplexity, bits_per_byte, kl_to_base, "
            "soft_ce, tokens, words, bytes, unk_tokens, \"window\", stride, bos, out_of_reach, "
            "reason) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            "rirdddddddddiiiiiitbt", c->stage, c->step, w->subject, l->nll, l->stderr_,
            l->change_stderr, l->token_perplexity, l->word_perplexity, l->byte_perplexity,
            l->bits_per_byte, l->kl_to_base, l->soft_ce, l->tokens, l->words, l->bytes,
            l->unk_tokens, l->window, l->stride, l->bos, l->out_of_reach, l->reason);
    for (size_t i = 0; st == WANE_OK && i < w->rows->window_count; i++) {
        const wane_window_row *v = &w->rows->windows[i];
        st = wane_results_run(w->db, w->err,
                              "INSERT INTO \"window\" (stage, step, corpus, document, position, "
                              "nll, kl, soft_ce, tokens) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              "ririidddi", c->stage, c->step, w->subject, v->document, v->position,
                              v->nll, v->kl, v->soft_ce, v->tokens);
    }
    return st;
}

static const char insert_total[] = {
#include "insert_total.inc"
};

static wane_status write_directions(const work *w)
{
    const wane_cell *c = w->cell;
    wane_status st = WANE_OK;
    for (size_t i = 0; st == WANE_OK && i < w->rows->direction_count; i++) {
        const wane_direction_row *d = &w->rows->directions[i];
        const char side[2] = {d->side, 0};
        double high = d->bounded ? d->high : d->max_cosine;
        int64_t steps = d->bounded ? d->steps : WANE_NULL;
        st = wane_results_run(
            w->db, w->err,
            "INSERT INTO direction (stage, step, against, side, position, matrix, "
            "sigma, max_cosine, span, subspace_overlap, argmax, identity, cluster_overlap, reason, "
            "max_cosine_low, max_cosine_high, steps) "
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?8, ?15, ?16)",
            "rittirddddirdtdi", c->stage, c->step, c->subject, side, d->position, d->matrix,
            d->sigma, d->max_cosine, d->span, d->subspace_overlap, d->argmax, d->identity,
            d->cluster_overlap, d->reason, high, steps);
    }
    return st;
}

static wane_status write_spectra(const work *w)
{
    const wane_cell *c = w->cell;
    wane_status st = WANE_OK;
    for (size_t i = 0; st == WANE_OK && i < w->rows->spectrum_count; i++) {
        const wane_spectrum_row *s = &w->rows->spectra[i];
        const wane_spectrum_side_row *u = &s->side[0], *v = &s->side[1];
        bool asked_u = u->intruders != WANE_NULL, asked_v = v->intruders != WANE_NULL;
        st = wane_results_run(
            w->db, w->err,
            "INSERT INTO spectrum (stage, step, against, matrix, base_count, intruders_u, "
            "intruders_v, energy_u, energy_v, top_energy, base_frobenius, "
            "base_spectral, delta_frobenius, delta_spectral, relative_update, effective_rank, "
            "stable_rank, top_share, rho_10, rounding_floor, reason, changed, \"floor\", "
            "existing_u, "
            "existing_v, unresolved_u, unresolved_v) VALUES (?, ?, ?, ?, ?, ?, ?, "
            "iif(?, ?, NULL), iif(?, ?, NULL), ?, ?, ?, ?, ?, ?, "
            "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            "ritriiibdbddddddddddddtbdiiii", c->stage, c->step, c->subject, s->matrix,
            s->base_count, u->intruders, v->intruders, asked_u, u->energy, asked_v, v->energy,
            s->top_energy, s->base_frobenius, s->base_spectral, s->delta_frobenius,
            s->delta_spectral, s->relative_update, s->effective_rank, s->stable_rank, s->top_share,
            s->rho_10, s->rounding_floor, s->reason, s->changed, s->floor,
            asked_u ? u->existing : WANE_NULL, asked_v ? v->existing : WANE_NULL,
            asked_u ? u->unresolved : WANE_NULL, asked_v ? v->unresolved : WANE_NULL);
    }
    if (st == WANE_OK) st = write_directions(w);
    if (st == WANE_OK && w->rows->spectrum_count > 0)
        st = wane_results_run(w->db, w->err, insert_total, "rit", c->stage, c->step, c->subject);
    return st;
}

static wane_status write_others(const work *w)
{
    const wane_cell *c = w->cell;
    wane_status st = WANE_OK;
    for (size_t i = 0; st == WANE_OK && i < w->rows->intervention_count; i++) {
        const wane_intervention_row *n = &w->rows->interventions[i];
        st = wane_results_run(w->db, w->err,
                              "INSERT INTO intervention (stage, step, choice, arm, lambda, "
                              "measure, target, value, stderr, matrices, reason) "
                              "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              "rittdttddit", c->stage, c->step, n->choice, n->arm, n->lambda,
                              n->measure, n->target, n->value, n->stderr_, n->matrices, n->reason);
    }
    for (size_t i = 0; st == WANE_OK && i < w->rows->sample_count; i++) {
        const wane_sample_row *s = &w->rows->samples[i];
        st = wane_results_run(w->db, w->err,
                              "INSERT INTO sample (stage, step, task, \"row\", prompt, response, "
                              "reward) VALUES (?, ?, ?, ?, ?, ?, ?)",
                              "ririttd", c->stage, c->step, w->subject, s->row, s->prompt,
                              s->response, s->reward);
    }
    return st;
}

static wane_status write_changes(const work *w)
{
    const wane_cell *c = w->cell;
    wane_status st = WANE_OK;
    for (size_t i = 0; st == WANE_OK && i < w->rows->change_count; i++) {
        const wane_change_row *n = &w->rows->changes[i];
        st = wane_results_run(w->db, w->err,
                              "INSERT INTO change (stage, step, matrix, task, f_delta, tokens, "
                              "directions, angle_u, angle_v, reason) "
                              "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              "rirrdiiddt", c->stage, c->step, n->matrix, w->subject, n->f_delta,
                              n->tokens, n->directions, n->angle_u, n->angle_v, n->reason);
    }
    for (size_t i = 0; st == WANE_OK && i < w->rows->overlap_count; i++) {
        const wane_overlap_row *o = &w->rows->overlaps[i];
        const char side[2] = {o->side, 0};
        st = wane_results_run(w->db, w->err,
                              "INSERT INTO overlap (stage, step, matrix, side, i, j, value) "
                              "VALUES (?, ?, ?, ?, ?, ?, ?)",
                              "rirtiid", c->stage, c->step, o->matrix, side, o->i, o->j, o->value);
    }
    return st;
}

static wane_status write_numbers(const work *w)
{
    const wane_cell *c = w->cell;
    wane_status st = WANE_OK;
    for (size_t i = 0; st == WANE_OK && i < w->rows->null_draw_count; i++) {
        const wane_null_draw_row *n = &w->rows->null_draws[i];
        const char side[2] = {n->side, 0};
        st = wane_results_run(w->db, w->err,
                              "INSERT INTO null_draw (stage, step, kind, side, draw, intruders, "
                              "unresolved, existing, below) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              "rittiiiit", c->stage, c->step, c->subject, side, n->draw,
                              n->intruders, n->unresolved, n->existing, n->below);
    }
    for (size_t i = 0; st == WANE_OK && i < w->rows->measured_count; i++) {
        const wane_measured_row *m = &w->rows->measured[i];
        st = wane_results_run(w->db, w->err,
                              "INSERT INTO measured (stage, step, measure, subject, matrix, name, "
                              "value, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                              "rittttdt", c->stage, c->step, c->measure, c->subject, m->matrix,
                              m->name, m->value, m->reason);
    }
    return st;
}

/* The cell itself, over rows that are there. */
static wane_status write_cell(const work *w)
{
    const wane_cell *c = w->cell;
    wane_rows_hash hash;
    wane_status st =
        wane_cell_hash(w->db, &hash, c->stage, c->step, c->measure, c->subject, w->err);
    if (st == WANE_OK)
        st = wane_results_run(w->db, w->err,
                              "INSERT INTO cell (stage, step, measure, subject, settings_sha256, "
                              "data_sha256, reason, mixed, \"rows\", rows_sha256) "
                              "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              "ritttttbit", c->stage, c->step, c->measure, c->subject,
                              c->settings_sha256, c->data_sha256, c->reason, c->mixed, hash.rows,
                              hash.sha256);
    return st == WANE_OK ? wane_part_seal(w->db, WANE_PART_CELL, c->stage, w->err) : st;
}

wane_status wane_cell_commit(wane_results *db, const wane_cell *cell, const wane_cell_rows *rows,
                             wane_error *err)
{
    work w = {.db = db, .cell = cell, .rows = rows, .err = err};
    bool own = false, there = false;
    wane_status st = check_rows(&w);
    if (st == WANE_OK) st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    WANE_TRY(wane_cell_exists(db, &there, cell, err));
    if (there) goto done;
    WANE_TRY(find_subject(&w));
    WANE_TRY(remove_older(&w));
    WANE_TRY(write_scores(&w));
    WANE_TRY(write_likelihood(&w));
    WANE_TRY(write_spectra(&w));
    WANE_TRY(write_others(&w));
    WANE_TRY(write_changes(&w));
    WANE_TRY(write_numbers(&w));
    WANE_TRY(write_cell(&w));
done:
    return wane_results_leave(db, own, st, err);
}

wane_status wane_cell_extend(wane_results *db, const wane_cell *cell, const wane_cell_rows *rows,
                             wane_error *err)
{
    work w = {.db = db, .cell = cell, .rows = rows, .err = err};
    bool own = false;
    if (strcmp(cell->measure, WANE_CELL_SPECTRUM) != 0)
        return wane_fail(err, WANE_EINVAL, "write: %s: a cell of '%s' is written whole", db->path,
                         cell->measure);
    wane_status st = check_rows(&w);
    if (st == WANE_OK) st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    WANE_TRY(wane_results_run(db, err,
                              "DELETE FROM cell WHERE stage = ? AND step = ? AND measure = ? "
                              "AND subject = ?",
                              "ritt", cell->stage, cell->step, cell->measure, cell->subject));
    if (sqlite3_changes(db->sql) != 1)
        WANE_TRY(wane_fail(err, WANE_ENOTFOUND, "write: %s: no cell of '%s' to extend", db->path,
                           cell->measure));
    WANE_TRY(wane_results_run(db, err,
                              "DELETE FROM spectrum_total WHERE stage = ? AND step = ? AND "
                              "against = ?",
                              "rit", cell->stage, cell->step, cell->subject));
    WANE_TRY(write_spectra(&w));
    WANE_TRY(write_cell(&w));
done:
    return wane_results_leave(db, own, st, err);
}

wane_status wane_cells_drop_interventions(wane_results *db, int64_t stage, wane_error *err)
{
    bool own = false;
    wane_status st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    WANE_TRY(wane_results_run(db, err, "DELETE FROM intervention WHERE stage = ? AND step = ?",
                              "ri", stage, (int64_t)WANE_STEP_SEALED));
    WANE_TRY(wane_results_run(db, err,
                              "DELETE FROM cell WHERE stage = ? AND step = ? AND measure = ?",
                              "rit", stage, (int64_t)WANE_STEP_SEALED, WANE_CELL_INTERVENTION));
    WANE_TRY(wane_part_reseal(db, WANE_PART_CELL, stage, err));
done:
    return wane_results_leave(db, own, st, err);
}
