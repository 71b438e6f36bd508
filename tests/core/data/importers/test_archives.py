"""QM9's layout in every container, and containers that are damaged or mean harm."""

from __future__ import annotations

import bz2
import io
import os
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from core.data.importers import detect_format, import_file, inspect
from core.data.importers.archives import count_members, first_member, kind_of, open_joined, read_members
from core.data.importers.tar_stream import check_ratio
from core.errors import MollensError
from tests.core.data.test_qm9 import METHANE, WATER, archive

BOTH = {"sub/dsgdb9nsd_000001.xyz": METHANE, "dsgdb9nsd_000003.xyz": WATER}


def folder(path: Path, members: dict[str, str]) -> Path:
    for name, text in members.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    return path


def zipped(path: Path, members: dict[str, str], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as packed:
        for name, text in members.items():
            packed.writestr(name, text)
    return path


CONTAINERS: dict[str, Callable[[Path, dict[str, str]], Path]] = {
    "tar archive": lambda path, members: archive(path, members, ""),
    "tar.bz2 archive": lambda path, members: archive(path, members, "bz2"),
    "tar.gz archive": lambda path, members: archive(path, members, "gz"),
    "tar.xz archive": lambda path, members: archive(path, members, "xz"),
    "zip archive": zipped,
    "folder": folder,
}


def names_of(path: Path) -> list[str]:
    return [name for name, _ in read_members(path, 1 << 20, lambda done, total: None)]


@pytest.mark.parametrize("kind", CONTAINERS)
def test_qm9_in_every_container(tmp_path: Path, kind: str) -> None:
    path = CONTAINERS[kind](tmp_path / "qm9", BOTH)
    assert detect_format(path) == "qm9" and kind_of(path) == kind
    found = inspect(path)
    assert found.title == f"official QM9 layout in a {kind}" and not found.needs_mapping
    assert found.n_molecules == (2 if kind in ("folder", "zip archive") else None) == count_members(path)
    seen: list[tuple[int, int]] = []
    molecules = import_file(path, "two", progress=lambda done, total: seen.append((done, total))).molecules
    assert sorted(molecules.ids.tolist()) == [1, 3]
    energy = dict(zip(molecules.ids.tolist(), molecules.columns["energy_U0"].tolist(), strict=True))
    assert energy[1] == pytest.approx(-40.47893 * 27.211386024367243, abs=1e-9)
    assert seen[-1][0] == seen[-1][1] > 0


@pytest.mark.parametrize("kind", CONTAINERS)
def test_hidden_files_and_others_are_passed_over(tmp_path: Path, kind: str) -> None:
    members = {
        "._1.xyz": "resource fork", "__MACOSX/sub/1.xyz": "x", ".DS_Store": "x", "readme.txt": "x",
        "a/b/c/1.XYZ": METHANE, "a/._2.xyz": "x", "xyz": "x",
    }  # fmt: skip
    path = CONTAINERS[kind](tmp_path / "qm9", members)
    assert import_file(path, "one").molecules.ids.tolist() == [1]


@pytest.mark.parametrize("kind", [kind for kind in CONTAINERS if kind != "folder"])
def test_names_that_lead_elsewhere_lead_nowhere(tmp_path: Path, kind: str) -> None:
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    path = CONTAINERS[kind](inside / "qm9", {"../../etc/x.xyz": METHANE, f"{tmp_path}/absolute.xyz": WATER})
    before = sorted(p for p in tmp_path.rglob("*") if "home" not in p.parts)
    assert sorted(import_file(path, "two").molecules.ids.tolist()) == [1, 3]
    assert sorted(p for p in tmp_path.rglob("*") if "home" not in p.parts) == before


@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_container_without_xyz_is_told(tmp_path: Path, kind: str) -> None:
    path = CONTAINERS[kind](tmp_path / "qm9", {"readme.txt": "hello"})
    with pytest.raises(MollensError, match=r"no \.xyz members|not recognised"):
        import_file(path, "none")
    with pytest.raises(MollensError, match=r"no \.xyz members"):
        import_file(path, "none", format="qm9")


@pytest.mark.parametrize("kind", CONTAINERS)
def test_plain_xyz_in_a_container_is_the_other_importers(tmp_path: Path, kind: str) -> None:
    water = "3\nwater\nO 0 0 0\nH 0 0 1\nH 0 1 0"  # no line break at its end
    path = CONTAINERS[kind](tmp_path / "some", {"b.xyz": water, "a.xyz": water.replace("O 0", "S 0")})
    assert detect_format(path) == "extxyz"
    joined = open_joined(path, lambda done, total: None).read().decode()
    first, second = ("S", "O") if kind in ("folder", "zip archive") else ("O", "S")
    assert joined == f"{water.replace('O 0', f'{first} 0')}\n{water.replace('O 0', f'{second} 0')}\n"


@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_member_too_large_for_a_molecule_is_refused(tmp_path: Path, kind: str) -> None:
    path = CONTAINERS[kind](tmp_path / "qm9", {"1.xyz": METHANE, "2.xyz": METHANE + " " * (1 << 20)})
    with pytest.raises(MollensError, match=r"qm9: 2\.xyz: has 1,04\d,\d{3} bytes; expected at most 1,048,576"):
        import_file(path, "large")


def test_links_are_passed_over(tmp_path: Path) -> None:
    secret = tmp_path / "secret.xyz"
    secret.write_text(WATER)
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
        with tarfile.open(tmp_path / "links.tar", "w") as tar:
            link = tarfile.TarInfo("link.xyz")
            link.type, link.linkname = kind, str(secret)
            tar.addfile(link)
            info = tarfile.TarInfo("1.xyz")
            info.size = len(METHANE)
            tar.addfile(info, io.BytesIO(METHANE.encode()))
        assert names_of(tmp_path / "links.tar") == ["1.xyz"]
    here = folder(tmp_path / "folder", {"1.xyz": METHANE})
    (here / "link.xyz").symlink_to(secret)
    (here / "loop").symlink_to(here)
    os.mkfifo(here / "pipe.xyz")  # reading it would wait for ever
    assert names_of(here) == ["1.xyz"]
    with zipfile.ZipFile(tmp_path / "links.zip", "w") as packed:
        entry = zipfile.ZipInfo("link.xyz")
        entry.external_attr = 0o120777 << 16
        packed.writestr(entry, str(secret))
        packed.writestr("1.xyz", METHANE)
    assert names_of(tmp_path / "links.zip") == ["1.xyz"]


@pytest.mark.parametrize("layout", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_long_names_in_tar(tmp_path: Path, layout: int) -> None:
    long = "/".join(["folder" * 7] * 3) + "/dsgdb9nsd_000003_water.xyz"
    with tarfile.open(tmp_path / "long.tar", "w", format=layout) as tar:
        for name, text in ((long, WATER), ("1.xyz", METHANE)):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    names = names_of(tmp_path / "long.tar")
    assert names[1] == "1.xyz" and long.endswith(names[0]) and names[0].endswith("/dsgdb9nsd_000003_water.xyz")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    here = folder(tmp_path / "folder", {"1.xyz": METHANE, "2.xyz": WATER})
    (here / "2.xyz").chmod(0)
    with pytest.raises(MollensError, match=r"2\.xyz: cannot be read.*permission"):
        import_file(here, "two")


def test_a_file_that_vanishes_is_named(tmp_path: Path) -> None:
    here = folder(tmp_path / "folder", {"1.xyz": METHANE, "2.xyz": WATER})
    members = read_members(here, 1 << 20, lambda done, total: None)
    next(members)
    (here / "2.xyz").unlink()
    with pytest.raises(MollensError, match=r"2\.xyz: cannot be read"):
        next(members)


def test_an_encrypted_zip_is_told(tmp_path: Path) -> None:
    content = bytearray(zipped(tmp_path / "x.zip", {"1.xyz": METHANE}).read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag in the directory
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(MollensError, match=r"1\.xyz: is encrypted; unpack"):
        import_file(tmp_path / "x.zip", "x", format="qm9")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_rare_packing_is_told(tmp_path: Path, method: int) -> None:
    path = zipped(tmp_path / "x.zip", {"1.xyz": METHANE}, method)
    with pytest.raises(MollensError, match=r"1\.xyz: is packed by method 1[24]; expected deflate"):
        import_file(path, "x", format="qm9")


def field(content: bytearray, at: int, value: int) -> bytearray:
    """Write a number of four bytes into the first entry of a zip's directory."""
    start = content.index(b"PK\x01\x02") + at
    content[start : start + 4] = struct.pack("<I", value)
    return content


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(
    ("at", "value"), [(16, 1234), (20, 50), (20, 10**6), (20, 4 * 10**9), (24, 10), (24, 2000), (42, 7), (42, 10**6)],
    ids=["checksum", "packed too small", "packed too large", "packed huge", "size too small", "size too large",
         "place inside", "place outside"],
)  # fmt: skip
def test_a_zip_that_lies_is_told(tmp_path: Path, home: Path, method: int, at: int, value: int) -> None:
    content = bytearray(zipped(tmp_path / "x.zip", {"1.xyz": METHANE, "2.xyz": WATER}, method).read_bytes())
    (tmp_path / "x.zip").write_bytes(field(content, at, value))
    with pytest.raises(MollensError, match=r"x\.zip.*(cut short or damaged|expected at most)"):
        import_file(tmp_path / "x.zip", "x", format="qm9")
    assert not (home / "data" / "x").exists()


def test_a_cut_zip_is_told(tmp_path: Path) -> None:
    whole = zipped(tmp_path / "x.zip", {f"{k}.xyz": WATER for k in range(1, 50)}).read_bytes()
    for n in (10, len(whole) // 2, len(whole) - 5):
        (tmp_path / "x.zip").write_bytes(whole[:n])
        with pytest.raises(MollensError, match="cut short or damaged|not recognised"):
            import_file(tmp_path / "x.zip", "x")
        with pytest.raises(MollensError, match="cut short or damaged"):
            import_file(tmp_path / "x.zip", "x", format="qm9")


def peak_of(path: Path, message: str) -> int:
    """Bytes that Python held at most until the archive was refused."""
    tracemalloc.start()
    try:
        with pytest.raises(MollensError, match=message):
            import_file(path, "bomb", format="qm9")
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_zip_bomb_is_refused_within_bounds(tmp_path: Path) -> None:
    zeros = zipped(tmp_path / "one.zip", {"1.xyz": "0" * 100_000_000})
    assert peak_of(zeros, "expected at most 1,048,576") < 50_000_000
    lying = bytearray(zeros.read_bytes())
    (tmp_path / "lying.zip").write_bytes(field(lying, 24, 1000))
    assert peak_of(tmp_path / "lying.zip", "cut short or damaged") < 50_000_000


def test_an_archive_that_unpacks_to_far_more_than_molecules_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.data.importers.tar_stream.UNSUSPECTED", 20_000_000)
    with tarfile.open(tmp_path / "bomb.tar", "w") as tar:
        for k in range(40):
            info = tarfile.TarInfo(f"{k}.bin")
            info.size = 1_000_000
            tar.addfile(info, io.BytesIO(bytes(1_000_000)))
    packed = tmp_path / "bomb.tar.bz2"
    packed.write_bytes(bz2.compress((tmp_path / "bomb.tar").read_bytes()))
    assert peak_of(packed, r"bomb\.tar\.bz2: unpacks to more than 100 times its [\d,]+ bytes.*bomb") < 50_000_000
    padded = METHANE + "\n" * 900_000
    many = zipped(tmp_path / "many.zip", {f"{k}.xyz": padded.replace("gdb 1", f"gdb {k + 1}") for k in range(40)})
    assert peak_of(many, r"many\.zip: unpacks to more than 100 times") < 100_000_000


def test_the_ratio_of_a_real_archive_is_far_from_suspicion(tmp_path: Path) -> None:
    check_ratio(5 * 10**9, 10**9, tmp_path)
    with pytest.raises(MollensError, match="decompression bomb"):
        check_ratio(10**10, 10**7, tmp_path)


def test_zeros_without_end_are_no_archive(tmp_path: Path) -> None:
    (tmp_path / "zeros.bz2").write_bytes(bz2.compress(bytes(10_000_000)))
    assert kind_of(tmp_path / "zeros.bz2") is None
    with pytest.raises(MollensError, match="not recognised"):
        detect_format(tmp_path / "zeros.bz2")


def test_only_the_beginning_is_searched_for_a_first_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.data.importers.archives._LOOK", 1 << 20)
    path = archive(tmp_path / "late.tar", {"big.bin": "x" * 9_000_000, "1.xyz": METHANE}, "")
    assert first_member(path) is None
    assert import_file(path, "late").molecules.ids.tolist() == [1]
