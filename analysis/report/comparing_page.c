/* SPDX-License-Identifier: Apache-2.0
 * A comparison as a page for people and as one object of JSON.
 */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "analysis/report/comparing.h"
#include "analysis/report/page.h"
#include "store/files/json.h"

/* More pairs than this are listed only when asked for. */
enum { LISTED = 12, DIGITS = 4 };

/* ---------------------------------------------------------------------------------------- page */

void wane_comparing_write_number(wane_text *out, double value, int digits)
{
    char text[32];
    wane_text_string(out, wane_page_number(text, value, digits));
}

/* With its sign; "-" for NaN. */
void wane_comparing_write_change(wane_text *out, double value, int digits)
{
    if (value > 0) wane_text_string(out, "+");
    wane_comparing_write_number(out, value, digits);
}

void wane_comparing_write_p(wane_text *out, double p)
{
    if (isnan(p)) wane_text_string(out, "-");
    else if (p < 1e-4) wane_text_string(out, "< 0.0001");
    else wane_text_printf(out, "%.4f", p);
}

/* Both ends with the decimals that three digits of the larger take. */
void wane_comparing_write_interval(wane_text *out, double low, double high)
{
    double size = fmax(fabs(low), fabs(high));
    if (isnan(low)) wane_text_string(out, "-");
    else if (size == 0) wane_text_string(out, "[0, 0]");
    else if (size >= 1e6 || size < 1e-5) wane_text_printf(out, "[%+.2e, %+.2e]", low, high);
    else {
        int decimals = (int)fmax(0, 2 - floor(log10(size)));
        wane_text_printf(out, "[%+.*f, %+.*f]", decimals, low, decimals, high);
    }
}

static void add_count(wane_text *out, bool *some, size_t count, const char *what)
{
    if (count == 0) return;
    wane_text_printf(out, "%s%zu %s", *some ? ", " : "", count, what);
    *some = true;
}

/* "4 runs", and what is not among them. */
void wane_comparing_write_side(wane_text *out, const char *title, const wane_compare_side *s,
                               bool some_left_out)
{
    wane_text line = {0};
    bool some = false;
    wane_text_printf(&line, "%s: %zu run%s", s->name, s->runs, s->runs == 1 ? "" : "s");
    if (some_left_out) {
        wane_text_string(&line, ", left out: ");
        add_count(&line, &some, s->diverged, "diverged");
        add_count(&line, &some, s->gate_failed, "with a failed gate");
        add_count(&line, &some, s->failed, "failed");
        add_count(&line, &some, s->unfinished, "unfinished");
        add_count(&line, &some, s->limited, "under limit:");
        add_count(&line, &some, s->unpaired, "without a partner");
    }
    wane_page_line(out, title, "%s", line.data ? line.data : "");
    out->failed = out->failed || line.failed;
    wane_text_free(&line);
}

/* "3 of 4 stages": how many of one side's are collapsed, of those of which it is known. */
static void write_collapsed(wane_text *out, const wane_comparing *c, int side)
{
    size_t known = 0, collapsed = 0;
    for (size_t i = 0; i < c->pairs; i++) {
        known += !isnan(c->pair[i].collapsed[side]);
        collapsed += c->pair[i].collapsed[side] == 1;
    }
    if (known == 0) wane_text_string(out, "unknown");
    else if (collapsed == 0) wane_text_string(out, "none");
    else wane_text_printf(out, "%zu of %zu", collapsed, known);
}

/* Stages that are collapsed are compared all the same; the reader is told. */
static void write_flags(wane_text *out, const wane_comparing *c)
{
    wane_text first = {0}, second = {0};
    write_collapsed(&first, c, 0);
    write_collapsed(&second, c, 1);
    if (first.failed || second.failed) out->failed = true;
    else
        wane_page_line(out, "collapsed", "of the stages compared, first: %s, second: %s",
                       first.data, second.data);
    wane_text_free(&first);
    wane_text_free(&second);
}

static void write_head(wane_text *out, const wane_comparing *c)
{
    const wane_compare_question *q = c->question;
    wane_comparing_write_side(out, "first", &c->side[0], c->pairs < c->side[0].runs);
    wane_comparing_write_side(out, "second", &c->side[1], c->pairs < c->side[1].runs);
    if (c->pairs == 1)
        wane_page_line(out, "pair", "%s and %s", c->pair[0].run[0], c->pair[0].run[1]);
    else
        wane_page_line(out, "pairs", "%zu, of the same %s", c->pairs,
                       strcmp(q->by, "order_name") == 0 ? "method and seed"
                       : strcmp(q->by, "seed") == 0     ? "method and order"
                       : strcmp(q->by, "method") == 0   ? "order and seed"
                                                        : "order, seed and other settings");
    if (q->stage > 0) wane_page_line(out, "after", "stage %lld", (long long)q->stage);
    else wane_page_line(out, "after", "the last stage");
    write_flags(out, c);
}

