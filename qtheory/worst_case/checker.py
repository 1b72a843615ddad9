"""Checks a certificate of a worst case, exactly, with the standard library alone.   python checker.py FILE

From the description of a program in FILE it derives the points of the algorithm and the premises `left <= 0` of the
theorem. With the multipliers λ >= 0 of FILE it checks that  objective - value = sum of λ left - <S, Gram matrix>  and
that S is L L' plus a diagonally dominant matrix, so positive semidefinite: objective <= value. No coefficient is read
from FILE. Numbers are text "p/q". Exit code 0: the theorem is proved, and printed. 1: it is not.

Linear terms are {key: coefficient}: key () for the number 1, a text for the value of F at a point of that name, and a
pair of texts for the inner product of two vectors. Vectors are {name: coefficient}, with the points among the names.
"""

import json
import re
import sys
from fractions import Fraction
from typing import Any

FORMAT = "qtheory worst-case certificate, version 1"
MOST_BYTES, MOST_CHARACTERS, MOST_BITS, MOST_POINTS = 20_000_000, 2000, 20_000, 100
FRACTION = re.compile("-?[0-9]+(/0*[1-9][0-9]*)?")
PARTS = "format function method steps distance domain measure value multipliers tangents vectors units factor"
METHODS = {"SGD": [], "SR": ["kappa", "concave", "adjacent"], "BC": ["energy", "stochastic"]}
DOMAINS, MEASURES = ("start", "iterates", "projected"), ("average point", "average value", "last", "best")


def need(true, what):
    if not true:
        raise ValueError(what)


def number(text, name, above=None, least=None):
    """The fraction that is written."""
    fits = isinstance(text, str) and len(text) <= MOST_CHARACTERS and FRACTION.fullmatch(text)
    need(fits, f"{name} must be a fraction, as text p/q")
    x = Fraction(text)
    need(above is None or x > above, f"{name} must be greater than {above}, got {text[:40]}")
    need(least is None or x >= least, f"{name} must be at least {least}, got {text[:40]}")
    return x


def entries(part, keys, name):
    need(isinstance(part, dict) and sorted(part) == sorted(keys), f"{name} must have the entries {', '.join(keys)}")


def add(total, terms, factor=1):
    """total + factor terms, in place. Long sums are quick where the numbers have a short denominator in common."""
    for key, a in terms.items():
        total[key] = total.get(key, 0) + factor * a
        need(total[key].denominator.bit_length() <= MOST_BITS, "the numbers have no short denominator in common")
    return total


def plus(x, y, factor=1):
    return add(dict(x), y, factor)


def dot(x, y):
    """The inner product of two vectors."""
    total: dict = {}
    for i, a in x.items():
        add(total, {(i, j) if i <= j else (j, i): b for j, b in y.items()}, a)
    return total


def norm(v, bound):
    """|v|² - bound, a number or linear terms."""
    return plus(dot(v, v), bound if isinstance(bound, dict) else {(): bound}, -1)


