import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory.two_layer import TwoLayer, _lattice, laws, recover
from qtheory.two_layer import problem as module
from tests.two_layer import reference


def patterns(n, count, seed=0):
    return 1 - 2 * np.random.default_rng(seed).integers(0, 2, (count, n))


def half_window(x):
    return 0.5 if abs(x) < 2.0 else 0.1


@settings(max_examples=40)
@given(
    law=st.sampled_from(["gaussian", "rademacher", "lognormal", "student"]),
    activation=st.sampled_from(["heaviside", "sign"]),
    ste=st.sampled_from(list(reference.SLOPES)),
    n=st.integers(1, 7), samples=st.integers(1, 20), m=st.integers(1, 3),
    noise=st.sampled_from([0.0, 0.3]), seed=st.integers(0, 2**31),
)  # fmt: skip
def test_losses_and_gradients_are_those_of_rational_arithmetic(law, activation, ste, n, samples, m, noise, seed):
    v = np.random.default_rng(seed).uniform(0.1, 1, m)
    p = TwoLayer.draw(
        n, samples, m=m, law=law, activation=activation, ste=ste, output_weights=v, label_noise=noise, seed=seed
    )
    q = patterns(n, 5, seed)
    loss, gradient = p.loss(q), p.coarse_gradient(q)
    for i in range(5):
        exact_loss, exact = reference.evaluate(p, q[i])
        assert loss[i] == pytest.approx(float(exact_loss), rel=1e-12, abs=1e-300)
        assert list(gradient[i]) == [float(g * samples) / samples for g in exact]  # N g exactly, then one division


def test_the_teacher_explains_its_labels():
    p = TwoLayer.draw(9, 50, m=3, seed=1)
    assert p.loss(p.teacher) == 0
    assert not p.coarse_gradient(p.teacher).any()
    noisy = TwoLayer.draw(9, 50, m=3, label_noise=0.5, seed=1)
    assert noisy.loss(noisy.teacher) == np.mean(noisy.label_noise**2) / 2
    assert np.array_equal(noisy.output(p.teacher) + noisy.label_noise, noisy.labels)


@pytest.mark.parametrize("ste", ["identity", "relu"])
@pytest.mark.parametrize("activation", ["heaviside", "sign"])
def test_gaussian_gradients_are_near_their_mean(activation, ste):
    p = TwoLayer.draw(12, 200_000, m=2, output_weights=[1.0, -0.5], activation=activation, ste=ste, seed=3)
    q = patterns(12, 8)
    error = p.coarse_gradient(q) - p.speed * (q - p.teacher)
    assert np.abs(error).max() < 6 * 2 / math.sqrt(p.samples)  # a summand's deviation is below (sum |v|)^2 < 2.3


def test_batches_of_patterns_change_nothing(monkeypatch):
    p = TwoLayer.draw(70, 333, m=2, ste="relu", label_noise=0.2, seed=4)
    q = patterns(70, 40)
    together = p.coarse_gradient(q)
    assert np.array_equal(together, np.array([p.coarse_gradient(one) for one in q]))
    monkeypatch.setattr(module, "SLOTS", 1)  # one pattern at a time, each from the one before
    assert np.array_equal(together, p.coarse_gradient(q))
    monkeypatch.setattr(module, "BLOCK", 1)  # sixteen samples a block
    fresh = TwoLayer(p.features, p.teacher, p.output_weights, p.label_noise, ste="relu")
    assert fresh.layout.shape[0] == 21
    assert np.array_equal(together, fresh.coarse_gradient(q))


@pytest.mark.parametrize("n", [1, 63, 64, 65, 130])
@pytest.mark.parametrize("ste", ["identity", "relu"])
def test_packed_signs_give_what_real_features_give(n, ste, monkeypatch):
    p = TwoLayer.draw(n, 45, m=2, law="rademacher", ste=ste, label_noise=0.1, seed=n)
    q = patterns(n, 9)
    assert p.packed
    packed = p.coarse_gradient(q), p.loss(q)
    monkeypatch.setattr(TwoLayer, "packed", False)
    plain = TwoLayer(p.features, p.teacher, p.output_weights, p.label_noise, ste=ste)
    assert np.array_equal(plain.coarse_gradient(q), packed[0]) and np.array_equal(plain.loss(q), packed[1])


def test_a_users_estimator():
    p = TwoLayer.draw(6, 30, activation="sign", ste=half_window, seed=5)
    q = patterns(6, 4)
    r = p.output(q) - p.labels
    for i in range(4):
        x = p.features[:, 0] @ q[i].astype(np.float32)
        slope = np.where(np.abs(x) < 2, 0.5, round(0.1 * 256) / 256)
        assert p.coarse_gradient(q[i]) == pytest.approx((r[i] * slope) @ p.features[:, 0] / 30, rel=1e-12)
    with pytest.raises(ValueError, match="no known drift"):
        _ = p.speed


