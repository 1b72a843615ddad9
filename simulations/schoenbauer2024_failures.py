"""Where an estimator is no straight-through estimator in disguise: five failures, predicted and measured."""

import math
from fractions import Fraction

import numpy as np
from _figure import FAILURE, Picture, main

from qtheory import plotting
from qtheory.statistics import mean_interval
from qtheory.surrogates import DSQ, EWGS, STE, Levels
from qtheory.theorems.schoenbauer2024 import binary_sign, boundary_jump, weight_decay
from qtheory.theorems.schoenbauer2024._steps import remainder
from qtheory.theorems.schoenbauer2024.binary_sign import SignCase
from qtheory.theorems.schoenbauer2024.boundary_jump import JumpCase
from qtheory.theorems.schoenbauer2024.weight_decay import DecayCase
from qtheory.theorems.schoenbauer2024.zero_slope import Box

SEED = 2024
GRID = Levels.uniform(2)
HOME, R0, STRENGTH, TAU = 1 / 3, -0.133, 0.5, 5.0


def points(ax, x, y, label: str, kind: str, *, hollow: bool = False) -> list[float]:
    look = plotting.METHODS[kind]
    face = "white" if hollow else look.color
    ax.plot(
        x, y, look.marker, color=look.color, mfc=face, mec=look.color, ms=6 if hollow else 4.5, label=label, zorder=5
    )
    return [float(v) for v in y]


