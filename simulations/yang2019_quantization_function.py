"""The quantization function: soft and hard, their distance, the slope's moments, and the equivalent STE's rate."""

import math

import numpy as np
from _figure import FAILURE, Picture, main

from qtheory import plotting
from qtheory.quantization_network import harmonic_mean
from qtheory.statistics import Interval, mean_interval
from qtheory.theorems.yang2019 import custom_estimator, hard_limit, slope_moments, temperature_gap
from qtheory.theorems.yang2019._function import EXAMPLES, FunctionCase, even

SEED = 2019
FUNCTIONS = dict(EXAMPLES)
SHOWN = {"±4": "SGD", "ternary": "SR"}  # and the colour
SOFT = {3.0: "BC nearest", 8.0: "SR", 25.0: "SGD"}  # T, and the colour
MARGIN = 0.1


def case(name: str, T: float, **more) -> FunctionCase:
    """One of the examples; u = beta x is standard normal."""
    return FunctionCase(name=name, T=float(T), **FUNCTIONS[name], **more)


def known(theorem, of: FunctionCase) -> Interval:
    """What the theorem measures, by quadrature."""
    return theorem.THEOREM.measure(of, seed=SEED, failure=FAILURE)


def law(of: FunctionCase, factor: float, power: int) -> float:
    """factor alpha^power sum_i s_i^power ρ(b_i): the laws, without their errors."""
    return factor * of.alpha**power * float(of.function.steps**power @ of.density(np.array(of.biases)))


def functions(ax) -> dict:
    """Soft functions and the hard one."""
    u = np.linspace(-3.6, 3.6, 1441)
    of = case("±4", 1.0)
    data = {"u": u, "hard": of.hard(u)}
    for T, kind in SOFT.items():
        data[f"T = {T:g}"] = of.function.soft(u, T)
        ax.plot(u, data[f"T = {T:g}"], color=plotting.METHODS[kind].color, lw=1.3, label=f"soft, $T={T:g}$")
    ax.plot(u, data["hard"], "--", color="#111111", lw=0.9, label="hard", zorder=4)
    ax.set(xlabel=r"$u=\beta x$", ylabel=r"$Q(u)$", title="Quantization function", yticks=list(of.function.levels))
    return data


def gaps(ax, temperatures: np.ndarray, samples: int) -> dict:
    """The mean distance of soft and hard against T, with the law; and the largest one at a distance."""
    data, rng = {"T": temperatures}, np.random.default_rng([SEED, 1])
    for name, kind in SHOWN.items():
        look, cases = plotting.METHODS[kind], [case(name, T, part="law") for T in temperatures]
        predicted = [law(c, 2 * math.log(2) / c.T, 1) for c in cases]
        exact = [known(temperature_gap, c).estimate for c in cases]
        ax.plot(temperatures, predicted, color=look.color, lw=1.2, label=f"{name}: law")
        ax.plot(temperatures, exact, look.marker, color=look.color, ms=4, mec="white", mew=0.5, label=f"{name}: exact")
        data[name] = {"law": predicted, "exact": exact, "sampled": {}}
        for T in (10.0, 50.0, 250.0):
            of = case(name, T)
            gap = np.abs(of.function.gap(rng.standard_normal(samples), T))
            found = mean_interval(gap, failure=FAILURE, bounds=(0.0, of.scale / 2))
            data[name]["sampled"][f"{T:g}"] = found
            ax.vlines(T, found.low, found.high, color="#111111", lw=1.4, zorder=5)
    far = np.geomspace(temperatures[0], 150, 40)
    data["largest beyond the margin"] = [
        known(hard_limit, case("±4", T, part="margin", margin=MARGIN)).estimate for T in far
    ]
    label = rf"±4: largest, $|u-b_i|\geq{MARGIN:g}$"
    ax.plot(far, data["largest beyond the margin"], ":", color="#111111", lw=1.2, label=label)
    ax.set(xscale="log", yscale="log", xlabel="temperature $T$", title="Soft to hard", ylim=(5e-4, 2))
    ax.set_ylabel(r"$\mathbb{E}\,|Q_T-Q_\infty|$")
    return data


