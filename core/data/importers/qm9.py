"""The official QM9 layout: one xyz file per molecule, in an archive or a folder.

Layout of a member (R. Ramakrishnan et al., Sci. Data 1, 140022 (2014)): the number of atoms; "gdb", the id and 15
properties; a line per atom with element, x, y, z and Mulliken charge; frequencies; two SMILES; two InChI. Exponents may
be written 1.2*^-6.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl
from ase.units import Hartree
from numpy.typing import NDArray

from core.data.card import Card, CardProperty
from core.data.importers.archives import count_members, first_member, kind_of, read_members
from core.data.importers.columns import ColumnMap, Inspection, Mapped, SourceColumn
from core.data.molecules import NUMBERS, Molecules, check_molecules
from core.data.properties import PROPERTIES
from core.errors import MollensError

# key, factor to Mollens's unit; in the order of the file
COLUMNS: tuple[tuple[str, float], ...] = (
    ("rotational_constant_A", 1.0), ("rotational_constant_B", 1.0), ("rotational_constant_C", 1.0),
    ("dipole_moment", 1.0), ("isotropic_polarizability", 1.0), ("homo", Hartree), ("lumo", Hartree), ("gap", Hartree),
    ("electronic_spatial_extent", 1.0), ("zpve", Hartree), ("energy_U0", Hartree), ("energy_U", Hartree),
    ("enthalpy_H", Hartree), ("free_energy", Hartree), ("heat_capacity", 1.0),
)  # fmt: skip

# free atoms at the level of QM9, Hartree (atomref.txt, figshare file 3195395)
_ATOMS = {
    "energy_U0": {"H": -0.500273, "C": -37.846772, "N": -54.583861, "O": -75.064579, "F": -99.718730},
    "energy_U": {"H": -0.498857, "C": -37.845355, "N": -54.582445, "O": -75.063163, "F": -99.717314},
    "enthalpy_H": {"H": -0.497912, "C": -37.844411, "N": -54.581501, "O": -75.062219, "F": -99.716370},
    "free_energy": {"H": -0.510927, "C": -37.861317, "N": -54.598897, "O": -75.079532, "F": -99.733544},
}

N_OFFICIAL = 133_885
LARGEST_ID = 2**53  # above, a float64 does not hold it
LARGEST_MEMBER = 1 << 20  # bytes; those of QM9 have about 2,000
_BATCH = 4096
_DIGITS = bytes.maketrans(b"HCNOF", b"16789")  # the elements of QM9 as digits, so that numpy reads whole tables
_IS_ELEMENT = np.isin(np.arange(256), list(b"HCNOF"))
_IS_BLANK = np.isin(np.arange(256), list(b" \t"))
_NUMERIC = b"0123456789+-.eEnaN\t\n"
_OTHERS = bytes(set(range(256)) - set(b"HCNOF"))


# keys of energies are in Hartree in the files, all others in the unit of Mollens
_STATED = {key: "Ha" if factor != 1.0 else PROPERTIES[key].unit for key, factor in COLUMNS}


def accepts(path: Path) -> bool:
    """Whether it is an archive or folder whose first xyz file has the layout of QM9.

    A tar archive or folder without xyz files is taken too, so that reading it tells so.
    """
    kind = kind_of(path)
    if kind is None:
        return False
    try:
        found = first_member(path)
    except MollensError:
        return True  # reading will tell what is wrong with it
    return is_qm9(found[1]) if found is not None else kind != "zip archive"


def is_qm9(text: bytes) -> bool:
    """Whether an xyz file has the layout of QM9, told by the word that begins its second line."""
    return text.split(b"\n", 2)[1:2] != [] and text.split(b"\n", 2)[1].split(None, 1)[:1] == [b"gdb"]


def inspect(path: Path) -> Inspection:
    """Which container it is, and the columns, whose meaning the layout fixes, with the values of the first molecule.

    Raises:
        MollensError: if it holds no xyz file, or the first one is not in the layout.
    """
    found = first_member(path)
    if found is None:
        raise _nothing(path)
    _, head, _, smiles = _parse_member(found[1], f"{path}: {found[0]}")
    columns = tuple(
        SourceColumn(
            name=key,
            example=f"{value:.10g}",
            stated_unit=_STATED[key],
            guess=Mapped(source=key, key=key, unit=_STATED[key]),
            reason="fixed by the layout of QM9",
        )
        for (key, _), value in zip(COLUMNS, head[1:], strict=True)
    )
    return Inspection(
        format="qm9",
        title=f"official QM9 layout in a {kind_of(path)}",
        n_molecules=count_members(path),
        columns=columns,
        notes=(f"the first molecule has id {head[0]:.0f} and SMILES {smiles.decode() or 'none'}",),
    )


def read(path: Path, columns: ColumnMap | None, progress: Callable[[int, int], None]) -> tuple[Molecules, Card]:
    """All molecules of the archive or folder, ids as in the files, energies in eV.

    Args:
        columns: leaves out properties that it does not name; their keys and units are fixed by the layout.

    Raises:
        MollensError: naming archive, member and line, for an archive that is cut short, empty or foreign, a member
            with too few lines, an unknown element, a coordinate or property that is no number, or a duplicate id.
    """
    kept = {key for key, _ in COLUMNS} if columns is None else {column.key for column in columns.columns}
    members = read_members(path, LARGEST_MEMBER, progress)
    parts = [_parse_batch(batch, path) for batch in _batches(members)]
    if not parts:
        raise _nothing(path)
    sizes, properties, atoms, smiles = (np.concatenate(column) for column in zip(*parts, strict=True))
    charges = np.ascontiguousarray(atoms[:, 4])
    molecules = Molecules(
        numbers=atoms[:, 0].astype(np.uint8),
        positions=np.ascontiguousarray(atoms[:, 1:4]),
        first_atom=np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]),
        ids=properties[:, 0].astype(np.int64),
        columns={key: properties[:, k] * factor for k, (key, factor) in enumerate(COLUMNS, start=1) if key in kept},
        atom_columns={"partial_charges": charges} if np.isfinite(charges).any() else {},
        smiles=smiles,
    )
    check_molecules(molecules, str(path))
    return molecules, _card(molecules, path)


def _nothing(path: Path) -> MollensError:
    return MollensError(
        f"{path}: holds no .xyz members; expected QM9's dsgdb9nsd_*.xyz inside; links and hidden files are passed over"
    )


def _batches(members: Iterator[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    while batch := list(islice(members, _BATCH)):
        yield batch


Parsed = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.bytes_]]


def _parse_batch(batch: list[tuple[str, bytes]], archive: Path) -> Parsed:
    """Sizes (n,), id and properties (n, 16), atoms (n_atoms, 5) and SMILES (n,) of some members.

    All tables of the batch are read by one call each; only where that does not come out are members read one by one, to
    name the line at fault.
    """
    sizes, heads, tables, smiles = [], [], [], []
    try:
        for _, text in batch:
            count, rest = text.split(b"\n", 1)
            n = int(count)
            lines = rest.split(b"\n", n + 3)
            if n < 1 or len(lines) < n + 3 or not lines[0].startswith(b"gdb"):
                raise ValueError
            sizes.append(n)
            heads.append(lines[0][3:].strip())
            tables += lines[1 : n + 1]
            smiles.append(_smiles(lines[n + 2]))
        head = _numbers(b"\n".join(heads), len(sizes), 1 + len(COLUMNS))
        atoms = _numbers(_elements_as_digits(tables), len(tables), 5)
        sound_ids = (head[:, 0] >= 1) & (head[:, 0] <= LARGEST_ID) & (head[:, 0] % 1 == 0)
        if not np.isfinite(atoms[:, :4]).all() or not sound_ids.all():
            raise ValueError
    except (ValueError, IndexError):
        return _parse_one_by_one(batch, archive)
    return np.array(sizes), head, atoms, np.array(smiles)


def _elements_as_digits(lines: list[bytes]) -> bytes:
    """The atom lines of a batch with their element, one letter of H, C, N, O, F, as the digit of its atomic number.

    Raises:
        ValueError, IndexError: if a line begins otherwise, or such a letter stands anywhere else.
    """
    text = b"\n".join(lines)
    letters = np.frombuffer(text, dtype=np.uint8)
    first = np.concatenate([[0], np.flatnonzero(letters[:-1] == ord("\n")) + 1])
    if len(first) != len(lines) or not _IS_ELEMENT[letters[first]].all() or not _IS_BLANK[letters[first + 1]].all():
        raise ValueError
    if len(text.translate(None, _OTHERS)) != len(lines):
        raise ValueError
    return text.translate(_DIGITS)


def _numbers(text: bytes, n_rows: int, n_columns: int) -> NDArray[np.float64]:
    """(n_rows, n_columns) numbers separated by white space, correctly rounded.

    Text as the official files have it, with a tab between any two numbers, is read by polars, seven times as fast as by
    numpy; any other by numpy.

    Raises:
        ValueError: if there are more, fewer, or anything that is no number.
    """
    text = text.replace(b"*^", b"e").replace(b"\t ", b"\t")
    if text.count(b"\t") == n_rows * (n_columns - 1) and not text.translate(None, _NUMERIC):
        names = [str(k) for k in range(n_columns)]
        with suppress(pl.exceptions.PolarsError):
            table = pl.read_csv(
                text, separator="\t", has_header=False, quote_char=None, schema=dict.fromkeys(names, pl.Float64)
            )
            if table.shape == (n_rows, n_columns) and not any(table.null_count().row(0)):
                return np.ascontiguousarray(table.to_numpy())
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # how numpy reports text that is no number
        try:
            values = np.fromstring(text, sep=" ")
        except DeprecationWarning as error:
            raise ValueError(str(error)) from error
    return values.reshape(n_rows, n_columns)


def _smiles(line: bytes) -> bytes:
    """The SMILES of the relaxed geometry, the second of two; the only one where there is one; empty where none.

    Raises:
        ValueError: for a character that no SMILES has.
    """
    words = line.split()
    if not line.isascii():
        raise ValueError(f"SMILES {line!r}")
    return words[min(1, len(words) - 1)] if words else b""


def _parse_one_by_one(batch: list[tuple[str, bytes]], archive: Path) -> Parsed:
    sizes, heads, tables, smiles = [], [], [], []
    for name, text in batch:
        n, head, table, words = _parse_member(text, f"{archive}: {name}")
        sizes.append(n)
        heads.append(head)
        tables += table
        smiles.append(words)
    return np.array(sizes), np.array(heads), np.array(tables), np.array(smiles)


def _parse_member(text: bytes, what: str) -> tuple[int, list[float], list[list[float]], bytes]:
    lines = text.replace(b"*^", b"e").decode("ascii", errors="replace").split("\n")
    try:
        n = int(lines[0])
    except ValueError:
        n = 0
    if n < 1:
        raise MollensError(f"{what}, line 1: found {lines[0][:40]!r}; expected the number of atoms")
    words = lines[1].split() if len(lines) > 1 else []
    if len(words) != 2 + len(COLUMNS) or words[0] != "gdb":
        raise MollensError(
            f"{what}, line 2: found {len(words)} words; expected 'gdb', the id and {len(COLUMNS)} properties"
        )
    if not words[1].isascii() or not words[1].isdigit() or not 1 <= int(words[1][:20]) <= LARGEST_ID:
        raise MollensError(f"{what}, line 2: id is {words[1]!r}; expected a whole number from 1")
    head = [_number(word, f"{what}, line 2") for word in words[1:]]
    table = []
    for k in range(2, n + 2):
        words = lines[k].split() if k < len(lines) else []
        where = f"{what}, line {k + 1}"
        if len(words) != 5:
            raise MollensError(
                f"{where}: found {len(words)} words; expected {n} atom lines of element, x, y, z, charge"
            )
        if words[0] not in NUMBERS:
            raise MollensError(f"{where}: element {words[0]!r} is not known; expected a symbol such as C or H")
        values = [_number(word, where) for word in words[1:]]
        if not np.isfinite(values[:3]).all():
            raise MollensError(
                f"{where}: a coordinate is not a finite number ({' '.join(words[1:4])}); repair or remove it"
            )
        table.append([float(NUMBERS[words[0]]), *values])
    if len(lines) < n + 4:
        raise MollensError(
            f"{what}: ends after line {len(lines)}; expected frequencies and SMILES after {n} atom lines"
        )
    try:
        return n, head, table, _smiles(lines[n + 3].encode())
    except ValueError as error:
        raise MollensError(
            f"{what}, line {n + 4}: found {lines[n + 3][:40]!r}; expected SMILES in plain ASCII"
        ) from error


def _number(word: str, where: str) -> float:
    try:
        if "_" in word:
            raise ValueError  # a liberty of Python's
        return float(word)
    except ValueError as error:
        raise MollensError(f"{where}: found {word!r}; expected a number") from error


def _card(molecules: Molecules, path: Path) -> Card:
    n = molecules.n_molecules
    share = "" if n == N_OFFICIAL else f" This file holds {n:,} of the {N_OFFICIAL:,} molecules."
    keys = [*molecules.columns, *molecules.atom_columns]
    return Card(
        name="qm9",
        title="QM9",
        description="Small organic molecules of H, C, N, O and F with up to nine heavy atoms, at minima." + share,
        citation=(
            "R. Ramakrishnan, P. O. Dral, M. Rupp, O. A. von Lilienfeld, Sci. Data 1, 140022 (2014), "
            "doi:10.1038/sdata.2014.22; chemical space: L. Ruddigkeit et al., J. Chem. Inf. Model. 52, 2864 (2012)"
        ),
        license="CC0-1.0",
        level_of_theory="B3LYP/6-31G(2df,p)",
        properties=tuple(CardProperty(key=k, label=PROPERTIES[k].label, unit=PROPERTIES[k].unit) for k in keys),
        default_target="energy_U0" if "energy_U0" in keys else None,
        atomic_energies={key: {s: e * Hartree for s, e in atoms.items()} for key, atoms in _ATOMS.items()},
        known_defects={
            "uncharacterized": "3,054 of the 133,885 failed a consistency check; leave them out by --exclude"
        },
        source={"file": path.name, "format": "qm9"},
        n_molecules=n,
        n_atoms=molecules.n_atoms,
    )
