/* SPDX-License-Identifier: Apache-2.0
 * The statements themselves, most of them over views, each with the columns that the page shows.
 */
#include "analysis/report/show_sql.h"

#include "store/results/query.h"

/* Names of the run ?1, to find it in the views. */
#define THIS_RUN                                                                                   \
    "run = (SELECT name FROM run WHERE id = ?1) AND experiment = "                                 \
    "(SELECT e.key FROM run r JOIN experiment e ON e.id = r.experiment WHERE r.id = ?1) "
/* format() writes a missing number as 0. */
#define NUMBER(before, digits, value)                                                              \
    "CASE WHEN " value " IS NOT NULL THEN format('" before "%." digits "f', " value ") END"

#define RUN_STATUS WANE_SQL_RUN_STATUS("r.status", "r.key")
#define STAGE_STATUS WANE_SQL_STAGE_STATUS("stage_status", "stage")

/* Those in which kernels of two machines have a part. */
#define MIXED_STAGES                                                                               \
    "(SELECT count(*) FROM run_stage p JOIN environment n ON n.stage = p.stage AND n.mixed = 1 "   \
    "WHERE p.run = r.id)"
#define MIXED_CELLS                                                                                \
    "(SELECT count(*) FROM run_stage p JOIN cell c ON c.stage = p.stage AND c.mixed = 1 "          \
    "WHERE p.run = r.id)"

/* Its last stage that has anything measured. */
#define LAST_MEASURED                                                                              \
    "(SELECT max(p.position) FROM run_stage p WHERE p.run = ?1 AND EXISTS "                        \
    "(SELECT 1 FROM cell c WHERE c.stage = p.stage AND c.step = -1))"

/* "4 of 5 tasks (...); not cola" */
#define LEARNED                                                                                    \
    "(SELECT CASE WHEN count(v.learned) > 0 THEN format('%d of %d tasks (right after training "    \
    "above majority + 2 standard errors)', sum(v.learned), count(v.learned)) || coalesce('; not '" \
    " || group_concat(CASE v.learned WHEN 0 THEN v.trained END, ', '), '') END FROM "              \
    "(SELECT learned, trained FROM stage_summary WHERE run_key = r.key AND position > 0 "          \
    "ORDER BY position) v)"
/* "2 of 5 stages (4, 5)", of those of which it is known. */
#define COLLAPSED                                                                                  \
    "(SELECT CASE WHEN count(v.collapsed) = 0 THEN NULL WHEN sum(v.collapsed) = 0 THEN "           \
    "format('none of %d stages', count(v.collapsed)) ELSE format('%d of %d stages (%s): nll of "   \
    "the pretraining text at its unigram entropy or above, not finite or diverged', "              \
    "sum(v.collapsed), "                                                                           \
    "count(v.collapsed), group_concat(CASE v.collapsed WHEN 1 THEN v.position END, ', ')) || "     \
    "CASE WHEN sum(v.beyond_uniform) > 0 THEN format('; %d of them (%s) at a uniform guess or "    \
    "above', sum(v.beyond_uniform), group_concat(CASE v.beyond_uniform WHEN 1 THEN v.position "    \
    "END, ', ')) ELSE '' END END FROM (SELECT collapsed, beyond_uniform, position FROM "           \
    "stage_summary WHERE run_key = r.key AND position > 0 ORDER BY position) v)"

