/* SPDX-License-Identifier: Apache-2.0
 * The command `wane ls`: a statement for people and one for programs per list, printed again and
 * again with --watch.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "analysis/report/lists.h"
#include "eval/cli/commands.h"
#include "eval/cli/reading_options.h"

#define RUN_STATUS WANE_SQL_RUN_STATUS("s.status", "s.key")
#define STAGE_STATUS WANE_SQL_STAGE_STATUS("g.status", "g.key")

/* Whether kernels of two machines have a part in its weights or its cells. */
#define MIXED                                                                                      \
    "EXISTS (SELECT 1 FROM run_stage p WHERE p.run = r.id AND (EXISTS (SELECT 1 FROM environment " \
    "n WHERE n.stage = p.stage AND n.mixed = 1) OR EXISTS (SELECT 1 FROM cell c "                  \
    "WHERE c.stage = p.stage AND c.mixed = 1)))"

/* Only what the runs left by --where and --experiment belong to. */
#define THESE_EXPERIMENTS                                                                          \
    "EXISTS (SELECT 1 FROM run r WHERE r.experiment = e.id AND r.superseded = 0) "
#define STAGES_DONE                                                                                \
    "(SELECT count(*) FROM run_stage p JOIN stage g ON g.id = p.stage WHERE p.run = r.id "         \
    "AND p.position > 0 AND g.status = 'done')"

/* ", 2 stages collapsed": said, never left out. */
#define COLLAPSED                                                                                  \
    "CASE WHEN s.collapsed_stages > 0 THEN format(', %d stage%s collapsed', s.collapsed_stages, "  \
    "CASE s.collapsed_stages WHEN 1 THEN '' ELSE 's' END) ELSE '' END"
static const char runs_people[] =
    "s.run, " RUN_STATUS " || CASE s.limited WHEN 1 THEN ' (limited)' ELSE '' END || "
    "CASE WHEN " MIXED " THEN ' (mixed)' ELSE '' END || " COLLAPSED " AS status, " STAGES_DONE
    " || '/' || s.stages AS stages, s.acc, s.learning_acc, s.majority, "
    "CAST(s.learned_tasks AS INTEGER) || '/' || s.stages AS learned, "
    "s.bwt, s.bwt_learned, s.forgetting, s.pretraining_forgetting, s.intruders, "
    "s.intruders_unresolved AS unresolved, " WANE_SQL_NULL_TEXT(
        "s.") " AS \"null\", "
              "substr(s.key, 1, 8) AS key FROM run_summary s JOIN run r ON r.key = s.key ORDER BY "
              "r.id";
static const char runs_programs[] =
    "s.run, " RUN_STATUS " AS status, " STAGES_DONE " AS stages_done, s.stages, s.method, "
    "s.kind, s.rank, s.learning_rate, s.order_name, s.seed, s.acc, s.learning_acc, "
    "s.majority, s.learned_tasks, s.bwt, s.bwt_learned, s.forgetting, s.forgetting_learned, "
    "s.collapsed_stages, s.beyond_uniform_stages, s.pretraining_forgetting, s.intruders, "
    "s.intruders_unresolved, s.intruders_existing, "
    "s.intruders_low, s.intruders_high, s.intruders_null, s.intruders_null_low, "
    "s.intruders_null_high, s.intruders_p_low, s.intruders_p_high, s.uninformative, "
    "s.gates_failed, s.limited, "
    "s.error, s.key, " MIXED
    " AS mixed FROM run_summary s JOIN run r ON r.key = s.key ORDER BY r.id";

/* A stage goes by the first run that has it. */
#define STAGES_FROM                                                                                \
    "FROM stage g JOIN (SELECT stage, min(run) AS first, count(*) AS runs, position "              \
    "FROM run_stage WHERE run IN (SELECT id FROM run WHERE superseded = 0) GROUP BY stage) u "     \
    "ON u.stage = g.id JOIN run r ON r.id = u.first JOIN experiment e ON e.id = r.experiment "     \
    "LEFT JOIN stage h ON h.id = g.parent LEFT JOIN stage_summary v ON v.experiment = e.key "      \
    "AND v.run = r.name AND v.position = u.position ORDER BY g.id"
static const char stages_people[] =
    "substr(g.key, 1, 8) AS stage, u.position, "
    "coalesce(g.task_name, '(base)') AS \"trained on\", " STAGE_STATUS
    " || CASE WHEN v.beyond_uniform THEN ', beyond uniform' WHEN v.collapsed THEN ', collapsed' "
    "ELSE '' END AS status, coalesce(g.steps, 0) || '/' || "
    "g.steps_planned AS steps, u.runs, r.name AS \"first run\", substr(h.key, 1, 8) AS "
    "parent " STAGES_FROM;
