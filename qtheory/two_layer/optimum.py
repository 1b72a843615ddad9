"""The least empirical loss of a two-layer network with binary weights: by enumeration, or bounded from below.

The loss at q is the mean of r_i(q)^2 / 2, with r_i the network's output less the label. Everything here is counted in
units of the lattice on which features, output weights and labels lie, so that minimisers are told from near-minimisers
exactly. Without label noise the teacher has loss 0, which is a certificate by itself, for any n.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._check import count, instance, number
from ..core.enumeration import MOST, all_losses
from .problem import TwoLayer

Signs = NDArray[np.int8]


@dataclass(frozen=True)
class Minimum:
    """The least loss over q in {-1, 1}^n, and who attains it.

    value: it. bound: a lower bound that shows it, here `value` itself. patterns (K, n) int8: minimisers, in the order
    of the integers whose bit k is 1 where q_k = -1. count: how many minimisers there are. spurious: how many patterns
    other than the teacher have loss 0. better: how many have a smaller loss than the teacher's, `teacher`. second: the
    least loss that is greater than `value` (inf if there is none). count, spurious and second are None where they are
    not known. how: by which argument.
    """

    value: float
    patterns: Signs
    count: int | None
    spurious: int | None
    better: int
    teacher: float
    second: float | None
    bound: float
    how: str


@dataclass(frozen=True)
class LossBound:
    """value: a lower bound on the loss of every q in {-1, 1}^n. trivial: the bound in which each sample chooses its
    output alone. best: the loss of `pattern` (n,), the best one known; so the least loss lies in [value, best]. how: by
    which argument.
    """

    value: float
    trivial: float
    best: float
    pattern: Signs
    how: str

    @property
    def gap(self) -> float:
        """best - value, in units of the loss; 0 is a proof that `pattern` is a minimiser."""
        return self.best - self.value


@dataclass(frozen=True)
class Counted:
    """A problem in units of its lattice: unit j of sample i adds gains[j] to -target[i] where it is on."""

    features: NDArray[np.float32]  # (N, m, n)
    gains: NDArray[np.int64]  # (m,)
    target: NDArray[np.int64]  # (N,)
    strict: bool  # whether a unit at 0 is off
    grain: float  # the unit of gains and target

    def loss(self, total: int) -> float:
        """The loss that a sum of squared residuals stands for, rounded once."""
        return float(total) * self.grain**2 / (2 * self.target.size)

    def sums(self, patterns: NDArray[Any]) -> NDArray[np.int64]:
        """The sums of squared residuals (P,) of patterns (P, n)."""
        found = np.empty(len(patterns), np.int64)
        for p, q in enumerate(np.asarray(patterns, np.float32)):
            pre = self.features @ q
            on = pre > 0 if self.strict else pre >= 0
            found[p] = np.square(on @ self.gains - self.target).sum()
        return found


def counted(problem: TwoLayer) -> Counted:
    """`problem` in units of its lattice.

    Raises: ValueError if features, output weights or labels are not on lattices on which the sums are exact.
    """
    features = np.asarray(problem.features, np.float32)
    v, y = (np.asarray(x, np.float64) for x in (problem.output_weights, problem.labels))
    reach = np.abs(features.astype(np.float64)).sum(axis=2).max(initial=0.0)
    if reach > 2.0**24 * _grain(features):
        raise ValueError(f"features must lie on a lattice on which sums are exact in single precision, got {reach:g}")
    grain = min(_grain(v), _grain(y))
    most = (2 * np.abs(v).sum() + np.abs(y).max(initial=0.0)) / grain
    if most >= 2**31 or most**2 * y.size >= 2**63:
        raise ValueError(f"labels and output_weights must lie on a lattice, got residuals of {most:g} of its units")
    sign = problem.activation == "sign"
    gains, base = (2 * v, -v.sum()) if sign else (v, 0.0)
    target = np.rint((y - base) / grain).astype(np.int64)
    return Counted(features, np.rint(gains / grain).astype(np.int64), target, not sign, grain)


def _grain(x: NDArray[Any]) -> float:
    """The largest power of two that all entries are multiples of; 1 if all are 0."""
    mantissa, exponent = np.frexp(np.asarray(x, np.float64)[np.asarray(x) != 0])
    if not mantissa.size:
        return 1.0
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    lowest = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    return math.ldexp(1.0, int((exponent - 53 + lowest).min()))


def global_minimum(problem: TwoLayer, *, keep: int = 16, threads: int | None = None) -> Minimum:
    """The least loss over {-1, 1}^n, with all that attain it: all 2^n patterns are evaluated, for n <= 20.

    Without label noise a greater n is no obstacle to the value: the teacher's loss is 0.

    Args:
        keep: how many minimisers to return at most.
        threads: by default the machine's; the result does not depend on it.

    Raises:
        ValueError: n > 20 with label noise (see `lower_bound`), or numbers off the lattice.
    """
    instance("problem", problem, TwoLayer, "TwoLayer.draw(8, 64)")
    keep = count("keep", keep)
    if threads is not None:
        threads = count("threads", threads)
    c, teacher = counted(problem), np.asarray(problem.teacher, np.int8)
    own = int(c.sums(teacher[None])[0])
    if c.features.shape[2] > MOST:
        return _certified(c, teacher, own)
    sums = all_losses(c.features, c.gains, c.target, c.strict, threads)
    least = sums.min()
    above = sums[sums > least]
    minimisers = np.flatnonzero(sums == least)
    patterns = 1 - 2 * (minimisers[:keep, None] >> np.arange(teacher.size) & 1)
    value = c.loss(least)
    return Minimum(
        value, patterns.astype(np.int8), minimisers.size, int((sums == 0).sum()) - (own == 0), int((sums < own).sum()),
        c.loss(own), c.loss(above.min()) if above.size else math.inf, value, f"all {sums.size} patterns",
    )  # fmt: skip


def _certified(c: Counted, teacher: Signs, own: int) -> Minimum:
    if own:
        raise ValueError(
            f"problem must have n <= {MOST} or no label noise, got n = {teacher.size} and a teacher with loss "
            f"{c.loss(own):g}: lower_bound bounds the loss from below for any n"
        )
    return Minimum(0.0, teacher[None].copy(), None, None, 0, 0.0, None, 0.0, "the teacher's loss is 0")


def lower_bound(problem: TwoLayer, method: str = "trivial", *, time_limit: float = 10.0) -> LossBound:
    """A lower bound on the loss over {-1, 1}^n, beside the best pattern known: for any n.

    `trivial` lets each sample choose the output nearest to its label. The other methods, for m = 1, add what samples
    have in common: one q. Turned and signed, sample i asks for x_i'q >= margin_i and costs weight_i where it does not
    get that, so that the excess over the trivial bound is the least of

        sum weight_i e_i  subject to  x_i'q + (reach_i + margin_i) e_i >= margin_i,  e_i in {0, 1},  q in {-1, 1}^n,

    with reach_i = |x_i|_1. The x_i are integers, multiples of the lattice's unit without a common factor; x_i'q has the
    parity of reach_i, so that the right side begins at margin_i = 0, 1 or 2, and strict inequalities need no tolerance.
    `mip` is that program, by HiGHS. `lp` lets e and q range over the intervals. It is nearly worthless, which is a fact
    about the relaxation and not about the solver: q = 0 is allowed, with e_i = margin_i / (reach_i + margin_i), so that
    lp exceeds trivial by at most the sum of weight_i margin_i / (reach_i + margin_i): next to nothing for real
    features, whose reach is thousands of units. For features that are signs in few dimensions (reach n) it is of some
    use. Its value is computed from
    the multipliers that cvxpy returns: by weak duality any of them give a bound.

    Args:
        time_limit: seconds for `mip`, which then returns its best bound.

    Raises:
        ValueError: another method, m > 1 for `lp` and `mip`, or numbers off the lattice.
    """
    instance("problem", problem, TwoLayer, "TwoLayer.draw(8, 64)")
    if method not in ("trivial", "lp", "mip"):
        raise ValueError(f"method must be 'trivial', 'lp' or 'mip', got {method!r}")
    time_limit = number("time_limit", time_limit, above=0)
    c, pattern = counted(problem), np.array(problem.teacher, np.int8)
    best, trivial = int(c.sums(pattern[None])[0]), _trivial(c)
    if method == "trivial":
        return LossBound(c.loss(trivial), c.loss(trivial), c.loss(best), pattern, "each sample by itself")
    if c.gains.size > 1:
        raise ValueError(f"problem must have m = 1 for method {method!r}, got m = {c.gains.size}: use 'trivial'")
    s = _sides(c)
    if method == "lp":
        value, how = s.constant + _lp(s), "linear relaxation, by its multipliers"
    else:
        excess, found = _mip(s, best - s.constant, time_limit)
        value, how = s.constant + excess, "mixed-integer program, HiGHS in floating point"
        if found is not None and (loss := int(c.sums(found[None])[0])) < best:
            best, pattern = loss, found
    return LossBound(c.loss(min(value, best)), c.loss(trivial), c.loss(best), pattern, how)


def _trivial(c: Counted) -> int:
    """Each sample's squared distance to the nearest output that some set of units that are on can give, summed."""
    outputs = np.zeros(1, np.int64)
    for gain in c.gains:
        outputs = np.unique(np.concatenate([outputs, outputs + gain]))
        if outputs.size > 2**16:  # all between the least and the greatest
            low, high = np.minimum(c.gains, 0).sum(), np.maximum(c.gains, 0).sum()
            return int(np.square(np.clip(c.target, low, high) - c.target).sum())
    right = np.searchsorted(outputs, c.target).clip(0, outputs.size - 1)
    distance = np.minimum(np.abs(outputs[right] - c.target), np.abs(outputs[(right - 1).clip(0)] - c.target))
    return int(np.square(distance).sum())


