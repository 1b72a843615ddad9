"""What people see: tables that fit a terminal, a progress bar, and the figure of all slacks."""

import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from .statistics import Interval
from .theorems import Evidence, Role, Theorem, Verdict, all_theorems
from .verify import Run

ROUNDING = 1e-6  # an interval that is narrower than this share of its value is shown as a point
STYLE = {
    Verdict.HOLDS: "green", Verdict.VIOLATED: "red", Verdict.UNDECIDED: "yellow", Verdict.OUT_OF_SCOPE: "dim",
}  # fmt: skip


def console() -> Console:
    """Standard output, at most 120 columns wide."""
    console = Console(highlight=False)
    console.width = min(console.width, 120)
    return console


@contextmanager
def progress_bar(quiet: bool = False) -> Iterator[Callable[[int, int, str], None]]:
    """A bar on standard error with the time left; nothing where that is no terminal."""
    columns = (
        TextColumn("checking"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"),
        TimeRemainingColumn(), TextColumn("{task.fields[last]}"),
    )  # fmt: skip
    hidden = quiet or not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=hidden) as bar:
        task = bar.add_task("", total=None, last="")
        yield lambda done, total, name: bar.update(task, completed=done, total=total, last=name)


def listing(theorems: Iterable[Theorem]) -> Table:
    """One line a theorem."""
    table = _table("theorem", "what it says", "kind", "expected", longest=max(map(len, all_theorems())))
    for t in theorems:
        table.add_row(t.id, t.title, t.kind, _verdict(t.expected))
    return table


def card(theorem: Theorem, results: Path) -> Group:
    """All there is to know of one theorem."""
    rooms = _table("room", "file")
    for room, file in theorem.rooms.items():
        rooms.add_row(room, file)
    last = _last_verdict(theorem, results / "verify.json")
    return Group(Panel(Text(theorem.description), title=theorem.id, subtitle=theorem.source), rooms, Text(last))


def print_run(run: Run, files: list[Path]) -> None:
    """The tables of a run: theorems, real data, what was skipped, what was not expected, what was written."""
    out = console()
    out.print(_theorem_table(run))
    if run.rows:
        out.print(_data_table(run))
    for dataset, why in run.skipped.items():
        out.print(Text(f"skipped {dataset}: {why}", style="yellow"))
    if run.interrupted:
        out.print(Text("interrupted: only what was complete is shown", style="yellow"))
    unexpected = run.unexpected()
    for line in unexpected:
        out.print(Text(f"unexpected: {line}", style="bold red"))
    checks = len(run.evidence) + len(run.rows)
    out.print(
        f"{checks} checks, {len(unexpected)} unexpected, {run.seconds:.0f} s; as far as Student's t applies, sampling "
        f"errs anywhere in this run with probability at most {run.settings['failure']:g}."
    )
    out.print("written: " + ", ".join(str(f) for f in files))


def worst(evidence: list[Evidence]) -> Evidence | None:
    """The instance inside or at the edge with the largest slack."""
    seen = [e for e in evidence if e.role != Role.CONTROL and e.slack is not None]
    return max(seen, key=lambda e: e.slack.estimate, default=None)  # type: ignore[union-attr]


def _theorem_table(run: Run) -> Table:
    table = _table(
        "theorem\nsource", "verdict\nexpected", "checks\ncontrols", "measured/bound\nlargest, ends", "confidence",
        "time", longest=max((len(name.split("/")[1]) for name in run.theorems), default=0),
    )  # fmt: skip
    for name in run.theorems:
        evidence = run.of(name)
        if evidence:
            table.add_row(*_theorem_row(name, run.verdict(name), evidence))
    return table


def _theorem_row(name: str, verdict: Verdict, evidence: list[Evidence]) -> Iterator[Text]:
    """Two lines a theorem, so that the table fits 80 columns."""
    theorem, top = all_theorems()[name], worst(evidence)
    controls = [e for e in evidence if e.role == Role.CONTROL]
    rejected = sum(e.as_expected for e in controls)
    yield _lines(name.split("/")[1], theorem.source.split(" (")[0])
    yield Text.assemble(_verdict(verdict), "\n", (str(theorem.expected), "dim"))
    yield _lines(str(len(evidence) - len(controls)), f"{rejected}/{len(controls)}")
    if top is None or top.slack is None:
        yield from (Text(""), Text(""))
    else:
        exact = top.slack.width <= ROUNDING * abs(top.slack.estimate)
        ends = "" if exact else f"[{top.slack.low:.4g}, {top.slack.high:.4g}]"
        yield _lines(f"{top.slack.estimate:.4g}", ends)
        certain = top.measured.confidence == 1
        yield _lines("certain" if certain else f"1 - {1 - top.measured.confidence:.1g}", "exact" if exact else "")
    yield Text(f"{sum(e.seconds for e in evidence):.1f} s")


