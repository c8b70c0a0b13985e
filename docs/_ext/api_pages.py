"""A page for each group of public names, from `trustode.__all__` and the docstrings."""

from __future__ import annotations

from pathlib import Path

import trustode

#: Title and introduction of each page, its public names, and the results they return, which
#: are reached through those names only.
_GROUPS: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "Models",
        "A model is written once and never changes; `replace` and `freeze` return others.",
        ("states", "parameters", "inputs", "Param", "Model", "read_model", "write_text", "export",
         "compile", "CompiledModel"),
        (),
    ),
    (
        "Built-in models and data",
        "",
        ("models.names", "models.profiles", "models.therapies", "models.load", "data.names",
         "data.load", "data.read"),
        (),
    ),
    (
        "Simulation and inputs",
        "",
        ("simulate", "Solution", "Solver", "Event", "Steps", "Pulses", "Episodes", "Sessions",
         "Samples"),
        (),
    ),
    (
        "Many solutions",
        "All but `sweep` take `executor=` and `checkpoint=`; all take `progress=`.",
        ("ensemble", "scan", "orbit_diagram", "basins", "sweep", "regime_map"),
        ("trustode.ensemble.Ensemble", "trustode.scan.Scan",
         "trustode.orbit_diagram.OrbitDiagram", "trustode.basins.Basins", "trustode.sweep.Sweep",
         "trustode.regime_map.RegimeMap"),
    ),
    (
        "Bifurcations",
        "",
        ("equilibria", "continuation", "cycles", "diagram", "curve", "bands", "ArcLength"),
        ("trustode.bifurcation.equilibria.Equilibrium",
         "trustode.bifurcation.equilibria.Equilibria", "trustode.bifurcation.branch.Branch",
         "trustode.bifurcation.periodic.branch.Cycles", "trustode.bifurcation.portrait.Diagram",
         "trustode.bifurcation.curves.bifurcation_curve.BifurcationCurve",
         "trustode.bifurcation.bands.Bands"),
    ),
    (
        "Fits",
        "",
        ("fit", "Vary", "Gaussian", "StudentT", "Laplace", "Ordinal", "Binomial", "Categorical",
         "GridGaussian", "Poisson", "AtRest", "objective", "compare", "recover", "rank_designs",
         "read_petab", "write_petab"),
        ("trustode.fit.result.Fit", "trustode.fit.profile.Profile",
         "trustode.fit.bootstrap.Bootstrap", "trustode.fit.posterior.Posterior",
         "trustode.fit.comparison.Comparison", "trustode.fit.recovery.Recovery",
         "trustode.fit.ranking.Ranking", "trustode.fit.value.Objective",
         "trustode.petab.PetabProblem"),
    ),
    (
        "Pages to share",
        "",
        ("explore", "report"),
        (),
    ),
    (
        "Errors and warnings",
        "Every error of trustode's is a `TrustodeError`, and also what Python would raise: a "
        "`ValueError`, a `RuntimeError`, a `TypeError` or an `OSError`.",
        ("TrustodeError", "ModelError", "DataError", "OptionError", "PackageError", "KeywordError",
         "FileError", "CompileError", "SolveError", "Interrupted", "CompileWarning", "FitWarning",
         "SolveWarning", "Status"),
        (),
    ),
)  # fmt: skip


def write(folder: Path) -> None:
    """Write a page for each group, and the table of contents of all."""
    folder.mkdir(parents=True)
    _check()
    slugs = []
    for title, introduction, names, results in _GROUPS:
        slug = title.lower().replace(" ", "-")
        slugs.append(slug)
        lines = [f"# {title}", "", introduction, ""]
        lines += [_entry(f"trustode.{name}") for name in names]
        if results:
            lines += ["## What they return", ""]
            lines += [_entry(name) for name in results]
        (folder / f"{slug}.md").write_text("\n".join(lines), encoding="utf-8")
    rows = [
        f"[{title}]({slug}.md): {', '.join(f'`{name}`' for name in names)}\n"
        for slug, (title, _, names, _) in zip(slugs, _GROUPS, strict=True)
    ]
    contents = ["# API", "", "`import trustode as tr` gives these names and no others.", "", *rows]
    contents += ["```{toctree}", ":hidden:", "", *slugs, "```", ""]
    (folder / "index.md").write_text("\n".join(contents), encoding="utf-8")


def _check() -> None:
    """Raise unless the pages have every public name, once."""
    given = [name.split(".")[0] for _, _, names, _ in _GROUPS for name in names]
    missing = set(trustode.__all__) - set(given) - {"__version__"}
    if missing:
        raise ValueError(f"docs/_ext/api_pages.py: no page has {sorted(missing)}")


def _entry(path: str) -> str:
    """Return the directive that shows a name's docstring."""
    module, _, name = path.rpartition(".")
    found = getattr(trustode, name, None) if module == "trustode" else None
    kind = "class" if name[0].isupper() and not callable_only(found) else "function"
    members = "\n   :members:" if kind == "class" else ""
    directive = f".. auto{kind}:: {name}{members}"
    return f"```{{eval-rst}}\n.. currentmodule:: {module}\n\n{directive}\n```\n"


def callable_only(found: object) -> bool:
    """Return whether a capitalised name is a function."""
    return callable(found) and not isinstance(found, type)
