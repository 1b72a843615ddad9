import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.surrogates import DSQ, EWGS, MAD, STE, Clipped, Levels
from qtheory.testing import numbers
from qtheory.theorems.schoenbauer2024._estimators import Tent, Wave, log_lipschitz
from qtheory.twins import Adam, Drawn, Momentum, Pull, Regression, compress, twins

TWO = Levels.uniform(2)
SHARP = DSQ(TWO, k=6.5)
START = np.linspace(-0.95, 0.9, 7)


def naive(surrogate, start, source, rate, steps, rule, mirror, ratio):
    """Both runs by hand, with their histories."""
    w, u = np.array(start), surrogate.mirror(start) if mirror else np.array(start)
    slow, fast, history = np.zeros((2, w.size)), np.zeros((2, w.size)), []
    history.append((TWO.quantize(w), TWO.quantize(u)))
    for t in range(1, steps + 1):
        if (t - 1) % 1024 == 0:
            chunk = source.chunk((t - 1) // 1024, 1024)
        h = np.array([gradient(chunk, (t - 1) % 1024, TWO.quantize(x)) for x in (w, u)])
        c = np.array([surrogate.apply(w, h[0]), h[1]])
        if isinstance(rule, Momentum):
            slow = rule.mu * slow + c
            step = slow
        else:
            slow = rule.beta1 * slow + (1 - rule.beta1) * c
            fast = rule.beta2 * fast + (1 - rule.beta2) * c * c
            step = slow / (1 - rule.beta1**t) / (np.sqrt(fast / (1 - rule.beta2**t)) + rule.epsilon)
        w, u = w - rate * step[0], u - rate * ratio * step[1]
        history.append((TWO.quantize(w), TWO.quantize(u)))
    return w, u, np.array(history)


def gradient(chunk, k, q):
    """What the three sources mean."""
    if hasattr(chunk, "h"):
        return chunk.h[k]
    if hasattr(chunk, "x"):
        return chunk.x[k].T @ (chunk.x[k] @ q - chunk.y[k]) / chunk.y.shape[1]
    return chunk.curvature * (q - chunk.target) + chunk.noise[k]


def changes(sequence):
    """The values at changes."""
    return [x for i, x in enumerate(sequence) if i == 0 or x != sequence[i - 1]]


SOURCES = [
    Drawn(tuple(np.linspace(-1, 1, 7)), 1.0, "normal", seed=3),
    Regression(tuple(START[::-1]), batch=3, noise=0.2, seed=4),
    Pull(tuple(np.ones(7)), tuple(START / 2), 0.5, seed=5),
]


@pytest.mark.parametrize("source", SOURCES, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("rule", [Momentum(0.0), Momentum(0.8), Adam(0.9, 0.95), Adam(0.0, 0.99, 1e-3)], ids=repr)
def test_the_compiled_runs_are_the_runs_by_hand(source, rule):
    plain = isinstance(rule, Momentum)
    pair = twins(SHARP, START, source, rate=0.002, steps=1500, rule=rule)
    w, u, history = naive(SHARP, START, source, 0.002, 1500, rule, plain, SHARP.alpha if plain else 1.0)
    assert pair.w == pytest.approx(w, rel=1e-7, abs=1e-9) and pair.u == pytest.approx(u, rel=1e-7, abs=1e-9)
    mirrored = SHARP.mirror(w) if plain else w
    assert pair.error == pytest.approx(abs(mirrored - u), rel=1e-5, abs=1e-8)
    sequences = [[changes(history[:, r, j]) for j in range(7)] for r in range(2)]
    assert pair.changes.tolist() == [a == b for a, b in zip(*sequences, strict=True)]
    assert pair.compressed.tolist() == [compress(a) == compress(b) for a, b in zip(*sequences, strict=True)]
    assert pair.apart.tolist() == (history[1:, 0] != history[1:, 1]).sum(axis=0).tolist()
    assert pair.quantized_agreement == pytest.approx((history[-1, 0] == history[-1, 1]).mean())


def recorded(sequences):
    """The codes that the core keeps of sequences (T, 2) of levels: of whole and of compressed ones."""
    from qtheory.core import twins as core
    from qtheory.twins.run import _state

    levels = Levels(np.arange(5.0))
    first = np.array(sequences[0], dtype=float)
    state = _state(STE(levels), first, first)
    for row in sequences[1:]:
        core.arrived(state, np.tile(np.array(row, dtype=float), (2, 1)))
    kept = (state.count[0], state.code[0]), (state.depth[0], state.short[0])
    return [[tuple(int(a[j]) for a in pair) for j in range(2)] for pair in kept]


walks = st.lists(st.integers(0, 4), min_size=1, max_size=40)


@given(walks, walks)
def test_streaming_codes_tell_sequences_apart_exactly(a, b):
    length = max(len(a), len(b))
    padded = [x + x[-1:] * (length - len(x)) for x in (a, b)]
    whole, short = recorded(list(zip(*padded, strict=True)))
    a, b = changes(a), changes(b)
    assert (whole[0] == whole[1]) == (a == b)
    assert (short[0] == short[1]) == (compress(a) == compress(b))
    assert [n for n, _ in short] == [len(compress(a)), len(compress(b))]


@given(walks, st.integers(0, 38), st.integers(1, 3))
def test_compressed_sequences_do_not_see_inserted_oscillations(walk, place, times):
    walk = changes(walk)
    i = place % max(len(walk) - 1, 1)
    longer = walk[: i + 2] + walk[i : i + 2] * times + walk[i + 2 :] if len(walk) > 1 else walk
    assert compress(longer) == compress(walk)


def test_compressed_sequences_see_everything_else():
    assert compress([0, 1, 0]) != compress([0]) and compress([0, 1, 2, 1]) != compress([0, 1])
    assert compress([0, 1, 0, 1, 0, 1]) == [0, 1]


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 4), numbers(0.1, 2.0))
def test_waves_are_what_they_say(seed, bits, harmonics, strength):
    s = Wave(Levels.uniform(bits), seed=seed, harmonics=harmonics, strength=strength)
    w = np.sort(np.random.default_rng(seed).uniform(-1, 1, 400))
    g, delta = s.slope(w), s.levels.delta
    assert s.slope(w + delta) == pytest.approx(g, rel=1e-9)
    assert (s.low <= g).all() and (g <= s.high).all()
    assert (np.abs(np.diff(g)) <= s.lipschitz * np.diff(w) * (1 + 1e-9) + 1e-12).all()
    assert (np.abs(np.diff(np.log(g))) <= log_lipschitz(s) * np.diff(w) + 1e-12).all()
    middle = (w[1:] + w[:-1]) / 2
    near = np.diff(w) < 1e-2 * delta  # M' = alpha / g
    steep = np.diff(s.mirror(w))[near] / np.diff(w)[near]
    assert steep == pytest.approx(s.alpha / s.slope(middle[near]), rel=0.05)
    assert s.mirror(s.levels.boundaries) == pytest.approx(s.levels.boundaries, abs=1e-12)
    assert (s.quantize(s.mirror(w)) == s.quantize(w)).all()
    assert s.mirror_inverse(s.mirror(w)) == pytest.approx(w, abs=1e-9)
    assert abs(s._slant(np.array([s.steepest]))[0]) * s.slope(s.steepest) == pytest.approx(s.lipschitz, rel=0.02)


