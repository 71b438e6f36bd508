"""Import of the 16,882 real QM9 molecules, beside bare decompression of the same file."""

from __future__ import annotations

import bz2
from typing import Any

from benchmarks.timing import archive, median_seconds
from core.data.importers import import_file
from core.data.store import delete_dataset, open_dataset


def measure() -> dict[str, Any]:
    """Seconds to import and to decompress, and milliseconds to open what was imported."""
    source = archive()

    def import_once() -> None:
        import_file(source, "qm9")
        delete_dataset("qm9")

    decompress = median_seconds(lambda: bz2.decompress(source.read_bytes()))
    whole = median_seconds(import_once)
    import_file(source, "qm9")
    return {
        "import, s": round(whole, 2),
        "bare bz2, s": round(decompress, 2),
        "import over bare bz2": round(whole / decompress, 2),
        "open, ms": round(1000 * median_seconds(lambda: open_dataset("qm9"), 20), 2),
    }
