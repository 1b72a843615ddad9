import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory.theorems import Verdict
from qtheory.theorems.jeong2025 import _finite
from qtheory.theorems.jeong2025._finite import FiniteCase, samples_ergodic, samples_last, samples_simple
from qtheory.theorems.jeong2025.ergodic import THEOREM
from tests.theorems.checks import about, shipped, value

NOISE = st.sampled_from([0.0, 0.25, 1.0])


def test_shipped_instances():
    shipped(THEOREM)


@settings(max_examples=20)
@given(st.integers(2, 6), st.integers(40, 400), st.integers(0, 10**6), st.integers(5, 300), NOISE)
def test_shares_hold_on_drawn_data(n, samples, seed, steps, noise):
    for quantity in ("share", "start"):
        case = FiniteCase(
            name="drawn", quantity=quantity, n=n, samples=samples, data_seed=seed, steps=steps, label_noise=noise,
            starts=8,
        )  # fmt: skip
        assert THEOREM.check(case).verdict == (Verdict.HOLDS if case.pushes.epsilon_0 < 2 else Verdict.OUT_OF_SCOPE)


def test_shares_are_those_of_the_path():
    case = FiniteCase(name="x", quantity="share", samples=120, label_noise=1.0, starts=6, steps=50)
    burn = int(case.settled.max())
    rows = _finite.rows_on(case.follow(burn + 50, paths=True), burn + 50)[:, burn:]
    share = (_finite.vertices(6)[rows] != case.problem.teacher).mean(axis=1).max()
    assert THEOREM.check(case).measured.estimate == about(share)


def test_wrong_signs_of_averages_are_counted():
    # Outside the assumptions the averages can be wrong, and the measurement says so.
    case = FiniteCase(name="x", quantity="sign", samples=60, label_noise=1.5, data_seed=10, steps=3000)
    assert 1 < case.pushes.epsilon_0 < 2
    assert THEOREM.check(case).verdict == Verdict.OUT_OF_SCOPE
    assert THEOREM.measure(case, seed=0, failure=0.1).low > 0


def moment_bound(n, N, x, V, b, a):
    """The Bernstein bound on epsilon_0 of the note, in the norm ||v||_2 = 1, B / s = sqrt(2 pi n) / a."""
    return math.sqrt(2 * math.pi * n) / a * (math.sqrt(2 * V * x / N) + b * x / N)


@settings(max_examples=50)
@given(st.integers(1, 200), st.floats(1e-9, 0.999), st.floats(1, 50), st.sampled_from([0.25, 0.5, 1.0]))
def test_so_many_samples_suffice_for_bernstein(n, delta, kappa, level):
    x = n * math.log(2) + math.log(n / delta)
    N = samples_ergodic(n, delta, kappa=kappa, ste="relu", level=level)
    assert moment_bound(n, N, x, 0.5 * kappa**2, kappa, 0.5) <= level * (1 + 1e-12)
    N = samples_ergodic(n, delta, kappa=kappa, level=level)
    either = moment_bound(n, N, x, kappa**2, kappa, 1), moment_bound(n, N, x, 3, 2, 1)
    assert min(either) <= level * (1 + 1e-12)
    N = samples_simple(n, delta, kappa=kappa)
    either = moment_bound(n, N, x, kappa**2, kappa, 1), moment_bound(n, N, x, 3, 2, 1)
    assert min(either) <= 1 / n * (1 + 1e-12)


@settings(max_examples=50)
@given(st.integers(1, 120), st.floats(1e-9, 0.999), st.floats(1, 50), st.sampled_from([1.0, 0.5]))
def test_so_many_samples_suffice_at_every_distance(n, delta, kappa, a):
    N = samples_last(n, delta, kappa=kappa, ste="identity" if a == 1 else "relu")
    moments = [lambda p: (2 * a * p * n * kappa**2, math.sqrt(n) * kappa)]
    if a == 1:
        moments.append(lambda p: (5 * p * n, 4 * math.sqrt(n / p)))
    assert min(chance(n, N, a, moment) for moment in moments) <= delta


def chance(n, N, a, moment):
    """The union bound of the note over subsets and vertices, for the best exponents that V and b allow."""
    total = 0.0
    for d in range(1, n + 1):
        V, b = moment(2 / math.pi * math.asin(min(1.0, math.sqrt(d / n))))
        level = d * a / math.sqrt(2 * math.pi * n)
        exponent = N * V / b**2 * (1 + b * level / V - math.sqrt(1 + 2 * b * level / V))
        count = math.lgamma(n + 1) - math.lgamma(d + 1) - math.lgamma(n - d + 1) + n * math.log(2)
        total += math.exp(count - exponent)
    return total


def test_a_hundred_times_fewer_samples_do_not_suffice():
    case = FiniteCase(name="x", quantity="probability", samples=samples_ergodic(6, 0.5) // 100, trials=40)
    missed = _finite.failing(case, lambda found: found.epsilon_0 > 0.5, seed=1, failure=1e-9)
    assert missed.low > 0.5


def test_kappa():
    kind: dict = {"quantity": "share", "m": 3, "samples": 20}
    assert _finite.kappa_of(FiniteCase(name="x", output_weights=(1.0, 1.0, 1.0), **kind).problem) == about(3.0)
    assert _finite.kappa_of(FiniteCase(name="x", output_weights=(1.0, -0.5, 0.0), **kind).problem) == about(
        1.5**2 / 1.25
    )


@pytest.mark.parametrize(("change", "message"), [
    ({"n": 0}, "n must be at least 1"), ({"delta": 0}, "delta must be greater than 0"),
    ({"delta": 1}, "delta must be less than 1"), ({"kappa": 0.5}, "kappa must be at least 1"),
    ({"ste": "clipped"}, "ste must be identity or relu"), ({"level": 0.3}, "level must be one of 0.25, 0.5, 1.0"),
])  # fmt: skip
def test_bad_input(change, message):
    with pytest.raises(ValueError, match=message):
        samples_ergodic(**{"n": 5, "delta": 0.1, **change})


def test_the_identity_does_not_mind_how_many_units():
    assert samples_ergodic(10, 0.1, kappa=2) == samples_ergodic(10, 0.1, kappa=100)
    assert samples_ergodic(10, 0.1, kappa=4, ste="relu") > 15 * samples_ergodic(10, 0.1, ste="relu")


def test_the_drift_is_that_of_the_mean():
    # epsilon has mean 0 at every vertex: over many data sets its average stays within six standard errors.
    case = FiniteCase(name="x", quantity="share", n=4, samples=200, m=2, activation="sign", ste="relu")
    drawn = np.array([_finite.perturbation(case.draw(k)) for k in range(150)])
    error = drawn.std(axis=0, ddof=1) / math.sqrt(150)
    assert (abs(drawn.mean(axis=0)) <= 6 * error + 1e-12).all()
    teacher = _finite.row_of(case.draw(0).teacher)
    assert not drawn[0, teacher].any() and drawn[0].any()


def test_the_share_is_not_far_from_its_bound():
    assert value(THEOREM, "few samples, much noise, share").slack.estimate > 0.5
