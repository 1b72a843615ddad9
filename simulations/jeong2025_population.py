"""Two-layer networks over infinitely many samples: loss and coarse gradients in closed form, and the time they take."""

import math

import numpy as np
from _figure import FAILURE, Picture, main

from qtheory import plotting
from qtheory.statistics import mean_interval
from qtheory.two_layer import population

SEED = 2025
V, V_STAR = np.array([1.0, -0.5, 0.75]), np.array([0.5, 0.5, 1.0])
ANGLES = np.linspace(0.0, math.pi, 121)
MARKED = np.radians([15, 40, 65, 90, 115, 140, 165])
WIDTHS = {0.3: "BC nearest", 1.0: "SR", 3.0: "SGD"}  # a = 1/|w|, and the colour
TICKS = {"xticks": [0, math.pi / 2, math.pi], "xticklabels": ["0", r"$\pi/2$", r"$\pi$"], "xlabel": r"angle $\theta$"}


def network(theta: float, samples: int, ste: str, seed: int, *, v=V, v_star=V_STAR, activation="heaviside", a=1.0):
    """Loss (N,) and coarse gradient (N, 2) of independent samples in the plane of w = (1/a, 0) and w*."""
    z = np.random.default_rng([SEED, seed]).standard_normal((samples, v.size, 2))
    x, y = z[..., 0] / a, z @ [math.cos(theta), math.sin(theta)]
    low = 0.0 if activation == "heaviside" else -1.0
    r = np.where(x > 0, 1.0, low) @ v - np.where(y > 0, 1.0, low) @ v_star
    passed = {"identity": np.ones_like(x), "relu": x > 0, "clipped": (x > 0) & (x < 1)}[ste]
    return r**2 / 2, r[:, None] * ((v * passed)[:, None, :] @ z)[:, 0]


def witness(ax, samples: list[np.ndarray], kind: str) -> dict:
    """Sampled means at the marked angles, with their intervals."""
    found = [mean_interval(s, failure=FAILURE) for s in samples]
    mean, low, high = (np.array([getattr(f, end) for f in found]) for end in ("estimate", "low", "high"))
    look = plotting.METHODS[kind]
    ax.errorbar(
        MARKED, mean, yerr=(mean - low, high - mean), fmt=look.marker, color=look.color, ms=4, mec="white", mew=0.5,
        elinewidth=1.1, zorder=5,
    )  # fmt: skip
    return {"theta": MARKED, "mean": mean, "low": low, "high": high}


def line(ax, values: list[float], label: str, kind: str, style: str = "-") -> list[float]:
    ax.plot(ANGLES, values, style, color=plotting.METHODS[kind].color, lw=1.3, label=label)
    return values


def directions(theta: float, length: float = 1.0) -> tuple[list[float], list[float]]:
    return [length, 0.0], [math.cos(theta), math.sin(theta)]


def losses(ax, samples: int) -> dict:
    """E r^2 / 2 against the angle."""
    data = {}
    for activation, kind in (("heaviside", "SGD"), ("sign", "SR")):
        values = [population.loss(V, V_STAR, *directions(t), activation=activation) for t in ANGLES]
        line(ax, values, activation, kind)
        drawn = [network(t, samples, "identity", k, activation=activation)[0] for k, t in enumerate(MARKED)]
        data[activation] = {"theta": ANGLES, "loss": values, "sampled": witness(ax, drawn, kind)}
    ax.set(ylabel=r"mean loss $\frac{1}{2}\mathbb{E}\,r^2$", title="Loss", ylim=(0, None), **TICKS)
    return data


def projections(ax, samples: int) -> dict:
    """E g along w and along w*, for two estimators."""
    data = {}
    for ste, kind in (("identity", "SGD"), ("relu", "SR")):
        drawn = [network(t, samples, ste, 100 + k)[1] for k, t in enumerate(MARKED)]
        for name, style in (("w", "-"), ("w*", "--")):
            toward = [np.array(directions(t)[name == "w*"]) for t in (*ANGLES, *MARKED)]
            values = [
                float(population.coarse_gradient(V, V_STAR, *directions(t), ste=ste) @ e)
                for t, e in zip(ANGLES, toward, strict=False)
            ]
            line(ax, values, rf"{ste}, along ${name.replace('*', '^*')}$", kind, style)
            seen = [g @ e for g, e in zip(drawn, toward[ANGLES.size :], strict=True)]
            data[f"{ste}, along {name}"] = {"theta": ANGLES, "value": values, "sampled": witness(ax, seen, kind)}
    ax.axhline(0, color="#999999", lw=0.6, zorder=0)
    ax.set(ylabel=r"$\mathbb{E}\,g$, projected", title="Coarse gradient (Heaviside)", **TICKS)
    return data