def moments(ax, temperatures: np.ndarray) -> dict:
    """Mean and second moment of the slope, and their participation ratio, for the example with ±4."""
    data = {"T": temperatures}
    first, second = (np.array([law(case("±4", T), f, k) for T in temperatures]) for f, k in ((1.0, 1), (1 / 6, 2)))
    second = second * temperatures
    rows = (
        ("mean", r"\mathbb{E}\,D", "SGD", first),
        ("second", r"\mathbb{E}\,D^2", "SR", second),
        ("ratio", r"(\mathbb{E}\,D)^2/\mathbb{E}\,D^2", "BC stochastic", first**2 / second),
    )
    for part, label, kind, predicted in rows:
        look, cases = plotting.METHODS[kind], [case("±4", T, part=part) for T in temperatures]
        exact = [known(slope_moments, c).estimate for c in cases]
        ax.plot(temperatures, predicted, color=look.color, lw=1.2, label=f"${label}$: law")
        ax.plot(temperatures, exact, look.marker, color=look.color, mec="white", mew=0.5, label=f"${label}$: exact")
        data[part] = {"law": predicted, "exact": exact}
    ax.set(xscale="log", yscale="log", xlabel="temperature $T$", ylabel=r"moments of $D=\partial Q_T/\partial u$")
    ax.set_title("Slope")
    return data


def rates(ax, points: int) -> dict:
    """The harmonic mean of the slope between biases, in units of alpha s / Δ, against TΔ."""
    x, data = np.linspace(0.5, 40, 300), {}
    formula, asymptote = [harmonic_mean(t) for t in x], 2 / math.pi * x**2 * np.exp(-x / 2)
    look = plotting.METHODS["SGD"]
    ax.plot(x, formula, color=look.color, lw=1.3, label=r"$2c^2/I(c)$: exact for $n=2$")
    plotting.bound(ax, x[x > 4], asymptote[x > 4], r"$\frac{2}{\pi}(T\Delta)^2e^{-T\Delta/2}$", "stated")
    data |= {"TΔ": x, "formula": formula, "asymptote": asymptote}
    for n, kind in ((3, "SR"), (15, "BC stochastic")):
        look, at = plotting.METHODS[kind], np.linspace(1, 38, points)
        cases = [
            custom_estimator.EstimatorCase(name="α", part="alpha", T=float(t), bin=(n + 1) // 2, **even(n)) for t in at
        ]
        found = [known(custom_estimator, c).estimate for c in cases]
        ax.plot(at, found, look.marker, color=look.color, ms=4, mec="white", mew=0.5, label=f"$n={n}$, by quadrature")
        data[f"n = {n}"] = {"TΔ": at, "alpha": found}
    ax.set(yscale="log", xlabel=r"$T\Delta$", ylabel=r"$\alpha_{\mathrm{STE}}\,\Delta/(\alpha s)$", ylim=(1e-6, 3))
    ax.set_title("Rate of the equivalent STE")
    return data


def draw(quick: bool) -> Picture:
    samples, count = (100_000, 8) if quick else (1_000_000, 14)
    temperatures = np.geomspace(2, 1000, count)
    fig, [axes] = plotting.panels(1, 4, size=(13.0, 3.0))
    data = {
        "functions": functions(axes[0]),
        "gap": gaps(axes[1], temperatures, samples),
        "moments": moments(axes[2], temperatures),
        "rate": rates(axes[3], count),
    }
    plotting.legend(fig, [2, 2, 2, 1])
    plotting.caption(
        fig,
        "The quantization function of Yang et al. (2019) with levels ±4, ±2, ±1, 0 and biases ±0.5, ±1.4, ±2.8, and "
        "with levels ±1, 0 and biases ±0.05 (ternary); scales 1, u standard normal. Second and third panel: lines are "
        "the laws without their errors, marks are exact by quadrature; black bars: intervals for the mean of "
        f"{samples:,} samples each (Hoeffding and empirical Bernstein, failure {FAILURE:g}). The mean distance falls "
        "like 1/T, although away from the biases the functions meet exponentially fast (dotted: the largest distance "
        "there); ternary follows its law once T is large against 1/0.1, the distance of its biases. The mean slope D "
        "stays while its second moment grows like T, so that a share of about 1/T of the weights receives the "
        "gradient. Last: the harmonic mean of the slope in the middle interval between two biases, for biases at "
        "distance Δ and equal steps s; the STE that is equivalent to the soft gradient there has this multiple of its "
        "rate.",
    )
    settings = {"seed": SEED, "samples": samples, "failure": FAILURE, "margin": MARGIN, "functions": FUNCTIONS}
    return Picture(fig, data, settings)


if __name__ == "__main__":
    main("yang2019_quantization_function", draw)
