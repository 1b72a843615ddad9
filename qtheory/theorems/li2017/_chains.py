"""What the theorems on Markov chains share: their setting, its assumptions, and the toy."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.special import ndtr

from ...methods import SR
from ...problems import Gaussian, NoNoise, PiecewiseQuadratic, Problem
from ...quantizers import Grid
from ...schedules import Constant
from .._base import Checked, Instance, Role, Verdict, constant_step, one_dimensional, uses

BOX = (-4.0, 8.0)
GRID = Grid(0.5, box=BOX)


def toy(noise, box=BOX) -> PiecewiseQuadratic:
    """The paper's toy, as reconstructed."""
    return PiecewiseQuadratic.li2017_toy(noise, box=box)


@dataclass(frozen=True, kw_only=True)
class ChainInstance(Instance):
    """A case of a theorem on the chain of SR.

    Arguments:
        swapped: for controls: the limit chain is taken with the two directions exchanged, as in a statement that reads
            p as the density of the gradient without turning its sign.
        epsilon: of the mixing time.
        basin: (low, high): the levels between them, for escapes.
    """

    swapped: bool = False
    epsilon: float = 0.1
    basin: tuple[float, float] = (-np.inf, 1.0)


def chain_case(name: str, problem: Problem, alpha: float, grid: Grid = GRID, **more) -> ChainInstance:
    """SR with a constant step; the number of steps plays no part."""
    return ChainInstance(name=name, problem=problem, method=SR(grid), schedule=Constant(alpha), steps=2, **more)


def out_of_scope(name: str, problem: Problem, alpha: float, **more) -> ChainInstance:
    """A control outside the assumptions."""
    return chain_case(name, problem, alpha, role=Role.CONTROL, expected=Verdict.OUT_OF_SCOPE, **more)


def alpha_of(instance: Instance) -> float:
    """The constant step size."""
    return float(instance.schedule.alpha)


def levels(instance: Instance) -> np.ndarray:
    """(N,) the levels of the grid in the domain."""
    return instance.method.grid.within(instance.problem.box).levels


def chain(instance: Instance) -> Iterable[Checked]:
    """SR with a constant step on a finite grid in one dimension, with two-sided gradient noise."""
    problem = instance.problem
    kind = type(instance).__name__
    yield Checked("the case is a ChainInstance", isinstance(instance, ChainInstance), f"it is of type {kind}")
    yield uses(instance, SR)
    yield constant_step(instance)
    yield one_dimensional(instance)
    grid = instance.method.grid.within(problem.box)
    yield Checked("the grid is finite", grid.box is not None, f"grid box = {grid.box}")
    yield two_sided(instance)


def two_sided(instance: Instance) -> Checked:
    """P(g > 0) > 0 where a lower level exists, P(g < 0) > 0 where a higher one does."""
    x = levels(instance)
    up, down = rates(instance)
    bad = np.concatenate([x[:-1][~(up[:-1] > 0)], x[1:][~(down[1:] > 0)]])
    how = "E[g+] > 0 and E[g-] > 0 at every level" if not bad.size else f"not at the level {bad[0]:g}"
    return Checked("the noise is two-sided", bad.size == 0, how)


def rates(instance: Instance) -> tuple[np.ndarray, np.ndarray]:
    """(E[g-], E[g+]) at each level, (N,): the rates up and down, times Delta."""
    x = levels(instance)
    slope, noise = np.asarray(instance.problem.slope(0, x)), instance.problem.noise
    return noise.shortfall(slope), noise.excess(slope)


def bounded(instance: Instance) -> Checked:
    """alpha |g| <= Delta almost surely, at every level: compared in exact fractions."""
    name, delta = "alpha |g| <= Delta almost surely", Fraction(instance.method.grid.delta)
    if not instance.problem.noise.finite:
        return Checked(name, False, f"not known for {instance.problem.noise!r}")
    values, chances = instance.problem.noise.support(instance.problem.slope(0, levels(instance)))
    largest = float(np.abs(values[chances > 0]).max())
    holds = Fraction(alpha_of(instance)) * Fraction(largest) <= delta
    return Checked(name, holds, f"alpha max|g| = {alpha_of(instance) * largest:.4g}, Delta = {float(delta):g}")


def tail_mean(instance: Instance) -> np.ndarray:
    """(N,) E[|g|; alpha |g| > Delta] at each level: closed for Gaussian noise, a sum for finite support."""
    slope, noise = instance.problem.slope(0, levels(instance)), instance.problem.noise
    cut = instance.method.grid.delta / alpha_of(instance)
    if isinstance(noise, Gaussian) and noise.sigma > 0:
        return _gaussian_tail(slope, noise.sigma, cut) + _gaussian_tail(-slope, noise.sigma, cut)
    values, chances = (NoNoise() if isinstance(noise, Gaussian) else noise).support(slope)
    return np.sum(chances * np.abs(values) * (np.abs(values) > cut), axis=-1)


def _gaussian_tail(m: np.ndarray, sigma: float, cut: float) -> np.ndarray:
    """E[g; g > cut] = m Phi(-z) + sigma phi(z), z = (cut - m) / sigma."""
    z = (cut - m) / sigma
    return m * ndtr(-z) + sigma * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
