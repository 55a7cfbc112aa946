-- SPDX-License-Identifier: Apache-2.0
-- From version 6 of the results database to version 7: a row of each task as the model sees it, filled
-- when an experiment is planned again.
ALTER TABLE task ADD COLUMN shown TEXT;
