-- SPDX-License-Identifier: Apache-2.0
-- The results database of wane, version 7. One file holds one or more experiments.
--
-- Words. A STAGE is one training on top of another stage; stage 0 of every run is the bare base
-- model. A RUN is a path of stages: one config (method) in one order of tasks under one seed. Runs
-- that begin alike share their first stages. A CELL is one measurement of one stage; it is written
-- whole, with its rows, in one transaction, and never computed again.
--
-- Reading it in the sqlite3 shell: start with the views at the end (.tables, SELECT * FROM
-- run_summary). step = -1 means the sealed stage, any other step a look during training. NULL means
-- undefined or not asked for, never 0; a column `reason` says why. Likelihoods are in nats.
-- Small integer ids are given in the order of the plan and mean nothing; the keys do.

-- ------------------------------------------------------------------------ what was planned

-- A model that experiments start from.
CREATE TABLE model (
  id           INTEGER PRIMARY KEY,   -- in the order of the plan
  key          TEXT NOT NULL UNIQUE,  -- sha256 of its weights
  name         TEXT NOT NULL,         -- for people
  path         TEXT,                  -- where it was read from
  architecture TEXT NOT NULL,         -- "llama", ...
  parameters   INTEGER,               -- how many numbers
  vocabulary   INTEGER,               -- V; ln V is the nll of a uniform guess
  context      INTEGER,               -- longest input in tokens
  layers       INTEGER,               -- number of blocks
  width        INTEGER                -- of the hidden state
) STRICT;

-- A weight matrix whose spectrum is looked at (linear weights, not embeddings or heads).
CREATE TABLE matrix (
  id       INTEGER PRIMARY KEY,                -- in the order of the plan
  model    INTEGER NOT NULL REFERENCES model,  -- the model it belongs to
  position INTEGER NOT NULL,                   -- from 0, in the order of the model's parameter table
  name     TEXT NOT NULL,                      -- full tensor name
  module   TEXT NOT NULL,                      -- its last part or parts: "q_proj", "attn.c_proj", ...
  layer    INTEGER,                            -- from 0; NULL outside layers
  "rows"   INTEGER NOT NULL,                   -- outputs
  cols     INTEGER NOT NULL,                   -- inputs
  UNIQUE (model, name)
) STRICT;

-- A task as it is measured: other rows, template, labels or limit make another task.
CREATE TABLE task (
  id            INTEGER PRIMARY KEY,   -- in the order of the plan
  key           TEXT NOT NULL UNIQUE,  -- `subject` of its cells
  name          TEXT NOT NULL,         -- what tables and charts show
  path          TEXT,                  -- where it was read from; NULL when built in
  kind          TEXT NOT NULL,         -- classification, choice, generation, lm, ...
  split         TEXT NOT NULL,         -- the measured split that views show: test or validation
  train_sha256  TEXT,                  -- of the training rows; NULL when never trained on, or
                        -- drawn by each seed anew
  data_sha256   TEXT,                  -- of the measured rows
  template      TEXT,                  -- how a row becomes a prompt
  train_rows    INTEGER,               -- rows trained on
  measured_rows INTEGER,               -- rows measured
  labels        INTEGER,               -- number of labels; 1 / labels is chance
  shown         TEXT                   -- JSON: a measured row as the model sees it (the first that is cut, or
                        -- the first): row, prompt, tokens_cut, cut_at (a byte of prompt), tokens with
                        -- ids, label, class, label_tokens (null under a head); NULL: not planned since
) STRICT;

-- A corpus as it is measured; other text, windows or filter make another corpus.
CREATE TABLE corpus (
  id          INTEGER PRIMARY KEY,   -- in the order of the plan
  key         TEXT NOT NULL UNIQUE,  -- `subject` of its cells
  name        TEXT NOT NULL,         -- what tables and charts show
  path        TEXT,                  -- where it was read from; NULL when built in
  data_sha256 TEXT,                  -- of its text
  documents   INTEGER,               -- how many
  windows     INTEGER,               -- pieces of at most the model's context
  tokens      INTEGER,               -- scored
  words       INTEGER,               -- separated by white space
  bytes       INTEGER,               -- of UTF-8 text
  floor       REAL,                  -- entropy in nats per token where it is known (built-in language)
  unigram_entropy REAL               -- entropy in nats per token of the scored tokens' own frequencies:
                                     -- a model that knows no more than these; NULL: not planned since
) STRICT;

