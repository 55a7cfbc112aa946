-- SPDX-License-Identifier: Apache-2.0
-- From version 2 of the results database to version 3: hashes over rows. What was written before has
-- none, and says so by NULL; a stage or run that is sealed has a row for each of its parts.
ALTER TABLE cell ADD COLUMN "rows" INTEGER;
ALTER TABLE cell ADD COLUMN rows_sha256 TEXT;
CREATE TABLE seal (part TEXT NOT NULL CHECK (part IN ('stage', 'step', 'artifact', 'environment', 'difference', 'cell', 'run', 'run_stage', 'parameter', 'metric', 'gate')), id INTEGER NOT NULL, "rows" INTEGER, rows_sha256 TEXT, PRIMARY KEY (part, id)) STRICT, WITHOUT ROWID;
INSERT INTO seal (part, id)
SELECT p.column1, s.id FROM stage s, (VALUES ('stage'), ('step'), ('artifact'), ('environment'), ('difference')) p
WHERE s.status NOT IN ('planned', 'training');
INSERT INTO seal (part, id) SELECT DISTINCT 'cell', stage FROM cell;
INSERT INTO seal (part, id)
SELECT p.column1, r.id FROM run r, (VALUES ('run'), ('run_stage'), ('parameter'), ('metric'), ('gate')) p
WHERE r.status IN ('done', 'diverged', 'gate_failed');
