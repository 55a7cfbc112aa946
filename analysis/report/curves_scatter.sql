-- SPDX-License-Identifier: Apache-2.0
-- A measure against another: a row per run and trained stage that has both, runs in the order of the
-- plan. x and y are SELECTs of experiment, run, position, value; by is a column of run_list.
WITH y AS MATERIALIZED ({y}),
x AS MATERIALIZED ({x}),
flag AS MATERIALIZED (
  SELECT experiment, run, position, collapsed FROM stage_summary)
SELECT l.experiment, l."{by}", l.run, y.position, t.name, x.value, y.value, f.collapsed
FROM run_list l
     JOIN run r ON r.key = l.key
     JOIN y ON y.experiment = l.experiment AND y.run = l.run
     JOIN x ON x.experiment = l.experiment AND x.run = l.run
       AND x.position = y.position AND y.position > 0 AND x.value IS NOT NULL
     LEFT JOIN run_stage p ON p.run = r.id AND p.position = y.position
     LEFT JOIN task t ON t.id = p.task
     LEFT JOIN flag f
       ON f.experiment = l.experiment AND f.run = l.run AND f.position = y.position
WHERE y.value IS NOT NULL AND {usable_runs}
ORDER BY r.id, y.position
