"""Schoenbauer, Moro, Lew, Howard, *Custom Gradient Estimators are Straight-Through Estimators in Disguise*, 2024.

The abstract, readers' notes and the first author's public experiment code were at hand, not the text of any theorem.
The map M and the rate α agree with that code; statements, constants and proofs here are qtheory's own: compare with the
paper before quoting them as its.
"""

ORDER = (
    "sgd_step", "sgd_shared", "momentum", "sgd_closed_loop", "sgd_separable", "adam", "adam_unmodified", "error_order",
    "ewgs_drift", "boundary_jump", "zero_slope", "weight_decay", "binary_sign",
)  # fmt: skip
