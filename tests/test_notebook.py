"""How models and results look in a notebook."""

import html
import re

import numpy as np
import pandas as pd
import pytest

import trustode as tr
from trustode.notebook import html_of_table, html_of_text, text_of_columns

x = tr.states("x")
a = tr.parameters("a")
FALLING = tr.Model("falling", rhs={x: -a * x}, params={a: tr.Param(1.0, min=0)}, initial={x: 1.0})
FOLDING = tr.Model("folding", rhs={x: a - x**2}, params={a: 1.0}, initial={x: 1.0})


def fitted():
    t = np.linspace(0.0, 2.0, 9)
    data = pd.DataFrame({"t": t, "x": np.exp(-0.7 * t) + 0.01 * (-1.0) ** np.arange(9)})
    return tr.fit(
        FALLING,
        data,
        time="t",
        observed={"x": tr.Gaussian("x", sd=0.1)},
        vary={"a": tr.Vary(1.0, min=0, max=3)},
        progress=False,
    )


RESULTS = {
    "solution": lambda: tr.simulate(FALLING, np.linspace(0, 1, 30)),
    "ensemble": lambda: tr.ensemble(FALLING, pd.DataFrame({"a": [1.0, 2.0]}), [0.0, 1.0]),
    "scan": lambda: tr.scan(FALLING, vary={"a": [1.0, 2.0]}, t=(0, 20), measure=["final"]),
    "equilibria": lambda: tr.equilibria(FOLDING, region={"x": (-2, 2)}),
    "branch": lambda: tr.continuation(FOLDING, "a", start={"x": 1.0}, span=(-1, 2)),
    "diagram": lambda: tr.diagram(FOLDING, "a", (-1, 2), region={"x": (-2, 2)}),
    "fit": fitted,
}


def cells(page):
    """Return the texts of all cells of a page's tables."""
    return {html.unescape(cell) for cell in re.findall(r"<t[dh][^>]*>([^<]*)</t[dh]>", page)}


@pytest.mark.parametrize("make", RESULTS.values(), ids=RESULTS)
def test_a_result_shows_its_text_and_its_table(make):
    result = make()
    page = result._repr_html_()
    words = html.unescape(re.search(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL).group(1))
    assert repr(result).startswith(words)
    assert {str(column) for column in result._shown().columns} <= cells(page)


def test_ten_rows_are_shown_and_the_rest_is_counted():
    page = RESULTS["solution"]()._repr_html_()
    assert page.count("<tr") == 11
    assert "10 of 30 rows" in page


def test_a_result_without_rows_is_its_text():
    nothing = tr.equilibria(FOLDING, params={"a": -1.0}, region={"x": (-2, 2)})
    assert "<table" not in nothing._repr_html_()


def test_a_model_shows_its_equations_and_every_parameter():
    model = tr.models.load("trust-updated")
    page = model._repr_html_()
    assert r"\begin{align}" in page
    assert set(model.params) <= cells(page)


def test_text_of_the_user_is_escaped():
    hostile = "<script>alert(1)</script>"
    table = pd.DataFrame({hostile: [hostile]}, index=[hostile])
    assert "<script" not in html_of_table(table) + html_of_text(hostile)


def test_a_table_of_few_rows_stands_in_columns_that_fit_a_screen():
    names = ["14 days, 5 questions a day", "28 days, 5 questions a day", "14 days, 10 a day", "d"]
    figures = {f"stderr of value {k}": np.pi * 10.0 ** (np.arange(4) - k) for k in range(9)}
    table = pd.DataFrame(figures, index=names).assign(n=[1, 2, 3, 4])
    lines = text_of_columns(table).splitlines()
    assert max(map(len, lines)) <= 80
    told = {line[:18].strip(): line[18:].split() for line in lines if line[:18].strip()}
    assert list(told) == list(table.columns)
    for name, values in told.items():
        np.testing.assert_allclose([float(each) for each in values], table[name], rtol=1e-5)
    head = " ".join(" ".join(line.split()) for line in lines if not line[:18].strip())
    assert sorted(head.replace(",", " ").split()) == sorted(
        " ".join(names).replace(",", " ").split()
    )
