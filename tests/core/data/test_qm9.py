"""The importer of the official QM9 archive: known answers and bad input."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from ase.units import Hartree

from core.data.importers import detect_format, import_file, qm9
from core.data.store import list_datasets, open_dataset
from core.errors import MollensError
from core.files import CHECKOUT

# ruff: noqa: E501 (lines of the format)

WATER = """3
gdb 3\t799.58812\t437.90386\t282.94545\t1.8511\t6.31\t-0.2928\t0.0687\t0.3615\t19.0002\t0.021375\t-76.404702\t-76.401867\t-76.400922\t-76.422349\t6.002
O\t-0.0343604951\t0.9775395708\t0.0076015923\t-0.589706
H\t0.0647664923\t0.0205721989\t0.0015346341\t 0.294853
H\t0.8717903737\t1.3007924048\t0.0006931336\t 2.9485*^-1
1671.4222\t3803.6305\t3907.698
O\tO
InChI=1S/H2O/h1H2\tInChI=1S/H2O/h1H2
"""
METHANE = """5
gdb 1\t157.7118\t157.70997\t157.70699\t0.\t13.21\t-0.3877\t0.1171\t0.5048\t35.3641\t0.044749\t-40.47893\t-40.476062\t-40.475117\t-40.498597\t6.469
C\t-0.0126981359\t 1.0858041578\t 8.0009958*^-3\tnan
H\t 0.002150416\t-0.0060313176\t 0.0019761204\tnan
H\t 1.0117308433\t 1.4637511618\t 2.765748*^-4\tnan
H\t-0.540815069\t 1.4475266138\t-0.8766437152\tnan
H\t-0.5238136345\t 1.4379326443\t 0.9063972942\tnan

C C

"""


def archive(path: Path, members: dict[str, str], compress: str = "bz2") -> Path:
    """A tar archive of these members, written by Python's tarfile."""
    with tarfile.open(path, f"w:{compress}") as tar:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return path


def two(tmp_path: Path, **changes: str) -> dict[str, str]:
    return {"dsgdb9nsd_000001.xyz": METHANE, "dsgdb9nsd_000003.xyz": WATER} | changes


@pytest.mark.parametrize("compress", ["bz2", "gz", "xz", ""])
def test_all_fields_of_both_molecules(tmp_path: Path, compress: str) -> None:
    dataset = import_file(archive(tmp_path / "a.tar", two(tmp_path), compress), "two")
    molecules = dataset.molecules
    assert molecules.ids.tolist() == [1, 3]
    assert molecules.sizes.tolist() == [5, 3]
    assert molecules.numbers.tolist() == [6, 1, 1, 1, 1, 8, 1, 1]
    assert molecules.positions[0].tolist() == [-0.0126981359, 1.0858041578, 8.0009958e-3]
    assert molecules.atom_columns["partial_charges"][5:].tolist() == [-0.589706, 0.294853, 0.29485]
    assert np.isnan(molecules.atom_columns["partial_charges"][:5]).all()
    assert molecules.columns["energy_U0"][0] / Hartree == pytest.approx(-40.47893, abs=1e-12)
    assert molecules.columns["gap"][1] == pytest.approx(0.3615 * Hartree)
    assert molecules.columns["rotational_constant_A"][1] == 799.58812
    assert molecules.columns["heat_capacity"].tolist() == [6.469, 6.002]
    assert [molecules.smiles_of(row) for row in (0, 1)] == ["C", "O"]
    assert len(molecules.columns) == 15
    assert dataset.card.default_target == "energy_U0"


def test_the_relaxed_geometrys_smiles_is_taken(tmp_path: Path) -> None:
    text = WATER.replace("O\tO\n", "[OH2]\tO\n")
    assert import_file(archive(tmp_path / "a", {"x.xyz": text}), "w").molecules.smiles_of(0) == "O"


@pytest.mark.parametrize("text", [WATER.replace("\t", " "), WATER.replace("\t", "\t  "), WATER.replace("\n", "\r\n")])
def test_other_white_space_reads_the_same(tmp_path: Path, text: str) -> None:
    """Not by the fast reader of tables, which takes tabs as the official files have them."""
    first, second = (
        import_file(archive(tmp_path / name, {"x.xyz": content}), name).molecules
        for name, content in (("plain", WATER), ("other", text))
    )
    assert np.array_equal(first.positions, second.positions)
    assert {key: v.tolist() for key, v in first.columns.items()} == {
        key: v.tolist() for key, v in second.columns.items()
    }
    assert second.smiles_of(0) == "O"


def test_the_fast_and_the_general_reader_agree_to_the_last_bit() -> None:
    values = np.concatenate([np.random.default_rng(0).normal(size=999) * 10.0 ** (np.arange(999) % 600 - 300), [0]])
    table = "\n".join("\t".join(map(repr, row)) for row in values.reshape(-1, 5).tolist()).encode()
    fast, general = (qm9._numbers(text, 200, 5) for text in (table, table.replace(b"\t", b" ")))
    assert np.array_equal(fast, general) and np.array_equal(fast.ravel(), values)


