"""What the source of the package may not do: import the wrong way, or run text."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import trustode

ROOT = Path(__file__).resolve().parents[1]
#: The package that is tested, in the checkout or where it was installed.
PACKAGE = Path(trustode.__file__).parent
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")

#: Calls that run text, or load objects that run text, by their last name.
FORBIDDEN = {
    "eval",
    "exec",
    "__import__",
    "sympify",
    "parse_expr",
    "S",
    "lambdify",
    "autowrap",
    "ufuncify",
}
#: Calls that hand text to a shell.
SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
#: Modules that load objects which run code.
UNPICKLERS = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
#: Where a name of the package is loaded when it is first used.
LAZY = {"models/__init__.py"}


def allowed_imports() -> dict[str, set[str]]:
    """Read the table of layers in docs/design.md, the one place that has it."""
    rows = re.findall(
        r"^\| ((?:`\w+`(?:, )?)+) \|[^|]*\|([^|]*)\|$",
        (ROOT / "docs" / "design.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    return {
        module: set(re.findall(r"`(\w+)`", allowed))
        for modules, allowed in rows
        for module in re.findall(r"`(\w+)`", modules)
        if re.fullmatch(r"(\s*`\w+`)*\s*", allowed)
    }


ALLOWED = allowed_imports()


def layer(path: Path) -> str:
    """Return the module or folder of the package that a file belongs to."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(tree: ast.AST, path: Path) -> Iterator[tuple[ast.stmt, str]]:
    """Find the imports of trustode's own modules, each with the layer it names."""
    package = ("trustode", *path.relative_to(PACKAGE).with_suffix("").parts)[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                if parts[0] == "trustode":
                    yield node, parts[1] if len(parts) > 1 else "trustode"
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else ()
            parts = [*base, *(node.module.split(".") if node.module else [])]
            if parts[:1] != ["trustode"]:
                continue
            if len(parts) > 1:
                yield node, parts[1]
            else:
                for alias in node.names:
                    yield node, alias.name


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node


def wrong_ways(source: str, path: Path) -> list[str]:
    """Say which imports of a file the table does not allow."""
    mine = layer(path)
    wrong = []
    tree = ast.parse(source)
    lazy = {id(node) for function in functions(tree) for node in ast.walk(function)}
    drawing = {
        id(node)
        for function in functions(tree)
        if getattr(function, "name", "") == "plot"
        for node in ast.walk(function)
    }
    for node, name in imported(tree, path):
        if name == "__version__":
            continue
        if id(node) in drawing and name == "plot":
            continue
        if id(node) in lazy:
            wrong.append(f"{path.name}:{node.lineno} imports {name} inside a function")
        if name != mine and name not in ALLOWED.get(mine, set()):
            wrong.append(f"{path.name}:{node.lineno} {mine} may not import {name}")
    return wrong


def runs_text(source: str, path: Path) -> list[str]:
    """Say where a file calls what runs text or loads objects."""
    wrong = []
    tree = ast.parse(source)
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)} | {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else names
            found = [m for m in modules if m.split(".")[0] in UNPICKLERS]
            found += [name for name in names if name in FORBIDDEN]
            found += [name for name in names if f"{modules[0]}.{name}" in SHELLS]
            if "import_module" in names and path.relative_to(PACKAGE).as_posix() not in LAZY:
                found.append("import_module")
            wrong += [f"{path.name}:{line} imports {name}" for name in found]
        elif isinstance(node, ast.Name) and node.id in FORBIDDEN - own:
            wrong.append(f"{path.name}:{line} uses {node.id}")
        elif isinstance(node, ast.Attribute):
            if node.attr in FORBIDDEN or ast.unparse(node) in SHELLS:
                wrong.append(f"{path.name}:{line} uses {ast.unparse(node)}")
        elif isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Name) and function.id == "compile" and "compile" not in own:
                wrong.append(f"{path.name}:{line} calls Python's compile")
            for keyword in node.keywords:
                if keyword.arg in ("allow_pickle", "shell") and not (
                    isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                ):
                    wrong.append(f"{path.name}:{line} passes {keyword.arg}")
    return wrong


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_imports_point_one_way(path: Path) -> None:
    assert layer(path) in ALLOWED, f"docs/design.md has no row for {layer(path)}"
    assert not wrong_ways(path.read_text(encoding="utf-8"), path)


def test_table_has_no_cycle() -> None:
    assert len(ALLOWED) > 15
    done: set[str] = set()
    while remaining := {name for name in ALLOWED if name not in done}:
        ready = {name for name in remaining if ALLOWED[name] <= done}
        assert ready, f"these import each other in a circle: {sorted(remaining)}"
        done |= ready


@pytest.mark.parametrize(
    "path", [PACKAGE / "__init__.py", *FILES], ids=lambda p: p.relative_to(PACKAGE).as_posix()
)
def test_text_never_runs(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    # What these can load stands in tables.
    if path in (PACKAGE / "__init__.py", PACKAGE / "late.py"):
        source = source.replace("from importlib import import_module", "")
    assert not runs_text(source, path)


@pytest.mark.parametrize(
    ("where", "source"),
    [
        ("model.py", "from .solve import Solver"),
        ("model.py", "from . import solve"),
        ("model.py", "import trustode.solve"),
        ("model.py", "import trustode"),
        ("model.py", "from trustode.solve import Solver"),
        ("model.py", "from trustode import Model"),
        ("models/lorenz.py", "from ..solve import Solver"),
        ("models/lorenz.py", "from .. import solve"),
        ("solve.py", "def f():\n    from .model import Model"),
        ("solve.py", "f = lambda: 1\nclass A:\n    def g(self):\n        import trustode.model"),
        ("simulate.py", "def show():\n    from .plot import plot_solution"),
        ("simulate.py", "from .plot import plot_solution"),
    ],
)
def test_wrong_imports_are_seen(where: str, source: str) -> None:
    assert wrong_ways(source, PACKAGE / where)


@pytest.mark.parametrize(
    ("where", "source"),
    [
        ("model.py", "from .errors import ModelError"),
        ("model.py", "from . import __version__"),
        ("models/lorenz.py", "from ..model import Model\nfrom .trust import E"),
        ("models/lorenz.py", "def f():\n    import pandas as pd"),
        ("simulate.py", "class S:\n    def plot(self):\n        from .plot import plot_solution"),
    ],
)
def test_right_imports_are_left_alone(where: str, source: str) -> None:
    assert not wrong_ways(source, PACKAGE / where)


@pytest.mark.parametrize(
    "source",
    [
        "eval('1')",
        "exec('1')",
        "compile('1', '', 'eval')",
        "__import__('os')",
        "import builtins\nbuiltins.eval('1')",
        "run = eval",
        "import sympy\nsympy.sympify('x')",
        "import sympy\nsympy.S('x')",
        "from sympy import sympify",
        "from sympy.parsing.sympy_parser import parse_expr",
        "import sympy\nsympy.lambdify([], 1)",
        "import pickle\npickle.loads(b'')",
        "from pickle import loads",
        "import joblib",
        "import numpy as np\nnp.load('x', allow_pickle=True)",
        "import os\nos.system('ls')",
        "from os import system",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "from importlib import import_module",
    ],
)
def test_running_text_is_seen(source: str) -> None:
    assert runs_text(source, PACKAGE / "model.py")


def test_our_own_compile_is_no_offence() -> None:
    source = "from .compile import compile\ncompile(1)\nimport re\nre.compile('x')"
    assert not runs_text(source, PACKAGE / "solve.py")