class Run:
    """A run of the method on an unknown function: its points, its vectors, and the premises, from the description."""

    def __init__(self, file):
        function, method = file["function"], file["method"]
        need(isinstance(function, dict) and isinstance(method, dict), "function and method must be objects")
        smooth, kind = function.get("class") == "Smooth", method.get("name")
        need(smooth or function.get("class") == "Convex", "the class must be Convex or Smooth")
        entries(function, ["class", "mu", "G", *["L"] * smooth], "function")
        self.mu = number(function["mu"], "mu", least=0)
        self.bend = 1 / number(function["L"], "L", above=self.mu) if smooth else Fraction(0)
        self.G: Any = None if smooth and function["G"] is None else number(function["G"], "G", above=0)
        need(isinstance(kind, str) and kind in METHODS, "the method must be SGD, SR or BC")
        entries(method, ["name", "noise", *METHODS[kind]], "method")
        size, *flags = [method[k] for k in METHODS[kind]] or ["0"]
        need(all(isinstance(flag, bool) for flag in flags), "concave, adjacent and stochastic must be true or false")
        self.kind, self.size = kind, number(size, "kappa or energy", least=0)
        self.flag, self.adjacent = [*flags, False, False][:2]
        self.within = method["noise"] == "within G"
        self.noise = Fraction(0) if self.within else number(method["noise"], "noise", least=0)
        need(self.G is not None or not (self.within or kind == "SR"), "SR and noise within G need a bound G")
        steps, self.domain, self.measure = file["steps"], file["domain"], file["measure"]
        need(isinstance(steps, list) and len(steps) < MOST_POINTS, f"there must be fewer than {MOST_POINTS} steps")
        self.steps = [number(a, "a step size", least=0) for a in steps]
        need(self.domain in DOMAINS and self.measure in MEASURES, "domain and measure must be known")
        free = file["distance"] is None and self.mu and self.G is not None and self.domain == "start"
        self.D: Any = None if free else number(file["distance"], "distance", above=0)
        self.tangents: dict[str, str] = file["tangents"]
        self.vectors: list = []  # names, in the order in which they become known
        self.fresh: set = set()  # those whose mean, given all before, is zero
        self.premises: dict = {}  # by name: (rule, *arguments), for the terms of left <= 0
        self.points: dict = {"w*": {}}  # w* is 0
        self.gradients: dict = {"w*": {}}
        self.normals: dict = {}
        self.inside = ["w*"]  # the points of the domain
        self.objective = self.follow()
        self.close()

    def vector(self, name, fresh=False):
        self.vectors.append(name)
        self.fresh.update([name] if fresh else [])
        return {name: Fraction(1)}

    def keep(self, name, x):
        self.points[name] = x
        self.inside.append(name)
        return x

    def ask(self, name):
        """The (sub)gradient at a point."""
        if name not in self.gradients:
            self.gradients[name] = self.vector(f"g({name})")
            if self.G is not None:
                self.premises[f"|g({name})| <= G"] = (norm, self.gradients[name], self.G**2)
        return self.gradients[name]

    def gradient(self, name):
        """The stochastic gradient at a point."""
        s = self.ask(name)
        n = self.vector(f"n({name})", fresh=True) if self.within or self.noise else {}
        if n and self.within:
            self.premises[f"|g({name}) + n({name})| <= G"] = (norm, plus(s, n), self.G**2)
        elif n:
            self.premises[f"|n({name})| <= noise"] = (norm, n, self.noise**2)
        return plus(s, n)

    def project(self, name, x, alpha):
        """x, or its nearest point in the domain, from which it differs by a normal, if a step was taken."""
        if self.domain == "projected" and alpha:
            self.normals[name] = self.vector(f"normal({name})")
            x = plus(x, self.normals[name], -1)
        return self.keep(name, x)

    def follow(self):
        """The run; the objective is the sum of a coefficient times F - F* over points."""
        if self.domain == "projected":
            del self.gradients["w*"]
            self.normals["w*"] = plus({}, self.ask("w*"), -1)
        self.keep("w1", self.vector("w1"))
        if self.D is not None and self.domain == "start":
            self.premises["|w1 - w*| <= D"] = (norm, self.points["w1"], self.D**2)
        iterates = [f"w{t}" for t in range(1, len(self.steps) + 2)]
        for t, alpha in enumerate(self.steps, 1):
            if self.measure in ("average value", "best"):
                self.ask(f"w{t}")
            self.step(t, alpha)
        self.points["mean"] = {}
        for name in iterates:
            add(self.points["mean"], self.points[name], Fraction(1, len(iterates)))
            if self.measure == "best":
                self.premises[f"least <= F({name})"] = (plus, {"least": Fraction(1)}, {name: Fraction(1)}, -1)
        self.ask("mean" if self.measure == "average point" else iterates[-1])
        goal = {"average point": ["mean"], "average value": iterates, "last": iterates[-1:], "best": ["least"]}
        return dict.fromkeys(goal[self.measure], Fraction(1, len(goal[self.measure])))

    def step(self, t, alpha):
        """w_{t+1}."""
        w, name = self.points[f"w{t}"], f"{'x' if self.kind == 'BC' else 'w'}{t}"
        self.points[name] = w
        if self.kind == "BC" and self.size:
            r = self.vector(f"r{t}", fresh=self.flag)
            self.premises[f"|r{t}|² <= energy"] = (norm, r, self.size)
            self.keep(name, plus(w, r))
        g = self.gradient(name)
        if self.kind != "SR" or not self.size * alpha:
            return self.project(f"w{t + 1}", plus(w, g, -alpha), alpha)
        p, r = self.project(f"p{t}", plus(w, g, -alpha), alpha), self.vector(f"r{t}", fresh=True)
        name, energy = f"|r{t}|² <= κ α G", self.size * alpha
        if not self.flag and not self.noise:
            self.premises[name] = (norm, r, energy * self.G)
        elif name in self.tangents:  # sqrt(under) <= (under / m + m) / 2
            m = number(self.tangents[name], "a tangent", above=0)
            under = dot(g, g) if self.flag else {(): self.G**2 + self.noise**2}
            self.premises[name] = (norm, r, add({}, plus({(): m}, under, 1 / m), energy / 2))
        self.premises |= {f"|r{t}|² <= κ²/4": (norm, r, self.size**2 / 4)} if self.adjacent else {}
        return self.keep(f"w{t + 1}", plus(p, r))

    def close(self):
        """The premises that tie the points together."""
        to = {a: {a: Fraction(1)} for a in self.points}
        for a in self.gradients:
            for b in self.gradients:
                if a != b:
                    self.premises[f"F({a}) >= F({b}) + ..."] = (self.gap, a, b)
        for i, a in enumerate(self.inside):
            if self.domain == "iterates" and a != "w*" and a[0] == "w":
                self.premises[f"|{a} - w*| <= D"] = (norm, to[a], self.D**2)
            for b in self.inside[i + 1 :] if self.domain == "projected" else []:
                self.premises[f"|{a} - {b}| <= D"] = (norm, plus(to[a], to[b], -1), self.D**2)
            for b in self.normals:
                if a != b:
                    self.premises[f"normal({b}) turns from {a}"] = (dot, self.normals[b], plus(to[a], to[b], -1))

    def gap(self, a, b):
        """F(b) - F(a) + the least F(a) - F(b) in the class   (Taylor, Hendrickx and Glineur 2017, Theorem 4)."""
        h, step = self.gradients[b], {a: Fraction(1), b: Fraction(-1)}
        turn = plus(self.gradients[a], h, -1)
        bent = add(plus({}, dot(turn, turn), self.bend), dot(step, step), self.mu)
        add(bent, dot(turn, step), -2 * self.mu * self.bend)
        return add(plus({b: 1, a: -1}, dot(h, step)), bent, 1 / (2 * (1 - self.mu * self.bend)))

    def total(self, multipliers, objective=True):
        """The terms of  sum of λ left - objective,  in the function values and the vectors."""
        total = plus({}, self.objective, -1) if objective else {}
        for name, m in multipliers.items():
            need(name in self.premises, f"{name[:80]!r} is no premise")
            add(total, self.premises[name][0](*self.premises[name][1:]), m)
        rows: dict = {}
        flat = {key: total.pop(key) for key in list(total) if isinstance(key, str) or not key}
        flat.pop("w*", None)
        for (a, b), c in total.items():
            add(rows.setdefault(a, {}), self.points.get(b, {b: Fraction(1)}), c)
        for a, row in rows.items():
            add(flat, dot(self.points.get(a, {a: Fraction(1)}), row))
        return flat

    def semidefinite(self, total, units, denominator, rows):
        """Whether S = L L' + E, in the given units, with E diagonally dominant, and zero where the Gram matrix is."""
        balance: dict = {}  # E_ii minus the other |E_ij|
        for i, a in enumerate(self.vectors):
            for j, b in enumerate(self.vectors[: i + 1]):
                entry = total.get((a, b) if a <= b else (b, a), 0) * units[i] * units[j]
                product = sum(map(int.__mul__, rows[i], rows[j])) / denominator**2
                if i == j:
                    add(balance, {i: entry - product})
                elif a not in self.fresh:
                    add(balance, {i: 1, j: 1}, -abs(entry / 2 - product))
        return min(balance.values()) >= 0


