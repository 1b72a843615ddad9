"""How far a chain is from its stationary law, and when it comes near; occupancies and survival."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from .._check import Vector
from ..problems._tails import UNIT
from ..statistics import Interval
from ._graph import arrows, period
from ._powers import MOST_POWERED, Steps, alone, one_step, power, rates_of, short_time, visits_in
from ._stationary import Law

MOST_DOUBLINGS = 62
RESOLUTION = 36  # doublings that resolve a time to 2^-35 of itself


@dataclass(frozen=True)
class MixingTime:
    """The least number of steps (or time) from which on the law is within epsilon of the stationary one.

    value: the best single value: an int for steps. low, high: it lies between them, whatever the numerical error.
    """

    value: int | float
    low: int | float
    high: int | float


def begin(matrix: Any, error: float, generator: bool, time: float) -> tuple[Steps, int]:
    """(steps, count): that many of them are `time`."""
    if matrix.shape[0] > MOST_POWERED:
        raise ValueError(
            f"powers need a chain of at most {MOST_POWERED} states, got {matrix.shape[0]}: "
            "evolve and occupancy go step by step"
        )
    rates = rates_of(matrix)
    if not generator:
        return one_step(rates, error), int(time)
    halvings = max(0, int(np.ceil(np.log2(max(2 * time * rates.sum(axis=1).max(), 1e-300)))))
    return short_time(rates, error, time / 2**halvings)[0], 2**halvings


class Distance:
    """max over x of TV(law from x, pi)."""

    def __init__(self, law: Law) -> None:
        self.law = np.asarray(law.probabilities, dtype=np.float64)
        self.error = min(1.0, law.error) / 2 + self.law.size * UNIT

    def at_start(self) -> float:
        return float(1 - self.law.min())

    def after(self, steps: Steps) -> tuple[float, float]:
        """(distance, its error)."""
        apart = np.abs(steps.matrix - self.law).sum(axis=1).max() / 2
        return min(1.0, float(apart)), steps.error / 2 + self.error

    def interval(self, value: float, error: float) -> Interval:
        return Interval(max(0.0, value - error), min(1.0, value + error), value, 1.0, "exact up to a numerical error")


@alone
def reached(matrix: Any, error: float, generator: bool, law: Law, time: float) -> Interval:
    """See Chain.distance."""
    distance = Distance(law)
    if time == 0:
        return distance.interval(distance.at_start(), distance.error)
    return distance.interval(*distance.after(power(*begin(matrix, error, generator, time))))


@alone
def mixing_time(matrix: Any, error: float, generator: bool, law: Law, epsilon: float) -> MixingTime:
    """See Chain.mixing_time."""
    distance = Distance(law)
    if distance.at_start() <= epsilon:
        return MixingTime(0, 0, 0)
    if not generator:
        _require_aperiodic(matrix, distance.law > 0)
        return _search([begin(matrix, error, False, 1)[0]], distance, epsilon)
    rates = rates_of(matrix)
    scale = 0.5 / float(rates.sum(axis=1).max())
    rough = _search([short_time(rates, error, scale)[0]], distance, epsilon).high
    doublings = int(rough).bit_length() - RESOLUTION
    unit = scale * 2.0 ** min(0, doublings)
    found = _search([short_time(rates, error, unit)[0]], distance, epsilon)
    return MixingTime(unit * found.value, unit * (found.low - 1), unit * found.high)


def _require_aperiodic(matrix: Any, recurrent: np.ndarray) -> None:
    if (matrix.diagonal()[recurrent] > 0).any():
        return
    inside = np.flatnonzero(recurrent)
    found = period(arrows(matrix)[inside][:, inside])
    if found > 1:
        raise ValueError(f"the chain does not mix: it is periodic, with period {found}")


def _search(ladder: list[Steps], distance: Distance, epsilon: float) -> MixingTime:
    """The least k with distance(k) <= epsilon, from ladder[0] on: the ladder holds k = 1, 2, 4, ..."""
    while True:
        value, error = distance.after(ladder[-1])
        if error >= epsilon:
            raise ValueError(f"epsilon = {epsilon:g} is below the numerical error of the distance, {error:.1e}")
        if value + error <= epsilon:
            break
        if len(ladder) > MOST_DOUBLINGS:
            raise ValueError(
                f"the chain has not come within epsilon = {epsilon:g} after 2^{MOST_DOUBLINGS} steps: its distance is "
                f"{value:.3g}"
            )
        ladder.append(ladder[-1].then(ladder[-1]))
    value, near = _descend(ladder, distance, epsilon, 0.0)
    if not near:
        return MixingTime(value, value, value)
    low, high = (_descend(ladder, distance, epsilon, sign)[0] for sign in (-1.0, 1.0))
    return MixingTime(value, low, high)


def _descend(ladder: list[Steps], distance: Distance, epsilon: float, sign: float) -> tuple[int, bool]:
    """(least k with distance + sign * error <= epsilon, whether any comparison was closer than the error)."""
    k, now, near = 0, None, False
    for i in reversed(range(len(ladder))):
        tried = ladder[i] if now is None else now.then(ladder[i])
        value, error = distance.after(tried)
        near |= abs(value - epsilon) <= error
        if value + sign * error > epsilon:
            k, now = k + 2**i, tried
    return k + 1, near


@alone
def occupancy(matrix: Any, error: float, generator: bool, law: Vector, time: float) -> tuple[Vector, float]:
    """(visits (n,), a bound on their L1 error): steps 1, ..., time of a chain that begins at `law`; or time spent."""
    n = law.size
    if time == 0:
        return np.zeros(n), 0.0
    if not generator and _cheaper_by_steps(matrix, int(time)):
        visits, _ = stepped(matrix, law, int(time))
        return visits, float(time) ** 2 * 2 * error + time * (n + 8) * UNIT
    step, count = begin(matrix, error, generator, time)
    first, first_error = law, 0.0
    if generator:
        step, integral = short_time(rates_of(matrix), error, time / count)
        first = law @ integral
        first *= time / count / first.sum()
        first_error = time / count * (step.error + (n + 20) * UNIT)
    return visits_in(step, first, first_error, law, count)


def _cheaper_by_steps(matrix: Any, steps: int) -> bool:
    n = matrix.shape[0]
    if n > MOST_POWERED:
        return True
    entries = matrix.nnz if sparse.issparse(matrix) else np.count_nonzero(matrix)
    return bool(n > 256 and steps * entries < steps.bit_length() * n**3 / 16)


def stepped(matrix: Any, law: Vector, steps: int) -> tuple[Vector, Vector]:
    """(visits (n,), the law (n,) at the end) of `steps` steps, one by one."""
    from ..core import chains

    table = sparse.coo_array(matrix if sparse.issparse(matrix) else np.asarray(matrix, dtype=np.float64))
    moves = table.row != table.col
    data, row, column = table.data[moves], table.row[moves], table.col[moves]
    stay = np.maximum(1.0 - np.bincount(row, weights=data, minlength=law.size), 0.0)
    into = sparse.csr_array((data, (column, row)), shape=table.shape)
    law, visits = law.copy(), np.zeros(law.size)
    chains.walk(into.indptr, into.indices, into.data, stay, law, visits, steps)
    return visits, law


@alone
def evolve(matrix: Any, error: float, generator: bool, law: Vector, time: float) -> tuple[Vector, float]:
    """(the law (n,) after `time`, a bound on its L1 error)."""
    if time == 0:
        return law, 0.0
    if generator and matrix.shape[0] > MOST_POWERED:
        after = sparse.linalg.expm_multiply(sparse.csr_array(matrix).T * time, law)
        after = np.maximum(after, 0.0)
        return after / after.sum(), 1e-12
    if not generator and _cheaper_by_steps(matrix, int(time)):
        return stepped(matrix, law, int(time))[1], time * (2 * error + (law.size + 8) * UNIT)
    step, count = begin(matrix, error, generator, time)
    steps = power(step, count)
    after = law @ steps.matrix
    return after / after.sum(), steps.error + (law.size + 4) * UNIT