@dataclass(frozen=True)
class _Sides:
    """The halfspaces of `lower_bound`: rows (K, n) in lattice steps, margin, reach, weight (K,); constant: what q
    cannot change."""

    rows: NDArray[np.float64]
    margin: NDArray[np.int64]
    reach: NDArray[np.int64]
    weight: NDArray[np.int64]
    constant: int


def _sides(c: Counted) -> _Sides:
    on, off = np.square(c.gains[0] - c.target), np.square(c.target)
    rows = np.rint(c.features[:, 0, :] / _grain(c.features)).astype(np.int64)
    turn = np.where(on < off, 1, -1)
    rows, weight = rows * turn[:, None], np.abs(on - off)
    open_end = (turn > 0) == c.strict  # the right side is without 0
    free = (rows != 0).any(axis=1)
    constant = int(np.minimum(on, off).sum() + weight[~free & open_end].sum())
    keep = free & (weight > 0)
    rows, weight, open_end = rows[keep], weight[keep], open_end[keep]
    rows //= np.gcd.reduce(rows, axis=1)[:, None] if rows.size else 1
    reach = np.abs(rows).sum(axis=1)
    margin = np.where(reach % 2 == 1, 1, np.where(open_end, 2, 0))
    return _Sides(rows.astype(np.float64), margin, reach, weight, constant)


