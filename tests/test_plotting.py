"""Figures show their numbers, read well in grey, and come out byte for byte the same; `save` is all or nothing."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

import qtheory.plotting as plotting
from qtheory.plotting import BOUNDS, METHODS, bound, caption, curve, legend, panels, save, scaling, style
from qtheory.statistics import Interval, fit_slope

STEPS = np.geomspace(1, 1e4, 30)
MEAN = 1 / STEPS + 0.01
OKABE_ITO = {"#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"}

DRAW = """
import sys
import matplotlib
matplotlib.rcParams.update({"font.size": 30, "svg.hashsalt": sys.argv[2], "svg.fonttype": "none"})
import numpy as np
from qtheory.plotting import *
steps = np.geomspace(1, 1e4, 30)
with style():
    fig, [[ax]] = panels()
    curve(ax, steps, 1 / steps, 0.5 / steps, 2 / steps, "stochastic", "SR")
    bound(ax, steps, 3 / steps, "Theorem 1")
    ax.set(xscale="log", yscale="log", xlabel=r"steps $T$")
    legend(fig)
    caption(fig, "seed 0")
save(fig, {"mean": 1 / steps}, "sample", sys.argv[1], settings={"seed": 0})
"""


@pytest.fixture
def figure():
    with style():
        fig, [[ax]] = panels()
        FigureCanvasAgg(fig)
        yield fig, ax


def run(code, *arguments, **environment):
    folder = str(Path(plotting.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": folder} | environment
    done = subprocess.run([sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_does_not_import_matplotlib():
    assert run("import sys, qtheory.plotting; print('matplotlib' in sys.modules)").strip() == "False"


def test_style_is_complete_and_is_put_back(recwarn):
    before = dict(matplotlib.rcParams)
    with style():
        inside = dict(matplotlib.rcParams)
    assert dict(matplotlib.rcParams) == before and not recwarn.list
    assert inside["svg.fonttype"] == "path" and inside["svg.hashsalt"] == "qtheory"
    assert inside["font.sans-serif"] == ["DejaVu Sans"]  # comes with matplotlib, so it is on every machine


def test_every_method_has_its_own_colour_and_marker():
    assert set(METHODS) == {"SGD", "R", "SR", "BC stochastic", "BC nearest"}
    assert len({look.color for look in METHODS.values()}) == len({look.marker for look in METHODS.values()}) == 5
    assert {look.color for look in METHODS.values()} <= OKABE_ITO
    assert all(
        look.linestyle != "-" and look.color[1:3] == look.color[3:5] == look.color[5:] for look in BOUNDS.values()
    )


@pytest.mark.parametrize("kind", METHODS)
def test_curve_draws_its_numbers(figure, kind):
    _, ax = figure
    curve(ax, STEPS, MEAN, 0.9 * MEAN, 1.2 * MEAN, "name", kind)
    (line,), (band,) = ax.lines, ax.collections
    np.testing.assert_array_equal(line.get_xydata(), np.column_stack([STEPS, MEAN]))
    assert (line.get_label(), line.get_marker()) == ("name", METHODS[kind].marker)
    assert line.get_color().upper() == METHODS[kind].color
    corners = {tuple(point) for point in band.get_paths()[0].vertices}
    assert set(zip(STEPS, 0.9 * MEAN, strict=True)) | set(zip(STEPS, 1.2 * MEAN, strict=True)) <= corners


def test_shades_of_one_method(figure):
    _, ax = figure
    for shade in (0.0, 0.5):
        curve(ax, STEPS, MEAN, None, None, "name", "SR", shade=shade)
    assert [line.get_color() for line in ax.lines] == ["#d55e00", "#eaae80"] and not ax.collections


def test_bound_takes_a_curve_or_a_number(figure):
    _, ax = figure
    bound(ax, STEPS, 2 * MEAN, "Theorem 1")
    bound(ax, STEPS, 0.01, "floor", "floor")
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), 2 * MEAN)
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), np.full(30, 0.01))
    assert ax.lines[0].is_dashed() and ax.lines[1].is_dashed()


def test_scaling_lines_have_their_slopes_and_meet_in_the_centre(figure):
    _, ax = figure
    x = np.array([0.1, 0.2, 0.4, 0.8])
    y = 3 * x**1.9 * np.array([1.1, 0.9, 1.0, 1.05])
    fitted = fit_slope(x, y, failure=0.1)
    scaling(ax, x, [Interval(0.8 * v, 1.1 * v, v, 0.9, "t") for v in y], fitted, 2, label="SR", kind="SR")
    fit, points, theory = ax.lines[0], ax.lines[1], ax.lines[-1]
    for line, slope in ((fit, fitted.estimate), (theory, 2.0)):
        (a, b), (c, d) = np.log(line.get_xydata())
        assert (d - b) / (c - a) == pytest.approx(slope)
        assert np.interp(np.log(x).mean(), [a, c], [b, d]) == pytest.approx(np.log(y).mean())
    np.testing.assert_array_equal(points.get_xydata(), np.column_stack([x, y]))
    assert points.get_label().startswith("SR\nslope 1.") and points.get_label().endswith("predicted 2")
    assert theory.get_label() == "_predicted"
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    bars = np.sort([bar[:, 1] for bar in ax.collections[0].get_segments()], axis=0)
    np.testing.assert_allclose(bars, np.sort(np.column_stack([0.8 * y, 1.1 * y]), axis=0))


def test_scaling_without_a_fit(figure):
    scaling(figure[1], [1, 2], [Interval.exact(1), Interval.exact(2)], None, 1, label="two", kind="SGD")
    assert [line.get_label() for line in figure[1].lines if line.get_label()[0] != "_"] == ["two", "predicted slope 1"]


def test_legend_and_caption_hide_nothing(figure):
    """They lie inside the figure, one under the other, below the axes and its labels, whose height does not change."""
    fig, ax = figure
    curve(ax, STEPS, MEAN, None, None, "a method with a name", "SR")
    for kind in BOUNDS:
        bound(ax, STEPS, MEAN, kind, kind)
    ax.set(xlabel="steps $T$", ylabel=r"$F(w_T) - F^\star$", title="title")
    fig.canvas.draw()
    height = ax.get_window_extent().height
    legend(fig, 2)
    caption(fig, "A caption with $a + b = c$ and many more words than one line can hold. " * 3)
    fig.canvas.draw()
    axes, box, text = ax.get_tightbbox(), ax.get_legend().get_window_extent(), fig.texts[0].get_window_extent()
    assert ax.get_window_extent().height == pytest.approx(height, rel=0.02)
    assert axes.y0 > box.y1 and box.y0 > text.y1 and text.y0 > 0
    assert text.x0 > 0 and max(text.x1, box.x1) < fig.bbox.x1
    assert fig.texts[0].get_text().count("\n") >= 2 and "$a + b = c$" in fig.texts[0].get_text()


def test_legend_for_some_panels():
    with style():
        fig, [[left, right]] = panels(1, 2)
        bound(left, STEPS, 1.0, "bound")
        legend(fig, [1, 0])
    assert left.get_legend() is not None and right.get_legend() is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "Adam"}, "kind='Adam': expected one of SGD, R, SR"),
        ({"mean": MEAN[:-1]}, r"mean has shape \(29,\): expected one axis of 30"),
        ({"mean": np.full(30, np.nan)}, "mean holds nan"),
        ({"low": MEAN * 2}, "low <= mean <= high"),
        ({"high": None}, "expected both or neither"),
        ({"high": MEAN[:-1]}, r"high has shape \(29,\)"),
        ({"steps": []}, r"steps has shape \(0,\)"),
        ({"shade": 1.0}, "shade=1.0"),
    ],
)
def test_curve_bad_input_draws_nothing(figure, change, message):
    arguments = {"steps": STEPS, "mean": MEAN, "low": MEAN, "high": MEAN, "label": "name", "kind": "SR"} | change
    with pytest.raises(ValueError, match=message):
        curve(figure[1], **arguments)
    assert not figure[1].lines and not figure[1].collections


def test_bound_and_scaling_bad_input(figure):
    _, ax = figure
    with pytest.raises(ValueError, match="kind='SR': expected one of bound, floor, stated"):
        bound(ax, STEPS, MEAN, "name", "SR")
    with pytest.raises(ValueError, match="values holds inf"):
        bound(ax, STEPS, np.inf, "name")
    for x, low, message in (
        ([1, 2], 1.0, r"shape \(1,\)"),
        ([-1], 1.0, "positive"),
        ([1], -np.inf, "low of intervals"),
    ):
        with pytest.raises(ValueError, match=message):
            scaling(ax, x, [Interval(low, 3.0, 2.0, 0.9, "")], None, 1, label="name", kind="SR")
    assert not ax.lines


def test_figures_are_the_same_bytes_in_every_process(tmp_path):
    """Whatever the hash seed and the user's own settings; the numbers too."""
    for name in ("1", "2"):
        run(DRAW, str(tmp_path / name), f"salt {name}", PYTHONHASHSEED=name)
    for ending in ("svg", "json"):
        one, two = ((tmp_path / name / f"sample.{ending}").read_bytes() for name in ("1", "2"))
        assert one == two
    picture = (tmp_path / "1" / "sample.svg").read_text()
    assert ElementTree.fromstring(picture).tag.endswith("svg")
    assert "<text" not in picture and "date" not in picture and " \n" not in picture


