/* SPDX-License-Identifier: Apache-2.0
 * The command `wane curves`: a report (analysis/report/report.h) as chart, file or table, with the
 * options and examples that the table of reports makes.
 */
#include <stdio.h>

#include "analysis/report/lists.h"
#include "analysis/report/page.h"
#include "analysis/report/report.h"
#include "eval/cli/commands.h"
#include "eval/cli/reading_options.h"
#include "store/base/text.h"

typedef struct curves_call {
    wane_reading reading;
    wane_report_request request;
    wane_option_list names[WANE_REPORT_OPTIONS]; /* of options that are lists */
    const char *path;
    bool list;
} curves_call;

/* A chart, or the numbers of one, into the file. */
static wane_status write_file(const curves_call *c, const wane_reporting *r, wane_error *err)
{
    wane_text text = {0};
    wane_query *query = NULL;
    wane_status st = WANE_OK;
    if (wane_ends_with(c->path, ".svg")) WANE_TRY(r->report->draw(&text, r, err));
    else {
        WANE_TRY(r->report->rows(&query, r, err));
        WANE_TRY(wane_reading_append(&text, query,
                                     c->reading.csv_plain ? WANE_RENDER_CSV_PLAIN : WANE_RENDER_CSV,
                                     NULL, err));
    }
    WANE_TRY(wane_reading_write(c->path, &text, err));
done:
    wane_text_free(&text);
    return st;
}

/* A table, under what it shows, or its rows in another format. */
static wane_status print(const curves_call *c, const wane_reporting *r, wane_error *err)
{
    const wane_report *report = r->report;
    wane_text caption = {0};
    wane_query *query = NULL;
    wane_status st = WANE_OK;
    if (report->means && wane_reading_for_people(&c->reading))
        WANE_TRY(report->means(&query, r, err));
    else WANE_TRY(report->rows(&query, r, err));
    report->caption(&caption, r);
    WANE_TRY(wane_text_check(&caption, "curves", "caption", err));
    if (c->reading.format == WANE_RENDER_TABLE) {
        wane_put(stdout, caption.data, caption.length);
        (void)fputs("\n\n", stdout);
    }
    st = wane_reading_print(&c->reading, query, "no points", err);
    query = NULL;
done:
    wane_query_free(query);
    wane_text_free(&caption);
    return st;
}

static wane_status show(curves_call *c, wane_error *err)
{
    wane_reporting r;
    c->request.experiment = c->reading.experiment;
    wane_status st = wane_report_open(&r, c->reading.db, &c->request, err);
    if (st == WANE_OK) st = c->path ? write_file(c, &r, err) : print(c, &r, err);
    wane_report_close(&r);
    return st;
}

static wane_status list(const curves_call *c, wane_error *err)
{
    wane_query *query = NULL;
    wane_status st = wane_list_chart_names(&query, c->reading.db, err);
    return st == WANE_OK ? wane_reading_print(&c->reading, query, "no names", err) : st;
}

static void add_example(wane_text *out, const char *call, const char *shows)
{
    wane_text_printf(out, "  wane curves DB %-42s %s\n", call, shows);
}

/* Which options go with which chart, and an example of each. */
static void more_help(wane_text *out)
{
    wane_text_string(out, "\ncharts, and which of these options go with each:\n");
    for (size_t i = 0; i < WANE_REPORTS; i++) {
        wane_text_printf(out, "  %-30s ", wane_reports[i]->name);
        wane_report_say_options(out, wane_reports[i]);
        wane_text_string(out, "\n");
    }
    wane_text_string(out, "\nexamples:\n");
    for (size_t i = 0; i < WANE_REPORTS; i++) {
        const wane_report *report = wane_reports[i];
        add_example(out, report->example, report->brief);
        for (const wane_report_example *e = report->more; e && e->call; e++)
            add_example(out, e->call, e->shows);
    }
}

/* An option of reports as one of the command line. */
static wane_option option_of(curves_call *c, size_t i)
{
    static const wane_option_kind kinds[] = {[WANE_REPORT_TEXT] = WANE_OPTION_TEXT,
                                             [WANE_REPORT_STAGE] = WANE_OPTION_TEXT,
                                             [WANE_REPORT_COUNT] = WANE_OPTION_POSITIVE,
                                             [WANE_REPORT_FRACTION] = WANE_OPTION_NUMBER,
                                             [WANE_REPORT_NAMES] = WANE_OPTION_LIST};
    const wane_report_option *o = &wane_report_options[i];
    void *value = o->kind == WANE_REPORT_NAMES ? (void *)&c->names[i]
                                               : (void *)((char *)&c->request + o->offset);
    return (wane_option){o->name, o->letter, kinds[o->kind], value, o->argument, o->help};
}

/* Lists that were given become part of the request. */
static void take_lists(curves_call *c)
{
    for (size_t i = 0; i < WANE_REPORT_OPTIONS; i++) {
        if (c->names[i].count == 0) continue;
        wane_report_names *to = (void *)((char *)&c->request + wane_report_options[i].offset);
        *to = (wane_report_names){c->names[i].item, c->names[i].count};
    }
}

static int run(wane_call *call)
{
    curves_call c = {.request = wane_report_ask(NULL)};
    const wane_option first[] = {
        {"metric", 'm', WANE_OPTION_TEXT, &c.request.name, "NAME",
         "a chart or a metric, of those that --list names (pretraining_forgetting)"},
        {"y", 'y', WANE_OPTION_TEXT, &c.request.name, "NAME", "the same as --metric"}};
    const wane_option last[] = {
        {"output", 'o', WANE_OPTION_OUTPUT, &c.path, "FILE",
         "a chart (.svg) or its numbers (.csv)"},
        {"list", 'l', WANE_OPTION_FLAG, &c.list, NULL, "list the names that --metric takes"},
        WANE_READING_FORMAT(c.reading),
        WANE_READING_WHERE(c.reading),
    };
    enum { FIRST = sizeof first / sizeof *first, LAST = sizeof last / sizeof *last };
    wane_option options[FIRST + WANE_REPORT_OPTIONS + LAST];
    for (size_t i = 0; i < FIRST; i++) options[i] = first[i];
    for (size_t i = 0; i < WANE_REPORT_OPTIONS; i++) options[FIRST + i] = option_of(&c, i);
    for (size_t i = 0; i < LAST; i++) options[FIRST + WANE_REPORT_OPTIONS + i] = last[i];
    int code = 0;
    wane_error err;
    call->more_help = more_help;
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 1, 1, &code)) return code;
    if (c.path && !wane_ends_with(c.path, ".svg") && !wane_ends_with(c.path, ".csv"))
        return wane_cli_usage(call, "--output %s: neither .svg nor .csv", c.path);
    if (c.path && (c.list || c.reading.json || c.reading.format_name))
        return wane_cli_usage(call, "either --output or a list or format");
    take_lists(&c);
    c.reading.csv_file = c.path && wane_ends_with(c.path, ".csv");
    wane_status st = wane_report_check(&c.request, &err);
    if (st == WANE_OK) st = wane_reading_open(&c.reading, call->operand[0], &err);
    if (st == WANE_OK) st = c.list ? list(&c, &err) : show(&c, &err);
    if (!c.list && (st == WANE_OK || st == WANE_ENUMERIC)) wane_reading_left_out(&c.reading);
    return wane_reading_end(&c.reading, st, &err);
}

const wane_command wane_command_curves = {
    "curves", "curves DB [--metric NAME] [--x stage|epsilon|k|METRIC] [-o FILE.svg|FILE.csv]",
    "A metric over stages (forgetting curves) or against another: table, chart or csv.", run};
