"""Print the tables of a run as Markdown: ``python benchmarks/table.py benchmarks.json``."""

import json
import sys
from collections import defaultdict
from pathlib import Path


def row(cells):
    return "| " + " | ".join(cells) + " |\n"


def number(value):
    return "-" if value is None else f"{value:.3g}"


def is_race(each):
    return "cpu_ms_at_error" in each["extra_info"]


def races(benchmarks):
    """Yield one table a question: a row for each problem and error, a column for each peer."""
    questions = defaultdict(lambda: defaultdict(dict))
    for each in filter(is_race, benchmarks):
        file, _, test = each["fullname"].partition("::")
        asked = test.partition("[")[0].removeprefix("test_").replace("_", " ")
        title = f"`{Path(file).name}`: {asked}"
        problem = each["params"].get("name", "trust-like")
        questions[title][problem][each["params"]["peer"]] = each["extra_info"]
    for title, problems in questions.items():
        rivals = [who for who in next(iter(problems.values())) if who != "alone"]
        yield f"\n### {title}\n\n"
        yield row(["problem", "error", "trustode, ms", *rivals])
        yield row(["---"] * (3 + len(rivals)))
        for problem, by_peer in problems.items():
            for error in next(iter(by_peer.values()))["cpu_ms_at_error"]:
                yield row([problem, error, *_compared(by_peer, error, rivals)])


def _compared(by_peer, error, rivals):
    """Return trustode's least time, and its ratio to each rival in their own race."""
    own = [info["cpu_ms_at_error"][error]["trustode"] for info in by_peer.values()]
    reached = [time for time in own if time is not None]
    yield number(min(reached, default=None))
    for rival in rivals:
        ratios = by_peer[rival]["trustode_over_peer_at_error"][error]
        yield number(ratios[rival])


def others(benchmarks):
    """Yield what is no race: one line each, with everything recorded beside the time."""
    yield "\n### Everything else\n\n"
    yield row(["what", "least wall time, s", "recorded"])
    yield row(["---"] * 3)
    for each in benchmarks:
        if not is_race(each):
            said = "; ".join(f"{key} {_said(value)}" for key, value in each["extra_info"].items())
            name = each["name"].removeprefix("test_")
            yield row([name, number(each["stats"]["min"]), said])


def _said(value):
    if isinstance(value, dict):
        return ", ".join(f"{key}: {number(each)}" for key, each in value.items())
    return number(value)


def conditions(run):
    """Return in one sentence on what, with what and how undisturbed it was measured."""
    machine = run["machine_info"]
    versions = ", ".join(f"{name} {value}" for name, value in run["versions"].items() if value)
    return (
        f"{run['datetime'][:10]}, commit {run['commit_at_start']}, "
        f"{machine['cpu'].get('brand_raw', machine['processor'])}, {machine['processors']} "
        f"processors ({', '.join(machine['vectors'])}), load {machine['load_at_start']:.1f} to "
        f"{run['load_at_end']:.1f}, Python {machine['python_version']}, "
        f"{machine['compiler'] or 'no compiler'}, {versions}.\n"
    )


def main(file):
    run = json.loads(Path(file).read_text())
    sys.stdout.write(conditions(run))
    sys.stdout.writelines(races(run["benchmarks"]))
    sys.stdout.writelines(others(run["benchmarks"]))


if __name__ == "__main__":
    main(*sys.argv[1:])
