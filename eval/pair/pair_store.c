/* SPDX-License-Identifier: Apache-2.0
 * A comparison as rows of a database.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/compute/environment.h"
#include "eval/measure/spectra_rows.h"
#include "eval/pair/given.h"
#include "eval/pair/pair_page.h"
#include "store/results/results.h"

typedef struct storing {
    wane_results *db;
    const wane_comparison *pair;
    const wane_pair_spectra *all;
    const wane_pair_question *question;
    size_t threads;
    char base[WANE_SHA256_HEX], tuned[WANE_SHA256_HEX], run_key[WANE_SHA256_HEX];
    char settings[WANE_SHA256_HEX];
    int64_t model, experiment, stage[2], run;
    int64_t *matrix; /* ids, in the order of all->matrix; owned */
    wane_error *err;
} storing;

/* The last part of a path. */
static const char *last_part(const char *path, size_t *length)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/') start--;
    *length = end - start;
    return path + start;
}

/* sha256 of a list of texts. */
static wane_status key_of(char out[WANE_SHA256_HEX], const char *const *texts, size_t count,
                          wane_error *err)
{
    wane_sha256 *hash = NULL;
    wane_status st = wane_sha256_begin(&hash, err);
    if (st != WANE_OK) return st;
    for (size_t i = 0; i < count; i++) wane_sha256_text(hash, texts[i]);
    return wane_sha256_end(out, hash, err);
}

static wane_status make_keys(storing *s)
{
    wane_status st = WANE_OK;
    char base[WANE_SHA256_HEX], tuned[WANE_SHA256_HEX], asked[120];
    wane_sha256 *hash = NULL;
    const wane_comparison *p = s->pair;
    WANE_TRY(wane_given_sha256(base, p->base.path, s->err));
    WANE_TRY(wane_given_sha256(tuned, p->tuned.path, s->err));
    (void)snprintf(asked, sizeof asked, "conv1d %d %d", p->base.conv1d, p->tuned.conv1d);
    WANE_TRY(key_of(s->base, (const char *[]){"wane compared", base, asked}, 3, s->err));
    WANE_TRY(key_of(s->tuned, (const char *[]){s->base, "given", tuned}, 3, s->err));
    WANE_TRY(key_of(s->run_key, (const char *[]){s->tuned, "run", p->tuned.path}, 3, s->err));
    WANE_TRY(wane_sha256_begin(&hash, s->err));
    (void)snprintf(asked, sizeof asked, "%s top %zu u 1 v 1 against base", WANE_SPECTRUM_DEFINITION,
                   s->question->top);
    wane_sha256_text(hash, asked);
    for (size_t i = 0; i < s->all->count; i++) {
        wane_sha256_text(hash, p->list[s->all->matrix[i].index].name);
        if (s->all->matrix[i].spectrum.bounded) wane_sha256_text(hash, WANE_BOUNDED);
    }
    WANE_TRY(wane_sha256_end(s->settings, hash, s->err));
done:
    return st;
}

static wane_status put_model(storing *s)
{
    const wane_comparison *p = s->pair;
    size_t length = 0, numbers = 0;
    const char *last = last_part(p->base.path, &length);
    char name[200];
    (void)snprintf(name, sizeof name, "%.*s", (int)(length < 199 ? length : 199), last);
    for (size_t i = 0; i < p->count; i++) numbers += p->list[i].base->elements;
    wane_model_row row = {.key = s->base,
                          .name = name,
                          .path = p->base.path,
                          .architecture = p->base.model_type[0] ? p->base.model_type : "unknown",
                          .parameters = (int64_t)numbers,
                          .vocabulary = WANE_NULL,
                          .context = WANE_NULL,
                          .layers = WANE_NULL,
                          .width = WANE_NULL};
    wane_status st = wane_results_put_model(s->db, &s->model, &row, s->err);
    for (size_t i = 0; i < s->all->count && st == WANE_OK; i++) {
        const wane_compared *one = &p->list[s->all->matrix[i].index];
        wane_matrix_row matrix = {.model = s->model,
                                  .position = (int64_t)s->all->matrix[i].index,
                                  .name = one->name,
                                  .module = one->module,
                                  .layer = one->layer < 0 ? WANE_NULL : one->layer,
                                  .rows = (int64_t)one->rows,
                                  .cols = (int64_t)one->cols};
        st = wane_results_put_matrix(s->db, &s->matrix[i], &matrix, s->err);
    }
    if (st != WANE_OK) return st;
    char experiment[240], source[1200];
    (void)snprintf(experiment, sizeof experiment, "%s@%.8s", name, s->base);
    (void)snprintf(source, sizeof source, "# checkpoints compared with %.1000s\n", p->base.path);
    wane_experiment_row x = {.name = experiment, .source = source, .model = s->model};
    return wane_results_put_experiment(s->db, &s->experiment, &x, s->err);
}

