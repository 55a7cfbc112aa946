/* SPDX-License-Identifier: Apache-2.0
 * A comparison as rows of a database: its keys, its plan, its cell as it grows, its seals.
 */
#include "eval/pair/pair_store.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/report/live.h"
#include "eval/compute/environment.h"
#include "eval/measure/spectra_rows.h"
#include "eval/pair/given.h"
#include "eval/pair/pair_recall.h"
#include "store/base/memory.h"
#include "store/files/enclosed.h"
#include "store/files/file.h"
#include "store/files/hub.h"
#include "store/results/hashes.h"

/* One of the chosen matrices, in the comparison's order. */
typedef struct storing_matrix {
    const wane_compared *compared;
    int64_t id;
    bool kept; /* in the cell */
    bool bounded;
} storing_matrix;

struct wane_pair_store {
    wane_results *db;
    const wane_comparison *pair;
    const wane_pair_question *question;
    wane_pair_keeper keeper;
    size_t threads, count;
    storing_matrix *matrix; /* count of them; owned */
    char base[WANE_SHA256_HEX], tuned[WANE_SHA256_HEX], run_key[WANE_SHA256_HEX];
    int64_t model, experiment, stage[2], run;
    bool begun;     /* the cell has matrices of this question, and no others */
    bool untouched; /* it has all of these and more, and is sealed */
    wane_lock *lock;
    char *artifacts; /* the enclosed folder of the lock; owned */
};
typedef struct wane_pair_store storing;

void wane_pair_store_widen(wane_pair_question *question)
{
    enum { KEPT = 32 };
    question->u = question->v = true;
    if (question->top < KEPT) question->top = KEPT;
    if (question->top < question->k) question->top = question->k;
}

/* ---------------------------------------------------------------------------------------- keys */

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

static wane_status make_keys(storing *s, wane_error *err)
{
    wane_status st = WANE_OK;
    char base[WANE_SHA256_HEX], tuned[WANE_SHA256_HEX], asked[120];
    const wane_comparison *p = s->pair;
    wane_live_show("checksum of %s", p->base.path);
    WANE_TRY(wane_given_sha256(base, p->base.path, err));
    wane_live_show("checksum of %s", p->tuned.path);
    WANE_TRY(wane_given_sha256(tuned, p->tuned.path, err));
    (void)snprintf(asked, sizeof asked, "conv1d %d %d", p->base.conv1d, p->tuned.conv1d);
    WANE_TRY(key_of(s->base, (const char *[]){"wane compared", base, asked}, 3, err));
    WANE_TRY(key_of(s->tuned, (const char *[]){s->base, "given", tuned}, 3, err));
    WANE_TRY(key_of(s->run_key, (const char *[]){s->tuned, "run", p->tuned.path}, 3, err));
done:
    wane_live_clear();
    return st;
}

/* The settings of a cell: of what is asked, and of the matrices that are in it. */
static wane_status begin_settings(wane_sha256 **out, const storing *s, wane_error *err)
{
    char asked[120];
    wane_status st = wane_sha256_begin(out, err);
    (void)snprintf(asked, sizeof asked, "%s top %zu u 1 v 1 against base", WANE_SPECTRUM_DEFINITION,
                   s->question->top);
    if (st == WANE_OK) wane_sha256_text(*out, asked);
    return st;
}

static void add_to_settings(wane_sha256 *hash, const char *name, bool bounded)
{
    wane_sha256_text(hash, name);
    if (bounded) wane_sha256_text(hash, WANE_BOUNDED);
}

static wane_status settings_of(char out[WANE_SHA256_HEX], const storing *s, wane_error *err)
{
    wane_sha256 *hash = NULL;
    wane_status st = begin_settings(&hash, s, err);
    if (st != WANE_OK) return st;
    for (size_t i = 0; i < s->count; i++)
        if (s->matrix[i].kept)
            add_to_settings(hash, s->matrix[i].compared->name, s->matrix[i].bounded);
    return wane_sha256_end(out, hash, err);
}

static wane_status settings_of_kept(char out[WANE_SHA256_HEX], const storing *s,
                                    const wane_kept *kept, wane_error *err)
{
    wane_sha256 *hash = NULL;
    wane_status st = begin_settings(&hash, s, err);
    if (st != WANE_OK) return st;
    for (size_t i = 0; i < kept->count; i++)
        add_to_settings(hash, kept->list[i].name, kept->list[i].bounded);
    return wane_sha256_end(out, hash, err);
}

/* ---------------------------------------------------------------------------------------- plan */

