"""Files of torch.save are read without running anything in them; what is refused is named."""

import os
import pickle
import posix
import struct
import subprocess
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import models.schnetpack_compat  # noqa: F401  (before schnetpack)

# isort: split
from models.errors import ModelError
from models.schnetpack_files import MOST_PICKLE, Record, Stored, opened
from tests.hostile_zip import with_long_list
from tests.models.foreign_models import Runs, saved, torch_file, torch_file_of


def content_of(path: Path) -> Any:
    with opened(path) as file:
        return file.content


def test_tensors_are_read_with_their_shape_and_strides(tmp_path: Path) -> None:
    whole = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    values = {"whole": whole, "part": whole[1:3, ::2], "turned": whole.T, "double": torch.tensor(1 / 3).double()}
    with opened(saved(tmp_path / "best_model", values)) as file:
        assert {"torch._utils._rebuild_tensor_v2", "torch.FloatStorage", "torch.DoubleStorage"} <= set(file.names)
        for name, value in values.items():
            found = file.array(file.content[name])
            assert found.dtype == value.numpy().dtype
            np.testing.assert_array_equal(found, value.numpy())


def test_objects_become_inert_records(tmp_path: Path) -> None:
    layer = torch.nn.Linear(3, 2)
    layer.remark = "kept"  # type: ignore[assignment]
    with opened(saved(tmp_path / "m", layer)) as file:
        record = file.content
        assert isinstance(record, Record) and record.name == "torch.nn.modules.linear.Linear"
        assert (record.get("in_features"), record.get("remark"), record.get("nothing")) == (3, "kept", None)
        np.testing.assert_array_equal(file.array(record.get("weight")), layer.weight.detach().numpy())


@pytest.mark.parametrize(
    ("hostile", "name"),
    [
        (Runs(os.system, "touch {}"), f"{os.system.__module__}.system"),
        (Runs(eval, "open('{}', 'w')"), "builtin__.eval"),
        (Runs(exec, "open('{}', 'w')"), "builtin__.exec"),
        (Runs(subprocess.getoutput, "touch {}"), "getoutput"),
        (Runs(torch.hub.load, "{}", "x"), "torch.hub.load"),
        (Runs(torch.load, "{}"), "torch.serialization.load"),
        (Runs(getattr, torch, "load"), "builtin__.getattr"),
    ],
)
def test_nothing_in_a_hostile_file_is_run_and_its_name_is_told(tmp_path: Path, hostile: Runs, name: str) -> None:
    touched = tmp_path / "touched"
    function, arguments = hostile.call
    words = [one.format(touched) if isinstance(one, str) else "x" for one in arguments]
    for place in (lambda one: one, lambda one: {"state_dict": OrderedDict(), "x": [one]}):
        path = torch_file(tmp_path / "best_model", place(Runs(function, *words)))
        with pytest.raises(ModelError, match=f"{name}.*nothing of it was run"):
            content_of(path)
        assert not touched.exists()


def test_the_same_file_runs_where_it_is_unpickled(tmp_path: Path) -> None:
    """The control: what the test before refuses is truly hostile."""
    touched = tmp_path / "touched"
    pickle.loads(pickle.dumps(Runs(os.system, f"touch {touched}"), protocol=2))
    assert touched.exists()


def test_all_refused_names_are_listed(tmp_path: Path) -> None:
    path = torch_file(tmp_path / "m", [Runs(posix.system, "a"), Runs(eval, "b")])
    with pytest.raises(ModelError, match=r"posix.system, __builtin__.eval"):
        content_of(path)


def test_a_name_from_computed_text_is_refused(tmp_path: Path) -> None:
    """Protocol 4 takes names from the stack, where no one sees them before; torch.save uses protocol 2."""
    path = torch_file(tmp_path / "m", Runs(os.system, "true"), protocol=4)
    with pytest.raises(ModelError, match="STACK_GLOBAL"):
        content_of(path)


def test_a_known_name_is_only_noted_not_called(tmp_path: Path) -> None:
    """A function of an allowed package with a side effect stays a record with its arguments."""
    path = torch_file(tmp_path / "m", Runs(torch.nn.init.constant_, "no tensor", 3.0))
    record = content_of(path)
    assert record.name == "torch.nn.init.constant_" and record.arguments == ("no tensor", 3.0)


