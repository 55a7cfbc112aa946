-- SPDX-License-Identifier: Apache-2.0
-- What learning the latest task cost: a row per run, after its last stage, in the order of the plan.
-- What is undefined is NULL.
SELECT l.experiment, l.run, l."{by}" AS "group", s.position AS stage, s.trained AS task, s.majority,
       s.pretraining_forgetting, s.learned_accuracy AS accuracy, s.collapsed
FROM run_list l
     JOIN run r ON r.key = l.key
     JOIN stage_summary s ON s.experiment = l.experiment AND s.run = l.run
       AND s.position = l.stages
WHERE {usable_runs}
ORDER BY r.id
