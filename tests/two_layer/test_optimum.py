"""The least loss beside a plain loop, bounds beside the least loss, and what certifies what."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory.two_layer import TwoLayer
from qtheory.two_layer.optimum import _lp, _sides, counted, global_minimum, lower_bound

SIGNS = -1, 1


def draw(n=6, samples=12, m=1, noise=0.0, activation="heaviside", values=None, seed=0):
    """Few bits everywhere, so that NumPy's sums are exact too. values: what features are drawn from."""
    rng = np.random.default_rng(seed)
    shape = samples, m, n
    features = np.rint(256 * rng.standard_normal(shape)) / 256 if values is None else rng.choice(values, shape)
    v, teacher = np.rint(rng.standard_normal(m) * 16 + 40) / 32, rng.choice([-1, 1], n)
    return TwoLayer(features, teacher, v, np.rint(256 * noise * rng.standard_normal(samples)) / 256, activation)


def output(problem, q):
    pre = problem.features.astype(np.float64) @ q
    on = (pre > 0) if problem.activation == "heaviside" else 2.0 * (pre >= 0) - 1
    return on @ problem.output_weights


def loss(problem, q):
    return float(np.mean((output(problem, q) - problem.labels) ** 2) / 2)


def all_by_hand(problem):
    """Patterns in the order of the integers whose bit k is 1 where q_k = -1, and their losses."""
    patterns = [q[::-1] for q in itertools.product([1, -1], repeat=problem.n)]
    return np.array(patterns), np.array([loss(problem, np.array(q)) for q in patterns])


KINDS = [
    {},
    {"noise": 0.3},
    {"m": 3, "noise": 0.3},
    {"activation": "sign"},
    {"activation": "sign", "m": 2, "noise": 1.0},
    {"values": SIGNS, "samples": 5},
    {"values": SIGNS, "noise": 0.5},
    {"values": SIGNS, "noise": 0.5, "activation": "sign", "n": 8},
    {"n": 1, "samples": 1},
]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_minimum_is_that_of_a_plain_loop(kind, seed):
    problem = draw(**kind, seed=seed)
    patterns, losses = all_by_hand(problem)  # exact: sums of few multiples of 2^-18
    found = global_minimum(problem, keep=2**8)
    assert found.value == found.bound == losses.min() == problem.loss(found.patterns)[0]
    assert found.patterns.tolist() == patterns[losses == losses.min()].tolist()
    assert found.count == (losses == losses.min()).sum()
    own = loss(problem, problem.teacher)
    assert found.teacher == own and found.better == (losses < own).sum()
    assert found.spurious == (losses == 0).sum() - (own == 0)
    assert found.second == losses[losses > losses.min()].min(initial=math.inf)


def test_few_samples_leave_other_patterns_without_loss_and_many_do_not():
    few, many = draw(n=8, samples=3), draw(n=8, samples=400)
    assert global_minimum(few).spurious > 0 and global_minimum(many).spurious == 0
    assert global_minimum(many).patterns.tolist() == [many.teacher.tolist()]


def test_minimisers_are_kept_up_to_a_number():
    problem = draw(n=8, samples=3)
    found = global_minimum(problem, keep=2)
    assert found.count > 2 and found.patterns.shape == (2, 8) and found.patterns.dtype == np.int8
    assert all(loss(problem, q) == 0 for q in found.patterns)


def test_beyond_enumeration_the_teacher_is_its_own_certificate_unless_labels_are_noisy():
    found = global_minimum(draw(n=30, samples=50))
    assert (found.value, found.bound, found.count, found.spurious, found.second) == (0.0, 0.0, None, None, None)
    with pytest.raises(ValueError, match=r"n <= 20 or no label noise, got n = 30.*lower_bound"):
        global_minimum(draw(n=30, samples=50, noise=0.1))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("method", ["trivial", "lp", "mip"])
@pytest.mark.parametrize(
    "kind",
    [
        {"n": 8, "samples": 30, "noise": 1.0},
        {"n": 7, "samples": 30, "noise": 1.0, "activation": "sign"},
        {"n": 6, "samples": 40, "noise": 1.0, "values": SIGNS},
        {"n": 5, "samples": 40, "noise": 1.0, "values": SIGNS, "activation": "sign"},
        {"n": 12, "samples": 16, "noise": 1.0},
        {"n": 8, "samples": 30},
    ],
    ids=str,
)
def test_bounds_are_below_the_minimum_and_the_program_reaches_it(kind, method, seed):
    problem = draw(**kind, seed=seed)
    least, found = global_minimum(problem), lower_bound(problem, method, time_limit=60)
    assert found.trivial <= found.value <= least.value <= found.best == loss(problem, found.pattern)
    if method == "mip":
        assert found.best == least.value and found.gap <= 1e-6 * max(found.best, 1e-9)


