"""What the statements share besides twin runs: roles of controls, exact steps, and the constant of one step."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from .._base import Role, Verdict

WRONG: dict[str, Any] = {"role": Role.CONTROL, "expected": Verdict.VIOLATED}
OUTSIDE: dict[str, Any] = {"role": Role.CONTROL, "expected": Verdict.OUT_OF_SCOPE}
EDGE: dict[str, Any] = {"role": Role.EDGE}

SOURCE = "qtheory (derived here; on the equivalence of Schoenbauer, Moro, Lew and Howard 2024)"
P = 1e-12  # the chance with which a statement on one sampled layer may fail, for each of its two parts


def phi(x: Any) -> Any:
    """φ(x) = -log(1 - x) - x for 0 <= x < 1, any shape: at most x² / (2 (1 - x))."""
    small = x * x * (1 / 2 + x * (1 / 3 + x * (1 / 4 + x / 5)))
    return np.where(x < 1e-3, small, -np.log1p(-x) - x)


def remainder(alpha: float, lipschitz: float, move: Any) -> Any:
    """(α/Λ) φ(Λ s), s = `move` >= 0 of any shape: what M may bend over a step by s g(w) from w; 0 for Λ = 0.

    Errors raised: ValueError unless Λ s < 1.
    """
    if not np.all(lipschitz * np.asarray(move) < 1):
        raise ValueError(f"move={np.max(move):g}: expected less than 1 / lipschitz = {1 / lipschitz:g}")
    return alpha / lipschitz * phi(lipschitz * np.asarray(move)) if lipschitz else np.zeros(np.shape(move))


def nearest(levels: Sequence[Fraction], w: Fraction) -> Fraction:
    """The nearest of increasing levels, ties up, in exact arithmetic."""
    return max(levels, key=lambda level: (-abs(w - level), level))


def ewgs_step(w: Fraction, h: Fraction, eta: Fraction, strength: Fraction, levels: Sequence[Fraction]) -> Fraction:
    """One step with the gradient h (1 + δ sign(h) (w - Q(w))), as EWGS is defined; δ is `strength`."""
    sign = (h > 0) - (h < 0)
    return w - eta * h * (1 + strength * sign * (w - nearest(levels, w)))


def binomial_tail(chance: float, n: int) -> float:
    """A share that of n independent events, each of at most this chance, is exceeded with probability at most P."""
    if n * chance <= P:
        return 0.0
    log = math.log(1 / P)
    return min(1.0, chance + math.sqrt(2 * chance * log / n) + 2 * log / (3 * n))
