"""Jeong, Xin, Yin, *Beyond Discreteness: Finite-Sample Analysis of Straight-Through Estimator for Quantization*, 2025.

arXiv:2505.18113; its second version is titled *Sample Complexity Analysis of Straight-Through Estimator for 1-bit
Quantization*.

The full text was not at hand. The set-up is a reconstruction from the abstract and from Yin et al. (2019); that the
published sample complexities are O(n^2) for averaged iterates and O(n^4) for the last one is known at second hand only.
All statements and proofs here are qtheory's own: compare with the paper before quoting them as its.
"""

ORDER = (
    "population_loss", "coarse_gradient", "clipped_gradient", "population_hitting_time", "visits", "ergodic",
    "last_iterate_simple", "last_iterate", "noise_escape", "noise_return", "noise_occupation", "nongaussian_drift",
    "standardization",
)  # fmt: skip