static void write_metric(wane_text *rows, const wane_compare_metric *m, bool several)
{
    wane_text_printf(rows, "%s\t", m->name);
    wane_comparing_write_number(rows, m->side[0].mean, DIGITS);
    wane_text_string(rows, "\t");
    wane_comparing_write_number(rows, m->side[1].mean, DIGITS);
    wane_text_string(rows, "\t");
    wane_comparing_write_change(rows, m->difference.mean, DIGITS);
    if (several) {
        wane_text_string(rows, "\t");
        wane_comparing_write_interval(rows, m->difference.low, m->difference.high);
        wane_text_string(rows, "\t");
        wane_comparing_write_number(rows, m->difference.sd, 2);
        wane_text_printf(rows, "\t%zu\t", m->difference.n);
        wane_comparing_write_p(rows, m->p);
        wane_text_printf(rows, "\t%zu/%zu", m->agree, m->difference.n);
    }
    wane_text_string(rows, "\n");
}

static void write_metrics(wane_text *out, const wane_comparing *c)
{
    bool several = c->pairs > 1;
    wane_text rows = {0};
    if (c->metrics == 0) return;
    wane_text_printf(&rows, "measure\tfirst\tsecond\tdifference%s\n",
                     several ? "\t95%, t\tsd\tn\tp\tsame sign" : "");
    for (size_t i = 0; i < c->metrics; i++) write_metric(&rows, &c->metric[i], several);
    wane_text_printf(out, "\n%s, second less first\n",
                     several ? "Means over the pairs, and their differences" : "Differences");
    wane_page_table(out, &rows, "lrrrrrrrr");
    if (several)
        wane_text_string(out, "Unit: the pair, taken as independent of the others; those of one "
                              "order share the sequence of tasks.\n");
    wane_text_free(&rows);
}

/* Differences per pair of the first metrics that have any. */
static void write_pairs(wane_text *out, const wane_comparing *c, bool all)
{
    enum { SHOWN = 6 };
    static const char *const first[SHOWN] = {
        "acc",       "forgetting",      "pretraining_forgetting",
        "intruders", "delta_frobenius", "held_out_change"};
    const wane_compare_metric *shown[SHOWN];
    char sides[SHOWN + 2] = "l";
    size_t count = 0;
    wane_text rows = {0};
    if (c->pairs < 2 || (c->pairs > LISTED && !all)) return;
    for (size_t i = 0; i < c->metrics && count < SHOWN; i++)
        for (size_t k = 0; k < SHOWN; k++)
            if (c->question->metrics ? k == 0 : strcmp(c->metric[i].name, first[k]) == 0)
                shown[count++] = &c->metric[i];
    if (count == 0) return;
    wane_text_string(&rows, "pair");
    for (size_t k = 0; k < count; k++) {
        wane_text_printf(&rows, "\t%s", shown[k]->name);
        sides[k + 1] = 'r';
    }
    sides[count + 1] = '\0';
    wane_text_string(&rows, "\n");
    for (size_t i = 0; i < c->pairs; i++) {
        wane_text_string(&rows, c->pair[i].label);
        for (size_t k = 0; k < count; k++) {
            wane_text_string(&rows, "\t");
            wane_comparing_write_change(&rows, shown[k]->value[1][i] - shown[k]->value[0][i],
                                        DIGITS);
        }
        wane_text_string(&rows, "\n");
    }
    wane_text_string(out, "\nDifferences pair by pair\n");
    wane_page_table(out, &rows, sides);
    wane_text_free(&rows);
}

static void write_tasks(wane_text *out, const wane_comparing *c)
{
    wane_text rows = {0};
    if (c->tasks == 0) return;
    bool several = c->pairs > 1;
    wane_text_printf(&rows,
                     "task\texamples\tmajority\tfirst\tsecond\tdifference\tonly first\tonly "
                     "second\tMcNemar p%s\n",
                     several ? "\tfirst better\tsecond better\tsign p" : "");
    for (size_t i = 0; i < c->tasks; i++) {
        const wane_compare_task *t = &c->task[i];
        double n = (double)t->outcomes;
        if (!t->name && c->tasks == 2) continue; /* one task is all tasks */
        wane_text_printf(&rows, "%s\t%zu", t->name ? t->name : "all", t->examples);
        if (several) wane_text_printf(&rows, " x %zu", c->pairs);
        if (isnan(t->majority)) wane_text_string(&rows, "\t-");
        else wane_text_printf(&rows, "\t%.4f", t->majority);
        wane_text_printf(&rows, "\t%.4f\t%.4f\t%+.4f\t%zu\t%zu\t", (double)t->right[0] / n,
                         (double)t->right[1] / n, ((double)t->right[1] - (double)t->right[0]) / n,
                         t->only[0], t->only[1]);
        wane_comparing_write_p(&rows, t->p);
        if (several) {
            wane_text_printf(&rows, "\t%zu\t%zu\t", t->example[0], t->example[1]);
            wane_comparing_write_p(&rows, t->p_examples);
        }
        wane_text_string(&rows, "\n");
    }
    wane_text_string(out, "\nAccuracy on the same examples\n");
    wane_page_table(out, &rows, "lrrrrrrrrrrr");
    if (several)
        wane_text_string(
            out, "McNemar: exact, over all pairs of runs; takes an example under another seed or "
                 "order as another example.\n"
                 "Sign: exact, each example once, for the side that answers it right in more "
                 "pairs; takes examples as independent, runs as given.\n");
    wane_text_free(&rows);
}

