/* SPDX-License-Identifier: Apache-2.0
 * Reads each tensor of both sides once, panel by panel, sums squares, and says which values are not
 * finite.
 */
#include "eval/pair/tensor_changes.h"

#include <math.h>
#include <string.h>

#include "analysis/report/live.h"
#include "analysis/report/page.h"
#include "eval/pair/panels.h"
#include "store/base/memory.h"
#include "store/files/json.h"

/* ||scale B A||_F^2 = sum over the ranks of (B^T B) (A A^T), scaled. */
static wane_status term_square(double *out, const wane_compared *one, wane_error *err)
{
    const wane_lowrank_term *t = &one->update->term;
    double *column = wane_alloc(t->rank, sizeof *column), sum = 0;
    if (!column) return wane_fail_memory(err, "compare", one->name);
    for (size_t r = 0; r < t->rank; r++) {
        for (size_t q = 0; q < t->rank; q++) column[q] = 0;
        for (size_t i = 0; i < one->rows; i++)
            for (size_t q = 0; q < t->rank; q++)
                column[q] += (double)t->b[i * t->rank + r] * (double)t->b[i * t->rank + q];
        for (size_t q = 0; q < t->rank; q++) {
            const float *x = t->a + r * one->cols, *y = t->a + q * one->cols;
            double dot = 0;
            for (size_t j = 0; j < one->cols; j++) dot += (double)x[j] * (double)y[j];
            sum += column[q] * dot;
        }
    }
    *out = sum > 0 ? sum * (double)t->scale * (double)t->scale : 0;
    wane_free(column);
    return WANE_OK;
}

static size_t count_not_finite(const float *values, size_t count)
{
    size_t bad = 0;
    for (size_t i = 0; i < count; i++) bad += !isfinite(values[i]);
    return bad;
}

/* The panels of one tensor, each summed up by itself: the sums do not know how many threads there
 * were. */
typedef struct summing {
    const wane_comparison *comparison;
    const wane_compared *one;
    wane_tensor_change *panel;
} summing;

/* floor: its square, as long as it is summed. y: NULL for an adapter's term or for nothing. */
static void sum_panel(void *context, size_t panel, const float *x, const float *y, size_t count)
{
    const summing *s = context;
    wane_tensor_change sum = {.changed = y && memcmp(x, y, count * sizeof *x) != 0,
                              .not_finite = {count_not_finite(x, count), 0}};
    if (y) {
        sum.not_finite[1] = count_not_finite(y, count);
        sum.floor =
            wane_comparison_floor_square(s->comparison, s->one, x, y, panel * WANE_PANEL, count);
    }
    for (size_t j = 0; j < count; j++) {
        double a = (double)x[j], b = y ? (double)y[j] : a, d = b - a;
        sum.delta_square += d * d;
        sum.base_square += a * a;
        sum.tuned_square += b * b;
    }
    s->panel[panel] = sum;
}

static void add(wane_tensor_change *out, const wane_tensor_change *more)
{
    out->changed = out->changed || more->changed;
    for (int s = 0; s < 2; s++) out->not_finite[s] += more->not_finite[s];
    out->base_square += more->base_square;
    out->delta_square += more->delta_square;
    out->tuned_square += more->tuned_square;
    out->floor += more->floor;
}

static wane_status find_one(wane_tensor_change *out, const wane_comparison *c, size_t index,
                            wane_pool *pool, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_compared *one = &c->list[index];
    const wane_lowrank_term *term = wane_compared_term(one);
    size_t panels = wane_panels(one);
    summing s = {.comparison = c, .one = one, .panel = wane_alloc(panels, sizeof *s.panel)};
    *out = (wane_tensor_change){0};
    if (!s.panel) return wane_fail_memory(err, "compare", one->name);
    WANE_TRY(wane_comparison_panels(c, index, pool, sum_panel, &s, err));
    for (size_t i = 0; i < panels; i++) add(out, &s.panel[i]);
    out->floor = sqrt(out->floor);
    if (term)
        out->not_finite[1] = count_not_finite(term->b, one->rows * term->rank) +
                             count_not_finite(term->a, term->rank * one->cols);
    if (out->not_finite[0] + out->not_finite[1]) {
        out->changed = out->changed || term;
        out->base_square = out->delta_square = out->tuned_square = out->floor = NAN;
        goto done;
    }
    if (term) {
        WANE_TRY(term_square(&out->delta_square, one, err));
        out->tuned_square = NAN;
    }
    out->changed = out->delta_square > 0;
done:
    wane_free(s.panel);
    return st;
}

