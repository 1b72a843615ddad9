"""Networks with quantized weights as scikit-learn estimators."""

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from . import _check
from .methods import BC, QAT, SGD, SR, Method, R
from .networks import Settings, Sigmoids, softmax, train
from .progress import terminal
from .quantizers import Grid, NearestRounding, StochasticRounding

if TYPE_CHECKING:
    from .inference import PackedNetwork

__all__ = ["METHODS", "BinaryNetworkClassifier"]

METHODS: dict[str, Method] = {
    "full": SGD(),
    "bc": BC(StochasticRounding(Grid.binary())),
    "bc-nearest": BC(NearestRounding(Grid.binary())),
    "sr": SR(Grid.binary()),
    "r": R(Grid.binary()),
}
_SETTINGS = {field.name for field in fields(Settings)}  # of which the classifier's parameters are some


class BinaryNetworkClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A multilayer perceptron whose weights are -1 and +1, trained by a method of Li et al. 2017, or take few values.

    Each layer with binary weights is followed by batch normalisation, which makes the scale of its weights irrelevant.
    X is divided by one power of 2, near its root mean square. Binary weights cannot rescale features one by one: bring
    these to one scale first, with a StandardScaler for instance.

    Parameters:
        method: "full" (real weights), "bc" (BinaryConnect, stochastic), "bc-nearest", "sr", "r"; or a method such as
            BC(StochasticRounding(Grid(0.5, box=(-1, 1)))); for weights of k bits QAT(DSQ(Levels.uniform(2), k=6.5)), or
            Sigmoids((-1, 0, 1)) (Yang et al. 2019), hard with deploy="nearest".
        hidden: sizes of the hidden layers.
        activations: "relu"; "binary": signs, trained with the clipped straight-through gradient; or a
            QuantizedActivation of `qtheory.networks`.
        output: "real" (the last layer keeps real weights, as in the paper) or "binary".
        optimizer: "adam" (with `beta2`) or "sgd" (with `momentum`); both for quantized and for real parameters.
        learning_rate: alpha > 0, divided by 10 from each share of the epochs in `drops` on; or, with schedule "cosine",
            falling to 0 along half a cosine. It rises linearly over the share `warmup` of all steps.
        batch_size: rows of a batch at most; batches of an epoch differ by at most one row.
        epochs: how often the data are seen.
        deploy: "method": the weights that the method deploys, for BC stochastic a random rounding of the latent ones;
            "nearest": BC's latent weights are rounded to nearest at the end, sums of sigmoids are hard.
        random_state: None, an integer or a RandomState; an integer makes the fit repeat bit for bit on one machine.
        verbose: whether to show a progress bar on a terminal.

    Attributes:
        classes_ (k,): labels.   n_features_in_: inputs.   feature_names_in_: where X has names.
        network_: the `qtheory.networks.Network`, plain arrays (and the scale that X is divided by).
        weights_: its weight matrices (inputs, outputs): int8 where all are -1 or +1, else floating-point.
        history_: "loss" (epochs,) of the batches, in nats; "changed" (epochs,), the share of quantized weights that
            differ from the start, "changed_epoch" (epochs,), from the start of the epoch, each at the end of an epoch;
            "changed_by_step" (steps,), from the start.

    Raises: ValueError for data or parameters that cannot be used; NotFittedError before `fit`.

    Reference: Li, De, Xu, Studer, Samet, Goldstein, "Training Quantized Nets: A Deeper Understanding", NeurIPS 2017.
    """

    def __init__(
        self,
        method="bc",
        *,
        hidden=(256,),
        activations="relu",
        output="real",
        optimizer="adam",
        momentum=0.9,
        learning_rate=0.01,
        drops=(0.5, 0.75),
        batch_size=128,
        epochs=20,
        deploy="method",
        random_state=None,
        verbose=False,
        beta2=0.999,
        schedule="drops",
        warmup=0.0,
    ):
        self.method = method
        self.hidden = hidden
        self.activations = activations
        self.output = output
        self.optimizer = optimizer
        self.momentum = momentum
        self.learning_rate = learning_rate
        self.drops = drops
        self.batch_size = batch_size
        self.epochs = epochs
        self.deploy = deploy
        self.random_state = random_state
        self.verbose = verbose
        self.beta2 = beta2
        self.schedule = schedule
        self.warmup = warmup

    def fit(self, X: Any, y: Any) -> "BinaryNetworkClassifier":
        """Train on X (n, features), finite real numbers, and labels y (n,) of at least two classes."""
        X, y = _validated(self, X, y, reset=True)
        check_classification_targets(y)
        classes, codes = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(f"y must hold at least two classes, got one class: {classes[0]!r}")
        settings = self._settings(int(check_random_state(self.random_state).randint(2**31 - 1)))
        if self.verbose:
            with terminal(f"{settings.method.name}, {settings.epochs} epochs") as bar:
                trained = train(settings, X, codes, classes=len(classes), progress=bar)
        else:
            trained = train(settings, X, codes, classes=len(classes))
        self.classes_, self.network_ = classes, trained.network
        self.weights_ = [_small(layer.weight) for layer in trained.network.layers]
        steps = trained.history["changed"].reshape(settings.epochs, -1)
        self.history_ = {
            "loss": trained.history["loss"],
            "changed": steps[:, -1].copy(),
            "changed_epoch": trained.history["changed_epoch"].reshape(settings.epochs, -1)[:, -1].copy(),
            "changed_by_step": trained.history["changed"],
        }
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Scores: (n, classes), or for two classes (n,), positive for classes_[1]."""
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities (n, classes), in the order of classes_."""
        return softmax(self._scores(X))

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest labels (n,)."""
        scores = self._scores(X)
        return self.classes_[scores.argmax(axis=1)]

    def pack(self) -> "PackedNetwork":
        """The fitted network in bits, for binary weights (but maybe the last ones) and activations="binary".

        It predicts what `predict` does, faster. Raises: ValueError for another network; NotFittedError before `fit`.
        """
        from .inference import PackedNetwork

        check_is_fitted(self, "network_")
        return PackedNetwork.from_classifier(self)

    def _scores(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "network_")
        return self.network_.scores(_validated(self, X, reset=False))

    def _settings(self, seed: int) -> Settings:
        method = METHODS.get(self.method) if isinstance(self.method, str) else self.method
        if method is None:
            raise ValueError(f"method must be one of {', '.join(METHODS)}, or a method, got {self.method!r}")
        _check.instance("method", method, Method | QAT | Sigmoids, "SR(Grid.binary())")
        chosen = {name: getattr(self, name) for name in self.get_params(deep=False) if name in _SETTINGS}
        return Settings(**chosen | {"method": method, "seed": seed})


def _validated(estimator: Any, X: Any, *y: Any, reset: bool) -> Any:
    """X, or X and y, checked and converted as scikit-learn does, with float32 and float64 left as they are."""
    types = {"dtype": [np.float64, np.float32], "reset": reset}
    try:
        from sklearn.utils.validation import validate_data
    except ImportError:  # scikit-learn 1.5
        return estimator._validate_data(X, *y, **types)
    return validate_data(estimator, X, *y, **types)


def _small(weight: np.ndarray) -> np.ndarray:
    return weight.astype(np.int8) if (np.abs(weight) == 1).all() else weight
