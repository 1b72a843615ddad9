"""The parts of `benchmarks.inference`: each prints its table, and gives its numbers and what was wanted of them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from . import _avx2, _in_c, _mlp, _product, _sizes, _starts, _threads
from ._product import BEST, BITS, FLOAT, OURS, PACKED, C
from ._timing import Line, one_core, race

NAN = float("nan")
WIDTHS = {"MKL": 7, "OpenBLAS": 9, **{name: max(7, len(name) + 1) for name in PACKED}, C: 6}
Targets = dict[str, dict[str, tuple[float, float]]]  # by row and by what of it: what is wanted, what was reached
Found = tuple[dict[str, Any], Targets]


@dataclass(frozen=True)
class Setting:
    """What the parts have in common: the peers that are installed, our kernels in C, and how often to time."""

    peers: list[str]
    libraries: Mapping[str, Any]
    rounds: int


def ratios(lines: list[Line], ours: str = OURS) -> dict[str, float]:
    """Our rate over each candidate's, by medians over the rounds of the ratios; BEST is the least over packed peers."""
    rates = {line.name: line.rates for line in lines}
    found = {name: over(rates[ours], its) for name, its in rates.items() if name != ours}
    packed = [found[name] for name in PACKED if name in found]
    return found | ({BEST: min(packed)} if packed else {})


def over(ours: Iterable[float], its: Iterable[float]) -> float:
    """The median over the rounds of our rate over its."""
    return median(a / b for a, b in zip(ours, its, strict=True))


