/* SPDX-License-Identifier: Apache-2.0
 * Matched stages as a page for people and as one object of JSON.
 */
#include <inttypes.h>

#include "analysis/report/page.h"
#include "analysis/report/stage_matching.h"

/* More pairs than this are listed only when asked for. */
enum { LISTED = 12, DIGITS = 4 };

static const char *const orders[] = {"first", "second"};

static const char *what(const wane_matching *m)
{
    return m->on == WANE_MATCH_NORM ? "ln delta_frobenius_all" : "R[i][i] of the task just trained";
}

/* ---------------------------------------------------------------------------------------- page */

static bool left_out(const wane_compare_side *s)
{
    return s->diverged + s->gate_failed + s->failed + s->unfinished + s->limited > 0;
}

static void write_range(wane_text *out, const wane_matching *m, int s)
{
    const wane_match_side *side = &m->side[s];
    char low[32], high[32], name[16];
    (void)snprintf(name, sizeof name, "range %s", orders[s]);
    wane_page_line(out, name, "%s to %s; %zu of %zu stages lie in the other's range",
                   wane_page_number(low, side->low, DIGITS),
                   wane_page_number(high, side->high, DIGITS), side->inside,
                   side->stages - side->missing);
}

static void write_unmatched(wane_text *out, const wane_matching *m)
{
    wane_text line = {0};
    for (int s = 0; s < 2; s++) {
        const wane_match_side *side = &m->side[s];
        wane_text_printf(&line, "%s%s %zu of %zu stages", s ? "; " : "", orders[s],
                         side->stages - m->pairs, side->stages);
        if (side->missing)
            wane_text_printf(&line, " (%zu without %s)", side->missing, wane_match_column(m->on));
    }
    wane_page_line(out, "unmatched", "%s", line.data ? line.data : "");
    out->failed = out->failed || line.failed;
    wane_text_free(&line);
}

static void write_head(wane_text *out, const wane_matching *m)
{
    const wane_compare_question *q = m->question;
    for (int s = 0; s < 2; s++)
        wane_comparing_write_side(out, orders[s], &m->side[s].runs, left_out(&m->side[s].runs));
    wane_page_line(out, "matched on", "%s, within %g; one to one, same order, seed and stage",
                   what(m), wane_match_caliper(m->on));
    if (q->stage > 0) wane_page_line(out, "stage", "%" PRId64, q->stage);
    for (int s = 0; s < 2; s++) write_range(out, m, s);
    if (!m->overlap) return;
    wane_page_line(out, "pairs", "%zu, of %zu and %zu configs", m->pairs, m->side[0].configs,
                   m->side[1].configs);
    write_unmatched(out, m);
}

static void write_measures(wane_text *out, const wane_matching *m)
{
    wane_text rows = {0};
    size_t side = m->side[1].configs < m->side[0].configs ? 1 : 0;
    wane_text_string(&rows, "measure\tfirst\tsecond\tdifference\t95%, BCa\tpairs\tconfigs\tp\n");
    for (size_t i = 0; i < m->measures; i++) {
        const wane_match_measure *v = &m->measure[i];
        wane_text_printf(&rows, "%s\t", v->name);
        wane_comparing_write_number(&rows, v->loss.first, DIGITS);
        wane_text_string(&rows, "\t");
        wane_comparing_write_number(&rows, v->loss.second, DIGITS);
        wane_text_string(&rows, "\t");
        wane_comparing_write_change(&rows, v->loss.difference, DIGITS);
        wane_text_string(&rows, "\t");
        if (v->reason) wane_text_string(&rows, v->reason);
        else wane_comparing_write_interval(&rows, v->loss.low, v->loss.high);
        wane_text_printf(&rows, "\t%zu\t%zu\t", v->pairs, v->configs);
        wane_comparing_write_p(&rows, v->loss.p);
        wane_text_string(&rows, "\n");
    }
    wane_text_string(out, "\nMeans over the pairs, and their differences, second less first\n");
    wane_page_table(out, &rows, "lrrrrrrr");
    wane_text_printf(out,
                     "Unit of the interval: the config of the %s, with all its pairs; below 6 "
                     "there is none.\n",
                     orders[side]);
    wane_text_free(&rows);
}

static void write_pairs(wane_text *out, const wane_matching *m, bool all)
{
    wane_text rows = {0};
    if (m->pairs > LISTED && !all) return;
    wane_text_string(&rows, "order\tseed\tstage\ttrained\tfirst\tsecond\tfirst has\tsecond "
                            "has\tdistance\n");
    for (size_t i = 0; i < m->pairs; i++) {
        const wane_match_stage *a = &m->side[0].stage[m->pair[i].stage[0]],
                               *b = &m->side[1].stage[m->pair[i].stage[1]];
        wane_text_printf(&rows, "%s\t%" PRId64 "\t%" PRId64 "\t%s\t%s\t%s\t", a->order, a->seed,
                         a->position, a->trained, a->config, b->config);
        wane_comparing_write_number(&rows, a->on, DIGITS);
        wane_text_string(&rows, "\t");
        wane_comparing_write_number(&rows, b->on, DIGITS);
        wane_text_string(&rows, "\t");
        wane_comparing_write_number(&rows, m->pair[i].distance, 2);
        wane_text_string(&rows, "\n");
    }
    wane_text_string(out, "\nPairs\n");
    wane_page_table(out, &rows, "lrrlllrrr");
    wane_text_free(&rows);
}

