"""What `import trustode` costs and gives, each asked of a new process."""

import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

import trustode as tr

#: What no one has to wait for who only imports trustode.
HEAVY = ("sympy", "pandas", "matplotlib", "scipy.optimize", "scipy", "tqdm", "platformdirs")


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_loads_nothing_heavy() -> None:
    code = f"import sys, trustode; print([m for m in {HEAVY} if m in sys.modules])"
    assert python(code) == "[]"


def test_errors_and_names_are_known_without_sympy() -> None:
    code = (
        "import sys, trustode as tr; tr.ModelError, tr.Status, dir(tr), tr.__version__; "
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    assert python(code) == "[]"


def test_a_model_needs_no_optional_package() -> None:
    code = (
        "import sys, trustode as tr; tr.models.load('lorenz'); "
        "print([m for m in ('pandas', 'matplotlib', 'scipy.optimize') if m in sys.modules])"
    )
    assert python(code) == "[]"


@pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python always has its global lock"
)
def test_python_without_its_lock_stays_so() -> None:
    """And threads that share a model solve as one does: equal to the last bit."""
    code = (
        "import sys, numpy as np, trustode as tr; "
        "from concurrent.futures import ThreadPoolExecutor; "
        "model, t = tr.models.load('trust-updated', 'bpd'), np.linspace(0, 200, 401); "
        "solve = lambda nu: tr.simulate(model, t, params={'nu': nu}).y.tobytes(); "
        "nus = [2.5, 2.75, 3.0, 3.25]; alone = [*map(solve, nus)]; "
        "print([*ThreadPoolExecutor(4).map(solve, nus * 3)] == alone * 3, sys._is_gil_enabled())"
    )
    assert python(code) == "True False"


@pytest.mark.parametrize("name", ["simulate", "compile", "ensemble", "scan", "fit"])
def test_public_name_outlives_the_import_of_its_module(name: str) -> None:
    code = (
        f"import trustode.{name}; import trustode as tr; first = tr.{name}; "
        f"from trustode.{name} import {name} as home; "
        f"import trustode.{name}; "
        f"print(callable(tr.{name}), tr.{name} is home, first is home)"
    )
    assert python(code) == "True True True"


@pytest.mark.parametrize("name", tr.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(tr, name) is not None
    assert name in dir(tr)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="simulat"):
        tr.simulat  # noqa: B018


def test_version_is_written_once() -> None:
    root = Path(__file__).resolve().parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "trustode.__version__"}
    citation = (root / "docs" / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {tr.__version__}\n" in citation
    assert f"## [{tr.__version__}]" in (root / "docs" / "CHANGELOG.md").read_text(encoding="utf-8")


def test_a_source_tree_that_was_not_built_says_what_to_do(tmp_path: Path) -> None:
    """Python that is started in a clone finds its sources before an installed trustode."""
    package = Path(tr.__file__).parent
    shutil.copytree(
        package, tmp_path / "trustode", ignore=shutil.ignore_patterns("*.so", "*.pyd", "data")
    )
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        # An editable installation would lend its own compiled modules.
        "sys.meta_path[:] = [each for each in sys.meta_path if 'ditable' not in repr(each)]\n"
        "try:\n    from trustode import simulate\n"
        "except ImportError as error:\n    print(error)"
    )
    said = python(code)
    assert str(tmp_path) in said
    assert "pip install -e ." in said
    assert "start Python in another folder" in said
