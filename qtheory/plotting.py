"""Figures: functions that take an Axes, one style file, and a `save` that writes the picture beside its numbers.

matplotlib is imported when a figure is drawn, not with this module. Draw inside `style()`:

    with style():
        fig, [[ax]] = panels()
        curve(ax, steps, mean, low, high, "stochastic rounding", "SR")
        bound(ax, steps, values, "Theorem 1")
        legend(fig)
        caption(fig, "256 trials; bands hold each mean with probability 99 %.")
        save(fig, {"steps": steps, "mean": mean}, "accuracy_floor", "figures", settings={"seed": 0, "trials": 256})
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ._files import plain, replace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Transform

    from qtheory.statistics import Interval

__all__ = ["BOUNDS", "METHODS", "bound", "caption", "curve", "legend", "panels", "save", "scaling", "style"]

STYLE_FILE = Path(__file__).with_name("qtheory.mplstyle")


class Look(NamedTuple):
    """How a method or a bound is drawn, in every figure alike."""

    color: str
    linestyle: str | tuple[int, tuple[float, ...]]
    marker: str = ""


# Colours of Okabe and Ito, told apart by every kind of colour vision; solid where rounding is random or absent, broken
# where it is deterministic; and a marker each, so that no method is known by its colour alone.
METHODS = {
    "SGD": Look("#0072B2", "-", "o"),
    "R": Look("#CC79A7", (0, (4, 1, 1, 1)), "X"),
    "SR": Look("#D55E00", "-", "s"),
    "BC stochastic": Look("#009E73", "-", "^"),
    "BC nearest": Look("#E69F00", (0, (4, 1, 1, 1)), "D"),
}
BOUNDS = {
    "bound": Look("#111111", (0, (5, 2.2))),
    "floor": Look("#777777", (0, (1, 1.3))),
    "stated": Look("#999999", (0, (5, 2, 1, 2))),
}


@contextmanager
def style() -> Iterator[None]:
    """Context in which matplotlib draws in the style of these figures; its settings are restored on the way out."""
    import matplotlib.style

    with matplotlib.style.context(["default", STYLE_FILE]):
        yield


def panels(rows: int = 1, columns: int = 1, *, size: tuple[float, float] | None = None, **more: Any) -> Any:
    """A figure, outside pyplot so that nothing global holds on to it, and its (rows, columns) array of axes.

    `size` is (width, height) in inches; by default one panel fits a column of a page and two its width. Further
    arguments go to `Figure.subplots`. `legend` and `caption` make the figure longer.
    """
    from matplotlib.figure import Figure

    fig = Figure(figsize=size or (4.5 if columns == 1 else 3.6 * columns, 3.1 * rows))
    return fig, fig.subplots(rows, columns, squeeze=False, **more)


def curve(ax: Axes, steps: Any, mean: Any, low: Any, high: Any, label: str, kind: str, *, shade: float = 0.0) -> None:
    """A measured quantity against the step, with a band for its interval.

    Arguments
        steps, mean: (m,) recorded steps and values.
        low, high: (m,) ends of the interval at each step, low <= mean <= high; both None draws no band.
        label: text in the legend; kind: a key of METHODS, which fixes colour, line and marker.
        shade: in [0, 1), mixes the colour with white: tells several curves of one method apart.

    Errors raised
        ValueError: shapes that differ, values that are not finite, ends out of order, an unknown kind.
    """
    look = _look(METHODS, kind)
    if not 0.0 <= shade < 1.0:
        raise ValueError(f"shade={shade}: expected a number in [0, 1)")
    t, middle = _series("steps", steps), _series("mean", mean, np.size(steps))
    color = _lighter(look.color, shade)
    if low is not None and high is not None:
        lower, upper = _series("low", low, len(t)), _series("high", high, len(t))
        if not (np.all(lower <= middle) and np.all(middle <= upper)):
            raise ValueError("low, mean, high are out of order somewhere: expected low <= mean <= high at every step")
        ax.fill_between(t, lower, upper, color=color, alpha=0.18, linewidth=0)
    elif low is not None or high is not None:
        raise ValueError(f"low={low!r}, high={high!r}: expected both or neither")
    # Markers at equal distances on the page, shifted from method to method so that they do not hide one another.
    marks: dict[str, Any] = {"marker": look.marker, "markevery": (0.03 * (1 + list(METHODS).index(kind)), 0.16)}
    ax.plot(t, middle, color=color, linestyle=look.linestyle, label=label, markeredgecolor="white", zorder=3, **marks)


def bound(ax: Axes, steps: ArrayLike, values: ArrayLike, label: str, kind: str = "bound") -> None:
    """A theorem's right-hand side: values (m,) at steps (m,), or one number for all steps; kind is a key of BOUNDS.

    Errors raised: ValueError as for `curve`.
    """
    look = _look(BOUNDS, kind)
    t = _series("steps", steps)
    heights = _series("values", np.full(t.shape, values) if np.ndim(values) == 0 else values, len(t))
    ax.plot(t, heights, color=look.color, linestyle=look.linestyle, linewidth=1.3, label=label, zorder=4)


def scaling(
    ax: Axes, x: Any, intervals: Sequence[Interval], fitted: Interval | None, predicted: float, *, label: str, kind: str
) -> None:
    """Measured values against a parameter on log-log axes, with the fitted power law and the slope of theory.

    Both lines go through the geometric centre of the points, where the least-squares line goes.

    Arguments
        x: (n,) positive parameter values.   intervals: n intervals with positive estimates, drawn as error bars.
        fitted: slope with its interval, as `qtheory.statistics.fit_slope` returns it, or None.
        predicted: slope.   label: text in the legend for the points.   kind: a key of METHODS.

    Errors raised: ValueError for lengths that differ, numbers that are not positive, an unknown kind.
    """
    look = _look(METHODS, kind)
    x = _series("x", x)
    y, low, high = (
        _series(f"{end} of intervals", [getattr(interval, end) for interval in intervals], len(x))
        for end in ("estimate", "low", "high")
    )
    if np.any(x <= 0.0) or np.any(y <= 0.0):
        raise ValueError(f"x={x.tolist()}, estimates={y.tolist()}: expected positive numbers for log-log axes")
    line_x = np.array([x.min() / 1.15, x.max() * 1.15])
    ratio, centre_y = line_x / math.exp(np.mean(np.log(x))), math.exp(np.mean(np.log(y)))
    ax.set(xscale="log", yscale="log")
    if fitted is not None:
        label += f"\nslope {fitted.estimate:.2f} [{fitted.low:.2f}, {fitted.high:.2f}], predicted {predicted:g}"
        ax.plot(line_x, centre_y * ratio**fitted.estimate, color=_lighter(look.color, 0.4), zorder=2)
    ax.plot(x, y, look.marker, color=look.color, markersize=6, markeredgecolor="white", label=label, zorder=5)
    ax.errorbar(x, y, yerr=(y - low, high - y), fmt="none", ecolor=look.color, elinewidth=1.0, zorder=4)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_minor_formatter(lambda value, place: "")
    theory = "_predicted" if fitted is not None else f"predicted slope {predicted:g}"
    bound(ax, line_x, centre_y * ratio**predicted, theory)


def legend(fig: Figure, columns: int | Sequence[int] = 2) -> None:
    """A legend under each panel of one row of panels, where it hides no data; the figure grows by it.

    `columns` is the number of columns in all legends, or a number for each panel, 0 for a panel without legend.
    """
    from matplotlib.transforms import blended_transform_factory

    each = [columns] * len(fig.axes) if isinstance(columns, int) else list(columns)
    wanted = [(ax, n) for ax, n in zip(fig.axes, each, strict=True) if n]
    rows = max(math.ceil(_lines(ax) / n) for ax, n in wanted)
    y, from_top = _grow(fig, 0.1 + 0.15 * rows)
    for ax, n in wanted:
        place = {"bbox_to_anchor": (0.0, y - 0.04), "bbox_transform": blended_transform_factory(ax.transAxes, from_top)}
        ax.legend(loc="upper left", ncols=n, borderaxespad=0.0, borderpad=0.0, **place).set_in_layout(False)


def caption(fig: Figure, text: str) -> None:
    """Small grey text at the foot, wrapped to the figure, which grows by it. Call it last. Mathtext is not broken."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font, margin, lines = FontProperties(size=7.5), 0.08, [""]  # points, inches
    for word in re.findall(r"(?:\$[^$]*\$|\S)+", text):
        longer = f"{lines[-1]} {word}".strip()
        fits = TextPath((0, 0), longer, prop=font).get_extents().width / 72 <= fig.get_figwidth() - 2 * margin
        lines = [*lines[:-1], longer] if fits or not lines[-1] else [*lines, word]
    y, from_top = _grow(fig, 0.14 * len(lines) + 2 * margin)
    place: dict[str, Any] = {"transform": from_top, "va": "top", "linespacing": 1.3}
    fig.text(margin, y - margin, "\n".join(lines), fontproperties=font, color="#555555", **place)