const char wane_show_head[] =
    "SELECT r.name AS run, e.key AS experiment, m.name || ' (' || m.architecture || "
    "CASE WHEN m.parameters IS NULL THEN '' ELSE format(', %,d parameters', "
    "m.parameters) END || coalesce(', ' || m.context || ' tokens of context', '') || ')' AS model, "
    "r.method || ' (' || r.kind || coalesce(', rank ' || r.rank, '') || "
    "CASE WHEN r.alpha IS NULL THEN '' ELSE format(', alpha %.6g', r.alpha) END || "
    "CASE WHEN r.learning_rate IS NULL THEN '' ELSE "
    "format(', learning rate %.6g', r.learning_rate) END || "
    "CASE WHEN r.trainable IS NULL THEN '' ELSE "
    "format(', %,d numbers trained', r.trainable) END || ')' AS method, "
    "r.order_name || coalesce(': ' || (SELECT group_concat(name, ' > ') FROM (SELECT t.name "
    "FROM run_stage p JOIN task t ON t.id = p.task WHERE p.run = r.id ORDER BY p.position)), '') "
    "AS \"order\", r.seed, "
    "CASE r.status WHEN 'gate_failed' THEN 'GATE FAILED' WHEN 'failed' THEN 'FAILED' "
    "ELSE " RUN_STATUS " END || CASE WHEN r.status IN ('planned', 'running', 'failed') THEN "
    "format(', %d of %d stages done', (SELECT count(*) FROM run_stage p JOIN stage g "
    "ON g.id = p.stage WHERE p.run = r.id AND p.position > 0 AND g.status = 'done'), r.stages) "
    "ELSE '' END || coalesce((SELECT format(': stage %d (%s), step %d', p.position, g.task_name, "
    "g.diverged_at) FROM run_stage p JOIN stage g ON g.id = p.stage WHERE p.run = r.id "
    "AND g.status = 'diverged' ORDER BY p.position LIMIT 1), "
    "(SELECT format(': stage %d (%s), not finite', p.position, g.task_name) FROM run_stage p "
    "JOIN stage g ON g.id = p.stage WHERE p.run = r.id AND r.status = 'diverged' AND (EXISTS "
    "(SELECT 1 FROM likelihood l WHERE l.stage = g.id AND l.step = -1 AND l.reason = 'not_finite') "
    "OR EXISTS (SELECT 1 FROM score s WHERE s.stage = g.id AND s.step = -1 "
    "AND s.reason = 'not_finite')) ORDER BY p.position LIMIT 1), '') AS status, r.error, " LEARNED
    " AS learned, " COLLAPSED " AS collapsed, "
    "CASE e.limited WHEN 1 THEN 'yes: under limit:, left out of means' END AS limited, "
    "CASE r.superseded WHEN 1 THEN 'yes: the experiment file has changed since' END AS superseded, "
    "CASE WHEN " MIXED_STAGES " + " MIXED_CELLS " > 0 THEN format('yes: %d stages trained and %d "
    "cells filled with kernels of two kinds having a part in them', " MIXED_STAGES ", " MIXED_CELLS
    ") END AS mixed, "
    "r.key FROM run r JOIN experiment e ON e.id = r.experiment "
    "JOIN model m ON m.id = e.model WHERE r.id = ?1";

const char wane_show_settings[] = "SELECT key, value FROM parameter WHERE run = ?1 ORDER BY key";

const char wane_show_gate_names[] = "SELECT name, count(*), sum(NOT passed) FROM gate "
                                    "WHERE run = ?1 GROUP BY name ORDER BY name";

const char wane_show_failed_gates[] =
    "SELECT 'FAILED' AS result, name AS gate, subject, value, bound, detail FROM gate "
    "WHERE run = ?1 AND passed = 0 ORDER BY name, subject";

/* Without the run's name in front, which the page bears. */
#define WARNINGS                                                                                   \
    "SELECT v.time, replace(v.message, r.name || ': ', '') AS warning FROM event v JOIN run r ON " \
    "r.id = v.run WHERE v.run = ?1 AND v.level = 'warning' ORDER BY v.id"
const char wane_show_warnings[] = WARNINGS;

/* The tasks of the experiment: trained ones in the order of the run, then watched ones. */
#define TASKS                                                                                      \
    "SELECT x.task AS id, k.name AS name, k.split AS split, (SELECT min(q.position) "              \
    "FROM run_stage q WHERE q.run = ?1 AND q.task = k.id) AS trained_at FROM run r "               \
    "JOIN experiment_task x ON x.experiment = r.experiment JOIN task k ON k.id = x.task "          \
    "WHERE r.id = ?1 "
const char wane_show_tasks[] =
    "SELECT name FROM (" TASKS ") ORDER BY trained_at IS NULL, trained_at, id";
#define SCORE NUMBER("", "3", "s.value")
#define SCORE_ERROR "CASE WHEN s.stderr IS NOT NULL THEN format(' (%.3f)', s.stderr) END"
/* Of a task, the same after every stage. */
#define MAJORITY(task, split)                                                                      \
    "(SELECT max(m.value) FROM run_stage z JOIN score m ON m.stage = z.stage AND m.step = -1 "     \
    "AND m.metric = 'majority' AND m.split = " split " AND m.task = " task " WHERE z.run = ?1)"
#define GUESS MAJORITY("t.id", "t.split")
/* Whether the score of a task right after its training is above its majority by two errors. */
#define LEARNED_MARK                                                                               \
    "CASE WHEN t.trained_at IS NOT p.position OR s.value IS NULL THEN '' "                         \
    "WHEN s.value > " GUESS " + 2 * s.stderr THEN '*' "                                            \
    "WHEN s.value <= " GUESS " + 2 * s.stderr THEN 'x' ELSE '?' END"
