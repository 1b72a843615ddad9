"""How tight the convergence bounds are: hardest run <= semidefinite value <= bound, for each theorem, horizon and κ."""

import dataclasses
import json
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from . import _check
from ._files import plain, replace
from .optimum import InaccurateSolve
from .theorems import all_theorems, find
from .theorems._convergence import Convergence
from .theorems.li2017 import bc_convex, sr_convex, sr_strongly_convex
from .theorems.li2017._rates import sharp_rate
from .worst_case import BC, SGD, Program, certify, solve, worst_function
from .worst_case.cost import require_affordable
from .worst_case.program import AVERAGES  # the measures that the theorems bound

HORIZONS, KAPPAS = (1, 2, 3, 5, 8), (0.0, 0.1)
SLIP = 2e-6  # relative: the accuracy that `solve` and `certify` promise together


@dataclass(frozen=True)
class Sandwich:
    """One theorem at one horizon, in units where G = 1 and D = 1 (or mu = 1, where the theorem has one).

    kappa: sqrt(d) Δ.   c: of the schedule c / sqrt(t).   measure: of the program, see `worst_case.Program`.
    hardest: the gap of the worst function without noise and stochastic rounding, which was run; None where none was.
    value: of the semidefinite program, as the solver says; None where it failed.
    certified: a number that is proved to bound the gap from above, or None.
    sharp: a sharper bound by the same proof, which is a sum or a recursion, or None.   bound: the theorem's.
    published: the bound as published or reconstructed, or None where it has other constants.
    seconds: it took.   failed: why there is no value, or no certified one; empty where nothing failed.
    """

    theorem: str
    horizon: int
    kappa: float
    c: float
    measure: str
    hardest: float | None
    value: float | None
    certified: float | None
    sharp: float | None
    bound: float
    published: float | None
    seconds: float
    failed: str = ""

    @property
    def name(self) -> str:
        """Theorem, horizon and κ."""
        return f"{self.theorem}, T = {self.horizon}, kappa = {self.kappa:g}"

    @property
    def ratio(self) -> float | None:
        """value / bound: 1 where nothing can be gained, but for the relaxation."""
        return None if self.value is None else self.value / self.bound

    @property
    def attained(self) -> bool:
        """Whether the function that was run attains the value."""
        return None not in (self.hardest, self.value) and self.hardest >= self.value * (1 - SLIP)  # type: ignore

    @property
    def refutes(self) -> bool:
        """Whether the run is a counterexample to the published bound: at κ = 0, where it is a run of SR."""
        if self.published is None or self.hardest is None or self.kappa:
            return False
        return self.hardest > self.published * (1 + SLIP)

    def violated(self) -> list[str]:
        """What is out of order, a line each; empty when all is well."""
        known = {"hardest run": self.hardest, "value": self.value, "certified value": self.certified}
        known |= {"sharp bound": self.sharp, "bound": self.bound}
        order = [(name, x) for name, x in known.items() if x is not None]
        return [
            f"{self.name}: {name} {x:.9g} is above {other} {y:.9g}"
            for k, (name, x) in enumerate(order)
            for other, y in order[k + 1 :]
            if not x <= y + SLIP * abs(y)
        ]

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        derived = {name: getattr(self, name) for name in ("ratio", "attained", "refutes")}
        return {**vars(self), **derived, "violated": self.violated()}


class _Case(NamedTuple):
    theorem: Convergence
    horizon: int
    kappa: float


def candidates() -> list[str]:
    """The theorems that have a program and are not kept as false ones."""
    return [
        name
        for name, t in all_theorems().items()
        if isinstance(t, Convergence) and _has_program(t) and t.expected == "holds"
    ]