@given(numbers(0.05, 1.9), st.integers(1, 4))
def test_tents_are_what_they_say(share, bits):
    levels = Levels.uniform(bits)
    s = Tent(levels, steep=share / levels.delta)
    w = np.linspace(-1, 1, 301)
    assert (s.low - 1e-12 <= s.slope(w)).all() and (s.slope(w) <= s.high).all()
    assert np.abs(np.diff(s.slope(w))).max() <= s.lipschitz * (w[1] - w[0]) * (1 + 1e-9)
    assert (s.quantize(s.mirror(w)) == s.quantize(w)).all()
    assert s.mirror_inverse(s.mirror(w)) == pytest.approx(w, abs=1e-9)


@pytest.mark.parametrize("surrogate", [Wave(TWO, seed=1), Tent(TWO, steep=2.0)], ids=lambda s: type(s).__name__)
def test_the_core_reads_estimators_like_their_face(surrogate):
    from qtheory.core.surrogates import backward, forward

    w, h, out = np.linspace(-1.5, 1.5, 501), np.linspace(-1, 2, 501), np.empty(501)
    backward(surrogate.spec, w, h, out)
    assert out == pytest.approx(surrogate.apply(w, h), rel=1e-12, abs=1e-15)
    forward(surrogate.spec, w, out)
    assert (out == surrogate.quantize(w)).all()


