-- SPDX-License-Identifier: Apache-2.0
-- Arms of interventions side by side, only on runs and matrices where all of them are. compared: a
-- row per finished run, choice, lambda and arm, of the arms that :arms names (all where it is NULL).
-- matched: at that lambda every arm shown has a value there, on the same matrices, those that the
-- arm `intruders` changed; effects are NULL elsewhere. defined: this arm has a value. intruded: there
-- is an intruder to scale. collapsed: some stage of the config has collapsed.
WITH fallen AS MATERIALIZED (
  SELECT DISTINCT s.experiment, s.method FROM stage_summary s JOIN run b ON b.key = s.run_key
  WHERE s.collapsed = 1 AND s.position >= 1 AND b.status = 'done' AND b.bound IS NULL),
every AS MATERIALIZED (
  SELECT v.*, r.id,
         coalesce(max(CASE v.arm WHEN 'intruders' THEN v.matrices END)
                    OVER (PARTITION BY r.id, v.choice, v.lambda),
                  v.matrices_with_intruders) AS all_matrices
  FROM intervention_effect v
       JOIN experiment e ON e.key = v.experiment
       JOIN run r ON r.experiment = e.id AND r.name = v.run AND r.superseded = 0
  WHERE r.status = 'done' AND r.bound IS NULL AND v.position = coalesce(:position, r.stages)
    AND (:choice IS NULL OR v.choice = :choice)),
shown AS MATERIALIZED (
  SELECT *, nll_change IS NOT NULL AS defined, matrices_with_intruders > 0 AS intruded FROM every
  WHERE :arms IS NULL OR instr(',' || replace(:arms, ' ', '') || ',', ',' || arm || ',')),
number AS (
  SELECT experiment, choice, count(DISTINCT arm) AS arms FROM shown GROUP BY experiment, choice),
judged AS MATERIALIZED (
  SELECT s.*, sum(s.defined AND s.matrices = s.all_matrices)
                OVER (PARTITION BY s.id, s.choice, s.lambda) = n.arms AS matched
  FROM shown s JOIN number n ON n.experiment = s.experiment AND n.choice = s.choice),
compared AS MATERIALIZED (
  SELECT experiment, method, choice, lambda, arm, id, matched, defined, intruded, reason,
         EXISTS (SELECT 1 FROM fallen f WHERE f.experiment = judged.experiment
                 AND f.method = judged.method) AS collapsed,
         instr('intruders neighbour shrink rescale energy', arm) AS place,
         CASE WHEN matched THEN matrices END AS matrices,
         CASE WHEN matched THEN nll_change END AS nll,
         CASE WHEN matched THEN forgetting_change_pct END AS pct,
         CASE WHEN matched THEN nll_minus_intruders END AS minus,
         CASE WHEN matched THEN latest_accuracy_change END AS latest,
         CASE WHEN matched THEN latest_accuracy_change_stderr END AS latest_error,
         CASE WHEN matched THEN seen_accuracy_change END AS seen,
         CASE WHEN matched THEN seen_accuracy_change_stderr END AS seen_error
  FROM judged)
