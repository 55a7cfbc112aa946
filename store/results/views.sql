-- ------------------------------------------------------------------------ views for people
-- Columns are part of the interface. All rows of a run start alike: experiment, run (its name),
-- method (its config), kind, rank, learning_rate, order_name, seed. No view shows a clock, an id or
-- an order of insertion; runs that were superseded are in none but run_list.

-- All runs. The columns that --where may speak of.
CREATE VIEW run_list AS
SELECT e.key AS experiment, r.name AS run, r.key AS key, r.method, r.kind, r.rank, r.alpha,
       r.learning_rate, r.order_name, r.seed, r.stages, r.trainable, e.limited, r.superseded,
       r.status, r.error, r.bound
FROM run r JOIN experiment e ON e.id = r.experiment;

-- R[position][task]: the score of a task after the stage at `position`. Position 0 is the bare base.
-- trained: the task of this position; task_position: where `task` itself is trained, NULL when it
-- is only watched; majority: the share of the most frequent label; learned: whether the accuracy right
-- after its own training is above majority + 2 stderr (NULL at other positions); reason: why accuracy
-- is NULL.
CREATE VIEW accuracy_matrix AS
SELECT e.key AS experiment, r.name AS run, r.method, r.kind, r.rank, r.learning_rate,
       r.order_name, r.seed, p.position, t.name AS trained, k.name AS task,
       (SELECT min(q.position) FROM run_stage q WHERE q.run = r.id AND q.task = k.id)
         AS task_position,
       x.watched, r.stages, s.value AS accuracy, s.stderr, s.n,
       (SELECT m.value FROM score m WHERE m.stage = p.stage AND m.step = -1
         AND m.metric = 'majority' AND m.split = k.split AND m.task = k.id) AS majority,
       CASE WHEN p.task = k.id THEN (SELECT s.value > m.value + 2 * s.stderr FROM score m
         WHERE m.stage = p.stage AND m.step = -1 AND m.metric = 'majority' AND m.split = k.split
         AND m.task = k.id) END AS learned, s.reason
FROM run r CROSS JOIN experiment e ON e.id = r.experiment
     CROSS JOIN run_stage p ON p.run = r.id
     LEFT JOIN task t ON t.id = p.task
     CROSS JOIN experiment_task x ON x.experiment = r.experiment
     CROSS JOIN task k ON k.id = x.task
     CROSS JOIN score s ON s.stage = p.stage AND s.step = -1 AND s.metric = 'accuracy'
                        AND s.split = k.split AND s.task = k.id
WHERE r.superseded = 0;

-- One task of one run. baseline R[0][j], learned_accuracy R[j][j], best max R[j..T-1][j] (NULL while
-- one of them is missing: it could be the best), final R[T][j]; bwt = final - learned_accuracy,
-- forgetting = best - final (both NULL for the last task and for watched ones), change = final -
-- baseline; majority: the share of its most frequent label; learned: learned_accuracy > majority + 2
-- stderr of it. No grouping: then a condition on the run is met before any score is read.
CREATE VIEW task_forgetting AS
WITH scored AS NOT MATERIALIZED (
  SELECT p.run, p.position, s.task, s.split, s.value, s.stderr
  FROM run_stage p CROSS JOIN score s ON s.stage = p.stage AND s.step = -1
                                     AND s.metric = 'accuracy')
SELECT experiment, run, method, kind, rank, learning_rate, order_name, seed, task, task_position,
       watched, stages, baseline, learned_accuracy, best, final,
       CASE WHEN task_position < stages THEN final - learned_accuracy END AS bwt,
       CASE WHEN task_position < stages THEN best - final END AS forgetting,
       final - baseline AS change, majority,
       (SELECT a.value > majority + 2 * a.stderr FROM scored a WHERE a.run = run_id
         AND a.position = task_position AND a.split = task_split AND a.task = task_id) AS learned
FROM (SELECT experiment, run, method, kind, rank, learning_rate, order_name, seed, task,
             task_position, watched, stages,
             (SELECT a.value FROM scored a WHERE a.run = run_id AND a.position = 0
               AND a.split = task_split AND a.task = task_id) AS baseline,
             (SELECT a.value FROM scored a WHERE a.run = run_id AND a.position = task_position
               AND a.split = task_split AND a.task = task_id) AS learned_accuracy,
             (SELECT max(m.value) FROM run_stage p CROSS JOIN score m ON m.stage = p.stage
               AND m.step = -1 AND m.metric = 'majority' AND m.split = task_split
               AND m.task = task_id WHERE p.run = run_id) AS majority, run_id, task_id, task_split,
             (SELECT CASE WHEN count(a.value) = stages - task_position THEN max(a.value) END
              FROM scored a WHERE a.run = run_id AND a.position >= task_position
               AND a.position < stages AND a.split = task_split AND a.task = task_id) AS best,
             (SELECT a.value FROM scored a WHERE a.run = run_id AND a.position = stages
               AND a.split = task_split AND a.task = task_id) AS final
      FROM (SELECT e.key AS experiment, r.name AS run, r.method, r.kind, r.rank, r.learning_rate,
                   r.order_name, r.seed, k.name AS task, x.watched, r.stages, r.id AS run_id,
                   k.id AS task_id, k.split AS task_split,
                   (SELECT min(q.position) FROM run_stage q WHERE q.run = r.id AND q.task = k.id)
                     AS task_position
            FROM run r CROSS JOIN experiment e ON e.id = r.experiment
                 CROSS JOIN experiment_task x ON x.experiment = r.experiment
                 CROSS JOIN task k ON k.id = x.task
            WHERE r.superseded = 0)
      WHERE EXISTS (SELECT 1 FROM scored a WHERE a.run = run_id AND a.split = task_split
                     AND a.task = task_id));

-- Forgetting of tasks: every metric of a run after its last stage (task '' = over all of them), and
-- bwt and forgetting of each trained task but the last, NULL where one of its scores is.
CREATE VIEW forgetting AS
SELECT e.key AS experiment, r.name AS run, r.method, r.kind, r.rank, r.learning_rate,
       r.order_name, r.seed, m.name AS metric, m.subject AS task, m.value, m.reason
FROM run r CROSS JOIN experiment e ON e.id = r.experiment
     CROSS JOIN metric m ON m.run = r.id AND m.position = r.stages
WHERE r.superseded = 0
UNION ALL
SELECT f.experiment, f.run, f.method, f.kind, f.rank, f.learning_rate, f.order_name, f.seed,
       n.metric, f.task, CASE n.metric WHEN 'bwt' THEN f.bwt ELSE f.forgetting END,
       CASE WHEN CASE n.metric WHEN 'bwt' THEN f.bwt ELSE f.forgetting END IS NULL
            THEN CASE WHEN EXISTS (SELECT 1 FROM accuracy_matrix a WHERE
                   a.experiment = f.experiment AND a.run = f.run AND a.task = f.task
                   AND a.position >= f.task_position AND a.reason IS NOT NULL)
                 THEN 'not_finite' ELSE 'missing_cell' END END
