"""Known answers and contracts of tools/make_demo.py; needs tools/requirements.txt, else skipped."""

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rdkit")
pytest.importorskip("tblite")
pytest.importorskip("ase")
pytest.importorskip("tqdm")

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

import make_demo
from demo.grow import grow_graphs, size_quotas
from demo.relax import (
    Dropped,
    compute_labels,
    embed,
    free_atom_energies,
    make_record,
    relax,
    round_positions,
    same_bonds,
)
from demo.rules import FORBIDDEN_MOTIFS, broken_rule
from demo.vocabulary import SMALL_MOLECULES
from demo.work import read_chunk, read_graphs, write_chunk, write_graphs
from demo.write import check_arrays, pack_arrays, read_arrays, write_dataset
from rdkit import Chem


def canonical(smiles: str) -> str:
    return Chem.MolToSmiles(Chem.MolFromSmiles(smiles), isomericSmiles=False)


@pytest.fixture(scope="module")
def graphs() -> list[str]:
    return grow_graphs(200, seed=7)


def test_growth_is_seeded(graphs: list[str]) -> None:
    assert grow_graphs(200, seed=7) == graphs
    assert grow_graphs(200, seed=8) != graphs


def test_grown_graphs_are_unique_canonical_and_obey_the_rules(graphs: list[str]) -> None:
    listed = {canonical(smiles) for smiles in SMALL_MOLECULES}
    assert len(set(graphs)) == len(graphs) == len({canonical(smiles) for smiles in graphs})
    for smiles in set(graphs) - listed:
        assert broken_rule(Chem.MolFromSmiles(smiles)) is None, smiles


def test_listed_molecules_have_three_to_eight_atoms() -> None:
    sizes = {Chem.AddHs(Chem.MolFromSmiles(smiles)).GetNumAtoms() for smiles in SMALL_MOLECULES}
    assert sizes == {3, 4, 5, 6, 7, 8}
    assert len({canonical(smiles) for smiles in SMALL_MOLECULES}) == len(SMALL_MOLECULES)


def test_quotas_follow_qm9_and_put_fluorine_at_small_middle_and_large_sizes() -> None:
    quotas = size_quotas(13_000)
    assert abs(sum(quotas.values()) - 13_000) < 20
    assert all(quotas[size, True] > 0 for size in (10, 17, 25))
    assert quotas[19, False] > quotas[23, False] > quotas[25, False] > quotas[10, False]


def test_every_forbidden_motif_is_a_valid_pattern() -> None:
    assert all(Chem.MolFromSmarts(smarts) is not None for smarts in FORBIDDEN_MOTIFS.values())


@pytest.mark.parametrize(
    "smiles",
    ["COOC", "CC(O)O", "C=C=C=C", "C1=CC=C1", "C1CC#CC1", "C=CO", "CNF", "C12C3C1C23", "C1=C2CCC(C1)C2"],
)
def test_what_nobody_would_draw_is_rejected(smiles: str) -> None:
    assert broken_rule(Chem.MolFromSmiles(smiles)) is not None


@pytest.mark.parametrize("smiles", ["CC(=O)OC", "c1ccncc1", "C1CC2CCC1C2", "CC(F)(F)F", "C1CC1CO", "C=CC(C)=O"])
def test_ordinary_molecules_pass(smiles: str) -> None:
    assert broken_rule(Chem.MolFromSmiles(smiles)) is None


def test_stretched_methane_has_lost_a_bond() -> None:
    numbers, positions, adjacency = embed("C", seed=1)
    assert same_bonds(numbers, positions, adjacency)
    stretched = positions.copy()
    stretched[1] = positions[0] + 1.6 * (positions[1] - positions[0])
    assert not same_bonds(numbers, stretched, adjacency)


