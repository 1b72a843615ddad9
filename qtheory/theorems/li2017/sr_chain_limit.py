"""Li et al. 2017, Theorem 5. Symbols: alpha, delta = Δ, tau = τ(K^#)."""

from collections.abc import Iterable

import numpy as np

from ...markov import sr_chain, sr_limit
from ...problems import FromCdf, Gaussian, Rademacher, SeparableQuadratic
from ...quantizers import Grid
from ...statistics import Interval
from .._base import Checked, Claim, Instance, Role, Theorem, Verdict
from . import _chains
from ._chains import ChainInstance, chain_case, out_of_scope, toy


class SRChainLimit(Theorem):
    """The law of SR has a limit as the step vanishes, and does not concentrate.   (Li et al. 2017, Theorem 5)

    Algorithm: SR with a constant step alpha: a Markov chain T_α on the levels of a finite grid.
    Assumptions: d = 1; a finite grid; gradient noise on both sides of zero at every level; E|g| < infinity, computed.
    Statement: TV(π_α, π~) <= (τ/Δ) sum_x π_α(x) E[|g_x|; α|g_x| > Δ], which tends to 0; K is the generator of the rates
        E[g^-]/Δ up and E[g^+]/Δ down, π~ > 0 its stationary law, K^# = (1π~ - K)^-1 - 1π~,
        τ = max_{x,y} |K^#(x, .) - K^#(y, .)|_1 / 2.
    Kind: limit, with an explicit error.
    Status: the limit as in the paper (reconstructed, and turned: the step is -αg); the rate is derived here. It is some
        hundred to some thousand times what is measured: τ is that of the slowest mode.
    Arguments: the instance's alpha (step per unit of gradient), delta (units of the weights), the problem's noise.
    Errors raised: none of its own.
    References: Li, De, Xu, Studer, Samet, Goldstein 2017, as reconstructed; proofs/li2017/sr_chain_limit.md.
    """

    title = "SR has a limit law as the step vanishes"
    source = (
        "Li et al. 2017, Theorem 5 (as reconstructed, finite grid; explicit rate derived here; compare with the paper)"
    )
    kind = "limit"
    statement = (
        r"\mathrm{TV}(\pi_\alpha,\tilde\pi)\leq\frac{\tau}{\Delta}"
        r"\sum_x\pi_\alpha(x)\,\mathbb{E}[|g_x|;\alpha|g_x|>\Delta]\to0,\qquad\tilde\pi>0"
    )
    figure = "li2017_chains"

    def assumptions(self, instance: Instance) -> Iterable[Checked]:
        yield from _chains.chain(instance)
        known = not isinstance(instance.problem.noise, FromCdf)
        yield Checked("E[|g|; |g| > c] is known", known, f"for {instance.problem.noise!r}")

    def claim(self, instance: Instance) -> Claim:
        limit = sr_limit(instance.problem, instance.method)
        law = sr_chain(instance.problem, instance.method, _chains.alpha_of(instance)).stationary()
        tail = float(law.probabilities @ _chains.tail_mean(instance))
        return Claim(0.0, ergodicity(limit) / instance.method.grid.delta * tail)

    def measure(self, instance: Instance, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        return distance_to_limit(instance)

    def instances(self, scale: str = "quick") -> Iterable[ChainInstance]:
        for sigma, alphas in ((2.0, (0.1, 0.06, 0.05)), (4.0, (0.05, 0.04, 0.03))):
            for alpha in alphas:
                yield chain_case(f"toy, sigma = {sigma:g}, alpha = {alpha:g}", toy(Gaussian(sigma)), alpha)
        bowl = SeparableQuadratic([1.0], 0.3, noise=Gaussian(1.0), box=(-2.0, 2.0))
        yield chain_case("quadratic", bowl, 0.1, Grid(0.25))
        far = toy(Rademacher(5.0), box=(-2.0, 6.0))
        yield chain_case("two outcomes, alpha |g| > delta at some levels", far, 0.0625, Grid(0.5), role=Role.EDGE)
        wrong: dict = {"role": Role.CONTROL, "expected": Verdict.VIOLATED}
        yield chain_case("directions exchanged", toy(Gaussian(2.0)), 0.05, swapped=True, **wrong)
        yield chain_case("a ten-thousandth of the bound", toy(Gaussian(2.0)), 0.05, planted=1e-4, **wrong)
        yield out_of_scope("infinite grid", toy(Gaussian(2.0), box=None), 0.1, grid=Grid(0.5))
        yield out_of_scope("no noise", toy(Rademacher(0.0)), 0.1)


def ergodicity(limit) -> float:
    """tau of the deviation matrix K^# of a generator."""
    pi = limit.stationary().probabilities
    ones = np.tile(pi, (pi.size, 1))
    deviation = np.linalg.inv(ones - limit.matrix) - ones
    return float(max(np.abs(deviation - row).sum(axis=1).max() for row in deviation) / 2)


def distance_to_limit(instance: ChainInstance) -> Interval:
    """TV(pi_alpha, pi~), from the two stationary laws and their relative errors."""
    found = sr_chain(instance.problem, instance.method, _chains.alpha_of(instance)).stationary()
    limit = sr_limit(instance.problem, instance.method, swapped=instance.swapped).stationary()
    distance = float(np.abs(found.probabilities - limit.probabilities).sum() / 2)
    error = (found.error + limit.error) / 2
    how = "exact up to a bounded numerical error"
    return Interval(max(0.0, distance - error), distance + error, distance, 1.0, how)


THEOREM = SRChainLimit()