def test_memory_is_not_reserved_on_demand(tmp_path: Path) -> None:
    place = b"\x80\x02]r" + struct.pack("<I", 4_000_000_000) + b"."  # LONG_BINPUT
    with pytest.raises(ModelError, match="reserves 4,000,000,000 places"):
        content_of(torch_file_of(tmp_path / "a", place))
    copies = b"\x80\x02]q\x00(" + b"K\x01" * 1000 + b"e0"  # a list of 1,000, then copies of it, dropped
    copies += b"c__builtin__\nlist\nq\x01h\x00\x85R0" + b"h\x01h\x00\x85R0" * 1100 + b"N."
    with pytest.raises(ModelError, match="builds more than 1,000,000 elements"):
        content_of(torch_file_of(tmp_path / "b", copies))
    with pytest.raises(ModelError, match=f"at most {MOST_PICKLE:,} are read"):
        content_of(torch_file_of(tmp_path / "c", b"\x80\x02" + b"N0" * (MOST_PICKLE // 2) + b"N."))
    with pytest.raises(ModelError, match="compressed"):
        content_of(torch_file_of(tmp_path / "d", b"\x80\x02N.", compressed=True))


@pytest.mark.parametrize("shape", [(1 << 30,), (5,), (2, 2, 2), (3, 1 << 20)])
def test_a_tensor_larger_than_its_bytes_is_refused_before_it_is_made(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with opened(torch_file_of(tmp_path / "m", b"\x80\x02N.")) as file:  # its storage 0 has 16 bytes
        for strides in ((0,) * len(shape), (1,) * len(shape)):
            with pytest.raises(ModelError, match="does not fit into its 16 bytes"):
                file.array(Stored("0", "<f4", 0, shape, strides))
        with pytest.raises(ModelError, match="does not fit"):
            file.array(Stored("0", "<f4", 3, (2,), (1,)))
        with pytest.raises(ModelError, match="missing"):
            file.array(Stored("7", "<f4", 0, (1,), (1,)))


@pytest.mark.parametrize(
    "instructions",
    [b"", b"\x80\x02", b"\x80\x02K\x01", b"\x80\x02).", b"\x80\x02h\x07.", b"\x80\x02}(.", b"\x80\x02Nb.", b"\xff"],
)
def test_damaged_instructions_are_told_as_such(tmp_path: Path, instructions: bytes) -> None:
    path = torch_file_of(tmp_path / "m", instructions)
    try:
        content_of(path)
    except ModelError as error:
        assert "m: " in str(error)
    else:
        assert instructions == b"\x80\x02)."  # an empty tuple is sound


def test_other_files_are_refused(tmp_path: Path) -> None:
    plain = tmp_path / "old"
    plain.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ModelError, match="no file that torch.save has written"):
        content_of(plain)
    with pytest.raises(ModelError, match="cannot be read"):
        content_of(tmp_path / "nothing")
    with pytest.raises(ModelError, match="cannot be read"):
        content_of(tmp_path)


def doubling(first: bytes, ends: bytes) -> bytes:
    """Instructions that make sixty tuples, each of twice the one before: 2^60 values in 400 bytes."""
    pairs = b"".join(b"h" + bytes([k]) + b"h" + bytes([k]) + b"\x86q" + bytes([k + 1]) + b"0" for k in range(60))
    return b"\x80\x02" + b")q\x000" + pairs + first + b"h" + bytes([60]) + ends


@pytest.mark.parametrize(
    ("first", "ends", "words"),
    [
        (b"}(", b"K\x01u.", "tuples as keys"),
        (b"}", b"K\x01s.", "tuples as keys"),
        (b"\x8f(", b"\x90.", "tuples as keys"),
        (b"cbuiltins\nset\n", b"\x85\x85R.", "tuples as keys"),
        (b"ctorch.nn\nX\n", b"\x85R.", "unfolds to more than"),
    ],
    ids=["items", "item", "set", "call", "in a record"],
)
def test_values_that_unfold_without_end_are_refused_in_time(
    tmp_path: Path, first: bytes, ends: bytes, words: str
) -> None:
    path = torch_file_of(tmp_path / "best_model", doubling(first, ends))
    with pytest.raises(ModelError, match=words), opened(path):
        pass


def test_a_long_list_of_entries_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = with_long_list(tmp_path / "best_model", 200_000)
    with pytest.raises(ModelError, match="list of its entries has more than"), opened(path):
        pass