def median(values: Iterable[float]) -> float:
    """The middle one, the upper of two."""
    found = sorted(values)
    return found[len(found) // 2]


def in_giga(lines: list[Line]) -> dict[str, list[float]]:
    """GOP/s by candidate and round."""
    return {line.name: [rate / 1e3 for rate in line.rates] for line in lines}


def text(name: str, rates: Mapping[str, list[float]], reached: Mapping[str, float]) -> str:
    """A line a candidate: GOP/s, and ours / its."""
    its = (f"  {of:28}{median(rate):8.0f} GOP/s{reached.get(of, 1.0):9.2f}" for of, rate in rates.items())
    return "\n".join([name, *its])


def name_of(shape: tuple[int, int, int]) -> str:
    """M x N x K."""
    return "x".join(map(str, shape))


def shapes(setting: Setting) -> Found:
    """Every shape beside all peers, and beside the same kernel in C."""
    found, targets = {}, {}
    labels = "".join(f"{'in C' if of == C else of:>{width}}" for of, width in WIDTHS.items())
    print("GOP/s: ours; then ours / its")
    print(f"{'M x N x K':15}{'kernel':7}{'GOP/s':>5}{labels}", flush=True)
    for shape, wanted in _product.TARGETS.items():
        with one_core():
            lines = race(_product.candidates(shape, setting.peers, setting.libraries), setting.rounds)
        rates, reached, of_bits = in_giga(lines), ratios(lines), ratios(lines, BITS)
        name, kernel = name_of(shape), _product.product.choose(*shape)
        cells = "".join(f"{reached[of]:{w}.2f}" if of in reached else f"{'-':>{w}}" for of, w in WIDTHS.items())
        print(f"{name:15}{kernel:7}{median(rates[OURS]):5.0f}{cells}", flush=True)
        found[name] = rates | {"ratios": reached, "kernel": kernel}
        targets[name] = {of: (least, reached.get(of, NAN)) for of, least in wanted.items()}
        for of, least in _product.BITS_TARGETS.get(shape, {}).items():
            targets[name][f"{of}, bits out"] = least, of_bits.get(of, NAN)
    return found, targets


def kernels(setting: Setting) -> Found:
    """Each of our kernels beside itself in C, chosen there or not."""
    found: dict[str, Any] = {}
    targets: Targets = {}
    for kernel, where in _product.IN_C.items():
        for shape in where:
            name, reached = f"{kernel} {name_of(shape)}", NAN
            if kernel in setting.libraries:
                with one_core():
                    lines = race(_product.beside_c(kernel, shape, setting.libraries[kernel]), setting.rounds)
                found[name], reached = in_giga(lines), ratios(lines).get(C, NAN)
                print(text(name, found[name], {C: reached}), flush=True)
            targets[name] = {C: (_product.OF_C, reached)}
    return found, targets


def networks(setting: Setting) -> Found:
    """A perceptron, by batch."""
    modules = [_product.MODULES[name] for name in FLOAT if name in setting.peers]
    found, targets = {}, {}
    for batch in _mlp.BATCHES:
        with one_core():
            lines = race(_mlp.candidates(batch, modules), setting.rounds)
        reached, rates, name = ratios(lines, _mlp.SIGNS), in_giga(lines), f"batch {batch}"
        print(text(f"{'-'.join(map(str, _mlp.SIZES))}, {name}", rates, reached), flush=True)
        found[str(batch)] = rates
        targets[name] = {of: (least, reached.get(of, NAN)) for of, least in _mlp.TARGETS[batch].items()}
    return found, targets


def lengths(setting: Setting) -> Found:
    """Our kernels and the peers at 256 rows and 1024 columns, by K."""
    found: dict[str, dict[str, float]] = {}
    for K in _product.LENGTHS:
        with one_core():
            for line in race(_product.by_length(K, setting.peers), setting.rounds):
                found.setdefault(line.name, {})[str(K)] = median(line.rates) / 1e3
    print(f"{'GOP/s by K':18}" + "".join(f"{K:7}" for K in _product.LENGTHS))
    for name, rates in found.items():
        print(f"{name:18}" + "".join(f"{rate:7.0f}" for rate in rates.values()), flush=True)
    return found, {}


def limits(setting: Setting) -> Found:
    """The instructions alone."""
    found = _in_c.limits(setting.libraries["narrow"]) if "narrow" in setting.libraries else {}
    for name, rate in found.items():
        print(f"  {name:28}{rate:8.0f} GOP/s", flush=True)
    return found, {}


def avx2(setting: Setting) -> Found:
    """Ours compiled for AVX2 alone, and OpenBLAS told of such a processor."""
    found, reached = _avx2.measured(setting.rounds), NAN
    if found is not None:
        rates = {name: found[name] for name in (OURS, BITS, _avx2.PEER)}
        of = {name: over(rates[OURS], its) for name, its in rates.items()}
        reached, cores = of[_avx2.PEER], ", ".join(found["core of OpenBLAS"])
        print(text(f"{name_of(_avx2.SHAPE)}, {found['kernel']}; {_avx2.PEER} for {cores}", rates, of), flush=True)
    return found or {}, {"AVX2 alone": {_avx2.PEER: (_avx2.LEAST, reached)}}


def threads(setting: Setting) -> Found:
    """Two threads against one."""
    found, targets = {}, {}
    for name, (lines, share) in _threads.measured(setting.rounds).items():
        rates, reached = in_giga(lines), ratios(lines, _threads.TWO)[_threads.ONE]
        print(text(name, rates, {_threads.ONE: reached}), flush=True)
        if share < _threads.ENOUGH:
            print(f"  a run got {share:.0%} of two cores: repeat this part on an idle machine", flush=True)
        found[name] = rates | {"share of two cores": share}
        targets[f"threads, {name}"] = {_threads.ONE: (_threads.LEAST, reached)}
    return found, targets


def starts(setting: Setting) -> Found:
    """From a shell to the first prediction."""
    found, judged = _starts.measured(), {}
    for name, seconds in found.items():
        wall, processor = (median(seconds[clock]) for clock in ("wall", "processor"))
        print(f"  {name:32}{wall:6.2f} s, {processor:.2f} s of the processor", flush=True)
        judged[name] = _starts.AT_MOST[name.partition(",")[0]], wall
    return found, {"first prediction (s)": judged}


def sizes(setting: Setting) -> Found:
    """The perceptron in bits and in single precision."""
    found, judged = {}, {}
    for of, (before, after) in _sizes.measured().items():
        print(f"  {of:28}{before:9} / {after:7} bytes = {before / after:.2f}", flush=True)
        found[of] = {"float32": before, "packed": after, "ratio": before / after}
        if of != _sizes.MEMORY:
            judged[of] = _sizes.LEAST, before / after
    return found, {"times smaller": judged}


PARTS: dict[str, Callable[[Setting], Found]] = {
    "shapes": shapes, "kernels": kernels, "perceptron": networks, "lengths": lengths, "limits": limits, "avx2": avx2,
    "threads": threads, "starts": starts, "sizes": sizes,
}  # fmt: skip
AT_MOST = ("starts",)  # whose targets are upper bounds
