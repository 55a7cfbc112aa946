/* SPDX-License-Identifier: Apache-2.0
 * Opens the database read-only under a deadline that also ends a statement that looks at no clock,
 * and prints rows as a table, CSV, JSON or lines.
 */
#include "analysis/report/reading.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "analysis/report/page.h"
#include "store/base/clock.h"
#include "store/files/file.h"

/* Something that looks at no clock, a comparison of texts inside SQLite, has computed past the
 * deadline. A reading command may end anywhere: what it makes in files comes whole or not at all.
 */
static char late_line[96];

static void end_late(int signal_)
{
    (void)signal_;
    (void)!write(STDERR_FILENO, late_line, strlen(late_line));
    _exit(EXIT_FAILURE);
}

static wane_status set_limits(const wane_reading *r, wane_error *err)
{
    enum { LONGEST = 10000000, GRACE = 1 };
    double seconds = 60;
    uint64_t rows = 0;
    if (r->timeout &&
        (!wane_parse_double(&seconds, r->timeout) || !(seconds > 0) || seconds > LONGEST))
        return wane_fail(err, WANE_EINVAL,
                         "--timeout: %s: no number of seconds above 0, at most %d", r->timeout,
                         LONGEST);
    if (r->max_rows && (!wane_parse_whole(&rows, r->max_rows) || rows == 0 || rows > SIZE_MAX))
        return wane_fail(err, WANE_EINVAL, "--max-rows: %s: no number of rows from 1 on",
                         r->max_rows);
    wane_deadline_set(seconds);
    wane_page_limit((size_t)rows);
    (void)snprintf(late_line, sizeof late_line,
                   "wane: stopped after %g s; --timeout SECONDS gives it more\n", seconds);
    struct sigaction action = {.sa_handler = end_late};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGPROF, &action, NULL);
    /* Of processor time: one that waits for the reader of its output is not late. */
    const struct itimerval timer = {.it_value = {.tv_sec = (time_t)seconds + GRACE}};
    (void)setitimer(ITIMER_PROF, &timer, NULL);
    return WANE_OK;
}

wane_status wane_reading_open(wane_reading *r, const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    r->format = WANE_RENDER_TABLE;
    if ((st = set_limits(r, err)) != WANE_OK) return st;
    if (r->json && r->format_name && strcmp(r->format_name, "json") != 0)
        return wane_fail(err, WANE_EINVAL, "format: %s: --json asks for another", r->format_name);
    if (r->json) r->format = WANE_RENDER_JSON;
    else if (r->format_name) WANE_TRY(wane_render_format_parse(&r->format, r->format_name, err));
    if (r->csv_plain && r->format == WANE_RENDER_CSV) r->format = WANE_RENDER_CSV_PLAIN;
    else if (r->csv_plain && !r->csv_file)
        return wane_fail(err, WANE_EINVAL, "format: --csv-plain: goes with csv");
    WANE_TRY(wane_results_open(&r->db, path, WANE_RESULTS_READ, err));
    WANE_TRY(wane_results_restrict(r->db, &r->runs, r->where, r->experiment, err));
done:
    if (st != WANE_OK) wane_reading_close(r);
    return st;
}

void wane_reading_close(wane_reading *r)
{
    wane_results_close(r->db);
    r->db = NULL;
}

void wane_reading_tell_cut(const wane_reading *r)
{
    if (wane_page_cut())
        wane_tell("wane: %s: cut after %s row%s (--max-rows)\n", wane_results_path(r->db),
                  r->max_rows, wane_page_rows_most() == 1 ? "" : "s");
}

bool wane_reading_for_people(const wane_reading *r)
{
    return r->format == WANE_RENDER_TABLE || r->format == WANE_RENDER_MARKDOWN ||
           r->format == WANE_RENDER_LATEX;
}

/* The line about nothing alone. */
static void say_nothing(const wane_reading *r, const char *nothing)
{
    wane_tell("wane: %s: %s", wane_results_path(r->db), nothing);
    if (r->where) wane_tell(" where %s", r->where);
    if (r->experiment) wane_tell(" in experiment %s", r->experiment);
    wane_tell("\n");
}

static bool ends_with(const wane_text *text, size_t from, const char *end)
{
    size_t length = strlen(end);
    return text->length - from >= length &&
           memcmp(text->data + text->length - length, end, length) == 0;
}

/* Whether what was rendered from `from` on holds a row; a column name cannot hold a newline in the
 * first three, and no row ends as an empty JSON does. */
static bool has_rows(const wane_text *text, size_t from, wane_render_format format)
{
    size_t lines = 0;
    for (size_t i = from; i < text->length; i++) lines += text->data[i] == '\n';
    switch (format) {
    case WANE_RENDER_TABLE:
    case WANE_RENDER_CSV:
    case WANE_RENDER_CSV_PLAIN: return lines > 1;
    case WANE_RENDER_MARKDOWN: return lines > 2;
    case WANE_RENDER_JSON: return !ends_with(text, from, "\"rows\":[]}\n");
    case WANE_RENDER_JSONL: return text->length > from;
    case WANE_RENDER_LATEX:
        return !ends_with(text, from, "\\midrule\n\\bottomrule\n\\end{tabular}\n");
    }
    return true;
}

