"""Train the demonstration network that comes with the package: `python -m simulations._demo`.

Digits, pixels 0 to 16; the first 1300 of a fixed shuffle train it, and `held_out` tells which rows it never saw.
"""

from pathlib import Path

import numpy as np

from qtheory.datasets import digits
from qtheory.estimators import BinaryNetworkClassifier
from qtheory.inference import save

FILE = Path(__file__).parent.parent / "qtheory" / "data" / "demo.safetensors"
TRAINED = 1300  # rows


def rows() -> tuple[np.ndarray, np.ndarray]:
    """Images (1797, 64) float64, whole numbers from 0 to 16, and their labels."""
    data = digits()
    return data.images.reshape(len(data.images), -1) * 16, data.labels


def held_out() -> np.ndarray:
    """The rows that the network was not trained on."""
    return np.random.default_rng(0).permutation(1797)[TRAINED:]


def classifier() -> BinaryNetworkClassifier:
    """The classifier, not yet fitted."""
    return BinaryNetworkClassifier(
        "bc-nearest", hidden=(512, 256), activations="binary", epochs=60, learning_rate=0.003, batch_size=64,
        random_state=0,
    )  # fmt: skip


def main() -> None:
    """Train, pack and save."""
    X, y = rows()
    test = held_out()
    train = np.setdiff1d(np.arange(len(y)), test)
    fitted = classifier().fit(X[train], y[train])
    FILE.parent.mkdir(exist_ok=True)
    save(fitted.pack(), FILE)
    print(f"{FILE.name}: {FILE.stat().st_size} bytes, {fitted.score(X[test], y[test]):.1%} of the other digits right")


if __name__ == "__main__":
    main()
