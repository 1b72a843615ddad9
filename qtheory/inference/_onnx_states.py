"""What is known of the value that flows through a graph, and where its signs turn: see `_onnx_read`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import _onnx_thresholds as thresholds
from ._onnx_images import UNKNOWN, Layout, of_images
from ._onnx_write import EXACT, Stage
from ._windows import Windows

Step = Callable[[np.ndarray], np.ndarray]
Move = tuple[str, np.ndarray]  # ("add" or "mul", (outputs,) float64)


@dataclass(frozen=True)
class Inputs:
    """The rows X / divisor, of type `real`."""

    real: np.dtype[Any]
    divisor: float = 1.0
    layout: Layout = UNKNOWN


@dataclass(frozen=True)
class Positive:
    """Whether the input is at least 0."""

    inputs: Inputs


@dataclass(frozen=True)
class Signs:
    """-1 and +1, times scale: a scalar or (units,); `stage` made them, or they are the input's where it is None."""

    real: np.dtype[Any]
    scale: np.ndarray
    stage: Stage | None = None
    layout: Layout = UNKNOWN


@dataclass(frozen=True)
class Sums:
    """h @ weight, after steps, each rounded to `real` as the graph does; without that rounding they are the moves.

    With windows, the same of each patch: the flow is (rows, outputs, h', w').
    """

    real: np.dtype[Any]
    weight: np.ndarray  # (inputs, outputs), of the type of the sums themselves
    divisor: float = 1.0  # of the inputs
    from_signs: bool = True
    steps: tuple[Step, ...] = ()
    moves: tuple[Move, ...] = ()
    windows: Windows | None = None

    @property
    def outputs(self) -> int:
        return self.weight.shape[1]

    def then(self, step: Step, *moves: Move) -> "Sums":
        return replace(self, steps=(*self.steps, step), moves=self.moves + moves)

    def at(self, y: np.ndarray) -> np.ndarray:
        for step in self.steps:
            y = step(y)
        if np.isnan(y).any():
            raise ValueError("must not be NaN for any sum: its constants are infinite or overflow")
        return y


@dataclass(frozen=True)
class Test:
    """Whether a sum passes: passes(its value) != turned."""

    sums: Sums
    passes: Step
    turned: np.ndarray


def signs(test: Test, scale: np.ndarray, real: np.dtype[Any]) -> Signs:
    """What a test's sign, times scale, a scalar or (outputs,), is: a layer ends here."""
    (threshold, flip), sums = turns(test), test.sums
    stage = Stage(np.sign(sums.weight).astype(np.int8), threshold, flip, windows=sums.windows)
    if sums.windows is None:
        return Signs(real, scale, stage, Layout((sums.outputs,)))
    layout = of_images(sums.windows.out, sums.outputs)
    return Signs(real, scale if scale.ndim == 0 else np.tile(scale, sums.windows.pixels), stage, layout)


def turns(test: Test) -> tuple[np.ndarray, np.ndarray]:
    """(threshold, flip): the test is (z >= threshold) != flip for the products z with the weights' signs."""
    sums, first = test.sums, test.sums.weight.dtype
    size = np.abs(sums.weight[0])
    if not ((np.abs(sums.weight) == size).all() and (size > 0).all()):
        raise ValueError("the weights before a sign must be -m_j or +m_j in column j, with one m_j > 0")

    def passes(y: np.ndarray) -> np.ndarray:
        return np.asarray(test.passes(sums.at(y * size)) != test.turned)

    if not sums.from_signs:
        return thresholds.of_reals(passes, sums.outputs, first)
    if len(sums.weight) >= EXACT:
        raise ValueError(f"a layer of signs must have fewer than 2^24 inputs, got {len(sums.weight)}")
    return thresholds.of_integers(passes, len(sums.weight), sums.outputs, first)


def ties(sums: Sums) -> int:
    """The number of units whose value before the sign can be 0."""
    if not sums.from_signs:
        return sums.outputs
    none, counts = np.zeros(sums.outputs, bool), []
    for passes in (lambda v: v >= 0, lambda v: v > 0):
        threshold, flip = turns(Test(sums, passes, none))
        step = 1 if sums.windows is not None and sums.windows.padding == "same" else 2
        counts.append(_reached(threshold, flip, len(sums.weight), step))
    return int(np.sum(counts[0] != counts[1]))


def _reached(threshold: np.ndarray, flip: np.ndarray, n: int, step: int) -> np.ndarray:
    """How many z of n, n - step, ..., -n are +1: the sums that n signs can have for 2, and so many or fewer for 1."""
    above = (n - np.clip(threshold, -n, n + step)) // step + 1
    return np.where(flip, 2 * n // step + 1 - above, above)


def last(sums: Sums) -> Stage:
    """The scores (z - mean) * factor + shift: exactly the moves where they are of this form, else in float64."""
    kinds = [kind for kind, _ in sums.moves]
    outputs = np.zeros(sums.outputs)
    if "mul" in kinds and (kinds[:2] == ["add", "mul"] or kinds[:1] == ["mul"]):
        at = kinds.index("mul")
        mean, factor = (-sums.moves[0][1] if at else outputs), sums.moves[at][1]
        rest = sums.moves[at + 1 :]
    else:
        mean, factor, rest = outputs, outputs + 1, sums.moves
    shift = outputs
    for kind, c in rest:
        if kind == "mul":
            factor, shift = factor * c, shift * c
        else:
            shift = shift + c
    if not all(np.isfinite(a).all() for a in (mean, factor, shift)):
        raise ValueError("the terms of the scores must be finite")
    weight = sums.weight.astype(np.int8 if (np.abs(sums.weight) == 1).all() else np.float64)
    return Stage(weight, None, None, mean + outputs, factor + outputs, shift + outputs)
