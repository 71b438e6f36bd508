"""JARVIS dumps: files written by jarvis-tools, compressed or not, and refusals that name the entry."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase.build import molecule

from core.data.importers import ColumnMap, MappingNeeded, detect_format, import_file, inspect, jarvis, json_stream
from core.errors import MollensError


def entry(id: str, elements: list[str], coords: Any, **columns: Any) -> dict[str, Any]:
    lattice = (np.eye(3) * 60).tolist()
    atoms = {"lattice_mat": lattice, "coords": coords, "elements": elements, "cartesian": True}
    return {"id": id, "atoms": atoms, **columns}


def two() -> list[dict[str, Any]]:
    water = [[0, 0, 0.1], [0, 0.76, -0.48], [0, -0.76, -0.48]]
    return [
        entry("000007", ["O", "H", "H"], water, U0=-2079.0, mu=1.85, omega1="na", SMILES="x", SMILES_relaxed="O"),
        entry("000003", ["H", "H"], [[0, 0, 0], [0, 0, 0.74]], U0=-31.8, mu=None, omega1=4400.0, SMILES_relaxed="[HH]"),
    ]


def save(path: Path, entries: Any) -> Path:
    path.write_text(json.dumps(entries))
    return path


def zipped(path: Path, text: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("dump.json", text)


WRITERS: dict[str, Callable[[Path, bytes], Any]] = {
    "json": lambda path, text: path.write_bytes(text),
    "json.gz": lambda path, text: path.write_bytes(gzip.compress(text)),
    "json.zip": zipped,
}


@pytest.mark.parametrize("kind", WRITERS)
def test_files_of_jarvis_tools(tmp_path: Path, kind: str) -> None:
    core = pytest.importorskip("jarvis.core.atoms")
    jsonutils = pytest.importorskip("jarvis.db.jsonutils")
    names = ["CH3CH2OH", "H2O", "C6H6", "CH3Cl", "SO2"]
    entries, expected = [], []
    for k, name in enumerate(names):
        atoms = molecule(name)
        atoms.rattle(0.02, seed=k)
        atoms.center(vacuum=10)
        expected.append(atoms)
        made = core.Atoms(
            lattice_mat=np.array(atoms.cell),
            coords=atoms.positions,
            elements=atoms.get_chemical_symbols(),
            cartesian=True,
        )
        if k % 2:  # jarvis-tools writes fractions as well
            made = core.Atoms(
                lattice_mat=np.array(atoms.cell),
                coords=atoms.get_scaled_positions(),
                elements=atoms.get_chemical_symbols(),
                cartesian=False,
            )
        entries.append({"id": f"{k + 1:06}", "atoms": made.to_dict(), "gap": 5.0 + k, "HOMO": -7.0 + 0.1 * k})
    jsonutils.dumpjson(data=entries, filename=str(tmp_path / "plain.json"))
    path = tmp_path / f"dump.{kind}"
    WRITERS[kind](path, (tmp_path / "plain.json").read_bytes())
    assert detect_format(path) == "jarvis"
    found = inspect(path)
    assert found.lengths is None and found.n_molecules == 5
    molecules = import_file(path, "jarvis", columns=found.guessed()).molecules
    assert molecules.ids.tolist() == [1, 2, 3, 4, 5]
    assert molecules.numbers.tolist() == np.concatenate([a.numbers for a in expected]).tolist()
    assert molecules.positions == pytest.approx(np.concatenate([a.positions for a in expected]), abs=1e-9)
    assert molecules.columns["gap"].tolist() == [5, 6, 7, 8, 9]
    assert molecules.columns["homo"] == pytest.approx([-7.0, -6.9, -6.8, -6.7, -6.6])


def test_missing_values_ids_and_smiles(tmp_path: Path) -> None:
    raw = jarvis.sample(save(tmp_path / "a.json", two()), 10)
    assert raw.ids.tolist() == [7, 3]
    assert raw.smiles is not None and raw.smiles.tolist() == [b"O", b"[HH]"]
    assert raw.columns["U0"].tolist() == [-2079.0, -31.8]
    assert raw.columns["mu"][0] == 1.85 and np.isnan(raw.columns["mu"][1])
    assert np.isnan(raw.columns["omega1"][0]) and raw.columns["omega1"][1] == 4400


def test_arrays_per_atom_and_per_molecule(tmp_path: Path) -> None:
    entries = two()
    for one, n in zip(entries, (3, 2), strict=True):
        one["forces"], one["charges"], one["vector"] = np.ones((n, 3)).tolist(), [0.5] * n, [1, 2, 3, 4]
    raw = jarvis.sample(save(tmp_path / "a.json", entries), 10)
    assert {name: v.shape for name, v in raw.atom_columns.items()} == {"forces": (5, 3), "charges": (5,)}
    assert raw.columns["vector"].shape == (2, 4)


def test_small_blocks_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_text("\ufeff \n" + json.dumps(two() * 3, indent=2).replace("na", "n\u00e4"), encoding="utf-8")
    whole = jarvis.sample(path, 10)
    for size in (1, 3, 50):
        monkeypatch.setattr(json_stream, "_BLOCK", size)
        assert np.array_equal(jarvis.sample(path, 10).positions, whole.positions)
    assert whole.ids.tolist() == [1, 2, 3, 4, 5, 6] and "no field numbers each" in whole.notes[0]


def test_numbers_at_the_end_of_names_are_ids(tmp_path: Path) -> None:
    entries = [{**one, "jid": f"JVASP-{k}"} for k, one in zip((90, 20), two(), strict=True)]
    for one in entries:
        del one["id"]
    assert jarvis.sample(save(tmp_path / "a.json", entries), 5).ids.tolist() == [90, 20]


def changed(**atoms: Any) -> list[dict[str, Any]]:
    entries = two()
    entries[1]["atoms"] |= atoms
    return entries


BAD: dict[str, tuple[Any, str]] = {
    "an empty list": ([], r"the list is empty"),
    "no list": ({"a": 1}, r"is no JSON list"),
    "numbers": ([1, 2], r"entry 1 begins with '1'"),
    "no atoms": ([*two(), {"id": 1}], r"entry 3: has no atoms with elements, coords, lattice_mat"),
    "an unknown element": (changed(elements=["H", "Qq"]), r"entry 2: element 'Qq' is not known"),
    "an element that is a number": (changed(elements=["H", 1]), r"entry 2: element '1' is not known"),
    "no elements": (changed(elements=[]), r"entry 2: element 'none'"),
    "a missing place": (changed(coords=[[0, 0, 0]]), r"entry 2: 2 elements, coordinates \(1, 3\)"),
    "a place in a plane": (changed(coords=[[0, 0], [0, 1]]), r"entry 2: 2 elements, coordinates \(2, 2\)"),
    "a place that is nan": (changed(coords=[[0, 0, 0], [0, 0, float("nan")]]), r"entry 2: a coordinate is not"),
    "letters for a place": (changed(coords=[[0, 0, 0], [0, 0, "1.x"]]), r"entry 2: coords is not made of numbers"),
    "ragged places": (changed(coords=[[0, 0, 0], [0, 0]]), r"entry 2: coords is not made of numbers"),
    "a flat lattice": (
        changed(lattice_mat=[[1, 0, 0], [2, 0, 0], [0, 0, 1]], cartesian=False), r"entry 2: fractional coordinates",
    ),
    "text in a property": ([two()[0], two()[1] | {"U0": "-31.x"}], r"entry 2: U0 is '-31.x'; expected a number"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_entries_are_named_and_leave_nothing(tmp_path: Path, home: Path, case: str) -> None:
    content, expected = BAD[case]
    mapping = ColumnMap.model_validate({"columns": [{"source": "U0", "key": "energy_U0", "unit": "eV"}]})
    with pytest.raises(MollensError, match=expected):
        import_file(save(tmp_path / "bad.json", content), "bad", "jarvis", columns=mapping)
    assert not (home / "data").exists() or list((home / "data").iterdir()) == []


def test_crystals_are_refused(tmp_path: Path) -> None:
    diamond = entry("1", ["C", "C"], [[0, 0, 0], [0.25, 0.25, 0.25]])
    diamond["atoms"] |= {"lattice_mat": [[0, 1.78, 1.78], [1.78, 0, 1.78], [1.78, 1.78, 0]], "cartesian": False}
    with pytest.raises(MollensError, match="these are crystals; Mollens reads molecules"):
        inspect(save(tmp_path / "a.json", [diamond] * 3))


@pytest.mark.parametrize("kind", WRITERS)
def test_a_cut_file_is_told(tmp_path: Path, kind: str) -> None:
    WRITERS[kind](tmp_path / "whole", json.dumps(two() * 200).encode())
    whole = (tmp_path / "whole").read_bytes()
    for share in (0.01, 0.2, 0.5, 0.9, 0.999):
        (tmp_path / "cut").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(MollensError):
            import_file(tmp_path / "cut", "cut", "jarvis", columns=ColumnMap())


HOSTILE = {
    "nested without end": (b'[{"atoms":' + b"[" * 200_000, r"entry 1 cannot be read|cut short"),
    "a number without end": (b'[{"x":' + b"9" * 100_000 + b"}]", r"entry 1 cannot be read"),
    "no text": (b'[{"x":"\xff\xfe"}]', r"damaged"),
    "no comma": (json.dumps(two()).replace("}, {", "} {").encode(), r"entry 1 found .{. after it; expected a comma"),
    "behind the comma": (b'[{"atoms":{}},]', r"entry 1: has no atoms"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_text_ends_in_a_sentence(tmp_path: Path, case: str) -> None:
    (tmp_path / "a.json").write_bytes(HOSTILE[case][0])
    with pytest.raises(MollensError, match=HOSTILE[case][1]):
        import_file(tmp_path / "a.json", "a", "jarvis", columns=ColumnMap())


def test_bombs_end_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "_LARGEST_ENTRY", 1 << 20)
    (tmp_path / "long.json.gz").write_bytes(gzip.compress(b'[{"x":"' + b"a" * (8 << 20)))
    with pytest.raises(MollensError, match="entry 1 has more than 1,048,576 characters"):
        inspect(tmp_path / "long.json.gz", "jarvis")
    monkeypatch.setattr(json_stream, "_UNSUSPECTED", 1 << 20)
    monkeypatch.setattr(json_stream, "_LARGEST_RATIO", 50)
    (tmp_path / "many.json.gz").write_bytes(gzip.compress(b"[" + json.dumps(two()[0]).encode() * 1 + b" " * (8 << 20)))
    with pytest.raises(MollensError, match="unpacks to more than 50 times"):
        inspect(tmp_path / "many.json.gz", "jarvis")


def test_standardised_values_as_jarvis_serves_qm9_are_pointed_out(tmp_path: Path) -> None:
    """JARVIS's qm9_std_jctc holds values of mean 0 and spread 1, not dipole moments."""
    random = np.random.default_rng(0)
    coords = two()[0]["atoms"]["coords"]
    entries = [entry(str(k), ["O", "H", "H"], coords, mu=random.normal(), gap=random.normal()) for k in range(50)]
    dataset = import_file(save(tmp_path / "a.json", entries), "std", columns=inspect(tmp_path / "a.json").guessed())
    assert [sentence.split(":")[0] for sentence in dataset.card.known_defects["warnings"]] == ["mu", "gap"][:0] + [
        p.key for p in dataset.card.properties
    ]
    assert all("standardised" in sentence for sentence in dataset.card.known_defects["warnings"])


def test_without_a_mapping_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(MappingNeeded):
        import_file(save(tmp_path / "a.json", two()), "two")


def test_a_json_of_ase_is_not_taken_for_one(tmp_path: Path) -> None:
    ase.io.write(tmp_path / "a.json", molecule("H2O"))
    assert not jarvis.accepts(tmp_path / "a.json")
