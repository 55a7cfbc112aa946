-- SPDX-License-Identifier: Apache-2.0
-- |U_0^T U| of one matrix after a stage: a row per run and pair of directions.
SELECT l.experiment, l.run, p.position AS stage, m.name AS matrix, o.side, o.i, o.j, o.value
FROM run r
     CROSS JOIN run_list l ON l.key = r.key
     CROSS JOIN run_stage p ON p.run = r.id
       AND p.position = CASE WHEN :stage > 0 THEN :stage ELSE r.stages END
     CROSS JOIN overlap o ON o.stage = p.stage AND o.step = -1 AND o.side = :side
     CROSS JOIN matrix m ON m.id = o.matrix AND m.name = :matrix
WHERE l.superseded = 0 AND (:experiment IS NULL OR l.experiment = :experiment)
ORDER BY r.id, o.i, o.j