def save(
    fig: Figure, data: Mapping[str, Any], stem: str, folder: str | os.PathLike[str], *, settings: Mapping[str, Any]
) -> tuple[Path, Path]:
    """Write <stem>.svg and <stem>.json into a folder, made if it is missing; returns the two paths.

    The SVG holds no date and no machine's fonts: the same figure gives the same bytes under the same matplotlib. The
    JSON holds the numbers in the picture, the settings, the seed and the versions. Both contents are ready before the
    first is written, and each file is replaced in one step.

    Arguments
        data: the numbers in the picture; arrays, intervals and other dataclasses become lists and objects.
        stem: file name without ending: letters, digits, "_", "-".
        settings: how the numbers were made. It must hold "seed", None where nothing was random.

    Errors raised
        ValueError: a bad stem, no seed, or what JSON cannot hold in data or settings (NaN and infinity included).
        OSError: the folder cannot be made or written to; no file is then half-written.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]+", stem):
        raise ValueError(f"stem={stem!r}: expected letters, digits, '_' and '-' only")
    if "seed" not in settings:
        raise ValueError(f"settings={dict(settings)!r}: expected a 'seed' (None where nothing was random)")
    record = {"figure": stem, "seed": settings["seed"], "settings": settings, "versions": _versions(), "data": data}
    # A list of plain values goes on one line. JSON's line breaks are never inside its strings, so no value can change.
    tall = json.dumps(plain(record, ""), indent=1) + "\n"
    numbers = re.sub(r"\[[^][{}]*\]", lambda found: re.sub(r"\n\s*", "", found[0]), tall)
    picture = io.BytesIO()
    with style():  # fonts and identifiers are looked up now, not when the figure was drawn
        fig.savefig(picture, format="svg", metadata={"Date": None, "Creator": "qtheory", "Title": stem})
    paths = Path(folder, f"{stem}.svg"), Path(folder, f"{stem}.json")
    try:
        paths[0].parent.mkdir(parents=True, exist_ok=True)
        # matplotlib ends its path lines with blanks, which whitespace checkers of repositories would strip
        replace(paths[0], re.sub(rb"[ \t]+\n", b"\n", picture.getvalue()))
        replace(paths[1], numbers.encode())
    except OSError as error:
        raise type(error)(error.errno, f"cannot write figure {stem} into '{folder}': {error.strerror}") from error
    return paths


def _grow(fig: Figure, added: float) -> tuple[float, Transform]:
    """Lengthen the figure by `added` inches; where that room begins, in inches from the top, and their transform."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from matplotlib.transforms import ScaledTranslation

    engine, (width, height) = fig.get_layout_engine(), fig.get_size_inches()
    kept = engine.get()["rect"][3] if isinstance(engine, ConstrainedLayoutEngine) else 1.0
    share = kept * height / (height + added)  # the axes keep the height that they had
    fig.set_size_inches(width, height + added)
    fig.set_layout_engine("constrained", rect=(0, 1 - share, 1, share))
    return -height, fig.dpi_scale_trans + ScaledTranslation(0, 1, fig.transFigure)  # type: ignore[arg-type]