#define MEASURED "EXISTS (SELECT 1 FROM score q WHERE q.stage = p.stage AND q.step = -1)"
#define GUESSES                                                                                    \
    "SELECT -1 AS position, '(majority)', format('%.3f', t.guess), t.trained_at AS at, t.id AS "   \
    "id "                                                                                          \
    "FROM (SELECT t.*, " GUESS " AS guess FROM (" TASKS ") t) t WHERE t.guess IS NOT NULL AND "    \
    "EXISTS (SELECT 1 FROM run_stage p WHERE p.run = ?1 AND " MEASURED ")"
const char wane_show_matrix[] =
    "SELECT * FROM (" GUESSES " UNION ALL SELECT p.position, coalesce(g.task_name, '(base)'), "
    "coalesce(" SCORE " || coalesce(" SCORE_ERROR ", ''), s.reason) || " LEARNED_MARK
    ", t.trained_at, t.id FROM run_stage p "
    "JOIN stage g ON g.id = p.stage CROSS JOIN (" TASKS ") t LEFT JOIN score s "
    "ON s.stage = p.stage AND s.step = -1 AND s.metric = 'accuracy' AND s.split = t.split "
    "AND s.task = t.id WHERE p.run = ?1 AND " MEASURED ") ORDER BY position, at IS NULL, at, id";

/* The accuracy of task k at a position of the run's bound of that kind, and of the run itself. */
#define BOUND(kind, position, value)                                                               \
    "(SELECT " value " FROM run b JOIN run_stage z ON z.run = b.id AND z.position = " position     \
    " JOIN score s ON s.stage = z.stage AND s.step = -1 AND s.metric = 'accuracy' "                \
    "AND s.split = k.split AND s.task = k.id WHERE b.bounds = ?1 AND b.bound = '" kind "' "        \
    "AND b.superseded = 0)"
#define OWN(position, value)                                                                       \
    "(SELECT " value " FROM run_stage z JOIN score s ON s.stage = z.stage AND s.step = -1 "        \
    "AND s.metric = 'accuracy' AND s.split = k.split AND s.task = k.id WHERE z.run = ?1 "          \
    "AND z.position = " position ")"
#define GUESS_OF_TASK MAJORITY("k.id", "k.split") " AS majority, "
#define OWN_SCORES(value)                                                                          \
    OWN("p.position", value) " AS learned_accuracy, " OWN("r.stages", value) " AS final, "
#define BOUND_SCORES(value)                                                                        \
    BOUND("single", "p.position", value)                                                           \
    " AS single, " BOUND("joint", "p.position", value) " AS joint, " BOUND("joint", "r.stages",    \
                                                                           value) " AS joint_all "
#define BOUNDS(value)                                                                              \
    "SELECT p.position AS stage, k.name AS task, " GUESS_OF_TASK OWN_SCORES(value)                 \
        BOUND_SCORES(value) "FROM run r JOIN run_stage p ON p.run = r.id AND p.position > 0 JOIN " \
                            "task k ON k.id = p.task WHERE r.id = ?1 AND EXISTS (SELECT 1 FROM "   \
                            "run b WHERE b.bounds = ?1 AND b.bound <> 'perturbed' AND "            \
                            "b.superseded = 0) ORDER BY p.position"
const char wane_show_bounds[] = BOUNDS(SCORE);

/* Of the run itself, or of the one that it is again. */
#define NOISE(mean, sd)                                                                            \
    "SELECT c.run, c.again, c.n, c.intruders, " mean " AS mean, " sd " AS count_noise, c.low, "    \
    "c.high FROM run v JOIN run r ON r.id = CASE v.bound WHEN 'perturbed' THEN v.bounds ELSE "     \
    "v.id END JOIN experiment e ON e.id = r.experiment JOIN count_noise c ON c.experiment = "      \
    "e.key AND c.run = r.name WHERE v.id = ?1"
const char wane_show_count_noise[] =
    NOISE(NUMBER("", "1", "c.mean"), NUMBER("", "1", "c.count_noise"));

const char wane_show_metrics[] =
    "SELECT name, name || CASE subject WHEN '' THEN '' ELSE ' of ' || subject END, value, reason, "
    "CASE name WHEN 'learned_tasks' THEN format('of %d: ', position) ELSE '' END "
    "FROM metric WHERE run = ?1 AND position = (SELECT stages FROM run WHERE id = ?1) "
    /* Beside an accuracy stands what guessing gives, beside a change that of what was learned. */
    "ORDER BY subject <> '', name NOT IN ('acc', 'learning_acc', 'majority', 'learned_tasks'), "
    "instr(' acc learning_acc majority learned_tasks ', ' ' || name || ' '), name, subject";

