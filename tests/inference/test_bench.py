import json

import pytest
from click.testing import CliRunner

from qtheory.cli import main
from qtheory.inference import _bench

SMALL = ((1, 64, 65), (8, 3, 200))


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setattr(_bench, "SPAN", 1e-5)
    monkeypatch.setattr(_bench.measure, "__defaults__", (SMALL, 3))
    return lambda *arguments: CliRunner().invoke(main, ["bench", "inference", *map(str, arguments)])


def test_a_table_a_figure_and_numbers(run, tmp_path):
    said = run("--out", tmp_path)
    assert said.exit_code == 0 and "x   64 x   65" in said.output
    numbers = json.loads((tmp_path / "inference_bench.json").read_text())
    assert (tmp_path / "inference_bench.svg").is_file() and len(numbers["data"]["rows"]) == 2
    rows = json.loads(run("--json").output)
    assert [(r["M"], r["N"], r["K"]) for r in rows] == list(SMALL)
    assert all(r["packed"] > 0 and r["numpy"] > 0 and r["ratio"] > 0 for r in rows)


def test_a_wrong_product_is_not_timed(monkeypatch):
    pack = _bench.bits.pack
    monkeypatch.setattr(_bench.bits, "pack", lambda signs: pack(-signs if len(signs) == 8 else signs))
    with pytest.raises(AssertionError, match="8 x 3 x 200"):
        _bench.measure(SMALL, rounds=1)
