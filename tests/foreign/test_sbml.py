"""SBML: reactions, rules and amounts, against closed forms; and what is refused."""

from pathlib import Path

import numpy as np
import pytest

import trustode as tr
from trustode.errors import ModelError

EXACT = tr.Solver(rtol=1e-10, atol=1e-12)
MATH = '<math xmlns="http://www.w3.org/1998/Math/MathML">{}</math>'


def document(content: str, level: int = 3) -> str:
    space = {3: "level3/version1/core", 2: "level2/version4"}[level]
    version = {3: 1, 2: 4}[level]
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<sbml xmlns="http://www.sbml.org/sbml/{space}" '
        f'level="{level}" version="{version}"><model id="m">{content}</model></sbml>'
    )


def read(content: str, level: int = 3) -> tr.Model:
    return tr.read_model(document(content, level))


def rate(variable: str, formula: str) -> str:
    return f'<rateRule variable="{variable}">{MATH.format(formula)}</rateRule>'


def with_rules(formula: str, more: str = "", rules: str = "") -> str:
    return (
        '<listOfParameters><parameter id="x" value="1" constant="false"/>'
        f'<parameter id="k" value="0.5" constant="true"/>{more}</listOfParameters>'
        f"<listOfRules>{rules}{rate('x', formula)}</listOfRules>"
    )


TIMES = "<apply><times/>{}</apply>"
TIME = '<csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/time">t</csymbol>'

#: A in a cell of size 2 as a concentration decays into two B, an amount, by a law with its own k.
REACTION = """
<listOfFunctionDefinitions><functionDefinition id="flow">{flow}</functionDefinition>
</listOfFunctionDefinitions>
<listOfCompartments><compartment id="cell" size="2" constant="true"/></listOfCompartments>
<listOfSpecies>
<species id="A" compartment="cell" initialAmount="6" hasOnlySubstanceUnits="false"
  boundaryCondition="false" constant="false"/>
<species id="B" compartment="cell" initialConcentration="1" hasOnlySubstanceUnits="true"
  boundaryCondition="false" constant="false"/>
<species id="E" compartment="cell" initialConcentration="7" hasOnlySubstanceUnits="false"
  boundaryCondition="true" constant="false" name="enzyme"/>
</listOfSpecies>
<listOfParameters><parameter id="k" value="99" constant="true"/></listOfParameters>
<listOfReactions><reaction id="r" reversible="false" fast="false">
<listOfReactants><speciesReference species="A" stoichiometry="1" constant="true"/>
<speciesReference species="E" stoichiometry="1" constant="true"/></listOfReactants>
<listOfProducts><speciesReference species="B" stoichiometry="2" constant="true"/></listOfProducts>
<kineticLaw>{law}<listOfLocalParameters><localParameter id="k" value="0.5"/>
</listOfLocalParameters></kineticLaw></reaction></listOfReactions>
""".format(
    flow=MATH.format(
        "<lambda><bvar><ci>a</ci></bvar><bvar><ci>b</ci></bvar>"
        + TIMES.format("<ci>a</ci><ci>b</ci>")
        + "</lambda>"
    ),
    law=MATH.format(TIMES.format("<ci>cell</ci><apply><ci>flow</ci><ci>A</ci><ci>k</ci></apply>")),
)


def test_amounts_and_concentrations() -> None:
    model = read(REACTION)
    t = np.linspace(0, 3, 31)
    found = tr.simulate(model, t, solver=EXACT)
    # [A]' = -k [A] from 6/2; the amount of B gains twice the amount that A loses, from 1*2.
    a = 3 * np.exp(-0.5 * t)
    np.testing.assert_allclose(found["A"], a, rtol=1e-8)
    np.testing.assert_allclose(found["B"], 2 + 2 * 2 * (3 - a), rtol=1e-8)
    assert model.defaults == {"k": 99.0, "cell": 2.0, "E": 7.0, "r_k": 0.5} or set(
        model.defaults
    ) == {"k", "cell", "E", "r_k"}


def test_one_is_true_in_xml() -> None:
    model = read(REACTION.replace('"true"', '"1"').replace('"false"', '"0"'))
    start, rhs = tr.compile(model).initial(), tr.compile(model).rhs
    same = tr.compile(read(REACTION))
    np.testing.assert_array_equal(start, same.initial())
    np.testing.assert_array_equal(rhs(0.0, start), same.rhs(0.0, start))


def test_lists_may_have_notes() -> None:
    plain = with_rules("<ci>x</ci>")
    noted = plain.replace("<listOfRules>", "<listOfRules><notes><p>grows</p></notes><annotation/>")
    assert read(noted) == read(plain)


