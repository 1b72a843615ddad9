"""Plans beside networks that are written out in NumPy: every kernel, number of rows and type of input; what is kept."""

import copy
import gc
import itertools
import pickle
import subprocess
import sys
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory.core import product
from qtheory.inference import (
    PackedConv,
    PackedLinear,
    PackedNetwork,
    PackedReal,
    PackedRealConv,
    PackedScores,
    _programs,
    plan,
)


def drawn(*shape, seed=0):
    return np.random.default_rng([*shape, seed]).choice([-1.0, 1.0], shape)


def dense(sizes, *, real=False, scores="packed", seed=0):
    """A network of fully connected layers, and its scores written out."""
    rng = np.random.default_rng([*sizes, seed])
    weights = [drawn(n, k, seed=seed) for n, k in itertools.pairwise(sizes)]
    if scores == "real":
        weights[-1] = rng.integers(-8, 8, weights[-1].shape) / 4
    shifts = [rng.integers(-3, 4, w.shape[1]) / 1.0 for w in weights]
    factors = [rng.choice([-1.5, 0.5, 1.0], w.shape[1]) for w in weights]
    terms = [{"factor": f, "shift": s} for f, s in zip(factors, shifts, strict=True)]
    kinds = [PackedReal if real and i == 0 else PackedLinear for i in range(len(weights) - 1)]
    layers = [kind.folded(w, **t) for kind, w, t in zip(kinds, weights, terms, strict=False)]
    network = PackedNetwork(tuple(layers), PackedScores.folded(weights[-1], **terms[-1]))

    def written(x):
        h = np.asarray(x, np.float64) if real else np.where(np.asarray(x) < 0, -1.0, 1.0)
        for i, (w, f, s) in enumerate(zip(weights, factors, shifts, strict=True)):
            h = (h @ w) * f + s
            if i < len(weights) - 1:
                h = np.where(h < 0, -1.0, 1.0)
        return h

    return network, written


def signs(m, n, dtype=np.int8, seed=1):
    return np.random.default_rng([m, n, seed]).integers(-3, 4, (m, n)).astype(dtype)


@settings(max_examples=40)
@given(
    st.lists(st.integers(1, 130), min_size=2, max_size=4),
    st.integers(1, 9),
    st.sampled_from([np.int8, np.float32, np.float64, np.int32, ">f8"]),
    st.sampled_from(["packed", "real"]),
)
def test_scores_are_those_written_out(sizes, m, dtype, scores):
    network, written = dense(sizes, scores=scores)
    x = signs(m, sizes[0], dtype)
    np.testing.assert_array_equal(network.plan(9).scores(x), written(x))


@settings(max_examples=40)
@given(st.lists(st.integers(1, 100), min_size=3, max_size=4), st.integers(1, 5), st.booleans())
def test_real_and_8_bit_inputs_give_what_is_written_out(sizes, m, eight):
    network, written = dense(sizes, real=True)
    x = np.random.default_rng([m, *sizes]).integers(0, 256, (m, sizes[0])).astype(np.uint8 if eight else np.float64)
    np.testing.assert_array_equal(network.plan(5).scores(x), written(x))


@pytest.mark.parametrize("kernel", ["narrow", "subset", "table"])
@pytest.mark.parametrize("real", [False, True])
def test_every_kernel_can_be_a_step(kernel, real, monkeypatch):
    """Layers of 70, 600 and 1030 units end in the middle of words, tiles and blocks."""
    network, written = dense((300, 70, 600, 1030, 5), real=real)
    x = signs(6, 300) if not real else signs(6, 300).astype(np.uint8)
    monkeypatch.setattr(product, "choose", lambda *shape: kernel)
    for m in (1, 6):
        np.testing.assert_array_equal(network.plan(6).scores(x[:m]), written(x[:m]))


def test_a_plan_takes_all_numbers_of_rows_in_any_order(monkeypatch):
    monkeypatch.setattr(plan, "PART", 4)
    network, written = dense((90, 65, 3))
    x = signs(23, 90)
    for threads in (1, 2, 3):
        kept = network.plan(23, threads=threads)
        for m in (3, 23, 1, 4, 5, 0, 8, 3):
            np.testing.assert_array_equal(kept.scores(x[:m]), written(x[:m]).reshape(m, 3))


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("pixels", [1, 10**6])
def test_images_go_through_in_parts_of_any_size(padding, pixels, monkeypatch):
    monkeypatch.setattr(plan, "PIXELS", pixels)
    conv = PackedConv.folded(drawn(3, 3, 2, 5), (6, 7), padding=padding, shift=0.5)
    network = PackedNetwork((conv,), PackedScores.folded(drawn(conv.gives, 4)))
    x = signs(7, 84)
    one_by_one = np.concatenate([network.plan(1).scores(row[None]) for row in x])
    np.testing.assert_array_equal(network.plan(7, threads=2).scores(x), one_by_one)