def _data_table(run: Run) -> Table:
    table, before = _table("real data", "method", "Δ", "F(w̄_T) - F*", "bound", "verdict"), ""
    for row in run.rows:
        delta = "" if row.delta is None else f"1/{round(1 / row.delta)}"
        e = row.evidence
        bound, verdict = ("", Text("no theorem", style="dim")) if e is None else (f"{e.bound:.3g}", _verdict(e.verdict))
        gap = f"{row.gap.estimate:.3g} ± {row.gap.width / 2:.1g}"
        shown, before = ("" if row.dataset == before else row.dataset), row.dataset
        table.add_row(shown.replace(", ", "\n"), row.method, delta, gap, bound, verdict)
    return table


def _lines(first: str, second: str) -> Text:
    return Text.assemble(first, "\n", (second, "dim"))


def _table(first: str, *headers: str, longest: int = 0) -> Table:
    """A table whose first column is never narrower than `longest`, so that a name stays whole."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(first, min_width=longest)
    for header in headers:
        table.add_column(header)
    return table


def _verdict(verdict: Verdict) -> Text:
    return Text(str(verdict), style=STYLE[verdict])


def _last_verdict(theorem: Theorem, path: Path) -> str:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["theorems"]
        verdict = next(t["verdict"] for t in found if t["id"] == theorem.id)
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return f"last verdict: none in {path}; run `qtheory verify --only {theorem.id}`"
    return f"last verdict: {verdict} ({path}); expected: {theorem.expected}"


def draw(run: Run, folder: Path) -> list[Path]:
    """The figure of all slacks, measured / bound, an instance a line; and its numbers."""
    from . import plotting

    drawn = [(e, e.slack) for name in run.theorems for e in run.of(name) if e.slack and e.slack.width < math.inf]
    if not drawn:
        return []
    with plotting.style():
        fig, [[ax]] = plotting.panels(size=(7.0, 1.0 + 0.16 * len(drawn)))
        _slack_lines(ax, drawn)
        plotting.legend(fig, 4)
        share = run.settings["share"]
        plotting.caption(
            fig,
            f"measured / bound for {len(drawn)} checks; circles: inside or at the edge, crosses: controls, which "
            f"must be rejected. Bars: intervals, which where sampled miss with probability at most {share:.1g} each.",
        )
        data = {
            f"{e.theorem}: {e.instance}": {
                "role": e.role, "verdict": e.verdict, "slack": [slack.low, slack.estimate, slack.high]
            }
            for e, slack in drawn
        }  # fmt: skip
        return list(plotting.save(fig, data, "verify_slack", folder, settings=run.settings))


def _slack_lines(ax: Any, drawn: list[tuple[Evidence, Interval]]) -> None:
    colour = {
        Verdict.HOLDS: "#0072B2", Verdict.VIOLATED: "#D55E00", Verdict.UNDECIDED: "#E69F00",
        Verdict.OUT_OF_SCOPE: "#999999",
    }  # fmt: skip
    floor = 1e-5  # left of this all is one
    for y, (e, slack) in enumerate(drawn):
        low, middle, high = (max(v, floor) for v in (slack.low, slack.estimate, slack.high))
        ax.plot([low, high], [y, y], color=colour[e.verdict], lw=1.2)
        ax.plot(middle, y, "x" if e.role == Role.CONTROL else "o", color=colour[e.verdict], ms=3.5)
    for verdict, shade in colour.items():
        ax.plot([], [], "o", color=shade, ms=3.5, label=str(verdict))
    ax.axvline(1, color="black", lw=0.8, ls="--")
    ax.set_xscale("log")
    ax.set_yticks(range(len(drawn)), [f"{e.theorem.split('/')[1]}: {e.instance}" for e, _ in drawn], fontsize=5)
    ax.set_ylim(len(drawn) - 0.5, -0.5)
    ax.set_xlabel("measured / bound (no unit)")
