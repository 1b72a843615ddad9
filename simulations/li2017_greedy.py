"""Exploration and exploitation in numbers: escape rates, hitting times, the best level at the end, the mean slope."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
from _figure import FAILURE, Picture, main

from qtheory import plotting
from qtheory.markov import bc_chain, sr_chain
from qtheory.methods import BC, SGD, SR
from qtheory.problems import Gaussian, PiecewiseQuadratic, Rademacher
from qtheory.quantizers import Grid, NearestRounding, StochasticRounding
from qtheory.schedules import Constant, InverseSqrt
from qtheory.simulate import log_spaced, simulate
from qtheory.statistics import share_interval
from qtheory.theorems.li2017 import bc_escape
from qtheory.theorems.li2017._averaged import Averaged

SEED, SIGMA = 11, 2.0
GRID, RIDGE = Grid(0.5), 0.75  # BinaryConnect is deployed beyond the basin of 0 from here on
SMALL_BOX, BOX = (-2.0, 6.0), (-4.0, 8.0)
GLOBAL = 3.5  # the global basin begins here
METHODS = SR(GRID), BC(StochasticRounding(GRID)), BC(NearestRounding(GRID))


def small() -> PiecewiseQuadratic:
    """The toy with two-point noise: the latent weight of BinaryConnect lives on a lattice, and nothing is sampled."""
    return PiecewiseQuadratic.li2017_toy(Rademacher(SIGMA), SMALL_BOX)


def chain_of(method, alpha: Fraction):
    """(chain, index of w_1 = 0)."""
    if isinstance(method, SR):
        chain = sr_chain(small(), method, float(alpha))
    else:
        chain = bc_chain(small(), method, alpha, start=0.0)
    return chain, int(np.argmin(np.abs(chain.points[:, 0])))


def escapes(left, middle, right, alphas: list[Fraction], data: dict) -> None:
    """Escape rate, hitting time and mean squared averaged gradient, all in the clock t = alpha * steps."""
    mean = Averaged(small(), GRID)
    for method in METHODS:
        rates, times, squares = [], [], []
        for alpha in alphas:
            chain, begin = chain_of(method, alpha)
            w = chain.points[:, 0]
            rates.append(chain.escape_rate(w < RIDGE).estimate / float(alpha))
            times.append(float(alpha) * float(chain.hitting_time(w >= GLOBAL)[begin]))
            squares.append(float(chain.stationary().probabilities @ mean.b(w) ** 2))
        x = [float(1 / a) for a in alphas]
        for ax, values in ((left, rates), (middle, times), (right, squares)):
            plotting.curve(ax, x, values, None, None, method.name, method.name)
        data[method.name] = {"1/alpha": x, "escape rate": rates, "hitting time": times, "mean b^2": squares}
    G = small().constants.G.value
    plotting.bound(right, x, [float(a) * mean.M * G**2 / 2 for a in alphas], r"for BC stochastic: $\alpha MG^2/2$")
    plotting.bound(left, x, [leaving(a) for a in alphas], "bound for BC nearest")
    left.set(yscale="log", xlabel=r"$1/\alpha$", ylabel=r"escape rate from the basin of 0, per $\alpha$")
    middle.set(yscale="log", xlabel=r"$1/\alpha$", ylabel=r"$\alpha\,\mathbb{E}$[steps to the global basin]")
    right.set(xscale="log", yscale="log")
    right.xaxis.set_minor_formatter(lambda value, place: "")
    right.set(xticks=[8, 16, 32, 64], xticklabels=["8", "16", "32", "64"])
    right.set(xlabel=r"$1/\alpha$", ylabel=r"stationary $\mathbb{E}\,b(w)^2$")


def leaving(alpha: Fraction) -> float:
    """The chance of a step to leave, per alpha, that bc_escape allows: the increase of its bound with T."""
    a = float(alpha)
    instance = bc_escape.case("drawn", a, 2, small())
    later = bc_escape.THEOREM.claim(replace(instance, steps=3)).high - bc_escape.THEOREM.claim(instance).high
    return later / a


def budgets(ax, steps: int, trials: int, data: dict) -> None:
    """The share of trials that deploy a best level, against the budget."""
    problem = PiecewiseQuadratic.li2017_toy(Gaussian(SIGMA), BOX, 4)
    marks = log_spaced(steps, 24)
    best = float(problem.term(0, np.array(4.5))) - 0.19 + 1e-9
    schedules = (("0.3, constant", Constant(0.3), 0.0), ("0.01, constant", Constant(0.01), 0.7),
                 (r"$1/\sqrt{t}$", InverseSqrt(1.0), 0.35))  # fmt: skip
    for method in (SR(GRID), BC(NearestRounding(GRID))):
        for name, schedule, shade in schedules:
            shares = [deployed(problem, method, schedule, int(t), trials, best) for t in marks if t >= 10]
            t = [int(t) for t in marks if t >= 10]
            low, middle, high = ([getattr(s, end) for s in shares] for end in ("low", "estimate", "high"))
            plotting.curve(ax, t, middle, low, high, rf"{method.name}, $\alpha_t$ = {name}", method.name, shade=shade)
            data[f"{method.name}, {name}"] = {"steps": t, "share": middle, "low": low, "high": high}
    ax.set(xscale="log", ylim=(0, 1.02), xlabel="budget (steps)", ylabel="share at a best level at the end")


def deployed(problem, method, schedule, steps: int, trials: int, best: float):
    """How many of the independent coordinates end at a level with the least F."""
    run = simulate(
        problem, method, schedule, steps=steps, trials=trials, seed=SEED, start=np.zeros(4), record=[steps],
        average=False, precision="single", keep_final=True,
    )  # fmt: skip
    w = run.final if isinstance(method, SR | SGD) else method.quantizer(run.final)
    hits = int((problem.term(0, w) - 0.19 <= best).sum())
    return share_interval(hits, w.size, failure=FAILURE)


def draw(quick: bool) -> Picture:
    steps, trials = (10_000, 512) if quick else (300_000, 1024)
    alphas = [Fraction(1, n) for n in ((8, 16, 24, 32, 48) if quick else (8, 12, 16, 20, 24, 32, 40, 48, 56, 64))]
    fig, [[a, b, c, d]] = plotting.panels(1, 4, size=(13.0, 3.4))
    data: dict = {}
    escapes(a, b, c, alphas, data)
    budgets(d, steps, trials, data)
    plotting.legend(fig, 1)
    plotting.caption(
        fig,
        "The toy of Li et al. 2017 as reconstructed, Δ = 0.5. First three panels: two-point noise ±2, box [-2, 6], "
        "exact (finite chains; for BinaryConnect of the latent weight on its lattice), in the clock t = α · steps. SR "
        "escapes and arrives at a rate that does not depend on α once α|g| <= Δ; BinaryConnect's rates fall "
        f"exponentially in 1/α. Last panel: Gaussian noise σ = 2, box [-4, 8], start 0, n = {4 * trials} independent "
        f"coordinates, Clopper-Pearson intervals at confidence 1 - {FAILURE:g}; the best levels are 4.5 and 5.",
    )
    return Picture(fig, data, {"seed": SEED, "steps": steps, "trials": trials, "sigma": SIGMA, "failure": FAILURE})


if __name__ == "__main__":
    main("li2017_greedy", draw)
