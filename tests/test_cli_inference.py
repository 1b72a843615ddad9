"""`qtheory pack` and `qtheory predict`: what they print and write, and that bad files are one line and exit code 2."""

import json
import struct

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import save_file

from qtheory.cli import main
from qtheory.inference import PackedNetwork, PackedScores, demo, load, save
from simulations import _demo


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, [str(a) for a in arguments])


X = _demo.rows()[0][:20].astype(np.uint8).reshape(-1, 8, 8)
LABELS = demo().predict(X).tolist()


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def test_the_demonstration_reads_the_digits(run):
    result = run("predict", "demo", "digits")
    labels = [int(line) for line in result.output.splitlines()]
    assert result.exit_code == 0 and labels == demo().predict(_demo.rows()[0]).tolist()
    assert np.mean(np.array(labels) == _demo.rows()[1]) > 0.95


def test_images_of_every_format(run, tmp_path):
    np.save(tmp_path / "a.npy", X)
    np.save(tmp_path / "b.npy", X.astype(float))
    np.savetxt(tmp_path / "a.csv", X.reshape(20, -1), delimiter=",", fmt="%d")
    np.savetxt(tmp_path / "b.csv", X.reshape(20, -1), delimiter=",")
    (tmp_path / "a.idx").write_bytes(idx(X))
    save(demo(), tmp_path / "model.safetensors")
    for model in ("demo", "model.safetensors"):
        for name in ("a.npy", "b.npy", "a.csv", "b.csv", "a.idx"):
            result = run("predict", model, name, "--json")
            said = json.loads(result.output)
            assert (said["labels"], said["images"]) == (LABELS, 20)
            np.testing.assert_allclose(said["scores"], demo().scores(X), rtol=1e-12)


def state(rng):
    weight = np.where(rng.random((12, 64)) < 0.5, -1.0, 1.0)
    return {"0.weight": weight, "0.bias": rng.normal(size=12), "2.weight": rng.normal(size=(3, 12))}


def test_pack_and_predict(run, tmp_path):
    arrays = {name: x.astype(np.float32) for name, x in state(np.random.default_rng(0)).items()}
    save_file(arrays, tmp_path / "model.safetensors")
    np.save(tmp_path / "a.npy", X)
    result = run("pack", "model.safetensors")
    assert result.exit_code == 0 and "64-12-3" in result.output and "times smaller" in result.output
    assert load(tmp_path / "model.packed.safetensors").sizes == (64, 12, 3)
    h = np.where(X.reshape(20, -1) @ arrays["0.weight"].T.astype(float) + arrays["0.bias"] >= 0, 1.0, -1.0)
    expected = (h @ arrays["2.weight"].T.astype(float)).argmax(axis=1).tolist()
    assert json.loads(run("predict", "model.packed.safetensors", "a.npy", "--json").output)["labels"] == expected
    said = json.loads(run("pack", "model.safetensors", "--out", "b", "--order", "0,2", "--latent", "--json").output)
    assert said["file"] == "b" and said["bytes"] == (tmp_path / "b").stat().st_size and said["sizes"] == [64, 12, 3]


def test_positive_signs_are_signs(run, tmp_path):
    save(PackedNetwork((), PackedScores.folded(np.eye(4))), tmp_path / "signs.safetensors")
    for row in ("1,1,1,1", "1,-1,1,1"):
        (tmp_path / "a.csv").write_text(f"{row}\n")
        result = run("predict", "signs.safetensors", "a.csv")
        assert (result.exit_code, result.output) == (0, "0\n")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npy", b"\x93NUMPY", "a.npy must be a .npy file"),
        ("a.npy", b"", "a.npy must be a .npy file"),
        ("a.csv", b"1,2\n3\n", "a.csv must hold rows"),
        ("a.csv", b"", "a.csv must hold rows"),
        ("a.csv", b"a,b\n", "a.csv must hold rows"),
        ("a.csv", b"1,2\n", "64 numbers a row"),
        ("a.idx", b"\x00\x00\x08\x02", "a.idx"),
        ("a.idx", idx(X[:, :3]), "64 numbers a row"),
    ],
)
def test_other_images_are_one_line(run, tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    result = run("predict", "demo", name)
    assert result.exit_code == 2 and message in result.output and result.output.count("\n") == 1


def test_a_header_that_promises_too_much_takes_no_memory(run, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((1, 64)))
    content = (tmp_path / "a.npy").read_bytes()
    grown = content.replace(b"(1, 64), }" + b" " * 12, b"(1" + b"0" * 12 + b", 64), }")
    assert len(grown) == len(content) and grown != content
    (tmp_path / "a.npy").write_bytes(grown)
    assert run("predict", "demo", "a.npy").exit_code == 2


def test_other_models_are_one_line(run, tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"bad")
    save_file({"0.weight": np.zeros((2, 2))}, tmp_path / "one.safetensors")
    for arguments in (
        ("predict", "none", "digits"),
        ("predict", "bad.safetensors", "digits"),
        ("predict", "one.safetensors", "digits"),
        ("predict", "demo", "none.npy"),
        ("predict", "demo", "none"),
        ("pack", "none"),
        ("pack", "bad.safetensors"),
        ("pack", "one.safetensors"),
    ):
        result = run(*arguments)
        assert result.exit_code == 2 and result.output.startswith("qtheory: ") and result.output.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.safetensors", "one.safetensors"]
