"""npz files in all three forms: known answers, and headers that lie."""

from __future__ import annotations

import io
import pickle
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib import format as npy

from core.data.importers import ColumnMap, MappingNeeded, detect_format, import_file, inspect, npz
from core.errors import MollensError

Z = np.array([8, 1, 1, 1, 1])
R = np.array([[0, 0, 0.1], [0, 0.76, -0.48], [0, -0.76, -0.48], [0, 0, 0], [0, 0, 0.74]])
E = np.array([-76.4, -1.17])
F = np.arange(15.0).reshape(5, 3)


def padded(values: Any) -> Any:
    return np.stack([values[:3], np.concatenate([values[3:], np.zeros_like(values[:1])])])


FORMS: dict[str, dict[str, Any]] = {
    "flat": {"R": R, "Z": Z, "N": np.array([3, 2]), "E": E, "F": F},
    "padded": {"R": padded(R), "Z": padded(Z), "N": np.array([3, 2]), "E": E, "F": padded(F)},
    "padded without counts": {"r": padded(R), "z": padded(Z), "e": E[:, None], "f": padded(F)},
    "padded, other names": {
        "positions": padded(R), "charges": padded(Z), "num_atoms": np.array([3, 2]), "energies": E, "forces": padded(F),
    },
    "symbols": {"coords": R, "elements": np.array(list("OHHHH")), "n_atoms": np.array([3, 2]), "energy": E, "F": F},
    "scaled": {"R_1e5A": (R * 1e5).round().astype(np.int32), "Z": Z, "N": np.array([3, 2]), "E": E, "F": F},
}  # fmt: skip


def save(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("saver", [np.savez, np.savez_compressed])
def test_every_form_gives_the_same_molecules(tmp_path: Path, form: str, saver: Any) -> None:
    saver(tmp_path / "a.npz", **FORMS[form])
    assert detect_format(tmp_path / "a.npz") == "npz"
    found = inspect(tmp_path / "a.npz")
    assert found.n_molecules == 2 and found.lengths == "Angstrom"
    molecules = import_file(tmp_path / "a.npz", "two", columns=found.guessed()).molecules
    assert molecules.numbers.tolist() == Z.tolist()
    assert molecules.positions == pytest.approx(R, abs=1e-12)
    assert molecules.sizes.tolist() == [3, 2] and molecules.ids.tolist() == [1, 2]
    assert molecules.columns["energy"] == pytest.approx(E * 27.211386, rel=1e-6)  # found to be Hartree by its size
    assert molecules.atom_columns["forces"] == pytest.approx(F * 51.422067, rel=1e-6)


def test_frames_of_one_molecule_as_in_md17(tmp_path: Path) -> None:
    frames = np.stack([R[:3] + 0.01 * k for k in range(4)])
    energies = np.array([-47940.0, -47941, -47939, -47942])  # kcal/mol
    forces = np.random.default_rng(0).normal(0, 20, (4, 3, 3))
    save(
        tmp_path / "md.npz", R=frames, z=Z[:3], E=energies[:, None], F=forces, name=np.array("water"),
        theory=np.array("PBE"), old_indices=np.arange(4), dipole=np.ones((4, 3)),
    )  # fmt: skip
    found = inspect(tmp_path / "md.npz")
    assert {c.name: c.guess.unit for c in found.columns if c.guess} == {
        "E": "kcal/mol", "F": "kcal/mol/Angstrom", "dipole": "D",
    }  # fmt: skip
    assert "theory: PBE" in found.notes
    molecules = import_file(tmp_path / "md.npz", "md", columns=found.guessed()).molecules
    assert molecules.n_molecules == 4 and molecules.numbers.tolist() == [8, 1, 1] * 4
    assert molecules.positions.reshape(4, 3, 3) == pytest.approx(frames)
    assert molecules.atom_columns["forces"].reshape(4, 3, 3) == pytest.approx(forces * 0.0433641, rel=1e-6)
    assert molecules.columns["dipole_vector"].shape == (4, 3)


def test_ids_and_smiles(tmp_path: Path) -> None:
    arrays = FORMS["flat"] | {"id": np.array([9, 4]), "smiles": np.array(["O", "[HH]"])}
    raw = npz.sample(save(tmp_path / "a.npz", **arrays), 10)
    assert raw.ids.tolist() == [9, 4]
    assert raw.smiles is not None and raw.smiles.tolist() == [b"O", b"[HH]"]
    twice = npz.sample(save(tmp_path / "b.npz", **arrays | {"id": np.array([4, 4])}), 10)
    assert twice.ids.tolist() == [1, 2] and "a number twice" in twice.notes[1]


def test_lengths_in_other_units_are_guessed(tmp_path: Path) -> None:
    found = inspect(save(tmp_path / "a.npz", **FORMS["flat"] | {"R": R / 0.52917721}))
    assert found.lengths == "Bohr"
    molecules = import_file(tmp_path / "a.npz", "bohr", columns=found.guessed()).molecules
    assert molecules.positions == pytest.approx(R, abs=1e-6)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no coordinates": ({"R": None}, r"lacks coordinates; found Z .*expected R"),
    "no atomic numbers": ({"Z": None}, r"lacks atomic numbers"),
    "counts that do not add up": ({"N": np.array([3, 3])}, r"N adds up to 6 atoms; Z has 5"),
    "a count of zero": ({"N": np.array([5, 0])}, r"N gives molecule 2 0 atoms"),
    "a negative count": ({"N": np.array([6, -1])}, r"N gives molecule 2 -1 atoms"),
    "an overflowing count": ({"N": np.array([2**63 - 1, 7 - 2**63 + 2**62 - 2**62])}, r"N (adds up|gives molecule)"),
    "no counts": ({"N": None}, r"lacks shapes that fit each other"),
    "coordinates in a plane": ({"R": R[:, :2]}, r"lacks numbers \(\.\.\., 3\) in R"),
    "element 0": ({"Z": np.array([0, 1, 1, 1, 1])}, r"atomic number 0; expected 1 to 86"),
    "element 87": ({"Z": np.array([87, 1, 1, 1, 1])}, r"atomic number 87"),
    "element 264, which is 8 in a byte": ({"Z": np.array([264, 1, 1, 1, 1])}, r"atomic number 255"),
    "half an element": ({"Z": np.array([8.5, 1, 1, 1, 1])}, r"a number that is not whole"),
    "an unknown symbol": ({"Z": np.array(["Qq", "H", "H", "H", "H"])}, r"element 'Qq'"),
    "a coordinate that is nan": ({"R": np.where(R == 0.76, np.nan, R)}, r"molecule 1 has a coordinate that is not"),
    "no molecules": ({"R": np.zeros((0, 3)), "Z": np.zeros(0, int), "N": np.zeros(0, int)}, r"holds no molecules"),
    "Python objects": ({"Z": np.array([8, 1, 1, 1, None], dtype=object)}, r"Python objects"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arrays_are_named_and_leave_nothing(tmp_path: Path, home: Path, case: str) -> None:
    changes, expected = BAD[case]
    arrays = {key: values for key, values in (FORMS["flat"] | changes).items() if values is not None}
    with pytest.raises(MollensError, match=expected):
        import_file(save(tmp_path / "bad.npz", **arrays), "bad", columns=ColumnMap())
    assert not (home / "data").exists() or list((home / "data").iterdir()) == []


def test_padding_in_the_wrong_place_is_told(tmp_path: Path) -> None:
    arrays = FORMS["padded"] | {"N": np.array([3, 3])}
    with pytest.raises(MollensError, match="molecule 2 has 2 atoms in Z and 3 by N"):
        npz.sample(save(tmp_path / "a.npz", **arrays), 5)


def forged(path: Path, header: dict[str, Any], content: bytes, **others: Any) -> Path:
    """An npz whose R announces `header` over `content`."""
    save(path, **others)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        text = io.BytesIO()
        npy.write_array_header_1_0(text, header)
        archive.writestr("R.npy", text.getvalue() + content)
    return path


def test_a_header_that_promises_more_than_there_is(tmp_path: Path) -> None:
    others = {"Z": Z, "N": np.array([3, 2])}
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**13, 3)}
    with pytest.raises(MollensError, match=r"announces 240,000,000,000,000 bytes .* but holds 80"):
        inspect(forged(tmp_path / "huge.npz", header, bytes(80), **others))
    header["shape"] = (-4, 3)
    with pytest.raises(MollensError, match="announces the shape"):
        inspect(forged(tmp_path / "negative.npz", header, bytes(80), **others))


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "sprung",))

    header = {"descr": "|O", "fortran_order": False, "shape": (5, 3)}
    path = forged(tmp_path / "trap.npz", header, pickle.dumps(Trap()), Z=Z, N=np.array([3, 2]))
    with pytest.raises(MollensError, match="Python objects"):
        import_file(path, "trap", columns=ColumnMap())
    assert not (tmp_path / "sprung").exists()


