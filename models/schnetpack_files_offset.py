"""What SchNetPack's postprocessors add to a network's output, as an `Offset` of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.offset import Offset
from models.schnetpack_files import SavedFile
from models.schnetpack_files_records import Record, Stored, listed


def read_offset(
    file: SavedFile, model: Record, output: str, what: str, weights: Mapping[str, Any] | None
) -> tuple[Offset, tuple[str, ...]]:
    """What SchNetPack's postprocessors add to the network's output, in float64; CastTo64 is what ours do anyway."""
    reference: dict[int, float] = {}
    adds: list[str] = []
    mean, scale, pooling = 0.0, 1.0, ""
    for place, step in enumerate(listed(model, "postprocessors")):

        def buffer(name: str, step: Record = step, place: int = place) -> NDArray[np.float64]:
            stored = (weights or {}).get(f"model.postprocessors.{place}.{name}", step.get(name))
            if not isinstance(stored, Stored) or not 0 < file.size_of(stored) <= 1 << 16:
                raise ModelError(f"{what}: {name} of {step.last} is no tensor of usual size; the file is damaged")
            return file.array(stored).astype(np.float64).reshape(-1)

        if step.last in ("CastTo64", "CastTo32"):
            continue
        if step.last == "ScaleProperty":
            if (step.get("input_key"), step.get("output_key")) != (output, output) or adds:
                raise ModelError(f"{what}: ScaleProperty works on another value than {output}, or after an offset")
            scale *= float(buffer("scale")[0])
            continue
        if step.last != "AddOffsets" or step.get("_property") != output:
            raise ModelError(
                f"{what}: postprocessor {step.last} of {step.get('_property', 'nothing')}; AddOffsets and "
                f"ScaleProperty of {output} can be loaded"
            )
        this = "sum" if step.get("is_extensive", True) else "mean"
        if pooling not in ("", this):
            raise ModelError(f"{what}: two AddOffsets, one extensive and one not; refused")
        pooling = this
        if step.get("add_mean"):
            mean += float(buffer("mean")[0])
            adds.append("mean per atom" if this == "sum" else "mean")
        if step.get("add_atomrefs"):
            adds.append("atomic energies")
            for number, value in enumerate(buffer("atomref")):
                if value != 0.0:
                    reference[number] = reference.get(number, 0.0) + float(value)
    if scale != 1.0:
        adds.append("scale")
    return Offset(pooling or "sum", reference, mean, scale), tuple(dict.fromkeys(adds))
