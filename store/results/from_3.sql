-- SPDX-License-Identifier: Apache-2.0
-- From version 3 of the results database to version 4: random updates beside the real ones, single
-- numbers of a stage, runs again from perturbed numbers. Two tables are made anew for their checks. The
-- count that as many random directions give goes, and with it what its spectra were sealed under.
ALTER TABLE corpus ADD COLUMN unigram_entropy REAL;
CREATE TABLE null_draw (stage INTEGER NOT NULL REFERENCES stage, step INTEGER NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('rotated', 'gaussian')), side TEXT NOT NULL CHECK (side IN ('u', 'v')), draw INTEGER NOT NULL, intruders INTEGER NOT NULL, unresolved INTEGER NOT NULL, existing INTEGER NOT NULL, below TEXT NOT NULL, PRIMARY KEY (stage, step, kind, side, draw)) STRICT, WITHOUT ROWID;
CREATE TABLE measured (stage INTEGER NOT NULL REFERENCES stage, step INTEGER NOT NULL, measure TEXT NOT NULL, subject TEXT NOT NULL, matrix TEXT NOT NULL, name TEXT NOT NULL, value REAL, reason TEXT, PRIMARY KEY (stage, step, measure, subject, matrix, name), CHECK ((value IS NULL) = (reason IS NOT NULL))) STRICT, WITHOUT ROWID;

CREATE TABLE newer_cell (stage INTEGER NOT NULL REFERENCES stage, step INTEGER NOT NULL, measure TEXT NOT NULL, subject TEXT NOT NULL, settings_sha256 TEXT NOT NULL, data_sha256 TEXT NOT NULL, reason TEXT, mixed INTEGER NOT NULL DEFAULT 0 CHECK (mixed IN (0, 1)), "rows" INTEGER, rows_sha256 TEXT, PRIMARY KEY (stage, step, measure, subject)) STRICT, WITHOUT ROWID;
INSERT INTO newer_cell SELECT stage, step, measure, subject, settings_sha256, data_sha256, reason, mixed, "rows", rows_sha256 FROM cell;
DROP TABLE cell;
ALTER TABLE newer_cell RENAME TO cell;

CREATE TABLE newer_run (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, experiment INTEGER NOT NULL REFERENCES experiment, name TEXT NOT NULL, method TEXT NOT NULL, kind TEXT NOT NULL, rank INTEGER, alpha REAL, learning_rate REAL, order_name TEXT NOT NULL, seed INTEGER NOT NULL, stages INTEGER NOT NULL, trainable INTEGER, status TEXT NOT NULL DEFAULT 'planned' CHECK (status IN ('planned', 'running', 'done', 'diverged', 'failed', 'gate_failed')), error TEXT, superseded INTEGER NOT NULL DEFAULT 0 CHECK (superseded IN (0, 1)), bound TEXT CHECK (bound IN ('joint', 'single', 'perturbed')), bounds INTEGER REFERENCES run, CHECK ((bound IS NULL) = (bounds IS NULL))) STRICT;
INSERT INTO newer_run SELECT id, key, experiment, name, method, kind, rank, alpha, learning_rate, order_name, seed, stages, trainable, status, error, superseded, bound, bounds FROM run;
DROP TABLE run;
ALTER TABLE newer_run RENAME TO run;
CREATE UNIQUE INDEX run_name ON run (experiment, name) WHERE superseded = 0;

ALTER TABLE spectrum DROP COLUMN random_u;
ALTER TABLE spectrum DROP COLUMN random_v;
ALTER TABLE spectrum_total DROP COLUMN random_u;
ALTER TABLE spectrum_total DROP COLUMN random_v;
UPDATE cell SET "rows" = NULL, rows_sha256 = NULL WHERE measure = 'spectrum';
UPDATE seal SET "rows" = NULL, rows_sha256 = NULL
WHERE part = 'cell' AND id IN (SELECT stage FROM cell WHERE measure = 'spectrum');