wane_status wane_reading_append(wane_text *out, wane_query *query, wane_render_format format,
                                bool *rows, wane_error *err)
{
    size_t from = out->length;
    wane_query_limit(query, wane_page_rows_most());
    wane_status st = wane_query_render(query, format, out, err);
    if (wane_query_cut(query)) (void)wane_page_shown(SIZE_MAX);
    if (st == WANE_OK && rows) *rows = has_rows(out, from, format);
    wane_query_free(query);
    return st;
}

/* What went to stdout so far. */
typedef struct printed {
    size_t lines;
    char end[4];
} printed;

static wane_status print_piece(void *context, const char *bytes, size_t count, wane_error *err)
{
    printed *p = context;
    double start = wane_clock_wall();
    wane_put_data(bytes, count);
    wane_deadline_extend(wane_clock_wall() - start); /* a pager may read slowly */
    if (ferror(stdout)) return wane_fail_errno(err, "print", "standard output");
    for (size_t i = 0; i < count; i++) p->lines += bytes[i] == '\n';
    for (size_t i = count < 4 ? 0 : count - 4; i < count; i++) {
        memmove(p->end, p->end + 1, 3);
        p->end[3] = bytes[i];
    }
    return WANE_OK;
}

/* In pieces, as it may be long. */
static wane_status print_for_programs(const wane_reading *r, wane_query *query, bool *rows,
                                      wane_error *err)
{
    printed p = {0};
    wane_query_limit(query, wane_page_rows_most());
    wane_status st = wane_query_write(query, r->format, print_piece, &p, err);
    if (wane_query_cut(query)) (void)wane_page_shown(SIZE_MAX);
    if (st == WANE_ELIMIT && p.lines) wane_tell("wane: what was printed is not the whole\n");
    wane_query_free(query);
    switch (r->format) {
    case WANE_RENDER_CSV:
    case WANE_RENDER_CSV_PLAIN: *rows = p.lines > 1; break;
    case WANE_RENDER_JSON: *rows = memcmp(p.end, "\n]}\n", 4) == 0; break;
    default: *rows = p.lines > 0;
    }
    return st;
}

wane_status wane_reading_print(const wane_reading *r, wane_query *query, const char *nothing,
                               wane_error *err)
{
    wane_text text = {0};
    bool rows = false;
    wane_status st = WANE_OK;
    if (!wane_reading_for_people(r)) st = print_for_programs(r, query, &rows, err);
    else {
        st = wane_reading_append(&text, query, r->format, &rows, err);
        if (st == WANE_OK && rows) wane_put(stdout, text.data, text.length);
    }
    /* An empty table is no use to people, an empty csv or JSON is to programs. */
    if (st == WANE_OK && !rows) say_nothing(r, nothing);
    wane_text_free(&text);
    return st;
}

wane_status wane_reading_count(const wane_reading *r, int64_t *out, const char *sql,
                               wane_error *err)
{
    wane_query *query = NULL;
    wane_status st = wane_query_open(&query, r->db, sql, NULL, 0, err);
    if (st != WANE_OK) return st;
    st = wane_query_next(query, err);
    if (st == WANE_OK) *out = wane_query_int(query, 0);
    if (st == WANE_DONE) *out = WANE_NULL;
    wane_query_free(query);
    return st == WANE_DONE ? WANE_OK : st;
}

void wane_reading_left_out(const wane_reading *r)
{
    static const char sql[] =
        "SELECT CASE WHEN status <> 'done' THEN status WHEN bound IS NOT NULL AND EXISTS "
        "(SELECT 1 FROM run_list o WHERE o.superseded = 0 AND o.bound IS NULL) THEN CASE bound "
        "WHEN 'perturbed' THEN 'perturbed' ELSE 'bound' END "
        "WHEN limited = 1 AND EXISTS (SELECT 1 FROM run_list o WHERE o.superseded = 0 "
        "AND o.limited = 0) THEN 'limited' END AS why, count(*) "
        "FROM run_list l WHERE superseded = 0 GROUP BY why HAVING why IS NOT NULL ORDER BY why";
    static const char *const why[][2] = {
        {"bound", "that bound others"}, {"diverged", "diverged"},
        {"failed", "failed"},           {"gate_failed", "with a failed gate"},
        {"limited", "under limit:"},    {"perturbed", "from perturbed numbers"},
        {"planned", "planned"},         {"running", "unfinished"}};
    if (!r->db) return;
    wane_query *query = NULL;
    bool first = true;
    wane_status st = wane_query_open(&query, r->db, sql, NULL, 0, NULL);
    while (st == WANE_OK && (st = wane_query_next(query, NULL)) == WANE_OK)
        for (size_t i = 0; i < sizeof why / sizeof *why; i++) {
            if (strcmp(wane_query_text(query, 0), why[i][0]) != 0) continue;
            int64_t count = wane_query_int(query, 1);
            if (first)
                wane_tell("wane: left out: %lld run%s %s", (long long)count, count == 1 ? "" : "s",
                          why[i][1]);
            else wane_tell(", %lld %s", (long long)count, why[i][1]);
            first = false;
        }
    if (!first) wane_tell("\n");
    wane_query_free(query);
}

wane_status wane_reading_write(const char *path, const wane_text *text, wane_error *err)
{
    return wane_file_write(path, text->data, text->length, err);
}
