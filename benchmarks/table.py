"""Print the tables of a run as Markdown: ``python benchmarks/table.py benchmarks.json``."""

import json
import sys
from collections import defaultdict
from pathlib import Path


def cells(row):
    return "| " + " | ".join(row) + " |\n"


def number(value):
    return "-" if value is None else f"{value:.3g}"


def races(benchmarks):
    """Yield one table a benchmark file: time of both and their ratio at each error."""
    files = defaultdict(list)
    for each in benchmarks:
        if "cpu_ms_at_error" in each["extra_info"]:
            files[each["fullname"].partition("::")[0]].append(each)
    for file, rows in files.items():
        errors = list(rows[0]["extra_info"]["cpu_ms_at_error"])
        yield f"\n## `{Path(file).name}`\n\n"
        yield cells(["what", *errors])
        yield cells(["---"] * (1 + len(errors)))
        for row in rows:
            info = row["extra_info"]
            shown = []
            for error in errors:
                times = info["cpu_ms_at_error"][error]
                ratios = info["trustode_over_peer_at_error"][error].values()
                both = " : ".join(number(value) for value in times.values())
                shown.append(both + "".join(f" = {number(ratio)}" for ratio in ratios))
            yield cells([row["name"].removeprefix("test_"), *shown])


def others(benchmarks):
    """Yield what is no race: one line each, with everything recorded beside the time."""
    yield "\n## Alone\n\n"
    yield cells(["what", "least wall time, s", "recorded"])
    yield cells(["---"] * 3)
    for each in benchmarks:
        info = each["extra_info"]
        if "cpu_ms_at_error" not in info:
            said = "; ".join(f"{key} {said_of(value)}" for key, value in info.items())
            name = each["name"].removeprefix("test_")
            yield cells([name, f"{each['stats']['min']:.3g}", said])


def said_of(value):
    if isinstance(value, dict):
        return ", ".join(f"{key}: {number(each)}" for key, each in value.items())
    return number(value)


def main(file):
    run = json.loads(Path(file).read_text())
    machine, commit = run["machine_info"], run["commit_info"]
    versions = ", ".join(f"{name} {value}" for name, value in run["versions"].items() if value)
    sys.stdout.write(
        f"{run['datetime'][:10]}, commit {commit['id'][:10]}, "
        f"{machine['cpu'].get('brand_raw', machine['processor'])}, {machine['processors']} "
        f"processors ({', '.join(machine['vectors'])}), load {machine['load_at_start']:.1f} to "
        f"{run['load_at_end']:.1f}, Python {machine['python_version']}, "
        f"{machine.get('compiler', 'no compiler')}, {versions}.\n"
    )
    sys.stdout.writelines(races(run["benchmarks"]))
    sys.stdout.writelines(others(run["benchmarks"]))


if __name__ == "__main__":
    main(*sys.argv[1:])
