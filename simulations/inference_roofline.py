"""Products of signs: operations a second by the length of the rows, beside all peers and under the machine's limits.

Measured on one core by `benchmarks/inference.py`, which writes `benchmarks/inference.json`; nothing is timed here: 256
rows, 1024 columns, int32 or the peers' own results. The limits are the instructions alone, without reading or writing
a matrix: an exclusive or, a population count and an addition for 512 bits; a load and an adder of two instructions for
1024.
"""

import json
from pathlib import Path

from _figure import Picture, main

from qtheory import plotting

MEASURED = Path(__file__).resolve().parent.parent / "benchmarks" / "inference.json"
LIMITS = {"count": "limit of population counts", "adder": "limit of adders fed by a table"}
OURS = {"narrow": "population counts", "table": "carry-save adders", "subset": "subset sums"}


def draw(quick: bool) -> Picture:
    """One panel: GOP/s against K."""
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    data = measured["lengths"]
    figure, [[axes]] = plotting.panels(size=(6.4, 4.2))
    for name, rates in data.items():
        kernel = name.removeprefix("qtheory, ")
        ours = kernel in OURS
        label = f"qtheory, {OURS[kernel]}" if ours else name
        style = {"linewidth": 1.8, "marker": "o"} if ours else {"linewidth": 0.9, "marker": ".", "linestyle": "--"}
        axes.plot([int(K) for K in rates], list(rates.values()), label=label, markersize=3.5, **style)
    for name, rate in measured["limits"].items():
        axes.axhline(rate, color="black", linewidth=0.7, linestyle=":" if name == "adder" else "-.", label=LIMITS[name])
    axes.set(yscale="log", xlabel="K, signs a row", ylabel="GOP/s, $2MNK$ a product, one core")
    axes.set_xscale("log", base=2)
    axes.set_title("256 rows, 1024 columns")
    plotting.legend(figure)
    plotting.caption(
        figure, "Medians of interleaved runs on one core; limits: the instructions alone, from the nearest cache."
    )
    return Picture(
        figure,
        {"rates": data, "limits": measured["limits"]},
        {"processor": measured["machine"]["processor"], "seed": 0},
    )


if __name__ == "__main__":
    main("inference_roofline", draw)
