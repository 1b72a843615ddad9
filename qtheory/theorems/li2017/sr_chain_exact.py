"""The chain of SR once no step leads beyond a neighbour. Symbols: alpha, delta = Δ."""

from collections.abc import Iterable

from ...markov import closed_form, sr_chain, sr_limit
from ...problems import Finite, OneBit, Rademacher, SeparableQuadratic
from ...quantizers import Grid
from ...statistics import Interval
from .._base import Checked, Claim, Instance, Role, Theorem, Verdict
from . import _chains
from ._chains import ChainInstance, chain_case, out_of_scope, toy


class SRChainExact(Theorem):
    """Below alpha = Δ / max|g| the law of SR does not depend on the step at all.   (qtheory)

    Algorithm: SR with a constant step alpha: a Markov chain T_α on the levels of a finite grid.
    Assumptions: d = 1; a finite grid; gradient noise on both sides of zero at every level; α|g| <= Δ almost surely; the
        noise has finite support, so that everything is computed in exact fractions.
    Statement: T_α = I + αK, and so π_α = π~ with π~(x + Δ) / π~(x) = E[g_x^-] / E[g_{x+Δ}^+] > 0.
    Kind: identity.
    Status: tight: an identity, checked in fractions. Measured: TV between the stationary law of T_α, by elimination,
        and the product formula.
    Arguments: the instance's alpha (step per unit of gradient), delta (units of the weights), the problem's noise.
    Errors raised: none of its own.
    References: derived here, sharpens Li et al. 2017, Theorem 5; proofs/li2017/sr_chain_exact.md.
    """

    title = "Below alpha = Δ / max|g| the law of SR is one and the same"
    source = "qtheory (derived here; sharpens Li et al. 2017, Theorem 5)"
    kind = "identity"
    statement = (
        r"\alpha|g|\leq\Delta\Rightarrow\pi_\alpha=\tilde\pi,\qquad"
        r"\frac{\tilde\pi(x+\Delta)}{\tilde\pi(x)}=\frac{\mathbb{E}[g_x^-]}{\mathbb{E}[g_{x+\Delta}^+]}>0"
    )
    figure = "li2017_chains"

    def assumptions(self, instance: Instance) -> Iterable[Checked]:
        yield from _chains.chain(instance)
        yield _chains.bounded(instance)

    def claim(self, instance: Instance) -> Claim:
        return Claim(0.0, 0.0)

    def measure(self, instance: Instance, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        problem, method = instance.problem, instance.method
        found = sr_chain(problem, method, _chains.alpha_of(instance), rational=True).stationary().probabilities
        if instance.swapped:
            expected = sr_limit(problem, method, rational=True, swapped=True).stationary().probabilities
        else:
            expected = closed_form(problem, method, rational=True)
        return Interval.exact(float(sum(abs(a - b) for a, b in zip(found, expected, strict=True)) / 2))

    def instances(self, scale: str = "quick") -> Iterable[ChainInstance]:
        three = Finite([-8.0, 0.0, 4.0], [0.25, 0.25, 0.5])
        for alpha in (1 / 32, 1 / 1024):
            step = f"alpha = 1/{1 / alpha:g}"
            yield chain_case(f"toy, two outcomes, {step}", toy(Rademacher(5.0), box=(-2.0, 6.0)), alpha, Grid(0.5))
            yield chain_case(f"toy, three outcomes, {step}", toy(three, box=(-1.5, 6.0)), alpha, Grid(0.5))
        bowl = SeparableQuadratic([1.0], 0.25, noise=OneBit(2.0), box=(-1.0, 1.0))
        yield chain_case("alpha |g| = delta exactly", bowl, 0.125, Grid(0.25), role=Role.EDGE)
        wrong: dict = {"role": Role.CONTROL, "expected": Verdict.VIOLATED}
        yield chain_case("directions exchanged", bowl, 0.125, Grid(0.25), swapped=True, **wrong)
        yield out_of_scope("alpha |g| > delta", bowl, 0.25, grid=Grid(0.25))


THEOREM = SRChainExact()