def tightness(
    only: Sequence[str] = (),
    *,
    horizons: Iterable[int] = HORIZONS,
    kappas: Iterable[float] = KAPPAS,
    c: float = 1.0,
    measure: str = "average point",
    certified: bool = True,
    patience: float = 300.0,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[Sandwich]:
    """The sandwich of each theorem at each horizon and κ.

    Arguments:
        only: ids of theorems, or papers; all that have a program by default.
        horizons: T >= 1 each.   kappas: κ = sqrt(d) Δ >= 0 each, in units where D = 1 (or G / mu = 1).
        c: of the schedule c / sqrt(t), > 0; theorems with mu have a schedule of their own.
        measure: "average point", E F(w̄_T) - F*, or "average value", the mean of E F(w_t) - F*, which the theorems bound
            too.   certified: whether to certify the values, which takes longer.
        patience: about how many seconds one program may take; more is refused before anything is solved.
        progress: called with (cases done, cases in all, what was done last).

    A program that the solver does not solve to its tolerance leaves a row without a value that says why.

    Raises: ValueError naming the argument, or where a program would take longer than `patience`.
    """
    cases = plan(only, horizons=horizons, kappas=kappas)
    c = _check.number("c", c, above=0)
    if measure not in AVERAGES:
        raise ValueError(f"measure must be one of {', '.join(map(repr, AVERAGES))}, got {measure!r}")
    programs = [case.theorem.worst_case(case.horizon, kappa=case.kappa, c=c, measure=measure) for case in cases]
    for program in programs:  # before hours of work
        require_affordable(program, patience)
    rows, said = [], progress or (lambda done, total, name: None)
    said(0, len(cases), "")
    for done, (case, program) in enumerate(zip(cases, programs, strict=True), 1):
        rows.append(_sandwich(case, program, c, measure, certified, patience))
        said(done, len(cases), rows[-1].name)
    return rows


def plan(only: Sequence[str], *, horizons: Iterable[int], kappas: Iterable[float]) -> list[_Case]:
    """What there is to do, checked, each case once. Raises: ValueError naming the argument."""
    times = list(dict.fromkeys(_check.count("horizons", T) for T in horizons))
    sizes = list(dict.fromkeys(_check.number("kappas", kappa, least=0) for kappa in kappas))
    if not times or not sizes:
        raise ValueError(f"horizons and kappas must not be empty, got {times} and {sizes}")
    return [_Case(*case) for case in product(_chosen(only), times, sizes)]


def numbers(name: str, text: str, kind: Callable[[str], Any]) -> list[Any]:
    """Numbers with commas between them. Raises: ValueError naming the argument."""
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{name} must be numbers with commas between them, got {text!r}") from None


def write(rows: Sequence[Sandwich], folder: Path) -> Path:
    """Write tightness.json into a folder, made if it is missing; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tightness.json"
    text = json.dumps(plain([r.to_json() for r in rows], "rows", strict=False), indent=1)
    replace(path, text.encode())
    return path


def complaints(rows: Sequence[Sandwich]) -> list[str]:
    """What is out of order, and what failed, a line each."""
    failed = [f"{row.name}: {row.failed}" for row in rows if row.failed]
    return [line for row in rows for line in row.violated()] + failed


def table(rows: Sequence[Sandwich]) -> Any:
    """A `rich` table, at most 80 columns wide."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, header_style="bold", pad_edge=False)
    shown.add_column("theorem", min_width=max((len(_short(r)) for r in rows), default=0))
    for header in ("T", "κ", "hardest", "value", "proved", "sharp", "bound", "stated"):
        shown.add_column(header, justify="right", no_wrap=True)
    before = ""
    for r in rows:
        name, before = ("" if _short(r) == before else _short(r)), _short(r)
        star = " " if r.value is None or r.attained else "*"
        shown.add_row(
            name, str(r.horizon), f"{r.kappa:g}", _number(r.hardest), _number(r.value) + star,
            _above(r.certified), _number(r.sharp), Text(_number(r.bound), style="bold red" if r.violated() else ""),
            Text(_number(r.published) + ("!" if r.refutes else " "), style="red" if r.refutes else ""),
        )  # fmt: skip
    return shown


LEGEND = (
    "G = 1 and D = 1 (or mu = 1); κ = sqrt(d) Δ. hardest: a worst function without stochastic rounding, run. value: of "
    "the semidefinite program; * where that run does not attain it. proved: that no value is larger, in rational "
    "numbers. sharp: by a recursion or a sum. stated: as published, ! where the run refutes it."
)


def _sandwich(case: _Case, program: Program, c: float, measure: str, certified: bool, patience: float) -> Sandwich:
    begin, (theorem, T, kappa) = time.perf_counter(), case
    value, proved, failed = _solved(program, certified, patience)
    return Sandwich(
        theorem=theorem.id, horizon=T, kappa=kappa, c=c, measure=measure, hardest=_hardest(program, patience),
        value=value, certified=proved, failed=failed,
        sharp=sharp(theorem.id, T, kappa=kappa, c=c), bound=theorem.worst_bound(T, kappa=kappa, c=c),
        published=published(theorem.id, T, kappa=kappa, c=c), seconds=time.perf_counter() - begin,
    )  # fmt: skip


def _solved(program: Program, certified: bool, patience: float) -> tuple[float | None, float | None, str]:
    """The value, the certified one, and what failed."""
    try:
        solution = solve(program, patience=patience)
    except InaccurateSolve as error:
        return None, None, f"no value: {error}"
    if not certified:
        return solution.value, None, ""
    try:
        return solution.value, math.nextafter(certify(solution).value, math.inf), ""  # not below it
    except (InaccurateSolve, ValueError) as error:
        return solution.value, None, f"no certificate: {error}"


def _hardest(program: Program, patience: float) -> float | None:
    """The gap of the worst function without noise; nor rounding, unless it is deterministic. None where none is found
    to the accuracy that a function needs."""
    method: SGD | BC = SGD()
    if isinstance(program.method, BC) and not program.method.stochastic and program.method.energy:
        method = dataclasses.replace(program.method, noise=0)
    try:
        found = worst_function(solve(dataclasses.replace(program, method=method), patience=patience))
    except InaccurateSolve:
        return None
    return found.stepped() if found.errors.any() else found.simulated()


def sharp(theorem: str, horizon: int, *, kappa: float = 0.0, c: float = 1.0) -> float | None:
    """The sharper bound of li2017/sr_convex_sharp, or of a remark in the theorem's note; None where there is none."""
    if theorem == sr_strongly_convex.THEOREM.id:
        return sr_strongly_convex.bound_sharp(horizon, mu=1, G=1, d=1, delta=kappa)
    if theorem == sr_convex.THEOREM.id:
        return sharp_rate(horizon, D=1, G=1, c=c, kappa=kappa)
    if theorem == bc_convex.THEOREM.id:
        return sharp_rate(horizon, D=1, G=1, c=c, lift=kappa**2 / 8)
    return None


def published(theorem: str, horizon: int, *, kappa: float = 0.0, c: float = 1.0) -> float | None:
    """The published (or reconstructed) form of a theorem's bound; None where it has constants besides G, D, mu, L."""
    if theorem == sr_strongly_convex.THEOREM.id:
        return sr_strongly_convex.bound_stated(horizon, mu=1, G=1, d=1, delta=kappa)
    stated = all_theorems().get(f"{theorem}_stated")
    if isinstance(stated, Convergence) and _has_program(stated):
        return stated.worst_bound(horizon, kappa=kappa, c=c)
    return None


def _chosen(only: Sequence[str]) -> list[Convergence]:
    able = candidates()
    if not only:
        return [all_theorems()[name] for name in able]  # type: ignore[misc]
    chosen: list[Convergence] = []
    for name in only:
        found = [t for t in find(name) if t.id in able]
        if not found:
            raise ValueError(f"only: {name} has no bound to be compared with a worst case, expected {', '.join(able)}")
        chosen += [t for t in found if t not in chosen]  # type: ignore[misc]
    return chosen


def _has_program(theorem: Convergence) -> bool:
    return type(theorem).worst_case is not Convergence.worst_case


def _short(row: Sandwich) -> str:
    return row.theorem.split("/")[1]


def _number(x: float | None) -> str:
    return "" if x is None else f"{x:.4f}"


def _above(x: float | None) -> str:
    """Rounded up, so that what is shown is proved as well."""
    return "" if x is None else f"{math.ceil(x * 1e5) / 1e5:.5f}"