static wane_status put_model(storing *s, wane_error *err)
{
    const wane_comparison *p = s->pair;
    size_t numbers = 0;
    char name[200];
    for (size_t i = 0; i < p->count; i++) numbers += p->list[i].base->elements;
    wane_model_row row = {.key = s->base,
                          .name = wane_hub_title(name, sizeof name, p->base.path),
                          .path = p->base.path,
                          .architecture = p->base.model_type[0] ? p->base.model_type : "unknown",
                          .parameters = (int64_t)numbers,
                          .vocabulary = WANE_NULL,
                          .context = WANE_NULL,
                          .layers = WANE_NULL,
                          .width = WANE_NULL};
    wane_status st = wane_results_put_model(s->db, &s->model, &row, err);
    for (size_t i = 0; i < s->count && st == WANE_OK; i++) {
        const wane_compared *one = s->matrix[i].compared;
        wane_matrix_row matrix = {.model = s->model,
                                  .position = (int64_t)(one - p->list),
                                  .name = one->name,
                                  .module = one->module,
                                  .layer = one->layer < 0 ? WANE_NULL : one->layer,
                                  .rows = (int64_t)one->rows,
                                  .cols = (int64_t)one->cols};
        st = wane_results_put_matrix(s->db, &s->matrix[i].id, &matrix, err);
    }
    if (st != WANE_OK) return st;
    char experiment[240], source[1200];
    (void)snprintf(experiment, sizeof experiment, "%s@%.8s", name, s->base);
    (void)snprintf(source, sizeof source, "# checkpoints compared with %.1000s\n", p->base.path);
    wane_experiment_row x = {.name = experiment, .source = source, .model = s->model};
    return wane_results_put_experiment(s->db, &s->experiment, &x, err);
}

static wane_status put_run(storing *s, wane_error *err)
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
    WANE_TRY(wane_results_put_stage(s->db, &s->stage[0], &base, err));
    given.parent = s->stage[0];
    WANE_TRY(wane_results_put_stage(s->db, &s->stage[1], &given, err));
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
    WANE_TRY(wane_results_put_run(s->db, &s->run, &row, err));
    for (int i = 0; i < 2; i++)
        WANE_TRY(wane_results_put_run_stage(s->db, s->run, i, s->stage[i], 0, err));
    for (size_t i = 0; i < s->pair->settings.count; i++) {
        const wane_compared_setting *one = &s->pair->settings.list[i];
        WANE_TRY(
            wane_results_put_difference(s->db, s->stage[1], one->name, one->base, one->tuned, err));
    }
done:
    return st;
}

/* ----------------------------------------------------------------------------- what is there */

static storing_matrix *find_matrix(const storing *s, int64_t id)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->matrix[i].id == id) return &s->matrix[i];
    return NULL;
}

static size_t directions_of(const storing *s, const wane_compared *one)
{
    size_t all = one->rows < one->cols ? one->rows : one->cols;
    return s->question->top < all ? s->question->top : all;
}

/* Whether a matrix of the cell answers the question. An exact spectrum answers any. */
static bool answers(const storing *s, const wane_kept_matrix *m, const wane_compared *one)
{
    return m->not_finite || (m->directions >= directions_of(s, one) &&
                             (!m->bounded || wane_pair_question_bounds(s->question, one)));
}

/* Whether the cell can be gone on from; notes which of the matrices it has. */
static wane_status look_at_kept(bool *usable, storing *s, const wane_kept *kept, bool sealed,
                                wane_error *err)
{
    char settings[WANE_SHA256_HEX];
    size_t found = 0;
    *usable = false;
    wane_status st = settings_of_kept(settings, s, kept, err);
    if (st != WANE_OK || !kept->whole || strcmp(settings, kept->settings) != 0) return st;
    *usable = true;
    for (size_t i = 0; i < kept->count; i++) {
        storing_matrix *m = find_matrix(s, kept->list[i].id);
        if (!m) continue; /* not asked for */
        found++;
        m->kept = true;
        m->bounded = kept->list[i].bounded;
        *usable = *usable && answers(s, &kept->list[i], m->compared);
    }
    s->untouched = *usable && found < kept->count;
    if (s->untouched) *usable = found == s->count && sealed;
    for (size_t i = 0; i < s->count && !*usable; i++) s->matrix[i].kept = false;
    s->untouched = s->untouched && *usable;
    s->begun = *usable && found > 0;
    return WANE_OK;
}

static bool is_sealed(wane_run_status status)
{
    return status == WANE_RUN_DONE || status == WANE_RUN_GATE_FAILED;
}

/* What is kept of matrices that are finite; the others are soon found out again, and which side is
 * to blame is not kept. */
