-- SPDX-License-Identifier: Apache-2.0
-- The row of spectrum_total from the spectra of (?1 stage, ?2 step, ?3 against). Counts add, norms are
-- roots of sums of squares, energies and the relative update are ratios of sums, the rest are means
-- over the matrices that have them. A total over fewer matrices than there are would be none: bad;
-- less, unranked: the first singular value of some change, or the others, are not known.
SELECT stage, step, against, matrices,
  iif(bad, NULL, intruders_u), iif(bad, NULL, intruders_v),
  iif(bad, NULL, energy_u), iif(bad, NULL, energy_v),
  iif(bad, NULL, base_frobenius), iif(bad, NULL, delta_frobenius), iif(bad OR less, NULL, delta_spectral),
  iif(bad, NULL, relative_update), iif(bad OR unranked, NULL, effective_rank),
  iif(bad OR less, NULL, stable_rank), iif(bad OR less, NULL, top_share), iif(bad, NULL, rho_10), changed,
  iif(bad, NULL, existing_u), iif(bad, NULL, existing_v),
  iif(bad, NULL, unresolved_u), iif(bad, NULL, unresolved_v)
FROM (
  SELECT stage, step, against, count(*) AS matrices, max(reason IS 'not_finite') AS bad,
    max(reason IS 'bounded' AND delta_spectral IS NULL) AS less,
    max(reason IS 'bounded' AND effective_rank IS NULL) AS unranked,
    sum(intruders_u) AS intruders_u, sum(intruders_v) AS intruders_v,
    sum(energy_u * top_energy) / nullif(sum(CASE WHEN energy_u IS NOT NULL THEN top_energy END), 0)
      AS energy_u,
    sum(energy_v * top_energy) / nullif(sum(CASE WHEN energy_v IS NOT NULL THEN top_energy END), 0)
      AS energy_v,
    sqrt(sum(base_frobenius * base_frobenius)) AS base_frobenius,
    sqrt(sum(delta_frobenius * delta_frobenius)) AS delta_frobenius,
    sqrt(sum(delta_spectral * delta_spectral)) AS delta_spectral,
    sqrt(sum(delta_frobenius * delta_frobenius))
      / nullif(sqrt(sum(base_frobenius * base_frobenius)), 0) AS relative_update,
    avg(effective_rank) AS effective_rank, avg(stable_rank) AS stable_rank,
    avg(top_share) AS top_share, avg(rho_10) AS rho_10, sum(changed) AS changed,
    sum(existing_u) AS existing_u, sum(existing_v) AS existing_v,
    sum(unresolved_u) AS unresolved_u, sum(unresolved_v) AS unresolved_v
  FROM (SELECT * FROM spectrum WHERE stage = ? AND step = ? AND against = ? ORDER BY matrix)
  GROUP BY stage, step, against)