static void write_losses(wane_text *out, const wane_comparing *c)
{
    wane_text rows = {0};
    if (c->losses == 0) return;
    wane_text_string(&rows, "loss\tunits\tbase\tfirst\tsecond\tdifference\t95%, BCa\tstderr\tp\n");
    for (size_t i = 0; i < c->losses; i++) {
        const wane_compare_loss *l = &c->loss[i];
        const wane_paired_loss *p = &l->loss;
        wane_text_printf(&rows, "%s\t", l->name);
        if (l->reason) {
            wane_text_printf(&rows, "-\t-\t-\t-\t-\t-\t-\t%s\n", l->reason);
            continue;
        }
        wane_text_printf(&rows, "%zu %s\t", p->units, l->corpus ? "documents" : "examples");
        if (isnan(l->base)) wane_text_string(&rows, "-");
        else wane_text_printf(&rows, "%.4f", l->base);
        wane_text_printf(&rows, "\t%.4f\t%.4f\t%+.4f\t", p->first, p->second, p->difference);
        wane_comparing_write_interval(&rows, p->low, p->high);
        wane_text_string(&rows, "\t");
        wane_comparing_write_number(&rows, p->stderr_, 2);
        wane_text_string(&rows, "\t");
        wane_comparing_write_p(&rows, p->p);
        wane_text_string(&rows, "\n");
    }
    wane_text_string(out, "\nLoss on the same documents (nats/token) and examples (nats)\n");
    wane_page_table(out, &rows, "llrrrrrrr");
    wane_text_string(out, "Unit: the document or example, 10,000 resamples");
    if (c->pairs > 1) wane_text_string(out, "; runs are averaged first and taken as given");
    wane_text_string(out, ".\n");
    wane_text_free(&rows);
}

void wane_comparing_page(wane_text *out, const wane_comparing *c, bool pairs)
{
    write_head(out, c);
    write_metrics(out, c);
    write_pairs(out, c, pairs);
    write_tasks(out, c);
    write_losses(out, c);
}

/* ---------------------------------------------------------------------------------------- JSON */

static void json_side(wane_text *out, const char *key, const wane_compare_side *s)
{
    wane_text_printf(out, "\"%s\":{", key);
    wane_page_json_text(out, "name", s->name);
    wane_text_printf(out,
                     ",\"runs\":%zu,\"diverged\":%zu,\"gate_failed\":%zu,\"failed\":%zu,"
                     "\"unfinished\":%zu,\"limited\":%zu,\"unpaired\":%zu}",
                     s->runs, s->diverged, s->gate_failed, s->failed, s->unfinished, s->limited,
                     s->unpaired);
}

static void json_pairs(wane_text *out, const wane_comparing *c)
{
    wane_text_string(out, ",\"pairs\":[");
    for (size_t i = 0; i < wane_page_shown(c->pairs); i++) {
        const wane_compare_pair *p = &c->pair[i];
        wane_text_string(out, i ? ",{" : "{");
        wane_page_json_text(out, "shared", p->label);
        wane_text_string(out, ",");
        wane_page_json_text(out, "first", p->run[0]);
        wane_text_string(out, ",");
        wane_page_json_text(out, "second", p->run[1]);
        wane_page_json_number(out, "first_collapsed", p->collapsed[0]);
        wane_page_json_number(out, "second_collapsed", p->collapsed[1]);
        wane_text_string(out, "}");
    }
    wane_text_string(out, "]");
}

static void json_values(wane_text *out, const char *key, const double *values, size_t count)
{
    wane_text_printf(out, ",\"%s\":[", key);
    for (size_t i = 0; i < count; i++) {
        if (i) wane_text_string(out, ",");
        wane_json_write_number(out, values[i]);
    }
    wane_text_string(out, "]");
}