FROM task_forgetting f CROSS JOIN (SELECT 'bwt' AS metric UNION ALL SELECT 'forgetting') n
WHERE f.task_position < f.stages;

-- Forgetting of pretraining: nll of a corpus after the stage at `position` minus that of the base,
-- nats per token; stderr is that of the paired difference. out_of_reach: the base itself is no
-- better than uniform on it. unigram_entropy: of the corpus's own tokens. reason: why a number is
-- NULL.
CREATE VIEW pretraining_forgetting AS
SELECT e.key AS experiment, r.name AS run, r.method, r.kind, r.rank, r.learning_rate,
       r.order_name, r.seed, p.position, t.name AS trained, c.name AS corpus, x.role,
       b.out_of_reach, l.nll, b.nll AS nll_0, l.nll - b.nll AS forgetting,
       l.change_stderr AS stderr, l.kl_to_base, l.soft_ce, c.floor, c.unigram_entropy,
       coalesce(l.reason, b.reason) AS reason
FROM run r CROSS JOIN experiment e ON e.id = r.experiment
     CROSS JOIN run_stage z ON z.run = r.id AND z.position = 0
     CROSS JOIN run_stage p ON p.run = r.id
     LEFT JOIN task t ON t.id = p.task
     CROSS JOIN experiment_corpus x ON x.experiment = r.experiment
     CROSS JOIN corpus c ON c.id = x.corpus
     CROSS JOIN likelihood l ON l.stage = p.stage AND l.step = -1 AND l.corpus = x.corpus
     CROSS JOIN likelihood b ON b.stage = z.stage AND b.step = -1 AND b.corpus = x.corpus
WHERE r.superseded = 0;

-- Random changes beside the real one: how many intruders (k = 10, epsilon = .5, against the base)
-- they have in all changed matrices together. null_kind: rotated, the singular values of W - W_0 in
-- random directions; gaussian, random factors of its rank and norm. mean, low, high: of the draws,
-- low and high their 2.5% and 97.5% (of 99, midway between the second and third, the 97th and 98th);
-- p_low, p_high: (1 + draws at or below, at or above the count) / (1 + draws). uninformative: 1 where
-- high is 0: nothing random shows at this size either, and a count of 0 says nothing.
CREATE VIEW intruder_null AS
SELECT experiment, run, method, kind, rank, learning_rate, order_name, seed, position, trained,
       null_kind, side, intruders, draws, mean, low, high, p_low, p_high, high = 0 AS uninformative
FROM (SELECT e.key AS experiment, r.name AS run, r.method, r.kind, r.rank, r.learning_rate,
             r.order_name, r.seed, p.position, t.name AS trained, w.column1 AS null_kind,
             w.column2 AS side,
             CASE w.column2 WHEN 'u' THEN s.intruders_u ELSE s.intruders_v END AS intruders,
             (SELECT count(*) FROM null_draw n WHERE n.stage = p.stage AND n.step = -1
               AND n.kind = w.column1 AND n.side = w.column2) AS draws,
             (SELECT avg(n.intruders) FROM null_draw n WHERE n.stage = p.stage AND n.step = -1
               AND n.kind = w.column1 AND n.side = w.column2) AS mean,
             (SELECT avg(o.intruders) FROM (SELECT n.intruders FROM null_draw n
               WHERE n.stage = p.stage AND n.step = -1 AND n.kind = w.column1
                 AND n.side = w.column2 ORDER BY n.intruders LIMIT 2 OFFSET 1) o) AS low,
             (SELECT avg(o.intruders) FROM (SELECT n.intruders FROM null_draw n
               WHERE n.stage = p.stage AND n.step = -1 AND n.kind = w.column1
                 AND n.side = w.column2 ORDER BY n.intruders LIMIT 2 OFFSET 96) o) AS high,
             (SELECT (1 + sum(n.intruders <= CASE w.column2 WHEN 'u' THEN s.intruders_u
                ELSE s.intruders_v END)) / (1.0 + count(*)) FROM null_draw n
              WHERE n.stage = p.stage AND n.step = -1 AND n.kind = w.column1
                AND n.side = w.column2) AS p_low,
             (SELECT (1 + sum(n.intruders >= CASE w.column2 WHEN 'u' THEN s.intruders_u
                ELSE s.intruders_v END)) / (1.0 + count(*)) FROM null_draw n
              WHERE n.stage = p.stage AND n.step = -1 AND n.kind = w.column1
                AND n.side = w.column2) AS p_high
      FROM run r CROSS JOIN experiment e ON e.id = r.experiment
           CROSS JOIN run_stage p ON p.run = r.id AND p.position >= 1
           LEFT JOIN task t ON t.id = p.task
           CROSS JOIN (VALUES ('rotated', 'u'), ('rotated', 'v'), ('gaussian', 'u'),
                              ('gaussian', 'v')) w
           LEFT JOIN spectrum_total s ON s.step = -1 AND s.stage = p.stage AND s.against = 'base'
      WHERE r.superseded = 0
        AND EXISTS (SELECT 1 FROM null_draw n WHERE n.stage = p.stage AND n.step = -1
                    AND n.kind = w.column1 AND n.side = w.column2));

-- Intruder dimensions after each trained stage, summed over its matrices: k = 10, epsilon = .5,
-- left vectors, against the base, over the matrices that changed. existing: how many directions it
-- is a count of; unresolved: more of them, in neither side (NULL in cells of an earlier wane, as
-- existing); intruders_low, intruders_high: the count at epsilon = .45 and .55; intruders_null and
-- what follows: the rotated null's mean, quantiles and p as in intruder_null (NULL where the
-- experiment asks for none or the weights were gone); reason: why counts are NULL.
CREATE VIEW intruders AS
SELECT experiment, run, method, kind, rank, learning_rate, order_name, seed, position, trained,
       matrices, matrices_changed AS changed, intruders, intruders_unresolved AS unresolved,
       intruders_existing AS existing, intruders_low, intruders_high, intruders_null,
       intruders_null_low, intruders_null_high, intruders_p_low, intruders_p_high, uninformative,
       intruder_energy AS energy,
       (SELECT min(x.reason) FROM stage g JOIN spectrum x ON x.stage = g.id AND x.step = -1
         AND x.against = 'base' AND x.reason = 'not_finite' WHERE g.key = v.stage) AS reason
