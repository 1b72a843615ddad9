"""simulate as its callers see it: what is recorded, where runs start, Ctrl-C, progress, memory, and what is refused."""

import signal
import threading
import time
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from qtheory import simulate as simulation
from qtheory.exact import propagate
from qtheory.methods import BC, SGD, SR, R
from qtheory.problems import (
    Gaussian,
    Rademacher,
    SeparableQuadratic,
)
from qtheory.quantizers import Grid
from qtheory.schedules import InverseSqrt, InverseTime
from qtheory.simulate import STATISTICS, default_start, log_spaced, simulate

BOX = (-1.0, 1.0)
PROBLEM = SeparableQuadratic([0.5, 1.0, 2.0], [0.31, -0.52, 0.11], noise=Rademacher(0.6), box=BOX)
METHOD, SCHEDULE = SR(0.125), InverseTime(0.5)
SMOOTH = SeparableQuadratic([0.5, 1.0, 2.0], 0.3, noise=Gaussian(0.6))
LONG = 2**40  # steps that no test waits for


def run(**options):
    return simulate(PROBLEM, METHOD, SCHEDULE, **({"steps": 50, "trials": 40} | options))


# --- what is recorded


@given(st.integers(1, 10**9), st.integers(1, 300))
def test_log_spaced_steps_ascend_to_the_last(steps, count):
    t = log_spaced(steps, count)
    assert (np.diff(t) > 0).all() and t[-1] == steps and 1 <= t.size <= count
    assert t[0] == 1 or count == 1
    assert count < 3 or steps > 20 or np.array_equal(log_spaced(steps, 300), np.arange(1, steps + 1))


@pytest.mark.parametrize(
    ("record", "steps"),
    [(None, log_spaced(50)), (3, [1, 7, 50]), ([50, 2, 2, 1], [1, 2, 50]), (np.array([7], np.uint8), [7])],
)
def test_record(record, steps):
    ensemble = run(record=record)
    assert ensemble.steps.tolist() == list(steps)
    assert tuple(ensemble.values) == STATISTICS and ensemble.trials == 40
    for values in ensemble.values.values():
        assert values.shape == (len(steps), 40) and values.dtype == np.float64 and np.isfinite(values).all()


def test_what_is_recorded_does_not_depend_on_what_else_is():
    every, some = run(record=np.arange(1, 51)), run(record=[1, 17, 18, 50])
    for name in STATISTICS:
        assert np.array_equal(every.values[name][[0, 16, 17, 49]], some.values[name])


def test_summaries():
    ensemble = run(record=[5, 50])
    gaps = ensemble.values["gap"]
    np.testing.assert_allclose(ensemble.mean("gap"), gaps.sum(axis=1) / 40)
    np.testing.assert_allclose(ensemble.standard_error("gap"), gaps.std(axis=1, ddof=1) / 40**0.5)
    assert np.array_equal(ensemble.last("gap"), gaps[1])
    with pytest.raises(ValueError, match=r"name must be one of gap, average_gap, .*, got 'gaps'"):
        ensemble.mean("gaps")


def test_one_step_is_the_start_alone():
    ensemble = run(steps=1, start=np.full(3, 0.25), keep_final=True)
    gap = PROBLEM.value(np.full(3, 0.25)) - PROBLEM.closed_form()[1]
    assert ensemble.steps.tolist() == [1] and (ensemble.final == 0.25).all()
    for name in ("gap", "average_gap", "deployed_gap"):
        np.testing.assert_allclose(ensemble.values[name], gap, rtol=1e-14)
    for name in ("changed_step", "changed_start"):
        assert (ensemble.values[name] == 0).all()


def test_the_mean_iterate_can_be_left_out():
    values = run(average=False).values
    assert np.isnan(values["average_gap"]).all() and np.isfinite(values["gap"]).all()


def test_sampled_means_meet_the_exact_expectations():
    steps = [1, 2, 5, 20, 100]
    exact = propagate(PROBLEM, METHOD, SCHEDULE, steps=100, record=steps)
    sampled = run(steps=100, trials=20_000, record=steps, seed=3)
    z = stats.norm.isf(0.5e-9)
    for name, expected in (("gap", exact.gap), ("average_gap", exact.average_gap), ("distance", exact.distance)):
        away = np.abs(sampled.mean(name) - expected)
        assert (away <= z * sampled.standard_error(name) + 1e-12).all(), name
    other = propagate(replace(PROBLEM, noise=Rademacher(0.7)), METHOD, SCHEDULE, steps=100, record=steps)  # a control
    assert abs(sampled.mean("gap")[-1] - other.gap[-1]) > z * sampled.standard_error("gap")[-1]


# --- where it starts


@pytest.mark.parametrize(
    ("problem", "method", "expected"),
    [
        (PROBLEM, SGD(), 0.0),
        (PROBLEM, SR(Grid(2.0, 0.5)), 1.0),  # a tie at zero goes up
        (SeparableQuadratic([1.0], box=(0.5, 1.0)), R(0.25), 0.5),
        (SeparableQuadratic([1.0], box=(-1.0, -0.25)), BC(0.25), -0.25),
    ],
)
def test_the_default_start_is_the_point_nearest_to_zero(problem, method, expected):
    assert (default_start(problem, method) == expected).all()