def test_roadrunner_agrees_on_reactions(tmp_path: Path) -> None:
    roadrunner = pytest.importorskip("roadrunner", reason="needs libroadrunner")
    file = tmp_path / "m.xml"
    file.write_text(document(REACTION))
    other = roadrunner.RoadRunner(str(file))
    other.integrator.relative_tolerance, other.integrator.absolute_tolerance = 1e-10, 1e-12
    other.timeCourseSelections = ["time", "[A]", "B"]
    rows = np.asarray(other.simulate(0, 3, 31))
    found = tr.simulate(tr.read_model(file), np.linspace(0, 3, 31), solver=EXACT)
    assert np.abs(rows[:, 1] - found["A"]).max() < 1e-6
    assert np.abs(rows[:, 2] - found["B"]).max() < 1e-6


def test_growing_compartment_dilutes() -> None:
    model = read(
        '<listOfCompartments><compartment id="v" size="1" constant="false"/></listOfCompartments>'
        '<listOfSpecies><species id="S" compartment="v" initialConcentration="2"/></listOfSpecies>'
        '<listOfParameters><parameter id="g" value="0.3"/></listOfParameters>'
        f"<listOfRules>{rate('v', TIMES.format('<ci>g</ci><ci>v</ci>'))}</listOfRules>"
        '<listOfReactions><reaction id="r"><listOfProducts><speciesReference species="S"/>'
        f"</listOfProducts><kineticLaw>{MATH.format('<cn>0</cn>')}</kineticLaw></reaction>"
        "</listOfReactions>",
        level=2,
    )
    t = np.linspace(0, 2, 11)
    found = tr.simulate(model, t, solver=EXACT)
    # The amount stays 2, the size is exp(g t).
    np.testing.assert_allclose(found["S"], 2 * np.exp(-0.3 * t), rtol=1e-8)


CHANGING = """
<listOfCompartments><compartment id="v" size="9" constant="false"/></listOfCompartments>
<listOfSpecies><species id="S" compartment="v" initialAmount="3"/>
<species id="F" compartment="v" initialConcentration="2" constant="true"/>
<species id="r_k" compartment="v" initialAmount="1" hasOnlySubstanceUnits="true"/></listOfSpecies>
<listOfRules><assignmentRule variable="v">{size}</assignmentRule>{grow}</listOfRules>
<listOfReactions><reaction id="r"><listOfReactants>
<speciesReference species="r_k" stoichiometry="1"/></listOfReactants>
<listOfProducts><speciesReference id="n" species="S" stoichiometry="4" constant="false"/>
</listOfProducts><kineticLaw>{law}<listOfParameters><parameter id="k" value="1"/>
</listOfParameters></kineticLaw></reaction></listOfReactions>
""".format(
    size=MATH.format(f"<apply><plus/><cn>2</cn>{TIME}</apply>"),
    grow=rate("n", "<cn>0.5</cn>"),
    law=MATH.format(TIMES.format("<ci>k</ci><cn>3</cn>")),
)


def test_amounts_stay_where_a_rule_gives_the_size() -> None:
    model = read(CHANGING)
    t = np.linspace(0, 2, 5)
    found = tr.simulate(model, t, solver=EXACT)
    # The size is 2 + t; n = 4 + t/2 of S come with each of the 3 a unit of time.
    np.testing.assert_allclose(found["S"], (3 + 12 * t + 0.75 * t**2) / (2 + t), rtol=1e-8)
    np.testing.assert_allclose(found["F"], 2 * 2 / (2 + t), rtol=1e-8)
    # A reaction's own k is not the species r_k.
    np.testing.assert_allclose(found["r_k"], 1 - 3 * t, rtol=1e-8, atol=1e-8)