static wane_status recall_kept(storing *s, wane_pair_spectra *all, bool *known,
                               const wane_kept *kept, wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t i = 0; i < kept->count && st == WANE_OK; i++) {
        storing_matrix *m = find_matrix(s, kept->list[i].id);
        if (!m || !m->kept || kept->list[i].not_finite) continue;
        size_t place = (size_t)(m - s->matrix);
        st = wane_kept_recall(&all->matrix[place], s->db, s->stage[1], m->id,
                              directions_of(s, m->compared), err);
        known[place] = st == WANE_OK;
    }
    return st;
}

static wane_status recall(void *context, wane_pair_spectra *all, bool *known, wane_error *err)
{
    storing *s = context;
    wane_status st = WANE_OK;
    wane_kept kept = {0};
    wane_run_state run;
    bool usable = false, complete = true;
    WANE_TRY(wane_results_begin(s->db, err));
    WANE_TRY(put_model(s, err));
    WANE_TRY(put_run(s, err));
    WANE_TRY(wane_results_run_state(s->db, &run, s->run, err));
    WANE_TRY(wane_kept_read(&kept, s->db, s->stage[1], err));
    WANE_TRY(look_at_kept(&usable, s, &kept, is_sealed(run.status), err));
    if (usable) WANE_TRY(recall_kept(s, all, known, &kept, err));
    for (size_t i = 0; i < s->count; i++) complete = complete && s->matrix[i].kept;
    if (!complete)
        WANE_TRY(wane_results_set_run_status(s->db, s->run, WANE_RUN_RUNNING, NULL, err));
    WANE_TRY(wane_results_commit(s->db, err));
done:
    if (st != WANE_OK) wane_results_rollback(s->db);
    wane_kept_free(&kept);
    return st;
}

/* ---------------------------------------------------------------------------- what is found */

static void put_matrix(wane_spectra_rows *rows, const wane_matrix_spectrum *m, int64_t matrix)
{
    wane_spectrum_row *row = m->not_finite
                                 ? wane_spectra_rows_put_missing(rows, matrix)
                                 : wane_spectra_rows_put(rows, &m->spectrum, m->base_count, matrix);
    if (m->floor > 0) row->rounding_floor = m->floor;
    row->changed = m->changed;
    if (m->not_finite) return;
    if (!m->changed) {
        /* Not decomposed: its directions are the base's, whatever they are. */
        row->base_count = WANE_NULL;
        row->base_spectral = row->effective_rank = row->stable_rank = row->top_share = row->rho_10 =
            row->floor = NAN;
        for (int side = 0; side < 2; side++) row->side[side] = (wane_spectrum_side_row){0};
    } else if (isnan(row->effective_rank) && !row->reason) {
        row->reason = "effective_rank: within 10 rounding floors";
    }
}

/* Also one of these settings, whose rows are not what was sealed. */
static wane_status replace_cell(storing *s, const wane_cell *cell, const wane_cell_rows *rows,
                                wane_error *err)
{
    wane_status st = WANE_OK;
    WANE_TRY(wane_results_begin(s->db, err));
    WANE_TRY(wane_cell_forget(s->db, cell->stage, cell->step, cell->measure, cell->subject, err));
    WANE_TRY(wane_cell_commit(s->db, cell, rows, err));
    WANE_TRY(wane_results_commit(s->db, err));
done:
    if (st != WANE_OK) wane_results_rollback(s->db);
    return st;
}

/* Those of them that the cell does not have. */
static wane_status keep(void *context, const wane_pair_spectra *all, const size_t *place,
                        size_t count, wane_error *err)
{
    storing *s = context;
    wane_status st = WANE_OK;
    char settings[WANE_SHA256_HEX];
    wane_spectra_rows rows = {0};
    size_t directions = 0;
    for (size_t i = 0; i < count; i++) directions += 2 * all->matrix[place[i]].spectrum.count;
    WANE_TRY(wane_spectra_rows_room(&rows, count, directions, err));
    for (size_t i = 0; i < count; i++) {
        const wane_matrix_spectrum *m = &all->matrix[place[i]];
        storing_matrix *own = &s->matrix[place[i]];
        if (own->kept) continue;
        put_matrix(&rows, m, own->id);
        own->kept = true;
        own->bounded = m->changed && m->spectrum.bounded;
    }
    if (rows.spectra == 0) goto done;
    WANE_TRY(settings_of(settings, s, err));
    wane_cell cell = {.stage = s->stage[1],
                      .step = WANE_STEP_SEALED,
                      .measure = WANE_CELL_SPECTRUM,
                      .subject = "base",
                      .settings_sha256 = settings,
                      .data_sha256 = ""};
    wane_cell_rows more = {.spectra = rows.spectrum,
                           .spectrum_count = rows.spectra,
                           .directions = rows.direction,
                           .direction_count = rows.directions};
    WANE_TRY(s->begun ? wane_cell_extend(s->db, &cell, &more, err)
                      : replace_cell(s, &cell, &more, err));
    s->begun = true;
done:
    wane_spectra_rows_free(&rows);
    return st;
}

