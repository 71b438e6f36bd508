"""Which runs have a model that can be given back; asked by pages, which never load one."""

from __future__ import annotations

from pathlib import Path

from core.files import home
from core.runs.folder import Run

LAYOUTS = {
    "both": "SchNetPack model and folder",
    "schnetpack": "SchNetPack model only",
    "folder": "Folder without a pickle",
}
"""What an export may hold, with a name for people."""


def why_no_model(run: Run) -> str | None:
    """Why a run cannot be exported, as the rest of a sentence about it; None where it can."""
    if run.origin == "predictions":
        return "holds predictions only; there is no model to export: export it with the program that made them"
    if run.recipe_values.get("model") == "composition":
        return "is a linear fit in composition without a network; its coefficients stand in model.json of its folder"
    if not (run.path / "model.safetensors").exists():
        return f"is {run.status().state} and has no weights yet; they are written with its first epoch"
    return None


def export_file(run: Run, layout: str) -> Path:
    """Where the zip file of an export for a download lies, there or not."""
    return home() / "exports" / f"{run.id}-{layout}.zip"
