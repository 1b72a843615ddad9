import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory.statistics import share_interval
from qtheory.theorems.jeong2025 import _noise
from qtheory.theorems.jeong2025._noise import NoiseCase, symmetric_design
from qtheory.theorems.jeong2025.noise_escape import THEOREM, predicted
from qtheory.two_layer import TwoLayer, recover
from tests.theorems.checks import shipped
from tests.theorems.jeong2025.plain_noise import gradient, walk


def test_shipped_instances():
    shipped(THEOREM)


@settings(max_examples=15)
@given(st.integers(0, 2**20), st.sampled_from(["identity", "relu", "clipped"]), st.sampled_from([1, 2]))
def test_the_first_stay_is_that_of_a_plain_loop(seed, ste, m):
    p = TwoLayer.draw(4, 64, m=m, label_noise=1.0, ste=ste, seed=seed)
    rng = np.random.default_rng(seed)
    u0 = p.teacher * rng.integers(1, 64, 4) / 32  # on a lattice: all is exact, and multiples of the step occur
    length = 4 * 64
    right = (walk(p, u0, 1.0, length) == p.teacher).all(axis=1)
    stay = length if right.all() else int(np.argmin(right))
    total = gradient(p, p.teacher.astype(float))
    if not (total * p.teacher > 0).any():
        assert stay == length
    else:
        unit = p.lattice.gradient
        whole = np.rint(u0 * p.samples / unit).astype(int), np.rint(total / unit).astype(int)
        assert stay == min(predicted(*whole, p.teacher.astype(int)), length)


@pytest.mark.parametrize(("teacher", "expected"), [(1, 4), (-1, 3)])
def test_a_latent_weight_that_meets_zero_by_hand(teacher, expected):
    # y = 3, rho = 1: after three steps u = 0, which is right for w* = +1 and wrong for w* = -1.
    assert predicted(np.array([3 * teacher]), np.array([teacher]), np.array([teacher])) == expected


def test_without_label_noise_there_is_no_recurrence():
    p = TwoLayer.draw(16, 512, seed=3)
    run = recover(p, start=np.vstack([p.teacher, 0.1 * p.teacher, -p.teacher]), steps=5000)
    assert (run.escapes == 0).all() and (run.hit[:2] == 0).all()
    noisy = TwoLayer(p.features, p.teacher, p.output_weights, np.random.default_rng(0).standard_normal(512))
    assert (recover(noisy, start=p.teacher.astype(float), steps=5000).escapes > 0).all()


def test_noise_that_drives_every_coordinate_home_never_lets_go():
    p = symmetric_design(_noise.Fraction(-1, 3) * np.ones(3, int), (1, -1, 1))
    assert not _noise.noisy(p).holds
    assert recover(p, start=p.teacher.astype(float), steps=3000).distances[0, 0] == 3000


def test_every_step_size_gives_the_same_stays_in_units_of_the_start():
    p = TwoLayer.draw(6, 256, label_noise=0.5, seed=5)
    u0 = p.teacher * np.arange(1.0, 7.0)
    runs = [recover(p, start=u0 * eta, step=eta, steps=3000) for eta in (2.0**-6, 1.0, 2.0**6)]
    assert len({tuple(run.distances.ravel()) for run in runs}) == 1 and runs[0].escapes[0] > 0


def test_the_noise_cannot_escape_once_in_two_to_the_n():
    trials = 1500
    safe = sum(not _noise.noisy(TwoLayer.draw(2, 8, label_noise=1.0, seed=seed)).holds for seed in range(trials))
    found = share_interval(safe, trials, failure=1e-6)
    assert found.contains(1 / 4) and not found.contains(1 / 3) and not found.contains(1 / 6)


def test_a_window_without_a_finished_stay_is_refused():
    p = TwoLayer.draw(6, 256, label_noise=0.01, seed=5)
    with pytest.raises(ValueError, match="a window in which a stay"):
        THEOREM.check(NoiseCase(name="short", problem=p, steps=2, spread=1e3, at_teacher=True))
