"""What a theorem is in qtheory: assumptions that are checked, a claim that is evaluated, a quantity that is measured.

A claim is an interval in which the measured quantity must lie: (-inf, bound] for an upper bound, [value - error,
value + error] for an identity or a limit with an explicit error. A measurement is an interval too: certain where
expectations are computed, at a stated confidence where they are sampled. The verdict compares the two.
"""

import inspect
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

import numpy as np

from ..methods import Method
from ..problems import Known, Problem
from ..schedules import Constant, Schedule
from ..simulate import default_start
from ..statistics import Interval


class Verdict(StrEnum):
    """What a check has shown."""

    HOLDS = "holds"
    VIOLATED = "violated"
    UNDECIDED = "undecided"  # the measured interval straddles the bound
    OUT_OF_SCOPE = "out of scope"  # an assumption fails: the theorem claims nothing here


class Role(StrEnum):
    """Why an instance is there."""

    INSIDE = "inside"
    EDGE = "edge"  # an assumption or the bound itself is met with equality, or nearly
    CONTROL = "control"  # must get another verdict: outside the assumptions, or with a deliberately wrong claim


@dataclass(frozen=True)
class Checked:
    """An assumption, whether it holds on an instance, and how that is known."""

    assumption: str
    holds: bool
    how: str


@dataclass(frozen=True, kw_only=True)
class Case:
    """A case on which a theorem is checked; what it holds besides, the theorem's paper says.

    Arguments:
        name: short, unique within the theorem.
        role: inside, edge or control.
        expected: the verdict that it must get.
        trials: how many to sample; 0: expectations are computed, not sampled.
        planted: for controls: the claim is multiplied by this factor, which makes it wrong.
    """

    name: str
    role: Role = Role.INSIDE
    expected: Verdict = Verdict.HOLDS
    trials: int = 0
    planted: float = 1.0


C = TypeVar("C", bound=Case)


@dataclass(frozen=True, kw_only=True)
class Instance(Case):
    """A case that `simulate` can run.

    Arguments:
        name, role, expected, trials, planted: see Case.
        problem, method, schedule, steps, start: as `simulate` takes them.
    """

    problem: Problem
    method: Method
    schedule: Schedule
    steps: int
    start: Any = None

    @property
    def w1(self) -> np.ndarray:
        """(d,) w_1: `start`, or the default of `simulate`."""
        start = default_start(self.problem, self.method) if self.start is None else self.start
        return np.asarray(start, dtype=np.float64)


@dataclass(frozen=True)
class Claim:
    """The interval in which a theorem puts the measured quantity."""

    low: float
    high: float

    def scaled(self, factor: float) -> "Claim":
        return Claim(self.low * factor, self.high * factor)


@dataclass(frozen=True)
class Evidence:
    """What one check has shown: the claim, the measurement, and the verdict."""

    theorem: str
    instance: str
    role: Role
    assumptions: tuple[Checked, ...]
    claim: Claim
    measured: Interval
    verdict: Verdict
    expected: Verdict
    seconds: float

    @property
    def bound(self) -> float:
        """The number that slack compares with: the upper end of the claim."""
        return self.claim.high

    @property
    def slack(self) -> Interval | None:
        """measured / bound, with its interval; None where the bound is not a positive number."""
        return self.measured / self.bound if 0 < self.bound < math.inf else None

    @property
    def as_expected(self) -> bool:
        return self.verdict == self.expected


