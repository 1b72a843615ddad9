"""What a trial of the sample complexity is: its setting, its data set, and the task that runs and counts a batch.

The source of this module is part of the version of the results: see `qtheory.two_layer.transition.study`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import sweep
from .._check import count, number
from .problem import TwoLayer
from .recovery import recover

BATCH = 8  # trials in a task


@dataclass(frozen=True)
class Setting:
    """What all trials share.

    Arguments
        m, activation, ste, law: as in `TwoLayer.draw`.
        rate: 2 eta s, the distance that a wrong latent weight moves in a step of the population's dynamics; starts are
            standard normal.
        steps: T.   seed: of everything.

    Errors raised
        ValueError: numbers out of range, or an estimator without a speed s.
    """

    m: int = 1
    activation: str = "heaviside"
    ste: str = "identity"
    law: str = "gaussian"
    rate: float = 0.1
    steps: int = 3000
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "m", count("m", self.m))
        object.__setattr__(self, "steps", count("steps", self.steps, least=2))
        object.__setattr__(self, "seed", count("seed", self.seed, least=0))
        object.__setattr__(self, "rate", number("rate", self.rate, above=0.0))
        draw_one(self, 2, 1, 0).speed  # noqa: B018  # names are checked there

    def task(self, n: int, samples: int, batch: int, trials: int = BATCH) -> dict[str, Any]:
        """Settings of the batch that holds the trials batch * trials, ..., (batch + 1) * trials - 1."""
        own = {"n": count("n", n), "samples": count("samples", samples), "trials": count("trials", trials)}
        return dataclasses.asdict(self) | own | {"first": count("batch", batch, least=0) * trials}


def draw_one(setting: Setting, n: int, samples: int, trial: int) -> TwoLayer:
    """The data set of a trial; the same for every rate, number of steps, activation and estimator."""
    where = {"seed": setting.seed, "n": n, "samples": samples, "m": setting.m, "law": setting.law, "trial": trial}
    return TwoLayer.draw(
        n, samples, m=setting.m, law=setting.law, activation=setting.activation, ste=setting.ste,
        seed=sweep.derived_seed(where, "data"),
    )  # fmt: skip


def attempt(settings: dict[str, Any]) -> dict[str, int]:
    """The task: run a batch of trials and count. `settings` as `Setting.task` returns them."""
    own = settings.copy()
    n, samples, trials, first = (own.pop(key) for key in ("n", "samples", "trials", "first"))
    setting, found = Setting(**own), np.zeros(3, int)
    for trial in range(first, first + trials):
        data = draw_one(setting, n, samples, trial)
        run = recover(
            data, step=setting.rate / (2 * data.speed), steps=setting.steps, trials=1, burn=setting.steps // 2,
            seed=sweep.derived_seed({"seed": setting.seed, "n": n, "trial": trial}, "start"), threads=1,
        )  # fmt: skip
        away = bool((run.last[0] != data.teacher).any())
        found += [run.hit[0] >= 0, (run.average_sign[0] == data.teacher).all(), run.loss[0] == 0 and away]
    return {"trials": trials, "last": int(found[0]), "ergodic": int(found[1]), "spurious": int(found[2])}
