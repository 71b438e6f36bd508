from __future__ import annotations

import numpy as np
import pytest

from core.errors import MollensError
from core.runs.folder import open_run
from core.runs.predictions import predicted_datasets, predictions_folder, read_about
from core.runs.seen import Seen, read_seen, write_seen
from tests.core.judge.judged_runs import half_tested, noise, seeded


def test_what_was_seen_is_read_as_it_was_written() -> None:
    run = seeded(half_tested("own", 120), np.zeros(120))
    assert read_seen(run) is None
    seen = Seen(np.arange(21, dtype=np.uint64).reshape(3, 7), np.array([0, 1, 2], dtype=np.uint8))
    write_seen(run.path, seen)
    found = read_seen(run)
    assert found is not None
    assert np.array_equal(found.hashes, seen.hashes) and np.array_equal(found.codes, seen.codes)


def test_what_does_not_fit_together_is_refused() -> None:
    run = seeded(half_tested("own", 120), np.zeros(120))
    with pytest.raises(MollensError, match=r"hashes have the shape \(3, 7\) and codes \(2,\)"):
        write_seen(run.path, Seen(np.zeros((3, 7), dtype=np.uint64), np.zeros(2, dtype=np.uint8)))
    write_seen(run.path, Seen(np.zeros((3, 7), dtype=np.uint64), np.zeros(3, dtype=np.uint8)))
    np.save(run.path / "seen" / "codes.npy", np.zeros(4, dtype=np.uint8))
    with pytest.raises(MollensError, match="is damaged .*load the model again"):
        read_seen(run)
    (run.path / "seen" / "codes.npy").unlink()
    with pytest.raises(MollensError, match="is damaged or incomplete"):
        read_seen(run)
    np.save(run.path / "seen" / "codes.npy", np.array([{}, 1, 2], dtype=object), allow_pickle=True)
    with pytest.raises(MollensError, match="is damaged or incomplete"):
        read_seen(run)


def test_where_a_run_comes_from() -> None:
    run = seeded(half_tested("own", 120), np.zeros(120))
    assert run.origin == "mollens"
    about = run.path / "about.json"
    text = about.read_text()
    for origin, read in (("schnetpack", "schnetpack"), ("predictions", "predictions"), ("elsewhere", "mollens")):
        about.write_text(text.replace('"mollens"', f'"{origin}"'))
        assert open_run(run.id).origin == read


def test_datasets_with_predictions_are_named_and_drafts_are_not() -> None:
    dataset = half_tested("own", 120)
    run = seeded(dataset, noise(dataset, 1))
    folder = predictions_folder(run, "own")
    assert folder is not None
    for name in ("another", "own.new-3f2a", ".own.old-9c1d"):
        (folder.parent / name).mkdir()
        (folder.parent / name / "about.json").write_bytes((folder / "about.json").read_bytes())
    (folder.parent / "unfinished").mkdir()
    assert predicted_datasets(run) == ["own", "another"]
    assert read_about(run) == {
        "format": 1, "dataset": "own", "dataset_sha256": dataset.card.sha256, "codes": "split",
    }  # fmt: skip
    assert read_about(run, "third") is None
