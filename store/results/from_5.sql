-- SPDX-License-Identifier: Apache-2.0
-- From version 5 of the results database to version 6: cosines that are bounded. All that were measured
-- before are exact, and under the hashes they were sealed with.
ALTER TABLE direction ADD COLUMN max_cosine_low REAL;
ALTER TABLE direction ADD COLUMN max_cosine_high REAL;
UPDATE direction SET max_cosine_low = max_cosine, max_cosine_high = max_cosine;
ALTER TABLE direction ADD COLUMN steps INTEGER CHECK (max_cosine_low IS max_cosine AND iif(steps IS NULL, max_cosine_high IS max_cosine, max_cosine_high >= max_cosine));
