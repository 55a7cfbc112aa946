/* SPDX-License-Identifier: Apache-2.0
 * Queries with a name, a description and parameters.
 */
#include <string.h>

#include "store/results/database.h"

static const char interventions_by_method[] = {
#include "interventions_by_method.inc"
};

static const char interventions_matched[] = {
#include "interventions_matched.inc"
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Parts that many queries share. */
#define RUN_COLUMNS                                                                                \
    "e.key AS experiment, r.name AS run, r.method, r.order_name, r.seed, p.position, "             \
    "t.name AS trained"
#define RUN_PATH                                                                                   \
    "FROM run r CROSS JOIN experiment e ON e.id = r.experiment "                                   \
    "CROSS JOIN run_stage p ON p.run = r.id LEFT JOIN task t ON t.id = p.task "
#define THIS_RUN "r.superseded = 0 AND (:run IS NULL OR r.name = :run OR r.key = :run) "
/* The same over a view, which shows no key. The first part is for the planner, which takes only
 * conditions without a subquery into a compound view: a name has slashes, a key has none. */
#define VIEWED_RUN                                                                                 \
    "(:run IS NULL OR run = :run OR instr(:run, '/') = 0) AND "                                    \
    "(:run IS NULL OR run = :run OR (experiment, run) IN (SELECT e.key, r.name FROM run r "        \
    "JOIN experiment e ON e.id = r.experiment WHERE r.key = :run))"
#define THIS_POSITION "(:position IS NULL OR p.position = :position) "
#define TOP_DIRECTIONS                                                                             \
    "CROSS JOIN direction d ON d.stage = p.stage AND d.step = -1 AND d.against = :against "        \
    "AND d.side = :side AND d.position <= :k "
#define TOTALS                                                                                     \
    "CROSS JOIN spectrum_total x ON x.stage = p.stage AND x.step = -1 AND x.against = :against "
/* Whether the side was asked for, of a spectrum or a total; a matrix that is not finite has
 * neither. */
#define MEASURED(row)                                                                              \
    "(CASE :side WHEN 'u' THEN " row ".intruders_u ELSE " row ".intruders_v END IS NOT NULL "      \
    "OR bad > 0) "
#define COUNTED                                                                                    \
    "count(*) FILTER (WHERE " WANE_SQL_COSINE " < :epsilon) AS counted, "                          \
    "count(*) FILTER (WHERE d.max_cosine < :epsilon AND d.cluster_overlap >= :epsilon) "           \
    "AS turned, sum(d.sigma * d.sigma) FILTER (WHERE d.max_cosine IS NOT NULL) AS whole, "         \
    "total(d.sigma * d.sigma) FILTER (WHERE " WANE_SQL_COSINE " < :epsilon) AS part, "             \
    "count(d.max_cosine) AS existing, count(d.cluster_overlap) AS known, "                         \
    "count(d.position) AS directions, "
/* Undefined, not too small, where fewer directions are stored than k asks for. */
#define COUNT_OF                                                                                   \
    "CASE WHEN directions = expected THEN counted END AS intruders, "                              \
    "CASE WHEN directions = expected AND known = existing THEN turned END AS unresolved, "         \
    "CASE WHEN directions = expected AND known = existing THEN existing END AS existing"
/* Behind COUNT_OF, of whole stages. */
#define NULL_OF ", intruders_null, intruders_null_low, intruders_null_high"
#define ENERGY_OF "CASE WHEN directions = expected THEN part / nullif(whole, 0) END AS energy"
#define REASON_OF                                                                                  \
    "CASE WHEN bad > 0 THEN 'not_finite' WHEN directions < expected THEN 'beyond_stored_top' "     \
    "WHEN known < existing THEN 'earlier_definition' END AS reason"
/* Of the changed matrices whose spectrum is stored. */
#define THESE_SPECTRA "s.stage = p.stage AND s.step = -1 AND s.against = :against"
#define OVER_SPECTRA(value)                                                                        \
    "(SELECT sum(" value ") FROM spectrum s JOIN matrix m ON m.id = s.matrix "                     \
    "WHERE " THESE_SPECTRA " AND s.changed = 1)"
/* Matrices that are not finite have no directions, and their stage has no count. */
#define STAGE_BAD                                                                                  \
    "(SELECT count(*) FROM spectrum s WHERE " THESE_SPECTRA " AND s.reason = 'not_finite')"
#define K_OF_MATRIX "min(:k, m.\"rows\", m.cols)"
#define OUTER_COLUMNS "experiment, run, method, order_name, seed, position, trained"
/* One row per run and stage, also where no matrix changed; none where the side was not measured. */
#define STAGE_DIRECTIONS                                                                           \
    "LEFT JOIN direction d ON d.stage = p.stage AND d.step = -1 AND d.against = :against "         \
    "AND d.side = :side AND d.position <= :k AND " WANE_SQL_CHANGED
#define STAGE_EXPECTED                                                                             \
    "CAST(coalesce(" OVER_SPECTRA(K_OF_MATRIX) ", 0) AS INTEGER) AS expected, " STAGE_BAD          \
                                               " AS bad, "
#define STAGE_NULL                                                                                 \
    WANE_SQL_NULL_MEAN " AS intruders_null, " WANE_SQL_NULL_LOW                                    \
                       " AS intruders_null_low, " WANE_SQL_NULL_HIGH " AS intruders_null_high "
#define OF_STAGES(condition)                                                                       \
    "(SELECT " RUN_COLUMNS                                                                         \
    ", r.id, r.status, " COUNTED STAGE_EXPECTED STAGE_NULL RUN_PATH TOTALS STAGE_DIRECTIONS        \
    "WHERE " THIS_RUN "AND " MEASURED("x") "AND " condition "GROUP BY r.id, p.position)"
/* One row per run, stage and matrix; of an unchanged one there is nothing to count. Directions are
 * sorted into matrices before names come to them: ten million rows of a few numbers sort in half
 * the time. */
#define COUNTS_BY_MATRIX                                                                           \
    "(SELECT r.id, p.position, " COUNTED "d.matrix FROM run r "                                    \
    "CROSS JOIN run_stage p ON p.run = r.id " TOTALS TOP_DIRECTIONS "AND " WANE_SQL_CHANGED        \
    "WHERE " THIS_RUN "AND " THIS_POSITION "GROUP BY r.id, p.position, d.matrix) c "
#define MATRIX_COUNTS                                                                              \
    "s.changed, coalesce(c.counted, 0) AS counted, coalesce(c.turned, 0) AS turned, "              \
    "coalesce(c.part, 0) AS part, c.whole, coalesce(c.existing, 0) AS existing, "                  \
    "coalesce(c.known, 0) AS known, coalesce(c.directions, 0) AS directions, "                     \
    "s.changed * " K_OF_MATRIX " AS expected, coalesce(s.reason = 'not_finite', 0) AS bad "
#define OF_MATRICES                                                                                \
    "(SELECT " RUN_COLUMNS                                                                         \
    ", r.id, m.name AS matrix, m.layer, m.module, m.\"rows\", m.cols, " MATRIX_COUNTS RUN_PATH     \
    "CROSS JOIN spectrum s ON " THESE_SPECTRA                                                      \
    " CROSS JOIN matrix m ON m.id = s.matrix LEFT JOIN " COUNTS_BY_MATRIX                          \
    "ON c.id = r.id AND c.position = p.position AND c.matrix = s.matrix WHERE " THIS_RUN           \
    "AND " MEASURED("s") "AND " THIS_POSITION "ORDER BY r.id, p.position, m.id)"

/* Of seed_summary's means, each over the runs that have a count of intruders. */
#define OVER_ORDERS(column)                                                                        \
    "sum(" column " * intruders_n) / sum(CASE WHEN " column " IS NOT NULL THEN intruders_n END) "  \
    "AS " column ", "

static const wane_named_parameter run_only[] = {
    {"run", "name or key of one run; all when not given", NULL, false}};
static const wane_named_parameter run_position[] = {
    {"run", "name or key of one run; all when not given", NULL, false},
    {"position", "one stage of the run; all when not given", NULL, true}};
static const wane_named_parameter intruder_parameters[] = {
    {"k", "how many top directions of each matrix", "10", true},
    {"epsilon", "an intruder's max_cosine is below this", "0.5", true},
    {"side", "u (left vectors) or v (right vectors)", "u", false},
    {"against", "base or previous", "base", false},
    {"run", "name or key of one run; all when not given", NULL, false},
    {"position", "one stage of the run; all when not given", NULL, true}};
static const wane_named_parameter intruder_run_parameters[] = {
    {"k", "how many top directions of each matrix", "10", true},
    {"epsilon", "an intruder's max_cosine is below this", "0.5", true},
    {"side", "u (left vectors) or v (right vectors)", "u", false},
    {"against", "base or previous", "base", false},
    {"run", "name or key of one run; all when not given", NULL, false},
    {"position", "this stage instead of the last", NULL, true}};
static const wane_named_parameter curve_parameters[] = {
    {"metric",
     "a column of stage_summary; accuracy with task; nll, forgetting or kl_to_base with "
     "corpus",
     "pretraining_forgetting", false},
    {"corpus", "one corpus instead of the mean over the pretraining ones", NULL, false},
    {"task", "one task", NULL, false}};
static const wane_named_parameter direction_parameters[] = {
    {"run", "name or key of one run; all when not given", NULL, false},
    {"position", "one stage of the run; all when not given", NULL, true},
    {"matrix", "name of one matrix, or its module; all when not given", NULL, false},
    {"side", "u (left vectors) or v (right vectors)", "u", false},
    {"against", "base or previous", "base", false},
    {"k", "how many top directions of each matrix", "32", true}};
static const wane_named_parameter example_parameters[] = {
    {"run", "name or key of one run; all when not given", NULL, false},
    {"position", "one stage of the run; all when not given", NULL, true},
    {"task", "one task; all when not given", NULL, false}};

static const wane_named_parameter intervened_parameters[] = {
    {"choice", "top or all; both when not given", NULL, false},
    {"arms", "arms that are compared, joined by commas; all when not given", NULL, false},
    {"position", "this stage instead of the last", NULL, true}};
static const wane_named_parameter metric_only[] = {
    {"metric", "one metric; all when not given", NULL, false}};

#define NO_PARAMETERS NULL, 0
#define INTERVENED intervened_parameters, COUNT(intervened_parameters)
#define METRIC_ONLY metric_only, COUNT(metric_only)
#define RUN_ONLY run_only, COUNT(run_only)
#define RUN_POSITION run_position, COUNT(run_position)
#define INTRUDERS_OF_RUN intruder_run_parameters, COUNT(intruder_run_parameters)
#define INTRUDERS intruder_parameters, COUNT(intruder_parameters)

/* By name. */
static const wane_named_query named[] = {
    {"accuracy_matrix", "score of every task after every stage",
     "SELECT * FROM accuracy_matrix WHERE " VIEWED_RUN, RUN_ONLY},
    {"artifacts", "files kept of the stages",
     "SELECT g.key AS stage, g.task_name, a.kind, a.path, a.bytes, a.gone, a.sha256 "
     "FROM artifact a JOIN stage g ON g.id = a.stage ORDER BY a.stage, a.kind",
     NO_PARAMETERS},
    {"cells", "which measurements are there",
     "SELECT " RUN_COLUMNS ", c.step, c.measure, c.subject, c.reason, c.settings_sha256, "
     "c.data_sha256 " RUN_PATH "CROSS JOIN cell c ON c.stage = p.stage WHERE " THIS_RUN
     "ORDER BY r.id, p.position, c.step, c.measure, c.subject",
     RUN_ONLY},
    {"corpora", "the corpora of each experiment",
     "SELECT e.key AS experiment, c.name AS corpus, x.role, x.weight, c.documents, c.windows, "
     "c.tokens, c.words, c.bytes, c.floor, c.path, c.key FROM experiment e "
     "JOIN experiment_corpus x ON x.experiment = e.id JOIN corpus c ON c.id = x.corpus "
     "ORDER BY e.id, c.id",
     NO_PARAMETERS},
    {"correlation_points", "x and y of every run and stage", "SELECT * FROM correlation_points",
     NO_PARAMETERS},
    {"cost", "time, memory and tokens by stage and phase",
     "SELECT " RUN_COLUMNS ", u.phase, u.wall_s, u.cpu_s, u.peak_bytes, u.tokens " RUN_PATH
     "CROSS JOIN usage u ON u.stage = p.stage WHERE " THIS_RUN "ORDER BY r.id, p.position, u.phase",
     RUN_ONLY},
    {"count_noise", "noise of the count of intruders: runs again, perturbed by 1e-7",
     "SELECT * FROM count_noise WHERE " VIEWED_RUN, RUN_ONLY},
    {"curves", "one value per run and stage, for a curve",
     "SELECT v.*, (SELECT l.status FROM run_list l WHERE l.experiment = v.experiment "
     "AND l.run = v.run AND l.superseded = 0) AS status FROM ("
     "SELECT experiment, run, method, order_name, seed, position, trained, CASE :metric "
     "WHEN 'pretraining_forgetting' THEN pretraining_forgetting "
     "WHEN 'other_forgetting' THEN other_forgetting WHEN 'nll' THEN nll "
     "WHEN 'kl_to_base' THEN kl_to_base WHEN 'learned_accuracy' THEN learned_accuracy "
     "WHEN 'collapsed' THEN collapsed WHEN 'beyond_uniform' THEN beyond_uniform "
     "WHEN 'learned' THEN learned WHEN 'majority' THEN majority "
     "WHEN 'kl_on_task_prompt' THEN kl_on_task_prompt "
     "WHEN 'kl_on_task_answer' THEN kl_on_task_answer WHEN 'acc' THEN acc WHEN 'bwt' THEN bwt "
     "WHEN 'forgetting' THEN forgetting WHEN 'held_out_change' THEN held_out_change "
     "WHEN 'intruders' THEN intruders WHEN 'intruders_null' THEN intruders_null "
     "WHEN 'intruders_null_low' THEN intruders_null_low "
     "WHEN 'intruders_null_high' THEN intruders_null_high "
     "WHEN 'intruders_low' THEN intruders_low WHEN 'intruders_high' THEN intruders_high "
     "WHEN 'max_cosine' THEN max_cosine WHEN 'max_cosine_high' THEN max_cosine_high "
     "WHEN 'onset' THEN onset "
     "WHEN 'delta_frobenius_all' THEN delta_frobenius_all "
     "WHEN 'intruder_energy' THEN intruder_energy WHEN 'intruders_v' THEN intruders_v "
     "WHEN 'intruder_energy_v' THEN intruder_energy_v "
     "WHEN 'delta_frobenius' THEN delta_frobenius WHEN 'delta_spectral' THEN delta_spectral "
     "WHEN 'relative_update' THEN relative_update WHEN 'effective_rank' THEN effective_rank "
     "WHEN 'stable_rank' THEN stable_rank WHEN 'top_share' THEN top_share "
     "WHEN 'rho_10' THEN rho_10 END AS value "
     "FROM stage_summary WHERE :corpus IS NULL AND :task IS NULL "
     "UNION ALL SELECT experiment, run, method, order_name, seed, position, trained, CASE :metric "
     "WHEN 'nll' THEN nll WHEN 'forgetting' THEN forgetting "
     "WHEN 'pretraining_forgetting' THEN forgetting WHEN 'kl_to_base' THEN kl_to_base "
     "WHEN 'soft_ce' THEN soft_ce END FROM pretraining_forgetting "
     "WHERE :corpus IS NOT NULL AND corpus = :corpus "
     "UNION ALL SELECT experiment, run, method, order_name, seed, position, trained, accuracy "
     "FROM accuracy_matrix WHERE :corpus IS NULL AND task = :task) v",
     curve_parameters, COUNT(curve_parameters)},
    {"directions", "top singular directions, one by one",
     "SELECT " RUN_COLUMNS
     ", m.name AS matrix, m.layer, m.module, d.side, d.position AS direction, "
     "d.sigma, d.max_cosine, d.span, d.subspace_overlap, d.cluster_overlap, d.argmax, "
     "d.max_cosine_low, d.max_cosine_high, d.steps, d.reason " RUN_PATH TOP_DIRECTIONS
     "CROSS JOIN matrix m ON m.id = d.matrix WHERE " THIS_RUN "AND " THIS_POSITION
     "AND (:matrix IS NULL OR m.name = :matrix OR m.module = :matrix) "
     "ORDER BY r.id, p.position, m.position, d.position",
     direction_parameters, COUNT(direction_parameters)},
    {"environments", "what the stages were trained on",
     "SELECT g.key AS stage, g.task_name, n.version, n.numbers, n.blas_core, n.cpu, "
     "n.cpu_features, n.compiler, n.system, n.threads, n.jobs, n.mixed "
     "FROM environment n JOIN stage g ON g.id = n.stage ORDER BY n.stage",
     NO_PARAMETERS},
    {"events", "what happened, with the clock",
     "SELECT v.time, v.level, r.name AS run, g.task_name AS stage, v.message FROM event v "
     "LEFT JOIN run r ON r.id = v.run LEFT JOIN stage g ON g.id = v.stage "
     "WHERE (:run IS NULL OR r.name = :run OR r.key = :run) ORDER BY v.id",
     RUN_ONLY},
    {"examples", "the outcome of every row of a task",
     "SELECT " RUN_COLUMNS ", k.name AS task, x.split, x.\"row\", x.label, x.predicted, x.margin, "
     "x.loss " RUN_PATH "CROSS JOIN example x ON x.stage = p.stage AND x.step = -1 "
     "CROSS JOIN task k ON k.id = x.task WHERE " THIS_RUN "AND " THIS_POSITION
     "AND (:task IS NULL OR k.name = :task) ORDER BY r.id, p.position, x.task, x.split, x.\"row\"",
     example_parameters, COUNT(example_parameters)},
    {"experiments", "the experiments of this database",
     "SELECT e.key AS experiment, m.name AS model, e.limited, (SELECT count(*) FROM run r "
     "WHERE r.experiment = e.id AND r.superseded = 0) AS runs, (SELECT count(*) FROM run r "
     "WHERE r.experiment = e.id AND r.superseded = 0 AND r.status = 'done') AS done "
     "FROM experiment e JOIN model m ON m.id = e.model ORDER BY e.id",
     NO_PARAMETERS},
    {"forgetting", "every metric of forgetting of every run",
     "SELECT * FROM forgetting WHERE " VIEWED_RUN, RUN_ONLY},
    {"gates", "sanity gates, failed ones first",
     "SELECT e.key AS experiment, r.name AS run, g.name AS gate, g.subject, g.passed, g.value, "
     "g.bound, g.detail FROM gate g JOIN run r ON r.id = g.run "
     "JOIN experiment e ON e.id = r.experiment WHERE " THIS_RUN
     "ORDER BY g.passed, r.id, g.name, g.subject",
     RUN_ONLY},
    {"intervention_effect", "what scaling the intruders does, one row per arm and lambda",
     "SELECT * FROM intervention_effect WHERE " VIEWED_RUN, RUN_ONLY},
    {"interventions", "what scaling the intruders does, every measure of every arm",
     "SELECT " RUN_COLUMNS
     ", i.choice, i.arm, i.lambda, i.measure, i.target, i.value, i.stderr, i.matrices, "
     "i.reason " RUN_PATH "CROSS JOIN intervention i ON i.stage = p.stage AND i.step = -1 "
     "WHERE " THIS_RUN "AND " THIS_POSITION
     "ORDER BY r.id, p.position, i.choice, i.arm, i.lambda, i.measure, i.target",
     RUN_POSITION},
    {"interventions_by_method", "arms beside each other, means over a method's runs that have all",
     interventions_by_method, INTERVENED},
    {"interventions_matched", "the same over all configs, with standard errors over configs",
     interventions_matched, INTERVENED},
    {"intruder_null", "what random changes of the same size have, beside every count",
     "SELECT * FROM intruder_null WHERE " VIEWED_RUN, RUN_ONLY},
    {"intruders", "intruders after every stage for any k, epsilon, side and reference",
     "SELECT " OUTER_COLUMNS ", " COUNT_OF NULL_OF ", " ENERGY_OF ", directions, " REASON_OF
     " FROM " OF_STAGES(THIS_POSITION),
     INTRUDERS},
    {"intruders_by_matrix", "intruders of every matrix after every stage, in the same way",
     "SELECT " OUTER_COLUMNS ", matrix, layer, module, \"rows\", cols, changed, " COUNT_OF
     ", " ENERGY_OF ", " REASON_OF " FROM " OF_MATRICES,
     INTRUDERS},
    {"intruders_by_method", "mean and standard deviation of intruders_by_run over finished runs",
     "SELECT experiment, method, count(*) AS runs, (SELECT count(*) FROM run_list l WHERE "
     "l.experiment = v.experiment AND l.method = v.method AND l.superseded = 0 "
     "AND l.status <> 'done') AS left_out, avg(x) AS intruders, "
     "sqrt(max(0, sum(x * x) - count(x) * avg(x) * avg(x)) / nullif(count(x) - 1, 0)) "
     "AS intruders_sd, CASE WHEN count(unresolved) = count(*) THEN avg(unresolved) END "
     "AS unresolved, avg(existing) AS existing, avg(intruders_null) AS intruders_null, "
     "avg(intruders_null_low) AS intruders_null_low, avg(intruders_null_high) AS "
     "intruders_null_high, avg(energy) AS energy, "
     "max(reason) AS reason, count(x) AS intruders_n FROM (SELECT experiment, method, id, "
     "intruders AS x, unresolved, "
     "existing, intruders_null, intruders_null_low, intruders_null_high, energy, reason "
     "FROM (SELECT experiment, method, id, " COUNT_OF NULL_OF ", " ENERGY_OF ", " REASON_OF
     " FROM " OF_STAGES("r.status = 'done' AND p.position = coalesce(:position, "
                        "r.stages) ") ")) v "
                                      "GROUP BY experiment, method ORDER BY min(id)",
     INTRUDERS_OF_RUN},
    {"intruders_by_module", "intruders of every kind of matrix after every stage, in the same way",
     "SELECT " OUTER_COLUMNS ", module, matrices, changed, " COUNT_OF ", " ENERGY_OF ", " REASON_OF
     " FROM (SELECT " OUTER_COLUMNS ", id, module, count(*) AS matrices, sum(changed) AS changed, "
     "sum(counted) AS counted, sum(turned) AS turned, sum(existing) AS existing, "
     "sum(known) AS known, sum(part) AS part, sum(whole) AS whole, sum(directions) AS directions, "
     "sum(expected) AS expected, sum(bad) AS bad FROM " OF_MATRICES
     " GROUP BY id, position, module)",
     INTRUDERS},
    {"intruders_by_run", "intruders of every run after its last stage",
     "SELECT " OUTER_COLUMNS ", status, " COUNT_OF NULL_OF ", " ENERGY_OF ", directions, " REASON_OF
     " FROM " OF_STAGES("p.position = coalesce(:position, r.stages) "),
     INTRUDERS_OF_RUN},
    {"likelihood", "likelihood of every corpus after every stage, in every unit",
     "SELECT " RUN_COLUMNS ", c.name AS corpus, l.nll, l.stderr, l.token_perplexity, "
     "l.word_perplexity, l.byte_perplexity, l.bits_per_byte, l.kl_to_base, l.soft_ce, c.floor, "
     "l.tokens, l.words, l.bytes, l.unk_tokens, l.\"window\", l.stride, l.bos, "
     "l.out_of_reach, l.reason " RUN_PATH
     "CROSS JOIN likelihood l ON l.stage = p.stage AND l.step = -1 "
     "CROSS JOIN corpus c ON c.id = l.corpus WHERE " THIS_RUN "AND " THIS_POSITION
     "ORDER BY r.id, p.position, c.id",
     RUN_POSITION},
    {"loss", "loss of every optimiser step",
     "SELECT " RUN_COLUMNS ", o.step, o.loss, o.learning_rate, o.grad_norm, o.tokens " RUN_PATH
     "CROSS JOIN step o ON o.stage = p.stage WHERE " THIS_RUN "AND " THIS_POSITION
     "ORDER BY r.id, p.position, o.step",
     RUN_POSITION},
    {"matrices", "the matrices whose spectra are looked at",
     "SELECT d.name AS model, m.name AS matrix, m.layer, m.module, m.\"rows\", m.cols "
     "FROM matrix m JOIN model d ON d.id = m.model ORDER BY m.id",
     NO_PARAMETERS},
    {"measured_values", "single numbers of measures, of stages and of their matrices",
     "SELECT * FROM measured_values WHERE " VIEWED_RUN, RUN_ONLY},
    {"method_summary", "means over all orders and seeds of a method, by seed_summary's rules",
     "SELECT experiment, method, kind, rank, learning_rate, sum(runs) AS runs, "
     "sum(left_out) AS left_out, sum(acc * acc_n) / sum(acc_n) AS acc, "
     "sum(learning_acc * acc_n) / sum(CASE WHEN learning_acc IS NOT NULL THEN acc_n END) AS "
     "learning_acc, "
     "sum(majority * acc_n) / sum(CASE WHEN majority IS NOT NULL THEN acc_n END) AS majority, "
     "sum(learned_tasks * learned_tasks_n) / sum(learned_tasks_n) AS learned_tasks, "
     "sum(bwt * bwt_n) / sum(bwt_n) AS bwt, "
     "sum(bwt_learned * bwt_learned_n) / sum(bwt_learned_n) AS bwt_learned, "
     "sum(forgetting * forgetting_n) / sum(forgetting_n) AS forgetting, "
     "sum(nll_0 * runs) / sum(CASE WHEN nll_0 IS NOT NULL THEN runs END) AS nll_0, "
     "sum(nll * nll_n) / sum(nll_n) AS nll, sum(pretraining_forgetting * "
     "pretraining_forgetting_n) / sum(pretraining_forgetting_n) AS pretraining_forgetting, "
     "sum(intruders * intruders_n) / sum(intruders_n) AS intruders, " OVER_ORDERS("intruders_null")
         OVER_ORDERS("intruders_null_low") OVER_ORDERS("intruders_null_high")
             OVER_ORDERS("intruders_low") OVER_ORDERS("intruders_high") OVER_ORDERS(
                 "max_cosine") "sum(delta_frobenius * delta_frobenius_n) / "
                               "sum(delta_frobenius_n) AS delta_frobenius, " OVER_ORDERS(
                                   "delta_frobenius_all") "sum(acc_n) AS acc_n, sum(bwt_n) "
                                                          "AS bwt_n, sum(forgetting_n) AS "
                                                          "forgetting_n, "
                                                          "sum(nll_n) AS nll_n, "
                                                          "sum(pretraining_forgetting_n) "
                                                          "AS pretraining_forgetting_n, "
                                                          "sum(intruders_n) AS "
                                                          "intruders_n, "
                                                          "sum(delta_frobenius_n) AS "
                                                          "delta_frobenius_n, "
                                                          "sum(collapsed_runs) AS "
                                                          "collapsed_runs, "
                                                          "sum(collapsed_stages) AS "
                                                          "collapsed_stages, "
                                                          "sum(beyond_uniform_stages) AS "
                                                          "beyond_uniform_stages FROM "
                                                          "seed_summary GROUP BY "
                                                          "experiment, "
                                                          "method",
     NO_PARAMETERS},
    {"metrics", "metrics of every run after every stage",
     "SELECT e.key AS experiment, r.name AS run, m.position, m.name AS metric, m.subject, m.value, "
     "m.reason FROM run r CROSS JOIN experiment e ON e.id = r.experiment "
     "CROSS JOIN metric m ON m.run = r.id WHERE " THIS_RUN
     "ORDER BY r.id, m.position, m.name, m.subject",
     RUN_ONLY},
    {"parameters", "the settings of every run",
     "SELECT e.key AS experiment, r.name AS run, a.key, a.value FROM run r "
     "CROSS JOIN experiment e ON e.id = r.experiment CROSS JOIN parameter a ON a.run = r.id "
     "WHERE " THIS_RUN "ORDER BY r.id, a.key",
     RUN_ONLY},
    {"pretraining_forgetting", "nll of every corpus after every stage against the base",
     "SELECT * FROM pretraining_forgetting WHERE " VIEWED_RUN, RUN_ONLY},
    {"run_summary", "one row per run", "SELECT * FROM run_summary", NO_PARAMETERS},
    {"runs", "all runs and how they stand",
     "SELECT experiment, run, method, kind, rank, learning_rate, order_name, seed, stages, status, "
     "error, key FROM run_list WHERE superseded = 0",
     NO_PARAMETERS},
    {"seed_interval", "mean, standard deviation and 95% t interval of every metric over seeds",
     "SELECT * FROM seed_interval WHERE :metric IS NULL OR metric = :metric", METRIC_ONLY},
    {"seed_summary", "mean and standard deviation over seeds", "SELECT * FROM seed_summary",
     NO_PARAMETERS},
    {"spectra", "norms, ranks and counts of every matrix",
     "SELECT " RUN_COLUMNS ", m.name AS matrix, m.layer, m.module, s.changed, s.intruders_u, "
     "s.unresolved_u, s.existing_u, s.energy_u, "
     "s.intruders_v, s.unresolved_v, s.existing_v, s.energy_v, s.\"floor\", s.base_frobenius, "
     "s.base_spectral, "
     "s.delta_frobenius, s.delta_spectral, s.relative_update, s.effective_rank, s.stable_rank, "
     "s.top_share, s.rho_10, coalesce(s.reason, "
     "CASE WHEN s.changed = 1 AND s.\"floor\" IS NULL THEN 'earlier_definition' END) AS "
     "reason " RUN_PATH
     "CROSS JOIN spectrum s ON s.stage = p.stage AND s.step = -1 AND s.against = 'base' "
     "CROSS JOIN matrix m ON m.id = s.matrix WHERE " THIS_RUN "AND " THIS_POSITION
     "ORDER BY r.id, p.position, m.position",
     RUN_POSITION},
    {"stage_summary", "one row per run and stage", "SELECT * FROM stage_summary WHERE " VIEWED_RUN,
     RUN_ONLY},
    {"stages", "all stages, and how many runs share them",
     "SELECT g.key AS stage, h.key AS parent, g.kind, g.task_name, g.status, g.steps_planned, "
     "g.steps, g.diverged_at, (SELECT count(*) FROM run_stage p JOIN run r ON r.id = p.run "
     "WHERE p.stage = g.id AND r.superseded = 0) AS runs "
     "FROM stage g LEFT JOIN stage h ON h.id = g.parent ORDER BY g.id",
     NO_PARAMETERS},
    {"task_forgetting", "baseline, own, best and final score of every task of a run",
     "SELECT * FROM task_forgetting WHERE " VIEWED_RUN, RUN_ONLY},
    {"tasks", "the tasks of each experiment",
     "SELECT e.key AS experiment, k.name AS task, k.kind, x.watched, k.split, k.train_rows, "
     "k.measured_rows, k.labels, k.path, k.key FROM experiment e "
     "JOIN experiment_task x ON x.experiment = e.id JOIN task k ON k.id = x.task "
     "ORDER BY e.id, k.id",
     NO_PARAMETERS},
};

const wane_named_query *wane_named_queries(size_t *count)
{
    *count = COUNT(named);
    return named;
}

const wane_named_query *wane_named_query_find(const char *name, const char **nearest)
{
    const char *names[COUNT(named)];
    if (nearest) *nearest = NULL;
    for (size_t i = 0; i < COUNT(named); i++) {
        names[i] = named[i].name;
        if (strcmp(name, names[i]) == 0) return &named[i];
    }
    if (nearest) *nearest = wane_nearest(name, names, COUNT(named));
    return NULL;
}

enum { MOST_PARAMETERS = 8 };

static wane_status bind_text_or_number(wane_binding *out, const wane_named_query *query,
                                       const wane_named_parameter *parameter, const char *value,
                                       wane_error *err)
{
    *out = (wane_binding){.name = parameter->name};
    if (!value) return WANE_OK;
    if (!parameter->number) {
        out->value = (wane_value){.type = WANE_VALUE_TEXT, .text = value};
    } else if (wane_parse_int64(&out->value.integer, value)) {
        out->value.type = WANE_VALUE_INTEGER;
    } else if (wane_parse_double(&out->value.real, value)) {
        out->value.type = WANE_VALUE_REAL;
    } else {
        return wane_fail(err, WANE_EINVAL, "query: %s: %s must be a number, not '%s'", query->name,
                         parameter->name, value);
    }
    return WANE_OK;
}

static wane_status assign(wane_binding *bindings, const wane_named_query *query,
                          const wane_assignment *assignment, wane_error *err)
{
    const char *names[MOST_PARAMETERS];
    for (size_t i = 0; i < query->parameter_count; i++) {
        names[i] = query->parameters[i].name;
        if (strcmp(names[i], assignment->name) == 0)
            return bind_text_or_number(&bindings[i], query, &query->parameters[i],
                                       assignment->value, err);
    }
    const char *near = wane_nearest(assignment->name, names, query->parameter_count);
    return wane_fail(err, WANE_EINVAL, "query: %s: no parameter '%s'%s%s%s", query->name,
                     assignment->name, near ? "; did you mean '" : "", near ? near : "",
                     near ? "'?" : "");
}

wane_status wane_named_query_open(wane_query **out, wane_results *db, const char *name,
                                  const wane_assignment *assignments, size_t count, wane_error *err)
{
    const char *near = NULL;
    const wane_named_query *query = wane_named_query_find(name, &near);
    if (!query)
        return wane_fail(err, WANE_ENOTFOUND, "query: no query is named '%s'%s%s%s", name,
                         near ? "; did you mean '" : " (`wane ls DB queries` lists them)",
                         near ? near : "", near ? "'?" : "");
    wane_binding bindings[MOST_PARAMETERS];
    wane_status st = WANE_OK;
    for (size_t i = 0; st == WANE_OK && i < query->parameter_count; i++)
        st = bind_text_or_number(&bindings[i], query, &query->parameters[i],
                                 query->parameters[i].value, err);
    for (size_t i = 0; st == WANE_OK && i < count; i++)
        st = assign(bindings, query, &assignments[i], err);
    if (st != WANE_OK) return st;
    return wane_query_open(out, db, query->sql, bindings, query->parameter_count, err);
}
