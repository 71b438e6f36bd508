"""The plan of the house as a test: imports go one way, and no page ever loads torch."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.files import CHECKOUT

# room -> rooms it may import; its own files and core.errors are always allowed
ALLOWED: dict[str, set[str]] = {
    "core.files": set(),
    "core.tasks": {"core.files"},
    "core.chem": set(),
    "core.data": {"core.files", "core.chem", "core.tasks"},
    "core.runs": {"core.files"},
    "core.recipes": {"core.data", "core.runs", "core.tasks", "core.files"},
    "models": set(),
    "core.train": {"core.recipes", "core.data", "core.runs", "core.files", "core.chem", "models"},
    "core.judge": {"core.recipes", "core.data", "core.runs", "core.files", "core.chem", "core.tasks"},
    "core.figures": {"core.judge", "core.recipes", "core.data", "core.runs", "core.files"},
    "core.cli": {
        "core.figures",
        "core.train",
        "core.judge",
        "core.recipes",
        "core.data",
        "core.runs",
        "core.tasks",
        "core.files",
    },
    "core.__main__": {"core.cli"},
    "pages": {
        "core.figures",
        "core.judge",
        "core.recipes",
        "core.data",
        "core.runs",
        "core.tasks",
        "core.files",
        "core.chem",
    },
    "app": {"pages"},
}
HEAVY = {"torch", "schnetpack", "pytorch_lightning", "lightning_fabric", "models", "core.train"}


def sources() -> list[Path]:
    rooms = [CHECKOUT / name for name in ("core", "models", "pages")]
    return [CHECKOUT / "app.py", *(path for room in rooms for path in sorted(room.rglob("*.py")))]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(".__init__")


def room_of(module: str) -> str:
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "core" else parts[0]


def imported(path: Path) -> set[str]:
    """Modules named by the import statements of a file, wherever they stand, relative ones resolved."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", sources(), ids=module_of)
def test_imports_go_one_way(path: Path) -> None:
    room = room_of(module_of(path))
    if module_of(path) in ("core", "core.errors"):
        allowed: set[str] = set()
    else:
        assert room in ALLOWED, f"{path.name}: {room} is no room of the plan"
        allowed = ALLOWED[room]
    ours = {room_of(name) for name in imported(path) if name.split(".")[0] in ("core", "models", "pages", "app")}
    forbidden = ours - allowed - {room, "core", "core.errors"}
    assert not forbidden, f"{module_of(path)} may not import {sorted(forbidden)}"


def test_streamlit_stays_on_the_pages_and_torch_in_its_rooms() -> None:
    for path in sources():
        room = room_of(module_of(path))
        tops = {name.split(".")[0] for name in imported(path)}
        assert "streamlit" not in tops or room in ("app", "pages"), path
        assert not tops & {"torch", "schnetpack", "lightning_fabric"} or room in ("models", "core.train"), path
        assert "rdkit" not in tops or room == "core.chem", path
        assert "plotly" not in tops or room in ("core.figures", "pages"), path


def test_the_command_line_loads_torch_only_where_it_trains() -> None:
    for path in (CHECKOUT / "core" / "cli").glob("*.py"):
        tree = ast.parse(path.read_text())
        top_level = {alias for node in tree.body if isinstance(node, ast.ImportFrom) for alias in [node.module or ""]}
        assert not {name for name in top_level if name.startswith(("core.train", "models"))}, path


def test_every_page_is_shown_without_torch(tmp_path: Path) -> None:
    script = """
import json, os, re, sys
from pathlib import Path
from streamlit.testing.v1 import AppTest
app = AppTest.from_file("app.py", default_timeout=120).run()
told = {"start": [e.value for e in app.exception]}
for page in re.findall(r'st.Page\\("([^"]+)"', Path("app.py").read_text()):
    app.switch_page(page).run()
    told[page] = [e.value for e in app.exception]
heavy = sorted(set(sys.modules) & set(os.environ["HEAVY"].split()))
print(json.dumps({"pages": told, "heavy": heavy}))
"""
    environment = {**os.environ, "MOLLENS_HOME": str(tmp_path), "HEAVY": " ".join(HEAVY)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["heavy"] == []
    assert len(told["pages"]) >= 7
    assert {page: faults for page, faults in told["pages"].items() if faults} == {}