def window(ax, samples: int) -> dict:
    """A and B of the clipped estimator, sampled as means of one number each; B only where sin θ is not small."""
    data, one, C = {}, np.ones(1), 1 / (2 * math.sqrt(2 * math.pi))
    curves = {a: np.array([population.clipped_coefficients(t, a) for t in ANGLES]) for a in WIDTHS}
    for column, (name, style) in enumerate((("A", "-"), ("B", "--"))):
        for a, kind in WIDTHS.items():
            line(ax, curves[a][:, column], f"${name}$, $a={a:g}$", kind, style)
    for number, (a, kind) in enumerate(WIDTHS.items()):
        values, A, B = curves[a], [], []
        for k, t in enumerate(MARKED):
            more = {"v": one, "v_star": one, "a": a}
            g = network(t, samples, "clipped", 200 + 10 * number + k, **more)[1] / C
            B.append(-g[:, 1] / math.sin(t))
            A.append(g[:, 0] + B[-1] * math.cos(t))
        data[f"a = {a:g}"] = {"theta": ANGLES, "A": values[:, 0], "B": values[:, 1]}
        data[f"a = {a:g}"] |= {"A sampled": witness(ax, A, kind), "B sampled": witness(ax, B, kind)}
    ax.axhline(0, color="#999999", lw=0.6, zorder=0)
    ax.set(ylabel="coefficient", title="Clipped estimator", **TICKS)
    return data


def times(ax, n: int) -> dict:
    """The share of wrong signs against rescaled time, every estimator at two steps, from one start."""
    rng = np.random.default_rng(SEED)
    w_star, start = rng.choice([-1.0, 1.0], n), rng.standard_normal(n)
    s, data = population.speed([1.0], n, ste="relu"), {}
    for ste, kind in (("relu", "SR"), ("clipped", "BC nearest")):
        for unit, style in ((1 / 64, "-"), (1 / 2, "--")):  # η s
            u, distance = start.copy(), []
            while not distance or distance[-1] > 0:
                q = np.where(u >= 0, 1.0, -1.0)
                distance.append(int((q != w_star).sum()))
                u -= unit / s * population.coarse_gradient([1.0], [1.0], q, w_star, ste=ste)
            tau = unit * np.arange(len(distance))
            label = rf"{ste}, $\eta s=1/{1 / unit:g}$"
            ax.step(tau, np.array(distance) / n, style, where="post", color=plotting.METHODS[kind].color, label=label)
            data[label] = {"eta s t": tau, "wrong": distance}
            if ste == "relu":
                T = population.hitting_time(start, w_star, unit / s, s)
                ax.plot(T * unit, 0, "v", color="#111111", ms=5, clip_on=False, zorder=6, label="_formula")
                data[label]["hitting time"] = T
    ax.set(xscale="log", xlim=(0.01, 20), ylim=(0, None), xlabel=r"$\eta s t$", ylabel="share of wrong signs")
    ax.set_title(f"Way to $w^*$, $n={n}$")
    return data


def draw(quick: bool) -> Picture:
    samples, n = (100_000, 64) if quick else (1_000_000, 64)
    fig, [axes] = plotting.panels(1, 4, size=(13.0, 3.0))
    data = {
        "loss": losses(axes[0], samples),
        "gradient": projections(axes[1], samples),
        "clipped": window(axes[2], samples),
        "time": times(axes[3], n),
    }
    plotting.legend(fig, [2, 2, 2, 1])
    plotting.caption(
        fig,
        "A two-layer network over infinitely many Gaussian samples. Lines: closed forms. Marks: means of "
        f"N = {samples:,} samples of the network itself; bars: Student t intervals at failure {FAILURE:g} each (they "
        "rest on the central limit theorem). First two: three units, v = (1, -0.5, 0.75), v* = (0.5, 0.5, 1), |w| = 1. "
        "Third: v = v*, a = 1/|w|; A < B except at θ = 0. Last: descent along E g from one Gaussian start, v = v*, s "
        "the speed of ReLU's estimator; triangles: its hitting times by the formula, each within one step of "
        "max |u| / 2 over the wrong signs. The window slows the way without barring it. Nothing is sampled there.",
    )
    settings = {"seed": SEED, "samples": samples, "failure": FAILURE, "n": n, "v": V, "v*": V_STAR}
    return Picture(fig, data, settings)


if __name__ == "__main__":
    main("jeong2025_population", draw)