def test_rules_and_initial_assignments() -> None:
    assigned = (
        '<assignmentRule variable="b">'
        + MATH.format(TIMES.format("<ci>a</ci><cn>2</cn>"))
        + '</assignmentRule><assignmentRule variable="a">'
        + MATH.format("<apply><plus/><ci>x</ci><ci>c</ci></apply>")
        + "</assignmentRule>"
    )
    more = (
        '<parameter id="a" constant="false"/><parameter id="b" constant="false" name="twice"/>'
        '<parameter id="c" constant="true"/>'
    )
    starts = (
        f'<listOfInitialAssignments><initialAssignment symbol="c">'
        f"{MATH.format(TIMES.format('<ci>k</ci><cn>3</cn>'))}</initialAssignment>"
        f'<initialAssignment symbol="x">{MATH.format("<ci>k</ci>")}</initialAssignment>'
        "</listOfInitialAssignments>"
    )
    rules = with_rules("<apply><minus/><ci>b</ci></apply>", more, assigned)
    model = read(rules.replace("<listOfRules>", starts + "<listOfRules>"))
    # c = 3 k and x(0) = k = 1/2; x' = -2 (x + c).
    t = np.linspace(0, 1, 5)
    found = tr.simulate(model, t, solver=EXACT)
    np.testing.assert_allclose(found["x"], 2 * np.exp(-2 * t) - 1.5, rtol=1e-8)
    np.testing.assert_allclose(found["b"], 4 * np.exp(-2 * t), rtol=1e-8)
    assert model.meanings["b"] == "twice"
    # A parameter that others start from can be changed afterwards.
    changed = tr.simulate(model, [0.0, 1.0], params={"k": 1.0}, solver=EXACT)
    assert changed["x"][-1] == pytest.approx(4 * np.exp(-2) - 3, rel=1e-8)


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ('<cn type="e-notation">-1.5<sep/>-3</cn>', -1.5e-3),
        ('<cn type="rational">1<sep/>3</cn>', 1 / 3),
        ("<apply><root/><cn>9</cn></apply>", 3.0),
        ("<apply><root><degree><cn>3</cn></degree></root></apply>", None),
        ("<apply><root/><degree><cn>3</cn></degree><cn>8</cn></apply>", 2.0),
        ("<apply><log/><cn>1000</cn></apply>", 3.0),
        ("<apply><log/><logbase><cn>2</cn></logbase><cn>8</cn></apply>", 3.0),
        ("<apply><sec/><cn>1</cn></apply>", 1 / np.cos(1)),
        ("<apply><arctanh/><cn>0.5</cn></apply>", np.arctanh(0.5)),
        ("<apply><arcsec/><cn>4</cn></apply>", np.arccos(0.25)),
        ("<apply><arccoth/><cn>4</cn></apply>", np.arctanh(0.25)),
        ("<apply><xor/><cn>5</cn><true/><apply><gt/><ci>x</ci><cn>0</cn></apply></apply>", 1.0),
        ("<apply><implies/><true/><cn>7</cn></apply>", 1.0),
        ("<apply><implies/><true/><false/></apply>", 0.0),
        (
            "<apply><plus/><apply><times/></apply><apply><and/></apply><apply><xor/></apply></apply>",
            2,
        ),
        ("<apply><times/><pi/><exponentiale/></apply>", np.pi * np.e),
        ("<apply><minus/><apply><minus/><cn>2</cn></apply><cn>1</cn></apply>", -3.0),
        ("<apply><lt/><cn>1</cn><ci>x</ci><cn>3</cn></apply>", 1.0),
        ("<apply><lt/><ci>x</ci><cn>2</cn></apply>", 0.0),
        ("<apply><leq/><ci>x</ci><cn>2</cn></apply>", 1.0),
        ("<apply><xor/><true/><apply><gt/><ci>x</ci><cn>0</cn></apply></apply>", 0.0),
        ("<apply><or/><false/><apply><neq/><ci>x</ci><cn>0</cn></apply></apply>", 1.0),
        (
            "<piecewise><piece><cn>5</cn><apply><lt/><ci>x</ci><cn>1</cn></apply></piece>"
            "<piece><cn>6</cn><apply><and/><apply><geq/><ci>x</ci><cn>1</cn></apply>"
            "<apply><not/><apply><eq/><ci>x</ci><cn>3</cn></apply></apply></apply></piece>"
            "<otherwise><cn>7</cn></otherwise></piecewise>",
            6.0,
        ),
        (
            '<csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/time"> t '
            "</csymbol>",
            0.25,
        ),
    ],
)
def test_mathml(formula: str, value: float | None) -> None:
    if value is None:
        with pytest.raises(ModelError):
            read(with_rules(formula))
        return
    found = tr.compile(read(with_rules(formula))).rhs(0.25, np.array([2.0]))
    assert found[0] == pytest.approx(value, rel=1e-14)


