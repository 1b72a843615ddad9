"""What standardizing the features repairs. Symbols: theta_-, (B) and y_k as in `jeong2025/noise_return`."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..._check import Vector
from ...statistics import Interval, share_interval
from ...two_layer import TwoLayer, recover
from .._base import Case, Checked, Claim, Role, Theorem
from ._noise import MOST, Perturbation, outside, perturbation, wrong_claim

TARGET = 0.1  # the share of data sets that may fail
BY = ("certificate", "recovery")
MEASURED: dict = {  # by, estimator, n, samples, m, and for recovery starts and steps: the laws, standardized
    ("certificate", "identity", 7, 512, 1): ("uniform", "shifted", "scales", "exponential"),
    ("certificate", "relu", 7, 512, 1): ("shifted",),
    ("recovery", "relu", 7, 512, 4, 8, 2000): ("uniform",),
    ("recovery", "relu", 48, 1152, 4, 1, 2000): ("uniform", "exponential", "lognormal", "shifted", "scales"),
}
AS_THEY_ARE: dict = {  # the same for features as they are: symmetric laws, and those on which the claim fails
    ("certificate", "identity", 7, 512, 1): ("gaussian", "student", "uniform", "shifted"),
    ("recovery", "relu", 7, 512, 4, 8, 2000): ("uniform",),
}


@dataclass(frozen=True, kw_only=True)
class DataCase(Case):
    """Data sets of one law, drawn anew `trials` times, as they are or standardized.

    Arguments
        name, role, expected, trials, planted: see Case.
        n, samples, m, law, ste, standardize: see TwoLayer.draw.
        by: "certificate": a data set succeeds where (B) holds, by enumeration of the 2^n vertices, so that w* is
            reached from every start; "recovery": where w* is reached from all of `starts` normal starts within `steps`.
    """

    n: int = 7
    samples: int = 512
    m: int = 1
    law: str = "gaussian"
    ste: str = "identity"
    standardize: bool = True
    by: str = "certificate"
    starts: int = 8
    steps: int = 2000

    @property
    def size(self) -> tuple:
        """A key of MEASURED."""
        run = (self.starts, self.steps) if self.by == "recovery" else ()
        return (self.by, self.ste, self.n, self.samples, self.m, *run)

    def draw(self, seed: int) -> TwoLayer:
        """One data set."""
        return TwoLayer.draw(
            self.n, self.samples, m=self.m, law=self.law, ste=self.ste, standardize=self.standardize, seed=seed
        )  # fmt: skip


class Standardization(Theorem):
    """Standardized features of several laws are mostly certified: w* is reached from every start.   (qtheory)

    Algorithm: u <- u - eta g(sign u) with the full batch; the teacher sees the same, standardized, features.
    Assumptions: law, estimator and size are among those measured (MEASURED, AS_THEY_ARE); for the certificate n <= 14,
        whose 2^n vertices are enumerated.
    Statement: of data sets whose features have mean 0 and variance 1 over their rows at most a tenth fails, where a
        success is a certificate, (B) theta_- < 2, that w* is reached from every start within
        (2 n + sum_k y_k(0)_-) / (2 - theta_-) steps, or, where the case says so, recovery from some random starts.
    Kind: upper.
    Status: that a certificate suffices is proved; how many data sets have one is sampled, for the sizes named here.
    Arguments: those of DataCase. Measured: the share of data sets that fail, by Clopper and Pearson.
    Errors raised: none of its own.
    References: derived and measured here; the repair by normalization is announced, as an empirical finding, in the
        abstract of Jeong, Xin and Yin (2025), arXiv:2505.18113, whose full text was not at hand;
        proofs/jeong2025/standardization.md.
    """

    title = (
        "Standardized features of several laws are mostly certified to be recovered from every start; "
        "features with a mean hardly ever"
    )
    source = "qtheory (certificate derived, share measured here; after the abstract of Jeong, Xin and Yin 2025)"
    kind = "upper"
    statement = r"P(\theta_-\ge2)\le\tfrac1{10}\quad\text{(standardized features, laws and sizes that were measured)}"
    figure = "jeong2025_normalization"

    def assumptions(self, instance: DataCase) -> Iterable[Checked]:
        kind = type(instance).__name__
        yield Checked("the case is a DataCase", isinstance(instance, DataCase), f"it is of type {kind}")
        yield Checked("success is defined", instance.by in BY, f"by {instance.by!r}, one of {BY}")
        few = instance.by == "recovery" or instance.n <= MOST
        yield Checked("the vertices can be enumerated", few, f"n = {instance.n}")
        laws = (MEASURED if instance.standardize else AS_THEY_ARE).get(instance.size, ())
        at = f"{instance.law}, {instance.ste}, n = {instance.n}, N = {instance.samples}, m = {instance.m}"
        yield Checked("a size and law that were measured", instance.law in laws, at)

    def claim(self, instance: DataCase) -> Claim:
        return Claim(0.0, TARGET)

    def measure(self, instance: DataCase, *, seed: int, failure: float, threads: int | None = None) -> Interval:
        judge = certified if instance.by == "certificate" else recovered
        seeds = np.random.SeedSequence(seed).generate_state(instance.trials)
        failures = sum(not judge(instance, int(s)) for s in seeds)
        return share_interval(failures, instance.trials, failure=failure)

    def instances(self, scale: str = "quick") -> Iterable[DataCase]:
        some: dict = {"trials": 260 if scale == "quick" else 1000}
        for law in ("uniform", "shifted", "scales"):
            yield DataCase(name=f"{law}, identity", law=law, **some)
        yield DataCase(name="shifted, ReLU", law="shifted", ste="relu", **some)
        yield DataCase(name="exponential, identity", law="exponential", **some)
        by: dict = {"by": "recovery", "ste": "relu", "m": 4, **some}
        yield DataCase(name="uniform, ReLU, m = 4, recovery", law="uniform", **by)
        if scale != "quick":
            large: dict = by | {"n": 48, "samples": 24 * 48, "starts": 1, "trials": 300}
            for law in ("uniform", "exponential", "lognormal", "shifted", "scales"):
                yield DataCase(name=f"{law}, ReLU, m = 4, n = 48, recovery", law=law, **large)
        raw: dict = {"standardize": False}
        few: dict = {"trials": 60}
        yield DataCase(name="Gaussian as it is", role=Role.EDGE, **raw, **some)
        yield DataCase(name="t_3 as it is: symmetric", role=Role.EDGE, law="student", **raw, **some)
        for law in ("uniform", "shifted"):
            yield DataCase(name=f"{law} as it is", law=law, **raw, **wrong_claim(), **few)
        worse: dict = raw | wrong_claim() | by | few
        yield DataCase(name="uniform as it is, ReLU, m = 4, recovery", law="uniform", **worse)
        yield DataCase(name="too many vertices", n=20, **outside(), **few)
        yield DataCase(name="uniform, N = 32", law="uniform", samples=32, **outside(), **few)
        yield DataCase(name="log-normal, ReLU, m = 4", law="lognormal", ste="relu", m=4, **outside(), **few)


def meets(found: Perturbation) -> bool:
    """(B)."""
    return bool((found.speed > 0).all()) and found.low < 2


def certified(case: DataCase, seed: int) -> bool:
    """Whether a data set is certified: w* is reached from every start."""
    return meets(perturbation(case.draw(seed)))


def recovered(case: DataCase, seed: int) -> bool:
    """Whether w* is reached from all of some normal starts; the step is a tenth of the Gaussian drift's, unit scale."""
    p = case.draw(seed)
    scale = float(np.sqrt(np.mean(p.features.astype(np.float64) ** 2)))
    run = recover(p, step=0.1 * scale / p.speed, steps=case.steps, trials=case.starts, seed=seed, threads=1)
    return bool((run.hit >= 0).all())


def certified_steps(found: Perturbation, y: Vector) -> Vector:
    """(R,) without label noise: the steps within which w* is reached from the starts y (R, n)."""
    if not meets(found):
        return np.full(len(y), np.inf)
    return np.floor((2 * y.shape[1] + np.maximum(-y, 0).sum(axis=1)) / (2 - found.low))


THEOREM = Standardization()