class Theorem(Generic[C]):
    """Base of all theorems. A subclass is one statement, in a module of its own whose last line is `THEOREM = ...()`.

    Class attributes:
        title: a line.   source: author, year, theorem, and how the statement is known.
        kind: "upper" or "limit".   statement: LaTeX.
        expected: the verdict over the instances inside and at the edge.   figure: the stem of its picture.
    """

    title: str
    source: str
    kind: str = "upper"
    statement: str
    expected: Verdict = Verdict.HOLDS
    figure: str

    @property
    def id(self) -> str:
        """The name of its four rooms, e.g. li2017/sr_convex."""
        return "/".join(type(self).__module__.split(".")[-2:])

    @property
    def rooms(self) -> dict[str, str]:
        """Where its code, proof note, test and figure are, from the root of the repository."""
        paper, name = self.id.split("/")
        return {
            "code": f"qtheory/theorems/{paper}/{name}.py",
            "proof": f"proofs/{paper}/{name}.md",
            "test": f"tests/theorems/{paper}/test_{name}.py",
            "figure": f"figures/{self.figure}.svg",
        }

    @property
    def description(self) -> str:
        """Its docstring, with the sections Algorithm, Assumptions, Statement, Kind, Status, Arguments, Errors
        raised and References."""
        return inspect.getdoc(type(self)) or ""

    def assumptions(self, instance: C) -> Iterable[Checked]:
        """Which assumptions hold, and how that is known."""
        raise NotImplementedError

    def checked(self, instance: C) -> tuple[Checked, ...]:
        """The assumptions, up to the first that fails: those after it may speak of what is not there."""
        found = []
        for assumption in self.assumptions(instance):
            found.append(assumption)
            if not assumption.holds:
                break
        return tuple(found)

    def claim(self, instance: C) -> Claim:
        """The right-hand side, for an instance that meets the assumptions."""
        raise NotImplementedError

    def measure(self, instance: C, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        """The left-hand side, missed with a chance of at most `failure`; for an instance that meets the assumptions."""
        raise NotImplementedError

    def instances(self, scale: str = "quick") -> Iterable[C]:
        """The families that ship with the theorem; `scale` is "quick" or "full"."""
        raise NotImplementedError

    def check(
        self, instance: C, *, seed: int = 0, failure: float = 1e-9, threads: int | None = None
    ) -> Evidence:
        """Measure, compare and judge one instance."""
        begin = time.perf_counter()
        assumptions = self.checked(instance)
        if assumptions[-1].holds:
            claim = self.claim(instance).scaled(instance.planted)
            measured = self.measure(instance, seed=seed, failure=failure, threads=threads)
        else:
            claim = Claim(math.nan, math.nan)
            measured = Interval(-math.inf, math.inf, 0.0, 1.0, "not measured: out of scope")
        verdict = judge(assumptions, claim, measured)
        return Evidence(
            self.id, instance.name, instance.role, assumptions, claim, measured, verdict, instance.expected,
            time.perf_counter() - begin,
        )  # fmt: skip


def judge(assumptions: Iterable[Checked], claim: Claim, measured: Interval) -> Verdict:
    """The verdict: out of scope where an assumption fails, otherwise by the two intervals alone."""
    if not all(a.holds for a in assumptions):
        return Verdict.OUT_OF_SCOPE
    if measured.below(claim.high) and measured.low >= claim.low:
        return Verdict.HOLDS
    if measured.above(claim.high) or measured.high < claim.low:
        return Verdict.VIOLATED
    return Verdict.UNDECIDED


def overall(evidence: Iterable[Evidence]) -> Verdict:
    """The verdict on a theorem, from its instances inside and at the edge: one violation is enough."""
    seen = {e.verdict for e in evidence if e.role != Role.CONTROL}
    for verdict in (Verdict.VIOLATED, Verdict.UNDECIDED, Verdict.OUT_OF_SCOPE):
        if verdict in seen:
            return verdict
    return Verdict.HOLDS if seen else Verdict.UNDECIDED


# Assumptions that several theorems share.


def finite(name: str, known: Known) -> Checked:
    """A constant of the problem exists."""
    return Checked(f"{name} is finite", math.isfinite(known.value), f"{name} = {known.value:.4g} {known.how}")


def positive(name: str, known: Known) -> Checked:
    """A constant of the problem is positive."""
    return Checked(f"{name} > 0", known.value > 0, f"{name} = {known.value:.4g} {known.how}")


def constant_step(instance: Instance) -> Checked:
    """The step size does not change."""
    return Checked("alpha_t = alpha", isinstance(instance.schedule, Constant), f"it is {instance.schedule!r}")


def one_dimensional(instance: Instance) -> Checked:
    """There is one weight."""
    return Checked("d = 1", instance.problem.dim == 1, f"d = {instance.problem.dim}")


def uses(instance: Instance, *methods: type) -> Checked:
    """The method is one that the theorem speaks of."""
    names = " or ".join(m.__name__ for m in methods)
    return Checked(f"the method is {names}", type(instance.method) in methods, f"it is {instance.method.name}")
