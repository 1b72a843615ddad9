"""Soft weights and quantized activations: gradients by finite differences, limits, phases, and what they refuse."""

from dataclasses import replace

import numpy as np
import pytest

from qtheory.methods import QAT, SGD
from qtheory.networks import Layer, Network, QuantizedActivation, Settings, Sigmoids, Staircase, train
from qtheory.networks.passes import backward, cross_entropy, forward
from qtheory.networks.sigmoids import SoftWeights
from qtheory.surrogates import STE, Levels

STEP = 1e-6
LEVELS = [(-1, 1), (-1, 0, 1), (-4, -2, -1, 0, 1, 2, 4)]
each_levels = pytest.mark.parametrize("levels", LEVELS, ids=len)


def blobs(n=300, d=12, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=n)
    return rng.choice([-1.0, 1.0], (classes, d))[y] + 0.3 * rng.normal(size=(n, d)), y


def small(method, **more):
    return Settings(method, **({"hidden": (32, 16), "epochs": 6, "batch_size": 32, "deploy": "nearest"} | more))


def soft_weights(levels, real=np.float64, **more):
    start = np.random.default_rng(1).normal(size=(6, 40)).astype(real)
    return SoftWeights(Sigmoids(levels, **more), start, 0, 1, "sgd", {})


@each_levels
@pytest.mark.parametrize("epoch", [0, 4])
def test_soft_weights_are_the_quantization_function_and_move_by_its_derivatives(levels, epoch):
    mine = soft_weights(levels, slope=3.0)
    mine.begin(epoch)
    f, T = mine._function, 3.0 * (epoch + 1)
    assert mine.temperature == T and mine.w == pytest.approx(f.soft(mine.x, T), rel=1e-9, abs=1e-12)
    assert mine.deployed(True) == pytest.approx(f.hard(mine.x).reshape(6, 40))
    g, x, w = np.random.default_rng(2).normal(size=240), mine.x.copy(), mine.w.copy()
    scales, slopes = mine.scales.x.copy(), f.slope(mine.x, T)
    rule = Settings(SGD(), optimizer="sgd", momentum=0.0, precision="double").rule(1)
    mine.step(rule, 0.01, 1, g.reshape(6, 40))
    assert mine.x == pytest.approx(x - 0.01 * g * slopes, rel=1e-9, abs=1e-12)
    assert mine.scales.x == pytest.approx(scales - 0.01 * np.array([g @ w, (g * slopes) @ x]), rel=1e-9)
    assert np.abs(mine.scales.x - scales).min() > 0
    assert mine.w == pytest.approx(mine._function.soft(mine.x, T), rel=1e-9, abs=1e-12)


@each_levels
def test_single_precision_is_close_to_double_at_any_temperature(levels):
    mine = soft_weights(levels, np.float32, slope=400.0, cap=2000.0)
    for epoch in (0, 9):
        mine.begin(epoch)
        f = mine._function
        assert np.abs(mine.w - f.soft(mine.x, mine.temperature)).max() <= 2e-3 * f.values[-1]
        assert np.isfinite(mine.w).all()


def test_changes_are_those_of_hard_weights():
    mine = soft_weights((-1, 0, 1))
    rule = Settings(SGD(), optimizer="sgd", momentum=0.0, precision="double").rule(1)
    before = mine.deployed(True)
    mine.begin(3)
    counts = mine.step(rule, 0.5, 1, np.random.default_rng(0).normal(size=(6, 40)))
    changed = np.sign(before) != np.sign(mine.deployed(True))
    assert counts.tolist() == [changed.sum()] * 2 and 0 < changed.sum() < 240


def test_frozen_weights_are_hard_and_stay():
    mine = soft_weights((-1, 0, 1), frozen=True)
    w = mine.w.copy()
    assert len(np.unique(w)) == 3
    rule = Settings(SGD(), precision="double").rule(1)
    assert mine.step(rule, 1.0, 1, np.ones((6, 40))).tolist() == [0, 0] and np.array_equal(mine.w, w)


