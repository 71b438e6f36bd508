"""config.yaml, split.npz and metrics.csv of SchNetPack, well-formed and hostile."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import MollensError
from core.runs.event_file import first_record, scalars_record
from core.train.foreign_config import MOST_CONFIG, read_config
from core.train.foreign_logs import read_logs
from core.train.foreign_split import read_split

CONFIG = """
run:
  work_dir: ${hydra:runtime.cwd}
  data_dir: ${run.work_dir}/data
globals: {cutoff: 5.0, property: energy_U0, lr: 5e-4}
trainer: {max_epochs: 100000}
model:
  representation: {_target_: schnetpack.representation.PaiNN}
data:
  datapath: ${run.data_dir}/qm9.db
  batch_size: 100
  distance_unit: Ang
  property_units: {energy_U0: eV, gap: "${globals.unknown}"}
  transforms:
  - {_target_: schnetpack.transform.SubtractCenterOfMass}
  - _target_: schnetpack.transform.CachedNeighborList
    cache_path: x
    neighbor_list: {_target_: schnetpack.transform.MatScipyNeighborList, cutoff: "${globals.cutoff}"}
task:
  optimizer_args: {lr: "${globals.lr}"}
  outputs:
  - name: U0
    target_property: ${globals.property}
    loss_fn: {_target_: torch.nn.MSELoss}
    metrics:
      mae: {_target_: torchmetrics.regression.MeanAbsoluteError}
      rmse: {_target_: torchmetrics.regression.MeanSquaredError, squared: false}
      mse: {_target_: torchmetrics.regression.MeanSquaredError}
