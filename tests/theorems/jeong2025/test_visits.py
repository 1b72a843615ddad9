import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory.theorems import Verdict
from qtheory.theorems.jeong2025 import _finite
from qtheory.theorems.jeong2025._finite import FiniteCase
from qtheory.theorems.jeong2025.visits import THEOREM, counted, history, longest
from qtheory.two_layer import TwoLayer
from tests.theorems.checks import about, shipped, value


def test_shipped_instances():
    shipped(THEOREM)


def plain_gradient(p, q):
    """The full-batch coarse gradient at one pattern, by NumPy alone."""
    heaviside = p.activation == "heaviside"
    pre, taught = p.features.astype(float) @ q, p.features.astype(float) @ p.teacher
    fire = (lambda x: (x > 0) * 1.0) if heaviside else (lambda x: np.where(x >= 0, 1.0, -1.0))
    residual = (fire(pre) - fire(taught)) @ p.output_weights - p.label_noise
    slope = {"identity": np.ones_like(pre), "relu": pre > 0, "clipped": (pre > 0) & (pre < 1)}[p.ste]
    return np.einsum("i,im,imn->n", residual, slope * p.output_weights, p.features.astype(float)) / p.samples


@pytest.mark.parametrize("kind", [{}, {"ste": "relu", "m": 3}, {"activation": "sign", "label_noise": 0.5, "m": 2}])
def test_perturbations_are_what_the_gradient_adds_to_the_drift(kind):
    p = TwoLayer.draw(4, 50, seed=5, **kind)
    for q, epsilon in zip(_finite.vertices(4), _finite.perturbation(p), strict=True):
        drift = p.speed * (q - p.teacher)
        assert -p.teacher * p.speed * epsilon + drift == about(plain_gradient(p, q), abs=1e-12)


def test_vertices_and_their_rows():
    q = _finite.vertices(5)
    assert len({tuple(row) for row in q}) == 32 and set(q.ravel()) == {-1, 1}
    assert (_finite.row_of(q) == np.arange(32)).all()
    with pytest.raises(ValueError, match=r"n must be between 1 and 14, got 15"):
        _finite.vertices(15)


def test_histories_are_those_of_a_plain_loop():
    case = FiniteCase(name="drawn", quantity="count", samples=40, starts=5, steps=60, label_noise=0.5, data_seed=2)
    wrong, epsilon, y = history(case)
    p, s = case.problem, case.speed
    for r, u in enumerate(case.latents):
        for t in range(wrong.shape[1]):
            q = np.where(u >= 0, 1, -1)
            assert (wrong[r, t] == (q != p.teacher)).all()
            assert y[r, t] == about(p.teacher * u / (case.step * s), abs=1e-5)  # latents are rounded at the start
            g = plain_gradient(p, q)
            assert -p.teacher * (g - s * (q - p.teacher)) / s == about(epsilon[r, t], abs=1e-9)
            u = u - case.step * g


@settings(max_examples=25)
@given(
    st.integers(1, 6),
    st.integers(1, 60),
    st.integers(0, 10**6),
    st.floats(0.01, 3),
    st.sampled_from(["relu", "clipped"]),
)
def test_the_count_holds_for_every_data_set_and_every_s(n, samples, seed, s, ste):
    case: dict = {"quantity": "count", "n": n, "samples": samples, "data_seed": seed, "s": s, "ste": ste, "steps": 100}
    assert THEOREM.check(FiniteCase(name="drawn", label_noise=0.3, starts=4, **case)).verdict == Verdict.HOLDS


@settings(max_examples=25)
@given(st.integers(2, 6), st.integers(30, 300), st.integers(0, 10**6), st.sampled_from(["first", "floor", "stay"]))
def test_the_rest_holds_where_the_pushes_are_below_two(n, samples, seed, quantity):
    case = FiniteCase(name="drawn", quantity=quantity, n=n, samples=samples, data_seed=seed, starts=8)
    expected = Verdict.HOLDS if case.pushes.epsilon_0 < 2 else Verdict.OUT_OF_SCOPE
    assert THEOREM.check(case).verdict == expected


def test_counting_by_hand():
    # wrong at 0, 2 and 3, one coordinate; y starts at -1.5: J - 1 = 2 at the most, against (1.5 + 3 + 0) / 2
    wrong = np.array([True, False, True, True])[None, :, None]
    epsilon = np.array([0.5, -3.0, 0.25, 1.0])[None, :, None]
    y = np.array([-1.5, 1.0, -2.0, 0.25])[None, :, None]
    # windows [0, 3): 1 / (1.5 / 2 + 3 / 2); [0, 4): 2 over the same; [1, 4): 1 / (3 / 2); [2, 4): 1 / (2 / 2)
    assert counted(wrong, epsilon, y) == about(1.0)
    assert counted(wrong[:, :3], epsilon[:, :3], y[:, :3]) == about(2 / 4.5)
    assert longest(wrong) == 2


def test_the_bound_is_nearly_met():
    evidence = value(THEOREM, "Gaussian, count")
    assert evidence.measured.estimate > 0.99 * evidence.bound


def test_a_visit_can_last_two_steps_but_no_more_than_the_statement_says():
    found = []
    for seed in range(40):
        case = FiniteCase(name="x", quantity="stay", n=6, samples=60, label_noise=1.0, data_seed=seed, steps=400)
        if 1 < case.pushes.epsilon_0 < 2:
            evidence = THEOREM.check(case)
            assert evidence.verdict == Verdict.HOLDS
            found.append(evidence.measured.estimate)
    assert max(found) >= 2