@dataclass(frozen=True)
class Setting:
    delta: float
    levels: tuple[int, ...]


def test_saved_numbers_come_back(figure, tmp_path):
    data = {"mean": MEAN, "floor": np.float64(0.1), "slope": Interval.exact(2.0), "text": "[a,\n b]", "table": [[1, 2]]}
    settings = {"seed": 3, "grid": Setting(0.1, (1, 2)), "fast": True, "box": None}
    svg, numbers = save(figure[0], data, "some-name_1", tmp_path / "new" / "folder", settings=settings)
    assert sorted(path.name for path in svg.parent.iterdir()) == ["some-name_1.json", "some-name_1.svg"]
    record = json.loads(numbers.read_text())
    assert record["data"]["mean"] == MEAN.tolist() and record["data"]["floor"] == 0.1
    assert record["data"]["slope"] | {"type": "Interval", "estimate": 2.0} == record["data"]["slope"]
    assert record["data"]["text"] == "[a,\n b]" and record["data"]["table"] == [[1, 2]]
    assert record["settings"]["grid"] == {"type": "Setting", "delta": 0.1, "levels": [1, 2]}
    assert (record["figure"], record["seed"]) == ("some-name_1", 3)
    assert record["versions"]["numpy"] == np.__version__ and {"qtheory", "numba"} <= set(record["versions"])
    assert numbers.read_text().count("\n") < 60  # an array is a line, not a line for each number


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stem": "../up"}, "stem='../up': expected letters"),
        ({"stem": ""}, "stem=''"),
        ({"settings": {}}, "expected a 'seed'"),
        ({"data": {"a": {"b": [1.0, np.nan]}}}, "/data/a/b/1 is nan"),
        ({"data": {"a": np.array([np.inf])}}, "/data/a/0 is inf"),
        ({"data": {"a": object()}}, "/data/a is <object"),
        ({"settings": {"seed": 1j}}, "/seed is 1j"),
    ],
)
def test_save_bad_input_writes_nothing(figure, tmp_path, change, message):
    arguments = {"data": {}, "stem": "name", "settings": {"seed": 0}} | change
    with pytest.raises(ValueError, match=message):
        save(figure[0], folder=tmp_path / "new", **arguments)
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_written_is_named(figure, tmp_path):
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match=f"cannot write figure name into '{folder}'"):
            save(figure[0], {}, "name", folder, settings={"seed": 0})
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_failed_write_leaves_the_old_files_whole(figure, tmp_path, monkeypatch):
    paths = save(figure[0], {"a": 1}, "name", tmp_path, settings={"seed": 0})
    before = [path.read_bytes() for path in paths]

    def full(self, content):
        with open(self, "wb") as file:
            file.write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"cannot write figure name into .*No space left"):
        save(figure[0], {"a": 2}, "name", tmp_path, settings={"seed": 1})
    assert [path.read_bytes() for path in paths] == before and len(list(tmp_path.iterdir())) == 2
