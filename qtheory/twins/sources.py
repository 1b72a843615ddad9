"""What twin runs are fed with: optimizers, and gradients, shared or found at the quantized weights of each run."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from .._check import array, count, number

CHUNK = 1024  # steps that gradients are made for at a time; part of what a seed means


@dataclass(frozen=True)
class Momentum:
    """x <- x - η m, m <- μ m + c; SGD where μ = 0.

    Arguments: mu: in [0, 1).   Raises: ValueError outside.
    """

    mu: float = 0.0

    def __post_init__(self) -> None:
        _share("mu", self.mu)

    @property
    def spec(self) -> Any:
        from ..core import twins as core

        return core.Momentum(float(self.mu))


@dataclass(frozen=True)
class Adam:
    """x <- x - η m / (sqrt(v) + ε), both moments with bias correction (Kingma and Ba).

    Arguments: beta1, beta2: in [0, 1).   epsilon: >= 0.   Raises: ValueError outside.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 0.0

    def __post_init__(self) -> None:
        _share("beta1", self.beta1)
        _share("beta2", self.beta2)
        number("epsilon", self.epsilon, least=0)

    @property
    def spec(self) -> Any:
        from ..core import twins as core

        return core.Adam(float(self.beta1), float(self.beta2), float(self.epsilon))


@dataclass(frozen=True, eq=False)
class _Source:
    """A value: its arrays are copies that nobody else can change, and two are equal where all they hold is."""

    def _keep(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _held(self) -> tuple[Any, ...]:
        held = (getattr(self, f.name) for f in fields(self))
        return type(self), *(tuple(x.tolist()) if isinstance(x, np.ndarray) else x for x in held)

    def __eq__(self, other: object) -> bool:
        return self._held() == other._held() if isinstance(other, _Source) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._held())


@dataclass(frozen=True, eq=False)
class Drawn(_Source):
    """Gradients that do not depend on the weights: h_t = mean + deviation * noise, the noise independent.

    Arguments:
        mean: (n,) of every coordinate.   deviation: of the noise.
        law: "normal", "sign" (-1 or 1) or "alternating" (1, -1, 1, ...; not random).   seed: of the noise.
    """

    mean: Any
    deviation: float = 1.0
    law: str = "normal"
    seed: int = 0

    def __post_init__(self) -> None:
        self._keep(mean=array("mean", self.mean, ndim=1), seed=count("seed", self.seed, least=0))
        self._keep(deviation=number("deviation", self.deviation, least=0))
        if self.law not in ("normal", "sign", "alternating"):
            raise ValueError(f"law must be 'normal', 'sign' or 'alternating', got {self.law!r}")

    def chunk(self, index: int, steps: int) -> Any:
        from ..core import twins as core

        shape = (CHUNK, np.size(self.mean))
        if self.law == "alternating":
            noise = np.broadcast_to(1.0 - 2.0 * (np.arange(CHUNK) % 2)[:, None], shape)
        else:
            rng = np.random.default_rng([self.seed, index])
            noise = rng.standard_normal(shape) if self.law == "normal" else 1.0 - 2.0 * rng.integers(0, 2, shape)
        return core.Given(np.ascontiguousarray((self.mean + self.deviation * noise)[:steps]))


@dataclass(frozen=True, eq=False)
class Regression(_Source):
    """Least squares with quantized weights: y = x'teacher + noise, x standard normal, fresh minibatches, the same for
    both runs: h = X'(X q - y) / batch.

    Arguments:
        teacher: (n,).   batch: samples in a step.   noise: standard deviation of labels.   seed: of the samples.
    """

    teacher: Any
    batch: int = 8
    noise: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        self._keep(teacher=array("teacher", self.teacher, ndim=1), seed=count("seed", self.seed, least=0))
        self._keep(batch=count("batch", self.batch), noise=number("noise", self.noise, least=0))

    def chunk(self, index: int, steps: int) -> Any:
        from ..core import twins as core

        rng, teacher = np.random.default_rng([self.seed, index]), self.teacher
        x = rng.standard_normal((CHUNK, self.batch, teacher.size))
        y = x @ teacher + self.noise * rng.standard_normal((CHUNK, self.batch))
        return core.Regression(x[:steps], y[:steps])


@dataclass(frozen=True, eq=False)
class Pull(_Source):
    """A separable convex loss: h_j = curvature_j (q_j - target_j) + noise_tj, the noise independent of the weights.

    Arguments:
        curvature: (n,), >= 0.   target: (n,).   deviation: of the noise, ±deviation with equal chances.   seed: of it.
    """

    curvature: Any
    target: Any
    deviation: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        curvature = array("curvature", self.curvature, ndim=1)
        self._keep(curvature=curvature, target=array("target", self.target, shape=curvature.shape))
        self._keep(deviation=number("deviation", self.deviation, least=0), seed=count("seed", self.seed, least=0))
        if (curvature < 0).any():
            raise ValueError(f"curvature must be >= 0, got {curvature.min():g}")

    def chunk(self, index: int, steps: int) -> Any:
        from ..core import twins as core

        curvature, target = np.array(self.curvature), np.array(self.target)  # writable, which the core is compiled for
        signs = 1.0 - 2.0 * np.random.default_rng([self.seed, index]).integers(0, 2, (CHUNK, curvature.size))
        return core.Pull(curvature, target, self.deviation * signs[:steps])


Source = Drawn | Regression | Pull


def _share(name: str, value: float) -> None:
    if not 0 <= number(name, value) < 1:
        raise ValueError(f"{name} must be in [0, 1), got {value!r}")
