-- SPDX-License-Identifier: Apache-2.0
-- Interventions as a frontier: a row per group, arm and lambda, with means over configs of the means
-- of their runs.
-- every: an arm's x, y, binomial error b of y, and contrast c with the arm `intruders`. judged: matched
-- = at that lambda every arm shown has a value there, on the matrices that `intruders` changed.
-- centred: with the means over configs, so that nearly equal values keep their digits in the errors.
WITH every AS MATERIALIZED (
  SELECT r.id, {group} AS "group", v.arm, v.lambda, l.experiment || char(10) || l.method AS config,
         v.matrices, v.matrices_with_intruders > 0 AS intruded,
         coalesce(max(CASE v.arm WHEN 'intruders' THEN v.matrices END)
                    OVER (PARTITION BY r.id, v.lambda),
                  v.matrices_with_intruders) AS all_matrices,
         v.{x} AS x, v.{y} AS y, v.{y}_stderr AS b, v.nll_minus_intruders AS c,
         (SELECT s.collapsed FROM stage_summary s
          WHERE s.experiment = v.experiment AND s.run = v.run AND s.position = v.position) AS collapsed
  FROM intervention_effect v
       JOIN run_list l ON l.experiment = v.experiment AND l.run = v.run
       JOIN run r ON r.key = l.key
  WHERE v.choice = :choice
    AND v.position = CASE WHEN :stage > 0 THEN :stage ELSE l.stages END
    AND {usable_runs}),
shown AS MATERIALIZED (
  SELECT * FROM every WHERE {arms}),
judged AS MATERIALIZED (
  SELECT *,
         sum(x IS NOT NULL AND y IS NOT NULL AND matrices = all_matrices)
           OVER (PARTITION BY id, lambda)
         = (SELECT count(DISTINCT arm) FROM shown) AS matched
  FROM shown),
config AS (
  SELECT "group", arm, lambda, config, min(id) AS id, sum(matched) AS runs,
         sum(intruded AND NOT matched) AS unmatched, sum(matched AND collapsed) AS collapsed,
         avg(CASE WHEN matched THEN x END) AS x, avg(CASE WHEN matched THEN y END) AS y,
         avg(CASE WHEN matched THEN b END) AS b, avg(CASE WHEN matched THEN c END) AS c
  FROM judged
  GROUP BY "group", arm, lambda, config),
centred AS (
  SELECT *, avg(x) OVER w AS mx, avg(y) OVER w AS my, avg(c) OVER w AS mc,
         min(id) OVER (PARTITION BY "group") AS first,
         sum(runs + unmatched) OVER (PARTITION BY "group") AS any_run
  FROM config
  WINDOW w AS (PARTITION BY "group", arm, lambda))
SELECT "group", arm, lambda, sum(runs) AS runs, sum(runs > 0) AS configs,
       sum(unmatched) AS unmatched_runs,
       avg(x) AS {x},
       CASE WHEN count(x) >= :least
            THEN sqrt(sum((x - mx) * (x - mx)) / (count(x) - 1.0) / count(x)) END AS {x}_stderr,
       avg(y) AS {y},
       CASE WHEN count(y) >= :least
            THEN sqrt(sum((y - my) * (y - my)) / (count(y) - 1.0) / count(y)) END AS {y}_stderr,
       avg(b) AS {y}_binomial,
       avg(c) AS nll_minus_intruders,
       CASE WHEN count(c) >= :least
            THEN sqrt(sum((c - mc) * (c - mc)) / (count(c) - 1.0) / count(c)) END
         AS nll_minus_intruders_stderr,
       sum(collapsed) AS collapsed
FROM centred
WHERE any_run > 0
GROUP BY "group", arm, lambda
ORDER BY first, instr('{arm_names}', arm), lambda