def _lp(s: _Sides) -> int:
    """The relaxation's value, rounded up to what sums of weights can be: at least 0."""
    import cvxpy

    cp: Any = cvxpy
    size, n = s.rows.shape
    if not size:
        return 0
    scale = s.reach + s.margin
    scaled, margin = s.rows / scale[:, None], s.margin / scale
    q, e = cp.Variable(n), cp.Variable(size)
    sides = scaled @ q + e >= margin
    problem = cp.Problem(cp.Minimize(s.weight / s.weight.max() @ e), [sides, cp.abs(q) <= 1, e >= 0, e <= 1])
    problem.solve(solver=cp.CLARABEL)
    if sides.dual_value is None:
        return 0
    multipliers = np.maximum(sides.dual_value, 0) * s.weight.max()
    dual = multipliers @ margin + np.minimum(s.weight - multipliers, 0).sum() - np.abs(multipliers @ scaled).sum()
    return _round_up(dual, s, 1e-12)


def _mip(s: _Sides, most: int, time_limit: float) -> tuple[int, Signs | None]:
    """A lower bound on the program's value, which is at most `most`, and the pattern found."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array, diags_array, hstack

    size, n = s.rows.shape
    if not size:
        return 0, None
    sides = hstack([csr_array(-2 * s.rows), diags_array((s.reach + s.margin).astype(float))])  # q = 1 - 2 bits
    price = np.concatenate([np.zeros(n), s.weight / s.weight.max()])
    limits = [
        LinearConstraint(sides, lb=s.margin - s.rows.sum(axis=1)),
        LinearConstraint(price[None], ub=most / s.weight.max() * (1 + 1e-9) + 1e-9),
    ]
    options = {"time_limit": time_limit, "mip_rel_gap": 0.0}
    solved = milp(price, integrality=np.ones(n + size), bounds=Bounds(0, 1), constraints=limits, options=options)
    dual = solved.mip_dual_bound if solved.mip_dual_bound is not None else 0.0
    found = None if solved.x is None else np.where(solved.x[:n] > 0.5, -1, 1).astype(np.int8)
    return _round_up(dual * s.weight.max(), s, 1e-7), found


def _round_up(dual: float, s: _Sides, tolerance: float) -> int:
    """The least sum of weights that is not below `dual`, which may be wrong by `tolerance` of the sum of them all."""
    step = int(np.gcd.reduce(s.weight))
    lowered = dual - tolerance * float(s.weight.sum())
    return max(0, step * math.ceil(lowered / step)) if math.isfinite(lowered) else 0