def test_every_trial_may_have_a_start_of_its_own():
    start = np.linspace(-8, 8, 40).round()[:, None] / 8 * np.ones(3)
    ensemble = run(start=start, record=[1])
    np.testing.assert_allclose(
        ensemble.values["gap"][0], PROBLEM.value(start) - PROBLEM.closed_form()[1], rtol=1e-12, atol=1e-15
    )
    parts = [run(start=start[i:j], trials=j - i, first_trial=i, record=[50]) for i, j in ((0, 33), (33, 40))]
    whole = run(start=start, record=[50])
    assert np.array_equal(np.concatenate([part.last("gap") for part in parts]), whole.last("gap"))


@pytest.mark.parametrize("layout", ["read-only", "fortran", "big-endian", "strided", "float32", "integers", "list"])
def test_starts_of_any_layout_are_the_same(layout):
    start = np.ones((40, 3))
    start[::2] = -1
    given = {
        "read-only": start, "fortran": np.asfortranarray(start), "big-endian": start.astype(">f8"),
        "strided": np.repeat(start, 2, axis=0)[::2], "float32": start.astype(np.float32),
        "integers": start.astype(int), "list": start.tolist(),
    }[layout]  # fmt: skip
    expected = run(start=start.copy())
    if layout == "read-only":
        given.setflags(write=False)
    assert np.array_equal(run(start=given).values["gap"], expected.values["gap"])


# --- precision


def test_single_precision_is_close_in_law_and_keeps_the_grid():
    single = run(precision="single", keep_final=True, trials=4000)
    double = run(keep_final=True, trials=4000)
    assert METHOD.grid.contains(single.final).all()
    spread = 6.2 * np.hypot(single.standard_error("gap"), double.standard_error("gap"))
    assert (np.abs(single.mean("gap") - double.mean("gap")) <= spread + 1e-6).all()


def test_single_precision_refuses_indices_that_it_cannot_hold():
    with pytest.raises(ValueError, match=r"precision='single' holds grid indices below 2\^24 only"):
        simulate(replace(PROBLEM, box=None), SR(2.0**-20), SCHEDULE, steps=9, start=[17, 0, 0], precision="single")


# --- progress and Ctrl-C


def test_progress_never_goes_back_and_ends_at_1():
    shares = []
    run(steps=600_000, trials=100, record=[1], progress=shares.append)
    assert shares == sorted(shares) and shares[-1] == 1.0 and len(shares) > 1 and shares[0] >= 0


def test_an_error_in_progress_ends_the_run():
    def fail(share):
        raise RuntimeError("stop")

    begin = time.monotonic()
    with pytest.raises(RuntimeError, match="stop"):
        run(steps=LONG, record=[1], progress=fail)
    assert time.monotonic() - begin < 30


def interrupt_when(condition):
    """A progress function that stands for Ctrl-C."""

    def progress(share):
        if condition(share):
            raise KeyboardInterrupt

    return progress


def test_ctrl_c_keeps_the_steps_that_every_trial_has_reached():
    record = 2 ** np.arange(41)
    whole = run(steps=64, trials=300, record=record[:5])  # compiles too, before the clock starts
    timer = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
    timer.start()
    try:
        ensemble = run(steps=LONG, trials=300, record=record, keep_final=True, threads=2)
    finally:
        timer.join()
    assert ensemble.interrupted and ensemble.trials == 300 and ensemble.final is None
    reached = ensemble.steps.size
    assert 4 < reached < 41 and np.array_equal(ensemble.steps, record[:reached])
    for name in STATISTICS:
        assert np.array_equal(ensemble.values[name][:5], whole.values[name][:5])
        assert np.isfinite(ensemble.values[name]).all()


def test_ctrl_c_keeps_whole_trials_where_there_are_any(monkeypatch):
    monkeypatch.setattr(simulation, "LANES", 32)
    steps = 300_000
    options = {"steps": steps, "record": [1, steps], "keep_final": True, "threads": 1}
    ensemble = run(trials=32 * 40, progress=interrupt_when(lambda share: share > 1 / 40), **options)
    assert ensemble.interrupted and 32 <= ensemble.trials < 32 * 40 and ensemble.trials % 32 == 0
    assert ensemble.steps.tolist() == [1, steps]
    first = run(trials=32, **options)
    assert not first.interrupted
    assert np.array_equal(ensemble.values["gap"][:, :32], first.values["gap"])
    assert np.array_equal(ensemble.final[:32], first.final)


def test_ctrl_c_goes_on_where_nothing_is_complete():
    with pytest.raises(KeyboardInterrupt):
        run(steps=LONG, record=[LONG], progress=interrupt_when(lambda share: True))


# --- memory


def peak(**options):
    """Bytes that a run holds at most."""
    run(**options)  # whatever is loaded or compiled once
    tracemalloc.start()
    try:
        run(**options)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_depend_on_steps():
    options = {"record": [1, 10], "trials": 256, "threads": 1}
    small, large = peak(steps=10, **options), peak(steps=20_000, **options)
    assert large < small + 20_000
    assert (
        peak(steps=1000, **(options | {"record": np.arange(1, 1001)})) > small + 1000 * 256 * 8 * 6
    )  # seen if it were


def test_buffers_of_a_block_are_freed_when_it_ends(monkeypatch):
    monkeypatch.setattr(simulation, "LANES", 32)
    options = {"record": [1], "steps": 2, "threads": 1}
    assert peak(trials=32 * 41, **options) < peak(trials=32, **options) + 40 * 32 * 8 * 6 * 6


def test_divergence_is_seen_as_infinite_gaps_not_as_an_error():
    ensemble = simulate(SMOOTH, SGD(), InverseSqrt(1e3), steps=2000, trials=3, record=[2000])
    assert not np.isfinite(ensemble.last("gap")).any()