FROM stage_summary v WHERE position >= 1 AND matrices IS NOT NULL;

-- Everything about a run after the stage at `position`, one row each. nll, nll_0,
-- pretraining_forgetting, kl_to_base: weighted mean over the experiment's pretraining corpora in
-- reach; pretraining_forgetting_stderr: its standard error, the corpora's paired bootstrap errors
-- combined as independent; other_forgetting: over its other corpora; NULL while one of them is
-- missing. collapsed: whether nll is at or above the unigram entropy of the same corpora, mean with
-- the same weights (the model tells less of the text than its tokens' frequencies do), or not finite,
-- or the stage diverged; beyond_uniform: whether nll is at or above ln V, a uniform guess; both NULL
-- where unknown. learned_accuracy: accuracy of the task just trained; majority: the share of its most
-- frequent label; learned: whether the former is above the latter + 2 stderr. acc, learning_acc,
-- mean_majority (the metric majority), learned_tasks, bwt, bwt_learned, forgetting,
-- forgetting_learned: the metrics with this stage as the last; held_out_change: that metric's mean
-- over the watched tasks, NULL while one of them has none. Spectra are against the base, norms over all
-- matrices, counts as in the view intruders; delta_frobenius_all: over every tensor that changed, not
-- linear weights alone; max_cosine: mean of the first 10 left directions of each changed matrix, and where
-- cosines are bounded it is between that of their lower and max_cosine_high, that of their upper bounds;
-- onset: the smallest over matrices; f_delta, angle_u and angle_v are means over matrices.
-- not_finite: how many likelihoods, accuracies and matrices of the stage are NULL because a logit or
-- weight is NaN or infinite (NULL before anything is measured).
CREATE VIEW stage_summary AS
SELECT e.key AS experiment, r.name AS run, r.method, r.kind, r.rank, r.learning_rate,
       r.order_name, r.seed, r.status, e.limited, r.key AS run_key, r.stages, p.position,
       t.name AS trained, g.key AS stage, g.status AS stage_status,
       (SELECT CASE WHEN count(l.nll) = count(*) THEN sum(x.weight * l.nll) / sum(x.weight) END
        FROM experiment_corpus x
             CROSS JOIN likelihood b ON b.stage = z.stage AND b.step = -1 AND b.corpus = x.corpus
             LEFT JOIN likelihood l ON l.stage = p.stage AND l.step = -1 AND l.corpus = x.corpus
        WHERE x.experiment = r.experiment AND x.role = 'pretraining' AND b.out_of_reach = 0) AS nll,
       (SELECT CASE WHEN count(b.nll) = count(*) THEN sum(x.weight * b.nll) / sum(x.weight) END
        FROM experiment_corpus x
             CROSS JOIN likelihood b ON b.stage = z.stage AND b.step = -1 AND b.corpus = x.corpus
        WHERE x.experiment = r.experiment AND x.role = 'pretraining' AND b.out_of_reach = 0) AS nll_0,
       (SELECT CASE WHEN count(l.nll - b.nll) = count(*)
                    THEN sum(x.weight * (l.nll - b.nll)) / sum(x.weight) END
        FROM experiment_corpus x
             CROSS JOIN likelihood b ON b.stage = z.stage AND b.step = -1 AND b.corpus = x.corpus
             LEFT JOIN likelihood l ON l.stage = p.stage AND l.step = -1 AND l.corpus = x.corpus
        WHERE x.experiment = r.experiment AND x.role = 'pretraining' AND b.out_of_reach = 0)
         AS pretraining_forgetting,
       (SELECT CASE WHEN count(l.change_stderr) = count(*)
                    THEN sqrt(sum(x.weight * l.change_stderr * x.weight * l.change_stderr))
                         / sum(x.weight) END
        FROM experiment_corpus x
             CROSS JOIN likelihood b ON b.stage = z.stage AND b.step = -1 AND b.corpus = x.corpus
             LEFT JOIN likelihood l ON l.stage = p.stage AND l.step = -1 AND l.corpus = x.corpus
        WHERE x.experiment = r.experiment AND x.role = 'pretraining' AND b.out_of_reach = 0)
         AS pretraining_forgetting_stderr,
       (SELECT CASE WHEN count(l.nll - b.nll) = count(*)
                    THEN sum(x.weight * (l.nll - b.nll)) / sum(x.weight) END
        FROM experiment_corpus x
             CROSS JOIN likelihood b ON b.stage = z.stage AND b.step = -1 AND b.corpus = x.corpus
             LEFT JOIN likelihood l ON l.stage = p.stage AND l.step = -1 AND l.corpus = x.corpus
        WHERE x.experiment = r.experiment AND x.role = 'other' AND b.out_of_reach = 0)
         AS other_forgetting,
       (SELECT CASE WHEN count(l.kl_to_base) = count(*)
                    THEN sum(x.weight * l.kl_to_base) / sum(x.weight) END
        FROM experiment_corpus x
             CROSS JOIN likelihood b ON b.stage = z.stage AND b.step = -1 AND b.corpus = x.corpus
             LEFT JOIN likelihood l ON l.stage = p.stage AND l.step = -1 AND l.corpus = x.corpus
        WHERE x.experiment = r.experiment AND x.role = 'pretraining' AND b.out_of_reach = 0)
         AS kl_to_base,
       (SELECT CASE WHEN g.status = 'diverged' OR sum(l.reason IS 'not_finite') THEN 1
                    WHEN count(l.nll) < count(*) THEN NULL
                    WHEN sum(x.weight * l.nll) >= sum(x.weight) * ln(v.vocabulary) THEN 1
                    WHEN count(c.unigram_entropy) = count(*)
                    THEN sum(x.weight * l.nll) >= sum(x.weight * c.unigram_entropy) END
        FROM experiment_corpus x
             CROSS JOIN likelihood b ON b.stage = z.stage AND b.step = -1 AND b.corpus = x.corpus
             CROSS JOIN corpus c ON c.id = x.corpus
             LEFT JOIN likelihood l ON l.stage = p.stage AND l.step = -1 AND l.corpus = x.corpus
        WHERE x.experiment = r.experiment AND x.role = 'pretraining' AND b.out_of_reach = 0)
         AS collapsed,
       (SELECT CASE WHEN count(l.nll) = count(*)
                    THEN sum(x.weight * l.nll) >= sum(x.weight) * ln(v.vocabulary) END
        FROM experiment_corpus x
             CROSS JOIN likelihood b ON b.stage = z.stage AND b.step = -1 AND b.corpus = x.corpus
             LEFT JOIN likelihood l ON l.stage = p.stage AND l.step = -1 AND l.corpus = x.corpus
        WHERE x.experiment = r.experiment AND x.role = 'pretraining' AND b.out_of_reach = 0)
         AS beyond_uniform,
       (SELECT s.value FROM score s WHERE s.stage = p.stage AND s.step = -1
         AND s.metric = 'accuracy' AND s.split = t.split AND s.task = p.task) AS learned_accuracy,
       (SELECT s.value FROM score s WHERE s.stage = p.stage AND s.step = -1
         AND s.metric = 'majority' AND s.split = t.split AND s.task = p.task) AS majority,
       (SELECT s.value > m.value + 2 * s.stderr FROM score s CROSS JOIN score m
        WHERE s.stage = p.stage AND s.step = -1 AND s.metric = 'accuracy' AND s.split = t.split
         AND s.task = p.task AND m.stage = p.stage AND m.step = -1 AND m.metric = 'majority'
         AND m.split = t.split AND m.task = p.task) AS learned,
       (SELECT s.value FROM score s WHERE s.stage = p.stage AND s.step = -1
         AND s.metric = 'kl_on_task_prompt' AND s.split = t.split AND s.task = p.task)
         AS kl_on_task_prompt,
       (SELECT s.value FROM score s WHERE s.stage = p.stage AND s.step = -1
         AND s.metric = 'kl_on_task_answer' AND s.split = t.split AND s.task = p.task)
         AS kl_on_task_answer,
       (SELECT m.value FROM metric m WHERE m.run = r.id AND m.position = p.position
         AND m.name = 'acc' AND m.subject = '') AS acc,
       (SELECT m.value FROM metric m WHERE m.run = r.id AND m.position = p.position
         AND m.name = 'learning_acc' AND m.subject = '') AS learning_acc,
       (SELECT m.value FROM metric m WHERE m.run = r.id AND m.position = p.position
         AND m.name = 'majority' AND m.subject = '') AS mean_majority,
       (SELECT m.value FROM metric m WHERE m.run = r.id AND m.position = p.position
         AND m.name = 'learned_tasks' AND m.subject = '') AS learned_tasks,
       (SELECT m.value FROM metric m WHERE m.run = r.id AND m.position = p.position
         AND m.name = 'bwt' AND m.subject = '') AS bwt,
       (SELECT m.value FROM metric m WHERE m.run = r.id AND m.position = p.position
         AND m.name = 'bwt_learned' AND m.subject = '') AS bwt_learned,
       (SELECT m.value FROM metric m WHERE m.run = r.id AND m.position = p.position
         AND m.name = 'forgetting' AND m.subject = '') AS forgetting,
       (SELECT m.value FROM metric m WHERE m.run = r.id AND m.position = p.position
         AND m.name = 'forgetting_learned' AND m.subject = '') AS forgetting_learned,
       (SELECT CASE WHEN count(m.value) = count(*) THEN avg(m.value) END FROM metric m
        WHERE m.run = r.id AND m.position = p.position AND m.name = 'held_out_change')
         AS held_out_change,
       s.matrices, s.changed AS matrices_changed, s.intruders_u AS intruders,
       s.unresolved_u AS intruders_unresolved, s.existing_u AS intruders_existing,
       CASE WHEN s.intruders_u IS NOT NULL THEN (SELECT count(*) FROM direction d
         WHERE d.stage = p.stage AND d.step = -1
         AND d.against = 'base' AND d.side = 'u' AND d.position <= 10
         AND coalesce(d.cluster_overlap, d.max_cosine) < 0.45) END AS intruders_low,
       CASE WHEN s.intruders_u IS NOT NULL THEN (SELECT count(*) FROM direction d
         WHERE d.stage = p.stage AND d.step = -1
         AND d.against = 'base' AND d.side = 'u' AND d.position <= 10
         AND coalesce(d.cluster_overlap, d.max_cosine) < 0.55) END AS intruders_high,
       (SELECT avg(n.intruders) FROM null_draw n WHERE n.stage = p.stage
         AND n.step = -1 AND n.kind = 'rotated' AND n.side = 'u') AS intruders_null,
       (SELECT avg(o.intruders) FROM (SELECT n.intruders FROM null_draw n WHERE n.stage = p.stage
         AND n.step = -1 AND n.kind = 'rotated' AND n.side = 'u'
         ORDER BY n.intruders LIMIT 2 OFFSET 1) o) AS intruders_null_low,
       (SELECT avg(o.intruders) FROM (SELECT n.intruders FROM null_draw n WHERE n.stage = p.stage
         AND n.step = -1 AND n.kind = 'rotated' AND n.side = 'u'
         ORDER BY n.intruders LIMIT 2 OFFSET 96) o) AS intruders_null_high,
       (SELECT (1 + sum(n.intruders <= s.intruders_u)) / (1.0 + count(*)) FROM null_draw n
         WHERE n.stage = p.stage
         AND n.step = -1 AND n.kind = 'rotated' AND n.side = 'u') AS intruders_p_low,
       (SELECT (1 + sum(n.intruders >= s.intruders_u)) / (1.0 + count(*)) FROM null_draw n
         WHERE n.stage = p.stage
         AND n.step = -1 AND n.kind = 'rotated' AND n.side = 'u') AS intruders_p_high,
       (SELECT avg(o.intruders) = 0 FROM (SELECT n.intruders FROM null_draw n WHERE n.stage = p.stage
         AND n.step = -1 AND n.kind = 'rotated' AND n.side = 'u'
         ORDER BY n.intruders LIMIT 2 OFFSET 96) o) AS uninformative,
       CASE WHEN s.intruders_u IS NOT NULL THEN (SELECT avg(d.max_cosine) FROM direction d
         WHERE d.stage = p.stage AND d.step = -1
         AND d.against = 'base' AND d.side = 'u' AND d.position <= 10
         AND (s.changed = s.matrices OR EXISTS (SELECT 1 FROM spectrum y WHERE y.stage = d.stage
           AND y.step = -1 AND y.against = 'base' AND y.matrix = d.matrix AND y.changed = 1))) END
         AS max_cosine,
       CASE WHEN s.intruders_u IS NOT NULL THEN (SELECT avg(d.max_cosine_high) FROM direction d
         WHERE d.stage = p.stage AND d.step = -1
         AND d.against = 'base' AND d.side = 'u' AND d.position <= 10
         AND (s.changed = s.matrices OR EXISTS (SELECT 1 FROM spectrum y WHERE y.stage = d.stage
           AND y.step = -1 AND y.against = 'base' AND y.matrix = d.matrix AND y.changed = 1))) END
         AS max_cosine_high,
       (SELECT m.value FROM measured m WHERE m.stage = p.stage AND m.step = -1
         AND m.measure = 'onset' AND m.subject = '' AND m.matrix = '' AND m.name = 'onset') AS onset,
       s.energy_u AS intruder_energy, s.intruders_v, s.unresolved_v AS intruders_unresolved_v,
       s.energy_v AS intruder_energy_v, s.delta_frobenius,
       (SELECT m.value FROM measured m WHERE m.stage = p.stage AND m.step = -1
         AND m.measure = 'norm' AND m.subject = '' AND m.matrix = ''
         AND m.name = 'delta_frobenius_all') AS delta_frobenius_all,
       s.delta_spectral, s.relative_update,
       s.effective_rank, s.stable_rank, s.top_share, s.rho_10,
       (SELECT CASE WHEN NOT sum(c.reason IS 'not_finite') THEN avg(c.f_delta) END
        FROM experiment_task x CROSS JOIN change c ON c.stage = p.stage AND c.step = -1
             AND c.task = x.task
        WHERE x.experiment = r.experiment) AS f_delta,
       (SELECT CASE WHEN NOT sum(c.reason IS 'not_finite') THEN avg(c.angle_u) END
        FROM experiment_task x CROSS JOIN change c ON c.stage = p.stage AND c.step = -1
             AND c.task = x.task
        WHERE x.experiment = r.experiment) AS angle_u,
       (SELECT CASE WHEN NOT sum(c.reason IS 'not_finite') THEN avg(c.angle_v) END
        FROM experiment_task x CROSS JOIN change c ON c.stage = p.stage AND c.step = -1
             AND c.task = x.task
        WHERE x.experiment = r.experiment) AS angle_v,
       CASE WHEN EXISTS (SELECT 1 FROM cell c WHERE c.stage = p.stage AND c.step = -1) THEN
       (SELECT count(*) FROM experiment_corpus x CROSS JOIN likelihood l ON l.stage = p.stage
          AND l.step = -1 AND l.corpus = x.corpus AND l.reason = 'not_finite'
        WHERE x.experiment = r.experiment)
       + (SELECT count(*) FROM experiment_task x CROSS JOIN task k ON k.id = x.task
          CROSS JOIN score c ON c.stage = p.stage AND c.step = -1 AND c.metric = 'accuracy'
          AND c.split = k.split AND c.task = x.task AND c.reason = 'not_finite'
        WHERE x.experiment = r.experiment)
       + (SELECT count(*) FROM spectrum c WHERE c.stage = p.stage AND c.step = -1
          AND c.against = 'base' AND c.reason = 'not_finite') END AS not_finite
FROM run r CROSS JOIN experiment e ON e.id = r.experiment
     CROSS JOIN run_stage z ON z.run = r.id AND z.position = 0
     CROSS JOIN run_stage p ON p.run = r.id
     CROSS JOIN stage g ON g.id = p.stage
     CROSS JOIN model v ON v.id = e.model
     LEFT JOIN task t ON t.id = p.task
     LEFT JOIN spectrum_total s ON s.stage = p.stage AND s.step = -1 AND s.against = 'base'
WHERE r.superseded = 0;

-- Every single number of a measure (table measured), after the stage at `position`. measure: whose it
-- is; subject: the name of the corpus or task it is measured on, '' where there is none; matrix: full
-- tensor name, '' for the whole stage; reason: why value is NULL. One of the whole stage is a metric of
-- curves, correlate, compare and ls, by its name: a number of several subjects as their mean, unless
-- one of them is missing.
CREATE VIEW measured_values AS
SELECT e.key AS experiment, r.name AS run, r.method, r.kind, r.rank, r.learning_rate,
       r.order_name, r.seed, p.position, t.name AS trained, m.measure,
       coalesce(c.name, k.name, m.subject) AS subject, m.matrix, m.name, m.value, m.reason
FROM run r CROSS JOIN experiment e ON e.id = r.experiment
     CROSS JOIN run_stage p ON p.run = r.id
     CROSS JOIN measured m ON m.stage = p.stage AND m.step = -1
     LEFT JOIN task t ON t.id = p.task
     LEFT JOIN corpus c ON c.key = m.subject
     LEFT JOIN task k ON k.key = m.subject
WHERE r.superseded = 0
      AND (c.id IS NULL OR EXISTS (SELECT 1 FROM experiment_corpus x
           WHERE x.experiment = r.experiment AND x.corpus = c.id))
      AND (k.id IS NULL OR EXISTS (SELECT 1 FROM experiment_task x
           WHERE x.experiment = r.experiment AND x.task = k.id));

-- One row per run, after its last stage. gates, gates_failed: how many were checked and failed.
-- not_finite: over all of its stages. majority, learned_tasks: the metrics (mean over its tasks; how
-- many of them were learned); collapsed_stages, beyond_uniform_stages: how many of its trained stages
-- are so (of those where it is known; NULL when of none).
CREATE VIEW run_summary AS
SELECT experiment, run, method, kind, rank, learning_rate, order_name, seed, status, stages,
       (SELECT q.trainable FROM run q WHERE q.key = run_key) AS trainable, limited, acc,
       learning_acc, mean_majority AS majority, learned_tasks, bwt, bwt_learned, forgetting,
       forgetting_learned, held_out_change, nll_0, nll, pretraining_forgetting, other_forgetting, kl_to_base,
       matrices, matrices_changed, intruders, intruders_unresolved, intruders_existing,
       intruders_low, intruders_high, intruders_null,
       intruders_null_low, intruders_null_high, intruders_p_low, intruders_p_high, uninformative,
       max_cosine, onset, intruder_energy, delta_frobenius, delta_frobenius_all, relative_update, effective_rank,
       (SELECT count(*) FROM run q JOIN gate g ON g.run = q.id WHERE q.key = run_key) AS gates,
       (SELECT count(*) FROM run q JOIN gate g ON g.run = q.id
        WHERE q.key = run_key AND g.passed = 0) AS gates_failed,
       (SELECT q.error FROM run q WHERE q.key = run_key) AS error, run_key AS key,
       (SELECT count(*) FROM run q JOIN run_stage p ON p.run = q.id JOIN likelihood l
        ON l.stage = p.stage AND l.step = -1 AND l.reason = 'not_finite' WHERE q.key = run_key)
       + (SELECT count(*) FROM run q JOIN run_stage p ON p.run = q.id JOIN score c
          ON c.stage = p.stage AND c.step = -1 AND c.metric = 'accuracy'
          AND c.reason = 'not_finite' WHERE q.key = run_key)
       + (SELECT count(*) FROM run q JOIN run_stage p ON p.run = q.id JOIN spectrum c
          ON c.stage = p.stage AND c.step = -1 AND c.against = 'base'
          AND c.reason = 'not_finite' WHERE q.key = run_key) AS not_finite,
       collapsed,
       (SELECT sum(g.collapsed) FROM stage_summary g WHERE g.experiment = last.experiment
        AND g.run = last.run AND g.position > 0) AS collapsed_stages,
       (SELECT sum(g.beyond_uniform) FROM stage_summary g WHERE g.experiment = last.experiment
        AND g.run = last.run AND g.position > 0) AS beyond_uniform_stages
FROM stage_summary last WHERE position = stages;

-- Means and standard deviations over the seeds of one method and order. Only runs that are done
-- count; `left_out` says how many are not (diverged, failed, gate failed, unfinished). A mean is over
-- the runs that have the value: acc_n, bwt_n, ... of `runs`. collapsed_runs: how many of `runs` end
-- collapsed; collapsed_stages, beyond_uniform_stages: how many of their stages are so. intruders_null_low
-- and _high are means of the runs' own quantiles; uninformative: in how many runs the null shows
-- nothing.
CREATE VIEW seed_summary AS
SELECT experiment, method, kind, rank, learning_rate, order_name, limited,
       sum(good) AS runs, sum(NOT good) AS left_out,
       avg(acc) AS acc, sqrt(sum((acc - m1) * (acc - m1)) / nullif(count(acc) - 1, 0)) AS acc_sd,
       avg(learning_acc) AS learning_acc, avg(majority) AS majority,
       avg(learned_tasks) AS learned_tasks,
       avg(bwt) AS bwt, sqrt(sum((bwt - m2) * (bwt - m2)) / nullif(count(bwt) - 1, 0)) AS bwt_sd,
       avg(bwt_learned) AS bwt_learned, avg(forgetting) AS forgetting,
       sqrt(sum((forgetting - m3) * (forgetting - m3)) / nullif(count(forgetting) - 1, 0))
         AS forgetting_sd, avg(forgetting_learned) AS forgetting_learned,
       avg(nll_0) AS nll_0, avg(nll) AS nll,
       avg(pretraining_forgetting) AS pretraining_forgetting,
       sqrt(sum((pretraining_forgetting - m4) * (pretraining_forgetting - m4))
            / nullif(count(pretraining_forgetting) - 1, 0)) AS pretraining_forgetting_sd,
       avg(intruders) AS intruders,
       sqrt(sum((intruders - m5) * (intruders - m5)) / nullif(count(intruders) - 1, 0))
         AS intruders_sd,
       avg(intruders_low) AS intruders_low, avg(intruders_high) AS intruders_high,
       avg(intruders_null) AS intruders_null, avg(intruders_null_low) AS intruders_null_low,
       avg(intruders_null_high) AS intruders_null_high, sum(uninformative) AS uninformative,
       avg(max_cosine) AS max_cosine, avg(onset) AS onset, count(onset) AS onset_n,
       avg(delta_frobenius) AS delta_frobenius,
       sqrt(sum((delta_frobenius - m6) * (delta_frobenius - m6))
            / nullif(count(delta_frobenius) - 1, 0)) AS delta_frobenius_sd,
       avg(delta_frobenius_all) AS delta_frobenius_all,
       count(acc) AS acc_n, count(bwt) AS bwt_n, count(forgetting) AS forgetting_n,
       count(nll) AS nll_n, count(pretraining_forgetting) AS pretraining_forgetting_n,
       count(intruders) AS intruders_n, count(delta_frobenius) AS delta_frobenius_n,
       count(learned_tasks) AS learned_tasks_n, count(bwt_learned) AS bwt_learned_n,
       count(forgetting_learned) AS forgetting_learned_n, sum(collapsed) AS collapsed_runs,
       sum(collapsed_stages) AS collapsed_stages,
       sum(beyond_uniform_stages) AS beyond_uniform_stages
FROM (SELECT experiment, method, kind, rank, learning_rate, order_name, limited, good, acc, bwt,
             forgetting, nll_0, nll, pretraining_forgetting, intruders, intruders_low,
             intruders_high, intruders_null, intruders_null_low, intruders_null_high, uninformative,
             max_cosine, onset, delta_frobenius_all, delta_frobenius, learning_acc, majority, learned_tasks, bwt_learned,
             forgetting_learned, collapsed, collapsed_stages, beyond_uniform_stages,
             avg(acc) OVER w AS m1, avg(bwt) OVER w AS m2,
             avg(forgetting) OVER w AS m3, avg(pretraining_forgetting) OVER w AS m4,
             avg(intruders) OVER w AS m5, avg(delta_frobenius) OVER w AS m6
      FROM (SELECT experiment, method, kind, rank, learning_rate, order_name, limited,
                   status = 'done' AS good,
                   CASE WHEN status = 'done' THEN acc END AS acc,
                   CASE WHEN status = 'done' THEN learning_acc END AS learning_acc,
                   CASE WHEN status = 'done' THEN majority END AS majority,
                   CASE WHEN status = 'done' THEN learned_tasks END AS learned_tasks,
                   CASE WHEN status = 'done' THEN bwt END AS bwt,
                   CASE WHEN status = 'done' THEN bwt_learned END AS bwt_learned,
                   CASE WHEN status = 'done' THEN forgetting_learned END AS forgetting_learned,
                   CASE WHEN status = 'done' THEN collapsed END AS collapsed,
                   CASE WHEN status = 'done' THEN collapsed_stages END AS collapsed_stages,
                   CASE WHEN status = 'done' THEN beyond_uniform_stages END
                     AS beyond_uniform_stages,
                   CASE WHEN status = 'done' THEN forgetting END AS forgetting,
                   CASE WHEN status = 'done' THEN nll_0 END AS nll_0,
                   CASE WHEN status = 'done' THEN nll END AS nll,
                   CASE WHEN status = 'done' THEN pretraining_forgetting END
                     AS pretraining_forgetting,
                   CASE WHEN status = 'done' THEN intruders END AS intruders,
                   CASE WHEN status = 'done' THEN intruders_low END AS intruders_low,
                   CASE WHEN status = 'done' THEN intruders_high END AS intruders_high,
                   CASE WHEN status = 'done' THEN intruders_null END AS intruders_null,
                   CASE WHEN status = 'done' THEN intruders_null_low END AS intruders_null_low,
                   CASE WHEN status = 'done' THEN intruders_null_high END AS intruders_null_high,
                   CASE WHEN status = 'done' THEN uninformative END AS uninformative,
                   CASE WHEN status = 'done' THEN max_cosine END AS max_cosine,
                   CASE WHEN status = 'done' THEN onset END AS onset,
                   CASE WHEN status = 'done' THEN delta_frobenius_all END AS delta_frobenius_all,
                   CASE WHEN status = 'done' THEN delta_frobenius END AS delta_frobenius
            FROM run_summary)
      WINDOW w AS (PARTITION BY experiment, method, order_name))
GROUP BY experiment, method, order_name;

-- Every metric of a method after its last stage over its seeds: n runs that are done and have it, their
-- mean and standard deviation, and the 95% t interval of the mean (low, high). One row per order, and
-- one with order_name NULL over all orders and seeds. runs: those that are done; left_out: those that
-- are not.
CREATE VIEW seed_interval AS
WITH quantile (degrees, t) AS ( -- t_.975
  VALUES (1, 12.7062047362), (2, 4.30265272975), (3, 3.18244630528), (4, 2.7764451052),
         (5, 2.57058183564), (6, 2.44691185114), (7, 2.36462425159), (8, 2.3060041352),
         (9, 2.2621571628), (10, 2.22813885199), (11, 2.20098516009), (12, 2.17881282967),
         (13, 2.16036865646), (14, 2.14478668792), (15, 2.13144954556), (16, 2.11990529922),
         (17, 2.10981557783), (18, 2.10092204024), (19, 2.09302405441), (20, 2.08596344727),
         (21, 2.07961384473), (22, 2.0738730679), (23, 2.06865761042), (24, 2.06389856163),
         (25, 2.05953855275), (26, 2.05552943864), (27, 2.05183051648), (28, 2.0484071418),
         (29, 2.04522964213), (30, 2.0422724563)),
s AS MATERIALIZED (SELECT * FROM run_summary),
v (key, metric, value) AS (
  SELECT r.key, m.name, m.value FROM run r
  JOIN metric m ON m.run = r.id AND m.position = r.stages AND m.subject = ''
  WHERE r.superseded = 0
  UNION ALL SELECT key, 'nll', nll FROM s
  UNION ALL SELECT key, 'pretraining_forgetting', pretraining_forgetting FROM s
  UNION ALL SELECT key, 'other_forgetting', other_forgetting FROM s
  UNION ALL SELECT key, 'kl_to_base', kl_to_base FROM s
  UNION ALL SELECT key, 'intruders', intruders FROM s
  UNION ALL SELECT key, 'intruders_null', intruders_null FROM s
  UNION ALL SELECT key, 'max_cosine', max_cosine FROM s
  UNION ALL SELECT key, 'onset', onset FROM s
  UNION ALL SELECT key, 'intruder_energy', intruder_energy FROM s
  UNION ALL SELECT key, 'delta_frobenius', delta_frobenius FROM s
  UNION ALL SELECT key, 'delta_frobenius_all', delta_frobenius_all FROM s
  UNION ALL SELECT key, 'relative_update', relative_update FROM s
  UNION ALL SELECT key, 'effective_rank', effective_rank FROM s),
member AS (
  SELECT s.*, CASE WHEN pooled THEN NULL ELSE s.order_name END AS orders
  FROM s CROSS JOIN (SELECT 0 AS pooled UNION ALL SELECT 1)),
counted AS (
  SELECT experiment, method, orders, sum(status = 'done') AS runs,
         sum(status <> 'done') AS left_out
  FROM member GROUP BY experiment, method, orders),
mean AS (
  SELECT p.experiment, p.method, p.kind, p.rank, p.learning_rate, p.orders, v.metric,
         v.value, avg(v.value) OVER (PARTITION BY p.experiment, p.method, p.orders, v.metric) AS mean
  FROM member p JOIN v ON v.key = p.key WHERE p.status = 'done'),
spread AS (
  SELECT experiment, method, kind, rank, learning_rate, orders, metric, count(value) AS n,
         avg(value) AS mean,
         sqrt(sum((value - mean) * (value - mean)) / nullif(count(value) - 1, 0)) AS sd
  FROM mean GROUP BY experiment, method, orders, metric),
half AS (
  SELECT *, sd / sqrt(n) * coalesce(
           (SELECT t FROM quantile WHERE degrees = n - 1),
           -- Cornish and Fisher, to 2e-6 from 31 degrees on
           1.95996398454 + 2.37227123 / (n - 1) + 2.8224986 / ((n - 1) * (n - 1))
             + 2.5558497 / ((n - 1) * (n - 1) * (n - 1))) AS half
  FROM spread)
SELECT h.experiment, h.method, h.kind, h.rank, h.learning_rate, h.orders AS order_name, h.metric,
       c.runs, c.left_out, h.n, h.mean, h.sd, h.mean - h.half AS low, h.mean + h.half AS high
FROM half h JOIN counted c ON c.experiment = h.experiment AND c.method = h.method
     AND c.orders IS h.orders;

-- The points of `wane correlate`: one per run and trained stage. config: everything of a run but its
-- order and seed. Any column may be x, y or the covariate; rows of runs that are not done (status)
-- are for the reader to leave out. Bounds (joint, single) are no points.
CREATE VIEW correlation_points AS
SELECT experiment, run, method AS config, kind, rank, learning_rate, order_name, seed, status,
       position, trained, intruders, intruders_unresolved, intruders_existing,
       intruders_low, intruders_high, intruders_null,
       intruders_null_low, intruders_null_high, intruders_p_low, intruders_p_high, uninformative,
       max_cosine, onset, intruder_energy, intruders_v,
       intruders_unresolved_v, intruder_energy_v,
       delta_frobenius, delta_frobenius_all, delta_spectral, relative_update,
       effective_rank, stable_rank, top_share, rho_10, kl_on_task_prompt, kl_on_task_answer,
       learned_accuracy, majority, learned, nll, collapsed, beyond_uniform, pretraining_forgetting,
       other_forgetting, kl_to_base, acc, bwt, bwt_learned, forgetting, forgetting_learned,
       held_out_change, f_delta, angle_u, angle_v
FROM stage_summary WHERE position >= 1
      AND NOT EXISTS (SELECT 1 FROM run b WHERE b.key = run_key AND b.bound IS NOT NULL);

-- What one arm at one lambda does to a stage: its intruders scaled by lambda, or one of the arms that
-- compare. matrices: how many were changed; matrices_with_intruders: of how many. nll_change,
-- nll_minus_intruders: weighted means over the experiment's pretraining corpora in reach, against
-- the stage itself and against the arm `intruders` on the same matrices, in nats per token.
-- forgetting_change_pct: nll_change in percent of what the stage has forgotten, NULL unless that is
-- above two of its errors. latest_, seen_accuracy_change: of the task just trained and of the mean
-- of all trained so far, in points. reason: why there is nothing to tell.
CREATE VIEW intervention_effect AS
WITH weighed AS NOT MATERIALIZED (
  SELECT x.experiment, x.weight, i.stage, i.choice, i.arm, i.lambda, i.measure, i.value, i.stderr,
         i.reason
  FROM experiment_corpus x CROSS JOIN corpus k ON k.id = x.corpus
       CROSS JOIN intervention i ON i.step = -1 AND i.target = k.name
  WHERE x.role = 'pretraining'
    AND NOT EXISTS (SELECT 1 FROM likelihood o WHERE o.stage = i.stage AND o.step = -1
                    AND o.corpus = x.corpus AND o.out_of_reach = 1))
SELECT experiment, run, method, kind, rank, learning_rate, order_name, seed, position, trained,
       choice, arm, lambda, matrices, matrices_with_intruders, nll_change, nll_change_stderr,
       CASE WHEN forgetting > 2 * forgetting_stderr THEN 100 * nll_change / forgetting END
         AS forgetting_change_pct,
       nll_minus_intruders, nll_minus_intruders_stderr, latest_accuracy_change,
       latest_accuracy_change_stderr, seen_accuracy_change, seen_accuracy_change_stderr,
       latest_accuracy_minus_intruders, latest_accuracy_minus_intruders_stderr,
       delta_frobenius, reason
FROM (SELECT s.experiment, s.run, s.method, s.kind, s.rank, s.learning_rate, s.order_name, s.seed,
             s.position, s.trained, d.choice, d.arm, d.lambda, d.matrices,
             coalesce(d.reason, (SELECT min(w.reason) FROM weighed w WHERE w.experiment = e.id
               AND w.stage = d.stage AND w.choice = d.choice AND w.arm = d.arm
               AND w.lambda = d.lambda AND w.measure = 'nll_change'), l.reason, a.reason) AS reason,
             d.value AS delta_frobenius, s.pretraining_forgetting AS forgetting,
             s.pretraining_forgetting_stderr AS forgetting_stderr,
             m.value AS matrices_with_intruders,
             l.value AS latest_accuracy_change, l.stderr AS latest_accuracy_change_stderr,
             a.value AS seen_accuracy_change, a.stderr AS seen_accuracy_change_stderr,
             c.value AS latest_accuracy_minus_intruders,
             c.stderr AS latest_accuracy_minus_intruders_stderr,
             (SELECT CASE WHEN count(w.value) = count(*)
                          THEN sum(w.weight * w.value) / sum(w.weight) END
              FROM weighed w WHERE w.experiment = e.id AND w.stage = d.stage AND w.choice = d.choice
               AND w.arm = d.arm AND w.lambda = d.lambda AND w.measure = 'nll_change')
               AS nll_change,
             (SELECT CASE WHEN count(w.stderr) = count(*)
                          THEN sqrt(sum(w.weight * w.stderr * w.weight * w.stderr)) / sum(w.weight) END
              FROM weighed w WHERE w.experiment = e.id AND w.stage = d.stage AND w.choice = d.choice
               AND w.arm = d.arm AND w.lambda = d.lambda AND w.measure = 'nll_change')
               AS nll_change_stderr,
             (SELECT CASE WHEN count(w.value) = count(*)
                          THEN sum(w.weight * w.value) / sum(w.weight) END
              FROM weighed w WHERE w.experiment = e.id AND w.stage = d.stage AND w.choice = d.choice
               AND w.arm = d.arm AND w.lambda = d.lambda AND w.measure = 'nll_minus_intruders')
               AS nll_minus_intruders,
             (SELECT CASE WHEN count(w.stderr) = count(*)
                          THEN sqrt(sum(w.weight * w.stderr * w.weight * w.stderr)) / sum(w.weight) END
              FROM weighed w WHERE w.experiment = e.id AND w.stage = d.stage AND w.choice = d.choice
               AND w.arm = d.arm AND w.lambda = d.lambda AND w.measure = 'nll_minus_intruders')
               AS nll_minus_intruders_stderr
      FROM stage_summary s
           CROSS JOIN experiment e ON e.key = s.experiment
           CROSS JOIN stage g ON g.key = s.stage
           CROSS JOIN intervention d ON d.stage = g.id AND d.step = -1
                                     AND d.measure = 'delta_frobenius' AND d.target = ''
           LEFT JOIN intervention m ON m.stage = d.stage AND m.step = -1 AND m.choice = d.choice
             AND m.arm = d.arm AND m.lambda = d.lambda
             AND m.measure = 'matrices_with_intruders' AND m.target = ''
           LEFT JOIN intervention l ON l.stage = d.stage AND l.step = -1 AND l.choice = d.choice
             AND l.arm = d.arm AND l.lambda = d.lambda
             AND l.measure = 'latest_accuracy_change' AND l.target = ''
           LEFT JOIN intervention a ON a.stage = d.stage AND a.step = -1 AND a.choice = d.choice
             AND a.arm = d.arm AND a.lambda = d.lambda
             AND a.measure = 'seen_accuracy_change' AND a.target = ''
           LEFT JOIN intervention c ON c.stage = d.stage AND c.step = -1 AND c.choice = d.choice
             AND c.arm = d.arm AND c.lambda = d.lambda
             AND c.measure = 'latest_accuracy_minus_intruders' AND c.target = '');

-- How far the count of intruders hangs on rounding: of every run that was made again from initial
-- numbers changed by 1e-7 (bounds: {perturbed: N}), the counts after the last stage (k = 10, epsilon
-- = .5, side u) of itself and of those: n of them that there are, their mean, standard deviation
-- (count_noise), least and most. intruders: its own. again: how many such runs are planned.
CREATE VIEW count_noise AS
SELECT experiment, run, method, kind, rank, learning_rate, order_name, seed, again, intruders,
       count(value) AS n, avg(value) AS mean,
       sqrt(max(0, sum(value * value) - count(value) * avg(value) * avg(value))
            / nullif(count(value) - 1, 0)) AS count_noise,
       min(value) AS low, max(value) AS high
FROM (SELECT s.experiment, s.run, s.method, s.kind, s.rank, s.learning_rate, s.order_name, s.seed,
             CASE WHEN s.status = 'done' THEN s.intruders END AS intruders,
             (SELECT count(*) FROM run q WHERE q.bounds = r.id AND q.bound = 'perturbed'
              AND q.superseded = 0) AS again,
             CASE WHEN z.status = 'done' THEN z.intruders END AS value
      FROM run r CROSS JOIN run_summary s ON s.key = r.key
           CROSS JOIN run o ON o.id = r.id
                            OR (o.bounds = r.id AND o.bound = 'perturbed' AND o.superseded = 0)
           CROSS JOIN run_summary z ON z.key = o.key
      WHERE r.superseded = 0 AND EXISTS (SELECT 1 FROM run q WHERE q.bounds = r.id
                                         AND q.bound = 'perturbed' AND q.superseded = 0))
GROUP BY experiment, run;
