import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory.two_layer import TwoLayer, recover
from qtheory.two_layer import problem as problem_module
from qtheory.two_layer import recovery as module
from tests.two_layer import reference

FIELDS = ("hit", "last", "total", "distances", "escapes", "loss")


def same(a, b):
    return all(np.array_equal(getattr(a, field), getattr(b, field)) for field in FIELDS)


def expected(path, teacher, burn):
    """What a path (T + 1, n) should leave in the records."""
    window = path[burn:-1]
    distance = (path != teacher).sum(1)
    at = np.flatnonzero(distance == 0)
    return {
        "hit": at[0] if at.size else -1,
        "last": path[-1],
        "total": window.sum(0),
        "distances": np.bincount(distance[burn:-1], minlength=len(teacher) + 1),
        "escapes": ((distance[:-1] == 0) & (distance[1:] > 0)).sum(),
    }


@settings(max_examples=30)
@given(
    law=st.sampled_from(["gaussian", "rademacher"]), ste=st.sampled_from(list(reference.SLOPES)),
    n=st.integers(1, 6), samples=st.integers(1, 25), m=st.integers(1, 2), noise=st.sampled_from([0.0, 0.4]),
    step=st.floats(0.01, 100), burn=st.integers(0, 39), seed=st.integers(0, 2**31),
)  # fmt: skip
def test_paths_are_those_of_rational_arithmetic(law, ste, n, samples, m, noise, step, burn, seed):
    p = TwoLayer.draw(n, samples, m=m, law=law, ste=ste, label_noise=noise, seed=seed)
    u0 = np.random.default_rng(seed).standard_normal((2, n))
    found = recover(p, start=u0, step=step, steps=40, burn=burn, paths=True)
    for r in range(2):
        path = reference.run(p, u0[r], step, 40)
        lengths = np.diff(np.append(found.paths[r].times, 40))
        assert (lengths > 0).all()
        assert np.array_equal(np.repeat(found.paths[r].patterns, lengths, axis=0), path[:-1])
        for field, value in expected(path, p.teacher, burn).items():
            assert np.array_equal(getattr(found, field)[r], value), field
        assert found.loss[r] == p.loss(path[-1])


@settings(max_examples=15)
@given(n=st.integers(1, 80), m=st.integers(1, 3), noise=st.sampled_from([0.0, 0.3]), seed=st.integers(0, 2**31))
def test_jumps_and_memory_change_no_bit(n, m, noise, seed):
    p = TwoLayer.draw(n, 40, m=m, ste="relu", label_noise=noise, seed=seed)
    u0 = np.random.default_rng(seed).standard_normal((3, n))
    events = recover(p, start=u0, step=0.3, steps=100, burn=10)
    plain = recover(p, start=u0, step=0.3, steps=100, burn=10, output_step=0.0)  # every step computed
    assert same(events, plain)


def test_no_result_depends_on_threads_chunks_blocks_or_the_table(monkeypatch):
    settings = {"step": 0.2, "steps": 300, "trials": 9, "seed": 1, "burn": 20, "paths": True}
    p = TwoLayer.draw(20, 200, m=2, ste="relu", label_noise=0.3, seed=2)
    first = recover(p, threads=1, **settings)
    assert first.evaluations < 9 * 300
    assert same(first, recover(p, threads=4, **settings))
    monkeypatch.setattr(module, "MEMO", 1)  # a table that is emptied again and again
    tiny = recover(p, threads=1, **settings)
    assert same(first, tiny) and tiny.evaluations > first.evaluations
    monkeypatch.setattr(problem_module, "SLOTS", 1)  # one trial at a time
    assert same(first, recover(p, threads=2, **settings))
    for one, other in zip(first.paths, tiny.paths, strict=True):
        assert np.array_equal(one.times, other.times) and np.array_equal(one.patterns, other.patterns)


def test_with_many_samples_the_population_time_is_met():
    # Wrong coordinates move by 2 eta s a step, right ones stay: the noise of N = 4e5 samples is a few percent of that.
    p = TwoLayer.draw(6, 400_000, seed=3)
    step = 0.05 / p.speed
    u0 = -p.teacher * np.array([0.33, 0.72, 1.05, 1.53, -0.4, -0.9])
    assert recover(p, start=u0, step=step, steps=40).hit[0] == 16  # floor(1.53 / 0.1) + 1
    assert (recover(p, start=u0, step=step, steps=10).hit == -1).all()


def test_without_label_noise_the_teacher_is_never_left():
    p = TwoLayer.draw(10, 300, seed=4)
    run = recover(p, trials=20, steps=2000, seed=5, burn=1000)
    assert (run.hit >= 0).any()
    assert not run.escapes.any()
    assert (run.share[(run.hit >= 0) & (run.hit < 1000)] == 1).all()
    assert (run.loss[run.hit >= 0] == 0).all()


def test_a_scaled_start_and_step_give_the_same_signs():
    p = TwoLayer.draw(15, 100, seed=6)
    u0 = np.random.default_rng(0).standard_normal((4, 15))
    assert same(recover(p, start=u0, step=0.25, steps=200), recover(p, start=8 * u0, step=2.0, steps=200))