def _lines(ax: Axes) -> float:
    """How many lines of text the panel's legend has in one column; a label of two lines stands apart from the next."""
    return sum(1 + 1.2 * label.count("\n") for label in ax.get_legend_handles_labels()[1])


def _look(table: Mapping[str, Look], kind: str) -> Look:
    if kind not in table:
        raise ValueError(f"kind={kind!r}: expected one of {', '.join(table)}")
    return table[kind]


def _lighter(color: str, shade: float) -> str:
    """The hexadecimal colour mixed with a share `shade` of white."""
    channels = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(c + shade * (255 - c)):02x}" for c in channels)


def _series(name: str, values: ArrayLike, length: int | None = None) -> np.ndarray:
    series = np.asarray(values, dtype=np.float64)
    if series.ndim != 1 or series.size == 0 or length not in (None, series.size):
        raise ValueError(f"{name} has shape {series.shape}: expected one axis of {length or 'some'} numbers")
    if not np.all(np.isfinite(series)):
        raise ValueError(f"{name} holds {series[~np.isfinite(series)][0]}: expected finite numbers")
    return series


def _versions() -> dict[str, str]:
    """Versions of what made the numbers and the picture; none of the packages is imported for it."""
    own = str(getattr(sys.modules["qtheory"], "__version__", "unknown"))
    return {"qtheory": own} | {name: version(name) for name in ("numpy", "numba", "matplotlib")}