def test_missing_smiles_is_valid(tmp_path: Path) -> None:
    text = WATER.replace("O\tO\n", "\n")
    assert import_file(archive(tmp_path / "a", {"x.xyz": text}), "w").molecules.smiles_of(0) == ""


def test_excluded_ids_are_dropped_and_counted(tmp_path: Path) -> None:
    listed = tmp_path / "uncharacterized.txt"
    listed.write_text("Heading without an id\n# Index  SMILES\n=====\n      3      O   O   1.0\n   99   C  C  1.0\n")
    dataset = import_file(archive(tmp_path / "a", two(tmp_path)), "two", exclude=listed)
    assert dataset.molecules.ids.tolist() == [1]
    assert dataset.card.known_defects["left_out"] == {"list": "uncharacterized.txt", "listed": 2, "dropped": 1}


BAD = {
    "too few atom lines": (
        WATER.replace("H\t0.0647664923\t0.0205721989\t0.0015346341\t 0.294853\n", ""),
        "line 5.*3 atom lines",
    ),
    "unknown element": (WATER.replace("O\t-0.0343", "Xx\t-0.0343"), "line 3.*element 'Xx' is not known"),
    "a coordinate that is nan": (WATER.replace("0.0647664923", "nan"), "line 4.*coordinate"),
    "an infinite coordinate": (WATER.replace("0.0647664923", "inf"), "line 4.*coordinate"),
    "a word for a number": (WATER.replace("799.58812", "many"), "line 2.*'many'.*number"),
    "a missing property": (WATER.replace("\t6.002", ""), "line 2.*16 words"),
    "no atom count": (WATER.replace("3\n", "three\n", 1), "line 1.*'three'.*number of atoms"),
    "a negative atom count": (WATER.replace("3\n", "-3\n", 1), "line 1.*'-3'"),
    "an id that is no number": (WATER.replace("gdb 3", "gdb x"), "line 2.*'x'.*whole number"),
    "a foreign xyz": ("3\nwater\nO 0 0 0\nH 0 0 1\nH 0 1 0\n", "line 2.*'gdb'"),
    "an empty member": ("", "line 1.*number of atoms"),
    "an element with a digit": (WATER.replace("O\t-0.0343", "O1\t-0.0343"), "line 3.*element 'O1' is not known"),
    "two letters that are elements": (WATER.replace("O\t-0.0343", "CC\t-0.0343"), "line 3.*element 'CC'"),
    "an atomic number for an element": (WATER.replace("O\t-0.0343", "8\t-0.0343"), "line 3.*element '8'"),
    "a letter within a number": (WATER.replace("0.0647664923", "0.0C47664923"), "line 4.*'0.0C47664923'.*number"),
    "an id that is not whole": (WATER.replace("gdb 3", "gdb 1.7"), "line 2.*'1.7'.*whole number"),
    "an id without end": (WATER.replace("gdb 3", "gdb 1e30"), "line 2.*'1e30'.*whole number"),
    "an id beyond float64": (WATER.replace("gdb 3", "gdb 99999999999999999999"), "line 2.*whole number"),
    "SMILES that are none": (WATER.replace("O\tO\n", "O\tÖ\n"), "line 7.*plain ASCII"),
    "a cut member": (WATER[: WATER.index("1671")], "frequencies and SMILES"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_member_is_named_and_nothing_is_left(tmp_path: Path, home: Path, case: str) -> None:
    text, expected = BAD[case]
    source = archive(tmp_path / "bad.tar.bz2", two(tmp_path, **{"dsgdb9nsd_000007.xyz": text}))
    with pytest.raises(MollensError, match=f"(?s)bad.tar.bz2: dsgdb9nsd_000007.xyz.*{expected}"):
        import_file(source, "bad")
    assert not (home / "data" / "bad").exists()
    assert not list((home / "data").glob(".*")) if (home / "data").exists() else True


def test_a_duplicate_id_is_named(tmp_path: Path) -> None:
    source = archive(tmp_path / "a", two(tmp_path, **{"other.xyz": WATER}))
    with pytest.raises(MollensError, match="id 3 occurs 2 times"):
        import_file(source, "twice")


def test_a_truncated_archive_is_told(tmp_path: Path, home: Path) -> None:
    many = {f"{k}.xyz": WATER.replace("gdb 3", f"gdb {k}") for k in range(1, 3000)}
    whole = archive(tmp_path / "whole", many).read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(MollensError, match="cut short or damaged"):
        import_file(tmp_path / "cut", "cut")
    plain = bz2.decompress(whole)
    (tmp_path / "cut.tar").write_bytes(plain[: 512 * 11 + 300])
    with pytest.raises(MollensError, match="cut short"):
        import_file(tmp_path / "cut.tar", "cut")
    (tmp_path / "even.tar").write_bytes(plain[: 4 * 512 * 11])
    with pytest.raises(MollensError, match="cut short"):
        import_file(tmp_path / "even.tar", "cut")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(plain)[:2000])
    with pytest.raises(MollensError, match="cut short"):
        import_file(tmp_path / "cut.gz", "cut")
    assert not (home / "data" / "cut").exists()


@pytest.mark.parametrize(
    ("field", "message"),
    [(b"-0000000010\0", "no octal number"), (b"\x80" + b"\1" * 11, "no octal number"), (b"77777777777\0", "at most")],
)
def test_a_hostile_size_is_refused_at_once(tmp_path: Path, field: bytes, message: str) -> None:
    plain = bytearray(archive(tmp_path / "a.tar", two(tmp_path), "").read_bytes())
    plain[124:136] = field
    plain[148:156] = b" " * 8
    plain[148:156] = b"%06o\0 " % sum(plain[:512])
    (tmp_path / "hostile.tar").write_bytes(plain)
    with pytest.raises(MollensError, match=message):
        import_file(tmp_path / "hostile.tar", "hostile")


def test_other_members_are_passed_over(tmp_path: Path) -> None:
    members = {"readme.txt": "x" * 3_000_000, "1.xyz": METHANE, "notes": "", "3.xyz": WATER}
    assert import_file(archive(tmp_path / "a", members), "two").molecules.ids.tolist() == [1, 3]


def test_foreign_and_empty_files_are_not_recognised(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text").write_text("just a text")
    (tmp_path / "foreign").write_bytes(bz2.compress(b"no tar inside" * 100))
    with pytest.raises(MollensError, match="empty"):
        detect_format(tmp_path / "empty")
    for name in ("text", "foreign"):
        with pytest.raises(MollensError, match="not recognised"):
            detect_format(tmp_path / name)
    with pytest.raises(MollensError, match="not found"):
        detect_format(tmp_path / "missing")
    with pytest.raises(MollensError, match=r"no \.xyz members"):
        import_file(archive(tmp_path / "other", {"readme.txt": "hello"}), "other")


def test_a_taken_name_is_refused_and_the_old_dataset_stays(tmp_path: Path) -> None:
    source = archive(tmp_path / "a", two(tmp_path))
    before = import_file(source, "mine").card.sha256
    with pytest.raises(MollensError, match="already exists"):
        import_file(archive(tmp_path / "b", {"x.xyz": WATER}), "mine")
    assert open_dataset("mine").card.sha256 == before
    assert open_dataset("mine").molecules.n_molecules == 2


@pytest.mark.parametrize("name", ["a/b", "..", "../x", ".hidden", "", "a" * 65, "a b", "a\n", "x..y", "demo"])
def test_a_name_that_is_not_allowed_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(MollensError, match="not allowed|already exists|belongs to the embedded"):
        import_file(archive(tmp_path / "a", two(tmp_path)), name)
    assert [entry.name for entry in list_datasets()] == ["demo"]


def test_a_disk_that_fills_up_leaves_nothing(tmp_path: Path, home: Path) -> None:
    many = {f"{k}.xyz": WATER.replace("gdb 3", f"gdb {k}") for k in range(1, 2000)}
    source = archive(tmp_path / "many.tar.bz2", many)
    # a limit on the size of files stands in for the full disk: writes fail for real, half way through
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)); "
    limited += "from core.cli import main; main()"
    words = [sys.executable, "-c", limited, "import", str(source), "--name", "many"]
    done = subprocess.run(words, cwd=CHECKOUT, capture_output=True, text=True, env={**os.environ})
    assert done.returncode == 1
    assert "no space left" in done.stderr and "Traceback" not in done.stderr
    assert list((home / "data").iterdir()) == []


def test_the_real_archive_imports_whole(shared: Path) -> None:
    dataset = import_file(shared / "qm9" / "dsgdb9nsd_subset.xyz.tar.bz2", "qm9")
    molecules = dataset.molecules
    assert molecules.n_molecules == 16_882
    assert molecules.columns["energy_U0"][molecules.rows_of(np.array([1]))[0]] / Hartree == pytest.approx(
        -40.47893, abs=1e-9
    )
    assert sum(molecules.smiles_of(row) == "" for row in range(molecules.n_molecules)) == 173
    assert int(molecules.contains(9).sum()) == 36
    assert np.bincount(molecules.sizes)[[3, 4, 18, 27, 28, 29]].tolist() == [2, 3, 2258, 36, 0, 3]


def test_the_uncharacterized_of_the_real_archive_can_be_left_out(shared: Path) -> None:
    dataset = import_file(
        shared / "qm9" / "dsgdb9nsd_subset.xyz.tar.bz2", "qm9", exclude=shared / "qm9" / "uncharacterized.txt"
    )
    assert dataset.card.known_defects["left_out"] == {"list": "uncharacterized.txt", "listed": 3054, "dropped": 62}
    assert dataset.molecules.n_molecules == 16_882 - 62
