/* SPDX-License-Identifier: Apache-2.0
 * A difference as a page for people and as one object of JSON.
 */
#include "eval/pair/diff.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/report/page.h"
#include "eval/pair/pair_page.h"
#include "store/files/json.h"

/* ---------------------------------------------------------------------------------------- page */

static void write_head(wane_text *out, const wane_diff *diff)
{
    const wane_comparison *c = &diff->comparison;
    enum { LISTED = 6 };
    char a[32];
    wane_compare_write_sides(out, c, true);
    wane_compared_settings_write(out, &c->settings, diff->corpus || diff->task_count);
    if (isinf(diff->merge_difference)) wane_page_line(out, "merged", "logits are not finite");
    else if (diff->merge_bytes > 0)
        wane_page_line(out, "merged",
                       "not looked at: both models take %.3g GB (--corpus and --tasks open them)",
                       diff->merge_bytes / 1e9);
    else if (!isnan(diff->merge_difference))
        wane_page_line(out, "merged",
                       "logits within %s of those with the adapter beside, of their "
                       "largest",
                       wane_page_number(a, diff->merge_difference, 2));
    wane_compare_write_unmatched(out, c, LISTED);
    wane_tensor_changes_write_not_finite(out, &diff->changes, c, LISTED);
}

static void write_tensors(wane_text *out, const wane_diff *diff)
{
    wane_text rows = {0};
    wane_diff_group all = {.name = "all"};
    char a[32], b[32], c[32];
    wane_text left_out = {0};
    wane_compare_write_left_out(&left_out, &diff->comparison);
    wane_text_string(&rows, "tensors\tnumber\tchanged\t||W||\t||dW||\trelative\n");
    for (size_t i = 0; i <= WANE_DIFF_GROUPS; i++) {
        const wane_diff_group *g = i < WANE_DIFF_GROUPS ? &diff->group[i] : &all;
        if (g->tensors == 0) continue;
        double relative = g->base_square > 0 ? sqrt(g->delta_square / g->base_square) : NAN;
        wane_text_printf(&rows, "%s\t%zu\t%zu\t%s\t%s\t%s", g->name, g->tensors, g->changed,
                         wane_page_number(a, sqrt(g->base_square), 4),
                         wane_page_number(b, sqrt(g->delta_square), 4),
                         wane_page_number(c, relative, 3));
        if (i == WANE_DIFF_GROUPS && left_out.length)
            wane_text_printf(&rows, "\t%s", left_out.data);
        wane_text_string(&rows, "\n");
        all.tensors += g->tensors;
        all.changed += g->changed;
        all.base_square += g->base_square;
        all.delta_square += g->delta_square;
    }
    wane_text_string(out, "\n");
    wane_page_table(out, &rows, "lrrrrr");
    wane_text_free(&left_out);
    wane_text_free(&rows);
}

/* Most intruders first, then the largest relative update, then the table's order. */
static int by_intruders(const void *left, const void *right)
{
    const wane_matrix_spectrum *const *a = left, *const *b = right;
    size_t x = (*a)->intruders[0] + (*a)->intruders[1], y = (*b)->intruders[0] + (*b)->intruders[1];
    if (x != y) return x < y ? 1 : -1;
    double u = (*a)->spectrum.relative_update, v = (*b)->spectrum.relative_update;
    if (u != v) return u < v ? 1 : -1;
    return (*a)->index < (*b)->index ? -1 : 1;
}

