"""The core's specs of activations and of the estimators that stand for their derivatives."""

from functools import cache
from typing import Any

import numpy as np

from ..core import activations

ACTIVATIONS = {"heaviside": activations.Heaviside(), "sign": activations.Sign()}
STES = {
    "identity": activations.Identity(), "relu": activations.ReLU(), "clipped": activations.ClippedReLU(),
    "hardtanh": activations.HardTanh(),
}  # fmt: skip


def spec(ste: Any) -> Any:
    """The spec of an estimator, by name or as a user's function."""
    return _compiled(ste) if callable(ste) else STES[ste]


@cache
def _compiled(slope: Any) -> Any:
    """The spec of a user's function, one for all problems: the core is compiled once for each."""
    import numba

    return activations.UserSlope(slope if hasattr(slope, "py_func") else numba.njit(slope))


def require_finite(ste: Any, gradient: np.ndarray) -> None:
    """ValueError where a user's function has left the values for which sums are exact."""
    if not np.isfinite(gradient).all():
        most = f"{activations.STEEPEST:g}"
        raise ValueError(f"ste must return numbers from -{most} to {most}, got NaN or others from {ste!r}")