@pytest.mark.parametrize("law", ["gaussian", "rademacher"])
def test_gradients_of_a_users_estimator_are_exact_up_to_its_largest_value(law):
    def steep(x):
        return 8.0 if x > 0.5 else -7.99609375

    p = TwoLayer.draw(7, 40, m=3, law=law, output_weights=[1.0, 0.7, -0.9], ste=steep, label_noise=0.3, seed=1)
    back = TwoLayer(p.features[::-1], p.teacher, p.output_weights, p.label_noise[::-1], ste=steep)
    for q in patterns(7, 4):
        exact = reference.evaluate(p, q, steep)[1]
        assert list(p.coarse_gradient(q)) == [float(g * 40) / 40 for g in exact]
        assert np.array_equal(p.coarse_gradient(q), back.coarse_gradient(q))


@pytest.mark.parametrize("value", [-8.01, math.nan])
def test_other_values_of_a_users_estimator_are_refused(value):
    def wild(x):
        return value

    p = TwoLayer.draw(3, 20, ste=wild, seed=1)
    with pytest.raises(ValueError, match="ste must return numbers from -8 to 8"):
        p.coarse_gradient(-p.teacher)
    for more in ({}, {"batch": 4}):
        with pytest.raises(ValueError, match="ste must return numbers from -8 to 8"):
            recover(p, start=-p.teacher, steps=50, **more)


@pytest.mark.parametrize("scale", [1e-50, 1e-40, 1e40, 1e200, 5e-324])
def test_sizes_beyond_single_precision_are_refused(scale):
    z = np.sign(np.random.default_rng(0).standard_normal((64, 8)))
    with pytest.raises(ValueError, match="features must have a largest size in"):
        TwoLayer(scale * z, np.ones(8))
    with pytest.raises(ValueError, match="output_weights must have a largest size in"):
        TwoLayer(z, np.ones(8), [scale])


@pytest.mark.parametrize("scale", [2.0**-70, 2.0**70])
def test_a_power_of_two_on_features_or_weights_changes_a_gradient_by_its_unit_only(scale):
    z, q = np.random.default_rng(0).standard_normal((64, 8)), np.array([1, 1, 1, -1, 1, -1, -1, 1])
    base = TwoLayer(z, np.ones(8)).coarse_gradient(q)
    assert base.any()
    assert np.array_equal(TwoLayer(scale * z, np.ones(8)).coarse_gradient(q), scale * base)
    assert np.array_equal(TwoLayer(z, np.ones(8), [scale]).coarse_gradient(q), scale**2 * base)


def test_powers_of_two_are_those_below():
    for x in (1.0, 3.0, 2.0**-1074, math.nextafter(1024, 0)):
        assert _lattice.power(x) <= x < 2 * _lattice.power(x)


def test_data_take_no_more_memory_than_is_said():
    tracemalloc.start()
    _ = TwoLayer.draw(64, 10_000).layout
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 1.02 * module.PER_ENTRY * 640_000


def test_a_given_teacher_changes_nothing_else():
    p = TwoLayer.draw(6, 30, seed=3)
    assert np.array_equal(TwoLayer.draw(6, 30, seed=3, teacher=p.teacher).features, p.features)
    assert np.array_equal(TwoLayer.draw(6, 30, seed=3, teacher=-p.teacher).features, p.features)


def test_features_are_rounded_a_little():
    z = np.random.default_rng(0).standard_normal((100, 2, 30))
    p = TwoLayer(z, np.ones(30))
    assert np.abs(p.features - z).max() <= p.lattice.features / 2 <= 2.0**-15
    assert (np.abs(p.features).sum(-1) / p.lattice.features).max() < 2**24
    assert np.array_equal(p.features / p.lattice.features, np.rint(p.features / p.lattice.features))


@pytest.mark.parametrize("law", list(laws.LAWS))
def test_laws_and_standardization(law):
    p = TwoLayer.draw(20, 4000, law=law, standardize=True, seed=6)
    rows = p.features.reshape(-1, 20).astype(float)
    assert np.abs(rows.mean(0)).max() < 1e-3 and np.abs(rows.std(0) - 1).max() < 1e-3
    again = TwoLayer.draw(20, 4000, law=law, standardize=True, seed=6)
    assert np.array_equal(again.features, p.features) and np.array_equal(again.teacher, p.teacher)
    other = TwoLayer.draw(20, 4000, law=law, standardize=True, seed=7)
    assert not np.array_equal(other.features, p.features)


def test_moments_of_the_laws():
    moments = {"uniform": (0.5, 1 / 12), "exponential": (1, 1), "shifted": (3, 1), "rademacher": (0, 1)}
    for law, (mean, variance) in moments.items():
        x = laws.LAWS[law](np.random.default_rng(1), (50_000, 1, 4))
        assert x.mean() == pytest.approx(mean, abs=0.02) and x.var() == pytest.approx(variance, rel=0.03)
    x = laws.scales(np.random.default_rng(1), (50_000, 1, 3))
    assert x.std((0, 1)) == pytest.approx(np.exp([-1.5, 0, 1.5]), rel=0.02)