def test_a_bomb_of_zeros_is_refused_before_it_is_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "bomb.npz", R=np.zeros((12_000_000, 3)), Z=Z, N=np.array([3, 2]))
    with pytest.raises(MollensError, match="more than 100 times its own"):
        inspect(tmp_path / "bomb.npz")


@pytest.mark.parametrize("saver", [np.savez, np.savez_compressed])
def test_a_cut_or_changed_file_is_told(tmp_path: Path, home: Path, saver: Any) -> None:
    saver(tmp_path / "whole.npz", **FORMS["flat"])
    whole = (tmp_path / "whole.npz").read_bytes()
    for cut in range(0, len(whole), len(whole) // 9):
        (tmp_path / "cut.npz").write_bytes(whole[:cut])
        with pytest.raises(MollensError):
            import_file(tmp_path / "cut.npz", "cut", "npz", columns=ColumnMap())
    for at in range(10, len(whole), len(whole) // 40):  # damage must never be a traceback
        (tmp_path / "flipped.npz").write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
        with suppress(MollensError):
            npz.sample(tmp_path / "flipped.npz", 5)
    assert not (home / "data").exists() or list((home / "data").iterdir()) == []


def test_without_a_mapping_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(MappingNeeded) as caught:
        import_file(save(tmp_path / "a.npz", **FORMS["flat"]), "two")
    assert [c.name for c in caught.value.inspection.columns] == ["E", "F"]


def test_the_real_geometries(shared: Path) -> None:
    source = shared / "qm9" / "qm9_geometries_g4mp2.npz"
    found = inspect(source)
    assert found.n_molecules == 128_744
    guess = found.columns[0].guess
    assert guess is not None and (guess.key, guess.unit) == ("atomization_energy", "Ha")
    molecules = import_file(source, "g4", columns=found.guessed()).molecules
    assert molecules.n_atoms == 2_330_532 and molecules.smiles_of(0) == "C"
    assert int(np.isfinite(molecules.columns["atomization_energy"]).sum()) == 122_708
    assert molecules.columns["atomization_energy"][0] == pytest.approx(-0.625083 * 27.211386, rel=1e-7)
    assert molecules.positions[0].tolist() == [-0.0127, 1.0858, 0.008]


def test_a_file_of_another_form_is_refused_with_what_it_holds(shared: Path) -> None:
    with pytest.raises(MollensError, match=r"lacks coordinates; found frame0_positions_nm .*expected R \(n_molecules"):
        inspect(shared / "md" / "alanine_dipeptide.npz")
