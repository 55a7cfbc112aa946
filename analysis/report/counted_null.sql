-- SPDX-License-Identifier: Apache-2.0
-- The rotated null of every run after a stage, at one place or several of epsilon: mean, 2.5% and 97.5%
-- of the 99 draws (midway between the second and third, the 97th and 98th).
SELECT experiment, line, run, position, place, avg(x),
       avg(x) FILTER (WHERE number IN (2, 3)),
       avg(x) FILTER (WHERE number IN (97, 98))
FROM (
  SELECT r.id, l.experiment, l."{by}" AS line, l.run, p.position, n.place, n.x,
         row_number() OVER (PARTITION BY r.id, p.position, n.place ORDER BY n.x) AS number
  FROM run r
       CROSS JOIN run_list l ON l.key = r.key
       CROSS JOIN run_stage p ON p.run = r.id AND p.position > 0
         AND (:stage < 0 OR p.position = CASE :stage WHEN 0 THEN r.stages ELSE :stage END)
       CROSS JOIN (
         SELECT d.stage, {place}
         FROM null_draw d{each}
         WHERE d.step = -1 AND d.kind = 'rotated' AND d.side = :side) n ON n.stage = p.stage
  WHERE {usable_runs})
GROUP BY id, position, place
ORDER BY id, position, place
