"""Li, De, Xu, Studer, Samet, Goldstein, *Training Quantized Nets: A Deeper Understanding*, NeurIPS 2017.

The statements are reconstructions, from memory and from second-hand accounts: compare with the paper before quoting it.
The mathematics here (bounds, counterexamples, proofs) stands on its own.
"""

ORDER = (
    "rounding_error", "sr_strongly_convex", "sr_convex_stated", "sr_convex", "sr_convex_sharp",
    "sr_linear_floor", "sr_quadratic_average",
    "sr_quadratic_floor", "bc_convex_stated", "bc_convex", "bc_strongly_convex_stated", "bc_strongly_convex",
    "bc_quadratic", "bc_nearest_floor", "sr_chain_limit", "sr_chain_exact", "sr_mixing_time", "sr_escape",
    "bc_concentration", "bc_escape",
)  # fmt: skip
