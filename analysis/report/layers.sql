-- SPDX-License-Identifier: Apache-2.0
-- Intruders of every matrix: a row per method and matrix, matrices in the order of the model. The
-- directions are counted first, those of changed matrices that exist; an unchanged matrix has none.
SELECT experiment, method, layer, module, count(*), avg(counted)
FROM (
  SELECT l.experiment, l.method, m.layer, m.module, m.position AS place, r.id,
         coalesce(c.counted, 0) AS counted
  FROM run r
       CROSS JOIN run_list l ON l.key = r.key
       CROSS JOIN run_stage p ON p.run = r.id
         AND p.position = CASE WHEN :stage > 0 THEN :stage ELSE r.stages END
       CROSS JOIN spectrum s ON s.stage = p.stage AND s.step = -1 AND s.against = :against
         AND CASE :side WHEN 'u' THEN s.intruders_u ELSE s.intruders_v END IS NOT NULL
       CROSS JOIN matrix m ON m.id = s.matrix
       LEFT JOIN (
         SELECT r.id, d.matrix, count(*) FILTER (WHERE {cosine} < :epsilon) AS counted
         FROM run r
              CROSS JOIN run_list l ON l.key = r.key
              CROSS JOIN run_stage p ON p.run = r.id
                AND p.position = CASE WHEN :stage > 0 THEN :stage ELSE r.stages END
              CROSS JOIN spectrum_total x
                ON x.stage = p.stage AND x.step = -1 AND x.against = :against
              CROSS JOIN direction d ON d.stage = p.stage AND d.step = -1
                AND d.against = :against AND d.side = :side AND d.position <= :k AND {changed}
         WHERE {usable_runs}
         GROUP BY r.id, d.matrix) c ON c.id = r.id AND c.matrix = m.id
  WHERE {usable_runs})
GROUP BY experiment, method, place
ORDER BY min(min(id)) OVER (PARTITION BY experiment, method), place
