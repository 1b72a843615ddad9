"""How long SR stays in a basin. Symbols: alpha, B the basin, tau the first step outside, h = -K_BB^{-1} 1."""

from collections.abc import Iterable
from fractions import Fraction

import numpy as np

from ...markov import sr_chain, sr_limit
from ...problems import OneBit, Rademacher, SeparableQuadratic
from ...quantizers import Grid
from ...statistics import Interval
from .._base import Checked, Claim, Instance, Role, Theorem, Verdict
from . import _chains
from ._chains import ChainInstance, chain_case, out_of_scope, toy


class SREscape(Theorem):
    """SR leaves every basin in a time of order 1/alpha: smaller steps only slow its clock.   (qtheory)

    Algorithm: SR with a constant step alpha: a Markov chain T_α on the levels of a finite grid.
    Assumptions: d = 1; a finite grid; gradient noise on both sides of zero at every level; α|g| <= Δ almost surely; the
        basin B is neither empty nor everything.
    Statement: α E_x[τ] = h(x) for every level x of B, where τ is the first step outside B and K_BB h = -1: the
        right-hand side does not depend on α.
    Kind: identity.
    Status: tight: an identity, checked in fractions.
    Arguments: the instance's alpha (step per unit of gradient); basin = (low, high), units of the weights. Measured:
        α E[τ] from the level of B that takes longest.
    Errors raised: none of its own.
    References: derived here; proofs/li2017/sr_escape.md.
    """

    title = "SR leaves every basin: its escape time is h/alpha"
    source = "qtheory (derived here)"
    kind = "identity"
    statement = r"\alpha\,\mathbb{E}_x[\tau_B]=h(x),\qquad K_{BB}h=-1"
    figure = "li2017_greedy"

    def assumptions(self, instance: Instance) -> Iterable[Checked]:
        yield from _chains.chain(instance)
        yield _chains.bounded(instance)
        inside = basin(instance)
        yield Checked("0 < |B| < N", 0 < inside.sum() < inside.size, f"|B| = {inside.sum()}, N = {inside.size}")

    def claim(self, instance: Instance) -> Claim:
        value = longest(sr_limit(instance.problem, instance.method, rational=True, swapped=instance.swapped), instance)
        return Claim(float(value), float(value))

    def measure(self, instance: Instance, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        alpha = Fraction(_chains.alpha_of(instance))
        chain = sr_chain(instance.problem, instance.method, _chains.alpha_of(instance), rational=True)
        return Interval.exact(float(alpha * Fraction(longest(chain, instance))))

    def instances(self, scale: str = "quick") -> Iterable[ChainInstance]:
        for alpha in (1 / 32, 1 / 1024):
            name = f"toy, basin of 0, alpha = 1/{1 / alpha:g}"
            yield chain_case(name, toy(Rademacher(5.0), box=(-2.0, 6.0)), alpha, Grid(0.5))
        middle: dict = {"grid": Grid(0.5), "basin": (1.0, 3.0)}
        yield chain_case("toy, basin of 2.5", toy(Rademacher(5.0), box=(-2.0, 6.0)), 1 / 64, **middle)
        bowl = SeparableQuadratic([1.0], 0.25, noise=OneBit(2.0), box=(-1.0, 1.0))
        edge: dict = {"grid": Grid(0.25), "basin": (-0.5, 0.5)}
        yield chain_case("alpha |g| = delta exactly", bowl, 0.125, role=Role.EDGE, **edge)
        wrong: dict = {"role": Role.CONTROL, "expected": Verdict.VIOLATED}
        yield chain_case("1% more", bowl, 0.125, planted=1.01, **wrong, **edge)
        yield chain_case("directions exchanged", bowl, 0.125, swapped=True, **wrong, **edge)
        yield out_of_scope("alpha |g| > delta", bowl, 0.25, **edge)


def basin(instance: ChainInstance) -> np.ndarray:
    """(N,) which levels are in B: low <= x <= high."""
    x = _chains.levels(instance)
    return (x >= instance.basin[0]) & (x <= instance.basin[1])


def longest(chain, instance: ChainInstance):
    """max over B of the expected time to leave it."""
    return max(chain.hitting_time(~basin(instance)))


THEOREM = SREscape()
