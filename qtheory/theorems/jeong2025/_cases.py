"""What the theorems on two-layer networks with binary weights are checked on: a data set, starts, and a run."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...two_layer import Recovery, TwoLayer, recover
from .._base import Case


@dataclass(frozen=True, kw_only=True)
class TwoLayerCase(Case):
    """A data set, drawn when it is first looked at, and a run of the straight-through dynamics on it.

    Arguments:
        name, role, expected, trials, planted: see Case.
        n, samples, m, law, output_weights, label_noise, activation, ste, standardize: see TwoLayer.draw.
        data_seed: of the data set and the teacher.
        step, steps, burn, start: see recover.   starts: how many, where `start` is None.
    """

    n: int
    samples: int
    m: int = 1
    law: str = "gaussian"
    output_weights: Any = None
    label_noise: float = 0.0
    activation: str = "heaviside"
    ste: str = "identity"
    standardize: bool = False
    data_seed: int = 0
    step: float = 0.1
    steps: int = 1000
    burn: int = 0
    start: Any = None
    starts: int = 8

    @cached_property
    def problem(self) -> TwoLayer:
        """The data set."""
        return self.draw(self.data_seed)

    def draw(self, seed: int) -> TwoLayer:
        """Another data set of the same law."""
        return TwoLayer.draw(
            self.n, self.samples, m=self.m, law=self.law, output_weights=self.output_weights,
            label_noise=self.label_noise, activation=self.activation, ste=self.ste, standardize=self.standardize,
            seed=seed,
        )  # fmt: skip

    def u0(self, seed: int) -> np.ndarray:
        """(R, n) the starts: those given, or standard normal ones."""
        if self.start is not None:
            return np.atleast_2d(np.asarray(self.start, dtype=np.float64))
        return np.random.Generator(np.random.Philox(seed)).standard_normal((self.starts, self.n))

    def run(self, seed: int, *, paths: bool = False, threads: int | None = None) -> Recovery:
        """The dynamics from `u0(seed)`."""
        return recover(
            self.problem, start=self.u0(seed), step=self.step, steps=self.steps, burn=self.burn, paths=paths,
            threads=threads,
        )  # fmt: skip
