"""A rugged objective with binary weights: which methods find the optimum of random Ising instances, and how often.

Proven: the optimum for d = 16 (all signs are visited), the law of SR in the limit of small steps (the stationary law of
65536 states), the relaxation's bound for d = 200. Measured: everything else. BinaryConnect and SGD with falling steps
are best, but no sure way to the optimum: on some instances no trial misses it, on the hardest about half do, and
neither ten times the steps nor more or less noise changes that by much.
"""

import numpy as np
from _figure import FAILURE, Picture, main

from qtheory import plotting
from qtheory.markov import sr_limit
from qtheory.methods import BC, SGD, SR, Method, R
from qtheory.problems import Gaussian
from qtheory.problems.ising import Ising
from qtheory.quantizers import Grid, NearestRounding, StochasticRounding
from qtheory.relaxation import relaxation_bound
from qtheory.schedules import Table
from qtheory.simulate import simulate
from qtheory.statistics import mean_interval, share_interval

SEED = 2017
SIGMA = 1.0  # of the gradient noise; a coupling sum's deviation is 1 too
BINARY = Grid.binary()
METHODS: tuple[Method, ...] = (
    SR(BINARY),
    R(BINARY),
    BC(NearestRounding(BINARY)),
    BC(StochasticRounding(BINARY)),
    SGD(),
)
TIE = 1e-9  # energies that differ by less are the same, up to rounding
HIGH, LOW = 1.0, 0.01  # the annealed schedule falls from the one to the other, geometrically


def schedule(high: float, low: float, steps: int) -> Table:
    """alpha_1 = high, alpha_(T-1) = low, in constant ratio; constant where both are the same."""
    return Table(np.geomspace(high, low, steps - 1))


def start(method: Method, d: int, trials: int, seed: int) -> np.ndarray:
    """(trials, d) real weights uniform in the box; methods on the grid begin at their signs."""
    w = np.random.default_rng([SEED, seed]).uniform(-1, 1, (trials, d))
    return np.where(w >= 0, 1.0, -1.0) if isinstance(method, SR | R) else w


def run(problem: Ising, method: Method, rates: Table, trials: int, seed: int):
    """(steps, (m, trials) F of the deployed weights, (trials,) F of the signs at the end)."""
    T = rates.values.size + 1
    made = simulate(
        problem, method, rates, steps=T, trials=trials, seed=SEED + seed, record=30, average=False, keep_final=True,
        start=start(method, problem.dim, trials, seed),
    )  # fmt: skip
    best = problem.closed_form()[1]
    return made.steps, best + made.values["deployed_gap"], problem.value(np.where(made.final >= 0, 1.0, -1.0))


def limit_law(problem: Ising) -> tuple[float, float, float]:
    """Where SR ends in the limit of small steps: (chance of w* or -w*, mean of F, relative error of the law)."""
    chain = sr_limit(problem, SR(BINARY))
    law, energies = chain.stationary(), problem.value(chain.points)
    best = law.probabilities[energies <= problem.closed_form()[1] + TIE]
    return float(best.sum()), float(law.probabilities @ energies), float(law.error)


