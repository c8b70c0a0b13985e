"""How Sphinx builds the pages: ``python -m sphinx -W docs docs/_build``.

Everything that a page shows is made here, before the pages are read: the models' pages and
pictures from the models, the pages of names from `trustode.__all__`, and the pictures of every
other page by running its blocks. Nothing is fetched: MathJax comes from a Python package.
"""

import importlib.util
import logging
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
MADE = HERE / "_generated"
sys.path.insert(0, str(HERE / "_ext"))

import api_pages  # noqa: E402
import executed  # noqa: E402
import model_pages  # noqa: E402
from sphinx.application import Sphinx  # noqa: E402

import trustode  # noqa: E402

project = "trustode"
author = "trustode developers"
copyright = f"2026, {author}"
version = release = trustode.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "numpydoc", "versions"]
exclude_patterns = ["_build", "_ext", "_templates"]
templates_path = ["_templates"]
root_doc = "index"

myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
myst_heading_anchors = 3

# In docstrings a name between single backticks is a link where there is something to link to.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_theme = "furo"
html_title = f"trustode {release}"
html_static_path = ["_static", "_generated/static"]
html_css_files = ["trustode.css"]
html_show_sourcelink = False
html_context: dict[str, object] = {}
html_additional_pages = {"versions": "versions.html"}
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/version.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
# Every page's title and side have the version; its foot has the date, or SOURCE_DATE_EPOCH's.
html_last_updated_fmt = "%Y-%m-%d"
mathjax_path = "mathjax/tex-svg.js"


def make_pages(app: Sphinx) -> None:
    """Make everything that is not written by hand."""
    # A cluster tells of every worker that comes and goes.
    logging.disable(logging.INFO)
    model_pages.write(MADE / "models", MADE / "static" / "explore")
    api_pages.write(MADE / "api")
    for page in sorted(HERE.rglob("*.md")):
        name = page.relative_to(HERE)
        text = page.read_text(encoding="utf-8")
        if name.parts[0] in ("_generated", "_build") or not executed.executes(text):
            continue
        folder = MADE / "pictures" / name.with_suffix("")
        folder.mkdir(parents=True)
        executed.run(text, str(name), folder)
    logging.disable(logging.NOTSET)


def _copy_mathjax(folder: Path) -> None:
    """Copy the one file that shows equations, fonts included, from its package."""
    found = importlib.util.find_spec("sphinx-mathjax-offline")
    if found is None or found.origin is None:
        raise ModuleNotFoundError('the pages need the extra "docs": pip install -e ".[docs]"')
    folder.mkdir(parents=True)
    shutil.copy(Path(found.origin).parent / "static" / "mathjax" / "tex-svg.js", folder)


def setup(app: Sphinx) -> None:
    """Make the pages once the builder is known and before any is read."""
    shutil.rmtree(MADE, ignore_errors=True)
    _copy_mathjax(MADE / "static" / "mathjax")
    app.connect("builder-inited", make_pages)