DELAY = (
    '<apply><csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/delay"> d '
    "</csymbol><ci>x</ci><cn>1</cn></apply>"
)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (with_rules("<ci>x</ci>") + '<listOfEvents><event id="late"/></listOfEvents>', "(late)"),
        (
            with_rules(
                "<ci>x</ci>", rules=f"<algebraicRule>{MATH.format('<ci>k</ci>')}</algebraicRule>"
            ),
            "an algebraic rule (of k)",
        ),
        (with_rules(DELAY), "rateRule of 'x': 'delay' has no equivalent"),
        (with_rules("<apply><floor/><ci>x</ci></apply>"), "'floor' of 1 has no equivalent"),
        (with_rules("<ci>zed</ci>"), "'zed' is used, but has no value"),
        (with_rules("<apply><ci>mm</ci><ci>x</ci></apply>"), "the function 'mm' is not defined"),
        (with_rules("<apply><not/></apply>"), "MathML's 'not' of 0 has no equivalent"),
        (with_rules("<cn>one</cn>"), "'one' is not a number"),
        (with_rules("<cn>1_000</cn>"), "'1_000' is not a number"),
        (with_rules("<ci>x</ci><ci>x</ci>"), "a formula of 2 expressions"),
        (with_rules("<ci>q</ci>", '<parameter id="q"/>'), "'q' is used, but has no value"),
        (with_rules("<ci>x</ci>", '<parameter id="a b" value="1"/>'), "without a right id"),
        (with_rules("<ci>x</ci>", '<parameter id="q" value="INF"/>'), "value is 'INF'"),
        (with_rules("<ci>x</ci>", rules=rate("y", "<ci>x</ci>")), "a rule is for 'y'"),
        (with_rules("<piecewise><piece><cn>1</cn><true/></piece></piecewise>"), "otherwise"),
        (with_rules("<apply><plus/>" * 200 + "</apply>" * 200), "nested more than 150"),
        ("<listOfParameters/>", "no differential equation"),
        (REACTION.replace('fast="false"', 'fast="true"'), "reaction 'r' is fast"),
        (REACTION.replace('fast="false"', 'fast="1"'), "reaction 'r' is fast"),
        (REACTION.replace('species="B"', 'species="C"'), "changes 'C', which is no species"),
        # The second of each would take the place of the first, and of what changes it.
        (
            REACTION.replace('<species id="E"', '<species id="B"'),
            "the id 'B' stands twice, in 'species' and in 'species'",
        ),
        (
            with_rules("<ci>x</ci>", '<parameter id="k" value="3"/>'),
            "the id 'k' stands twice, in 'parameter' and in 'parameter'",
        ),
        (
            REACTION.replace('<parameter id="k"', '<parameter id="cell"', 1),
            "the id 'cell' stands twice, in 'compartment' and in 'parameter'",
        ),
        (
            with_rules("<ci>x</ci>", rules=rate("x", "<ci>k</ci>")),
            "the variable 'x' stands twice, in 'rateRule' and in 'rateRule'",
        ),
    ],
)
def test_what_cannot_be_read_is_named(content: str, said: str) -> None:
    with pytest.raises(ModelError) as error:
        read(content)
    assert said in str(error.value)


def functions(**bodies: str) -> str:
    made = "".join(
        f'<functionDefinition id="{name}">'
        + MATH.format(f"<lambda><bvar><ci>a</ci></bvar>{body}</lambda>")
        + "</functionDefinition>"
        for name, body in bodies.items()
    )
    return f"<listOfFunctionDefinitions>{made}</listOfFunctionDefinitions>"


def test_functions_may_stand_in_any_order() -> None:
    call = "<apply><ci>{}</ci><ci>{}</ci></apply>"
    twice = TIMES.format("<ci>a</ci><cn>2</cn>")
    used = with_rules(call.format("f", "x"))
    model = read(functions(f=call.format("g", "a"), g=twice) + used)
    assert tr.compile(model).rhs(0.0, np.array([3.0]))[0] == 6
    with pytest.raises(ModelError, match=r"a function calls itself: (g -> f -> g|f -> g -> f)"):
        read(functions(f=call.format("g", "a"), g=call.format("f", "a")) + used)


def test_a_value_that_does_not_count_may_be_missing_or_nan() -> None:
    start = f'<initialAssignment symbol="x">{MATH.format("<ci>k</ci>")}</initialAssignment>'
    starts = f"<listOfInitialAssignments>{start}</listOfInitialAssignments>"
    text = with_rules("<ci>x</ci>", '<parameter id="unused"/>').replace('"1"', '"NaN"', 1)
    model = read(text.replace("<listOfRules>", starts + "<listOfRules>"))
    assert tr.compile(model).initial()[0] == 0.5
    with pytest.raises(ModelError, match="value is 'NaN'"):
        read(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<a>\n", "not XML"),
        ("<a>\n</a>", "the document is 'a', not SBML"),
        ('<sbml level="1">\n</sbml>', "SBML of level 1"),
        ('<sbml level="3">\n</sbml>', "holds no model"),
        ('<!DOCTYPE s [<!ENTITY a "b">]>\n<sbml level="3"/>', "a document type"),
        ('<!DOCTYPE s SYSTEM "file:///etc/passwd">\n<sbml level="3"/>', "a document type"),
        ("<a>\n" * 500 + "</a>" * 500, "elements nested more than"),
        (
            '<sbml level="3" xmlns:c="http://www.sbml.org/sbml/level3/version1/comp/version1" '
            'c:required="true">\n</sbml>',
            "package 'comp'",
        ),
    ],
)
def test_other_documents_are_refused(text: str, said: str) -> None:
    with pytest.raises(ModelError) as error:
        tr.read_model(text)
    assert said in str(error.value)


def test_names_of_ours_are_kept_free() -> None:
    model = read(
        with_rules("<ci>lambda</ci>", '<parameter id="lambda" value="2"/>').replace('"x"', '"t"')
    )
    assert model.states == ("t_",)
    assert model.params == ("k", "lambda_")
