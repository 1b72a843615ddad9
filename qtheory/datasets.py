"""Real images: scikit-learn's digits as the embedded default, Fashion-MNIST from IDX files, two-class tasks from both.

Nothing is downloaded: the digits come with scikit-learn; Fashion-MNIST is read from a folder on this machine.
"""

from __future__ import annotations

import gzip
import math
import os
import stat
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import NamedTuple

import numpy as np

__all__ = ["BinaryTask", "Dataset", "binary_task", "digits", "fashion_mnist", "find_fashion_mnist", "read_idx"]

IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
IDX_MOST_AXES = 32
DEFLATE_MOST = 1032  # no deflate stream grows by more than this factor
CHUNK = 1 << 20

LEAST_SPREAD = 1e-9  # of a feature that varies: far above rounding in block means, far below a grey level over a block

FASHION_MNIST_VARIABLE = "QTHEORY_FASHION_MNIST"
FASHION_MNIST_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # where Debian's dataset-fashion-mnist puts it
FASHION_MNIST_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled grey images, read-only.

    Arguments
        name: shown in figures.
        images: (n, height, width) float64 in [0, 1], 0 black.
        labels: (n,) integers.

    Errors raised
        ValueError: shapes that do not fit, values outside [0, 1] or not finite, labels that are not whole.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        images, labels = np.asarray(self.images, dtype=np.float64), np.asarray(self.labels)
        if images.ndim != 3 or images.size == 0:
            raise ValueError(f"images has shape {images.shape}: expected (n, height, width), none of them 0")
        if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
            expected = f"expected {len(images)} integers, one an image"
            raise ValueError(f"labels has shape {labels.shape} and type {labels.dtype}: {expected}")
        if not (images.min() >= 0.0 and images.max() <= 1.0):  # also false when a pixel is NaN
            raise ValueError(f"images span [{images.min()}, {images.max()}]: expected values in [0, 1]")
        for name, array in (("images", images), ("labels", labels.astype(np.int64))):
            view = array.view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)


class BinaryTask(NamedTuple):
    """Data of a two-class linear model: X (n, d) float64, y (n,) float64 in {-1, +1}, and a name for figures."""

    X: np.ndarray
    y: np.ndarray
    name: str


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """The array in an IDX file, plain or gzipped (told apart by content, not by name).

    The header is checked against the size of the file before memory is taken for the data; a gzipped file is read up to
    one byte past the size that its header promises, and no further.

    Arguments
        path: a regular file: two zero bytes, a type code, the number of axes, one big-endian uint32 an axis, the data.

    Returns an array of the file's shape and type, in this machine's byte order.

    Errors raised
        ValueError: not an IDX file, data shorter or longer than the header says, a damaged gzip stream.
        OSError: the file is missing or cannot be read.
    """
    path = Path(path)
    with open(path, "rb", opener=_open_regular) as file:
        try:
            if file.peek(2)[:2] == b"\x1f\x8b":
                largest = os.fstat(file.fileno()).st_size * DEFLATE_MOST
                with gzip.open(file) as unpacked:
                    return _read_idx(path, unpacked, largest)
            return _read_idx(path, file, os.fstat(file.fileno()).st_size)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ValueError(f"{path}: damaged gzip stream ({error}): expected a whole IDX file") from None


def find_fashion_mnist(folder: str | os.PathLike[str] | None = None) -> Path | None:
    """The folder that holds all four Fashion-MNIST files (each plain or .gz), or None.

    One place is looked at: `folder` if given, else the environment variable QTHEORY_FASHION_MNIST if set, else the
    folder of Debian's package dataset-fashion-mnist. A place that was named is never replaced silently by another.
    """
    place = _fashion_mnist_place(folder)
    names = [name for pair in FASHION_MNIST_FILES.values() for name in pair]
    return place if all(_with_or_without_gz(place, name) for name in names) else None


