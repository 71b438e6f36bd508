"""`python -m benchmarks [NAME ...]`: run benchmarks, print their figures and store them in benchmarks/results.json."""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
import tempfile
from pathlib import Path

USUAL = ("importing", "exploring", "filtering", "searching", "training", "judging", "nearest")
LONG = ("recipes", "equality")
"""Hours: only when they are named; they go on where they were stopped"""
RESULTS = Path(__file__).parent / "results.json"


def main(names: list[str]) -> None:
    """Run the named benchmarks, the usual ones without names, each in a home of its own."""
    for name in names or USUAL:
        if name not in USUAL + LONG:
            raise SystemExit(f"benchmark {name!r}: not known; there are {', '.join(USUAL + LONG)}")
        with tempfile.TemporaryDirectory() as home:
            os.environ["MOLLENS_HOME"] = home
            figures = importlib.import_module(f"benchmarks.{name}").measure()
        print(f"\n{name}")
        for label, value in figures.items():
            print(f"  {label}: {value}")
        # read again: another benchmark may have written since
        stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        stored[name] = {"machine": f"{os.cpu_count()} cores, Python {platform.python_version()}", **figures}
        RESULTS.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
