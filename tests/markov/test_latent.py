"""The chain of BinaryConnect's latent weight: against enumeration, the simulator, and the law of what is deployed."""

from fractions import Fraction

import numpy as np
import pytest

from qtheory.exact import enumerate_paths
from qtheory.markov import Chain, bc_chain, deployed
from qtheory.methods import BC
from qtheory.problems import Finite, OneBit, PiecewiseQuadratic, Rademacher, SeparableQuadratic
from qtheory.quantizers import Grid, NearestRounding, StochasticRounding
from qtheory.schedules import Constant
from qtheory.simulate import simulate

GRID = Grid(0.5)
BOX = (-2.0, 6.0)
TOY = PiecewiseQuadratic.li2017_toy(Rademacher(2.0), BOX)
METHODS = [BC(StochasticRounding(GRID)), BC(NearestRounding(GRID))]
each_method = pytest.mark.parametrize("method", METHODS, ids=["stochastic", "nearest"])


@each_method
@pytest.mark.parametrize(
    "problem",
    [
        TOY,
        PiecewiseQuadratic.li2017_toy(Finite([-3.0, 1.0], [0.25, 0.75]), BOX),
        SeparableQuadratic([1.0], 0.25, noise=OneBit(8.0), box=BOX),
    ],
    ids=["toy", "three", "one bit"],
)
def test_its_laws_are_those_of_all_paths(problem, method):
    alpha, steps = Fraction(1, 8), 6
    chain = bc_chain(problem, method, alpha, start=1.0, rational=True)
    paths = enumerate_paths(problem, method, Constant(1 / 8), steps=steps, start=[1.0], rational=True)
    star = Fraction(problem.closed_form()[0][0])
    squares = [(Fraction(w) - star) ** 2 for w in chain.points[:, 0]]
    law = [Fraction(int(w == 1.0)) for w in chain.points[:, 0]]
    for t in range(steps):
        assert sum(p * e for p, e in zip(law, squares, strict=True)) == paths.distance[t]
        law = (np.array(law, dtype=object) @ chain.matrix).tolist()


@each_method
def test_floats_are_fractions_rounded_once(method):
    exact = bc_chain(TOY, method, 1 / 16, start=0.0, rational=True)
    chain = bc_chain(TOY, method, Fraction(1, 16), start=0.0)
    assert (exact.matrix.sum(axis=1) == 1).all() and (chain.matrix == exact.matrix.astype(np.float64)).all()
    law, truth = chain.stationary(), exact.stationary().probabilities.astype(np.float64)
    assert (np.abs(law.probabilities - truth) <= (law.error + 1e-15) * truth).all()
    assert (chain.points[1:] > chain.points[:-1]).all() and chain.points.min() >= -2 and chain.points.max() <= 6


def test_a_long_lattice_is_sparse_and_agrees_with_its_own_hitting_times():
    chain = bc_chain(TOY, METHODS[0], 1 / 256, start=0.0)
    assert chain.sparse and chain.size > 2000
    w = chain.points[:, 0]
    begin, target = int(np.argmin(np.abs(w))), w >= 3.5
    h, error = chain.hitting_time(target, with_error=True)
    moves = chain.matrix @ np.where(np.isfinite(h), h, 0.0)
    inside = ~target & np.isfinite(h)
    assert np.abs(h - moves - 1)[inside].max() < 1e-14 * h[inside].max() and error < 1e-7
    assert h[begin] > 1e6 and chain.escape_rate(~target).high < 1e-6


@each_method
def test_what_is_deployed(method):
    chain = bc_chain(TOY, method, 1 / 16, start=0.0)
    levels, chances = deployed(chain, method, TOY.box)
    assert levels.size == 17 and (chances >= 0).all()
    np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-15)
    quantizer = type(method.quantizer)(Grid(0.5, box=BOX))
    np.testing.assert_allclose(chances @ levels, quantizer.mean(chain.points[:, 0]), atol=1e-14)
    np.testing.assert_allclose(
        chances @ levels**2 - (chances @ levels) ** 2, quantizer.variance(chain.points[:, 0]), atol=1e-13
    )


@each_method
def test_the_chain_is_what_is_simulated(method):
    steps, trials = 60, 8192
    run = simulate(
        TOY, method, Constant(1 / 16), steps=steps, trials=trials, start=[0.0], record=[steps], average=False,
        progress=False, keep_final=True,
    )  # fmt: skip
    chain = bc_chain(TOY, method, 1 / 16, start=0.0)
    w = chain.points[:, 0]
    place = np.searchsorted(w, run.final[:, 0])
    assert (w[place] == run.final[:, 0]).all()  # never off the lattice
    law = chain.evolve(int(np.argmin(np.abs(w))), steps - 1)
    cells = np.add.reduceat(law, np.arange(0, w.size, 8))
    seen = np.bincount(place // 8, minlength=cells.size) / trials
    noise = np.sqrt(cells * (1 - cells) / trials).sum() / 2 + np.sqrt(np.log(1e9) / (2 * trials))
    assert np.abs(seen - cells).sum() / 2 < noise
    other = chain.evolve(int(np.argmin(np.abs(w))), 1)
    assert np.abs(seen - np.add.reduceat(other, np.arange(0, w.size, 8))).sum() / 2 > noise


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alpha": 0.0}, "alpha must be greater than 0"),
        ({"alpha": -1 / 16}, "alpha must be greater than 0"),
        ({"start": 7.0}, "start must lie in the problem's box"),
        ({"start": float("nan")}, "start must be finite"),
        ({"problem": PiecewiseQuadratic.li2017_toy(Rademacher(2.0), None)}, "grid must be finite.*infinite ones"),
        (
            {"problem": PiecewiseQuadratic.li2017_toy(Rademacher(2.0), BOX, dimension=2)},
            "problem must be one-dimensional",
        ),
        ({"problem": "toy"}, "problem must be a problem such as"),
        ({"method": GRID}, "method must be a method such as"),
    ],
)
def test_what_it_cannot_use_it_refuses(change, message):
    arguments = {"problem": TOY, "method": METHODS[0], "alpha": 1 / 16, "start": 0.0} | change
    with pytest.raises(ValueError, match=message):
        bc_chain(**arguments)


def test_a_lattice_that_is_too_fine_is_refused():
    with pytest.raises(ValueError, match="more than 1024 latent weights can be reached"):
        bc_chain(TOY, METHODS[0], 0.01, start=0.0, rational=True)
    with pytest.raises(ValueError, match="the grid must be finite"):
        deployed(Chain([[0.0]], [[1.0]]), METHODS[0])
