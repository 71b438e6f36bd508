"""`python -m benchmarks [NAME ...]`: run benchmarks, print their figures and store them in benchmarks/results.json."""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from pathlib import Path

from benchmarks import exploring, filtering, importing, judging, searching, training

ALL = {
    "importing": importing, "exploring": exploring, "filtering": filtering, "searching": searching,
    "training": training, "judging": judging,
}  # fmt: skip
RESULTS = Path(__file__).parent / "results.json"


def main(names: list[str]) -> None:
    """Run the named benchmarks, all without names, each in a home of its own."""
    stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in names or list(ALL):
        with tempfile.TemporaryDirectory() as home:
            os.environ["MOLLENS_HOME"] = home
            figures = ALL[name].measure()
        stored[name] = {"machine": f"{os.cpu_count()} cores, Python {platform.python_version()}", **figures}
        print(f"\n{name}")
        for label, value in figures.items():
            print(f"  {label}: {value}")
    RESULTS.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