#define BEFORE NUMBER("", "4", "nll_0")
#define AFTER NUMBER("", "4", "nll")
/* exp of more is beyond any number. */
#define PERPLEXITY(nll) "CASE WHEN " nll " < 709 THEN exp(" nll ") END"
#define KL NUMBER("", "4", "kl_to_base")
const char wane_show_corpora[] =
    "SELECT corpus, role || CASE out_of_reach WHEN 1 THEN ', out of reach of the base' ELSE '' END "
    "AS role, position AS \"after stage\", " BEFORE " AS before, " AFTER " AS after, "
    "CASE WHEN nll - nll_0 IS NOT NULL THEN format('%+.4f', nll - nll_0) ELSE reason END AS "
    "change, "
    "stderr, " NUMBER(
        "", "4",
        "unigram_entropy") " AS unigram, " KL
                           " AS \"kl to base\", " PERPLEXITY(
                               "nll_0") " AS \"ppl before\", " PERPLEXITY("nll") " AS \"ppl "
                                                                                 "after\" "
                                                                                 "FROM "
                                                                                 "pretraining_"
                                                                                 "forgetting "
                                                                                 "WHERE " THIS_RUN
                                                                                 "AND position "
                                                                                 "= " LAST_MEASURED
                                                                                 " AND position > "
                                                                                 "0 AND (nll IS "
                                                                                 "NOT NULL OR "
                                                                                 "reason IS NOT "
                                                                                 "NULL) ORDER BY "
                                                                                 "role DESC, "
                                                                                 "corpus";

/* The rotated null of the right vectors. */
#define NULL_V                                                                                     \
    "(SELECT format('%.1f [%g, %g]', n.mean, n.low, n.high) FROM intruder_null n WHERE "           \
    "n.experiment = v.experiment AND n.run = v.run AND n.position = v.position "                   \
    "AND n.null_kind = 'rotated' AND n.side = 'v')"
const char wane_show_stages[] =
    "SELECT position AS stage, trained AS \"trained on\", " STAGE_STATUS
    " || CASE WHEN beyond_uniform THEN ', beyond uniform' WHEN collapsed THEN ', collapsed' "
    "ELSE '' END AS status, "
    "pretraining_forgetting AS forgetting, intruders, intruders_unresolved AS unresolved, "
    "intruders_existing AS \"of\", CASE WHEN intruders_low IS NOT NULL THEN "
    "format('%d-%d', intruders_low, intruders_high) END AS \".45-.55\", " WANE_SQL_NULL_TEXT(
        "") " AS \"null\", CASE WHEN intruders_p_low IS NOT NULL THEN "
            "format('%.2f/%.2f', intruders_p_low, intruders_p_high) END AS \"p low/high\", "
            "intruder_energy AS energy, onset, intruders_v AS \"side v\", " NULL_V
            " AS \"null v\", delta_frobenius AS \"|dW|\", delta_frobenius_all AS \"|dW| all\", "
            "relative_update AS \"|dW|/|W0|\", effective_rank AS \"eff. rank\" "
            "FROM stage_summary v WHERE " THIS_RUN "AND position > 0 ORDER BY position";

/* From the tables: the view takes longer to prepare than to read. */
#define DRAWN                                                                                      \
    "FROM null_draw n WHERE n.stage = p.stage AND n.step = -1 AND n.kind = 'rotated' "             \
    "AND n.side = 'u'"
const char wane_show_nulls[] =
    "SELECT count(*), count(counted), sum(drawn), sum(high = 0), "
    "group_concat(CASE WHEN high = 0 THEN position END, ', ') FROM (SELECT p.position, "
    "s.intruders_u AS counted, EXISTS (SELECT 1 " DRAWN
    ") AS drawn, (SELECT max(o.x) FROM (SELECT n.intruders AS x " DRAWN
    " ORDER BY n.intruders LIMIT 2 OFFSET 96) o) AS high FROM run_stage p LEFT JOIN spectrum_total "
    "s ON s.stage = p.stage AND s.step = -1 AND s.against = 'base' WHERE p.run = ?1 "
    "AND p.position > 0 ORDER BY p.position)";

