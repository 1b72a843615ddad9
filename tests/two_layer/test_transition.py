"""Sample complexity: a batch of trials against a plain loop, and designs against planted transitions."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from qtheory import core
from qtheory.exponents import power_law
from qtheory.sweep import derived_seed
from qtheory.two_layer import problem, transition, trials
from qtheory.two_layer.transition import (
    BATCH,
    Setting,
    attempt,
    designed,
    locate,
    locate_all,
    samples_at,
    study,
    tally,
)
from qtheory.two_layer.trials import draw_one

SMALL = Setting(steps=200, seed=5)


# A batch


def plain(setting, n, samples, trial):
    """last, ergodic and spurious of one trial: every step of u <- u - eta g(sign u), in floating point."""
    data = draw_one(setting, n, samples, trial)
    seed = derived_seed({"seed": setting.seed, "n": n, "trial": trial}, "start")
    u = np.random.Generator(np.random.Philox(seed)).standard_normal(n)
    eta, total, reached = setting.rate / (2 * data.speed), np.zeros(n), False
    for t in range(setting.steps + 1):
        q = np.where(u >= 0, 1, -1)
        reached |= bool((q == data.teacher).all())
        if t == setting.steps:
            break
        total += q * (t >= setting.steps // 2)
        z = data.features[:, 0].astype(float)
        r = (z @ q > 0) * data.output_weights[0] - data.labels
        u = u - eta * data.output_weights[0] * (r @ z) / samples
    spurious = data.loss(q) == 0 and not (q == data.teacher).all()
    return [int(reached), int((np.sign(total) == data.teacher).all()), int(spurious)]


@pytest.mark.parametrize(("n", "samples"), [(6, 4), (6, 12), (12, 12), (12, 40)])
@pytest.mark.parametrize("rate", [0.1, 0.7])
def test_a_batch_is_a_plain_loop(n, samples, rate):
    setting = Setting(steps=60, seed=1, rate=rate)
    expected = np.sum([plain(setting, n, samples, trial) for trial in range(8, 16)], axis=0)
    found = attempt(setting.task(n, samples, 1))
    assert [found[key] for key in ("last", "ergodic", "spurious")] == expected.tolist()


def test_all_three_kinds_of_trials_are_met():
    totals = [attempt(SMALL.task(8, samples, 0)) for samples in (4, 12, 30)]
    assert {key: sum(t[key] for t in totals) > 0 for key in totals[0]} == dict.fromkeys(totals[0], True)
    assert all(t["last"] + t["spurious"] <= t["trials"] == BATCH for t in totals)
    assert totals[0]["last"] < totals[2]["last"]


def test_a_trial_depends_on_its_number_and_not_on_its_batch():
    whole = attempt(SMALL.task(8, 12, 0, 6))
    parts = [attempt(SMALL.task(8, 12, batch, 2)) for batch in range(3)]
    assert whole == {key: sum(part[key] for part in parts) for key in whole}


def test_other_settings_see_the_same_data():
    one, two = (draw_one(s, 8, 20, 3) for s in (SMALL, Setting(steps=9, seed=5, rate=1.0, ste="relu")))
    np.testing.assert_array_equal(one.features, two.features)
    np.testing.assert_array_equal(one.teacher, two.teacher)
    for other in (draw_one(SMALL, 8, 20, 4), draw_one(Setting(steps=200, seed=6), 8, 20, 3)):
        assert (one.features != other.features).any()


@pytest.mark.parametrize("more", [{"m": 2}, {"ste": "relu"}, {"activation": "sign"}, {"law": "rademacher"}])
def test_with_plenty_of_samples_every_setting_recovers(more):
    found = attempt(Setting(steps=600, seed=2, **more).task(4, 4000, 0))
    assert (found["last"], found["ergodic"], found["spurious"]) == (BATCH, BATCH, 0)


# Designs


def planted(settings):
    """Probit curves with N50 = 3 n^1.5 (last) and n^1.2 (ergodic), slope 2.5, drawn from the settings."""
    counts = []
    for target, middle in (("last", 3 * settings["n"] ** 1.5), ("ergodic", settings["n"] ** 1.2)):
        z = 2.5 * math.log(settings["samples"] / middle)
        rng = np.random.default_rng(derived_seed(settings, target))
        counts.append(int(rng.binomial(settings["trials"], 0.5 * math.erfc(-z / math.sqrt(2)))))
    return {"trials": settings["trials"], "last": counts[0], "ergodic": counts[1], "spurious": 0}


@pytest.fixture
def plant(monkeypatch):
    monkeypatch.setattr(transition, "attempt", planted)


@pytest.mark.parametrize(("target", "factor", "exponent"), [("last", 3.0, 1.5), ("ergodic", 1.0, 1.2)])
def test_a_planted_transition_and_its_exponent_are_found(plant, tmp_path, target, factor, exponent):
    sizes = [16, 32, 64, 128, 256]
    found = locate_all(sizes, target=target, budget=200, failure=1e-3, folder=tmp_path)
    assert [f.tally.n for f in found] == sizes and {f.target for f in found} == {target}
    n50 = [f.curve.n50 for f in found]
    for n, f in zip(sizes, found, strict=True):
        true = factor * n**exponent
        assert f.curve.n50.contains(true) and f.curve.n50.high < 1.5 * f.curve.n50.low
        near = np.abs(np.log2(f.tally.samples / true)) <= 1
        assert f.tally.trials[near].sum() > 0.75 * f.tally.trials.sum()  # they go where the transition is
    law = power_law(sizes, n50, failure=1e-3)
    assert law.exponent.contains(exponent) and law.exponent.width < 0.3
    assert not law.exponent.contains(exponent + 0.3)


def test_a_design_keeps_its_budget_and_goes_on_with_a_larger_one(plant, tmp_path):
    short, long = (designed([32], budget=b, folder=tmp_path) for b in (64, 160))
    assert long[: len(short)] == short
    for tasks, budget in ((short, 64), (long, 160)):
        assert budget <= BATCH * len(tasks) < budget + 3 * BATCH
    assert len({(t["samples"], t["first"]) for t in long}) == len(long)  # no trial twice


def test_a_design_depends_neither_on_processes_nor_on_its_neighbours(tmp_path):
    alone = locate(6, budget=48, setting=SMALL, folder=tmp_path / "a")
    both = locate_all([6, 9], budget=48, setting=SMALL, folder=tmp_path / "b", jobs=2)
    assert both[0].curve.n50 == alone.curve.n50
    for name in ("samples", "trials", "last", "ergodic", "spurious"):
        np.testing.assert_array_equal(getattr(both[0].tally, name), getattr(alone.tally, name))
    kept = [{p.name: p.read_bytes() for p in (tmp_path / f).rglob("*.json")} for f in "ab"]
    assert kept[0].items() <= kept[1].items()


def never(settings):
    return {"trials": settings["trials"], "last": 0, "ergodic": 0, "spurious": 0}


def test_a_transition_that_is_not_met_has_no_upper_end(monkeypatch, tmp_path):
    monkeypatch.setattr(transition, "attempt", never)
    found = locate(16, budget=80, folder=tmp_path)
    assert found.curve.n50.high == math.inf
    assert found.curve.n50.low == pytest.approx(found.tally.samples[-1], rel=1e-3)


def test_counts_add_up_and_a_task_counts_once():
    tasks = [SMALL.task(6, 12, b) for b in range(3)] + [SMALL.task(6, 5, 0), SMALL.task(4, 9, 0)]
    results = [{"trials": BATCH, "last": b, "ergodic": 2 * b, "spurious": 1} for b in range(3)]
    results += [{"trials": BATCH, "last": 7, "ergodic": 8, "spurious": 0}] * 2
    four, six = tally([*tasks, tasks[1]], [*results, results[1]])
    assert (four.n, six.n) == (4, 6)
    assert (six.samples.tolist(), six.trials.tolist()) == ([5, 12], [BATCH, 3 * BATCH])
    assert (six.last.tolist(), six.ergodic.tolist(), six.spurious.tolist()) == ([7, 3], [8, 6], [0, 3])
    assert six.curve("last", 0.1).successes.tolist() == [7, 3]


@pytest.mark.parametrize("change", [{"seed": 6}, {"rate": 0.2}, {"trials": 4}])
def test_tasks_of_different_settings_are_not_added(change):
    task, result = SMALL.task(6, 12, 0), {"trials": BATCH, "last": 1, "ergodic": 2, "spurious": 1}
    with pytest.raises(ValueError, match="tasks must be of one setting"):
        tally([task, task | change], [result] * 2)


def test_a_design_at_a_small_dimension_tries_each_sample_size_under_one_level(plant, tmp_path):
    tasks = designed([1], budget=160, folder=tmp_path)
    assert len(tasks) == len({(t["samples"], t["first"]) for t in tasks}) >= 20


def test_the_version_of_the_results_is_made_of_what_a_trial_runs(monkeypatch, tmp_path):
    """Of every module of ours whose functions a trial calls."""
    called, root = set(), str(Path(transition.__file__).parent.parent)
    code = {str(m.__file__) for m in transition.SOURCES} | {str(Path(core.compile.__file__))}
    sys.setprofile(lambda frame, event, _: called.add(frame.f_code.co_filename) if event == "call" else None)
    try:
        attempt(Setting(steps=2).task(3, 5, 0))
    finally:
        sys.setprofile(None)
    mine = {name for name in called if name.startswith(root)}
    assert str(trials.__file__) in mine
    assert {Path(name).name for name in mine - code} <= {"_check.py", "_files.py"}  # which change no number


def test_levels_are_different_sizes_from_eight_on():
    sizes = [samples_at(k) for k in range(8, 80)]
    assert sizes[0] == 4 and len(set(sizes)) == len(sizes) == 72
    assert samples_at(40) == 1024


# What is refused


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"m": 0}, "m must be"),
        ({"steps": 1}, "steps"),
        ({"rate": 0.0}, "rate"),
        ({"seed": -1}, "seed"),
        ({"law": "cauchy"}, "law must be one of"),
        ({"law": abs}, "law"),
        ({"activation": "tanh"}, "activation"),
        ({"ste": "clipped"}, "ste|estimator"),
    ],
)
def test_bad_settings_are_refused(more, match):
    with pytest.raises(ValueError, match=match):
        Setting(**more)


@pytest.mark.parametrize(
    ("sizes", "more", "match"),
    [
        ([0], {}, "n must be"),
        ([4, 4], {}, "different dimensions"),
        ([4], {"target": "first"}, "target must be 'last' or 'ergodic'"),
        ([4], {"budget": 0}, "budget"),
        ([4], {"failure": 0.0, "budget": 8, "setting": Setting(steps=2)}, "failure"),
    ],
)
def test_bad_designs_are_refused(tmp_path, sizes, more, match):
    with pytest.raises(ValueError, match=match):
        locate_all(sizes, folder=tmp_path, **more)


def test_data_that_do_not_fit_into_memory_are_refused_before_they_are_drawn(tmp_path):
    needed = f"{problem.PER_ENTRY * 10**10 / 2**30:.2f}"
    with pytest.raises(ValueError, match=f"needs {needed} GiB of memory.*expected its samples = 1000000 divided into"):
        study(tmp_path).run([SMALL.task(10_000, 10**6, 0)])
    assert list(tmp_path.rglob("*.json")) == []