def test_a_run_stops_at_the_first_disagreement():
    source = Regression(tuple(START[::-1]), seed=2)
    pair = twins(SHARP, START, source, rate=1e-3, steps=5000, stop=True)
    assert 0 < pair.steps < 5000 and pair.differs.any() and pair.apart.max() == 1
    before = twins(SHARP, START, source, rate=1e-3, steps=pair.steps - 1)
    assert not before.differs.any() and before.quantized_agreement == 1 and before.apart.max() == 0


def test_a_twin_of_itself_never_parts():
    pair = twins(SHARP, START, SOURCES[1], rate=1e-2, steps=500, mirror=False, ratio=1.0, twin=SHARP)
    assert pair.error.max() == 0 and pair.alignment_error == 0
    assert (pair.quantized_agreement, pair.exact_agreement, pair.compressed_agreement) == (1, 1, 1)


def test_rates_may_change():
    pair = twins(STE(TWO), [0.0], Drawn([1.0], 0.0, "alternating"), rate=lambda t: 1 / t**2, steps=1100)
    assert pair.w[0] == pytest.approx(-np.sum(1 / np.arange(1, 1101.0) ** 2), rel=1e-12)
    assert pair.path[0, 0] == pytest.approx(-pair.w[0]) and pair.error[0] == pytest.approx(0, abs=1e-12)


def test_no_steps_leave_twins_where_they_were():
    pair = twins(SHARP, START, SOURCES[0], rate=0.1, steps=0)
    assert pair.steps == 0 and pair.error.max() == 0 and pair.alignment_error == 0 and pair.exact_agreement == 1


@pytest.mark.parametrize(("levels", "falls"), [(TWO, True), (Levels([-1, -0.8, 0, 1]), False)], ids=["one", "several"])
def test_twins_meet_as_the_rate_falls_only_where_all_bins_have_one_alpha(levels, falls):
    surrogate, start = DSQ(levels, k=6.5), np.random.default_rng(0).uniform(-1, 1, 64)
    assert (np.ptp(surrogate.alphas) < 1e-9) == falls
    source = Drawn(np.random.default_rng(1).uniform(-1, 1, 64), 0.3)
    errors = [twins(surrogate, start, source, rate=r, steps=round(1 / r)).error.mean() for r in (1e-2, 1e-3)]
    assert (errors[1] < 0.2 * errors[0]) == falls and (errors[1] > 0.8 * errors[0]) != falls


@pytest.mark.parametrize("unit", [2.0**-60, 2.0**40])
def test_the_unit_of_the_weights_is_of_no_consequence(unit):
    """Levels far closer than 2^-32, or beyond 2^31, have sequences too."""

    def run(unit):
        levels, source = Levels(unit * np.array([-3.0, -1, 1, 3])), Drawn(np.zeros(7), 2.0, seed=1)
        return twins(MAD(levels), 3 * unit * START, source, rate=unit / 10, steps=600, mirror=False, ratio=0.5)

    one, other = run(1.0), run(unit)
    assert 0 < one.exact_agreement < 1 and 0 < one.compressed_agreement < 1
    for name in ("exact_agreement", "compressed_agreement", "quantized_agreement", "alignment_error"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-12)
    assert other.changes.tolist() == one.changes.tolist() and other.compressed.tolist() == one.compressed.tolist()
    levels, swing = Levels(unit * np.array([-3.0, -1, 1, 3])), Drawn([0.0], 1.0, "alternating")
    for ratio, same in ((1.0, 1), (2.0, 0)):  # 1, -1, 1 beside itself, and beside 1, -3, 1
        pair = twins(STE(levels), [unit], swing, rate=2 * unit, steps=2, ratio=ratio)
        assert (pair.exact_agreement, pair.compressed_agreement, pair.quantized_agreement) == (same, same, 1)