-- One experiment file.
CREATE TABLE experiment (
  id      INTEGER PRIMARY KEY,                -- in the order of the plan
  key     TEXT NOT NULL UNIQUE,               -- its name
  model   INTEGER NOT NULL REFERENCES model,  -- where its runs start
  limited INTEGER NOT NULL DEFAULT 0 CHECK (limited IN (0, 1)),  -- 1: under `limit:`, left out of means
  source  TEXT                                -- the file with every default filled in, as last planned
) STRICT;

-- Which tasks an experiment measures; views show these for its runs and no others.
CREATE TABLE experiment_task (
  experiment INTEGER NOT NULL REFERENCES experiment,  -- the experiment
  task       INTEGER NOT NULL REFERENCES task,  -- the task
  watched    INTEGER NOT NULL CHECK (watched IN (0, 1)),  -- 1: measured, never trained on
  PRIMARY KEY (experiment, task)
) STRICT, WITHOUT ROWID;

-- Which corpora an experiment measures.
CREATE TABLE experiment_corpus (
  experiment INTEGER NOT NULL REFERENCES experiment,  -- the experiment
  corpus     INTEGER NOT NULL REFERENCES corpus,  -- the corpus
  -- role: pretraining: what forgetting is measured on
  role       TEXT NOT NULL CHECK (role IN ('pretraining', 'other')),
  weight     REAL NOT NULL DEFAULT 1,  -- in the mean over the corpora of one role
  PRIMARY KEY (experiment, corpus)
) STRICT, WITHOUT ROWID;

-- A node of the tree of stages. Knows nothing of positions and orders: two runs that have trained
-- the same from the same start share it.
CREATE TABLE stage (
  id            INTEGER PRIMARY KEY,       -- in the order of the plan
  key           TEXT NOT NULL UNIQUE,      -- sha256 of everything that decides its weights
  parent        INTEGER REFERENCES stage,  -- what it starts from; NULL for the base
  model         INTEGER NOT NULL REFERENCES model,  -- at the root of its tree
  -- kind: how its weights come about
  kind          TEXT NOT NULL CHECK (kind IN ('base', 'sft', 'reward', 'rl', 'joint', 'given')),
  task_name     TEXT,                      -- what it is trained on; NULL for the base
  anchor        INTEGER REFERENCES stage,  -- the stage a KL penalty holds on to
  -- status: done and diverged are sealed for good
  status        TEXT NOT NULL DEFAULT 'planned'
                CHECK (status IN ('planned', 'training', 'done', 'diverged', 'skipped', 'failed')),
  steps_planned INTEGER,  -- optimiser steps; 0 where nothing is trained
  steps         INTEGER,  -- trained; NULL before the seal
  diverged_at   INTEGER   -- the step whose loss was not finite; steps_planned: what the last step left
                          -- is not
) STRICT;
CREATE INDEX stage_parent ON stage (parent);

-- Where the config.json of a given checkpoint differs from the base's: each is computed under its
-- own.
CREATE TABLE difference (
  stage   INTEGER NOT NULL REFERENCES stage,  -- the given stage
  setting TEXT NOT NULL,                      -- "rope_theta", "rms_norm_eps", ...
  base    TEXT,                               -- the base's, as JSON; NULL when it has none
  value   TEXT,                               -- the checkpoint's, likewise
  PRIMARY KEY (stage, setting)
) STRICT, WITHOUT ROWID;

-- One run of an experiment.
CREATE TABLE run (
  id            INTEGER PRIMARY KEY,   -- in the order of the plan
  key           TEXT NOT NULL UNIQUE,  -- sha256 of what it is; a unique prefix names it too
  experiment    INTEGER NOT NULL REFERENCES experiment,  -- the experiment it belongs to
  name          TEXT NOT NULL,         -- method/order/sN, unique among those not superseded
  method        TEXT NOT NULL,         -- the config: everything of a run but its order and seed
  kind          TEXT NOT NULL,         -- full, full-matrices, lora, given, ...
  rank          INTEGER,               -- of the adapter; NULL without one
  alpha         REAL,                  -- of the adapter
  learning_rate REAL,                  -- NULL where nothing is trained
  order_name    TEXT NOT NULL,         -- of the order of tasks
  seed          INTEGER NOT NULL,      -- of initial factors, order of rows, dropout
  stages        INTEGER NOT NULL,      -- trained stages planned: its last position
  trainable     INTEGER,               -- number of parameters trained
  -- status: diverged is a result; gate_failed is not to be believed; running: begun and not ended,
  -- also when its process has died since (`wane ls` and `wane show` ask its lock and say stopped)
  status        TEXT NOT NULL DEFAULT 'planned'
                CHECK (status IN ('planned', 'running', 'done', 'diverged', 'failed', 'gate_failed')),
  error         TEXT,  -- one line, when it failed
  superseded    INTEGER NOT NULL DEFAULT 0 CHECK (superseded IN (0, 1)),
                -- 1: the experiment file has changed and another run bears its name; out of all views
  -- bound: joint: each stage trains all tasks up to its position together, from the base; single:
  -- its task alone, from the base; perturbed: the run again, its initial numbers changed by 1e-7 of
  -- themselves; NULL for runs of their own
  bound         TEXT CHECK (bound IN ('joint', 'single', 'perturbed')),
  bounds        INTEGER REFERENCES run,  -- the run it is a bound of; NULL likewise
  CHECK ((bound IS NULL) = (bounds IS NULL))
) STRICT;
CREATE UNIQUE INDEX run_name ON run (experiment, name) WHERE superseded = 0;