static void write_matrices(wane_text *out, const wane_diff *diff,
                           const wane_matrix_spectrum *const *list, size_t count)
{
    wane_text rows = {0};
    char a[32], b[32], c[32], d[32], e[32];
    wane_text_string(&rows,
                     "matrix\tshape\tu\tat random\tv\tat random\tof\t||dW||\trelative\teffective "
                     "rank\n");
    for (size_t i = 0; i < count; i++) {
        const wane_matrix_spectrum *m = list[i];
        const wane_compared *p = &diff->comparison.list[m->index];
        const wane_spectrum *s = &m->spectrum;
        wane_text_printf(&rows, "%s\t%zu x %zu\t%zu\t%s\t%zu\t%s\t%zu\t%s\t%s\t%s\n", p->name,
                         p->rows, p->cols, m->intruders[0], wane_page_number(a, m->null[0], 3),
                         m->intruders[1], wane_page_number(b, m->null[1], 3), m->existing[0],
                         wane_page_number(c, s->delta_frobenius, 4),
                         wane_page_number(d, s->relative_update, 3),
                         wane_page_number(e, s->effective_rank, 4));
    }
    wane_page_table(out, &rows, "lrrrrrrrrr");
    wane_text_free(&rows);
}

/* Whether no part before it has its name. */
static bool is_first(const wane_pair_spectra *all, size_t place)
{
    for (size_t i = 0; i < place; i++)
        if (strcmp(all->part[i].rows.name, all->part[place].rows.name) == 0) return false;
    return true;
}

/* Sums over the layers: of q, k and v, of gate and up, where they are one matrix. */
static void write_parts(wane_text *out, const wane_pair_spectra *all)
{
    wane_text rows = {0};
    if (all->part_count == 0) return;
    wane_text_string(&rows, "parts of fused weights, in no total\tchanged\tu\tv\tof\t||dW||\n");
    for (size_t first = 0; first < all->part_count; first++) {
        const char *name = all->part[first].rows.name;
        size_t count = 0, there = 0, existing = 0, intruders[2] = {0, 0};
        double square = 0;
        char a[32];
        if (!is_first(all, first)) continue;
        for (size_t i = first; i < all->part_count; i++) {
            const wane_matrix_spectrum *m = &all->part[i].spectrum;
            if (strcmp(all->part[i].rows.name, name) != 0) continue;
            there++;
            if (!m->changed || m->not_finite) continue;
            count++;
            for (int side = 0; side < 2; side++) intruders[side] += m->intruders[side];
            existing += m->existing[0];
            square += m->spectrum.delta_frobenius * m->spectrum.delta_frobenius;
        }
        wane_text_printf(&rows, "%s\t%zu of %zu\t%zu\t%zu\t%zu\t%s\n", name, count, there,
                         intruders[0], intruders[1], existing,
                         wane_page_number(a, sqrt(square), 4));
    }
    wane_text_string(out, "\n");
    wane_page_table(out, &rows, "lrrrrr");
    wane_text_free(&rows);
}

static void write_spectra(wane_text *out, const wane_diff *diff)
{
    enum { LISTED = 14 };
    static const char *const heads[2][2] = {{"margin, left", "at random, left"},
                                            {"margin, right", "at random, right"}};
    const wane_pair_spectra *all = &diff->spectra;
    char a[32], c[80];
    size_t count = 0;
    const wane_matrix_spectrum **list = wane_alloc(all->count, sizeof *list);
    if (!list) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < all->count; i++)
        if (all->matrix[i].changed && !all->matrix[i].not_finite) list[count++] = &all->matrix[i];
    qsort(list, count, sizeof *list, by_intruders);
    wane_text_string(out, "\n");
    wane_page_line(out, "intruders",
                   "%zu left, %zu right of %zu directions that exist in the top %zu of %zu changed "
                   "matrices of %zu (|cosine| < %s)",
                   all->intruders[0], all->intruders[1], all->existing[0], diff->question.k, count,
                   all->count, wane_format_double(a, diff->question.epsilon));
    (void)snprintf(c, sizeof c, "%zu left, %zu right", all->unresolved[0], all->unresolved[1]);
    wane_page_unresolved(out, all->unresolved[0] + all->unresolved[1], c);
    wane_pair_write_bounded(out, all->bounded);
    wane_pair_spectra_write_not_finite(out, all, &diff->comparison);
    for (int side = 0; side < 2; side++)
        wane_pair_spectra_write_null(out, all, side, &diff->question, heads[side]);
    wane_page_line(out, "effective rank", "%s of dW, mean over %zu matrices",
                   wane_page_number(c, all->effective_rank, 4), all->ranked);
    wane_page_floor(out, all->floor, wane_comparison_rounding(&diff->comparison),
                    all->within_floor);
    if (count) write_matrices(out, diff, list, count < LISTED ? count : LISTED);
    if (count > LISTED)
        wane_text_printf(out, "and %zu more: wane intruders %s %s\n", count - LISTED,
                         diff->comparison.base.path, diff->comparison.tuned.path);
    write_parts(out, all);
    wane_free(list);
}

