"""Mini-batch training of networks whose weights a quantized method moves (Li et al. 2017, section 6).

Matrix products are BLAS's; gradients are taken at the deployed weights. The quantized weights, and everything in full
precision (gains, shifts, a real last layer), take the optimizer's direction u with one rate alpha:

    w <- Q(w - alpha u)                       R, SR
    w_r <- Pi(w_r - alpha u), w = Q(w_r)      BC, Pi on the grid's box
    w <- w - alpha u                          full precision

QAT and Sigmoids multiply the gradient by a derivative of their own before the optimizer sees it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from threading import RLock
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from .. import _check
from .layer_training import Arrays, LayerInTraining
from .layers import Network, activate, calibrated
from .parameters import Diverged, fill
from .passes import backward, cross_entropy, forward
from .settings import Settings
from .staircase import SAMPLES, QuantizedActivation

ORDER, SAMPLE = 1, 2  # with the seed, the keys of NumPy's generators; 0 is the start's

_ALONE = RLock()  # the number of BLAS threads is the process's: two trainings would take it from each other

Checkpoint = dict[str, np.ndarray]


class Trained(NamedTuple):
    """A trained network and how it came about: see `train`."""

    network: Network
    history: dict[str, np.ndarray]


def train(
    settings: Settings,
    X: Any,
    y: Any,
    *,
    classes: int | None = None,
    progress: Callable[[float], None] | None = None,
    checkpoint: Callable[[int, Checkpoint], None] | None = None,
    resume: Mapping[str, np.ndarray] | None = None,
    start: Mapping[str, np.ndarray] | None = None,
) -> Trained:
    """Train a network to tell classes apart by cross entropy.

    Arguments:
        X: (n, inputs) finite real numbers; they are divided by their common scale, a power of 2.
        y: (n,) integers from 0 to classes - 1.
        classes: how many outputs; by default max(y) + 1.
        progress: called after every batch with the share that is done.
        checkpoint: called after every epoch with the number of epochs done and all the arrays that `resume` needs.
        resume: such arrays, of a run with these settings and data: the result is that of a run that never stopped.
        start: such arrays of another run, of layers of the same sizes: where its parameters ended, this run begins,
            with moments of its own. Latent weights of a method on a box are brought to the spread of its usual start.

    Returns the network as deployed (its means and variances are those of the whole of X), and the history:
        "loss" (epochs,): mean cross entropy of the batches, in nats;
        "changed" (steps,): share of the quantized weights that differ from the start;
        "changed_epoch" (steps,): share that differ from the start of the epoch. In full precision all weights count.

    The same settings and data give the same bits: one BLAS thread, counter-based rounding, and an order of the rows
    that depends on seed and epoch alone. (Another BLAS, processor or NumPy may round a last bit differently.)

    Raises: ValueError for anything unusable, and where the loss is no longer finite.
    """
    _check.instance("settings", settings, Settings, "Settings(SR(Grid.binary()))")
    X, y, classes, scale = _data(settings, X, y, classes)
    run = _Run(settings, X, y, classes, start)
    if resume is not None:
        run.restore(resume)
    with _ALONE, threadpool_limits(1, user_api="blas"):
        try:
            while run.epoch < settings.epochs:
                run.one_epoch(progress or (lambda share: None))
                if checkpoint is not None:
                    checkpoint(run.epoch, run.state())
            network = calibrated(run.deployed(), run.X)
        except Diverged as error:
            raise ValueError(f"learning_rate must be smaller than {settings.learning_rate:g}: {error}") from None
    network = replace(network, scale=scale)
    return Trained(network, {name: np.array(values) for name, values in vars(run.record).items()})


def batches_of(n: int, size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """All row numbers below n in random order, in batches of at most `size` rows that differ by at most one row."""
    order = np.random.default_rng([seed, ORDER, epoch]).permutation(n)
    return np.array_split(order, -(-n // size))


def _data(settings: Settings, X: Any, y: Any, classes: int | None) -> tuple[np.ndarray, np.ndarray, int, float]:
    """X / scale, y, the number of classes, and the scale of X."""
    X = np.asarray(X)
    if X.dtype.kind not in "biuf":
        raise ValueError(f"X must be an array of real numbers, got dtype {X.dtype}")
    if X.ndim != 2 or X.size == 0:
        raise ValueError(f"X must have shape (n, inputs), none of them 0, got {X.shape}")
    if not np.isfinite(X).all():
        raise ValueError(f"X must be finite, got {int(np.sum(~np.isfinite(X)))} NaN or infinite entries")
    y = np.asarray(y)
    if y.shape != X.shape[:1] or y.dtype.kind not in "iu":
        raise ValueError(f"y must be {len(X)} integers, one a row of X, got shape {y.shape} of {y.dtype}")
    classes = int(y.max()) + 1 if classes is None else _check.count("classes", classes)
    if not (y.min() >= 0 and y.max() < classes):
        raise ValueError(f"y must lie between 0 and classes - 1 = {classes - 1}, got {y.min()} to {y.max()}")
    scale = scale_of(X)
    X = X if scale == 1 else X / X.dtype.type(scale) if X.dtype.kind == "f" else X / scale
    return np.ascontiguousarray(X, dtype=settings.real), y.astype(np.intp), classes, scale


def scale_of(X: np.ndarray) -> float:
    """The power of 2 next to the root mean square of all entries (1 if all are 0): dividing by it is exact."""
    largest = float(np.abs(X.astype(np.float64, copy=False)).max())
    if largest == 0:
        return 1.0
    mean = np.mean((X / largest) ** 2, dtype=np.float64)
    power = np.rint(np.log2(largest) + np.log2(mean) / 2)
    return float(2.0 ** np.clip(power, -1000, 1000))


@dataclass
class _Record:
    loss: list[float] = field(default_factory=list)
    changed: list[float] = field(default_factory=list)
    changed_epoch: list[float] = field(default_factory=list)


class _Run:
    def __init__(self, settings: Settings, X: np.ndarray, y: np.ndarray, classes: int, start: Arrays | None) -> None:
        self.settings, self.X, self.y, self.record = settings, X, y, _Record()
        self.epoch = self.t = 0
        self.steps = settings.epochs * -(-len(X) // settings.batch_size)
        sizes = X.shape[1], *settings.hidden, classes
        last = len(sizes) - 2
        self.layers = [
            LayerInTraining(settings, a, b, i, i == last and settings.output == "real", start)
            for i, (a, b) in enumerate(pairwise(sizes))
        ]
        self.quantized = [layer for layer in self.layers if layer.statistics]
        self.total = max(1, sum(layer.moving[0].x.size for layer in self.quantized))
        if isinstance(settings.activations, QuantizedActivation):
            self._quantize_activations(settings.activations)

    def _quantize_activations(self, activation: QuantizedActivation) -> None:
        """Give every hidden layer its staircase, from some rows and the layers before it."""
        rng = np.random.default_rng([self.settings.seed, SAMPLE])
        rows = rng.permutation(len(self.X))[:SAMPLES]
        for i, layer in enumerate(self.layers[:-1]):
            scores, _ = forward(Network(tuple(before.layer for before in self.layers[: i + 1])), self.X[rows])
            layer.quantize_activations(activation, activate("relu", scores))

    @property
    def network(self) -> Network:
        """The network as deployed now; its arrays follow the training."""
        return Network(tuple(layer.layer for layer in self.layers), self.settings.activation)

    def deployed(self) -> Network:
        """A copy of the network, as it is deployed in the end."""
        nearest = self.settings.deploy == "nearest"
        return Network(tuple(layer.deployed(nearest) for layer in self.layers), self.settings.activation)

    def one_epoch(self, progress: Callable[[float], None]) -> None:
        settings, network, n = self.settings, self.network, len(self.X)
        batches = batches_of(n, settings.batch_size, settings.seed, self.epoch)
        for layer in self.quantized:
            layer.begin(self.epoch)
        loss = 0.0
        for k, rows in enumerate(batches, 1):
            loss += self._step(network, rows) * len(rows) / n
            progress((self.epoch + k / len(batches)) / settings.epochs)
        self.record.loss.append(loss)
        self.epoch += 1

    def _step(self, network: Network, rows: np.ndarray) -> float:
        """One batch; its loss."""
        with np.errstate(over="ignore", invalid="ignore"):  # looked at here, in the loss
            scores, tape = forward(network, self.X[rows])
            loss, gradient = cross_entropy(scores, self.y[rows])
            if not np.isfinite(loss):
                rate = self.settings.learning_rate
                raise ValueError(f"learning_rate must be smaller than {rate:g}, or X scaled: the loss became {loss}")
            gradients = backward(network, tape, gradient)
        self.t += 1
        rule, alpha, changed = self.settings.rule(self.t), self.settings.rate_at(self.t, self.steps), np.zeros(2)
        for layer, g, kept in zip(self.layers, gradients, tape, strict=True):
            counts = layer.step(rule, alpha, self.t, g)
            if layer.statistics:
                changed += counts
                layer.observe(self.t, kept)
        self.record.changed.append(float(changed[0] / self.total))
        self.record.changed_epoch.append(float(changed[1] / self.total))
        return loss

    def state(self) -> Checkpoint:
        """Copies of everything that `restore` needs."""
        found = {f"record.{name}": np.array(values) for name, values in vars(self.record).items()}
        for i, layer in enumerate(self.layers):
            for j, moving in enumerate(layer.moving):
                found |= {f"{i}.{j}.{name}": array for name, array in moving.state()}
            found |= {name: array.copy() for name, array in layer.fixed().items()}
        return found | {"epoch": np.array(self.epoch), "t": np.array(self.t)}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        for i, layer in enumerate(self.layers):
            for j, moving in enumerate(layer.moving):
                moving.restore(f"{i}.{j}", arrays)
            for name, array in layer.fixed().items():
                fill(array, name, arrays)
        names = "epoch", "t", *(f"record.{name}" for name in vars(self.record))
        if missing := [name for name in names if name not in arrays]:
            raise ValueError(f"resume must hold {missing[0]!r}: expected what `checkpoint` was given")
        for name, values in vars(self.record).items():
            values[:] = arrays[f"record.{name}"].tolist()
        self.epoch, self.t = int(arrays["epoch"]), int(arrays["t"])
        if self.epoch > self.settings.epochs:
            raise ValueError(f"resume['epoch'] must be at most {self.settings.epochs}, the epochs, got {self.epoch}")