def test_linear_biases_are_midpoints():
    assert soft_weights((-3, -2, -1, 0, 1, 2, 3), linear=True).biases.tolist() == [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]
    assert soft_weights((-1, 0, 1)).biases.tolist() == [-0.05, 0.05]


def network_with_staircase(T, straight=False, rows=50):
    rng = np.random.default_rng(0)
    hidden = Layer(rng.normal(size=(3, 5)), rng.normal(size=5), rng.normal(1, 0.3, 5), np.zeros(5), np.ones(5))
    scales, biases = np.array([0.2, -0.3]), np.array([0.3, 0.9, 1.7])
    stairs = Staircase((0.0, 1.0, 2.0, 3.0), biases, scales, np.array([T]), straight)
    return Network((hidden._replace(staircase=stairs), Layer(rng.normal(size=(5, 3)), rng.normal(size=3))))


def test_gradients_through_a_soft_staircase_are_finite_differences():
    network, rng = network_with_staircase(4.0), np.random.default_rng(1)
    X, y = rng.normal(size=(50, 3)), rng.integers(3, size=50)
    scores, tape = forward(network, X)
    found = backward(network, tape, cross_entropy(scores, y)[1])[0]
    layer = network.layers[0]
    for array, gradient in (
        (layer.weight, found.weight),
        (layer.gain, found.gain),
        (layer.staircase.scales, found.scales),
    ):
        for index in np.ndindex(array.shape):
            before, losses = array[index], []
            for step in (STEP, -STEP):
                array[index] = before + step
                losses.append(cross_entropy(forward(network, X)[0], y)[0])
            array[index] = before
            assert gradient[index] == pytest.approx((losses[0] - losses[1]) / (2 * STEP), abs=1e-7, rel=1e-5)


def test_a_hard_staircase_passes_gradients_below_its_highest_value():
    stairs = network_with_staircase(np.inf, straight=True).layers[0].staircase
    alpha, beta = np.exp(stairs.scales)
    h = np.array([[0.0, 0.29 / beta, 0.31 / beta, 1.8 / beta, 2.99 * alpha, 3.01 * alpha, 50.0]])
    out = stairs(h)
    assert out == pytest.approx(alpha * np.array([[0, 0, 1, 3, 3, 3, 3]]))
    gradient, scales = stairs.backward(h, out, np.ones_like(h))
    assert gradient.tolist() == [[1, 1, 1, 1, 1, 0, 0]] and scales is None


@pytest.mark.parametrize("deploy", ["method", "nearest"])
@pytest.mark.parametrize("slope", [5.0, None])
def test_quantized_networks_learn(slope, deploy):
    X, y = blobs(600)
    stairs = QuantizedActivation((0, 1, 2, 3), slope)
    settings = small(Sigmoids((-1, 0, 1), 5.0), activations=stairs, epochs=15, deploy=deploy)
    network = train(settings, X[:300], y[:300]).network
    assert (network.scores(X[300:]).argmax(axis=1) == y[300:]).mean() > 0.95
    levels = [len(np.unique(layer.weight)) for layer in network.layers]
    assert (levels[:2] == [3, 3]) == (deploy == "nearest")
    assert [layer.staircase is not None for layer in network.layers] == [True, True, False]
    assert all(layer.staircase.hard == (slope is None or deploy == "nearest") for layer in network.layers[:2])


def test_a_resumed_run_is_the_run_that_never_stopped():
    (X, y), kept = blobs(), {}
    settings = small(Sigmoids((-1, 0, 1)), activations=QuantizedActivation((0, 1)), schedule="cosine")
    whole = train(settings, X, y, checkpoint=lambda epochs, arrays: kept.update({epochs: arrays}))
    final = {}
    again = train(settings, X, y, resume=kept[2], checkpoint=lambda _, arrays: final.update(arrays))
    assert final.keys() == kept[6].keys() and all(np.array_equal(final[name], kept[6][name]) for name in final)
    assert np.array_equal(whole.network.scores(X), again.network.scores(X))
    with pytest.raises(ValueError, match="resume"):
        train(settings, X, y, resume={k: v for k, v in kept[2].items() if k != "0.0.scales.x"})