/* "-" where it is beyond any number. */
static char *perplexity(char out[32], double nll, int digits)
{
    double value = exp(nll);
    return wane_page_number(out, isfinite(value) ? value : NAN, digits);
}

static void write_corpus(wane_text *out, const wane_diff *diff)
{
    const wane_diff_corpus *c = diff->corpus;
    char a[32], b[32], e[32], f[32], g[32];
    wane_text rows = {0};
    double change = c->after.nll - c->before.nll;
    wane_text_string(out, "\n");
    wane_page_line(out, "corpus", "%s: %s %s, %s %s, window %zu, BOS %s", c->text.corpus.name,
                   wane_page_count(a, c->text.windows.documents),
                   wane_page_plural(f, c->text.windows.documents, "document"),
                   wane_page_count(b, c->after.tokens),
                   wane_page_plural(g, c->after.tokens, "token"), c->text.rule.window,
                   c->text.windows.bos >= 0 ? "one per document" : "none");
    wane_text_string(&rows, "likelihood\tbase\ttuned\tchange\n");
    wane_text_printf(&rows, "nll, nats/token\t%s\t%s\t", wane_page_fixed(a, c->before.nll, 4),
                     wane_page_fixed(b, c->after.nll, 4));
    if (isfinite(change)) wane_text_printf(&rows, "%+.4f", change);
    else wane_text_string(&rows, "- (not finite)");
    if (!isnan(c->change_stderr))
        wane_text_printf(&rows, ", standard error %s, paired by document",
                         wane_page_number(e, c->change_stderr, 2));
    wane_text_printf(&rows, "\ntoken perplexity\t%s\t%s\tx %s\n", perplexity(a, c->before.nll, 5),
                     perplexity(b, c->after.nll, 5), perplexity(e, change, 4));
    if (c->kl_reason && strcmp(c->kl_reason, WANE_NOT_FINITE) == 0)
        wane_text_string(&rows, "KL(base || tuned)\t\t-\tnot finite\n");
    else if (c->kl_reason)
        wane_text_printf(&rows, "KL(base || tuned)\t\t-\tvocabularies of %zu and %zu ids\n",
                         diff->pair.base->config.vocabulary, diff->pair.tuned->config.vocabulary);
    else wane_text_printf(&rows, "KL(base || tuned)\t\t%.4f\tnats/token\n", c->after.kl_to_base);
    wane_page_table(out, &rows, "lrrl");
    wane_text_free(&rows);
    if (!isnan(c->text.floor))
        wane_page_line(out, "floor", "%.4f nats/token, the entropy of the language", c->text.floor);
}

static void write_tasks(wane_text *out, const wane_diff *diff)
{
    wane_text rows = {0};
    char a[32], b[32], p[32];
    wane_text_string(&rows, "task\tn\tbase\ttuned\tchange\tonly base\tonly tuned\tMcNemar "
                            "p\tmajority\tcut\n");
    for (size_t i = 0; i < diff->task_count; i++) {
        const wane_diff_task *t = &diff->task[i];
        wane_text_printf(&rows, "%s\t%zu\t%s\t%s\t", t->data.task.name, t->after.examples,
                         wane_page_fixed(a, t->before.accuracy, 4),
                         wane_page_fixed(b, t->after.accuracy, 4));
        if (t->reason) wane_text_string(&rows, "not finite\t-\t-");
        else
            wane_text_printf(&rows, "%+.4f\t%zu\t%zu", t->after.accuracy - t->before.accuracy,
                             t->only_before, t->only_after);
        wane_text_printf(&rows, "\t%s\t%.4f\t%zu\n", wane_page_number(p, t->p, 3),
                         t->after.majority, t->data.prompts.cut_rows);
    }
    wane_text_string(out, "\n");
    wane_page_table(out, &rows, "lrrrrrrrrr");
    wane_text_free(&rows);
}