def check(file):
    """The value that is proved. Raises: ValueError, with the reason for refusing the file."""
    entries(file, PARTS.split(), "the certificate")
    need(file["format"] == FORMAT, f"the format must be {FORMAT!r}")
    multipliers, units, factor = file["multipliers"], file["units"], file["factor"]
    need(isinstance(multipliers, dict) and isinstance(file["tangents"], dict), "multipliers, tangents must be objects")
    run = Run(file)
    need(set(run.tangents) <= set(run.premises), "a tangent belongs to no premise")
    total = run.total({name: number(m, f"the multiplier of {name[:80]!r}", least=0) for name, m in multipliers.items()})
    value = -total.pop((), Fraction(0))
    need(number(file["value"], "value") == value, "the constants do not add up to the value")
    need(not any(a for key, a in total.items() if isinstance(key, str)), "the function values do not cancel")
    need(file["vectors"] == run.vectors, "the vectors are not those of the program")
    entries(factor, ["denominator", "rows"], "factor")
    denominator, rows = number(factor["denominator"], "the denominator", above=0), factor["rows"]
    good = all(isinstance(part, list) and len(part) == len(run.vectors) for part in (units, rows))
    need(good, "each vector must have a unit and a row")
    good = all(isinstance(row, list) and [type(a) for a in row] == [int] * i for i, row in enumerate(rows, 1))
    need(good, "row i of the factor must be i integers")
    proved = run.semidefinite(total, [number(u, "a unit", above=0) for u in units], denominator, rows)
    need(proved, "the slack matrix is not proved to be positive semidefinite")
    return value


def unique(pairs):
    need(len(dict(pairs)) == len(pairs), "a name is repeated")
    return dict(pairs)


def read(text):
    """The JSON in a text. Raises: ValueError; RecursionError where it is nested too deep."""
    return json.loads(text, parse_float=str, parse_constant=str, object_pairs_hook=unique)


def theorem(file, value):
    """What is proved, in words."""
    up = -(-value.numerator * 10**9 // value.denominator)
    f, m = (", ".join(f"{k} = {v}" for k, v in sorted(file[part].items())) for part in ("function", "method"))
    return (
        f"E F - F* <= {up // 10**9}.{up % 10**9:09d} (rounded up): {file['measure']}, T = {len(file['steps']) + 1}, "
        f"D = {file['distance']} ({file['domain']}); {f}; {m}; steps as in the file"
    )


def main(arguments):
    if len(arguments) != 1:
        sys.exit("usage: checker.py FILE")
    try:
        with open(arguments[0], encoding="utf-8") as source:
            file = read(source.read(MOST_BYTES))
        sys.stdout.write(f"proved: {theorem(file, check(file))}\n")
    except (OSError, ValueError, RecursionError) as error:
        sys.stderr.write(f"refused: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