def test_inputs_of_any_layout():
    z = np.random.default_rng(2).standard_normal((8, 2, 5))
    p = TwoLayer(z, np.ones(5))
    q = patterns(5, 3)
    swapped, readonly = z.astype(">f8"), z.copy()
    readonly.setflags(write=False)
    for other in (np.asfortranarray(z), swapped, readonly, np.repeat(z, 2, axis=0)[::2]):
        before = other.copy()
        assert np.array_equal(TwoLayer(other, np.ones(5, bool)).coarse_gradient(q[:, ::1]), p.coarse_gradient(q))
        assert np.array_equal(before, other)
    with pytest.raises(ValueError, match="read-only"):
        p.features[0] = 0


ONES, NEEDED = np.ones((4, 3)), module.PER_ENTRY * 10**12
FITS = module.MEMORY // (module.PER_ENTRY * 1000)
BAD = [
    (lambda: TwoLayer(np.ones(3), np.ones(3)), "shape"),
    (lambda: TwoLayer(np.ones((0, 1, 3)), np.ones(3)), "empty"),
    (lambda: TwoLayer(np.ones((4, 0)), np.ones(0)), "empty"),
    (lambda: TwoLayer(np.full((4, 3), np.nan), np.ones(3)), "finite"),
    (lambda: TwoLayer(np.full((4, 3), np.inf), np.ones(3)), "finite"),
    (lambda: TwoLayer(np.zeros((4, 3)), np.ones(3)), "all be 0"),
    (lambda: TwoLayer(np.ones((4, 3), complex), np.ones(3)), "real"),
    (lambda: TwoLayer(ONES, np.ones(2)), "teacher must have shape"),
    (lambda: TwoLayer(ONES, [1, 0, 1]), "teacher must hold -1 and 1 only, got 0"),
    (lambda: TwoLayer(ONES, [1, np.nan, 1]), "teacher must be finite"),
    (lambda: TwoLayer(ONES, np.ones(3), [0.0]), "output_weights must not all be 0"),
    (lambda: TwoLayer(ONES, np.ones(3), [1.0, 2.0]), "output_weights must have shape"),
    (lambda: TwoLayer(ONES, np.ones(3), None, [1.0]), "label_noise must have shape"),
    (lambda: TwoLayer(ONES, np.ones(3), None, [1, 1, 1, 1e9]), "no exact"),
    (lambda: TwoLayer(ONES, np.ones(3), activation="relu"), "activation must be one of heaviside, sign, got 'relu'"),
    (lambda: TwoLayer(ONES, np.ones(3), ste="sign"), "ste must be one of"),
    (lambda: TwoLayer.draw(0, 5), "n must be at least 1, got 0"),
    (lambda: TwoLayer.draw(5, 0), "samples must be at least 1, got 0"),
    (lambda: TwoLayer.draw(5, 2.5), "samples must be an integer"),
    (lambda: TwoLayer.draw(5, 5, m=0), "m must be at least 1"),
    (lambda: TwoLayer.draw(5, 5, law="cauchy"), "law must be one of"),
    (lambda: TwoLayer.draw(5, 5, law=lambda rng, shape: np.zeros(3)), "the law's features must have shape"),
    (lambda: TwoLayer.draw(5, 5, law=3), "law must be a name or a function"),
    (lambda: TwoLayer([[1.0, 2.0], [1.0]], np.ones(2)), "features must be an array of real numbers"),
    (lambda: TwoLayer.draw(5, 5, label_noise=-1.0), "label_noise"),
    (lambda: TwoLayer.draw(5, 5, seed=-1), "seed"),
    (lambda: TwoLayer.draw(1000, 10**9), f"need about {NEEDED / 2**30:.1f} GiB.*at most {FITS} samples fit"),
    (lambda: TwoLayer.draw(65, 10, law="digits"), "64 features"),
    (lambda: TwoLayer.draw(5, 1, standardize=True), "feature 0 is constant over the 1 rows"),
    (lambda: TwoLayer(ONES, np.ones(3)).loss(np.zeros(3)), "q must hold -1 and 1 only, got 0"),
    (lambda: TwoLayer(ONES, np.ones(3)).coarse_gradient(np.ones(4)), "q must have shape"),
    (lambda: TwoLayer(ONES, np.ones(3)).output(["a"] * 3), "q must have shape"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_features_too_uneven_for_exact_sums():
    rows = np.concatenate([np.ones((3000, 3)), [[1e3, 1, 1]]])
    assert TwoLayer(rows, np.ones(3)).lattice.features < 1e-3
    rows[-1, 0] = 1e8  # beside which the others would vanish
    with pytest.raises(ValueError, match="features of median size 1 would have to be rounded to multiples of 8 "):
        TwoLayer(rows, np.ones(3))


def test_default_weights_are_of_norm_about_one():
    for m in range(1, 40):
        assert 2**-0.5 <= np.linalg.norm(module.equal_weights(m)) <= 2**0.5 + 1e-12


def test_standardization_names_constant_features():
    z = np.random.default_rng(0).standard_normal((10, 1, 4))
    z[..., 2] = 7.3
    with pytest.raises(ValueError, match="feature 2 is constant over the 10 rows"):
        laws.standardized(z)