void wane_diff_write_page(wane_text *out, const wane_diff *diff)
{
    write_head(out, diff);
    write_tensors(out, diff);
    write_spectra(out, diff);
    if (diff->corpus) write_corpus(out, diff);
    if (diff->task_count) write_tasks(out, diff);
}

/* ---------------------------------------------------------------------------------------- JSON */

static void key_number(wane_text *out, const char *key, double value)
{
    wane_text_printf(out, "\"%s\": ", key);
    wane_json_write_number(out, value);
}

static void key_text(wane_text *out, const char *key, const char *value)
{
    wane_text_printf(out, "\"%s\": ", key);
    wane_json_write_string(out, value);
}

/* ", " between members. */
static void also_number(wane_text *out, const char *key, double value)
{
    wane_text_string(out, ", ");
    key_number(out, key, value);
}

/* null for none. */
static void also_text(wane_text *out, const char *key, const char *value)
{
    wane_text_printf(out, ", \"%s\": ", key);
    wane_json_write_string(out, value);
}

static void json_models(wane_text *out, const wane_diff *diff)
{
    wane_compare_write_sides_json(out, &diff->comparison, &diff->merge_difference);
    wane_text_string(out, ", \"tensors\": [");
    bool some = false;
    for (size_t i = 0; i < WANE_DIFF_GROUPS; i++) {
        const wane_diff_group *g = &diff->group[i];
        if (g->tensors == 0) continue;
        wane_text_string(out, some ? ", {" : "{");
        key_text(out, "group", g->name);
        wane_text_printf(out, ", \"tensors\": %zu, \"changed\": %zu", g->tensors, g->changed);
        also_number(out, "base_frobenius", sqrt(g->base_square));
        also_number(out, "delta_frobenius", sqrt(g->delta_square));
        wane_text_string(out, "}");
        some = true;
    }
    wane_text_string(out, "]");
}

static void json_side(wane_text *out, int side, const size_t intruders[2], const size_t existing[2],
                      const size_t unresolved[2], const double energy[2])
{
    static const char *const names[] = {"u", "v"};
    wane_text_printf(out, ", \"%s\": {\"intruders\": %zu, \"existing\": %zu, \"unresolved\": %zu",
                     names[side], intruders[side], existing[side], unresolved[side]);
    also_number(out, "energy", energy[side]);
}

/* part: NULL of a whole matrix. */
static void json_matrix(wane_text *out, const wane_diff *diff, const wane_matrix_spectrum *m,
                        const wane_part_spectrum *part)
{
    const wane_compared *p = &diff->comparison.list[m->index];
    key_text(out, "name", part ? part->name : p->name);
    if (part) also_text(out, "part_of", p->name);
    wane_text_printf(out, ", \"rows\": %zu, \"cols\": %zu, \"changed\": %s",
                     part ? part->rows.rows : p->rows, p->cols, m->changed ? "true" : "false");
    if (m->not_finite)
        wane_text_string(out, ", \"reason\": \"" WANE_NOT_FINITE "\", \"u\": null, \"v\": null");
    for (int side = 0; side < 2 && !m->not_finite; side++) {
        json_side(out, side, m->intruders, m->existing, m->unresolved, m->energy);
        wane_text_printf(out, ", \"intruders_low\": %zu, \"intruders_high\": %zu", m->fewer[side],
                         m->more[side]);
        also_number(out, "intruders_null", m->null[side]);
        wane_text_string(out, "}");
    }
    also_number(out, "delta_frobenius", m->spectrum.delta_frobenius);
    also_number(out, "delta_spectral", m->spectrum.delta_spectral);
    also_number(out, "relative_update", m->spectrum.relative_update);
    also_number(out, "effective_rank", m->spectrum.effective_rank);
}

