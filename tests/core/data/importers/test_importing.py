"""What all formats share: detection, mapping, the card, lists of ids, and that a failed import leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.data.card import Card, CardProperty
from core.data.importers import (
    IMPORTERS,
    About,
    ColumnMap,
    Mapped,
    MappingNeeded,
    check_mapping,
    detect_format,
    import_file,
    inspect,
)
from core.data.importers.columns import Inspection
from core.data.store import Dataset, open_dataset, save_dataset
from core.data.summary import describe
from core.errors import MollensError
from core.files import CHECKOUT

FRAME = """3
Properties=species:S:1:pos:R:3:F:R:3:s:R:1 gdb_idx={id} U0={energy} zeta={zeta} ratio=0.5 pbc="F F F"
O 0.0 0.0 0.1 1 0 0 0.3
H 0.0 0.76 -0.48 0 1 0 0.1
H 0.0 -0.76 -0.48 0 0 1 0.2
"""


def source(tmp_path: Path, n: int = 30) -> Path:
    """Waters with total energies in Hartree and two columns of their own."""
    path = tmp_path / "some.waters.xyz"
    path.write_text("".join(FRAME.format(id=10 * k, energy=-76.4 - 0.001 * k, zeta=k) for k in range(1, n + 1)))
    return path


def mapping(*columns: dict[str, Any], **others: Any) -> ColumnMap:
    return ColumnMap.model_validate({"columns": columns, **others})


OWN = mapping(
    {"source": "U0", "key": "energy_U0", "unit": "Hartree"},
    {
        "source": "zeta",
        "key": "zeta",
        "unit": "kcal/mol",
        "label": "Zeta",
        "kind": "extensive",
        "description": "A sum.",
    },
    {"source": "ratio", "key": "ratio", "kind": "intensive"},
    {"source": "s", "key": "spin_density", "unit": "mu_B", "kind": "extensive"},
)


def test_columns_become_properties_in_house_units(tmp_path: Path) -> None:
    dataset = import_file(source(tmp_path), "own", columns=OWN)
    molecules, card = dataset.molecules, dataset.card
    assert molecules.columns["energy_U0"][0] == pytest.approx(-76.401 * 27.211386, rel=1e-7)
    assert molecules.columns["zeta"][4] == pytest.approx(5 * 0.0433641, rel=1e-6)
    assert molecules.ids[:3].tolist() == [10, 20, 30]
    assert set(molecules.columns) == {"energy_U0", "zeta", "ratio"} and set(molecules.atom_columns) == {"spin_density"}
    zeta, ratio, spin = (dataset.property(key) for key in ("zeta", "ratio", "spin_density"))
    assert (zeta.label, zeta.unit, zeta.description, zeta.output, zeta.extensive) == (
        "Zeta",
        "eV",
        "A sum.",
        "sum",
        True,
    )
    assert (ratio.label, ratio.unit, ratio.output) == ("ratio", "", "mean")
    assert (spin.unit, spin.per_atom, spin.output) == ("mu_B", True, None)
    assert {p.key for p in dataset.targets()} == {"energy_U0", "zeta", "ratio"}
    assert card.default_target == dataset.target_key() == "energy_U0" and dataset.target_key("zeta") == "zeta"
    assert card.source["columns"]["zeta"] == {"column": "zeta", "unit": "kcal/mol"}
    assert describe(dataset)["targets"] == ["energy_U0", "ratio", "zeta"]
    assert describe(open_dataset("own"))["properties"][1]["label"] == "Zeta"


BAD_MAPS = {
    "a column that is not there": ({"source": "U1", "key": "zeta"}, r"has no column 'U1'; it has .*U0, zeta, ratio"),
    "a unit that does not fit": ({"source": "U0", "key": "energy_U0", "unit": "D"}, r"unit 'D': is no unit .* in eV"),
    "no unit": ({"source": "U0", "key": "energy_U0"}, r"its unit is not said; give one of eV, Ha"),
    "atoms for a molecule": ({"source": "s", "key": "gap", "unit": "eV"}, r"one value per atom; gap has one value"),
    "a vector for a number": ({"source": "F", "key": "partial_charges", "unit": "e"}, r"has 3 values per atom"),
    "a path for a key": ({"source": "zeta", "key": "../zeta"}, r"key '../zeta' is not allowed"),
    "a word of Mollens": ({"source": "zeta", "key": "smiles"}, r"key 'smiles' is not allowed"),
    "another case of a known key": ({"source": "zeta", "key": "Energy"}, r"key 'Energy' is not allowed"),
    "a unit that does not become the other": (
        {"source": "zeta", "key": "zeta", "unit": "eV", "house_unit": "D"}, r"unit 'eV': is no unit",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_MAPS)
def test_a_mapping_that_cannot_be_is_refused_before_and_at_the_import(tmp_path: Path, home: Path, case: str) -> None:
    column, expected = BAD_MAPS[case]
    path = source(tmp_path)
    with pytest.raises(MollensError, match=expected):
        check_mapping(path, mapping(column))
    with pytest.raises(MollensError, match=expected):
        import_file(path, "bad", columns=mapping(column))
    assert not (home / "data").exists() or list((home / "data").iterdir()) == []


def test_one_key_for_two_columns_is_refused(tmp_path: Path) -> None:
    both = mapping({"source": "U0", "key": "Zeta"}, {"source": "zeta", "key": "zeta"})
    with pytest.raises(MollensError, match="'zeta': is given to 'U0' and 'zeta'"):
        import_file(source(tmp_path), "bad", columns=both)


def test_a_wrong_unit_is_told_before_and_kept_on_the_card(tmp_path: Path) -> None:
    wrong = mapping({"source": "U0", "key": "energy_U0", "unit": "eV"})
    (told,) = check_mapping(source(tmp_path), wrong)
    assert "would fit Ha instead of eV" in told
    assert import_file(source(tmp_path), "wrong", columns=wrong).card.known_defects["warnings"] == [told]
    assert check_mapping(source(tmp_path), OWN) == ()


def test_lists_of_ids_mark_and_leave_out(tmp_path: Path) -> None:
    flag, exclude = tmp_path / "flag.txt", tmp_path / "exclude.txt"
    flag.write_text("ids\n300 x\n20\n10\n77\n")
    exclude.write_text("10\n")
    dataset = import_file(source(tmp_path), "marked", exclude=exclude, columns=OWN, flag=flag)
    assert dataset.card.known_defects["uncharacterized"] == {"list": "flag.txt", "listed": 4, "present": 2}
    assert dataset.card.known_defects["left_out"]["dropped"] == 1
    assert np.load(dataset.folder / "uncharacterized.npy").tolist() == [20, 300]
    assert dataset.molecules.n_molecules == 29


def test_the_card_says_what_the_person_says_and_where_it_comes_from(tmp_path: Path) -> None:
    import hashlib

    path = source(tmp_path)
    about = About(title="Waters", level_of_theory="B3LYP", citation="A. Nyone", license="CC0", default_target="zeta")
    card = import_file(path, "said", columns=OWN, about=about).card
    assert (card.title, card.level_of_theory, card.citation, card.license) == ("Waters", "B3LYP", "A. Nyone", "CC0")
    assert card.default_target == "zeta"
    assert card.source["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert card.source["size"] == path.stat().st_size and card.source["file"] == "some.waters.xyz"
    silent = import_file(path, "silent", columns=OWN).card
    assert (silent.title, silent.level_of_theory) == ("some.waters", "not stated")
    with pytest.raises(MollensError, match="target 'spin_density': cannot be the default; possible are energy_U0"):
        import_file(path, "bad", columns=OWN, about=About(default_target="spin_density"))


def test_a_dataset_without_properties_and_one_without_values(tmp_path: Path) -> None:
    bare = import_file(source(tmp_path), "bare", columns=ColumnMap())
    assert bare.card.default_target is None and bare.targets() == []
    path = tmp_path / "nan.xyz"
    path.write_text(FRAME.format(id=1, energy="nan", zeta=1) + FRAME.format(id=2, energy=-76.4, zeta=1))
    assert describe(import_file(path, "nan", columns=OWN))["missing"] == {"energy_U0": 1}


def test_old_cards_without_the_newer_fields_still_read(demo: Dataset) -> None:
    content = demo.card.model_dump()
    content["properties"] = [{key: p[key] for key in ("key", "label", "unit")} for p in content["properties"]]
    old = Card.model_validate(content)
    assert old == demo.card
    unknown = CardProperty(key="mine", label="Mine", unit="x").as_property()
    assert unknown.output is None and unknown.shape == ()
    columns = {**demo.molecules.columns, "mine": np.zeros(demo.molecules.n_molecules)}
    from dataclasses import replace

    card = old.model_copy(
        update={"name": "old", "properties": (*old.properties, CardProperty(key="mine", label="M", unit=""))}
    )
    dataset = save_dataset(replace(demo.molecules, columns=columns), card)
    assert dataset.property("mine").label == "M" and "mine" not in [p.key for p in dataset.targets()]


def test_inspections_and_mappings_survive_json(tmp_path: Path) -> None:
    found = inspect(source(tmp_path))
    assert Inspection.model_validate_json(found.model_dump_json()) == found
    chosen = found.guessed()
    assert ColumnMap.model_validate(chosen.model_dump(mode="json")) == chosen
    assert {m.source: (m.key, m.unit) for m in chosen.columns} == {
        "U0": ("energy_U0", "Ha"),
        "F": ("forces", "Ha/Bohr"),
    }
    assert all(column.reason for column in found.columns)


@pytest.mark.parametrize("key", [key for key, importer in IMPORTERS.items() if importer.sample is not None])
def test_every_free_format_refuses_what_is_no_file_of_it(tmp_path: Path, home: Path, key: str) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    (tmp_path / "noise").write_bytes(np.random.default_rng(0).bytes(5000))
    (tmp_path / "text").write_text("just a text\nof two lines\n")
    (tmp_path / "zeros").write_bytes(bytes(5000))
    for name in ("empty", "folder", "noise", "text", "zeros", "missing"):
        with pytest.raises(MollensError) as caught:
            import_file(tmp_path / name, "bad", key, columns=ColumnMap())
        assert str(tmp_path / name) in str(caught.value)
        with pytest.raises(MollensError):
            detect_format(tmp_path / name)
    assert not (home / "data").exists() or list((home / "data").iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    path = source(tmp_path)
    path.chmod(0)
    with pytest.raises(MollensError, match="cannot be read"):
        import_file(path, "secret", columns=OWN)


def test_a_home_that_may_not_be_written_is_told(tmp_path: Path, home: Path) -> None:
    home.write_text("a file where a folder should be")
    with pytest.raises((MollensError, NotADirectoryError, FileExistsError)):
        import_file(source(tmp_path), "x", columns=OWN)


def test_a_name_that_is_taken_meanwhile_goes_to_the_first(tmp_path: Path, home: Path) -> None:
    path = source(tmp_path)

    def other_import(done: int, total: int) -> None:
        if not (home / "data" / "race").exists():
            import_file(path, "race", columns=mapping({"source": "zeta", "key": "zeta"}))

    with pytest.raises(MollensError, match="race: already exists"):
        import_file(path, "race", progress=other_import, columns=OWN)
    assert list(open_dataset("race").molecules.columns) == ["zeta"]
    assert [p.name for p in (home / "data").iterdir()] == ["race"]


def test_what_progress_raises_ends_the_import_and_leaves_nothing(tmp_path: Path, home: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        import_file(source(tmp_path), "stopped", progress=stop, columns=OWN)
    assert not (home / "data").exists() or list((home / "data").iterdir()) == []


def test_a_disk_that_fills_up_leaves_nothing(tmp_path: Path, home: Path) -> None:
    path = source(tmp_path, 3000)
    # a limit on the size of files stands in for the full disk: writes fail for real, half way through
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)); "
    limited += "from core.cli import main; main()"
    words = [sys.executable, "-c", limited, "import", str(path), "--name", "many", "--guess"]
    done = subprocess.run(words, cwd=CHECKOUT, capture_output=True, text=True, env={**os.environ})
    assert done.returncode == 1
    assert "no space left" in done.stderr and "Traceback" not in done.stderr
    assert list((home / "data").iterdir()) == []


def test_the_guess_is_never_taken_silently(tmp_path: Path) -> None:
    with pytest.raises(MappingNeeded, match=r"\(U0, zeta, ratio, F, s\)") as caught:
        import_file(source(tmp_path), "silent")
    assert caught.value.inspection.columns[0].guess == Mapped(source="U0", key="energy_U0", unit="Ha")
