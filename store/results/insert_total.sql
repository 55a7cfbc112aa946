-- SPDX-License-Identifier: Apache-2.0
INSERT INTO spectrum_total (stage, step, against, matrices, intruders_u, intruders_v, energy_u,
  energy_v, base_frobenius, delta_frobenius, delta_spectral, relative_update,
  effective_rank, stable_rank, top_share, rho_10, changed, existing_u, existing_v, unresolved_u,
  unresolved_v)