/* --------------------------------------------------------------------------------------- seals */

/* Matrices that are not finite fail the gate that a run has for them: nothing is summed over it. */
static wane_status seal_run(storing *s, const wane_pair_spectra *all, wane_error *err)
{
    wane_error why;
    bool finite = wane_pair_spectra_finite(all, s->pair, &why) == WANE_OK;
    wane_gate_row gate = {.name = "finite",
                          .subject = "",
                          .passed = finite,
                          .value = (double)all->not_finite,
                          .bound = 0,
                          .detail = finite ? "all matrices are finite" : why.message};
    wane_run_seal sealed = {.status = finite ? WANE_RUN_DONE : WANE_RUN_GATE_FAILED,
                            .error = finite ? NULL : why.message,
                            .gates = &gate,
                            .gate_count = 1};
    return wane_results_seal_run(s->db, s->run, &sealed, err);
}

wane_status wane_pair_store_seal(wane_pair_store *s, const wane_pair_spectra *all, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_environment environment;
    if (s->untouched) return WANE_OK;
    wane_environment_read(&environment, (int)s->threads, 1);
    WANE_TRY(wane_results_begin(s->db, err));
    for (int i = 0; i < 2; i++) {
        wane_stage_state state = {0};
        wane_stage_seal sealed = {
            .status = WANE_STAGE_DONE, .diverged_at = WANE_NULL, .environment = &environment.row};
        WANE_TRY(wane_results_stage_state(s->db, &state, s->stage[i], err));
        if (state.status != WANE_STAGE_DONE)
            WANE_TRY(wane_results_seal_stage(s->db, s->stage[i], &sealed, err));
    }
    WANE_TRY(seal_run(s, all, err));
    WANE_TRY(wane_results_commit(s->db, err));
done:
    if (st != WANE_OK) wane_results_rollback(s->db);
    return st;
}

/* ------------------------------------------------------------------------------- open and close */

/* The lock of a run, which says to others that a process is at work on it. */
static wane_status take_lock(storing *s, const char *database, wane_error *err)
{
    wane_status st = WANE_OK;
    char name[WANE_SHA256_HEX + 16], *path = NULL;
    wane_text folder = {0};
    wane_text_printf(&folder, "%s.artifacts", database);
    WANE_TRY(wane_text_check(&folder, "store", database, err));
    WANE_TRY(wane_enclose(folder.data, err));
    s->artifacts = folder.data;
    folder = (wane_text){0};
    (void)snprintf(name, sizeof name, "run-%s.lock", s->run_key);
    WANE_TRY(wane_results_lock_path(&path, database, name, err));
    *strrchr(path, '/') = '\0';
    WANE_TRY(wane_folder_make(path, err));
    path[strlen(path)] = '/';
    st = wane_lock_take(&s->lock, path, false, err);
    if (st == WANE_EBUSY) {
        wane_live_show("waiting for another process at the same pair");
        st = wane_lock_take(&s->lock, path, true, err);
        wane_live_clear();
    }
done:
    wane_text_free(&folder);
    wane_free(path);
    return st;
}

wane_status wane_pair_store_open(wane_pair_store **out, const char *path, const wane_comparison *c,
                                 const wane_pair_question *question, size_t threads,
                                 wane_error *err)
{
    wane_status st = WANE_OK;
    storing *s = wane_alloc(1, sizeof *s);
    if (!s) return wane_fail_memory(err, "store", path);
    s->pair = c;
    s->question = question;
    s->threads = threads;
    s->keeper = (wane_pair_keeper){s, recall, keep};
    s->matrix = wane_alloc(c->chosen, sizeof *s->matrix);
    if (!s->matrix) WANE_TRY(wane_fail_memory(err, "store", path));
    for (size_t i = 0; i < c->count; i++)
        if (c->list[i].chosen) s->matrix[s->count++].compared = &c->list[i];
    WANE_TRY(make_keys(s, err));
    WANE_TRY(wane_results_open(&s->db, path, WANE_RESULTS_CREATE, err));
    WANE_TRY(take_lock(s, path, err));
    *out = s;
    s = NULL;
done:
    wane_pair_store_close(s);
    return st;
}

const wane_pair_keeper *wane_pair_store_keeper(const wane_pair_store *store)
{
    return &store->keeper;
}

void wane_pair_store_close(wane_pair_store *s)
{
    if (!s) return;
    wane_results_close(s->db);
    wane_lock_release(s->lock);
    wane_enclose_end(s->artifacts);
    wane_free(s->artifacts);
    wane_free(s->matrix);
    wane_free(s);
}