-- The path of a run. Position 0 is the base.
CREATE TABLE run_stage (
  run      INTEGER NOT NULL REFERENCES run,    -- the run
  position INTEGER NOT NULL CHECK (position >= 0),  -- 0 is the base
  stage    INTEGER NOT NULL REFERENCES stage,  -- the stage
  task     INTEGER REFERENCES task,            -- trained at this position; NULL at 0
  PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_stage_stage ON run_stage (stage);
CREATE INDEX run_stage_task ON run_stage (run, task, position);

-- The settings of a run, all of them, defaults too.
CREATE TABLE parameter (
  run   INTEGER NOT NULL REFERENCES run,  -- the run
  key   TEXT NOT NULL,                    -- "training.batch_size"
  value ANY,                              -- a number or a text
  PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;

-- ------------------------------------------------------------------------ what happened

-- The log, with the clock. No view shows it.
CREATE TABLE event (
  id      INTEGER PRIMARY KEY,       -- in the order of writing
  run     INTEGER REFERENCES run,    -- NULL when it concerns no run
  stage   INTEGER REFERENCES stage,  -- NULL when it concerns no stage
  time    TEXT NOT NULL,             -- UTC, "2026-11-25T03:50:09Z"
  level   TEXT NOT NULL CHECK (level IN ('info', 'warning', 'error')),  -- how grave
  message TEXT NOT NULL              -- one line
) STRICT;
CREATE INDEX event_run ON event (run) WHERE run IS NOT NULL;
CREATE INDEX event_stage ON event (stage) WHERE stage IS NOT NULL;

-- Optimiser steps of a stage. A step that a process did again, because the one before it died behind
-- its last checkpoint, has the row of its last time.
CREATE TABLE step (
  stage         INTEGER NOT NULL REFERENCES stage,  -- the stage
  step          INTEGER NOT NULL,  -- from 0
  loss          REAL,              -- mean over the step's labelled tokens, nats; NULL: not finite
  learning_rate REAL,              -- the step's, by the schedule
  grad_norm     REAL,              -- before clipping; NULL: not finite
  tokens        INTEGER,           -- labelled or not
  seconds       REAL,              -- wall
  PRIMARY KEY (stage, step)
) STRICT, WITHOUT ROWID;

-- What a phase of a stage has cost, over all processes that worked on it, steps that were done twice
-- counted twice. Not counted is what a killed process had not committed: of a training its last
-- second or so, of a measurement the cell at work.
CREATE TABLE usage (
  stage      INTEGER NOT NULL REFERENCES stage,  -- the stage
  phase      TEXT NOT NULL,  -- "train", "likelihood", "score", "spectrum", ...
  wall_s     REAL NOT NULL,  -- seconds
  cpu_s      REAL NOT NULL,  -- of all threads
  peak_bytes INTEGER,        -- largest resident size of the process meanwhile; NULL: the system does not tell
  tokens     INTEGER,        -- trained on; NULL: the phase counts none
  PRIMARY KEY (stage, phase)
) STRICT, WITHOUT ROWID;

-- On what a stage was trained: what decides its last bits.
CREATE TABLE environment (
  stage        INTEGER PRIMARY KEY REFERENCES stage,  -- the stage
  version      TEXT,     -- of wane
  numbers      INTEGER,  -- version of the numerics; part of every stage's key
  blas_core    TEXT,     -- the kernels OpenBLAS chose
  blas_build   TEXT,     -- its version and options
  cpu          TEXT,     -- its model name
  cpu_features TEXT,     -- those that choose between code paths
  compiler     TEXT,     -- of wane
  system       TEXT,     -- kernel and machine
  threads      INTEGER,  -- change no bit
  jobs         INTEGER,  -- change no bit
  -- mixed: 1: with --mixed trained from weights, or on from steps, that other kernels made
  mixed        INTEGER NOT NULL DEFAULT 0 CHECK (mixed IN (0, 1))
) STRICT;

-- Files kept of a stage, in NAME.db.artifacts/ beside the database.
CREATE TABLE artifact (
  stage  INTEGER NOT NULL REFERENCES stage,  -- the stage
  kind   TEXT NOT NULL,                      -- adapter, tensors, merged, ...
  path   TEXT NOT NULL,                      -- inside the artifact folder
  sha256 TEXT,                               -- of its bytes; of an adapter, over both its files
  bytes  INTEGER,                            -- size of the file or folder
  gone   INTEGER NOT NULL DEFAULT 0 CHECK (gone IN (0, 1)),  -- 1: let go under `keep:`
  PRIMARY KEY (stage, kind)
) STRICT, WITHOUT ROWID;

-- Metrics of a run, computed once at its seal. Names and formulas: `wane explain NAME`.
CREATE TABLE metric (
  run      INTEGER NOT NULL REFERENCES run,  -- the run
  position INTEGER NOT NULL,                 -- after this stage; the run's own figure is that of its last
  name     TEXT NOT NULL,                    -- acc, aia, learning_acc, bwt, forgetting, held_out_change, ...
  subject  TEXT NOT NULL,                    -- a task's or corpus's name; '' for all
  value    REAL,                             -- wane explain NAME says which
  reason   TEXT,                             -- why value is NULL
  PRIMARY KEY (run, position, name, subject),
  CHECK ((value IS NULL) = (reason IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- Sanity gates: what must hold for a run to be believed.
CREATE TABLE gate (
  run     INTEGER NOT NULL REFERENCES run,  -- the run
  name    TEXT NOT NULL,                    -- what is checked
  subject TEXT NOT NULL,                    -- a task's or corpus's name; '' for the run
  passed  INTEGER NOT NULL CHECK (passed IN (0, 1)),  -- 0: the run is marked gate_failed
  value   REAL,                             -- what was seen
  bound   REAL,                             -- what it is held against
  detail  TEXT,                             -- one line for people
  PRIMARY KEY (run, name, subject)
) STRICT, WITHOUT ROWID;

-- Hashes over rows that stay as they are from some moment on, and are written anew where wane itself
-- changes them later; `wane verify` compares them. Cells have their own.
CREATE TABLE seal (
  -- part: a table: stage, step, artifact, environment, difference, cell of a stage; run, run_stage,
  -- parameter, metric, gate of a run
  part        TEXT NOT NULL
              CHECK (part IN ('stage', 'step', 'artifact', 'environment', 'difference', 'cell',
                              'run', 'run_stage', 'parameter', 'metric', 'gate')),
  id          INTEGER NOT NULL,  -- of the stage or run
  "rows"      INTEGER,           -- how many it has in the table; NULL: an earlier wane wrote them
  rows_sha256 TEXT,              -- over them; NULL likewise
  PRIMARY KEY (part, id)
) STRICT, WITHOUT ROWID;

-- ------------------------------------------------------------------------ what was measured

-- Which measurements are there. The rows are in the tables below, under the same stage and step.
CREATE TABLE cell (
  stage           INTEGER NOT NULL REFERENCES stage,  -- the stage
  step            INTEGER NOT NULL,  -- -1: sealed; else a training step
  measure         TEXT NOT NULL,  -- what is measured: score, likelihood, spectrum, null, ...
  subject         TEXT NOT NULL,  -- key of a task or corpus; a reference; a matrix; choice/arm/lambda;
                                  -- a kind of null; '' where there is but one
  settings_sha256 TEXT NOT NULL,  -- of all settings that decide its numbers
  data_sha256     TEXT NOT NULL,  -- of the data measured; '' where there is none
  reason          TEXT,           -- why it has no rows
  -- mixed: 1: filled with --mixed by other kernels than those that made the stage or its base
  mixed           INTEGER NOT NULL DEFAULT 0 CHECK (mixed IN (0, 1)),
  "rows"          INTEGER,  -- how many it has in its tables; NULL: an earlier wane measured it
  rows_sha256     TEXT,     -- over them, as wane verify compares them; NULL likewise
  PRIMARY KEY (stage, step, measure, subject)
) STRICT, WITHOUT ROWID;

-- Scores of a stage on a task.
CREATE TABLE score (
  stage  INTEGER NOT NULL REFERENCES stage,  -- the stage
  step   INTEGER NOT NULL,                   -- -1: sealed; else a training step
  metric TEXT NOT NULL,                      -- accuracy, loss, majority, kl_on_task_prompt, kl_on_task_answer, ...
  split  TEXT NOT NULL,                      -- train, validation, test
  task   INTEGER NOT NULL REFERENCES task,   -- the task
  value  REAL,                               -- of the metric
  stderr REAL,                               -- standard error of value
  n      INTEGER,                            -- rows it is a mean of
  reason TEXT,                               -- why value is NULL: not_finite
  PRIMARY KEY (stage, step, metric, split, task)
) STRICT, WITHOUT ROWID;

-- The outcome of every row of a task.
CREATE TABLE example (
  stage     INTEGER NOT NULL REFERENCES stage,  -- the stage
  step      INTEGER NOT NULL,                   -- -1: sealed; else a training step
  task      INTEGER NOT NULL REFERENCES task,   -- the task
  split     TEXT NOT NULL,                      -- train, validation, test
  "row"     INTEGER NOT NULL,                   -- its number in the split, from 0
  label     INTEGER NOT NULL,                   -- index of the true label
  predicted INTEGER NOT NULL,                   -- index of the label with the best score
  margin    REAL,                               -- score of the true label minus the best other score
  loss      REAL,                               -- -log softmax over the labels, of the true one
  PRIMARY KEY (stage, step, task, split, "row")
) STRICT, WITHOUT ROWID;

-- Likelihood of a corpus under a stage.
CREATE TABLE likelihood (
  stage            INTEGER NOT NULL REFERENCES stage,  -- the stage
  step             INTEGER NOT NULL,  -- -1: sealed; else a training step
  corpus           INTEGER NOT NULL REFERENCES corpus,  -- the corpus
  nll              REAL,              -- nats per token
  stderr           REAL,              -- of nll: bootstrap of documents
  change_stderr    REAL,              -- of nll minus that of stage 0: paired bootstrap of documents
  token_perplexity REAL,              -- exp(nll)
  word_perplexity  REAL,              -- exp(nll tokens / words); NULL when unk_tokens > 0
  byte_perplexity  REAL,              -- exp(nll tokens / bytes); NULL when unk_tokens > 0
  bits_per_byte    REAL,              -- nll tokens / bytes / ln 2; NULL when unk_tokens > 0
  kl_to_base       REAL,              -- mean over tokens of KL(p_base || p_stage)
  soft_ce          REAL,              -- mean over tokens of -sum p_base log p_stage
  tokens           INTEGER,           -- scored, each once
  words            INTEGER,           -- separated by white space
  bytes            INTEGER,           -- of UTF-8 text
  unk_tokens       INTEGER,           -- scored tokens that stand for text the tokenizer does not know
  "window"         INTEGER,           -- tokens a window holds at most
  stride           INTEGER,           -- tokens between the beginnings of two windows
  bos              TEXT,              -- the rule for the beginning of a document
  out_of_reach     INTEGER NOT NULL DEFAULT 0 CHECK (out_of_reach IN (0, 1)),  -- 1: the base is at chance
  reason           TEXT,              -- why nll is NULL: not_finite
  PRIMARY KEY (stage, step, corpus)
) STRICT, WITHOUT ROWID;

-- Its windows, so that errors and paired tests can be asked later.
CREATE TABLE "window" (
  stage    INTEGER NOT NULL REFERENCES stage,   -- the stage
  step     INTEGER NOT NULL,                    -- -1: sealed; else a training step
  corpus   INTEGER NOT NULL REFERENCES corpus,  -- the corpus
  document INTEGER NOT NULL,                    -- from 0
  position INTEGER NOT NULL,                    -- of the window in its document, from 0
  nll      REAL,                                -- sum over its scored tokens
  kl       REAL,                                -- sum of KL(p_base || p_stage)
  soft_ce  REAL,                                -- sum
  tokens   INTEGER NOT NULL,                    -- scored
  PRIMARY KEY (stage, step, corpus, document, position)
) STRICT, WITHOUT ROWID;

-- How one matrix of a stage differs from its reference. Intruders here: the directions among the
-- top k = 10 whose max_cosine is below epsilon = .5, of those that exist (sigma above floor) and are
-- not unresolved (cluster_overlap at or above epsilon). Any other (k, epsilon): table direction. In a
-- matrix that is not changed there is nothing to count: 0 intruders of 0. What random changes of the
-- same size have: table null_draw. Cells that an earlier wane measured have no floor, existing and
-- unresolved (NULL); their counts go by max_cosine alone. Where cosines are bounded (reason: bounded) an
-- intruder is one by its upper bound, and what the bounds leave open is unresolved.
CREATE TABLE spectrum (
  stage           INTEGER NOT NULL REFERENCES stage,  -- the stage
  step            INTEGER NOT NULL,  -- -1: sealed; else a training step
  -- against: the reference, the base model or the stage before
  against         TEXT NOT NULL CHECK (against IN ('base', 'previous')),
  matrix          INTEGER NOT NULL REFERENCES matrix,  -- the matrix
  -- base_count: reference directions: singular values above max(rows, cols) eps sigma_1; NULL: bounded
  base_count      INTEGER,
  intruders_u     INTEGER,  -- left vectors (the paper's); NULL when not asked for
  intruders_v     INTEGER,  -- right vectors
  energy_u        REAL,     -- sum of sigma^2 of the intruders / of the top k that exist
  energy_v        REAL,     -- the same for right vectors
  top_energy      REAL,     -- sum of sigma^2 of the top k that exist; NULL when not changed
  base_frobenius  REAL,     -- norms of the base W_0
  base_spectral   REAL,     -- sigma_1 of W_0
  delta_frobenius REAL,     -- norms of W - W_0
  delta_spectral  REAL,     -- sigma_1 of W - W_0
  relative_update REAL,     -- delta_frobenius / base_frobenius
  effective_rank  REAL,     -- of W - W_0: exp(-sum p ln p), p = s / sum s
  stable_rank     REAL,     -- delta_frobenius^2 / delta_spectral^2
  top_share       REAL,     -- s_1^2 / sum s^2
  rho_10          REAL,     -- share of |W - W_0|_F^2 inside the base's top 10 directions of both sides
  rounding_floor  REAL,     -- |W - W_0|_F that rounding of a 16-bit file alone could make
  -- reason: why some of these are NULL: not_finite, unchanged, bounded (the SVD of the reference was not
  -- made, nor, of weights given whole, that of the change, of which at most the first triplet is known),
  -- ...
  reason          TEXT,
  -- changed: 0: equal to the reference, number by number: no intruder can be in it
  changed         INTEGER CHECK (changed IN (0, 1)),
  "floor"         REAL,     -- a singular value at or below it has no direction
  existing_u      INTEGER,  -- directions among the top k that exist: what intruders are counted of
  existing_v      INTEGER,  -- the same for right vectors
  unresolved_u    INTEGER,  -- of those turned in a cluster of near-equal ones: in neither side
  unresolved_v    INTEGER,  -- the same for right vectors
  PRIMARY KEY (stage, step, against, matrix)
) STRICT, WITHOUT ROWID;

-- Its totals over the matrices, written with it. Counts add, norms are roots of sums of squares,
-- energies and relative_update are ratios of sums, the rest are means over the matrices that have them;
-- where a singular value of some matrix's change is not known (bounded), neither is what is made of it.
CREATE TABLE spectrum_total (
  stage           INTEGER NOT NULL REFERENCES stage,  -- the stage
  step            INTEGER NOT NULL,  -- -1: sealed; else a training step
  -- against: the reference, the base model or the stage before
  against         TEXT NOT NULL CHECK (against IN ('base', 'previous')),
  matrices        INTEGER NOT NULL,  -- how many were looked at
  intruders_u     INTEGER,           -- sum
  intruders_v     INTEGER,           -- sum
  energy_u        REAL,              -- ratio of sums
  energy_v        REAL,              -- ratio of sums
  base_frobenius  REAL,              -- root of the sum of squares
  delta_frobenius REAL,              -- root of the sum of squares
  delta_spectral  REAL,              -- root of the sum of squares
  relative_update REAL,              -- delta_frobenius / base_frobenius
  effective_rank  REAL,              -- mean
  stable_rank     REAL,              -- mean
  top_share       REAL,              -- mean
  rho_10          REAL,              -- mean
  changed         INTEGER,           -- how many differ from the reference
  existing_u      INTEGER,           -- sum
  existing_v      INTEGER,           -- sum
  unresolved_u    INTEGER,           -- sum
  unresolved_v    INTEGER,           -- sum
  PRIMARY KEY (stage, step, against)
) STRICT, WITHOUT ROWID;

-- The top singular directions of the tuned matrices against their reference. The key begins so that
-- the top k of all matrices of a stage lie together: any (k, epsilon) is one short scan per stage,
-- as in (k = 5, epsilon = .3, right vectors; the same as wane query DB --name intruders)
--   SELECT r.name, p.position, sum(coalesce(d.cluster_overlap, d.max_cosine) < 0.3) AS intruders
--   FROM run r JOIN run_stage p ON p.run = r.id
--        JOIN direction d ON d.stage = p.stage AND d.step = -1 AND d.against = 'base'
--                         AND d.side = 'v' AND d.position <= 5
--   GROUP BY r.id, p.position;
CREATE TABLE direction (
  stage            INTEGER NOT NULL REFERENCES stage,  -- the stage
  step             INTEGER NOT NULL,  -- -1: sealed; else a training step
  -- against: the reference, the base model or the stage before
  against          TEXT NOT NULL CHECK (against IN ('base', 'previous')),
  side             TEXT NOT NULL CHECK (side IN ('u', 'v')),  -- left or right singular vectors
  position         INTEGER NOT NULL,  -- from 1, by falling sigma
  matrix           INTEGER NOT NULL REFERENCES matrix,  -- the matrix
  sigma            REAL,              -- singular value of the tuned matrix
  -- max_cosine: largest |cosine| with a reference direction; NULL: no direction. Bounded (steps is not
  -- NULL): max_cosine_low, which it is at least
  max_cosine       REAL,
  span             REAL,              -- squared norm of the part inside the reference span, 0 to 1
  subspace_overlap REAL,              -- the same cosine against neighbourhoods of 7 directions
  argmax           INTEGER,           -- the reference direction of max_cosine, from 1
  -- identity: the same number at two looks into a stage's training that follow each other: the same
  -- direction of the matrix, |<u, u'>| |<v, v'>| > .5; NULL where directions are not followed
  identity         INTEGER,
  -- cluster_overlap: largest norm of the part inside a cluster of near-equal reference directions, at
  -- least max_cosine; bounded: which it is at most; NULL in cells that an earlier wane measured
  cluster_overlap  REAL,
  reason           TEXT,              -- why max_cosine is NULL: below_floor, not_finite
  max_cosine_low   REAL,              -- the largest |cosine| lies between this, which is max_cosine
  max_cosine_high  REAL,              -- and this; both are max_cosine where it is exact
  -- steps: of the bidiagonalisation that has bounded max_cosine without the SVD of the reference; span,
  -- subspace_overlap and argmax are NULL then. NULL: max_cosine is exact
  steps            INTEGER
                   CHECK (max_cosine_low IS max_cosine
                          AND iif(steps IS NULL, max_cosine_high IS max_cosine,
                                  max_cosine_high >= max_cosine)),
  PRIMARY KEY (stage, step, against, side, position, matrix)
) STRICT, WITHOUT ROWID;

-- How the update of one matrix acts on inputs, and how it turns from stage to stage.
CREATE TABLE change (
  stage      INTEGER NOT NULL REFERENCES stage,   -- the stage
  step       INTEGER NOT NULL,                    -- -1: sealed
  matrix     INTEGER NOT NULL REFERENCES matrix,  -- the matrix
  task       INTEGER NOT NULL REFERENCES task,    -- the trained task; its prompts are the inputs
  f_delta    REAL,     -- mean over tokens of |dW x| / |x|, dW = W - W_0, x the matrix's input
  tokens     INTEGER,  -- of the task's first measured rows
  -- directions: how many leading singular vectors of W_i - W_(i-1) the angles are between: at most 8
  directions INTEGER,
  -- angle_u: largest principal angle between the left ones of this stage's increment and of the one
  -- before, radians; NULL at a first stage
  angle_u    REAL,
  angle_v    REAL,     -- the same for right ones
  reason     TEXT,     -- why some of these are NULL
  PRIMARY KEY (stage, step, task, matrix)
) STRICT, WITHOUT ROWID;

-- Every |cosine| between leading singular vectors of a matrix and of its base: |U_0^T U|, for the
-- matrices that `matrices:` names.
CREATE TABLE overlap (
  stage  INTEGER NOT NULL REFERENCES stage,   -- the stage
  step   INTEGER NOT NULL,                    -- -1: sealed
  matrix INTEGER NOT NULL REFERENCES matrix,  -- the matrix
  side   TEXT NOT NULL CHECK (side IN ('u', 'v')),  -- left or right singular vectors
  i      INTEGER NOT NULL,                    -- direction of the base, from 1, by falling sigma
  j      INTEGER NOT NULL,                    -- direction of the tuned matrix, likewise
  value  REAL NOT NULL,                       -- |cosine|, 0 to 1
  PRIMARY KEY (stage, step, matrix, side, i, j)
) STRICT, WITHOUT ROWID;

-- Random updates beside the real one: intruders (k = 10, epsilon = .5, against the base) that a draw
-- has in all changed matrices together. Quantiles and p: view intruder_null.
CREATE TABLE null_draw (
  stage      INTEGER NOT NULL REFERENCES stage,  -- the stage
  step       INTEGER NOT NULL,                   -- -1: sealed
  -- kind: rotated: the singular values of W - W_0 in random directions; gaussian: random factors of
  -- its rank and norm
  kind       TEXT NOT NULL CHECK (kind IN ('rotated', 'gaussian')),
  side       TEXT NOT NULL CHECK (side IN ('u', 'v')),  -- left or right singular vectors
  draw       INTEGER NOT NULL,                   -- from 1
  intruders  INTEGER NOT NULL,                   -- sum over the changed matrices
  unresolved INTEGER NOT NULL,                   -- directions turned inside a cluster, in neither side
  existing   INTEGER NOT NULL,                   -- directions that exist among the top k
  -- below: JSON list of 20 counts: directions that would be intruders at epsilon = .05, .1, ... 1
  below      TEXT NOT NULL,
  PRIMARY KEY (stage, step, kind, side, draw)
) STRICT, WITHOUT ROWID;

-- Single numbers of a stage, or of a matrix of it: `wane explain NAME` says what each is. A measure
-- without a table of its own keeps its numbers here; with names of runs and subjects: view
-- measured_values.
CREATE TABLE measured (
  stage   INTEGER NOT NULL REFERENCES stage,  -- the stage
  step    INTEGER NOT NULL,                   -- -1: sealed
  measure TEXT NOT NULL,                      -- the cell's: onset, norm, ...
  subject TEXT NOT NULL,                      -- the cell's
  matrix  TEXT NOT NULL,                      -- full tensor name; '' for the whole stage; NAME[q]: those
                                              -- rows of a fused weight
  name    TEXT NOT NULL,                      -- onset, delta_frobenius_all, ...
  value   REAL,                               -- of that name
  reason  TEXT,                               -- why value is NULL
  PRIMARY KEY (stage, step, measure, subject, matrix, name),
  CHECK ((value IS NULL) = (reason IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- What happens when intruders are scaled by lambda, and under the arms that compare. Changes are
-- against the stage itself (lambda = 1); `wane explain` knows every measure and arm.
CREATE TABLE intervention (
  stage    INTEGER NOT NULL REFERENCES stage,  -- the stage
  step     INTEGER NOT NULL,                   -- -1: sealed; else a training step
  choice   TEXT NOT NULL,                      -- top: the first intruder of each matrix; all: all in the top k
  -- arm: what is scaled or compared with; formulas in wane explain
  arm      TEXT NOT NULL CHECK (arm IN ('intruders', 'neighbour', 'shrink', 'rescale', 'energy')),
  lambda   REAL NOT NULL,  -- 0 removes, 1 changes nothing
  measure  TEXT NOT NULL,  -- nll_change, latest_accuracy_change, delta_frobenius, ...
  target   TEXT NOT NULL,  -- name of the corpus or task; '' for means of tasks and for the weights
  value    REAL,           -- of the measure
  stderr   REAL,           -- paired standard error of value
  matrices INTEGER,        -- how many were changed
  reason   TEXT,           -- why value is NULL: no_intruder, unreachable, denominator_small, ...
  PRIMARY KEY (stage, step, choice, arm, lambda, measure, target),
  CHECK ((value IS NULL) = (reason IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- What a stage answered.
CREATE TABLE sample (
  stage    INTEGER NOT NULL REFERENCES stage,  -- the stage
  step     INTEGER NOT NULL,                   -- -1: sealed; else a training step
  task     INTEGER NOT NULL REFERENCES task,   -- where the prompt is from
  "row"    INTEGER NOT NULL,                   -- of the prompt in its split, from 0
  prompt   TEXT NOT NULL,                      -- what it was given
  response TEXT NOT NULL,                      -- what it answered
  reward   REAL,                               -- NULL when there is no judge
  PRIMARY KEY (stage, step, task, "row")
) STRICT, WITHOUT ROWID;
