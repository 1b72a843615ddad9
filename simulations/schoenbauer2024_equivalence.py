"""Twins: a custom estimator and the straight-through estimator that stands for it; how far they part, and why."""

import numpy as np
from _figure import FAILURE, Picture, main

from qtheory import plotting
from qtheory.statistics import fit_slope
from qtheory.surrogates import DSQ, Levels
from qtheory.theorems.schoenbauer2024 import adam, momentum, sgd_step
from qtheory.theorems.schoenbauer2024._twins import TENT, TwinCase, phi, waves
from qtheory.twins import Adam, Momentum, Regression, twins

SEED = 2024
ESTIMATOR = DSQ(Levels.uniform(2), k=6.5)
WEIGHTS, BATCH, PATH = 64, 8, 3.0
RULES = {
    "SGD": (Momentum(0.0), "SGD"),
    "momentum 0.9": (Momentum(0.9), "BC stochastic"),
    r"Adam, $\beta_2=0.95$": (Adam(0.9, 0.95), "BC nearest"),
    r"Adam, $\beta_2=0.999$": (Adam(0.9, 0.999), "SR"),
}
VARIANTS = {  # of closed loops: arguments of twins, and the colour
    r"with $M$ and $\alpha$": ({}, "SGD"),
    r"with $M$ only": ({"ratio": 1.0}, "BC nearest"),
    r"with $\alpha$ only": ({"mirror": False}, "BC stochastic"),
    "neither": ({"mirror": False, "ratio": 1.0}, "SR"),
}
RATE = r"learning rate $\eta$"


def step_bounds(ax, quick: bool) -> dict:
    """The error of a step, in units of α X² / Λ, against X: estimators below the two bounds."""
    X = np.geomspace(0.003, 0.99, 25 if quick else 49)
    data: dict = {"X": X, "bound": [phi(x) / x**2 for x in X], "older bound": 1 / (2 * (1 - X))}
    for name, wave in waves(6 if quick else 24):
        drawn = [sgd_step.StepCase(name=name, surrogate=wave, rate=x / float(wave.lipschitz)) for x in X]
        data[name] = largest(drawn)
        ax.plot(X, data[name], color="#999999", lw=0.7, label="random waves" if name.startswith("wave 0,") else "_")
    for name, surrogate, kind in (("DSQ, 2 bits, k = 6.5", ESTIMATOR, "SGD"), ("tent", TENT, "SR")):
        x = X[X * float(surrogate.high) <= 0.9] if name == "tent" else X
        cases = [sgd_step.StepCase(name=name, surrogate=surrogate, rate=v / float(surrogate.lipschitz)) for v in x]
        data[name] = {"X": x, "ratio": largest(cases)}
        look = plotting.METHODS[kind]
        ax.plot(x, data[name]["ratio"], look.marker, ms=3.5, color=look.color, mec="white", mew=0.4, label=name)
    plotting.bound(ax, X, data["bound"], r"$\varphi(X)/X^2$, sharp")
    plotting.bound(ax, X, data["older bound"], r"$1/(2(1-X))$", "stated")
    ax.set(xscale="log", ylim=(0.4, 1.6), xlabel=r"$X=\Lambda\eta|h|$", ylabel=r"$\Lambda|R|/(\alpha X^2)$")
    ax.set_title("One step")
    return data


def largest(cases: list) -> list[float]:
    """Λ |R| / (α X²), the largest over a bin."""
    each = []
    for c in cases:
        worst = sgd_step.THEOREM.measure(c, seed=0, failure=FAILURE).estimate * c.rate**2
        each.append(float(c.surrogate.lipschitz) * worst / (c.surrogate.alpha * c.X**2))
    return each


def shared(ax, quick: bool) -> dict:
    """The error after a path of η T = 1 with shared gradients, against η."""
    data: dict = {}
    for name, (rule, kind) in RULES.items():
        eta = np.logspace(-2, -4, 9) if quick else np.logspace(-2, -5, 13)
        errors, bounds = [], []
        for rate in eta:
            case = shared_case(rule, rate)
            errors.append(float(case.run(SEED).error.max()))
            bounds.append(bound_of(case))
        look = plotting.METHODS[kind]
        few = eta < (2e-3 if quick else 3e-4)
        fit = fit_slope(eta[few], np.array(errors)[few], failure=FAILURE)
        told = f"{name}: slope {fit.estimate:.2f}" if "0.999" not in name else name
        ax.plot(eta, errors, look.marker + "-", color=look.color, ms=4, mec="white", mew=0.4, label=told)
        inside = np.isfinite(bounds)
        ax.plot(eta[inside], np.array(bounds)[inside], "--", color=look.color, lw=1.0)
        kept = {"rate": eta[inside], "bound": np.array(bounds)[inside]}
        data[name] = {"rate": eta, "error": errors, "claim": kept, "slope": fit}
    ax.plot([], [], "--", color="#777777", label="bounds, where they apply")
    ax.set(xscale="log", yscale="log", xlabel=RATE, ylabel="largest error", title=r"Shared gradients, $\eta T=1$")
    return data


def shared_case(rule: Momentum | Adam, rate: float) -> TwinCase:
    """A layer; momentum at equal effective rate."""
    unit = 1 - rule.mu if isinstance(rule, Momentum) else 1.0
    return adam.AdamCase(name="x", surrogate=ESTIMATOR, rule=rule, rate=unit * rate, steps=round(1 / rate))


