-- SPDX-License-Identifier: Apache-2.0
-- A measure over stages: a row per run and stage, runs in the order of the plan. y is a SELECT of
-- experiment, run, position, value; by a column of run_list.
WITH y AS MATERIALIZED ({y}),
flag AS MATERIALIZED (
  SELECT experiment, run, position, collapsed FROM stage_summary)
SELECT l.experiment, l."{by}", l.run, y.position, t.name, y.position, y.value, f.collapsed
FROM run_list l
     JOIN run r ON r.key = l.key
     JOIN y ON y.experiment = l.experiment AND y.run = l.run
     LEFT JOIN run_stage p ON p.run = r.id AND p.position = y.position
     LEFT JOIN task t ON t.id = p.task
     LEFT JOIN flag f
       ON f.experiment = l.experiment AND f.run = l.run AND f.position = y.position
WHERE y.value IS NOT NULL AND {usable_runs}
ORDER BY r.id, y.position