static void json_spectra(wane_text *out, const wane_diff *diff)
{
    const wane_pair_spectra *all = &diff->spectra;
    wane_text_printf(out, ", \"spectra\": {\"k\": %zu", diff->question.k);
    also_number(out, "epsilon", diff->question.epsilon);
    for (int side = 0; side < 2; side++) {
        json_side(out, side, all->intruders, all->existing, all->unresolved, all->energy);
        wane_pair_spectra_write_null_json(out, all, side);
        wane_text_string(out, "}");
    }
    also_number(out, "base_frobenius", all->base_frobenius);
    also_number(out, "delta_frobenius", all->delta_frobenius);
    also_number(out, "effective_rank", all->effective_rank);
    also_number(out, "rounding_floor", all->floor);
    wane_text_string(out, ", \"matrices\": [");
    for (size_t i = 0; i < all->count; i++) {
        wane_text_string(out, i ? ", {" : "{");
        json_matrix(out, diff, &all->matrix[i], NULL);
        wane_text_string(out, "}");
    }
    wane_text_string(out, "], \"parts\": [");
    for (size_t i = 0; i < all->part_count; i++) {
        wane_text_string(out, i ? ", {" : "{");
        json_matrix(out, diff, &all->part[i].spectrum, &all->part[i]);
        wane_text_string(out, "}");
    }
    wane_text_string(out, "]}");
}

static void json_corpus(wane_text *out, const wane_diff_corpus *c)
{
    wane_text_string(out, ", \"likelihood\": {");
    key_text(out, "corpus", c->text.corpus.name);
    wane_text_printf(out, ", \"data_sha256\": \"%s\", \"tokens\": %zu", c->text.corpus.sha256,
                     c->after.tokens);
    also_number(out, "nll_base", c->before.nll);
    also_number(out, "nll_tuned", c->after.nll);
    also_number(out, "change", c->after.nll - c->before.nll);
    also_number(out, "change_stderr", c->change_stderr);
    also_number(out, "kl_to_base", c->after.kl_to_base);
    also_number(out, "soft_ce", c->after.soft_ce);
    also_text(out, "kl_reason", c->kl_reason);
    also_text(out, "reason", c->before.reason ? c->before.reason : c->after.reason);
    wane_text_string(out, "}");
}

static void json_tasks(wane_text *out, const wane_diff *diff)
{
    wane_text_string(out, ", \"scores\": [");
    for (size_t i = 0; i < diff->task_count; i++) {
        const wane_diff_task *t = &diff->task[i];
        wane_text_string(out, i ? ", {" : "{");
        key_text(out, "task", t->data.task.name);
        wane_text_printf(out, ", \"n\": %zu", t->after.examples);
        also_number(out, "accuracy_base", t->before.accuracy);
        also_number(out, "accuracy_tuned", t->after.accuracy);
        also_number(out, "loss_base", t->before.loss);
        also_number(out, "loss_tuned", t->after.loss);
        also_number(out, "only_base", t->reason ? NAN : (double)t->only_before);
        also_number(out, "only_tuned", t->reason ? NAN : (double)t->only_after);
        also_number(out, "p", t->p);
        also_number(out, "majority", t->after.majority);
        also_text(out, "reason", t->reason);
        wane_text_string(out, "}");
    }
    wane_text_string(out, "]");
}

void wane_diff_write_json(wane_text *out, const wane_diff *diff)
{
    wane_text_string(out, "{");
    json_models(out, diff);
    wane_text_string(out, ", ");
    wane_compared_settings_write_json(out, &diff->comparison.settings);
    wane_text_string(out, ", ");
    wane_compare_write_unmatched_json(out, &diff->comparison);
    wane_text_string(out, ", ");
    wane_tensor_changes_write_not_finite_json(out, &diff->changes, &diff->comparison);
    json_spectra(out, diff);
    if (diff->corpus) json_corpus(out, diff->corpus);
    if (diff->task_count) json_tasks(out, diff);
    wane_text_string(out, "}\n");
}