def bound_of(case: TwinCase) -> float:
    """The theorem's bound, infinite where it does not speak."""
    theorem = adam.THEOREM if isinstance(case.rule, Adam) else momentum.THEOREM
    return theorem.claim(case).high if all(a.holds for a in theorem.checked(case)) else np.inf


def loops(quick: bool) -> dict:
    """Quantized least squares in closed loop: all variants, and Adam, at all rates."""
    eta, seeds = np.logspace(-2, -4, 5 if quick else 9), 3 if quick else 10
    data: dict = {"rate": eta}
    adams = {name: ({"rule": rule}, kind) for name, (rule, kind) in RULES.items() if isinstance(rule, Adam)}
    for name, (arguments, _) in (VARIANTS | adams).items():
        pairs = [[layer(rate, seed, arguments) for seed in range(seeds)] for rate in eta]
        data[name] = {
            what: np.array([[getattr(p, what) for p in row] for row in pairs])
            for what in ("quantized_agreement", "exact_agreement", "compressed_agreement")
        }
        data[name]["error"] = np.array([[float(p.error.mean()) for p in row] for row in pairs])
    return data


def layer(rate: float, seed: int, arguments: dict):
    """One pair of runs."""
    teacher, start = np.random.default_rng([SEED, seed]).uniform(-1, 1, (2, WEIGHTS))
    source = Regression(tuple(teacher), BATCH, 0.0, SEED + seed)
    return twins(ESTIMATOR, start, source, rate=rate, steps=round(PATH / rate), **arguments)


def band(ax, eta, values: np.ndarray, label: str, kind: str, style: str = "-") -> None:
    """The mean over seeds, and their range."""
    look = plotting.METHODS[kind]
    ax.fill_between(eta, values.min(axis=1), values.max(axis=1), color=look.color, alpha=0.15, linewidth=0)
    mark: dict = {"marker": look.marker, "ms": 4, "mec": "white", "mew": 0.4}
    ax.plot(eta, values.mean(axis=1), style, color=look.color, label=label, **mark)


def agreement(ax, data: dict) -> None:
    """Shares of weights with the same sequences."""
    with_all, without = data[r"with $M$ and $\alpha$"], data["neither"]
    band(ax, data["rate"], with_all["compressed_agreement"], "compressed", "SGD")
    band(ax, data["rate"], with_all["quantized_agreement"], "final level", "BC stochastic", "--")
    band(ax, data["rate"], with_all["exact_agreement"], "exact sequence", "BC nearest")
    band(ax, data["rate"], without["compressed_agreement"], r"compressed, no $M$, no $\alpha$", "SR")
    ax.set(xscale="log", ylim=(0, 1.02), xlabel=RATE, ylabel="share of weights that agree", title="SGD in closed loop")


def errors(ax, data: dict) -> None:
    """Mean errors, with and without M and α, and of Adam."""
    for name, (_, kind) in VARIANTS.items():
        band(ax, data["rate"], data[name]["error"], name, kind)
    for name, (rule, _) in RULES.items():
        if isinstance(rule, Adam):
            band(ax, data["rate"], data[name]["error"], name, "R" if rule.beta2 < 0.99 else "SR", ":")
    ax.set(xscale="log", yscale="log", xlabel=RATE, ylabel="mean error", title="Closed loop: what is needed")


def draw(quick: bool) -> Picture:
    fig, [axes] = plotting.panels(1, 4, size=(14.0, 3.2))
    data: dict = {"step": step_bounds(axes[0], quick), "shared": shared(axes[1], quick), "loops": loops(quick)}
    agreement(axes[2], data["loops"])
    errors(axes[3], data["loops"])
    plotting.legend(fig, [1, 1, 1, 2])
    seeds = len(data["loops"]["neither"]["error"][0])
    plotting.caption(
        fig,
        r"Twins: weights $w$ with 2-bit DSQ, $k=6.5$, and $u$ with the straight-through estimator. First: the "
        r"remainder $R$ of one step in the mirror, the largest over a bin; $\varphi(X)=-\log(1-X)-X$. Second: the "
        rf"largest $|M(w)-u|$ (Adam: $|w-u|$) of {WEIGHTS} weights with noisy shared gradients, $0.4\leq|h|\leq1$; "
        "momentum at the effective rate; dashed: bounds, where their conditions hold (for Adam with long memory far "
        rf"below these rates: $\eta<5.4\cdot10^{{-6}}$); slopes: fitted below {0.002 if quick else 0.0003:g}. Third "
        rf"and fourth: least squares with quantized weights, {WEIGHTS} weights, batch {BATCH}, $\eta T=3$, each run "
        f"with gradients at its own quantized weights, same batches; means and ranges of {seeds} seeds. Compressed "
        "sequences of levels agree, exact ones do not: weights that oscillate are out of step.",
    )
    settings = {"seed": SEED, "failure": FAILURE, "weights": WEIGHTS, "batch": BATCH, "path": PATH, "k": ESTIMATOR.k}
    return Picture(fig, data, settings)


if __name__ == "__main__":
    main("schoenbauer2024_equivalence", draw)
