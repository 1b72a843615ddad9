"""The derivatives of the quantization function. Symbols: σ_i = σ(T (beta x - b_i)), α s_i as printed is alpha s_i."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...statistics import Interval
from .._base import Checked, Claim, Role, Theorem
from ._function import EXAMPLES, OUTSIDE, WRONG, FunctionCase, even

STEP = 1e-100  # of the complex step: nothing is subtracted, so it may be as small as floats are
RESOLUTION = 1e-12  # in units of T alpha sum s (1 + beta + abs(x))
FORMULAS = ("corrected", "printed", "released weights", "released activations")


@dataclass(frozen=True, kw_only=True)
class GradientCase(FunctionCase):
    """A quantization function, a point, and what it is differentiated by.

    Arguments
        see FunctionCase; claimed: a formula of FORMULAS for d/dx in place of the true one.
        x: the point.   by: "x", "beta", "alpha", or "b1", ..., "bn".
    """

    x: float = 0.1
    by: str = "x"


class Gradients(Theorem):
    """The true derivatives of the soft function, and which published forms are right.   (after Yang et al. 2019)

    Algorithm: the backward pass of the quantization function at temperature T.
    Assumptions: levels and biases increase; alpha, beta, T > 0.
    Statement: (a) With σ_i = σ(T (beta x - b_i)): d/dx = T beta alpha sum_i s_i σ_i (1 - σ_i), d/dbeta = T x alpha
        sum_i s_i σ_i (1 - σ_i), d/db_i = -T alpha s_i σ_i (1 - σ_i), d/dalpha = soft / alpha. (b) The form
        sum_i T beta / (alpha s_i) g_i (alpha s_i - g_i) is d/dx for g_i = alpha s_i σ_i ("corrected"); for g_i = σ_i
        ("printed") it is d/dx for all x if and only if alpha s_i = 1 for all i. (c) "Released weights", T beta alpha
        sum s_i κ(beta x - b_i) with κ = σ (1 - σ), so at temperature 1, is d/dx if T = 1; "released activations",
        T beta alpha sum s_i σ_i (1 - s_i σ_i), if and only if s_i = 1 for all i.
    Kind: identity.
    Status: checked to 1e-12 against complex steps, which use no derivative. What was printed and released is known from
        a conversion of the paper and from notes on its code: compare with both.
    Arguments: the case's function, T, x, by, claimed.
    Errors raised: none of its own.
    References: Yang et al. 2019, equations (8)-(11); proofs/yang2019/gradients.md.
    """

    title = "The derivatives of the quantization function, and two errata"
    source = "after Yang et al. 2019, equations (8)-(11) (read in a conversion that flattens fractions; corrected here)"
    kind = "identity"
    statement = (
        r"\partial_xQ=T\beta\alpha\sum_is_i\sigma_i(1-\sigma_i)"
        r"=\sum_i\frac{T\beta}{\alpha s_i}g_i(\alpha s_i-g_i),\quad g_i=\alpha s_i\sigma_i"
    )
    figure = "yang2019_quantization_function"

    def assumptions(self, instance: GradientCase) -> Iterable[Checked]:
        i = instance
        yield Checked("alpha, beta, T > 0; levels and biases increase", True, f"{i.function}, T = {i.T:g}")
        names = ("x", "beta", "alpha", *(f"b{k + 1}" for k in range(len(i.biases))))
        yield Checked("the function depends on it", i.by in names, i.by)

    def claim(self, instance: GradientCase) -> Claim:
        i = instance
        room = RESOLUTION * i.T * i.scale * (1 + i.beta + abs(i.x))
        value = FORMULA[i.claimed](i) if i.claimed else true(i)
        return Claim(value - room, value + room)

    def measure(self, instance: GradientCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        i = instance
        value = complex_step(i)
        return Interval.exact(value, 1e-13 * i.T * i.scale * (1 + i.beta + abs(i.x)))

    def instances(self, scale: str = "quick") -> Iterable[GradientCase]:
        for name, function in EXAMPLES:
            for T in (1.0, 12.0) if scale == "quick" else (0.1, 1.0, 12.0, 150.0):
                of: dict = {"T": T, **function}
                for by in ("x", "beta", "alpha", f"b{len(of.get('biases', (0,)))}"):
                    yield GradientCase(name=f"{name}, T = {T:g}, by {by}", by=by, **of)
        ours: dict = {"T": 12.0, "alpha": 0.3, "beta": 1.7, **even(4, 0.7, 2.0)}
        yield GradientCase(name="corrected", claimed="corrected", **ours)
        unit: dict = {"T": 12.0, "alpha": 0.5, "beta": 1.7, **even(4, 0.7, 2.0)}
        yield GradientCase(name="printed, alpha s = 1", claimed="printed", role=Role.EDGE, **unit)
        cold: dict = {**ours, "T": 1.0}
        yield GradientCase(name="released weights, T = 1", claimed="released weights", role=Role.EDGE, **cold)
        plain: dict = {"T": 12.0, "alpha": 0.3, "beta": 1.7, **even(4, 0.7)}
        yield GradientCase(name="released activations, s = 1", claimed="released activations", role=Role.EDGE, **plain)
        for formula in FORMULAS[1:]:
            yield GradientCase(name=f"{formula}, elsewhere", claimed=formula, **ours, **WRONG)
        yield GradientCase(name="0.1% more", planted=1.001, **ours, **WRONG)
        yield GradientCase(name="by a bias that is not there", by="b9", **ours, **OUTSIDE)


def true(case: GradientCase) -> float:
    """(a), at the case's x."""
    found = case.function.gradients(case.x, case.T)
    return float(found.b[int(case.by[1:]) - 1] if case.by[1:].isdigit() else getattr(found, case.by))


def complex_step(case: GradientCase) -> float:
    """Im f(z + i STEP) / STEP of the soft function, in whatever it is differentiated by."""
    at: dict[str, Any] = {name: getattr(case, name) for name in ("x", "beta", "alpha")}
    at["b"] = np.array(case.biases, dtype=complex)
    if case.by[1:].isdigit():
        at["b"][int(case.by[1:]) - 1] += 1j * STEP
    else:
        at[case.by] = at[case.by] + 1j * STEP
    z = case.T * (at["beta"] * at["x"] - at["b"])
    y = at["alpha"] * (case.function.steps @ (1 / (1 + np.exp(-z))) - case.function.offset)
    return float(y.imag) / STEP


def _sigmoids(case: GradientCase, T: float) -> np.ndarray:
    return 1 / (1 + np.exp(-T * (case.beta * case.x - np.array(case.biases))))


def _fractions(case: GradientCase, g: np.ndarray) -> float:
    """The form as printed, with its fraction restored."""
    height = case.alpha * case.function.steps
    return float(case.T * case.beta * np.sum(g * (height - g) / height))


def _released_weights(case: GradientCase) -> float:
    g = _sigmoids(case, 1.0)
    return case.T * case.beta * case.alpha * float(case.function.steps @ (g * (1 - g)))


def _released_activations(case: GradientCase) -> float:
    g = case.function.steps * _sigmoids(case, case.T)
    return case.T * case.beta * case.alpha * float(np.sum(g * (1 - g)))


FORMULA: dict[str, Callable[[GradientCase], float]] = {
    "corrected": lambda i: _fractions(i, i.alpha * i.function.steps * _sigmoids(i, i.T)),
    "printed": lambda i: _fractions(i, _sigmoids(i, i.T)),
    "released weights": _released_weights,
    "released activations": _released_activations,
}

THEOREM = Gradients()
