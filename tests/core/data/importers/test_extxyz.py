"""xyz and extended xyz: equal to ASE's reader on ASE's files, known answers on others, refusals that name the line."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from core.data.importers import ColumnMap, MappingNeeded, detect_format, extxyz, import_file, inspect
from core.data.importers.raw import Raw
from core.errors import MollensError

# ruff: noqa: E501 (lines of the format)

TWO = """3
Properties=species:S:1:pos:R:3:forces:R:3:tag:I:1 id=7 energy=-2081.1 smiles="O" label="a b" dipole="0.1 0.2 0.3" pbc="F F F"
O 0.0 0.0 0.1 1.0 2.0 3.0 1
H 0.0 0.76 -0.48 0.1 0.2 0.3 0
H 0.0 -0.76 -0.48 -0.1 -0.2 -0.3 0
2
Properties=species:S:1:pos:R:3:forces:R:3:tag:I:1 id=3 energy=-31.7 smiles=[HH] label=c stable=T dipole="0 0 0" pbc="F F F"
H 0 0 0 0 0 1e-3 5
H 0 0 7.4d-1 0 0 -1E-3 6
"""


def write(path: Path, text: str = TWO) -> Path:
    path.write_text(text)
    return path


def sampled(tmp_path: Path, text: str) -> Raw:
    return extxyz.sample(write(tmp_path / "a.xyz", text), 100)


def test_every_field_of_two_molecules(tmp_path: Path) -> None:
    raw = sampled(tmp_path, TWO)
    assert raw.ids.tolist() == [7, 3]
    assert raw.numbers.tolist() == [8, 1, 1, 1, 1]
    assert raw.first_atom.tolist() == [0, 3, 5]
    assert raw.positions[4].tolist() == [0, 0, 0.74]
    assert raw.columns["energy"].tolist() == [-2081.1, -31.7]
    assert raw.columns["dipole"].tolist() == [[0.1, 0.2, 0.3], [0, 0, 0]]
    assert np.isnan(raw.columns["stable"][0]) and raw.columns["stable"][1] == 1
    assert raw.atom_columns["forces"].tolist()[0] == [1, 2, 3]
    assert raw.atom_columns["tag"].tolist() == [1, 0, 0, 5, 6]
    assert raw.smiles is not None and raw.smiles.tolist() == [b"O", b"[HH]"]
    assert set(raw.columns) == {"energy", "dipole", "stable"}
    assert raw.notes == ("ids are those of id", "passed over: label (text)")


@pytest.mark.parametrize("compress", [lambda b: b, gzip.compress, bz2.compress, lzma.compress])
def test_compressed_files_read_the_same(tmp_path: Path, compress: Any) -> None:
    (tmp_path / "a").write_bytes(compress(TWO.encode()))
    assert detect_format(tmp_path / "a") == "extxyz"
    dataset = import_file(tmp_path / "a", "two", columns=inspect(tmp_path / "a").guessed())
    assert dataset.molecules.columns["energy"].tolist() == [-2081.1, -31.7]
    assert dataset.molecules.columns["dipole_vector"].shape == (2, 3)
    assert dataset.molecules.atom_columns["forces"].shape == (5, 3)


def test_a_folder_a_tar_and_a_zip_of_files_read_in_order(tmp_path: Path) -> None:
    first, second = TWO.split("2\nProperties")[0], "2\nProperties" + TWO.split("2\nProperties")[1]
    (tmp_path / "f").mkdir()
    write(tmp_path / "f" / "1.xyz", first)
    write(tmp_path / "f" / "2.xyz", second.rstrip())
    with tarfile.open(tmp_path / "t", "w:gz") as tar, zipfile.ZipFile(tmp_path / "z", "w") as archive:
        for name, text in (("1.xyz", first), ("2.xyz", second)):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
            archive.writestr(name, text)
    for source in ("f", "t", "z"):
        assert detect_format(tmp_path / source) == "extxyz"
        assert extxyz.sample(tmp_path / source, 9).ids.tolist() == [7, 3]


def ase_frames() -> list[Atoms]:
    random = np.random.default_rng(0)
    frames = []
    for k, name in enumerate(["CH3CH2OH", "H2O", "CH3Cl", "C6H6", "SiH4", "BF3", "LiH", "SO2"] * 3):
        atoms = molecule(name)
        atoms.rattle(0.05, seed=k)
        atoms.info = {
            "energy_ref": float(random.normal(-1e3, 50)),
            "name": f"{name} number {k}",
            "vector": random.normal(size=3),
            "tensor": random.normal(size=(2, 2)),
            "tiny": 1.25e-17 * k,
            "flag": bool(k % 2),
            "whole": k,
        }
        atoms.arrays["my_forces"] = random.normal(size=(len(atoms), 3))
        atoms.arrays["my_charges"] = random.normal(size=len(atoms))
        atoms.arrays["kind"] = np.arange(len(atoms))
        atoms.arrays["mask"] = np.arange(len(atoms)) % 2 == 0
        atoms.arrays["word"] = np.array([f"w{i}" for i in range(len(atoms))])
        if k % 3 == 0:
            del atoms.info["vector"], atoms.arrays["kind"]
        frames.append(atoms)
    return frames


@pytest.mark.parametrize("texts", [True, False])
def test_equal_to_ases_reader_on_ases_files(tmp_path: Path, texts: bool) -> None:
    frames = ase_frames()
    if not texts:  # then atom lines have numbers only, which are read many at once
        for atoms in frames:
            del atoms.arrays["word"], atoms.arrays["mask"]
    path = tmp_path / "ase.xyz"
    ase.io.write(path, frames, format="extxyz")
    raw, expected = extxyz.sample(path, 1000), ase.io.read(path, ":")
    assert raw.numbers.tolist() == np.concatenate([a.numbers for a in expected]).tolist()
    assert np.array_equal(raw.positions, np.concatenate([a.positions for a in expected]))
    for key in ("energy_ref", "tiny", "flag", "whole"):
        assert raw.columns[key].tolist() == [float(a.info[key]) for a in expected], key
    for row, atoms in enumerate(expected):
        found = raw.columns["vector"][row]
        assert np.isnan(found).all() if "vector" not in atoms.info else np.array_equal(found, atoms.info["vector"])
        assert np.array_equal(raw.columns["tensor"][row], atoms.info["tensor"])
        some = slice(raw.first_atom[row], raw.first_atom[row + 1])
        for key in ["my_forces", "my_charges"] + (["mask"] if texts else []):
            assert np.array_equal(raw.atom_columns[key][some], atoms.arrays[key]), key
        kind = raw.atom_columns["kind"][some]
        assert np.isnan(kind).all() if "kind" not in atoms.arrays else np.array_equal(kind, atoms.arrays["kind"])
    assert "name" not in raw.columns and "word" not in raw.atom_columns


def test_ases_energy_and_forces_are_found_and_guessed(tmp_path: Path) -> None:
    from ase.calculators.emt import EMT

    atoms = molecule("H2O")
    atoms.calc = EMT()
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    ase.io.write(tmp_path / "e.xyz", [atoms] * 3, format="extxyz")
    dataset = import_file(tmp_path / "e.xyz", "emt", columns=inspect(tmp_path / "e.xyz").guessed())
    assert dataset.molecules.columns["energy"] == pytest.approx([energy] * 3)
    assert dataset.molecules.atom_columns["forces"][:3] == pytest.approx(forces, abs=1e-8)


PLAIN = "3\n-76.4\nO 0 0 0.1\nH  0 0.76 -0.48\n\tH 0 -0.76\t-0.48\n\n2\n-1.1\n1 0 0 0\n1 0 0 0.74\n\n\n"


def test_plain_xyz_with_numbers_for_elements_and_a_number_for_comment(tmp_path: Path) -> None:
    raw = sampled(tmp_path, PLAIN)
    assert raw.numbers.tolist() == [8, 1, 1, 1, 1]
    assert raw.columns["comment"].tolist() == [-76.4, -1.1]
    assert raw.ids.tolist() == [1, 2]
    assert raw.positions[2].tolist() == [0, -0.76, -0.48]
    words = sampled(
        tmp_path,
        PLAIN.replace("-76.4", "water, relaxed")
        .replace("-1.1", "b")
        .replace("0.1\n", "0.1 x\n")
        .replace("-0.48\n", "-0.48 y\n"),
    )
    assert not words.columns


def test_windows_line_ends_and_atomic_numbers_as_a_column(tmp_path: Path) -> None:
    text = "2\nProperties=pos:R:3:Z:I:1:mask:L:1 energy=1\n0 0 0 1 T\n0 0 0.74 1 F\n".replace("\n", "\r\n")
    (tmp_path / "w.xyz").write_bytes(text.encode())
    raw = extxyz.sample(tmp_path / "w.xyz", 5)
    assert raw.numbers.tolist() == [1, 1] and raw.atom_columns["mask"].tolist() == [1, 0]
    assert raw.positions[1].tolist() == [0, 0, 0.74]


def test_ids_that_occur_twice_are_not_taken(tmp_path: Path) -> None:
    raw = sampled(tmp_path, TWO.replace("id=3", "id=7"))
    assert raw.ids.tolist() == [1, 2]
    assert "id has some numbers twice" in raw.notes[0]
    assert sampled(tmp_path, TWO.replace("id=3 ", "")).ids.tolist() == [1, 2]
    assert sampled(tmp_path, TWO.replace("id=3", "index=3")).ids.tolist() == [1, 2]
    assert sampled(tmp_path, TWO.replace("id=3", "id=-3")).ids.tolist() == [1, 2]


def test_a_box_is_passed_over_and_a_crystal_refused(tmp_path: Path) -> None:
    box = ' Lattice="9 0 0 0 9 0 0 0 9"'
    assert sampled(tmp_path, TWO.replace(" label", box + " label")).ids.tolist() == [7, 3]
    with pytest.raises(MollensError, match=r"a.xyz, line 2: has a Lattice without pbc.*periodic"):
        sampled(tmp_path, TWO.replace(' pbc="F F F"', box))
    with pytest.raises(MollensError, match=r"line 7: has pbc that is true"):
        sampled(tmp_path, TWO[:200] + TWO[200:].replace('pbc="F F F"', 'pbc="F F T"'))


BAD = {
    "too few atom lines": (
        TWO.replace("H 0.0 0.76 -0.48 0.1 0.2 0.3 0\n", ""),
        r"line 6: found 'Properties=.*expected the number of atoms",
    ),
    "one line too few at the end": (TWO.rsplit("H", 1)[0], r"cut short in the frame at line 6: 2 atoms.*1 are there"),
    "cut after the count": ("2\n", r"cut short in the frame at line 1"),
    "an unknown element": (TWO.replace("O 0.0", "Qq 0.0"), r"line 3: element 'Qq' is not known"),
    "element zero": (TWO.replace("O 0.0", "0 0.0"), r"line 3: element '0'"),
    "element 87": (TWO.replace("O 0.0", "87 0.0"), r"line 3: element '87'"),
    "a coordinate that is nan": (TWO.replace("0.76", "nan", 1), r"line 4: a coordinate is not a finite number"),
    "an infinite coordinate": (TWO.replace("0.76", "inf", 1), r"line 4: a coordinate"),
    "a letter in a number": (TWO.replace("-0.48", "-0.4C8", 1), r"line 4: found '-0.4C8'; expected a number"),
    "an underscore in a number": (TWO.replace("-0.48", "-0_48", 1), r"line 4: found '-0_48'; expected a number"),
    "two numbers run together": (TWO.replace("0.0 0.76 -0.48", "0.0 0.76-0.48", 1), r"line 4: found 7 words"),
    "run together and one too many": (
        TWO.replace("0.76 -0.48 0.1", "0.76-0.48 0.1 9", 1),
        r"line 4: found '0.76-0.48'",
    ),
    "a word for a count": (TWO.replace("3\n", "three\n", 1), r"line 1: found 'three'; expected the number of atoms"),
    "a count of zero": ("0\n\n" + TWO, r"line 1: found '0'"),
    "a negative count": (TWO.replace("3\n", "-3\n", 1), r"line 1: found '-3'"),
    "an enormous count": (TWO.replace("3\n", "99999999999\n", 1), r"announces 99,999,999,999 atoms; expected at most"),
    "no element column": (TWO.replace("species:S:1", "name:S:1"), r"line 2: Properties names no element"),
    "no coordinates": (TWO.replace("pos:R:3", "place:R:3"), r"line 2: Properties names no coordinates"),
    "half a description": (TWO.replace("tag:I:1", "tag:I"), r"line 2: Properties has no name, kind and number"),
    "an odd kind": (TWO.replace("tag:I:1", "tag:X:1"), r"line 2: Properties has tag:X:1"),
    "a column twice": (TWO.replace("tag:I:1", "pos:R:1"), r"line 2: Properties names a column twice"),
    "a thousand blank lines": (TWO + "\n" * 2000, r"more than 1000 blank lines"),
    "a shape that changes": (TWO.replace('dipole="0 0 0"', "dipole=1"), r"line 7: dipole is '1'; expected 3 numbers"),
    "a letter in a property": (TWO.replace("-31.7", "-31.x7"), r"line 7: energy is '-31.x7'; expected a number"),
    "a line without end": ("3\n" + "x" * 3_000_000, r"line 2: has more than 1,048,576 characters"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named_and_leaves_nothing(tmp_path: Path, home: Path, case: str) -> None:
    text, expected = BAD[case]
    mapping = ColumnMap.model_validate(
        {
            "columns": [
                {"source": "energy", "key": "energy", "unit": "eV"},
                {"source": "dipole", "key": "dipole_vector", "unit": "D"},
            ]
        }
    )
    with pytest.raises(MollensError, match=expected) as caught:
        import_file(write(tmp_path / "a.xyz", text), "bad", "extxyz", columns=mapping)
    assert str(tmp_path / "a.xyz") in str(caught.value)
    assert not (home / "data").exists() or list((home / "data").iterdir()) == []


def test_a_changing_column_that_nobody_wants_is_only_noted(tmp_path: Path) -> None:
    raw = sampled(tmp_path, TWO.replace("-31.7", "-31.x7"))
    assert "energy" not in raw.columns and "energy (a number at first" in raw.notes[1]


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
@pytest.mark.parametrize("content", ["zeros", "lines", "blanks"])
def test_a_decompression_bomb_ends_in_a_sentence(
    tmp_path: Path, compress: Any, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.data.importers.frames._UNSUSPECTED", 1 << 20)
    monkeypatch.setattr("core.data.importers.frames._LARGEST_RATIO", 50)
    monkeypatch.setattr("core.data.importers.frames._BLOCK", 1 << 18)
    piece = {"zeros": b"\0", "lines": b"1\n\nH 0 0 0\n", "blanks": b"\n"}[content]
    (tmp_path / "bomb").write_bytes(compress(piece * ((5 << 20) // len(piece))))
    expected = {"zeros": "unpacks to more than|characters", "lines": "unpacks to more than 50 times", "blanks": "blank"}
    with pytest.raises(MollensError, match=expected[content]):
        import_file(tmp_path / "bomb", "bomb", "extxyz", columns=ColumnMap())


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_file_that_is_cut_is_told(tmp_path: Path, compress: Any) -> None:
    whole = compress((TWO * 400).encode())
    for share in (0.3, 0.6, 0.95):
        (tmp_path / "cut").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(MollensError, match="cut short|damaged"):
            import_file(tmp_path / "cut", "cut", "extxyz", columns=ColumnMap())


def test_without_a_mapping_the_guess_is_shown_and_nothing_made(tmp_path: Path, home: Path) -> None:
    with pytest.raises(MappingNeeded) as caught:
        import_file(write(tmp_path / "a.xyz"), "two")
    guesses = {c.name: c.guess.key if c.guess else None for c in caught.value.inspection.columns}
    assert guesses == {
        "energy": "energy", "dipole": "dipole_vector", "stable": None, "forces": "forces", "tag": None,
    }  # fmt: skip
    assert not (home / "data").exists() or list((home / "data").iterdir()) == []


def test_frames_longer_than_a_block_are_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.data.importers import frames

    whole = sampled(tmp_path, TWO * 5)
    for size in (1, 7, 64, 150):
        monkeypatch.setattr(frames, "_BLOCK", size)
        raw = sampled(tmp_path, TWO * 5)
        assert np.array_equal(raw.positions, whole.positions)
        assert np.array_equal(raw.columns["energy"], whole.columns["energy"])


def test_real_files(shared: Path) -> None:
    source = shared / "md" / "ethanol_train.extxyz.xz"
    dataset = import_file(source, "ethanol", columns=inspect(source).guessed())
    with lzma.open(source, "rt") as file:
        text = io.StringIO(file.read())  # ASE asks for its place again and again, which takes 19 s in the packed file
    expected = ase.io.read(text, ":", format="extxyz")
    molecules = dataset.molecules
    assert molecules.n_molecules == len(expected) == 1000
    assert np.array_equal(molecules.positions, np.concatenate([a.positions for a in expected]))
    assert molecules.columns["energy"].tolist() == [a.get_potential_energy() for a in expected]
    assert np.array_equal(molecules.atom_columns["forces"], np.concatenate([a.get_forces() for a in expected]))
    extra = shared / "qm9" / "qm9_u0_extra.extxyz.xz"
    found = inspect(extra)
    assert {c.name: c.guess.unit for c in found.columns if c.guess} == {"U0": "Ha", "homo": "Ha", "lumo": "Ha"}
    made = import_file(extra, "extra", columns=found.guessed()).molecules
    assert made.n_molecules == 3512 and int(np.isfinite(made.columns["homo"]).sum()) == 1164