def intervals(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(mean, low, high), each (m,), of samples (m, trials)."""
    found = [mean_interval(row, failure=FAILURE) for row in samples]
    return tuple(np.array([getattr(i, end) for i in found]) for end in ("estimate", "low", "high"))


def optimal(problem: Ising, energy: np.ndarray) -> int:
    return int(np.sum(energy <= problem.closed_form()[1] + TIE))


def over_time(ax, problems: list[Ising], limit: float, T: int, trials: int) -> tuple[dict, dict]:
    """Gap of the annealed methods' deployed weights over time; and how often their signs are optimal at the end."""
    data, hits = {}, {}
    for method in METHODS:
        gaps, hits[method.name] = 0.0, []
        for seed, problem in enumerate(problems):
            steps, energy, last = run(problem, method, schedule(HIGH, LOW, T), trials, seed)
            gaps = gaps + (1 - energy / problem.closed_form()[1]) / len(problems)
            hits[method.name].append(optimal(problem, last))
        mean, low, high = intervals(gaps)
        plotting.curve(ax, steps, mean, low, high, _label(method), method.name)
        data[method.name] = {"t": steps, "gap": mean, "low": low, "high": high}
    plotting.bound(ax, steps, limit, "SR: limit law (theory)", kind="floor")
    ax.set(xscale="log", xlabel="step $t$", ylabel=r"mean of $(F - F^\star)/|F^\star|$, deployed")
    ax.set_title("d = 16, $\\alpha_t$ falls from 1 to 0.01")
    return data, hits


def against_rate(ax, problems, limit: float, annealed: dict, alphas: list[float], T: int, trials: int) -> dict:
    """How often the signs are optimal at the end, for constant steps, and for the falling ones."""
    data, places, n = {}, np.arange(len(alphas)), trials * len(problems)
    for method in METHODS:
        each = [
            [optimal(p, run(p, method, schedule(a, a, T), trials, seed)[2]) for seed, p in enumerate(problems)]
            for a in alphas
        ]
        counts = [*each, annealed[method.name]]
        found = [share_interval(sum(c), n, failure=FAILURE) for c in counts]
        mean, low, high = (np.array([getattr(i, end) for i in found]) for end in ("estimate", "low", "high"))
        plotting.curve(ax, places, mean[:-1], low[:-1], high[:-1], _label(method), method.name)
        look = plotting.METHODS[method.name]
        place = len(alphas) + 0.12 * (METHODS.index(method) - 2)
        span = [mean[-1] - low[-1]], [high[-1] - mean[-1]]
        ax.errorbar(place, mean[-1], span, marker=look.marker, color=look.color, markeredgecolor="white", zorder=5)
        data[method.name] = {"share": mean, "low": low, "high": high, "optimal of each instance": counts}
    plotting.bound(ax, [*places, len(alphas)], limit, "SR: limit law (theory)", kind="floor")
    ax.set_xticks([*places, len(alphas)], [*(f"{a:g}" for a in alphas), "falls"])
    ax.set(xlabel="learning rate $\\alpha$", ylabel="P(the signs are optimal at the end)", ylim=(-0.03, 1.03))
    ax.set_title("d = 16, against the learning rate")
    return {"alpha": alphas, "trials of each instance": trials, **data}


def large(ax, d: int, instances: int, T: int, trials: int) -> dict:
    """Energies as a share of the relaxation's bound, over time, with falling steps."""
    data: dict = {"bounds": []}
    bounds, problems = [], []
    for seed in range(instances):
        J = Ising.random(d, seed).couplings
        bounds.append(relaxation_bound(J))
        problems.append(Ising(J, np.ones(d), noise=Gaussian(SIGMA)))  # any reference will do: F is what is drawn
    data["bounds"] = [{"bound": b.bound, "status": b.status} for b in bounds]
    for method in METHODS:
        shares, best = 0.0, []
        for seed, (problem, bound) in enumerate(zip(problems, bounds, strict=True)):
            steps, energy, last = run(problem, method, schedule(HIGH, LOW, T), trials, seed)
            shares = shares + energy / bound.bound / instances
            best.append(last.min() / bound.bound)
        mean, low, high = intervals(shares)
        plotting.curve(ax, steps, mean, low, high, f"{_label(method)}; best {np.mean(best):.3f}", method.name)
        data[method.name] = {"t": steps, "share": mean, "low": low, "high": high, "best of each instance": best}
    plotting.bound(ax, steps, 1.0, "no signs reach more (proven)")
    ax.set(xscale="log", xlabel="step $t$", ylabel="$F$ of deployed weights / bound", ylim=(-0.05, 1.05))
    ax.set_title(f"d = {d}, $\\alpha_t$ falls from 1 to 0.01")
    return data


def _label(method: Method) -> str:
    return "SGD (real weights)" if isinstance(method, SGD) else method.name


def draw(quick: bool) -> Picture:
    T, trials, count = (4000, 128, 3) if quick else (40_000, 512, 8)
    alphas = [1.0, 0.3, 0.1, 0.03] if quick else [1.0, 0.3, 0.1, 0.03, 0.01, 0.003]
    problems = [Ising.random(16, seed, noise=Gaussian(SIGMA)) for seed in range(count)]
    laws = [limit_law(p) for p in problems]
    chance = float(np.mean([law[0] for law in laws]))
    gap = float(np.mean([1 - law[1] / p.closed_form()[1] for law, p in zip(laws, problems, strict=True)]))
    fig, [axes] = plotting.panels(1, 3, size=(10.5, 3.4))
    annealed, hits = over_time(axes[0], problems, gap, T, trials)
    rates = against_rate(axes[1], problems, chance, hits, alphas, T, trials)
    many = large(axes[2], 200, 2 if quick else 4, T, 128)
    plotting.legend(fig, [2, 0, 1])
    counts = np.array(hits["BC nearest"]) / trials
    shares = (
        f"BC nearest with falling rates: optimal in all trials of {np.sum(counts == 1)} of the {count} instances, in "
        f"{counts.min():.0%} of the hardest's. "
    )
    plotting.caption(
        fig,
        "F(w) = w'Jw/2 on signs, J Gaussian with variance 1/d (Sherrington and Kirkpatrick), gradient noise of "
        f"deviation {SIGMA:g}; T = {T}, falling rates in constant ratio. d = 16: {count} instances x n = {trials} "
        "trials, optimum by enumeration; dotted: the law of SR in the limit of small steps, solved for all states. "
        f"d = 200: share of the semidefinite relaxation's bound, {len(many['bounds'])} instances x n = 128 trials, the "
        "optimum itself is unknown; best: of the signs of all trials at the end. Only the dotted and the dashed line "
        f"are proven. {shares}Bands: middle Clopper-Pearson, else Student's t, confidence 1 - {FAILURE:g} each, for "
        "these instances. SGD: left and right its real weights, in the middle their signs.",
    )
    data = {
        "annealed": annealed, "against the rate": rates, "d=200": many,
        "sr limit": [{"optimal": a, "mean F": e, "relative error": r} for a, e, r in laws],
        "optima": [p.closed_form()[1] for p in problems],
    }  # fmt: skip
    return Picture(fig, data, {"seed": SEED, "steps": T, "trials": trials, "sigma": SIGMA, "failure": FAILURE})


if __name__ == "__main__":
    main("li2017_ising", draw)
