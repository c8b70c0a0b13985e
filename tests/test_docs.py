"""The pages: every block runs, what they show is what is printed, and links lead somewhere."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sympy

import trustode as tr

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(
    page
    for page in DOCS.rglob("*.md")
    if page.relative_to(DOCS).parts[0] not in ("_build", "_generated")
)


def _load(name):
    """Import a module of the pages' own, which are no package."""
    spec = importlib.util.spec_from_file_location(name, DOCS / "_ext" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


executed = _load("executed")
versions = _load("versions")
TEXTS = {str(page.relative_to(DOCS)): page.read_text(encoding="utf-8") for page in PAGES}
RUN = {name: text for name, text in TEXTS.items() if executed.executes(text)}


@pytest.mark.parametrize("name", RUN)
def test_page_runs_and_shows_what_it_prints(name, tmp_path):
    for package in ("matplotlib", *executed.needs(RUN[name])):
        pytest.importorskip(package)
    executed.run(RUN[name], name, tmp_path)
    shown = re.findall(rf"/_generated/pictures/{re.escape(name[:-3])}/([\w.-]+)", RUN[name])
    assert {*shown} <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_somewhere(name):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", TEXTS[name]):
        place = DOCS / target[1:] if target.startswith("/") else (DOCS / name).parent / target
        if "_generated" not in target:
            assert place.exists(), target


@pytest.mark.parametrize(
    "page",
    [
        "```python\nprint(1)\n```\n\n```text\n2\n```\n",
        "```python raises\n1 + 1\n```\n",
        "```sh\ntrustode simulate no-such-model\n```\n",
    ],
)
def test_stale_page_is_noticed(page, tmp_path):
    with pytest.raises(executed.StaleError):
        executed.run(page, "page.md", tmp_path)


def test_blocks_share_a_namespace_a_folder_and_files(tmp_path):
    page = (
        "<!-- file: a.txt -->\n```toml\nx = 1\n```\n```python\nfrom pathlib import Path\n"
        "y = Path('a.txt').read_text()\n```\n```python\nprint(y)\n```\n```text\nx = ...\n```\n"
    )
    executed.run(page, "page.md", tmp_path)
    assert (tmp_path / "a.txt").read_text() == "x = 1\n"


def test_traceback_names_the_line_of_the_page(tmp_path):
    with pytest.raises(ZeroDivisionError) as caught:
        executed.run("one\n\n```python\n\n1/0\n```\n", "page.md", tmp_path)
    last = caught.traceback[-1]
    assert (str(last.path), last.lineno + 1) == ("page.md", 5)


def test_equations_of_a_model_page_are_the_models():
    """What the page shows as shared parts must give the right-hand sides again."""
    pages = _load("model_pages")
    for name in tr.models.names():
        right = list(tr.models.load(name).rhs.values())
        shared, rest = pages._shared(right)
        for part, value in reversed(shared):
            rest = [expression.xreplace({part: value}) for expression in rest]
        names = sorted(set().union(*(e.free_symbols for e in right)), key=str)
        values = np.random.default_rng(0).uniform(0.2, 0.9, len(names))
        both = [sympy.lambdify(names, side)(*values) for side in (right, rest)]
        # Rounding: a few hundred operations on numbers near one (up to 3e7 in one classic).
        np.testing.assert_allclose(both[1], both[0], rtol=1e-9, atol=1e-12)


def test_every_public_name_has_a_place():
    _load("api_pages")._check()


@pytest.mark.slow
def test_pages_build_without_a_warning(tmp_path):
    for module in ("sphinx", "furo", "myst_parser", "numpydoc"):
        pytest.importorskip(module)
    subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", str(DOCS), str(tmp_path / "pages")],
        check=True,
        timeout=900,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    page = (tmp_path / "pages" / "tutorial.html").read_text(encoding="utf-8")
    assert not re.search(r'<(script|link)[^>]*(src|href)="https?://', page)


def test_pages_of_older_versions_stay_beside_the_newest(tmp_path):
    def build(version):
        (tmp_path / "how-to").mkdir(exist_ok=True)
        for page in ("index.html", "versions.html", "how-to/page.html"):
            (tmp_path / page).write_text(f"{page} of {version}")
        (tmp_path / ".doctrees").mkdir(exist_ok=True)
        return versions.keep(tmp_path, version)

    for version in ("0.9.0", "0.10.0", "0.10.0rc1", "0.9.0"):
        own = build(version)
        assert own == tmp_path / version
        assert (own / "how-to" / "page.html").read_text() == f"how-to/page.html of {version}"
        assert "../versions.html" in (own / "versions.html").read_text()
    assert versions.kept(tmp_path) == ["0.10.0", "0.10.0rc1", "0.9.0"]
    assert (tmp_path / "0.10.0" / "index.html").read_text() == "index.html of 0.10.0"
    assert sorted(path.name for path in (tmp_path / "0.10.0").iterdir()) == [
        "how-to", "index.html", "versions.html"
    ]  # fmt: skip
