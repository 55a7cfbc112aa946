-- SPDX-License-Identifier: Apache-2.0
-- The directions that intruders are counted from, over epsilon or k: a row per run and direction after
-- one stage, and one row without a direction for a run in which nothing changed.
SELECT r.id, l.experiment, l."{by}", l.run, {cosine}, d.position, d.sigma
FROM run r
     CROSS JOIN run_list l ON l.key = r.key
     CROSS JOIN run_stage p ON p.run = r.id
       AND p.position = CASE WHEN :stage > 0 THEN :stage ELSE r.stages END
     CROSS JOIN spectrum_total x ON x.stage = p.stage AND x.step = -1 AND x.against = :against
       AND CASE :side WHEN 'u' THEN x.intruders_u ELSE x.intruders_v END IS NOT NULL
     LEFT JOIN direction d ON d.stage = p.stage AND d.step = -1 AND d.against = :against
       AND d.side = :side AND d.position <= :k AND {changed}
WHERE {usable_runs}
ORDER BY r.id