@pytest.mark.parametrize("make", ["readonly", "fortran", "strided", "images"])
def test_the_layout_of_the_rows_does_not_matter(make):
    network, written = dense((66, 40, 3))
    x = signs(5, 66)
    other = {"fortran": np.asfortranarray(x), "strided": np.repeat(x, 2, axis=1)[:, ::2],
             "images": x.reshape(5, 6, 11), "readonly": x.copy()}[make]  # fmt: skip
    other.setflags(write=make != "readonly")
    np.testing.assert_array_equal(network.plan(5).scores(other), written(x))


@pytest.mark.parametrize("part", [2, 128])
@pytest.mark.parametrize("real", [False, True])
def test_rows_that_are_not_finite_leave_the_output_as_it_was(part, real, monkeypatch):
    monkeypatch.setattr(plan, "PART", part)
    network, _ = dense((66, 40, 3), real=real)
    x, out = signs(5, 66, np.float64), np.full((5, 3), 7.0)
    x[4, [0, 65]] = np.nan, -np.inf
    for scores in (lambda: network.plan(5).scores(x, out), lambda: network.scores(x)):
        with pytest.raises(ValueError, match="X must be finite, got 2 NaN or infinite"):
            scores()
    assert (out == 7).all()


@pytest.mark.parametrize("images", [False, True])
def test_rows_that_are_too_large_leave_the_output_as_it_was(images, monkeypatch):
    """Those in a later part, too; what is just small enough is taken."""
    monkeypatch.setattr(plan, "PART", 2)
    terms = {"scale": 4.0, "shift": 0.5}
    first = PackedReal.folded(drawn(12, 7), **terms)
    if images:
        first = PackedRealConv.folded(drawn(2, 2, 3, 5), (2, 2), **terms)
    network, out = PackedNetwork((first,), PackedScores.folded(drawn(first.gives, 3))), np.full((5, 3), 7.0)
    x, most = np.zeros((5, 12)), float(np.finfo(float).max) / 24 * 4
    assert first.most == most
    x[4, 3] = np.nextafter(most, np.inf)
    for threads in (1, 2):
        with pytest.raises(ValueError, match=r"X must be at most .* in size, so that no sum overflows, got 2\.9"):
            network.plan(5, threads=threads).scores(x, out)
        assert (out == 7).all()
    x[4, 3] = -most
    assert network.plan(5).scores(x, out) is out and (out != 7).all()


def test_programs_are_made_once_for_a_number_of_rows(monkeypatch):
    made = []
    build = _programs.program
    monkeypatch.setattr(_programs, "program", lambda steps: made.append(len(steps)) or build(steps))
    network, _ = dense((66, 40, 30, 3))
    kept = network.plan(4)
    for m in (1, 2, 1, 2, 2, 1):
        kept.scores(signs(m, 66))
    assert made == [4, 4]  # three products and the scores, for one row and for two


@pytest.mark.parametrize("kind", ["signs", "bytes", "images", "real scores"])
def test_a_plan_keeps_what_a_layer_lays_out_anew(kind):
    """As where two threads first ask a layer for a cached value at a time: it keeps the one that comes later."""
    network, _ = dense((66, 600, 3), real=kind == "bytes", scores="real" if kind == "real scores" else "packed")
    if kind == "images":
        conv = PackedConv.folded(drawn(3, 3, 2, 5), (6, 7), padding="same", shift=0.5)
        network = PackedNetwork((conv,), PackedScores.folded(drawn(conv.gives, 4)))
    x = signs(2, network.sizes[0]).astype(np.uint8 if kind == "bytes" else np.int8)
    kept = network.plan(2)
    expected, watched = kept.scores(x), []
    for layer in (*network.layers, network.last):
        for name in set(vars(layer)) - set(layer.__match_args__):
            watched += [weakref.ref(a) for a in arrays(vars(layer).pop(name))]
    gc.collect()
    assert watched and all(a() is not None for a in watched)
    np.testing.assert_array_equal(kept.scores(x), expected)


def arrays(value):
    return [a for a in (value if isinstance(value, tuple) else [value]) if isinstance(a, np.ndarray)]


LOADED = "import pickle, sys; kept, x = pickle.load(sys.stdin.buffer); pickle.dump(kept.scores(x), sys.stdout.buffer)"


def test_a_copy_of_a_plan_has_buffers_of_its_own():
    """Here, where those that the programs mean are gone, and in another process, where they never were."""
    network, written = dense((66, 40, 3))
    kept, x = network.plan(5, threads=2), signs(5, 66)
    kept.scores(x)
    data = pickle.dumps((kept, x))
    for again in (copy.deepcopy(kept), copy.copy(kept), pickle.loads(data)[0]):
        assert (again.batch, again.threads) == (5, 2) and again._free is not kept._free
        np.testing.assert_array_equal(again.scores(x), written(x))
    there = subprocess.run([sys.executable, "-c", LOADED], input=data, capture_output=True, check=True)
    np.testing.assert_array_equal(pickle.loads(there.stdout), written(x))
