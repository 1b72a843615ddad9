"""When label noise drives the weights from the optimum. Symbols: u, eta, w*, rho = w* g(w*) / s, y = w* u / (eta s)."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np

from ...statistics import Interval
from ...two_layer import TwoLayer, recover
from ...two_layer.recovery import Path
from .._base import Checked, Claim, Role, Theorem
from . import _noise
from ._noise import NoiseCase, outside, wrong_claim


class NoiseEscape(Theorem):
    """With label noise w* is left after a number of steps that its latent weights tell in advance.   (qtheory)

    Algorithm: u <- u - eta g(sign u) with the full batch; any activation, any estimator; sign(0) = +1.
    Assumptions: fixed data and output weights, constant eta; some rho_k > 0, where rho_k = w*_k g_k(w*) / s is the
        drift toward the wrong sign (none is without label noise: then w* absorbs).
    Statement: a stay at w* that begins with y_k = w*_k u_k / (eta s) lasts exactly min over rho_k > 0 of
        floor(y_k / rho_k) + 1 (w*_k = 1) or ceil(y_k / rho_k) (w*_k = -1) steps.
    Kind: identity.
    Status: tight: an identity, checked in integers, for every stay of every path.
    Arguments: the case's problem, starts, step, steps. Measured: least and largest ratio of a stay's length to the
        statement's; the last stay, which the window cuts, is left out.
    Errors raised: ValueError where no stay ends in the window.
    References: derived here; the recurrence is announced in the abstract of Jeong, Xin and Yin (2025),
        arXiv:2505.18113, whose full text was not at hand; proofs/jeong2025/noise_escape.md.
    """

    title = "Label noise: w* is left at a step known in advance"
    source = "qtheory (derived here; after the abstract of Jeong, Xin and Yin 2025)"
    kind = "identity"
    statement = (
        r"L=\min_{\rho_k>0}\begin{cases}\lfloor y_k/\rho_k\rfloor+1&w^\star_k=1\\"
        r"\lceil y_k/\rho_k\rceil&w^\star_k=-1\end{cases}"
    )
    figure = "jeong2025_recurrence"

    def assumptions(self, instance: NoiseCase) -> Iterable[Checked]:
        kind = type(instance).__name__
        yield Checked("the case is a NoiseCase", isinstance(instance, NoiseCase), f"it is of type {kind}")
        yield _noise.noisy(instance.problem)

    def claim(self, instance: NoiseCase) -> Claim:
        return Claim(1.0, 1.0)

    def measure(self, instance: NoiseCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        u0 = instance.start(seed)
        run = recover(
            instance.problem, start=u0, step=instance.eta, steps=instance.steps, paths=True, threads=threads
        )  # fmt: skip
        whole = np.rint(u0 / instance.unit).astype(np.int64)
        ratios = [
            length / predicted(u, gradient, instance.problem.teacher, instance.naive)
            for path, start in zip(run.paths, whole, strict=True)
            for length, u, gradient in stays(instance.problem, path, start)
        ]
        if not ratios:
            raise ValueError(f"steps is {instance.steps}: expected a window in which a stay at w* ends")
        return Interval(min(ratios), max(ratios), float(np.mean(ratios)), 1.0, f"exact: {len(ratios)} stays")

    def instances(self, scale: str = "quick") -> Iterable[NoiseCase]:
        steps = 2000 if scale == "quick" else 20_000
        some: dict = {"steps": steps, "at_teacher": True}
        gaussian = TwoLayer.draw(8, 1024, label_noise=0.5, seed=1)
        yield NoiseCase(name="Gaussian, identity", problem=gaussian, **some)
        for ste, activation, m in (("relu", "heaviside", 3), ("clipped", "heaviside", 1), ("relu", "sign", 2)):
            p = TwoLayer.draw(12, 2048, m=m, label_noise=0.5, ste=ste, activation=activation, seed=2)
            yield NoiseCase(name=f"Gaussian, {activation}, {ste}, m = {m}", problem=p, step=0.1, **some)
        p = TwoLayer.draw(32, 1024, law="student", label_noise=1.0, seed=3)
        yield NoiseCase(name="t_3, n = 32, strong noise", problem=p, **some)
        meets = _noise.symmetric_design([Fraction(1, 3), Fraction(1, 5), Fraction(-1, 7)], (-1, -1, 1))
        whole: dict = {"problem": meets, "steps": 2000, "at_teacher": True, "spread": 0.0}
        yield NoiseCase(name="latent weights meet 0", role=Role.EDGE, starts=1, **whole)
        yield NoiseCase(name="one rule for both signs", naive=True, starts=1, **wrong_claim(), **whole)
        yield NoiseCase(name="1% more", problem=gaussian, planted=1.01, **wrong_claim(), **some)
        quiet = TwoLayer.draw(8, 1024, seed=1)
        yield NoiseCase(name="no label noise", problem=quiet, **outside(), **some)


def stays(p: TwoLayer, path: Path, u0: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """(length, (n,) latent weights at its begin, (n,) N g(w*)) of every finished stay at w*, in integers."""
    unique, place = np.unique(path.patterns, axis=0, return_inverse=True)
    gradients = _noise.whole_gradient(p, unique)[place.ravel()]
    lengths = np.diff(path.times)
    begins = u0 - np.concatenate([0 * gradients[:1], np.cumsum(lengths[:, None] * gradients[:-1], axis=0)])
    for e in np.flatnonzero((path.patterns[:-1] == p.teacher).all(axis=1)):
        yield int(lengths[e]), begins[e], gradients[e]


def predicted(u: np.ndarray, gradient: np.ndarray, teacher: np.ndarray, naive: bool = False) -> int:
    """The length of a stay at w* = teacher from u on; `naive` forgets that sign(0) = +1 is wrong for w*_k = -1."""
    y, drift = u * teacher, gradient * teacher
    y, drift, positive = y[drift > 0], drift[drift > 0], (teacher[drift > 0] > 0) | naive
    return int(np.where(positive, y // drift + 1, -(-y // drift)).min())


THEOREM = NoiseEscape()