static wane_status put_run(storing *s)
{
    wane_status st = WANE_OK;
    const wane_checkpoint *t = &s->pair->tuned;
    const wane_adapter_facts *facts = &t->update.facts;
    char method[1000], name[1040];
    size_t length = strlen(t->path);
    while (length > 1 && t->path[length - 1] == '/') length--;
    (void)snprintf(method, sizeof method, "%.*s", (int)(length < 999 ? length : 999), t->path);
    (void)snprintf(name, sizeof name, "%s/given/s0", method);
    wane_stage_row base = {.key = s->base, .model = s->model, .kind = "base"};
    wane_stage_row given = {.key = s->tuned, .model = s->model, .kind = "given"};
    WANE_TRY(wane_results_put_stage(s->db, &s->stage[0], &base, s->err));
    given.parent = s->stage[0];
    WANE_TRY(wane_results_put_stage(s->db, &s->stage[1], &given, s->err));
    wane_run_row row = {.key = s->run_key,
                        .experiment = s->experiment,
                        .name = name,
                        .method = method,
                        .kind = "given",
                        .rank = t->adapter ? (int64_t)facts->rank : WANE_NULL,
                        .alpha = t->adapter ? facts->alpha : NAN,
                        .learning_rate = NAN,
                        .order_name = "given",
                        .stages = 1,
                        .trainable = WANE_NULL};
    WANE_TRY(wane_results_put_run(s->db, &s->run, &row, s->err));
    for (int i = 0; i < 2; i++)
        WANE_TRY(wane_results_put_run_stage(s->db, s->run, i, s->stage[i], 0, s->err));
    for (size_t i = 0; i < s->pair->settings.count; i++) {
        const wane_compared_setting *one = &s->pair->settings.list[i];
        WANE_TRY(wane_results_put_difference(s->db, s->stage[1], one->name, one->base, one->tuned,
                                             s->err));
    }
done:
    return st;
}

static wane_status put_spectra(storing *s)
{
    wane_status st = WANE_OK;
    wane_spectra_rows rows = {0};
    size_t directions = 0;
    for (size_t i = 0; i < s->all->count; i++) directions += 2 * s->all->matrix[i].spectrum.count;
    WANE_TRY(wane_spectra_rows_room(&rows, s->all->count, directions, s->err));
    for (size_t i = 0; i < s->all->count; i++) {
        const wane_matrix_spectrum *m = &s->all->matrix[i];
        wane_spectrum_row *row =
            m->not_finite ? wane_spectra_rows_put_missing(&rows, s->matrix[i])
                          : wane_spectra_rows_put(&rows, &m->spectrum, m->base_count, s->matrix[i]);
        if (m->floor > 0) row->rounding_floor = m->floor;
        row->changed = m->changed;
        if (m->not_finite) continue;
        if (!m->changed) {
            /* Not decomposed: its directions are the base's, whatever they are. */
            row->base_count = WANE_NULL;
            row->base_spectral = row->effective_rank = row->stable_rank = row->top_share =
                row->rho_10 = row->floor = NAN;
            for (int side = 0; side < 2; side++) row->side[side] = (wane_spectrum_side_row){0};
        } else if (isnan(row->effective_rank) && !row->reason) {
            row->reason = "effective_rank: within 10 rounding floors";
        }
    }
    wane_cell cell = {.stage = s->stage[1],
                      .step = WANE_STEP_SEALED,
                      .measure = WANE_CELL_SPECTRUM,
                      .subject = "base",
                      .settings_sha256 = s->settings,
                      .data_sha256 = ""};
    wane_cell_rows all = {.spectra = rows.spectrum,
                          .spectrum_count = rows.spectra,
                          .directions = rows.direction,
                          .direction_count = rows.directions};
    WANE_TRY(wane_cell_commit(s->db, &cell, &all, s->err));
done:
    wane_spectra_rows_free(&rows);
    return st;
}

/* Matrices that are not finite fail the gate that a run has for them: nothing is summed over it. */
static wane_status seal_run(storing *s)
{
    wane_error why;
    bool finite = wane_pair_spectra_finite(s->all, s->pair, &why) == WANE_OK;
    wane_gate_row gate = {.name = "finite",
                          .subject = "",
                          .passed = finite,
                          .value = (double)s->all->not_finite,
                          .bound = 0,
                          .detail = finite ? "all matrices are finite" : why.message};
    wane_run_seal sealed = {.status = finite ? WANE_RUN_DONE : WANE_RUN_GATE_FAILED,
                            .error = finite ? NULL : why.message,
                            .gates = &gate,
                            .gate_count = 1};
    return wane_results_seal_run(s->db, s->run, &sealed, s->err);
}

static wane_status seal(storing *s)
{
    wane_status st = WANE_OK;
    wane_environment environment;
    wane_environment_read(&environment, (int)s->threads, 1);
    for (int i = 0; i < 2; i++) {
        wane_stage_state state = {0};
        wane_stage_seal sealed = {
            .status = WANE_STAGE_DONE, .diverged_at = WANE_NULL, .environment = &environment.row};
        WANE_TRY(wane_results_stage_state(s->db, &state, s->stage[i], s->err));
        if (state.status != WANE_STAGE_DONE)
            WANE_TRY(wane_results_seal_stage(s->db, s->stage[i], &sealed, s->err));
    }
    WANE_TRY(seal_run(s));
done:
    return st;
}

wane_status wane_compare_store(const char *path, const wane_comparison *comparison,
                               const wane_pair_spectra *spectra, const wane_pair_question *question,
                               size_t threads, wane_error *err)
{
    wane_status st = WANE_OK;
    storing s = {.pair = comparison,
                 .all = spectra,
                 .question = question,
                 .threads = threads,
                 .matrix = wane_alloc(spectra->count, sizeof *s.matrix),
                 .err = err};
    if (!s.matrix) return wane_fail_memory(err, "store", path);
    WANE_TRY(make_keys(&s));
    WANE_TRY(wane_results_open(&s.db, path, WANE_RESULTS_CREATE, err));
    WANE_TRY(wane_results_begin(s.db, err));
    WANE_TRY(put_model(&s));
    WANE_TRY(put_run(&s));
    WANE_TRY(put_spectra(&s));
    WANE_TRY(seal(&s));
    WANE_TRY(wane_results_commit(s.db, err));
done:
    wane_results_close(s.db);
    wane_free(s.matrix);
    return st;
}
