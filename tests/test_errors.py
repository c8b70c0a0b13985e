"""Exceptions: what they are, that they survive a trip between processes, and their words."""

import copy
import dataclasses
import inspect
import pickle
import re
from pathlib import Path

import pytest

import trustode as tr
from trustode import errors
from trustode.errors import STATUS_TEXT, SolveError, Status, TrustodeError, listed, nearest
from trustode.notebook import Shown


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("ModelError", ValueError),
        ("CompileError", RuntimeError),
        ("SolveError", RuntimeError),
        ("DataError", ValueError),
        ("OptionError", ValueError),
    ],
)
def test_each_is_ours_and_a_familiar_one(name: str, base: type[Exception]) -> None:
    exception = getattr(errors, name)
    assert issubclass(exception, TrustodeError)
    assert issubclass(exception, base)


def test_solve_error_keeps_what_was_reached() -> None:
    error = SolveError("stopped", Status.MAX_STEPS, {"t": 1.0})
    for twin in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert (str(twin), twin.status, twin.solution) == ("stopped", Status.MAX_STEPS, {"t": 1.0})


def test_every_status_has_its_sentence() -> None:
    assert set(STATUS_TEXT) == set(Status)
    assert Status.SUCCESS == 0
    assert all(status < 0 for status in Status if status is not Status.SUCCESS)


def test_statuses_are_those_of_the_core() -> None:
    header = Path(__file__).resolve().parents[1] / "ext" / "core.h"
    block = re.search(r"enum tro_status \{(.*?)\}", header.read_text(), re.DOTALL)
    assert block
    found = dict(re.findall(r"TRO_(\w+) = (-?\d+)", block.group(1)))
    known = {name: str(int(status)) for name, status in Status.__members__.items()}
    assert {name: known.get(name) for name in found} == found


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("kapa", ["alpha", "kappa"], "; did you mean 'kappa'?"),
        ("K", ["k", "alpha"], "; did you mean 'k'?"),
        ("ALPHA", ["beta", "alpha"], "; did you mean 'alpha'?"),
        ("tahn", ["tan", "tanh"], "; did you mean 'tanh'?"),
        ("aplha", ["alpha", "alpha2"], "; did you mean 'alpha'?"),
        ("KAPA", ["alpha", "kappa"], "; did you mean 'kappa'?"),
        ("zzz", ["alpha"], ""),
        ("x", [], ""),
        ("", ["alpha"], ""),
    ],
)
def test_nearest(name: str, known: list[str], expected: str) -> None:
    assert nearest(name, known) == expected


def test_listed_cuts_long_lists() -> None:
    assert listed("abc") == "a, b, c"
    assert listed([]) == ""
    assert listed((str(n) for n in range(20)), limit=2) == "0, 1, ... (20 in all)"


def _calls():
    model = tr.models.load("van-der-pol")
    return {
        "simulate": (lambda **k: tr.simulate(model, (0, 1), **k), "param", "params"),
        "scan": (lambda **k: tr.scan(model, vary={"mu": [1.0]}, **k), "mesure", "measure"),
        "equilibria": (lambda **k: tr.equilibria(model, **k), "regoin", "region"),
        "continuation": (lambda **k: tr.continuation(model, "mu", **k), "strat", "start"),
        "Solver": (tr.Solver, "rtl", "rtol"),
        "Param": (lambda **k: tr.Param(1.0, **k), "mimimum", "min"),
        "Vary": (lambda **k: tr.Vary(1.0, **k), "scael", "scale"),
        "Pulses": (lambda **k: tr.Pulses([1.0], **k), "widht", "width"),
        "replace": (model.replace, "parms", "params"),
        "ArcLength": (tr.ArcLength, "ds_mx", "ds_max"),
    }


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: tr.Gaussian("x"),
            "Gaussian: missing a required argument: 'sd'. It takes expr, sd",
        ),
        (lambda: tr.scan(), "scan: missing a required argument: 'model'. It takes model, vary"),
        (lambda: tr.Steps([1], [2], [3], [4]), "Steps: too many positional arguments. It takes"),
    ],
)
def test_a_missing_argument_is_named(call, message):
    with pytest.raises(tr.KeywordError) as caught:
        call()
    assert str(caught.value).startswith(message)


def test_a_fault_inside_a_call_stays_what_it_is():
    @errors.checks_keywords
    def call(value):
        return value + "text"

    with pytest.raises(TypeError, match="unsupported operand") as caught:
        call(1)
    assert not isinstance(caught.value, tr.TrustodeError)


@pytest.mark.parametrize("name", sorted(_calls()))
def test_an_unknown_keyword_names_the_nearest(name):
    call, wrong, right = _calls()[name]
    with pytest.raises(tr.KeywordError, match=rf"{name}: unknown keyword '{wrong}'.*{right}"):
        call(**{wrong: 1})


def _kinds_of(kind):
    for each in kind.__subclasses__():
        yield each
        yield from _kinds_of(each)


def _taken_by_keyword():
    """Find the public functions with more than one argument, and what draws a result."""
    for home in (tr, tr.models, tr.data):
        found = (getattr(home, name) for name in home.__all__)
        yield from (each for each in found if inspect.isfunction(each))
    yield from (kind.plot for kind in _kinds_of(Shown) if hasattr(kind, "plot"))
    yield tr.Model.freeze


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(tr.Solver)])
def test_a_solvers_keyword_is_told_where_it_goes(name):
    model = tr.Model("decay", {"x": "-x"}, initial={"x": 1.0})
    with pytest.raises(tr.KeywordError, match=rf"write solver=tr\.Solver\({name}=\.\.\.\)"):
        tr.simulate(model, [0.0, 1.0], **{name: 1})


def test_every_call_that_users_make_knows_its_keywords():
    checked = 0
    for function in _taken_by_keyword():
        if len(inspect.signature(function).parameters) > 1:
            with pytest.raises(tr.KeywordError, match="unknown keyword 'no_such'"):
                function(no_such=1)
            checked += 1
    assert checked > 40, "the functions were not found"