def test_several_units_have_the_trivial_bound_and_it_is_that_of_subsets():
    problem = draw(n=4, samples=20, m=3, noise=1.0)
    outputs = [sum(s) for s in itertools.product(*((0, v) for v in problem.output_weights))]
    expected = np.mean([min((o - y) ** 2 for o in outputs) for y in problem.labels]) / 2
    assert lower_bound(problem).value == pytest.approx(expected, rel=1e-13)
    with pytest.raises(ValueError, match="m = 1 for method 'lp', got m = 3"):
        lower_bound(problem, "lp")


def test_without_noise_no_bound_leaves_a_gap():
    found = lower_bound(draw(n=64, samples=100, m=5))
    assert found.value == found.best == found.gap == 0


@given(st.integers(2, 7), st.integers(1, 30), st.sampled_from(["heaviside", "sign"]), st.booleans(), st.integers(0, 99))
@settings(max_examples=20)
def test_the_relaxation_gains_at_most_what_its_center_allows(n, samples, activation, signs, seed):
    problem = draw(n, samples, noise=1.0, activation=activation, values=SIGNS if signs else None, seed=seed)
    s = _sides(counted(problem))
    assert 0 <= _lp(s) <= (s.weight * s.margin / (s.reach + s.margin)).sum() + np.gcd.reduce(s.weight)


def test_the_relaxation_gains_something_for_signs_and_next_to_nothing_for_real_features():
    gains = {}
    for signs in (True, False):
        problem = draw(n=5, samples=200, noise=1.0, values=SIGNS if signs else None)
        found, least = lower_bound(problem, "lp"), global_minimum(problem)
        gains[signs] = (found.value - found.trivial) / (least.value - found.trivial)
    assert gains[True] > 0.1 and gains[False] < 0.01


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("activation", ["heaviside", "sign"])
@pytest.mark.parametrize("values", [(0, 2, 6, -2, 1), (0, 0, 4, 8), SIGNS], ids=str)
def test_a_halfspace_is_missed_just_where_its_price_is_paid(values, activation, seed):
    """Also where 0 is attained, for rows with a common factor, and for rows of zeros."""
    problem = draw(5, 40, noise=1.0, activation=activation, values=values, seed=seed)
    c = counted(problem)
    s = _sides(c)
    patterns, losses = all_by_hand(problem)
    inner = s.rows @ patterns.T  # (K, 2^n)
    right = inner >= s.margin[:, None]
    assert [c.loss(x) for x in s.constant + s.weight @ ~right] == losses.tolist()
    if values == SIGNS:
        assert (np.where(right, inner, np.inf).min(axis=1) == s.margin).all()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"features": np.full((2, 1, 3), [1e-7, 1.0, 3.0], np.float32)}, "features must lie on a lattice"),
        ({"labels": np.array([math.pi, 1.0])}, "labels and output_weights must lie on a lattice"),
    ],
)
def test_numbers_off_the_lattice_are_refused(change, match):
    good = draw(n=3, samples=2)
    problem = SimpleNamespace(**{k: getattr(good, k) for k in ("features", "output_weights", "labels", "activation")})
    assert counted(problem).target.shape == (2,)
    vars(problem).update(change)
    with pytest.raises(ValueError, match=match):
        counted(problem)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda p: global_minimum(p.features), "problem must be a problem such as TwoLayer.draw"),
        (lambda p: lower_bound(p.features), "problem must be a problem such as TwoLayer.draw"),
        (lambda p: lower_bound(p, "sdp"), "method must be 'trivial', 'lp' or 'mip', got 'sdp'"),
        (lambda p: lower_bound(p, "mip", time_limit=0), "time_limit must be greater than 0"),
        (lambda p: global_minimum(p, keep=0), "keep must be at least 1"),
        (lambda p: global_minimum(p, threads=0), "threads must be at least 1"),
    ],
)
def test_bad_arguments_are_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call(draw())
