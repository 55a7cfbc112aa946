-- SPDX-License-Identifier: Apache-2.0
-- Every score of every run: those of one cell lie together, cells of one matrix by stage, then by task.
SELECT l.experiment, l.method, l.order_name, a.position, coalesce(a.trained, '(base)'), a.task,
       a.accuracy, a.majority
FROM run_list l
     JOIN accuracy_matrix a ON a.experiment = l.experiment AND a.run = l.run
     JOIN (SELECT experiment, method, order_name, min(id) AS first
           FROM (SELECT e.key AS experiment, r.method, r.order_name, r.id
                 FROM run r JOIN experiment e ON e.id = r.experiment)
           GROUP BY 1, 2, 3) f
       ON f.experiment = l.experiment AND f.method = l.method AND f.order_name = l.order_name
WHERE {usable_runs}
ORDER BY f.first, a.position, a.task_position IS NULL, a.task_position, a.task, l.seed