def test_long_runs_take_no_longer_than_their_events():
    p = TwoLayer.draw(8, 400, seed=7)
    run = recover(p, trials=3, steps=10**12, seed=1)
    assert (run.hit >= 0).all() and (run.distances.sum(1) == 10**12).all()
    assert run.evaluations < 300


def test_mini_batches_and_trained_output_weights():
    p = TwoLayer.draw(10, 2000, m=3, output_weights=[1.0, 0.5, -0.75], ste="relu", activation="sign", seed=8)
    u0 = np.random.default_rng(0).standard_normal((4, 10))
    settings = {"start": u0, "step": 0.05, "steps": 400, "batch": 64, "seed": 3}
    run = recover(p, threads=1, **settings)
    assert same(run, recover(p, threads=3, **settings))
    assert not same(run, recover(p, **{**settings, "seed": 4}))
    assert (run.hit >= 0).all() and run.output_weights is None
    trained = recover(p, output_step=0.1, output_start=[0.8, 0.3, -0.5], **settings)
    found = trained.hit >= 0  # the others end near (-v, -w*), which is as good for an odd activation, or between
    assert found.any()
    assert np.abs(trained.output_weights[found] - p.output_weights).max() < 1e-6


def test_full_batch_training_of_v_follows_its_gradient():
    p = TwoLayer.draw(5, 40, m=2, seed=9)
    u0, v0 = np.ones(5), np.array([0.3, -0.2])
    run = recover(p, start=u0, step=1e-9, steps=1, output_step=0.5, output_start=v0)
    fired = (p.features @ np.ones(5, np.float32) > 0).astype(float)
    gradient = fired.T @ (fired @ v0 - p.labels) / 40
    assert run.output_weights[0] == pytest.approx(v0 - 0.5 * gradient, rel=1e-12)


def test_zero_and_tiny_starts():
    p = TwoLayer(np.eye(3) + 0.5, [1, -1, 1])
    start = np.array([[0.0, -0.0, -1e-300]])
    run = recover(p, start=start, step=1.0, steps=1, paths=True)
    assert list(run.paths[0].patterns[0]) == [1, 1, -1]  # sign(0) = +1, and a tiny weight keeps its sign


@pytest.mark.parametrize("more", [{"batch": 8}, {"output_step": 0.01}])
@pytest.mark.parametrize("burn", [0, 50])
def test_runs_step_by_step_count_every_gradient(burn, more):
    p = TwoLayer.draw(8, 64, seed=1)
    assert recover(p, steps=100, burn=burn, trials=3, **more).evaluations == 300


def test_output_weights_that_diverge_are_an_error():
    with pytest.raises(ValueError, match="output_step must be smaller"):
        recover(TwoLayer.draw(8, 64, seed=1), steps=2000, batch=8, output_step=1e3)


BAD = [
    ({"step": 0.0}, "step must be greater than 0"),
    ({"step": np.nan}, "step must be finite"),
    ({"steps": 0}, "steps must be between 1 and"),
    ({"steps": 10, "burn": 10}, "burn must be between 0 and 9"),
    ({"trials": 0}, "trials must be at least 1"),
    ({"start": np.ones(3)}, r"start must have shape \(R, 4\) or \(4,\)"),
    ({"start": np.ones((2, 4)), "trials": 3}, "trials is 3, but start has 2 rows"),
    ({"start": np.full(4, np.nan)}, "start must be finite"),
    ({"start": np.full(4, 1e300)}, "more than 2\\^62"),
    ({"start": np.empty((0, 4))}, "empty"),
    ({"seed": -1}, "seed"),
    ({"batch": 0}, "batch must be at least 1"),
    ({"batch": 4, "paths": True}, "paths are kept for"),
    ({"output_start": [1.0]}, "output_start needs output_step"),
    ({"output_step": -1.0}, "output_step must be at least 0"),
    ({"output_step": 0.1, "output_start": [1.0, 2.0]}, "output_start must have shape"),
    ({"paths": True, "trials": 1000, "steps": 10**6}, r"14.9 GiB: keep those of at most 268 trials"),
    ({"threads": -1}, "threads must be at least 1"),
    ({"threads": 0}, "threads must be at least 1"),
    ({"steps": 2**63}, "steps must be between 1 and"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_input(arguments, message):
    p = TwoLayer.draw(4, 10, seed=1)
    with pytest.raises(ValueError, match=message):
        recover(p, **arguments)


def test_something_else_than_a_problem_is_refused():
    with pytest.raises(ValueError, match="problem must be"):
        recover(None)


def test_a_run_too_long_for_exact_integers():
    p = TwoLayer(np.ones((5, 1)), [1], label_noise=np.full(5, 0.3))  # the noise drives the weight away for ever
    with pytest.raises(ValueError, match="left its 2\\^62 units within"):
        recover(p, start=[1.0], steps=2**62 - 1)