def layer(estimator, eta: float, weights: int) -> tuple[list[float], list]:
    """Times ηt and intervals for the mean residual of a layer under N(0, 1) gradients."""
    rng = np.random.default_rng([SEED, round(1 / eta)])
    w, steps, times, found = np.full(weights, HOME + R0), round(TAU / eta), [], []
    for t in range(steps + 1):
        if t % (steps // 10) == 0:
            times.append(t * eta)
            found.append(mean_interval(w - HOME, failure=FAILURE) if t else None)
        w = w - eta * estimator.apply(w, rng.standard_normal(weights))
    return times[1:], found[1:]


def drift(ax, quick: bool) -> dict:
    """EWGS and STE under zero-mean gradients."""
    tau, data = np.linspace(0, TAU, 101), {}
    for estimator, name, kind in ((STE(GRID), "STE", "SGD"), (EWGS(GRID, STRENGTH), "EWGS", "SR")):
        strength = STRENGTH if name == "EWGS" else 0.0
        law = R0 * np.exp(-strength * math.sqrt(2 / math.pi) * tau)
        ax.plot(tau, law, color=plotting.METHODS[kind].color, lw=1.2, label=rf"{name}: $r_0e^{{-\delta m\tau}}$"
                if strength else f"{name}: $r_0$")  # fmt: skip
        data[name] = {"tau": tau, "predicted": law}
        for eta in (1e-3, 2e-4):
            times, found = layer(estimator, eta, 1000 if quick else 10_000)
            mean, low, high = (np.array([getattr(f, end) for f in found]) for end in ("estimate", "low", "high"))
            points(ax, times, mean, rf"{name}, $\eta={eta:g}$", kind, hollow=eta == 1e-3)
            ax.errorbar(
                times, mean, yerr=(mean - low, high - mean), fmt="none", ecolor=plotting.METHODS[kind].color, lw=0.9
            )
            data[name][f"eta = {eta:g}"] = {"tau": times, "mean": mean, "low": low, "high": high}
    ax.set(xlabel=r"$\tau=\eta t$", ylabel=r"mean of $w_t-Q(w_0)$", ylim=(-0.18, 0.01))
    ax.set_title(r"EWGS drifts ($\mathbb{E}h=0$)")
    return data


def jump(ax, quick: bool) -> dict:
    """Shares of time above a boundary, against the ratio of the slopes."""
    h, ratios, data = (Fraction(-3), Fraction(7)), np.geomspace(1 / 8, 8, 101), {}
    curve = [float(boundary_jump.share((Fraction(1), Fraction(r)), h)) for r in ratios]
    ax.plot(ratios, curve, color="#111111", lw=1.2, label=r"$\lambda=\frac{-g_-h_-}{g_+h_+-g_-h_-}$")
    data["predicted"] = {"ratio": ratios, "share": curve}
    marked = [Fraction(1, 8), Fraction(1, 4), Fraction(1, 2), Fraction(1), Fraction(2), Fraction(4), Fraction(8)]
    for eta, kind, tilt in ((Fraction(1, 1000), "SR", 0), (Fraction(1, 1000), "BC nearest", 6)):
        bent = (Fraction(tilt), Fraction(-tilt))
        cases = [
            JumpCase(name="x", g=(1 / max(r, Fraction(1)), min(r, Fraction(1))), tilt=bent, eta=eta, steps=2000)
            for r in marked
        ]
        shares = [float(np.mean(boundary_jump.sides(case))) for case in cases]
        label = "flat on either side" if not tilt else rf"slopes tilted, $\Lambda={tilt}$"
        data[label] = {
            "ratio": [float(r) for r in marked],
            "share": points(ax, marked, shares, label, kind, hollow=bool(tilt)),
        }
    data["ste"] = 0.3
    plotting.bound(ax, [1 / 8, 8], 0.3, "STE, any rate and start", kind="floor")
    ax.set(xscale="log", xlabel="$g_+/g_-$", ylabel="share of steps above", ylim=(0, 0.85))
    ax.set_xticks([1 / 8, 1 / 2, 1, 2, 8], ["1/8", "1/2", "1", "2", "8"])
    ax.set_title("A jump at the boundary")
    return data


def box(ax, quick: bool) -> dict:
    """The mirrored difference after 1/η steps, with a box and with windows."""
    rates, data = [1e-2, 3e-3, 1e-3, 3e-4] if quick else [1e-2, 3e-3, 1e-3, 3e-4, 1e-4], {}
    g = Box(name="x").slope
    bound = [round(1 / e) * float(remainder(g.alpha, float(g.lipschitz), e)) for e in rates]
    plotting.bound(ax, rates, bound, r"bound for the box, $O(\eta)$")
    kinds = (("zero", True, "SR", "two windows, worst case"), ("half", False, "BC nearest", "only $w$ clipped"),
             ("clip", True, "BC stochastic", "box, worst case"), ("clip", False, "SGD", "box, random"))  # fmt: skip
    for repair, worst, kind, label in kinds:
        cases = [Box(name="x", repair=repair, worst=worst, eta=e, steps=round(1 / e)) for e in rates]
        errors = [float(np.abs(case.errors(SEED)).max()) for case in cases]
        data[label] = {"eta": rates, "error": points(ax, rates, errors, label, kind)}
    plotting.bound(ax, rates, g.alpha, r"windows: $\alpha\eta(T-1)$", kind="floor")
    ax.set(xscale="log", yscale="log", xlabel=r"rate $\eta$, $T=1/\eta$", ylabel=r"$\max|M(w_T)-u_T|$")
    ax.set_title("Zeros outside a range")
    return data | {"bound": bound, "windows": g.alpha}


def decay(ax, quick: bool) -> dict:
    """The mirrored difference of one weight against λτ, for two choices of the twin's decay, and without decay."""
    alpha, start, way, data = DSQ(GRID, k=6.5).alpha, 0.45, np.linspace(0.0, 3.0, 121), {}
    for kappa, kind, name in ((1.0, "SR", r"$\kappa=1$"), (1 / alpha, "BC nearest", r"$\kappa=1/\alpha$")):
        g = DSQ(GRID, k=6.5)
        law = np.abs(g.mirror(start * np.exp(-way)) - np.exp(-alpha * kappa * way) * g.mirror(start))
        ax.plot(way, law, color=plotting.METHODS[kind].color, lw=1.2, label=rf"{name}: limit")
        data[name] = {"lambda tau": way, "limit": law}
        marked = [0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
        for eta, noise in ((1e-2, 0.0), (1e-3, 0.0)):
            cases = [
                DecayCase(name="x", start=(start,), noise=noise, kappa=kappa, eta=eta, steps=round(m / (0.5 * eta)))
                for m in marked
            ]
            errors = [abs(weight_decay.fade(case)) for case in cases]
            data[name][f"eta = {eta:g}"] = points(
                ax, marked, errors, rf"{name}, $\eta={eta:g}$", kind, hollow=eta == 1e-2
            )
    ax.axhline(0, color="#999999", lw=0.6, zorder=0)
    ax.set(xlabel=r"$\lambda\tau=\lambda\eta t$", ylabel="$|M(w_t)-u_t|$")
    ax.set_title("Weight decay alone")
    return data


def rates(ax, quick: bool) -> dict:
    """The share of levels that differ from the run for c = 1, against c."""
    factors = [Fraction(2) ** p for p in range(-6, 7)]
    n, steps, data = 12, 200 if quick else 1000, {}
    runs = (({}, "one bit, start scaled", "SGD"), ({"moved": False}, "one bit, start as it was", "SR"),
            ({"levels": 4}, "two bits, start scaled", "BC nearest"))  # fmt: skip
    for more, label, kind in runs:
        shares = []
        for c in factors:
            case = SignCase(name="x", n=n, steps=steps, factors=(c,), **more)
            shares.append(binary_sign.differences(case) / (n * (steps + 1)))
        data[label] = {"c": [float(c) for c in factors], "share": points(ax, factors, shares, label, kind)}
    ax.axhline(0, color=plotting.METHODS["SGD"].color, lw=1.0, zorder=0)
    ax.set(xscale="log", xlabel="factor $c$ on the rate", ylabel="share of levels that differ", ylim=(-0.03, None))
    ax.set_xticks([1 / 64, 1 / 8, 1, 8, 64], ["1/64", "1/8", "1", "8", "64"])
    ax.set_title("One bit: the rate is free")
    return data


def draw(quick: bool) -> Picture:
    fig, [axes] = plotting.panels(1, 5, size=(16.0, 3.1))
    parts = {"drift": drift, "jump": jump, "box": box, "decay": decay, "rates": rates}
    data = {name: part(ax, quick) for ax, (name, part) in zip(axes, parts.items(), strict=True)}
    for ax in axes[1:3]:
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_minor_formatter(lambda value, place: "")
    plotting.legend(fig, [1, 1, 1, 1, 1])
    plotting.caption(
        fig,
        "Lines: predictions, not fits. Marks: measurements. First: the mean residual of a layer of "
        f"{1000 if quick else 10_000:,} weights on 4 levels, normal gradients of mean 0, δ = 0.5, m = E|h|; bars: "
        f"Student t intervals at failure {FAILURE:g} each; filled, the smaller rate. Second: gradients -3 below and 7 "
        "above the boundary, T = 2000 steps, in fractions where the slopes are flat. Third: DSQ with 2 bits, k = 6.5, "
        "R = 1; worst case: one weight ends just outside of the box and its twin just inside, then the gradient turns. "
        "Fourth: the same DSQ, one weight from 0.45, λ = 0.5, no gradients; κ is the choice of the twin. Fifth: "
        "12 weights on a random quadratic in the signs, in fractions; every run compared with the one for c = 1.",
    )
    return Picture(fig, data, {"seed": SEED, "failure": FAILURE, "strength": STRENGTH, "r0": R0, "tau": TAU})


if __name__ == "__main__":
    main("schoenbauer2024_failures", draw)