void wane_matching_page(wane_text *out, const wane_matching *m, bool pairs)
{
    write_head(out, m);
    if (!m->overlap)
        wane_text_string(out, "\nThe ranges do not overlap: no stage of one is like a stage of the "
                              "other, and nothing is claimed.\n");
    else if (m->pairs == 0)
        wane_text_string(out, "\nNo two stages are within the caliper: nothing is claimed.\n");
    else {
        write_measures(out, m);
        write_pairs(out, m, pairs);
    }
}

/* ---------------------------------------------------------------------------------------- JSON */

static void json_side(wane_text *out, const wane_matching *m, int s)
{
    const wane_match_side *side = &m->side[s];
    const wane_compare_side *runs = &side->runs;
    wane_text_printf(out, "\"%s\":{", orders[s]);
    wane_page_json_text(out, "name", runs->name);
    wane_text_printf(out,
                     ",\"runs\":%zu,\"diverged\":%zu,\"gate_failed\":%zu,\"failed\":%zu,"
                     "\"unfinished\":%zu,\"limited\":%zu,\"stages\":%zu,\"missing\":%zu,"
                     "\"unmatched\":%zu,\"inside\":%zu,\"configs\":%zu",
                     runs->runs, runs->diverged, runs->gate_failed, runs->failed, runs->unfinished,
                     runs->limited, side->stages, side->missing, side->stages - m->pairs,
                     side->inside, side->configs);
    wane_page_json_number(out, "low", side->low);
    wane_page_json_number(out, "high", side->high);
    wane_text_string(out, "},");
}

static void json_pairs(wane_text *out, const wane_matching *m)
{
    wane_text_string(out, ",\"pairs\":[");
    for (size_t i = 0; i < wane_page_shown(m->pairs); i++) {
        const wane_match_stage *pair[2];
        for (int s = 0; s < 2; s++) pair[s] = &m->side[s].stage[m->pair[i].stage[s]];
        wane_text_string(out, i ? ",{" : "{");
        wane_page_json_text(out, "experiment", pair[0]->experiment);
        wane_text_string(out, ",");
        wane_page_json_text(out, "order_name", pair[0]->order);
        wane_text_printf(out, ",\"seed\":%" PRId64 ",\"position\":%" PRId64, pair[0]->seed,
                         pair[0]->position);
        for (int s = 0; s < 2; s++) {
            wane_text_string(out, ",");
            wane_page_json_text(out, orders[s], pair[s]->run);
            wane_page_json_number(out, s ? "second_has" : "first_has", pair[s]->on);
        }
        wane_page_json_number(out, "distance", m->pair[i].distance);
        wane_text_string(out, "}");
    }
    wane_text_string(out, "]");
}

static void json_measures(wane_text *out, const wane_matching *m)
{
    wane_text_string(out, ",\"measures\":[");
    for (size_t i = 0; i < wane_page_shown(m->measures); i++) {
        const wane_match_measure *v = &m->measure[i];
        wane_text_string(out, i ? ",{" : "{");
        wane_page_json_text(out, "name", v->name);
        wane_page_json_number(out, "first", v->loss.first);
        wane_page_json_number(out, "second", v->loss.second);
        wane_page_json_number(out, "difference", v->loss.difference);
        wane_page_json_number(out, "stderr", v->loss.stderr_);
        wane_page_json_number(out, "low", v->loss.low);
        wane_page_json_number(out, "high", v->loss.high);
        wane_page_json_number(out, "p", v->loss.p);
        wane_text_printf(out, ",\"pairs\":%zu,\"configs\":%zu,", v->pairs, v->configs);
        wane_page_json_text(out, "reason", v->reason);
        wane_text_string(out, "}");
    }
    wane_text_string(out, "]");
}

void wane_matching_json(wane_text *out, const wane_matching *m)
{
    wane_text_string(out, "{");
    for (int s = 0; s < 2; s++) json_side(out, m, s);
    wane_page_json_text(out, "by", m->question->by);
    wane_text_string(out, ",");
    wane_page_json_text(out, "match", wane_match_column(m->on));
    wane_page_json_number(out, "caliper", wane_match_caliper(m->on));
    wane_text_string(out, ",\"stage\":");
    if (m->question->stage > 0) wane_text_printf(out, "%" PRId64, m->question->stage);
    else wane_text_string(out, "null");
    wane_text_printf(out, ",\"overlap\":%s", m->overlap ? "true" : "false");
    json_pairs(out, m);
    json_measures(out, m);
    wane_text_string(out, "}\n");
}