@pytest.mark.parametrize(("make", "other"), [
    (lambda a: Drawn(a, 0.5, seed=2), Drawn(np.ones(3), 0.5, seed=3)),
    (lambda a: Regression(a), Regression(np.ones(3), batch=7)),
    (lambda a: Pull(a, a), Pull(np.ones(3), np.zeros(3))),
])  # fmt: skip
def test_sources_are_values(make, other):
    mine = np.ones(3)
    source = make(mine)
    first = source.chunk(0, 5)
    assert source == make([1, 1, 1]) != other and len({source, make(mine), other}) == 2 and source != 3
    mine[:] = 9.0  # whose array it was
    for a, b in zip(first, source.chunk(0, 5), strict=True):
        np.testing.assert_array_equal(a, b)


def test_margins_are_distances_from_boundaries():
    pair = twins(STE(TWO), [-2.0, -0.5, 0.1, 0.4, 3.0], Drawn([0.0] * 5, 0.0), rate=1.0, steps=0)
    assert pair.margin == pytest.approx([4 / 3, 1 / 6, 0.1, 4 / 15, 7 / 3])
    one = twins(STE(Levels([-1, 1])), [-0.5, 2.0], Drawn([0.0] * 2, 0.0), rate=1.0, steps=0)
    assert one.margin == pytest.approx([0.5, 2.0])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"surrogate": "DSQ"}, "surrogate must be"),
        ({"start": [0.0]}, r"start must have shape \(7,\)"),
        ({"start": [float("nan")] * 7}, "start must be finite"),
        ({"source": None}, "source must be"),
        ({"rate": 0.0}, "rate must be greater than 0"),
        ({"rate": lambda t: [1.0]}, "rate must have shape"),
        ({"steps": -1}, "steps must be at least 0"),
        ({"rule": "adam"}, "rule must be"),
        ({"rate": lambda t: 3.0 - t}, "rate must be at least 0 in every step, got -2"),
        ({"rate": 1e308, "rule": Momentum(0.9), "mirror": False, "steps": 500}, "rate must be smaller"),
        ({"twin": 3}, "twin must be"),
        ({"twin": STE(Levels.uniform(3))}, "twin must have the levels of the surrogate"),
        ({"ratio": -1.0}, "ratio must be greater than 0"),
        ({"surrogate": Clipped(TWO), "start": 3 * START}, "no mirror map"),
    ],
)
def test_bad_arguments_are_refused(wrong, message):
    good = {"surrogate": SHARP, "start": START, "source": SOURCES[0], "rate": 0.1, "steps": 5}
    arguments = good | wrong
    with pytest.raises(ValueError, match=message):
        twins(arguments.pop("surrogate"), arguments.pop("start"), arguments.pop("source"), **arguments)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Momentum(1.0), lambda: Momentum(-0.1), lambda: Adam(beta2=1.0), lambda: Adam(beta1=float("nan")),
        lambda: Adam(epsilon=-1.0), lambda: Drawn([]), lambda: Drawn([0.0], -1.0), lambda: Drawn([0.0], 1.0, "cauchy"),
        lambda: Drawn([0.0], seed=-1), lambda: Regression([0.0], seed=1.5), lambda: Pull([1.0], [0.0], seed=True),
        lambda: Regression([0.0], batch=0), lambda: Regression([0.0], noise=-1.0), lambda: Pull([-1.0], [0.0]),
        lambda: Pull([1.0], [0.0, 1.0]), lambda: Wave(Levels([-1, 0, 3])), lambda: Wave(TWO, strength=0.0),
        lambda: Tent(TWO, steep=3.1), lambda: Tent(Levels([-1, 0, 3])),
    ],
)  # fmt: skip
def test_bad_parts_are_refused(make):
    with pytest.raises(ValueError, match=r"must|expected"):
        make()


def test_what_multiplies_no_slope_has_no_mirror():
    with pytest.raises(ValueError, match=r"EWGS has no (slope|mirror map)"):
        twins(EWGS(TWO, strength=0.5), START, SOURCES[0], rate=0.1, steps=1)
    assert twins(MAD(TWO), START, SOURCES[0], rate=0.1, steps=1, mirror=False, ratio=1.0).steps == 1