static const char stages_programs[] =
    "g.key AS stage, u.position, g.kind, g.task_name AS trained, " STAGE_STATUS
    " AS status, v.collapsed, v.beyond_uniform, g.steps, g.steps_planned, g.diverged_at, u.runs, "
    "r.name AS first_run, "
    "h.key AS parent " STAGES_FROM;

static const char tasks_sql[] =
    "k.name AS task, k.kind, CASE x.watched WHEN 1 THEN 'watched' "
    "ELSE 'trained' END AS use, k.split, k.labels, k.train_rows, k.measured_rows, "
    "(SELECT a.majority FROM accuracy_matrix a WHERE a.experiment = e.key AND a.task = k.name "
    "AND a.position = 0 LIMIT 1) AS majority, "
    "(SELECT a.accuracy FROM accuracy_matrix a WHERE a.experiment = e.key AND a.task = k.name "
    "AND a.position = 0 LIMIT 1) AS base, k.path FROM experiment e "
    "JOIN experiment_task x ON x.experiment = e.id JOIN task k ON k.id = x.task "
    "WHERE " THESE_EXPERIMENTS "ORDER BY e.id, k.id";

static const char corpora_sql[] =
    "c.name AS corpus, x.role, x.weight, c.documents, c.windows, "
    "c.tokens, c.bytes, (SELECT f.nll_0 FROM pretraining_forgetting f WHERE f.experiment = e.key "
    "AND f.corpus = c.name AND f.position = 0 LIMIT 1) AS base_nll, c.floor, c.unigram_entropy, "
    "c.path "
    "FROM experiment e JOIN experiment_corpus x ON x.experiment = e.id "
    "JOIN corpus c ON c.id = x.corpus WHERE " THESE_EXPERIMENTS "ORDER BY e.id, c.id";

/* Over all orders and seeds: a metric's mean and its 95% t interval; "(3 of 4)" where runs that are
 * done lack the metric. */
#define METRIC(metric, digits)                                                                     \
    "max(CASE i.metric WHEN '" metric "' THEN i.mean END) AS " metric                              \
    ", max(CASE WHEN i.metric = '" metric "' AND i.n > 0 THEN nullif(trim(CASE WHEN i.low IS "     \
    "NOT NULL THEN format('[%." digits "f, %." digits "f]', i.low, i.high) ELSE '' END || CASE "   \
    "WHEN i.n < i.runs THEN format(' (%d of %d)', i.n, i.runs) ELSE '' END), '') END) AS \"95%\" "
#define ACC METRIC("acc", "3")
#define LEARNING                                                                                   \
    "max(CASE i.metric WHEN 'learning_acc' THEN i.mean END) AS learning_acc, "                     \
    "max(CASE i.metric WHEN 'majority' THEN i.mean END) AS majority, "                             \
    "max(CASE i.metric WHEN 'learned_tasks' THEN i.mean END) AS learned_tasks"
#define ENDS_COLLAPSED                                                                             \
    "(SELECT sum(s.collapsed_runs) FROM seed_summary s WHERE s.experiment = i.experiment AND "     \
    "s.method = i.method) AS \"ends collapsed\""
#define FORGETTING METRIC("forgetting", "3")
#define PRETRAINING METRIC("pretraining_forgetting", "3")
#define INTRUDERS METRIC("intruders", "1")
#define MEAN_NULL "max(CASE i.metric WHEN 'intruders_null' THEN i.mean END) AS \"null\" "
/* A method none of whose runs is done is listed too: one row without a metric. */
#define METHODS_FROM                                                                               \
    "FROM (SELECT m.experiment, m.method, m.kind, m.rank, m.learning_rate, m.first, "              \
    "v.order_name, "                                                                               \
    "v.metric, coalesce(v.runs, m.runs) AS runs, coalesce(v.left_out, m.left_out) AS left_out, "   \
    "v.n, v.mean, v.sd, v.low, v.high FROM (SELECT e.key AS experiment, r.method, r.kind, "        \
    "r.rank, r.learning_rate, min(r.id) AS first, sum(r.status = 'done') AS runs, "                \
    "sum(r.status <> 'done') AS left_out FROM run r JOIN experiment e ON e.id = r.experiment "     \
    "WHERE r.superseded = 0 GROUP BY r.experiment, r.method) m LEFT JOIN seed_interval v "         \
    "ON v.experiment = m.experiment AND v.method = m.method) i "
static const char methods_people[] =
    "i.method, max(i.runs) AS runs, max(i.left_out) AS \"left out\", " ENDS_COLLAPSED ", " ACC
    ", " LEARNING ", " FORGETTING ", " PRETRAINING ", " INTRUDERS ", " MEAN_NULL METHODS_FROM
    "WHERE i.order_name IS NULL GROUP BY i.experiment, i.method ORDER BY min(i.first)";
