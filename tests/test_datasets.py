"""IDX files are read exactly or refused; two-class tasks are what their docstring says."""

import gzip
import os
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qtheory.datasets import (
    FASHION_MNIST_FILES,
    IDX_TYPES,
    Dataset,
    binary_task,
    digits,
    fashion_mnist,
    find_fashion_mnist,
    read_idx,
)

CODES = {np.dtype(text).newbyteorder("=").name: code for code, text in IDX_TYPES.items()}


def idx_bytes(array, code=None):
    """The IDX encoding of an array, written here independently of the reader."""
    code = CODES[array.dtype.name] if code is None else code
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def header(code, *shape):
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, code, len(shape), *shape)


def write(folder, content, name="data-idx"):
    path = folder / name
    path.write_bytes(content)
    return path


SMALL = idx_bytes(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))


@given(
    array=st.sampled_from(sorted(CODES)).flatmap(
        lambda name: hnp.arrays(name, hnp.array_shapes(max_dims=4, min_side=0, max_side=4))
    ),
    zipped=st.booleans(),
)
def test_round_trip(tmp_path_factory, array, zipped):
    content = idx_bytes(array)
    path = write(tmp_path_factory.mktemp("idx"), gzip.compress(content) if zipped else content)
    read = read_idx(path)
    np.testing.assert_array_equal(read, array)
    assert read.dtype == array.dtype and read.dtype.isnative and read.shape == array.shape


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with bytes ''"),
        (b"\x00\x00\x08", "begins with bytes '00 00 08'"),
        (b"\x89PNG and more", "expected 00 00, a type of 08 09 0b"),
        (b"\x00\x00\x0a\x01" + SMALL[4:], "begins with bytes '00 00 0a 01'"),
        (b"\x00\x00\x08\x00" + SMALL[4:], "says 0 axes, expected 1 to 32"),
        (b"\x00\x00\x08\xff" + bytes(2000), "says 255 axes"),
        (SMALL[:13], "header ends after 13 bytes, expected 16"),
        (SMALL[:-1], "truncated after 23: header says 2 x 3 x 4 of uint8, so 24 bytes"),
        (SMALL[:16], "truncated.*so 24 bytes"),
        (SMALL + b"\x00", "bytes follow the data"),
        (header(0x08, 2**32 - 1, 2**32 - 1, 2**32 - 1), "truncated: header says"),  # the product overflows 64 bits
        (header(0x0E, 2**31, 2**30), "truncated: header says"),  # 2^64 bytes: 0 in 64-bit arithmetic
        (header(0x0E, 2**32 - 1, 2**32 - 1, 2**32 - 1, 0), "a shape that an array can have"),
    ],
)
def test_bad_idx_is_refused_in_one_line_that_names_the_file(tmp_path, content, message, zipped):
    path = write(tmp_path, gzip.compress(content) if zipped else content)
    with pytest.raises(ValueError, match=message) as caught:
        read_idx(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)
    assert "expected" in str(caught.value)


def test_damaged_gzip_is_refused(tmp_path):
    whole = gzip.compress(SMALL)
    flipped = bytearray(whole)
    flipped[-6] ^= 1  # the checksum
    for content in (whole[:-9], whole[:20], whole + b"garbage", bytes(flipped), whole[:10] + b"\xff" * 20):
        path = write(tmp_path, content)
        with pytest.raises(ValueError, match=r"data-idx: damaged gzip stream .* expected a whole IDX file"):
            read_idx(path)


@pytest.mark.parametrize(
    "content",
    [
        header(0x08, 2**30) + b"\x00",  # plain: promises 1 GiB, holds a byte
        gzip.compress(header(0x08, 2**30) + b"\x00"),  # zipped: the same
        gzip.compress(header(0x08, 10) + bytes(2**25)),  # a bomb: promises 10 bytes, unpacks to 32 MiB
        gzip.compress(header(0x08, 2**25) + os.urandom(2**16)),  # a promise that the ratio alone does not refute
    ],
    ids=["plain", "zipped", "bomb", "ratio"],  # not the bytes: they are new each time, and pytest-xdist compares
)
def test_memory_follows_the_file_not_the_promise(tmp_path, content):
    path = write(tmp_path, content)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"truncated|bytes follow"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 2**23
    finally:
        tracemalloc.stop()


