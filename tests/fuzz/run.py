"""Fuzz the readers and the solver for as many cases as you like.

    python tests/fuzz/run.py --cases 1000000 --seed 0
    python tests/fuzz/run.py --cases 20000 --only xpp sbml
    python tests/fuzz/run.py --quick --cases 1000000        the readers, tens of times as quick
    python tests/fuzz/run.py --guided xpp --seconds 600     guided by coverage; needs atheris

The C core has a fuzzer of its own, `core.py`.

Cases are shared out among the targets of `targets.py`. What breaks one is made as small as
hypothesis can make it and saved in a folder, and the others go on. An interrupt ends it with what
was done until then.
"""

import argparse
import collections
import random
import sys
import time
import traceback
from pathlib import Path
from types import FunctionType
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from fuzz.targets import QUICK, SEEDS, TARGETS, TOKENS, soon  # noqa: E402
from hypothesis import HealthCheck, Phase, given, seed, settings  # noqa: E402
from hypothesis.errors import Flaky  # noqa: E402

#: Cases between two looks at the clock.
CHUNK = 200
#: Failures after which a target is left alone: they are one, most likely.
ENOUGH = 20


def cases(name: str, n: int, number: int) -> tuple[int, Any, BaseException | None]:
    """Try so many cases of a target; returns how many, and the smallest that broke with why."""
    strategy, check, _ = TARGETS[name]
    tried, last = 0, None

    @seed(number)
    @settings(
        max_examples=n, database=None, deadline=None, derandomize=False,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False, print_blob=False,
    )  # fmt: skip
    @given(strategy)
    def attempt(value: Any) -> None:
        nonlocal tried, last
        tried, last = tried + 1, value
        with soon():
            check(value)

    try:
        attempt()
    except KeyboardInterrupt:
        raise
    except (Exception, Flaky) as error:
        # The smallest is what is tried last.
        return tried, last, error
    return tried, None, None


def quick_cases(name: str, n: int, number: int) -> tuple[int, Any, BaseException | None]:
    """Try so many cases of a target; as `cases`, but with what broke as it is."""
    make, check, _ = QUICK[name]
    chance = random.Random(number)
    for tried in range(1, n + 1):
        value = make(chance)
        try:
            with soon():
                check(value)
        except Exception as error:
            return tried, value, error
    return n, None, None


def save(folder: Path, name: str, value: Any, error: BaseException) -> Path:
    """Keep a case that broke a target, and how."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{len(list(folder.glob(f'{name}-*')))}.txt"
    path.write_text(
        f"{value!r}\n\n{''.join(traceback.format_exception(error))}", "utf-8", "replace"
    )
    return path


def guided(name: str, seconds: float, folder: Path) -> int:
    """Let atheris look for inputs that reach new code; it ends the process when it is done."""
    import atheris

    strategy, check, _ = TARGETS[name]
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").startswith("trustode."):
            for function in vars(module).values():
                if isinstance(function, FunctionType) and function.__module__ == module.__name__:
                    atheris.instrument_func(function)

    def attempt(value: Any) -> None:
        try:
            with soon():
                check(value)
        except Exception as error:
            save(folder, name, value, error)
            raise

    corpus = folder / f"corpus-{name}"
    corpus.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={seconds:.0f}", "-rss_limit_mb=4000", "-timeout=60"]
    if name in SEEDS:
        # Text as it is, changed by the fuzzer itself.
        def one(content: bytes) -> None:
            attempt(content if name == "file" else content.decode("utf-8", "replace"))

        for k, text in enumerate(SEEDS[name]):
            (corpus / f"seed-{k}").write_text(text)
        words = folder / f"words-{name}"
        plain = [word for word in TOKENS if word.isascii() and word.isprintable()]
        words.write_text(
            "".join('"' + w.replace("\\", "\\\\").replace('"', '\\"') + '"\n' for w in plain)
        )
        options += [f"-dict={words}", f"-max_len={2 * max(map(len, SEEDS[name])) + 100}"]
    else:
        one = settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))(
            given(strategy)(attempt)
        ).hypothesis.fuzz_one_input
    atheris.Setup([sys.argv[0], *options, str(corpus)], one)
    atheris.Fuzz()
    return 0


def main() -> int:
    """Share out the cases; returns 1 if anything broke."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="without hypothesis; readers alone")
    parser.add_argument("--only", nargs="+", choices=list({**TARGETS, **QUICK}))
    parser.add_argument("--failures", type=Path, default=Path("fuzz-failures"))
    parser.add_argument("--guided", choices=TARGETS)
    parser.add_argument("--seconds", type=float, default=600.0, help="for --guided")
    asked = parser.parse_args()
    if asked.guided:
        return guided(asked.guided, asked.seconds, asked.failures)
    done, broke, took = (collections.Counter[str]() for _ in range(3))
    share = {name: each[2] for name, each in (QUICK if asked.quick else TARGETS).items()}
    names = asked.only or list(share)
    if not share.keys() >= set(names):
        parser.error(
            f"{', '.join(set(names) - share.keys())}: only with{'out' * asked.quick} --quick"
        )
    shares = {name: share[name] for name in names}
    began, told, number = time.monotonic(), 0.0, asked.seed * 1_000_003
    try:
        while shares and sum(done.values()) < asked.cases:
            # Whoever is the farthest behind its share.
            name = min(shares, key=lambda each: done[each] / shares[each])
            number += 1
            start = time.monotonic()
            n = min(CHUNK, asked.cases - sum(done.values()))
            tried, value, error = (quick_cases if asked.quick else cases)(name, n, number)
            done[name] += max(tried, 1)
            took[name] += time.monotonic() - start
            if error is not None:
                broke[name] += 1
                path = save(asked.failures, name, value, error)
                if broke[name] == ENOUGH:
                    del shares[name]
                print(f"{name}: {type(error).__name__}: {str(error)[:200]} ({path})", flush=True)
            elapsed = time.monotonic() - began
            if elapsed - told > 30.0:
                told = elapsed
                print(f"{elapsed:.0f} s: {sum(done.values())} cases, {dict(done)}", flush=True)
    except KeyboardInterrupt:
        print("interrupted")
    for name in names:
        rate = done[name] / took[name] if took[name] else 0.0
        print(f"{name}: {done[name]} cases, {rate:.0f} a second, {broke[name]} broke")
    print(f"{sum(done.values())} cases in {time.monotonic() - began:.0f} s, {sum(broke.values())} "
          "chunks broke")  # fmt: skip
    return min(sum(broke.values()), 1)


if __name__ == "__main__":
    sys.exit(main())
