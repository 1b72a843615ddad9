"""What the theorems on the quantization function share: the cases, and the constants of the logistic function."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import zeta

from ...quantization_network import QuantizationFunction
from .._base import Case, Checked, Claim, Role, Verdict
from ._density import Density, Normal

# With ψ(z) = 1 / (1 + exp(abs(z))) and κ = σ (1 - σ): the integrals of f, of abs(z) f and of z² f over the real line.
PSI = (2 * math.log(2), math.pi**2 / 6, 3 * float(zeta(3)))
KAPPA = (1.0, 2 * math.log(2), math.pi**2 / 3)
KAPPA_SQUARED = (1 / 6, math.log(2) / 3 - 1 / 12, math.pi**2 / 18 - 1 / 3)

RESOLUTION = 1e-13  # to which an identity is resolved, in units of alpha sum s

WRONG: dict = {"role": Role.CONTROL, "expected": Verdict.VIOLATED}
OUTSIDE: dict = {"role": Role.CONTROL, "expected": Verdict.OUT_OF_SCOPE}
EXAMPLE = (-4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0)  # the levels of the paper's example
SPREAD = (-2.8, -1.4, -0.5, 0.5, 1.4, 2.8)

STANDARD = Normal()

Vector = tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class FunctionCase(Case):
    """A quantization function at one temperature, and what is measured of it.

    Arguments
        name, role, expected, trials, planted: see Case.
        levels: (n+1,) Y.   biases: (n,) b.   alpha, beta: scales.   T: temperature.
        density: of u = beta x.
        part: which clause of the theorem.
        margin: hard_limit: the distance from all biases, in units of u.
        claimed: for controls: another formula that is claimed in place of the theorem's.
    """

    levels: Vector = (-1.0, 1.0)
    biases: Vector = (0.0,)
    alpha: float = 1.0
    beta: float = 1.0
    T: float = 10.0
    density: Density = STANDARD
    part: str = ""
    margin: float = 0.0
    claimed: str = ""

    @cached_property
    def function(self) -> QuantizationFunction:
        """The quantization function."""
        return QuantizationFunction(self.levels, self.biases, alpha=self.alpha, beta=self.beta)

    @property
    def scale(self) -> float:
        """alpha sum s: how far apart the outer values are."""
        return self.alpha * float(self.function.steps.sum())

    def soft(self, u):
        """The soft function of u = beta x."""
        return self.function.soft(np.asarray(u) / self.beta, self.T)

    def hard(self, u):
        """The hard function of u = beta x."""
        return self.function.hard(np.asarray(u) / self.beta)

    def slope(self, u):
        """d soft / du."""
        return self.function.slope(np.asarray(u) / self.beta, self.T) / self.beta


def smooth(case: FunctionCase) -> Iterable[Checked]:
    """What the laws in T assume of the density."""
    known = f"L = {case.density.lipschitz:.4g}, {case.density}"
    yield Checked("ρ is Lipschitz", math.isfinite(case.density.lipschitz), known)


def law(case: FunctionCase, weights: np.ndarray, moments: tuple[float, float, float]) -> tuple[float, float]:
    """Sum over i of weights_i ∫ ρ(b_i + z/T) f(z) dz: its limit, and a bound of the distance at this T.

    Arguments: weights: (n,).   moments: of the even f >= 0, as PSI.
    """
    density, T = case.density, case.T
    limit = moments[0] * float(weights @ density(np.array(case.biases)))
    error = min(moments[1] * density.lipschitz / T, moments[2] * density.curvature / (2 * T**2))
    return limit, error * float(weights.sum())


def pairs(case: FunctionCase) -> Iterable[tuple[float, float, float]]:
    """(s_i, s_j, b_j - b_i) over i < j."""
    s, b = case.function.steps, case.biases
    return ((float(s[i]), float(s[j]), b[j] - b[i]) for i in range(len(b)) for j in range(i + 1, len(b)))


def resolved(low: float, high: float, case: FunctionCase) -> Claim:
    """The claim, to the resolution."""
    return Claim(low - RESOLUTION * case.scale, high + RESOLUTION * case.scale)


def even(n: int, gap: float = 1.0, step: float = 1.0) -> dict:
    """Levels and biases of n equal steps, `gap` between biases, symmetric about zero."""
    levels = tuple(step * (k - n / 2) for k in range(n + 1))
    return {"levels": levels, "biases": tuple(gap * (k - (n - 1) / 2) for k in range(n))}


EXAMPLES: tuple[tuple[str, dict], ...] = (
    ("binary", {}),
    ("ternary", {"levels": (-1.0, 0.0, 1.0), "biases": (-0.05, 0.05)}),
    ("±4", {"levels": EXAMPLE, "biases": SPREAD}),
    ("2-bit activations", {"levels": (0.0, 1.0, 2.0, 3.0), "biases": (0.3, 0.8, 1.5), "alpha": 0.4, "beta": 2.5}),
)
