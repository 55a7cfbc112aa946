-- SPDX-License-Identifier: Apache-2.0
-- Means over configs of their means over matched runs, with standard errors over configs: NULL below
-- six, whose spread says little. The binomial error of an accuracy is the mean of the runs' errors,
-- not divided by their number: they answer the same examples. Where some config has a collapsed
-- stage, the rows come again without those configs (without_collapsed = 1), which selects on the
-- outcome.
, config AS (
  SELECT experiment, method, choice, lambda, arm, place, collapsed,
         count(DISTINCT CASE WHEN matched THEN id END) AS runs,
         count(DISTINCT CASE WHEN intruded AND NOT matched THEN id END) AS unmatched,
         count(DISTINCT CASE WHEN NOT intruded THEN id END) AS without,
         avg(matrices) AS matrices, avg(nll) AS nll, avg(pct) AS pct, avg(minus) AS minus,
         avg(latest) AS latest, avg(latest_error) AS latest_error, avg(seen) AS seen,
         avg(seen_error) AS seen_error
  FROM compared GROUP BY experiment, method, choice, lambda, arm),
chosen AS (
  SELECT c.*, w.without_collapsed FROM config c
  JOIN (SELECT 0 AS without_collapsed UNION ALL SELECT 1) w
       ON w.without_collapsed = 0
       OR (c.collapsed = 0 AND EXISTS (SELECT 1 FROM config o WHERE o.experiment = c.experiment
                                       AND o.collapsed = 1))),
centred AS (
  SELECT *, avg(nll) OVER w AS mean_nll, avg(pct) OVER w AS mean_pct, avg(minus) OVER w AS mean_minus,
         avg(latest) OVER w AS mean_latest, avg(seen) OVER w AS mean_seen
  FROM chosen WINDOW w AS (PARTITION BY experiment, without_collapsed, choice, lambda, arm))
SELECT experiment, without_collapsed, choice, lambda, arm, sum(runs > 0) AS configs, sum(runs) AS runs,
       sum(runs = 0 AND unmatched > 0) AS unmatched_configs, sum(unmatched) AS unmatched_runs,
       sum(without) AS runs_without_intruders, avg(matrices) AS matrices,
       avg(nll) AS nll_change,
       CASE WHEN count(nll) > 5
            THEN sqrt(sum((nll - mean_nll) * (nll - mean_nll)) / (count(nll) - 1.0) / count(nll)) END
         AS nll_change_stderr,
       avg(pct) AS forgetting_pct,
       CASE WHEN count(pct) > 5
            THEN sqrt(sum((pct - mean_pct) * (pct - mean_pct)) / (count(pct) - 1.0) / count(pct)) END
         AS forgetting_pct_stderr,
       count(pct) AS forgetting_pct_n,
       avg(minus) AS minus_intruders,
       CASE WHEN count(minus) > 5
            THEN sqrt(sum((minus - mean_minus) * (minus - mean_minus)) / (count(minus) - 1.0)
                      / count(minus)) END AS minus_intruders_stderr,
       avg(latest) AS latest_change,
       CASE WHEN count(latest) > 5
            THEN sqrt(sum((latest - mean_latest) * (latest - mean_latest)) / (count(latest) - 1.0)
                      / count(latest)) END AS latest_change_stderr,
       avg(latest_error) AS latest_binomial,
       avg(seen) AS seen_change,
       CASE WHEN count(seen) > 5
            THEN sqrt(sum((seen - mean_seen) * (seen - mean_seen)) / (count(seen) - 1.0)
                      / count(seen)) END AS seen_change_stderr,
       avg(seen_error) AS seen_binomial,
       CASE WHEN sum(runs) = 0 AND sum(unmatched) = 0 THEN 'no_intruder'
            WHEN sum(runs) = 0 THEN 'unmatched' WHEN sum(runs > 0) < 6 THEN 'few_configs' END
         AS reason
FROM centred GROUP BY experiment, without_collapsed, choice, lambda, place
ORDER BY experiment, without_collapsed, choice DESC, lambda, place