static void json_metrics(wane_text *out, const wane_comparing *c)
{
    wane_text_string(out, ",\"metrics\":[");
    for (size_t i = 0; i < wane_page_shown(c->metrics); i++) {
        const wane_compare_metric *m = &c->metric[i];
        wane_text_string(out, i ? ",{" : "{");
        wane_page_json_text(out, "name", m->name);
        wane_page_json_number(out, "first", m->side[0].mean);
        wane_page_json_number(out, "first_sd", m->side[0].sd);
        wane_page_json_number(out, "second", m->side[1].mean);
        wane_page_json_number(out, "second_sd", m->side[1].sd);
        wane_page_json_number(out, "difference", m->difference.mean);
        wane_page_json_number(out, "sd", m->difference.sd);
        wane_page_json_number(out, "low", m->difference.low);
        wane_page_json_number(out, "high", m->difference.high);
        wane_page_json_number(out, "p", m->p);
        wane_text_printf(out, ",\"n\":%zu,\"same_sign\":%zu", m->difference.n, m->agree);
        json_values(out, "first_values", m->value[0], c->pairs);
        json_values(out, "second_values", m->value[1], c->pairs);
        wane_text_string(out, "}");
    }
    wane_text_string(out, "]");
}

static void json_counts(wane_text *out, const char *key, const size_t *values, size_t count)
{
    wane_text_printf(out, ",\"%s\":[", key);
    for (size_t i = 0; i < count; i++) wane_text_printf(out, "%s%zu", i ? "," : "", values[i]);
    wane_text_string(out, "]");
}

static void json_tasks(wane_text *out, const wane_comparing *c)
{
    wane_text_string(out, ",\"tasks\":[");
    for (size_t i = 0; i < wane_page_shown(c->tasks); i++) {
        const wane_compare_task *t = &c->task[i];
        wane_text_string(out, i ? ",{" : "{");
        wane_page_json_text(out, "task", t->name);
        wane_text_printf(out, ",\"examples\":%zu,\"outcomes\":%zu", t->examples, t->outcomes);
        wane_page_json_number(out, "majority", t->majority);
        json_counts(out, "right", t->right, 2);
        json_counts(out, "only", t->only, 2);
        wane_page_json_number(out, "p_mcnemar", t->p);
        json_counts(out, "better", t->example, 2);
        wane_page_json_number(out, "p_sign", t->p_examples);
        json_counts(out, "only_first", t->pair_only[0], c->pairs);
        json_counts(out, "only_second", t->pair_only[1], c->pairs);
        wane_text_string(out, ",\"p_of_pairs\":[");
        for (size_t k = 0; k < c->pairs; k++) {
            if (k) wane_text_string(out, ",");
            wane_json_write_number(out, wane_mcnemar_exact(t->pair_only[0][k], t->pair_only[1][k]));
        }
        wane_text_string(out, "]}");
    }
    wane_text_string(out, "]");
}

static void json_losses(wane_text *out, const wane_comparing *c)
{
    wane_text_string(out, ",\"losses\":[");
    for (size_t i = 0; i < wane_page_shown(c->losses); i++) {
        const wane_compare_loss *l = &c->loss[i];
        const wane_paired_loss *p = &l->loss;
        const char *reason = l->reason ? l->reason : p->reason;
        wane_text_string(out, i ? ",{" : "{");
        wane_page_json_text(out, l->corpus ? "corpus" : "task", l->name);
        wane_text_printf(out, ",\"units\":%zu", p->units);
        wane_page_json_number(out, "base", l->base);
        wane_page_json_number(out, "first", l->reason ? (double)NAN : p->first);
        wane_page_json_number(out, "second", l->reason ? (double)NAN : p->second);
        wane_page_json_number(out, "difference", l->reason ? (double)NAN : p->difference);
        wane_page_json_number(out, "stderr", reason ? (double)NAN : p->stderr_);
        wane_page_json_number(out, "low", reason ? (double)NAN : p->low);
        wane_page_json_number(out, "high", reason ? (double)NAN : p->high);
        wane_page_json_number(out, "p", reason ? (double)NAN : p->p);
        wane_text_string(out, ",");
        wane_page_json_text(out, "reason", reason);
        wane_text_string(out, "}");
    }
    wane_text_string(out, "]");
}

void wane_comparing_json(wane_text *out, const wane_comparing *c)
{
    wane_text_string(out, "{");
    json_side(out, "first", &c->side[0]);
    wane_text_string(out, ",");
    json_side(out, "second", &c->side[1]);
    wane_text_string(out, ",");
    wane_page_json_text(out, "by", c->question->by);
    wane_text_string(out, ",\"stage\":");
    if (c->question->stage > 0) wane_text_printf(out, "%lld", (long long)c->question->stage);
    else wane_text_string(out, "null");
    json_pairs(out, c);
    json_metrics(out, c);
    json_tasks(out, c);
    json_losses(out, c);
    wane_text_string(out, "}\n");
}