@pytest.mark.parametrize("more", [{}, {"activations": QuantizedActivation((0, 1))}], ids=["weights", "staircase"])
def test_scales_that_diverge_are_an_error_that_names_the_rate(more):
    method = SGD() if more else Sigmoids((-1, 0, 1))
    with pytest.raises(ValueError, match=r"learning_rate must be smaller than 1e\+06"):
        train(small(method, learning_rate=1e6, **more), *blobs())


def test_linear_biases_need_a_weight_to_scale_by():
    start = {"0.0.x": np.zeros((12, 32))}
    with pytest.raises(ValueError, match="start must have weights other than 0"):
        train(small(Sigmoids((-1, 0, 1), linear=True)), *blobs(), start=start)


def test_the_soft_network_nears_the_hard_one_as_the_temperature_rises():
    X, y = blobs()
    apart = []
    for slope in (2.0, 20.0, 200.0):
        settings, kept = small(Sigmoids((-1, 0, 1), slope), epochs=1), {}
        hard = train(settings, X, y, checkpoint=lambda _, arrays, kept=kept: kept.update(arrays)).network
        soft = train(replace(settings, deploy="method"), X, y, resume=kept).network
        apart.append(np.abs(soft.layers[0].weight - hard.layers[0].weight).mean())
    assert apart[0] > 2 * apart[1] > 8 * apart[2]


def test_phases_keep_weights_scales_and_biases():
    X, y = blobs()
    first, second, third = {}, {}, {}
    weights, stairs = Sigmoids((-1, 0, 1)), QuantizedActivation((0, 1, 2, 3))
    train(small(weights, epochs=2), X, y, checkpoint=lambda _, a: first.update(a))
    frozen = small(replace(weights, frozen=True), epochs=2, activations=stairs)
    train(frozen, X, y, start=first, checkpoint=lambda _, a: second.update(a))
    for name in ("0.0.x", "0.0.biases", "0.0.scales.x"):
        assert np.array_equal(first[name], second[name])
    assert np.abs(second["0.3.x"]).max() > 0
    still = small(weights, epochs=1, activations=stairs, learning_rate=1e-12)
    train(still, X, y, start=second, checkpoint=lambda _, a: third.update(a))
    for name in ("0.0.x", "0.0.biases", "0.3.x", "0.staircase.biases"):
        assert third[name] == pytest.approx(second[name], abs=1e-6)
    with pytest.raises(ValueError, match="start must have 1 biases"):
        train(small(Sigmoids((-1, 1))), X, y, start=first)


def test_biases_and_levels_of_straight_through_networks():
    X, y = blobs()
    settings = small(QAT(STE(Levels.uniform(2))), activations=QuantizedActivation((0, 1), None))
    network = train(settings, X, y).network
    assert [len(np.unique(layer.weight)) for layer in network.layers[:2]] == [4, 4]
    h = np.maximum(np.random.default_rng(0).normal(size=(9, 32)), 0)
    assert len(np.unique(network.layers[0].staircase(h))) == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sigmoids((1, -1)), "levels must be 2 to 256 increasing"),
        (lambda: Sigmoids((1,)), "levels must be 2 to 256 increasing"),
        (lambda: Sigmoids((0, 1), slope=0), "slope must be greater than 0"),
        (lambda: Sigmoids((0, 1), cap=np.inf), "cap must be finite"),
        (lambda: QuantizedActivation((1, 2)), "levels must be 2 to 256 numbers that increase from 0"),
        (lambda: QuantizedActivation((0, 2, 1)), "levels must be 2 to 256 numbers that increase from 0"),
        (lambda: QuantizedActivation(range(257)), "levels must be 2 to 256 numbers"),
        (lambda: QuantizedActivation((0, 1), slope=-1), "slope must be greater than 0"),
        (lambda: Settings(SGD(), activations=(0, 1)), "activations must be one of relu, binary"),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
