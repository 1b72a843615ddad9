"""What the benchmarks of packed products compare is the same, and what they report is what was measured."""

import json
import subprocess

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import _avx2, _in_c, _mlp, _parts, _product, _sizes, _starts, _threads, inference
from benchmarks._timing import Line
from qtheory.core import product
from qtheory.core.product_narrow import reference


@pytest.fixture(scope="module")
def libraries():
    return _in_c.compiled()


def line(name, *rates):
    return Line(name, rates, tuple(1.0 for _ in rates))


# In C


@pytest.mark.parametrize("kernel", _in_c.KERNELS)
@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(1, 20) | st.integers(126, 131),
    blocks=st.integers(1, 2),
    width=st.integers(1, 6) | st.sampled_from([15, 16, 21, 64]),
    ones=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_c_gives_the_products(libraries, kernel, rows, blocks, width, ones, seed):
    if kernel not in libraries:
        pytest.skip("no C compiler, or a processor without the instructions")
    rng = np.random.default_rng(seed)
    columns = blocks * (_in_c.TILE if kernel == "narrow" else product.COLUMNS)
    a, b = (
        np.packbits(rng.random((size, 64 * width)) < share, axis=1, bitorder="little").view(np.uint64)
        for size, share in ((rows, ones), (columns, 0.5))
    )
    exact, found = np.empty((rows, columns), np.int64), np.full((rows, columns), -(2**31), np.int32)
    reference(a, b, 64 * width, exact)
    _in_c.run_of(libraries[kernel], kernel, a, product.prepare(b, 64 * width), found)()
    np.testing.assert_array_equal(found, exact)


@pytest.mark.parametrize("kernel", _in_c.KERNELS)
def test_c_is_asked_for_whole_tiles_and_words_alone(kernel):
    a = np.zeros((2, 2), np.uint64)
    for columns, n in (33, 128), (512, 127):
        weights, out = product.prepare(np.zeros((columns, 2), np.uint64), n), np.empty((2, columns), np.int32)
        assert _in_c.run_of(None, kernel, a, weights, out) is None


def test_without_a_compiler_nothing_is_in_c():
    assert _in_c.compiled("no-such-compiler") == {}
    assert _in_c.compiled(flags=("-march=no-such-processor",)) == {}


def test_a_kernel_that_errs_in_c_is_not_timed():
    class Wrong:
        def narrow(self, *arguments):
            pass

    with pytest.raises(AssertionError, match="narrow in C"):
        _product.beside_c("narrow", (3, 32, 128), Wrong())


def test_the_kernel_chosen_is_the_one_compared(libraries):
    for shape in (1, 4096, 4096), (4, 512, 64):
        kernel = product.choose(*shape)
        if kernel not in libraries:
            pytest.skip("no C compiler, or a processor without the instructions")
        names = [c.name for c in _product.candidates(shape, [], {kernel: libraries[kernel]})]
        others = {k: library for k, library in libraries.items() if k != kernel}
        assert _product.C in names
        assert _product.C not in [c.name for c in _product.candidates(shape, [], others)]


# What is reported


def test_ratios_are_by_round_and_the_best_peer_is_the_one_that_leaves_least():
    lines = [
        line("qtheory", 4.0, 6.0, 9.0),
        line("faiss", 2.0, 2.0, 9.0),
        line("numkong", 1.0, 1.0, 1.0),
        line("MKL", 9, 9, 9),
    ]
    found = _parts.ratios(lines)
    assert found == {"faiss": 2.0, "numkong": 6.0, "MKL": 6 / 9, _product.BEST: 2.0}
    assert _product.BEST not in _parts.ratios(lines[:1] + lines[3:])


