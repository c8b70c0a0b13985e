"""How models and results look in a notebook."""

import html
import re

import numpy as np
import pandas as pd
import pytest

import trustode as tr
from trustode.notebook import html_of_table, html_of_text

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
