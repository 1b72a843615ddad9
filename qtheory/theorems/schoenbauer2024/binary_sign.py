"""With binary weights the rate is free. Symbols: c, the factor on rate and start; μ momentum; ρ, what decay keeps."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...statistics import Interval
from .._base import Case, Checked, Claim, Theorem
from ._steps import EDGE, OUTSIDE, SOURCE, WRONG

Row = list[Fraction]


@dataclass(frozen=True, kw_only=True)
class SignCase(Case):
    """Straight-through runs on a random quadratic in the signs, in fractions; gradients are integers.

    Arguments
        name, role, expected, trials, planted: see Case.
        n, steps: the number of weights, and T.   eta: the rate.   factors: the c that are tried.
        momentum: μ.   keep: ρ, the factor of weight decay in w <- ρ w - η m.
        levels: 2, or for controls 4, with the boundaries -1, 0, 1.   limit: None, or the box to which runs are clipped.
        coupled: λ of a weight decay that the rate multiplies: ρ becomes ρ - c η λ.
        moved: whether the start is multiplied by c, as the rate is.
        seed: of the problem; negative: from 0, which is the boundary.
    """

    n: int = 12
    steps: int = 400
    eta: Fraction = Fraction(1, 100)
    factors: tuple[Fraction, ...] = (Fraction(1, 1000), Fraction(5, 11), Fraction(3), Fraction(10**6))
    momentum: Fraction = Fraction(0)
    keep: Fraction = Fraction(1)
    levels: int = 2
    limit: Fraction | None = None
    coupled: Fraction = Fraction(0)
    moved: bool = True
    seed: int = 0


class BinarySign(Theorem):
    """With binary weights any rate of the twin will do: only the ratio of start and rate matters.   (qtheory)

    Algorithm: m <- μ m + h_t(Q(u)), u <- ρ u - c η m from c u_0, with Q = sign in every coordinate and sign(0) = 1.
    Assumptions: two levels with the boundary 0; the gradient depends on the step and on the levels only; no box; ρ is
        the same for every c; c > 0.
    Statement: the run for c is c times the run for 1, and its levels are the same at every step. So in the equivalence
        α may be replaced by any c > 0, with M replaced by c M / α; and a rate c times as large, with the start as it
        was, gives the levels of the start u_0 / c.
    Kind: identity.
    Status: exact, in fractions.
    Arguments: the case's n, steps, eta, factors, momentum, keep. Measured: how many (step, weight, factor) differ in
        their level from the run for c = 1.
    Errors raised: none of its own.
    References: derived here; proofs/schoenbauer2024/binary_sign.md.
    """

    title = "With binary weights the rate of the twin is free"
    source = SOURCE
    kind = "identity"
    statement = r"Q=\operatorname{sign}:\quad u^{(c)}_t=c\,u^{(1)}_t,\qquad Q(u^{(c)}_t)=Q(u^{(1)}_t)\quad(c>0)"
    figure = "schoenbauer2024_failures"

    def assumptions(self, instance: SignCase) -> Iterable[Checked]:
        i = instance
        yield Checked("c > 0", min(i.factors) > 0, f"c = {', '.join(map(str, i.factors))}")
        yield Checked("there are two levels, the boundary is 0", i.levels == 2, f"{i.levels} levels")
        yield Checked("no box", i.limit is None, f"limit {i.limit}")
        yield Checked("the rate does not multiply a weight decay", i.coupled == 0, f"λ = {i.coupled}")

    def claim(self, instance: SignCase) -> Claim:
        return Claim(0.0, 0.0)

    def measure(self, instance: SignCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        return Interval.exact(float(differences(instance)))

    def instances(self, scale: str = "quick") -> Iterable[SignCase]:
        more: dict = {"steps": 400 if scale == "quick" else 2000, "n": 12 if scale == "quick" else 24}
        yield SignCase(name="SGD", **more)
        small: dict = {"steps": 60, "n": 8}  # numerators grow
        yield SignCase(name="momentum 1/2", momentum=Fraction(1, 2), **small)
        yield SignCase(name="momentum and weight decay", momentum=Fraction(1, 2), keep=Fraction(127, 128), **small)
        yield SignCase(name="c = 1", factors=(Fraction(1),), **EDGE, **more)
        yield SignCase(name="starts at the boundary", seed=-1, **EDGE, **more)
        yield SignCase(name="the start as it was", moved=False, **WRONG, **more)
        yield SignCase(name="four levels", levels=4, **OUTSIDE, **more)
        yield SignCase(name="a box", limit=Fraction(1), **OUTSIDE, **more)
        yield SignCase(name="weight decay through the rate", coupled=Fraction(1, 8), **OUTSIDE, **small)
        yield SignCase(name="a negative rate", factors=(Fraction(-1),), **OUTSIDE, **more)


def quantized(u: Row, levels: int) -> list[int]:
    """The level of every weight: ±1, or ±1 and ±3; ties up."""
    if levels == 2:
        return [1 if x >= 0 else -1 for x in u]
    return [(1 if x < 1 else 3) if x >= 0 else (-1 if x >= -1 else -3) for x in u]


def run(case: SignCase, c: Fraction) -> list[list[int]]:
    """The levels of u_0, ..., u_T for the factor c."""
    rng = np.random.default_rng(abs(case.seed))
    half = rng.integers(-2, 3, (case.n, case.n))
    matrix, target = (half @ half.T).tolist(), rng.integers(-9, 10, case.n).tolist()
    start = [0] * case.n if case.seed < 0 else rng.integers(-40, 41, case.n).tolist()
    noise = rng.integers(-5, 6, (case.steps, case.n)).tolist()
    u = [Fraction(x, 37) * (c if case.moved else 1) for x in start]
    m, seen = [Fraction(0)] * case.n, []
    for t in range(case.steps):
        q = quantized(u, case.levels)
        seen.append(q)
        force = [sum(a * x for a, x in zip(row, q, strict=True)) for row in matrix]
        h = [f + b + z for f, b, z in zip(force, target, noise[t], strict=True)]
        m = [case.momentum * x + y for x, y in zip(m, h, strict=True)]
        keep = case.keep - c * case.eta * case.coupled
        u = [keep * x - c * case.eta * y for x, y in zip(u, m, strict=True)]
        if case.limit is not None:
            u = [min(max(x, -case.limit), case.limit) for x in u]
    return [*seen, quantized(u, case.levels)]


def differences(case: SignCase) -> int:
    """How many levels differ from those for c = 1, over steps, weights and factors."""
    plain = run(case, Fraction(1))
    pairs = [(p, q) for c in case.factors for p, q in zip(plain, run(case, c), strict=True)]
    return sum(x != y for p, q in pairs for x, y in zip(p, q, strict=True))


THEOREM = BinarySign()