def test_embedding_repeats_and_differs_by_seed() -> None:
    first, again, other = (embed("CCCCO", seed)[1] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_unreached_minimum_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demo.relax.MAX_STEPS", 0)
    with pytest.raises(Dropped, match="relaxation not converged"):
        relax(*embed("CCO", seed=1))


def test_water_has_its_gfn2_energy_and_neutral_charges() -> None:
    record = make_record("O", seed=1)
    # The minimum of tblite's GFN2-xTB water: -5.0705443 Ha.
    assert record["energy"] == pytest.approx(-137.9766, abs=1e-3)
    assert abs(sum(record["partial_charges"])) <= 2
    assert np.abs(np.mean(record["positions"], axis=0)).max() <= 1


def test_labels_belong_to_the_rounded_coordinates() -> None:
    record = make_record("CO", seed=1)
    again = compute_labels(np.array(record["numbers"]), np.array(record["positions"]) * 1e-4)
    assert again.energy == record["energy"]
    assert again.dipole_moment == record["dipole_moment"]


def test_round_positions_centres() -> None:
    assert round_positions(np.array([[1.0, 0, 0], [2.0, 0, 0]])).tolist() == [[-5000, 0, 0], [5000, 0, 0]]


@pytest.mark.parametrize("damage", [lambda data: data[:-5], lambda data: data.replace(b"CCO", b"CCN"), lambda _: b""])
def test_resume_ignores_a_damaged_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage) -> None:
    monkeypatch.setattr(make_demo, "CHUNK_SIZE", 1)
    monkeypatch.setattr(make_demo, "make_record", lambda smiles, seed: {"smiles": smiles, "made": "anew"})
    monkeypatch.setattr(make_demo, "_run_chunks", lambda todo, workers: map(make_demo._make_chunk, todo))
    for index, smiles in enumerate(["CCO", "CO"]):
        write_chunk(tmp_path / f"chunk_{index:05d}.json", [{"smiles": smiles, "made": "before"}])
    broken = tmp_path / "chunk_00000.json"
    broken.write_bytes(damage(broken.read_bytes()))
    records = make_demo.relax_all(["CCO", "CO", "C"], tmp_path, seed=1, workers=1)
    assert {record["smiles"]: record["made"] for record in records} == {
        "CCO": "anew",
        "CO": "before",
        "C": "anew",
    }


def test_chunk_of_other_graphs_is_not_used(tmp_path: Path) -> None:
    write_chunk(tmp_path / "chunk.json", [{"smiles": "C"}])
    assert read_chunk(tmp_path / "chunk.json", ["C"]) == [{"smiles": "C"}]
    assert read_chunk(tmp_path / "chunk.json", ["CC"]) is None


def test_graphs_of_another_request_are_refused(tmp_path: Path) -> None:
    write_graphs(tmp_path / "graphs.json", {"seed": 1}, ["C"])
    assert read_graphs(tmp_path / "graphs.json", {"seed": 1}) == ["C"]
    with pytest.raises(ValueError, match="another --work folder"):
        read_graphs(tmp_path / "graphs.json", {"seed": 2})


def test_written_file_reads_back_in_a_fixed_order(tmp_path: Path) -> None:
    records = [make_record(smiles, seed=1) for smiles in ("C", "O", "N")]
    atomic_energies = free_atom_energies()
    for folder, order in ((tmp_path / "a", records), (tmp_path / "b", records[::-1])):
        write_dataset(folder, pack_arrays(order, atomic_energies), atomic_energies, source={})
    assert (tmp_path / "a/demo.npz.xz").read_bytes() == (tmp_path / "b/demo.npz.xz").read_bytes()
    arrays = read_arrays(tmp_path / "a/demo.npz.xz")
    check_arrays(arrays)
    assert arrays["smiles"].tobytes().decode() == "O\nN\nC"
    assert arrays["n_atoms"].tolist() == [3, 4, 5]
    hydrogens_and_carbon = 4 * atomic_energies["H"] + atomic_energies["C"]
    assert arrays["atomization_energy"][2] == pytest.approx(arrays["energy"][2] - hydrogens_and_carbon)


def test_check_names_atoms_that_are_too_close(tmp_path: Path) -> None:
    arrays = pack_arrays([make_record("O", seed=1)], free_atom_energies())
    arrays["positions"][1] = arrays["positions"][0] + 100
    with pytest.raises(ValueError, match="two atoms"):
        check_arrays(arrays)