"""


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_what_a_configuration_says(tmp_path: Path) -> None:
    found = read_config(written(tmp_path / "config.yaml", CONFIG), Path("/mine"))
    assert found.units["energy_U0"] == "eV" and found.distance_unit == "Ang"
    assert found.representation == "schnetpack.representation.PaiNN"
    assert (found.neighbour_cutoff, found.database) == (5.0, "/mine/data/qm9.db")
    assert found.outputs == (("U0", "energy_U0"),)
    assert (found.mae_names, found.rmse_names) == (("mae",), ("rmse",))
    assert found.settings == {"batch_size": 100, "epochs": 100000, "learning_rate": 5e-4, "loss": "mse"}
    assert read_config(written(tmp_path / "config.yaml", CONFIG)).database is None  # nobody says where it was started


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a: !!python/object/apply:os.system ['touch {}']", "no plain YAML.*python/object/apply:os.system"),
        ("a: !!python/name:os.system", "no plain YAML"),
        ("a: &x [1]\nb: [*x, *x]", "uses aliases"),
        ("a: [", "no plain YAML"),
        ("- a", "holds list"),
        ("just words", "holds str"),
        ("a: " + "[" * 5000, "no plain YAML"),
        (b"\xff\x00\x00a", "no plain YAML"),
        ("a: " + "b" * MOST_CONFIG, "has 524,291 bytes"),
    ],
    ids=["object", "name", "alias", "cut", "list", "text", "deep", "bytes", "large"],
)  # fmt: skip
def test_a_hostile_configuration_is_refused(tmp_path: Path, content: str | bytes, words: str) -> None:
    touched = tmp_path / "touched"
    content = content.replace("{}", str(touched)) if isinstance(content, str) else content
    with pytest.raises(MollensError, match=words):
        read_config(written(tmp_path / "config.yaml", content))
    assert not touched.exists()


def test_references_that_lead_nowhere_or_in_circles_are_left_out(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("SECRET", "secret")
    text = "data: {datapath: '${oc.env:SECRET}', distance_unit: '${data.distance_unit}', batch_size: '${data}'}\n"
    found = read_config(written(tmp_path / "config.yaml", text))
    assert (found.database, found.distance_unit, found.settings) == (None, None, {})


def a_split(path: Path, **parts: Any) -> Path:
    np.savez(path, **({"train_idx": [0, 2, 4], "val_idx": [1], "test_idx": []} | parts))
    return path


def test_a_split(tmp_path: Path) -> None:
    found = read_split(a_split(tmp_path / "split.npz"))
    assert (found.rows.tolist(), found.codes.tolist(), found.test.dtype) == ([0, 2, 4, 1], [0, 0, 0, 1], np.int64)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"val_idx": [2]}, "in two parts"),
        ({"train_idx": [1, 1]}, "in two parts"),
        ({"train_idx": []}, "no training molecule"),
        ({"train_idx": [-1]}, "row -1"),
        ({"train_idx": [10**9]}, "row 1000000000"),
        ({"train_idx": [[1, 2]]}, "has the shape"),
        ({"train_idx": [0.5]}, "of type float64"),
        ({"train_idx": np.array([{}], dtype=object)}, "of type object"),
    ],
)
def test_a_damaged_split_is_refused(tmp_path: Path, parts: dict[str, Any], words: str) -> None:
    with pytest.raises(MollensError, match=words):
        read_split(a_split(tmp_path / "split.npz", **parts))


def test_a_split_that_says_it_is_huge_is_refused_before_it_is_read(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<i8", "fortran_order": False, "shape": (10**12,)})
    with zipfile.ZipFile(tmp_path / "split.npz", "w") as packed:
        packed.writestr("train_idx.npy", header.getvalue())
    with pytest.raises(MollensError, match=r"has the shape \(1000000000000,\)"):
        read_split(tmp_path / "split.npz")
    with pytest.raises(MollensError, match="no split of SchNetPack"):
        read_split(written(tmp_path / "other.npz", b"nothing"))


LOG = """epoch,lr-AdamW,step,train_loss,val_loss,val_U0_mae,val_U0_rmse
,0.001,0,,,,
0,,49,4.0,,,
0,,99,,1.0,0.8,1.0
,0.0005,100,,,,
1,,149,2.0,,,
1,,199,,0.25,0.4,0.5
2,,299,,0.5,0.6,0.7
3,,399,,nan,nan,inf
"""


def test_a_log_in_another_unit(tmp_path: Path) -> None:
    lines = read_logs([written(tmp_path / "metrics.csv", LOG)], "U0", 2.0, ("mae",), ("rmse",))
    epochs = [line for line in lines if line["kind"] == "epoch"]
    assert [line["epoch"] for line in epochs] == [1, 2, 3] and [line["step"] for line in epochs] == [100, 200, 300]
    assert [line["validation_mae"] for line in epochs] == [1.6, 0.8, 1.2]  # in the target's unit
    assert [line["validation_loss"] for line in epochs] == [4.0, 1.0, 2.0]  # of squares
    assert [line["best"] for line in epochs] == [True, True, False]
    assert [(line["step"], line["loss_mean"], line["learning_rate"]) for line in lines if line["kind"] == "step"] == [
        (50, 16.0, 0.001), (150, 8.0, 0.0005)
    ]  # fmt: skip


def test_logs_of_a_training_that_was_continued_are_one(tmp_path: Path) -> None:
    head, *rows = LOG.splitlines()
    paths = [
        written(tmp_path / "a.csv", "\n".join([head, *rows[:6]])),
        written(tmp_path / "b.csv", "\n".join([head, *rows[5:]])),
    ]
    assert len([line for line in read_logs(paths, "U0", 1.0, (), ()) if line["kind"] == "epoch"]) == 3


def test_a_table_of_something_else_gives_no_lines(tmp_path: Path) -> None:
    for content in (b"", b"a,b\n1,2\n", b"\x00\xff\n\x00", b"step,epoch\nx,y\n"):
        assert read_logs([written(tmp_path / "metrics.csv", content)], "U0", 1.0, (), ()) == []


def test_the_same_numbers_from_tensorboard(tmp_path: Path) -> None:
    """Event files as our own writer makes them, whose form TensorBoard reads."""
    rows = [
        (49, {"train_loss": 4.0, "epoch": 0.0}),
        (99, {"val_loss": 1.0, "val_U0_mae": 0.75, "val_U0_rmse": 1.0, "epoch": 0.0}),
        (100, {"lr-AdamW": 0.5}),
        (199, {"val_loss": 0.25, "val_U0_mae": 0.5, "val_U0_rmse": 0.5, "epoch": 1.0}),
    ]
    path = tmp_path / "events.out.tfevents.1.host"
    path.write_bytes(first_record(1.0) + b"".join(scalars_record(1.0 + step, step, values) for step, values in rows))
    lines = read_logs([path], "U0", 1.0, ("mae",), ("rmse",))
    assert [(line["kind"], line["step"]) for line in lines] == [("step", 50), ("epoch", 100), ("epoch", 200)]
    assert [line.get("validation_mae") for line in lines] == [None, 0.75, 0.5]
    assert [line.get("learning_rate") for line in lines] == [None, None, 0.5]
    whole = path.read_bytes()
    for cut in range(0, len(whole), 7):  # a training that is still at work, or a hostile file: never an error
        path.write_bytes(whole[:cut])
        read_logs([path], "U0", 1.0, ("mae",), ())
        path.write_bytes(whole[cut:] + b"\xff" * 40)
        read_logs([path], "U0", 1.0, ("mae",), ())