wane_status wane_tensor_changes_find(wane_tensor_changes *out, const wane_comparison *c,
                                     wane_pool *pool, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_tensor_changes all = {.list = wane_alloc(c->count, sizeof *all.list)};
    if (!all.list) return wane_fail_memory(err, "compare", c->base.path);
    for (size_t i = 0; i < c->count && st == WANE_OK; i++) {
        wane_live_show("changes: %zu of %zu tensors", i, c->count);
        st = find_one(&all.list[i], c, i, pool, err);
        all.not_finite += all.list[i].not_finite[0] + all.list[i].not_finite[1] > 0;
    }
    wane_live_clear();
    if (st != WANE_OK) wane_tensor_changes_free(&all);
    *out = all;
    return st;
}

void wane_tensor_changes_free(wane_tensor_changes *changes)
{
    wane_free(changes->list);
    *changes = (wane_tensor_changes){0};
}

/* The next from `i` on that is not finite; `count` where none is. */
static size_t next_not_finite(const wane_tensor_changes *changes, size_t i, size_t count)
{
    while (i < count && changes->list[i].not_finite[0] + changes->list[i].not_finite[1] == 0) i++;
    return i;
}

wane_status wane_tensor_changes_finite(const wane_tensor_changes *changes, const wane_comparison *c,
                                       const char *command, wane_error *err)
{
    size_t i = next_not_finite(changes, 0, c->count);
    if (i == c->count) return WANE_OK;
    const char *path = changes->list[i].not_finite[0] ? c->base.path : c->tuned.path;
    return wane_fail(err, WANE_ENUMERIC, "%s: %s: tensor %.200s: not finite (NaN or infinite)",
                     command, path, c->list[i].name);
}

void wane_tensor_changes_write_not_finite(wane_text *out, const wane_tensor_changes *changes,
                                          const wane_comparison *c, size_t most)
{
    static const char *const sides[] = {"base", "tuned"};
    size_t shown = 0;
    for (size_t i = next_not_finite(changes, 0, c->count); i < c->count && shown < most;
         i = next_not_finite(changes, i + 1, c->count), shown++)
        for (int s = 0; s < 2; s++) {
            size_t bad = changes->list[i].not_finite[s];
            if (bad)
                wane_page_line(out, "not finite", "%.200s of the %s: %zu %s NaN or infinite",
                               c->list[i].name, sides[s], bad,
                               bad == 1 ? "value is" : "values are");
        }
    if (changes->not_finite > shown)
        wane_page_line(out, "", "and of %zu more tensors", changes->not_finite - shown);
}

void wane_tensor_changes_write_not_finite_json(wane_text *out, const wane_tensor_changes *changes,
                                               const wane_comparison *c)
{
    bool some = false;
    wane_text_string(out, "\"not_finite\": [");
    for (size_t i = next_not_finite(changes, 0, c->count); i < c->count;
         i = next_not_finite(changes, i + 1, c->count)) {
        const size_t *bad = changes->list[i].not_finite;
        wane_text_string(out, some ? ", {\"name\": " : "{\"name\": ");
        wane_json_write_string(out, c->list[i].name);
        wane_text_printf(out, ", \"base\": %zu, \"tuned\": %zu}", bad[0], bad[1]);
        some = true;
    }
    wane_text_string(out, "]");
}