static const char methods_programs[] =
    "i.method, i.kind, i.rank, i.learning_rate, i.order_name, i.metric, i.runs, i.left_out, i.n, "
    "i.mean, i.sd, i.low, i.high " METHODS_FROM "ORDER BY i.first, i.order_name, i.metric";

/* The experiment's name is the first column; people see it only when there are several. */
typedef struct list {
    const char *name, *experiment, *people, *programs;
    wane_status (*make)(wane_query **out, wane_results *db,
                        wane_error *err); /* without a statement */
} list;

static const list lists[] = {
    {"runs", "s.experiment", runs_people, runs_programs, NULL},
    {"stages", "e.key AS experiment", stages_people, stages_programs, NULL},
    {"tasks", "e.key AS experiment", tasks_sql, tasks_sql, NULL},
    {"corpora", "e.key AS experiment", corpora_sql, corpora_sql, NULL},
    {"methods", "i.experiment", methods_people, methods_programs, NULL},
    {.name = "metrics", .make = wane_list_metrics},
    {.name = "queries", .make = wane_list_queries},
    {.name = "charts", .make = wane_list_charts}};
enum { LISTS = sizeof lists / sizeof *lists };

static const list *find(wane_call *call, const char *name)
{
    const char *names[LISTS];
    for (size_t i = 0; i < LISTS; i++) {
        names[i] = lists[i].name;
        if (strcmp(name, names[i]) == 0) return &lists[i];
    }
    const char *near = wane_nearest(name, names, LISTS);
    (void)wane_cli_usage(
        call, "'%s' is none of runs, stages, tasks, corpora, methods, metrics, queries, charts%s%s",
        name, near ? "; did you mean " : "", near ? near : "");
    return NULL;
}

static wane_status print_list(const wane_reading *r, const list *which, wane_error *err)
{
    wane_query *query = NULL;
    bool several = false, people = wane_reading_for_people(r);
    wane_status st = WANE_OK;
    wane_text sql = {0};
    if (which->make) WANE_TRY(which->make(&query, r->db, err));
    else {
        WANE_TRY(wane_list_several(&several, r, err));
        wane_text_string(&sql, "SELECT ");
        if (!people || several) wane_text_printf(&sql, "%s, ", which->experiment);
        wane_text_string(&sql, people ? which->people : which->programs);
        WANE_TRY(wane_text_check(&sql, "list", which->name, err));
        WANE_TRY(wane_query_open(&query, r->db, sql.data, NULL, 0, err));
    }
    wane_text_clear(&sql);
    wane_text_printf(&sql, "no %s", which->name);
    WANE_TRY(wane_text_check(&sql, "list", which->name, err));
    WANE_TRY(wane_reading_print(r, query, sql.data, err));
done:
    wane_text_free(&sql);
    return st;
}

/* Lists again and again while a run is planned or in work. */
static wane_status watch(wane_reading *r, const char *path, const list *which, wane_error *err)
{
    enum { SECONDS = 2 };
    for (;;) {
        int64_t open = 0;
        if (isatty(STDOUT_FILENO) == 1) (void)fputs("\033[H\033[2J", stdout);
        wane_status st = print_list(r, which, err);
        if (st == WANE_OK)
            st = wane_reading_count(r, &open,
                                    "SELECT count(*) FROM run WHERE superseded = 0 "
                                    "AND status IN ('planned', 'running')",
                                    err);
        if (st != WANE_OK || open == 0) return st;
        if (isatty(STDOUT_FILENO) != 1) (void)fputs("\n", stdout);
        if (fflush(stdout) != 0) return WANE_OK; /* said at the end of the program */
        (void)sleep(SECONDS);
        wane_reading_close(r); /* runs may have been added */
        st = wane_reading_open(r, path, err);
        if (st != WANE_OK) return st;
    }
}

static int run(wane_call *call)
{
    wane_reading r = {0};
    bool again = false;
    const wane_option options[] = {
        {"watch", 0, WANE_OPTION_FLAG, &again, NULL, "list every two seconds until all runs end"},
        WANE_READING_FORMAT(r),
        WANE_READING_WHERE(r),
    };
    int code = 0;
    wane_error err;
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 1, 2, &code)) return code;
    const list *which = call->operands > 1 ? find(call, call->operand[1]) : &lists[0];
    if (!which) return WANE_EXIT_USAGE;
    wane_status st = wane_reading_open(&r, call->operand[0], &err);
    if (st == WANE_OK)
        st = again ? watch(&r, call->operand[0], which, &err) : print_list(&r, which, &err);
    return wane_reading_end(&r, st, &err);
}

const wane_command wane_command_ls = {
    "ls", "ls DB [runs|stages|tasks|corpora|methods|metrics|queries|charts] [--watch]",
    "List what a database holds: its runs, or what is named.", run};
