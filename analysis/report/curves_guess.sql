-- SPDX-License-Identifier: Apache-2.0
-- What guessing the most frequent label gives, beside accuracies over stages: a row per group and
-- stage. measure is a SELECT of experiment, run, position, value.
SELECT l.experiment, l."{by}", v.position, avg(v.value)
FROM ({measure}) v
     JOIN run_list l ON l.experiment = v.experiment AND l.run = v.run
WHERE v.value IS NOT NULL AND {usable_runs}
GROUP BY {several} 2, 3
