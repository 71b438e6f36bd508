"""Where the files of a SchNetPack run lie, and zips of run folders, hostile ones among them."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from core.errors import MollensError
from core.runs.foreign_files import find_files, is_archive, list_models, load_command, unpack
from tests.hostile_zip import with_long_list

WHOLE = ("best_model", "config.yaml", "split.npz", "checkpoints/epoch=03.ckpt", "csv/version_2/metrics.csv",
         "csv/version_10/metrics.csv", "other/notes.txt")  # fmt: skip


def make(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


def packed(path: Path, *names: str, prefix: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(prefix + name, name)
    return path


def test_a_run_folder(tmp_path: Path) -> None:
    found = find_files(make(tmp_path / "run", *WHOLE))
    assert found.model == tmp_path / "run" / "best_model"
    assert (found.config, found.split) == (tmp_path / "run" / "config.yaml", tmp_path / "run" / "split.npz")
    assert [log.parent.name for log in found.logs] == ["version_2", "version_10"]


def test_events_of_tensorboard_are_the_log_where_there_is_no_table(tmp_path: Path) -> None:
    names = [f"tensorboard/default/version_{k}/events.out.tfevents.1.host" for k in (0, 1)]
    found = find_files(make(tmp_path / "run", "best_model", *names))
    assert [log.parent.name for log in found.logs] == ["version_0", "version_1"]
    assert find_files(make(tmp_path / "run", "csv/metrics.csv")).logs == (tmp_path / "run" / "csv" / "metrics.csv",)


def test_a_single_file_finds_what_lies_beside_it(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", *WHOLE)
    for name in ("best_model", "checkpoints/epoch=03.ckpt"):
        found = find_files(folder / name)
        assert found.model == folder / name and found.config == folder / "config.yaml"


def test_without_best_model_the_best_epoch_is_taken(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", "checkpoints/last.ckpt", "checkpoints/epoch=09.ckpt", "checkpoints/epoch=11.ckpt")
    assert find_files(folder).model.name == "epoch=11.ckpt"
    assert find_files(make(tmp_path / "other", "checkpoints/last.ckpt")).model.name == "last.ckpt"


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MollensError, match=r"holds no best_model, no checkpoint .*, but config.yaml, split.npz"):
        find_files(make(tmp_path / "run", "config.yaml", "split.npz"))
    with pytest.raises(MollensError, match="not found"):
        find_files(tmp_path / "nothing")


def test_links_do_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    folder = make(tmp_path / "run", "best_model")
    for name in ("config.yaml", "split.npz"):
        (folder / name).symlink_to(tmp_path / "secret")
    found = find_files(folder)
    assert (found.config, found.split) == (None, None)
    (folder / "best_model").unlink()
    (folder / "best_model").symlink_to(tmp_path / "secret")
    with pytest.raises(MollensError, match="holds no best_model"):
        find_files(folder)


def test_a_zip_is_unpacked_without_what_is_not_needed(tmp_path: Path) -> None:
    archive = packed(tmp_path / "run.zip", *WHOLE, prefix="runs/abc/")
    folder = unpack(archive, tmp_path / "out")
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()) == sorted(WHOLE[:-1])
    assert find_files(folder).config is not None and is_archive(archive)


def test_a_model_of_torch_is_no_archive_of_a_folder(tmp_path: Path) -> None:
    assert not is_archive(packed(tmp_path / "best_model", "archive/data.pkl", "archive/data/0"))
    assert not is_archive(make(tmp_path, "x") / "x") and not is_archive(tmp_path)


@pytest.mark.parametrize(
    "name", ["/etc/config.yaml", "../config.yaml", "a/../../split.npz", "C:\\split.npz", "..\\x.db"]
)
def test_a_member_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    archive = packed(tmp_path / "run.zip", "best_model", name)
    with pytest.raises(MollensError, match="leads out of its folder; refused"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists() and not (tmp_path / "config.yaml").exists()


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    archive = packed(tmp_path / "run.zip", "best_model")
    with zipfile.ZipFile(archive, "a") as more:
        link = zipfile.ZipInfo("config.yaml")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        more.writestr(link, "/etc/passwd")
    with pytest.raises(MollensError, match="holds a link, 'config.yaml'"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "run.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("best_model", bytes(40 << 20))
    with pytest.raises(MollensError, match="bytes that unpack to 41,943,040"):
        unpack(tmp_path / "run.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_several_runs_or_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MollensError, match=r"holds 2 runs \(a, b\)"):
        unpack(packed(tmp_path / "two.zip", "a/best_model", "b/checkpoints/last.ckpt"), tmp_path / "out")
    with pytest.raises(MollensError, match="holds no best_model"):
        unpack(packed(tmp_path / "none.zip", "config.yaml"), tmp_path / "out")
    (tmp_path / "cut.zip").write_bytes(packed(tmp_path / "run.zip", *WHOLE).read_bytes()[:200])
    with pytest.raises(MollensError, match="damaged zip"):
        unpack(tmp_path / "cut.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_models_below_folders_are_listed_once_each(tmp_path: Path) -> None:
    make(tmp_path / "in" / "one", *WHOLE)
    make(tmp_path / "in" / "deep" / "two", "checkpoints/last.ckpt", "checkpoints/epoch=1.ckpt")
    (tmp_path / "in" / "three").mkdir()
    (tmp_path / "in" / "three" / "best_model").symlink_to("/etc/passwd")
    found = list_models([tmp_path / "in", tmp_path / "none"])
    assert [(each.path.name, each.model) for each in found] == [("two", "epoch=1.ckpt"), ("one", "best_model")]


def test_the_command_leaves_out_what_is_not_said() -> None:
    assert load_command("a b", "n", "d", unit=None, target="x", level_of_theory="B3LYP") == (
        "python -m core load-model 'a b' --name n --dataset d --target x --level-of-theory B3LYP"
    )


def test_a_long_list_of_entries_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with pytest.raises(MollensError, match="holds 20,001 files"):  # the same form, read and counted
        unpack(with_long_list(tmp_path / "many.zip", 20_001), tmp_path / "out")
    long = with_long_list(tmp_path / "long.zip", 200_000)
    with pytest.raises(MollensError, match="list of its entries has more than"):
        unpack(long, tmp_path / "out")
    assert not is_archive(long) and not (tmp_path / "out").exists()


def test_an_export_is_found_before_a_pickle_and_only_with_both_files(tmp_path: Path) -> None:
    folder = make(
        tmp_path / "out", "best_model", "model.safetensors", "model.json", "seen/hashes.npy", "seen/codes.npy"
    )
    found = find_files(folder)
    assert (found.model.name, found.seen) == ("model.safetensors", folder / "seen")
    assert find_files(folder / "model.json").model.name == "model.safetensors"
    assert find_files(folder / "best_model").model.name == "best_model"
    (folder / "model.json").unlink()
    assert find_files(folder).model.name == "best_model"
    with pytest.raises(MollensError, match="belong together"):
        find_files(folder / "model.safetensors")
    (folder / "seen" / "codes.npy").unlink()
    assert find_files(folder).seen is None