def test_only_regular_files_are_read(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "none")
    with pytest.raises(ValueError, match="regular file"):
        read_idx(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ValueError, match="regular file"):
            read_idx(tmp_path / "pipe")


@pytest.fixture
def fashion(tmp_path):
    """A folder with four small files in the shape of Fashion-MNIST, half of them gzipped."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 40), ("test", 20)):
        images, labels = FASHION_MNIST_FILES[split]
        write(tmp_path, idx_bytes(rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)), images)
        write(tmp_path, gzip.compress(idx_bytes(np.arange(count, dtype=np.uint8) % 10)), f"{labels}.gz")
    return tmp_path


def test_find_looks_in_one_place(fashion, tmp_path_factory, monkeypatch):
    empty = tmp_path_factory.mktemp("empty")
    monkeypatch.setenv("QTHEORY_FASHION_MNIST", str(fashion))
    assert find_fashion_mnist() == fashion
    assert find_fashion_mnist(empty) is None  # named, so not replaced by the variable's
    monkeypatch.setenv("QTHEORY_FASHION_MNIST", str(empty))
    assert find_fashion_mnist() is None and find_fashion_mnist(str(fashion)) == fashion
    with pytest.raises(FileNotFoundError, match=f"no Fashion-MNIST in {empty}.*dataset-fashion-mnist"):
        fashion_mnist()
    (fashion / "t10k-images-idx3-ubyte").unlink()
    assert find_fashion_mnist(fashion) is None


def test_fashion_mnist_from_a_folder(fashion):
    data = fashion_mnist(fashion, "test")
    raw = read_idx(fashion / "t10k-images-idx3-ubyte")
    np.testing.assert_array_equal(np.rint(data.images * 255), raw)
    assert data.images.max() <= 1 and data.labels.tolist() == [*range(10), *range(10)]
    pair = fashion_mnist(fashion, classes=(0, 6))
    np.testing.assert_array_equal(pair.images, fashion_mnist(fashion).images[np.isin(np.arange(40) % 10, (0, 6))])


def test_fashion_mnist_bad_input(fashion):
    with pytest.raises(ValueError, match="split='dev': expected 'train' or 'test'"):
        fashion_mnist(fashion, "dev")
    with pytest.raises(ValueError, match="classes=\\(77,\\)"):
        fashion_mnist(fashion, classes=(77,))
    write(fashion, idx_bytes(np.zeros(7, np.uint8)), "train-labels-idx1-ubyte")
    with pytest.raises(ValueError, match="holds 40 images, expected 7"):
        fashion_mnist(fashion)
    write(fashion, idx_bytes(np.zeros((40, 1), np.uint8)), "train-labels-idx1-ubyte")
    with pytest.raises(ValueError, match="2 axes of uint8, expected 1 of uint8"):
        fashion_mnist(fashion)


@pytest.mark.skipif(find_fashion_mnist() is None, reason="Fashion-MNIST is not on this machine")
def test_the_real_fashion_mnist():
    data = fashion_mnist(split="test", classes=(0, 6))
    assert data.images.shape == (2000, 28, 28) and data.images.max() == 1.0
    task = binary_task(data, 0, 6, pool=4, samples=500)
    assert task.X.shape == (500, 50) and abs(task.y.sum()) == 0


def test_digits():
    data = digits()
    assert data.images.shape == (1797, 8, 8) and (data.images.min(), data.images.max()) == (0.0, 1.0)
    assert sorted(set(data.labels.tolist())) == list(range(10))
    with pytest.raises(ValueError, match="read-only"):
        data.images[0] = 0


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((3, 4)), [0, 1, 2], "expected \\(n, height, width\\)"),
        (np.zeros((0, 4, 4)), np.zeros(0, int), "none of them 0"),
        (np.zeros((3, 4, 4)), [0, 1], "expected 3 integers"),
        (np.zeros((3, 4, 4)), [0.0, 1.0, 2.0], "type float64"),
        (np.full((3, 4, 4), 255.0), [0, 1, 2], "expected values in \\[0, 1\\]"),
        (np.full((3, 4, 4), np.nan), [0, 1, 2], "expected values in \\[0, 1\\]"),
    ],
)
def test_dataset_bad_input(images, labels, message):
    with pytest.raises(ValueError, match=message):
        Dataset("bad", images, labels)


@pytest.mark.parametrize(("pool", "bias", "samples"), [(1, True, None), (2, False, 101), (4, True, 60)])
def test_binary_task_is_what_it_says(pool, bias, samples):
    data = digits()
    X, y, name = binary_task(data, 3, 8, samples=samples, pool=pool, bias=bias)
    features = X[:, :-1] if bias else X
    assert X.dtype == y.dtype == np.float64 and X.flags.c_contiguous and set(y) == {-1.0, 1.0}
    np.testing.assert_allclose(features.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(features.std(axis=0), 1 / np.sqrt(features.shape[1]), rtol=1e-12)
    assert np.mean(np.sum(features**2, axis=1)) == pytest.approx(1.0, rel=1e-12)
    assert not bias or np.all(X[:, -1] == 1.0)
    assert name.startswith(f"digits 3 vs 8, {len(y)} images")
    if samples is not None:
        assert len(y) == samples and y.sum() == samples % 2


def test_binary_task_against_the_plain_recipe():
    """Oracle: the same pixels by slow loops, without subsampling; constant pixels are gone, the order is kept."""
    data = digits()
    X, y, _ = binary_task(data, 3, 8, pool=2, bias=False)
    rows = [i for i, label in enumerate(data.labels) if label in (3, 8)]
    blocks = np.array(
        [[data.images[i, a : a + 2, b : b + 2].mean() for a in (0, 2, 4, 6) for b in (0, 2, 4, 6)] for i in rows]
    )
    kept = blocks[:, blocks.std(axis=0) > 1e-9]
    z = (kept - kept.mean(axis=0)) / kept.std(axis=0)
    np.testing.assert_allclose(X, z / np.sqrt(z.shape[1]), atol=1e-12)
    np.testing.assert_array_equal(y, [1.0 if data.labels[i] == 3 else -1.0 for i in rows])


def test_rounding_noise_is_not_a_feature():
    """A block whose mean is the same number summed in another order must be dropped, not standardised to ±1."""
    images = np.zeros((4, 2, 4))
    images[:2, :, :2], images[2:, :, :2] = [[0.7, 0.3], [0.2, 0.1]], [[0.7, 0.2], [0.1, 0.3]]
    images[:, 0, 2] = [0.0, 1.0, 0.5, 0.25]
    assert images[0, :, :2].mean() == pytest.approx(images[2, :, :2].mean(), rel=1e-15)
    task = binary_task(Dataset("blocks", images, [0, 0, 1, 1]), 0, 1, pool=2, bias=False)
    assert task.X.shape == (4, 1)


def test_the_draw_is_fixed_by_its_seed():
    data = digits()
    first, again = (binary_task(data, 3, 8, samples=50, seed=4).X for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other = binary_task(data, 3, 8, samples=50, seed=5).X
    assert other.shape != first.shape or not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((3, 3), {}), "two different labels"),
        (((3, 11), {}), "negative=11: expected a label that occurs"),
        (((11, 3), {}), "positive=11"),
        (((3, 8), {"samples": 1}), "samples=1: expected a whole number from 2 to"),
        (((3, 8), {"samples": 10**6}), "from 2 to 348"),
        (((3, 8), {"samples": 10.0}), "samples=10.0"),
        (((3, 8), {"pool": 3}), "pool=3: expected a whole number that divides height 8"),
        (((3, 8), {"pool": 0}), "pool=0"),
    ],
)
def test_binary_task_bad_input(arguments, message):
    labels, options = arguments
    with pytest.raises(ValueError, match=message):
        binary_task(digits(), *labels, **options)


def test_images_that_are_all_alike_make_no_task():
    flat = Dataset("flat", np.zeros((4, 2, 2)), [0, 0, 1, 1])
    with pytest.raises(ValueError, match="a pixel that differs"):
        binary_task(flat, 0, 1)
