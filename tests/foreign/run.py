"""Read and simulate the cases of the SBML Test Suite, and compare with its results.

    python tests/foreign/run.py cases/semantic          what came of the cases, counted
    python tests/foreign/run.py cases/semantic --each   and a line for each

A folder has the suite's layout: in NNNNN/ the model at one or more levels, NNNNN-settings.txt and
NNNNN-results.csv. A case is right if every figure at every time is within the tolerances of its
own settings.
"""

import argparse
import csv
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

import trustode as tr
from trustode.errors import ModelError

#: How much closer than what a case allows its simulation is.
MARGIN = 1e-3
#: What may come of a case.
RIGHT, REFUSED, WRONG, CRASHED = "right", "refused", "wrong", "crashed"


@dataclass(frozen=True)
class Outcome:
    """What came of a case, and why."""

    case: str
    kind: str
    why: str = ""


def outcomes(folder: Path) -> Iterator[Outcome]:
    """Return what comes of each time course below a folder."""
    for settings in sorted(folder.glob("*/*-settings.txt")):
        # A flux balance has no times.
        if _settings(settings)["duration"]:
            yield outcome(settings.parent)


def outcome(folder: Path) -> Outcome:
    """Return what comes of the case in a folder."""
    case, file = folder.name, newest(folder)
    try:
        return Outcome(case, *_compared(tr.read_model(file), file))
    except ModelError as error:
        return Outcome(case, REFUSED, str(error))
    except Exception as error:
        return Outcome(case, CRASHED, f"{type(error).__name__}: {error}")


def newest(folder: Path) -> Path:
    """Return a case's model at the highest level and version that it has."""
    found = folder.glob(f"{folder.name}-sbml-l?v?.xml")
    return max(found, key=lambda file: file.stem)


def _settings(file: Path) -> dict[str, str]:
    lines = (line.partition(":") for line in file.read_text().splitlines())
    return {key.strip(): value.strip() for key, _, value in lines}


def _compared(model: tr.Model, file: Path) -> tuple[str, str]:
    said = _settings(file.with_name(f"{file.parent.name}-settings.txt"))
    relative, absolute = float(said["relative"]), float(said["absolute"])
    with file.with_name(f"{file.parent.name}-results.csv").open(newline="") as lines:
        header, *rows = csv.reader(lines, skipinitialspace=True)
    table = np.array([[float(value) for value in row] for row in rows if row])
    solver = tr.Solver(rtol=MARGIN * relative, atol=MARGIN * min(absolute, relative))
    found = Quantities(file, tr.simulate(model, table[:, 0], solver=solver))
    amounts = re.split(r"[,\s]+", said["amount"])
    for name, wanted in zip(header[1:], table.T[1:], strict=True):
        name = name.strip()
        values = found.amount(name) if name in amounts else found.value(name)
        apart = np.abs(values - wanted) - (absolute + relative * np.abs(wanted))
        worst = int(np.argmax(np.where(np.isnan(apart), np.inf, apart)))
        if not apart[worst] <= 0:
            where = f"{name} at {table[worst, 0]:g}: {values[worst]:.9g}"
            return WRONG, f"{where}, not {wanted[worst]:.9g}"
    return RIGHT, ""


class Quantities:
    """The quantities of an SBML file along a solution of the model that it became."""

    def __init__(self, file: Path, solution: tr.Solution) -> None:
        self.solution = solution
        # What a reaction calls its own may have the name of something else.
        self.elements = {part.get("id"): part for part in ElementTree.parse(file).findall("*/*/*")}

    def value(self, name: str) -> np.ndarray:
        """Return what a name stands for in formulas; for a species, its concentration."""
        part, model = self.elements.get(name), self.solution.model
        if name in (*model.states, *model.observables):
            values = self.solution[name]
        else:
            values = np.full(len(self.solution.t), self._constant(name))
        amounts = part is not None and part.get("hasOnlySubstanceUnits") in ("true", "1")
        return values / self._size(part) if amounts else values

    def _constant(self, name: str) -> float:
        if name in self.solution.model.params:
            return self.solution.model.defaults[name]
        size = self.elements[name].get("size") if name in self.elements else None
        if size is None:
            raise ModelError(f"the model has nothing called {name!r}")
        # A size that nothing uses.
        return float(size)

    def amount(self, name: str) -> np.ndarray:
        """Return the amount of a species."""
        return self.value(name) * self._size(self.elements[name])

    def _size(self, species: ElementTree.Element) -> np.ndarray | float:
        place = species.get("compartment", "")
        flat = self.elements[place].get("spatialDimensions") in ("0", "0.0")
        return 1.0 if flat else self.value(place)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="with a folder for each case")
    parser.add_argument("--each", action="store_true", help="a line for each case")
    arguments = parser.parse_args()
    all_of_them = list(outcomes(arguments.folder))
    for outcome in all_of_them:
        if arguments.each or outcome.kind in (WRONG, CRASHED):
            print(outcome.case, outcome.kind, outcome.why)
    counts = Counter(outcome.kind for outcome in all_of_them)
    print(", ".join(f"{counts[kind]} {kind}" for kind in (RIGHT, REFUSED, WRONG, CRASHED)))
    return 1 if counts[WRONG] or counts[CRASHED] else 0


if __name__ == "__main__":
    sys.exit(main())