def test_one_part_alone_keeps_the_others(tmp_path, monkeypatch):
    said = {"a": 1.0, "b": 2.0}
    parts = {name: (lambda setting, name=name: ({"x": said[name]}, {name: {"y": (3.0, said[name])}})) for name in said}
    monkeypatch.setattr(inference, "PARTS", parts)
    monkeypatch.setattr(inference._in_c, "compiled", dict)
    monkeypatch.setattr(inference.main.params[0], "type", inference.click.Choice([*parts]))
    path = tmp_path / "numbers.json"

    def run(*arguments):
        done = CliRunner().invoke(inference.main, [*arguments, "--json", str(path)], catch_exceptions=False)
        assert done.exit_code == 0
        return done.output, json.loads(path.read_text())

    output, numbers = run()
    assert numbers["a"] == {"x": 1.0} and numbers["b"] == {"x": 2.0} and output.count("short of") == 2
    said |= {"a": float("nan"), "b": 5.0}
    output, numbers = run("--only", "b")
    assert numbers["a"] == {"x": 1.0} and numbers["b"] == {"x": 5.0} and output.count("PASS") == 1
    assert numbers["targets"] == {"a": {"a": {"y": [3.0, 1.0]}}, "b": {"b": {"y": [3.0, 5.0]}}}
    output, numbers = run("--only", "a")
    assert numbers["targets"]["a"] == {"a": {"y": [3.0, None]}} and "not measured" in output
    numbers["machine"] |= {"processor": "another", "load": "9.9"}
    path.write_text(json.dumps(numbers))
    done = CliRunner().invoke(inference.main, ["--only", "b", "--json", str(path)])
    assert done.exit_code == 2 and "processor 'another' there" in done.output and "load" not in done.output
    assert json.loads(path.read_text()) == numbers


def test_tables_fit_a_terminal(monkeypatch, capsys):
    names = [*_parts.WIDTHS, _product.BITS]
    lines = [line(name, 1234567.8) for name in (_product.OURS, *names)]
    monkeypatch.setattr(_product, "candidates", lambda *arguments: [])
    monkeypatch.setattr(_product, "by_length", lambda *arguments: [])
    monkeypatch.setattr(_parts, "race", lambda *arguments: lines)
    setting = _parts.Setting([], {}, 1)
    for part in _parts.shapes, _parts.lengths:
        part(setting)
    said = capsys.readouterr().out.splitlines()
    assert len(said) > len(_product.TARGETS) and max(map(len, said)) <= 80


# The parts


def test_sizes_count_every_bit():
    found = _sizes.measured()
    inputs, units = _mlp.SIZES[:-1], _mlp.SIZES[1:]
    assert found[_sizes.WEIGHTS] == (
        sum(4 * m * n for m, n in zip(inputs, units, strict=True)),
        sum(8 * -(-m // 64) * n for m, n in zip(inputs, units, strict=True)),
    )
    assert all(found[_sizes.FILE][i] > found[_sizes.WEIGHTS][i] for i in range(2))
    assert found[_sizes.MEMORY][1] > 2 * found[_sizes.WEIGHTS][1]


def test_threads_that_disagree_are_not_timed():
    outs = [np.zeros(3), np.zeros(3)]

    def run_of(threads):
        return lambda: outs[threads - 1].fill(threads)

    with pytest.raises(AssertionError, match="two threads"):
        _threads._agreed(run_of, outs, (1, 1, 1))


@pytest.mark.parametrize("make", [_threads.products, _threads.perceptron])
def test_two_threads_are_compared_with_one(make):
    assert [c.name for c in make()] == [_threads.TWO, _threads.ONE]


def test_avx2_alone_is_told_to_numba_and_openblas(monkeypatch):
    found = _avx2.environment("folder")
    features = found["NUMBA_CPU_FEATURES"].split(",")
    assert "+avx2" in features and not any("512" in f for f in features)
    assert found["XDG_CACHE_HOME"] == "folder" and found["OPENBLAS_CORETYPE"] == "Haswell"
    monkeypatch.setattr(_avx2, "FEATURES", {"+neon"})
    assert _avx2.measured(1) is None
    assert _parts.avx2(_parts.Setting([], {}, 1))[0] == {}


def test_cold_starts_have_caches_of_their_own(monkeypatch):
    caches = []

    def run(command, *, env, **options):
        caches.append((command[-2], env["XDG_CACHE_HOME"]))

    monkeypatch.setattr(subprocess, "run", run)
    found = _starts.measured()
    assert {name.partition(",")[0] for name in found} == set(_starts.AT_MOST)
    counts = sorted(caches.count(cache) for cache in set(caches))
    assert counts == [1] * (2 * _starts.COLD) + [_starts.CACHED + 1] * 2
    assert all(len(x["wall"]) == len(x["processor"]) > 0 for x in found.values())
