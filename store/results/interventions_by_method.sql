-- SPDX-License-Identifier: Apache-2.0
-- Means and standard deviations over the matched runs of each method (two passes, so that nearly
-- equal values keep their digits). known: whether any arm of the method has a value; without one,
-- its rows are one.
SELECT experiment, method, choice, CASE WHEN known THEN arm END AS arm,
       CASE WHEN known THEN lambda END AS lambda, count(DISTINCT id) AS runs,
       sum(defined) AS defined, count(DISTINCT CASE WHEN matched THEN id END) AS matched,
       avg(matrices) AS matrices,
       avg(nll) AS nll_change,
       sqrt(sum((nll - mean_nll) * (nll - mean_nll)) / nullif(count(nll) - 1, 0)) AS nll_change_sd,
       avg(pct) AS forgetting_pct,
       sqrt(sum((pct - mean_pct) * (pct - mean_pct)) / nullif(count(pct) - 1, 0))
         AS forgetting_pct_sd,
       avg(minus) AS minus_intruders,
       sqrt(sum((minus - mean_minus) * (minus - mean_minus)) / nullif(count(minus) - 1, 0))
         AS minus_intruders_sd,
       avg(latest) AS latest_change,
       sqrt(sum((latest - mean_latest) * (latest - mean_latest)) / nullif(count(latest) - 1, 0))
         AS latest_change_sd,
       avg(latest_error) AS latest_binomial,
       avg(seen) AS seen_change,
       sqrt(sum((seen - mean_seen) * (seen - mean_seen)) / nullif(count(seen) - 1, 0))
         AS seen_change_sd,
       avg(seen_error) AS seen_binomial,
       CASE WHEN sum(matched) > 0 THEN NULL WHEN sum(defined) > 0 THEN 'unmatched'
            ELSE max(reason) END AS reason,
       count(pct) AS forgetting_pct_n, count(minus) AS minus_intruders_n,
       count(latest) AS latest_change_n, count(seen) AS seen_change_n, max(collapsed) AS collapsed
FROM (SELECT *, avg(nll) OVER w AS mean_nll, avg(pct) OVER w AS mean_pct,
             avg(minus) OVER w AS mean_minus, avg(latest) OVER w AS mean_latest,
             avg(seen) OVER w AS mean_seen,
             max(defined) OVER (PARTITION BY experiment, method, choice) AS known,
             min(id) OVER (PARTITION BY experiment, method) AS first
      FROM compared
      WINDOW w AS (PARTITION BY experiment, method, choice, arm, lambda))
GROUP BY experiment, method, choice, CASE WHEN known THEN place END,
         CASE WHEN known THEN lambda END
ORDER BY first, choice DESC, place, lambda
