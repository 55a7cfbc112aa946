-- SPDX-License-Identifier: Apache-2.0
-- From version 1 of the results database to version 2. New columns stand at the end of their table in
-- schema.sql too, so that a file brought forward is made like a fresh one; views are made anew
-- afterwards.
ALTER TABLE cell ADD COLUMN mixed INTEGER NOT NULL DEFAULT 0 CHECK (mixed IN (0, 1));
ALTER TABLE score ADD COLUMN reason TEXT;
ALTER TABLE likelihood ADD COLUMN reason TEXT;
ALTER TABLE spectrum ADD COLUMN changed INTEGER CHECK (changed IN (0, 1));
ALTER TABLE spectrum ADD COLUMN "floor" REAL;
ALTER TABLE spectrum ADD COLUMN existing_u INTEGER;
ALTER TABLE spectrum ADD COLUMN existing_v INTEGER;
ALTER TABLE spectrum ADD COLUMN unresolved_u INTEGER;
ALTER TABLE spectrum ADD COLUMN unresolved_v INTEGER;
ALTER TABLE spectrum_total ADD COLUMN changed INTEGER;
ALTER TABLE spectrum_total ADD COLUMN existing_u INTEGER;
ALTER TABLE spectrum_total ADD COLUMN existing_v INTEGER;
ALTER TABLE spectrum_total ADD COLUMN unresolved_u INTEGER;
ALTER TABLE spectrum_total ADD COLUMN unresolved_v INTEGER;
ALTER TABLE direction ADD COLUMN cluster_overlap REAL;
ALTER TABLE direction ADD COLUMN reason TEXT;
CREATE TABLE difference (stage INTEGER NOT NULL REFERENCES stage, setting TEXT NOT NULL, base TEXT, value TEXT, PRIMARY KEY (stage, setting)) STRICT, WITHOUT ROWID;

-- What the earlier rows tell exactly; floors and clusters need the weights.
UPDATE spectrum SET changed = delta_frobenius <> 0;
UPDATE spectrum_total SET changed = (
  SELECT sum(s.changed) FROM spectrum s
  WHERE s.stage = spectrum_total.stage AND s.step = spectrum_total.step
    AND s.against = spectrum_total.against);

-- Version 1 took logits that are not finite for predictions: where the loss is no number, the
-- accuracy beside it, its examples and every metric that may stand on it are none either. A run with
-- such a stage was called done. (1.7976931348623157e308 is the largest double.)
DELETE FROM example WHERE EXISTS (
  SELECT 1 FROM score o
  WHERE o.stage = example.stage AND o.step = example.step AND o.task = example.task
    AND o.split = example.split AND o.metric = 'loss'
    AND (o.value IS NULL OR abs(o.value) > 1.7976931348623157e308));
UPDATE score SET value = NULL, stderr = NULL, reason = 'not_finite'
WHERE metric <> 'majority' AND EXISTS (
  SELECT 1 FROM score o
  WHERE o.stage = score.stage AND o.step = score.step AND o.task = score.task
    AND o.split = score.split AND o.metric = 'loss'
    AND (o.value IS NULL OR abs(o.value) > 1.7976931348623157e308));
UPDATE likelihood SET nll = NULL, stderr = NULL, change_stderr = NULL, token_perplexity = NULL,
  word_perplexity = NULL, byte_perplexity = NULL, bits_per_byte = NULL, kl_to_base = NULL,
  soft_ce = NULL, reason = 'not_finite'
WHERE nll IS NULL OR abs(nll) > 1.7976931348623157e308;
UPDATE metric SET value = NULL, reason = 'not_finite'
WHERE value IS NOT NULL AND EXISTS (
  SELECT 1 FROM run_stage p
  WHERE p.run = metric.run AND p.position <= metric.position
    AND (EXISTS (SELECT 1 FROM score s
                 WHERE s.stage = p.stage AND s.step = -1 AND s.reason = 'not_finite')
      OR EXISTS (SELECT 1 FROM likelihood l
                 WHERE l.stage = p.stage AND l.step = -1 AND l.reason = 'not_finite')));
INSERT OR IGNORE INTO gate (run, name, subject, passed, value, bound, detail)
SELECT p.run, 'finite', coalesce(t.name, ''), 0, NULL, 0, 'logits are not finite'
FROM run_stage p JOIN stage g ON g.id = p.stage AND g.kind IN ('base', 'given')
     LEFT JOIN task t ON t.id = p.task
WHERE EXISTS (SELECT 1 FROM score s
              WHERE s.stage = g.id AND s.step = -1 AND s.reason = 'not_finite')
   OR EXISTS (SELECT 1 FROM likelihood l
              WHERE l.stage = g.id AND l.step = -1 AND l.reason = 'not_finite');
UPDATE run SET
  status = iif(EXISTS (SELECT 1 FROM gate g WHERE g.run = run.id AND g.name = 'finite'),
               'gate_failed', 'diverged'),
  error = 'not finite: what an earlier version took for a result'
WHERE status = 'done' AND EXISTS (
  SELECT 1 FROM run_stage p
  WHERE p.run = run.id
    AND (EXISTS (SELECT 1 FROM score s
                 WHERE s.stage = p.stage AND s.step = -1 AND s.reason = 'not_finite')
      OR EXISTS (SELECT 1 FROM likelihood l
                 WHERE l.stage = p.stage AND l.step = -1 AND l.reason = 'not_finite')));