def digits() -> Dataset:
    """Scikit-learn's embedded digits: 1797 images of 8 x 8 pixels, labels 0 to 9.

    References: Alpaydin and Kaynak, "Optical recognition of handwritten digits", UCI repository (1998).
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    return Dataset("digits", data.images / 16.0, data.target)


def fashion_mnist(
    folder: str | os.PathLike[str] | None = None, split: str = "train", *, classes: Collection[int] | None = None
) -> Dataset:
    """Fashion-MNIST: images of 28 x 28 pixels, labels 0 to 9 (60 000 in split "train", 10 000 in "test").

    Arguments
        folder: where the IDX files are; None looks as `find_fashion_mnist` does.
        split: "train" or "test".
        classes: keep only these labels; all of "train" as float64 takes 376 MB, two classes a fifth of it.

    Errors raised
        FileNotFoundError: the two files of the split are not there.
        ValueError: an unknown split, no image left, or files that do not hold images and labels that fit.

    References: Xiao, Rasul and Vollgraf, "Fashion-MNIST", arXiv:1708.07747 (2017).
    """
    if split not in FASHION_MNIST_FILES:
        raise ValueError(f"split={split!r}: expected 'train' or 'test'")
    place = _fashion_mnist_place(folder)
    paths = [_with_or_without_gz(place, name) for name in FASHION_MNIST_FILES[split]]
    if None in paths:
        raise FileNotFoundError(
            f"no Fashion-MNIST in {place}: expected {' and '.join(FASHION_MNIST_FILES[split])}, plain or .gz;"
            f" install Debian's package dataset-fashion-mnist, or name a folder in {FASHION_MNIST_VARIABLE}"
        )
    images_path, labels_path = filter(None, paths)
    images, labels = read_idx(images_path), read_idx(labels_path)
    for path, array, axes in ((images_path, images, 3), (labels_path, labels, 1)):
        if array.ndim != axes or array.dtype != np.uint8:
            raise ValueError(f"{path}: holds {array.ndim} axes of {array.dtype}, expected {axes} of uint8")
    if len(images) != len(labels):
        raise ValueError(f"{images_path}: holds {len(images)} images, expected {len(labels)} as in {labels_path}")
    if classes is not None:
        keep = np.isin(labels, list(classes))
        if not keep.any():
            raise ValueError(f"classes={classes!r}: expected labels that occur, {np.unique(labels).tolist()}")
        images, labels = images[keep], labels[keep]
    return Dataset("Fashion-MNIST", images / 255.0, labels)


def binary_task(
    dataset: Dataset,
    positive: int,
    negative: int,
    *,
    samples: int | None = None,
    pool: int = 1,
    seed: int = 0,
    bias: bool = True,
) -> BinaryTask:
    """Two classes of a data set as the data (X, y) of a linear model.

    In this order: images are average-pooled over blocks of pool x pool pixels and flattened; features that are constant
    over the chosen images are dropped; each feature is standardised to mean 0 and variance 1; all rows are divided by
    the same number, so that their mean squared norm is 1; a column of ones is appended for the bias (which makes it 2).

    Arguments
        positive, negative: labels of the classes +1 and -1, such as 3 and 8 of the digits, 0 and 6 of Fashion-MNIST.
        samples: number of rows, half of each class (the odd one positive), drawn without replacement; None takes all.
        pool: side of the pooled blocks in pixels; it must divide the height and the width.
        seed: of the draw. The draw depends on seed and class sizes alone, not on the version of NumPy.
        bias: whether to append the column of ones.

    Returns BinaryTask(X (n, d) float64, y (n,) float64 in {-1, +1}, name), rows in the order of the data set.

    Errors raised
        ValueError: labels that are equal or do not occur, too many samples, a pool that does not divide the image.
    """
    chosen = _choose(dataset.labels, positive, negative, samples, seed)
    features = _pool(dataset.images[chosen], pool).reshape(len(chosen), -1)
    features = features[:, np.ptp(features, axis=0) > LEAST_SPREAD]
    if features.shape[1] == 0:
        raise ValueError(f"dataset={dataset.name!r}: expected a pixel that differs between the chosen images")
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    features /= math.sqrt(features.shape[1])  # every column has mean square 1, so the mean squared row norm was d
    if bias:
        features = np.hstack([features, np.ones((len(chosen), 1))])
    y = np.where(dataset.labels[chosen] == positive, 1.0, -1.0)
    name = f"{dataset.name} {positive} vs {negative}, {len(chosen)} images"
    if pool > 1:
        name += f" of {dataset.images.shape[1] // pool} x {dataset.images.shape[2] // pool}"
    return BinaryTask(np.ascontiguousarray(features), y, name)


def _choose(labels: np.ndarray, positive: int, negative: int, samples: int | None, seed: int) -> np.ndarray:
    """Sorted row numbers of the two classes, subsampled in equal halves."""
    if positive == negative:
        raise ValueError(f"positive={positive}, negative={negative}: expected two different labels")
    rows = {label: np.flatnonzero(labels == label) for label in (positive, negative)}
    for name, label in (("positive", positive), ("negative", negative)):
        if rows[label].size == 0:
            raise ValueError(f"{name}={label!r}: expected a label that occurs, {np.unique(labels).tolist()}")
    if samples is None:
        return np.sort(np.concatenate([rows[positive], rows[negative]]))
    most = 2 * min(rows[positive].size, rows[negative].size)
    if isinstance(samples, bool) or not isinstance(samples, int | np.integer) or not 2 <= samples <= most:
        raise ValueError(f"samples={samples!r}: expected a whole number from 2 to {most}")
    # Raw words of a bit generator are the same in every NumPy; its permutations need not be.
    words = np.random.PCG64(seed)
    halves = {positive: (samples + 1) // 2, negative: samples // 2}
    drawn = [
        rows[label][np.argsort(words.random_raw(rows[label].size), kind="stable")[:half]]
        for label, half in halves.items()
    ]
    return np.sort(np.concatenate(drawn))


def _pool(images: np.ndarray, pool: int) -> np.ndarray:
    """(n, h, w) -> (n, h/pool, w/pool), means over blocks."""
    n, height, width = images.shape
    whole = isinstance(pool, int | np.integer) and not isinstance(pool, bool) and pool >= 1
    if not whole or height % pool or width % pool:
        raise ValueError(f"pool={pool!r}: expected a whole number that divides height {height} and width {width}")
    blocks = images.reshape(n, height // pool, pool, width // pool, pool)
    means: np.ndarray = blocks.mean(axis=(2, 4))
    return means


def _open_regular(path: str, flags: int) -> int:
    """Opener that refuses pipes, devices and folders; it does not wait for a pipe's writer."""
    handle = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    raise ValueError(f"{path}: expected a regular file in IDX format")