const char wane_show_usage[] =
    "SELECT p.position AS stage, coalesce(g.task_name, '(base)') AS \"trained on\", g.steps, "
    "sum(CASE u.phase WHEN 'train' THEN u.wall_s END) AS \"train s\", "
    "sum(CASE u.phase WHEN 'train' THEN 0 ELSE u.wall_s END) AS \"measure s\", "
    "sum(u.cpu_s) AS \"cpu s\", max(u.peak_bytes) / 1048576.0 AS \"peak MiB\", "
    "sum(CASE u.phase WHEN 'train' THEN u.tokens END) / "
    "nullif(sum(CASE u.phase WHEN 'train' THEN u.wall_s END), 0) AS \"train tokens/s\" "
    "FROM run_stage p JOIN stage g ON g.id = p.stage JOIN usage u ON u.stage = p.stage "
    "WHERE p.run = ?1 GROUP BY p.position ORDER BY p.position";

const char wane_show_artifacts[] =
    "SELECT p.position AS stage, a.kind, a.bytes / 1048576.0 AS MiB, "
    "CASE a.gone WHEN 1 THEN 'let go' ELSE 'kept' END AS state, a.path FROM run_stage p "
    "JOIN artifact a ON a.stage = p.stage WHERE p.run = ?1 ORDER BY p.position, a.kind";

const struct wane_show_object wane_show_objects[WANE_SHOW_OBJECTS] = {
    {"run",
     "SELECT e.key AS experiment, r.name AS run, r.key, m.name AS model, r.method, r.kind, r.rank, "
     "r.alpha, r.learning_rate, r.order_name, r.seed, r.stages, r.trainable, " RUN_STATUS
     " AS status, r.error, "
     "e.limited, r.superseded, " MIXED_STAGES " AS mixed_stages, " MIXED_CELLS
     " AS mixed_cells FROM run r JOIN experiment e ON e.id = r.experiment "
     "JOIN model m ON m.id = e.model WHERE r.id = ?1",
     false},
    {"settings", "SELECT key, value FROM parameter WHERE run = ?1 ORDER BY key", true},
    {"gates",
     "SELECT name AS gate, subject, passed, value, bound, detail FROM gate WHERE run = ?1 "
     "ORDER BY passed, name, subject",
     true},
    {"warnings", WARNINGS, true},
    {"accuracy_matrix",
     "SELECT position, trained, task, task_position, watched, accuracy, stderr, n, majority, "
     "learned, "
     "reason "
     "FROM accuracy_matrix WHERE " THIS_RUN "ORDER BY position, task_position IS NULL, "
     "task_position, task",
     true},
    {"bounds", BOUNDS("s.value"), true},
    {"count_noise", NOISE("c.mean", "c.count_noise"), true},
    {"metrics",
     "SELECT position, name AS metric, subject, value, reason FROM metric WHERE run = ?1 "
     "ORDER BY position, name, subject",
     true},
    {"pretraining_forgetting",
     "SELECT position, trained, corpus, role, out_of_reach, nll, nll_0, forgetting, stderr, "
     "kl_to_base, soft_ce, unigram_entropy, reason FROM pretraining_forgetting WHERE " THIS_RUN
     "ORDER BY position, corpus",
     true},
    {"stages",
     "SELECT position, trained, stage, " STAGE_STATUS
     " AS stage_status, nll, nll_0, pretraining_forgetting, "
     "collapsed, beyond_uniform, other_forgetting, kl_to_base, learned_accuracy, majority, "
     "learned, "
     "acc, learning_acc, mean_majority, learned_tasks, bwt, bwt_learned, forgetting, "
     "forgetting_learned, held_out_change, matrices, "
     "matrices_changed, intruders, intruders_unresolved, intruders_existing, intruders_low, "
     "intruders_high, intruders_null, intruders_null_low, intruders_null_high, intruders_p_low, "
     "intruders_p_high, uninformative, max_cosine, onset, intruder_energy, intruders_v, "
     "intruders_unresolved_v, intruder_energy_v, delta_frobenius, delta_frobenius_all, "
     "delta_spectral, relative_update, effective_rank, "
     "stable_rank, top_share, rho_10, not_finite FROM stage_summary WHERE " THIS_RUN
     "ORDER BY position",
     true},
    {"usage",
     "SELECT p.position, u.phase, u.wall_s, u.cpu_s, u.peak_bytes, u.tokens FROM run_stage p "
     "JOIN usage u ON u.stage = p.stage WHERE p.run = ?1 ORDER BY p.position, u.phase",
     true},
    {"artifacts",
     "SELECT p.position, a.kind, a.path, a.sha256, a.bytes, a.gone FROM run_stage p "
     "JOIN artifact a ON a.stage = p.stage WHERE p.run = ?1 ORDER BY p.position, a.kind",
     true},
};
