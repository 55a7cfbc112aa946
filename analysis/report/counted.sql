-- SPDX-License-Identifier: Apache-2.0
-- One of the counts of intruders, after every stage of every run.
SELECT e.key AS experiment, r.name AS run, p.position AS position, {value} AS value
FROM run r
     JOIN experiment e ON e.id = r.experiment
     CROSS JOIN run_stage p ON p.run = r.id
     CROSS JOIN spectrum_total x ON x.stage = p.stage AND x.step = -1 AND x.against = '{against}'
       AND x.intruders_{side} IS NOT NULL
     LEFT JOIN direction d ON d.stage = p.stage AND d.step = -1 AND d.against = '{against}'
       AND d.side = '{side}' AND d.position <= {k} AND {changed}
WHERE r.superseded = 0
GROUP BY r.id, p.position