def _read_idx(path: Path, file: BufferedIOBase, largest: int) -> np.ndarray:
    """Header and data of an open IDX stream that holds at most `largest` bytes."""
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\x00\x00" or magic[2] not in IDX_TYPES:
        types = " ".join(f"{code:02x}" for code in IDX_TYPES)
        raise ValueError(f"{path}: begins with bytes '{magic.hex(' ')}', expected 00 00, a type of {types}, axes")
    if not 1 <= magic[3] <= IDX_MOST_AXES:
        raise ValueError(f"{path}: header says {magic[3]} axes, expected 1 to {IDX_MOST_AXES}")
    header = file.read(4 * magic[3])
    if len(header) < 4 * magic[3]:
        raise ValueError(f"{path}: header ends after {4 + len(header)} bytes, expected {4 + 4 * magic[3]}")
    shape = tuple(int.from_bytes(header[i : i + 4], "big") for i in range(0, len(header), 4))
    dtype = np.dtype(IDX_TYPES[magic[2]])
    size = dtype.itemsize * math.prod(shape)  # whole numbers of Python: the product cannot overflow
    says = f"header says {' x '.join(map(str, shape))} of {dtype.name}, so {size} bytes of data"
    if size > largest:
        raise ValueError(f"{path}: truncated: {says}, expected at most {largest} from the size of the file")
    data = _read_at_most(file, size + 1)
    if len(data) != size:
        problem = "bytes follow the data" if len(data) > size else f"truncated after {len(data)}"
        raise ValueError(f"{path}: {problem}: {says}, expected exactly that many")
    try:
        return np.frombuffer(data, dtype=dtype).reshape(shape).astype(dtype.newbyteorder("="))
    except ValueError:  # axes next to an empty one can be too long for an array
        raise ValueError(f"{path}: {says}, expected a shape that an array can have") from None


def _read_at_most(file: BufferedIOBase, size: int) -> bytearray:
    """Up to `size` bytes, taken in chunks: memory grows with what is there, not with what a header claims."""
    data = bytearray()
    while len(data) < size and (chunk := file.read(min(CHUNK, size - len(data)))):
        data += chunk
    return data


def _fashion_mnist_place(folder: str | os.PathLike[str] | None) -> Path:
    return Path(folder if folder is not None else os.environ.get(FASHION_MNIST_VARIABLE) or FASHION_MNIST_FOLDER)


def _with_or_without_gz(folder: Path, name: str) -> Path | None:
    """The file `name` or `name`.gz of a folder, or None."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)
