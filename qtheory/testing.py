"""Hypothesis strategies for property-based tests of your own theorems.

    @given(sr_runs())
    def test_my_bound(run):
        law = propagate(*run.setting, steps=run.steps, start=run.start)
        assert law.gap[-1] <= my_bound(run)

Every number is a small multiple of a power of two: examples are legible, shrink well, and are exact in floating point,
so that ties of rounding are met and `rational=True` compares without error. All strategies take their limits by
keyword. Needs Hypothesis (`pip install qtheory[test]`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ._check import Vector
from .methods import BC, SGD, SR, Method, R
from .problems import AbsoluteValue, Linear, Noise, NoNoise, OneBit, Problem, Rademacher, Separable, SeparableQuadratic
from .problems import Gaussian as GaussianNoise
from .quantizers import Grid, NearestRounding, StochasticRounding
from .schedules import Constant, InverseSqrt, InverseTime, Schedule, Table

try:
    from hypothesis import strategies as st
    from hypothesis.strategies import SearchStrategy
except ImportError as error:
    raise ImportError("qtheory.testing needs Hypothesis: pip install 'qtheory[test]'") from error

__all__ = [
    "Run", "grids", "methods", "noises", "numbers", "piecewise_linear", "schedules", "separable_quadratics", "spectra",
    "sr_runs",
]  # fmt: skip


def numbers(low: float, high: float, *, parts: int = 16) -> SearchStrategy[float]:
    """Multiples of 1/parts from `low` to `high`."""
    return st.integers(int(np.ceil(low * parts)), int(np.floor(high * parts))).map(lambda k: k / parts)


def grids(*, boxed: bool | None = None, levels: int = 40) -> SearchStrategy[Grid]:
    """Grids of resolution 2^-5 to 4, of either offset; with a box of at most `levels` levels, without one, or (None)
    with and without."""
    return _grid(boxed, levels)


@st.composite
def _grid(draw: Any, boxed: bool | None, levels: int) -> Grid:
    delta, offset = 2.0 ** draw(st.integers(-5, 2)), draw(st.sampled_from([0.0, 0.5]))
    if not (draw(st.booleans()) if boxed is None else boxed):
        return Grid(delta, offset)
    low = draw(st.integers(-levels, levels))
    high = low + draw(st.integers(1, levels - 1))
    return Grid(delta, offset, (delta * (low + offset), delta * (high + offset)))


def noises(*, finite: bool = True, slope: float | None = None) -> SearchStrategy[Noise]:
    """Noise laws: none, Rademacher; Gaussian unless `finite`; OneBit where `slope` bounds every |dF/dw_i|."""
    laws: list[SearchStrategy[Noise]] = [st.just(NoNoise()), numbers(0, 4).map(Rademacher)]
    if not finite:
        laws.append(numbers(0, 4).map(GaussianNoise))
    if slope is not None:
        laws.append(numbers(1 / 16, 4).map(lambda more: OneBit(slope + more)))
    return st.one_of(laws)


def spectra(*, dim: int | None = None, most: int = 3) -> SearchStrategy[Vector]:
    """Curvatures in [1/4, 4]: (dim,), or (d,) with d from 1 to `most`."""
    return _vectors(numbers(1 / 4, 4), dim, most)


def _vectors(entries: SearchStrategy[float], dim: int | None, most: int) -> SearchStrategy[Vector]:
    least, most = (1, most) if dim is None else (dim, dim)
    return st.lists(entries, min_size=least, max_size=most).map(lambda values: np.array(values, dtype=np.float64))


def separable_quadratics(
    *, finite: bool = True, box: tuple[float, float] | None = None, most: int = 3
) -> SearchStrategy[SeparableQuadratic]:
    """Separable quadratics in 1 to `most` dimensions, centers in [-2, 2], with noise; in `box` where there is one."""
    return _separable_quadratic(finite, box, most)


@st.composite
def _separable_quadratic(draw: Any, finite: bool, box: tuple[float, float] | None, most: int) -> SeparableQuadratic:
    curvature = draw(spectra(most=most))
    center = draw(_vectors(numbers(-2, 2), curvature.size, most))
    return draw(_noisy(SeparableQuadratic, (curvature, center), finite, box))


def piecewise_linear(
    *, finite: bool = True, box: tuple[float, float] | None = None, most: int = 3
) -> SearchStrategy[AbsoluteValue | Linear]:
    """AbsoluteValue problems, and with a box Linear ones too, in 1 to `most` dimensions, with noise."""
    return _piecewise_linear(finite, box, most)


@st.composite
def _piecewise_linear(draw: Any, finite: bool, box: tuple[float, float] | None, most: int) -> Any:
    if box is not None and draw(st.booleans()):
        return draw(_noisy(Linear, (draw(_vectors(numbers(-4, 4), None, most)),), finite, box))
    left = draw(spectra(most=most))
    others = draw(spectra(dim=left.size)), draw(_vectors(numbers(-2, 2), left.size, most))
    return draw(_noisy(AbsoluteValue, (left, *others), finite, box))


@st.composite
def _noisy(draw: Any, kind: type[Separable], data: tuple, finite: bool, box: tuple[float, float] | None) -> Any:
    plain = kind(*data, box=box)
    slope = plain.constants.G.value  # bounds each partial derivative; infinite where there is no bound
    noise = draw(noises(finite=finite, slope=float(np.ceil(slope)) if np.isfinite(slope) else None))
    return kind(*data, noise=noise, box=box)


def schedules(*, steps: int = 12, rational: bool = False) -> SearchStrategy[Schedule]:
    """Step sizes of at most 1/2, which is 2 / L for the curvatures of `spectra`, for runs of at most `steps` steps;
    without c / sqrt(t) where they must be `rational`."""
    sizes, count = numbers(1 / 16, 1 / 2), max(steps - 1, 1)
    table = st.lists(numbers(0, 1 / 2), min_size=count, max_size=count).map(lambda values: Table(np.array(values)))
    kinds: list[SearchStrategy[Schedule]] = [sizes.map(Constant), numbers(1, 4).map(InverseTime), table]
    return st.one_of(kinds if rational else [*kinds, sizes.map(InverseSqrt)])


def methods(grid: Grid | None = None) -> SearchStrategy[Method]:
    """SGD, R, SR and BC with either quantizer, on `grid` or on any."""
    every = grids() if grid is None else st.just(grid)
    quantizers: list[SearchStrategy] = [every.map(StochasticRounding), every.map(NearestRounding)]
    return st.one_of(st.just(SGD()), every.map(R), every.map(SR), *(each.map(BC) for each in quantizers))


@dataclass(frozen=True)
class Run:
    """A run of SR, small enough for `propagate`, `enumerate_paths` (steps <= 4) and thousands of examples.

    problem: separable, d <= 3, its noise of finite support. method: SR. start: w_1 (d,), on the grid and in the box.
    """

    problem: Separable
    method: SR
    schedule: Schedule
    steps: int
    start: Vector

    @property
    def setting(self) -> tuple[Problem, SR, Schedule]:
        """The positional arguments of `simulate`, `propagate` and `enumerate_paths`."""
        return self.problem, self.method, self.schedule


def sr_runs(
    *, steps: int = 12, most: int = 3, boxed: bool | None = None, rational: bool = False
) -> SearchStrategy[Run]:
    """Runs of SR of 1 to `steps` steps, on separable quadratics and piecewise linear functions in 1 to `most`
    dimensions; in a box whose faces are on the grid, without one, or (boxed=None) either. `rational`: exact fractions
    can follow the run."""
    return _sr_run(steps, most, boxed, rational)


@st.composite
def _sr_run(draw: Any, steps: int, most: int, boxed: bool | None, rational: bool) -> Run:
    grid = draw(grids(boxed=boxed))
    kind = draw(st.sampled_from([separable_quadratics, piecewise_linear]))
    problem = draw(kind(box=grid.box, most=most))
    low, high = (-20, 20) if grid.box is None else grid.index_range
    start = grid.point(draw(st.lists(st.integers(int(low), int(high)), min_size=problem.dim, max_size=problem.dim)))
    horizon = draw(st.integers(1, steps))
    return Run(problem, SR(grid), draw(schedules(steps=horizon, rational=rational)), horizon, start)
