-- SPDX-License-Identifier: Apache-2.0
-- The directions of one matrix at every look into a stage: a row per run, direction and step.
SELECT l.experiment, l.run, p.position AS stage, m.name AS matrix, d.step, d.position, d.identity,
       d.sigma, d.max_cosine, d.cluster_overlap, {cosine} < :epsilon AS intruder
FROM run r
     CROSS JOIN run_list l ON l.key = r.key
     CROSS JOIN run_stage p ON p.run = r.id
       AND p.position = CASE WHEN :stage > 0 THEN :stage ELSE r.stages END
     CROSS JOIN direction d ON d.stage = p.stage AND d.step >= 0 AND d.against = 'base'
       AND d.side = :side AND d.max_cosine IS NOT NULL
     CROSS JOIN matrix m ON m.id = d.matrix AND m.name = :matrix
WHERE l.superseded = 0 AND (:experiment IS NULL OR l.experiment = :experiment)
ORDER BY r.id, d.identity, d.step
