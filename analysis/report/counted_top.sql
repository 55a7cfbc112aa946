-- SPDX-License-Identifier: Apache-2.0
-- How deep the directions of all finished runs go: the least depth of stages that are not stored whole,
-- the largest, how many stages there are. A stage is as deep as its deepest changed matrix; when that
-- one is stored whole, so are all.
SELECT min(CASE WHEN stored < most THEN stored END), max(stored), count(*)
FROM (
  SELECT s.stored,
         (SELECT max(min(m."rows", m.cols))
          FROM spectrum x JOIN matrix m ON m.id = x.matrix
          WHERE x.stage = s.stage AND x.step = -1 AND x.against = :against AND x.changed = 1) AS most
  FROM (
    SELECT g.stage,
           (SELECT max(d.position) FROM direction d
            WHERE d.stage = g.stage AND d.step = -1 AND d.against = :against
              AND d.side = :side) AS stored
    FROM (
      SELECT DISTINCT p.stage
      FROM run_list l
           JOIN run r ON r.key = l.key
           JOIN run_stage p ON p.run = r.id
           JOIN spectrum_total x ON x.stage = p.stage AND x.step = -1 AND x.against = :against
             AND CASE :side WHEN 'u' THEN x.intruders_u ELSE x.intruders_v END IS NOT NULL
      WHERE p.position > 0 AND {usable_runs}) g) s)
