"""Laws of features: functions (rng, shape (N, m, n)) -> array of that shape. `LAWS` has the ready-made ones by name."""

from collections.abc import Callable

import numpy as np

from ..datasets import digits as load_digits

Law = Callable[[np.random.Generator, tuple[int, int, int]], np.ndarray]
SCALES = 1.5  # `scales` goes from exp(-SCALES) to exp(SCALES)


def gaussian(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """Independent standard normal features."""
    return rng.standard_normal(shape)


def rademacher(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """Independent fair signs; networks keep them packed, a bit each."""
    return 1.0 - 2.0 * rng.integers(0, 2, shape)


def uniform(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """Independent and uniform on [0, 1]: mean 1/2, variance 1/12."""
    return rng.random(shape)


def exponential(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """Independent and exponential: mean 1, variance 1."""
    return rng.standard_exponential(shape)


def lognormal(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """The exponentials of standard normal features."""
    return rng.lognormal(size=shape)


def student(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """Student's t with 3 degrees of freedom: mean 0, variance 3, no third moment."""
    return rng.standard_t(3, shape)


def shifted(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """Normal with mean 3 and variance 1."""
    return rng.standard_normal(shape) + 3.0


def scales(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """Normal with mean 0 and standard deviations from e^-1.5 to e^1.5, in geometric progression over the features."""
    return rng.standard_normal(shape) * np.exp(np.linspace(-SCALES, SCALES, shape[2]))


def digits(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """Rows of the handwritten digits of scikit-learn, drawn with replacement: the n pixels of largest variance."""
    images = load_digits().images
    images = images.reshape(len(images), -1)
    if shape[2] > images.shape[1]:
        raise ValueError(f"the law 'digits' has {images.shape[1]} features, got n = {shape[2]}: choose a smaller n")
    pixels = np.sort(np.argsort(images.var(axis=0), kind="stable")[-shape[2] :])
    return images[rng.integers(0, len(images), shape[:2])][..., pixels]


LAWS: dict[str, Law] = {
    law.__name__: law
    for law in (gaussian, rademacher, uniform, exponential, lognormal, student, shifted, scales, digits)
}


def standardized(features: np.ndarray) -> np.ndarray:
    """Features (N, m, n) with mean 0 and variance 1 over their N m rows. ValueError for those that are constant."""
    rows = features.reshape(-1, features.shape[-1])
    centered = rows - rows.mean(axis=0)
    deviation = np.sqrt((centered**2).mean(axis=0))
    constant = np.flatnonzero(~(deviation > 1e-12 * np.abs(rows).max(axis=0)))
    if constant.size:
        raise ValueError(
            f"feature {constant[0]} is constant over the {len(rows)} rows, which cannot be standardized: "
            f"leave out the constant features ({constant.size} of {rows.shape[1]})"
        )
    return np.asarray((centered / deviation).reshape(features.shape), dtype=np.float64)
