from __future__ import annotations

import json
from pathlib import Path

from tests.core.cli.conftest import Cli
from tests.core.judge.judged_runs import half_tested, noise, seeded


def test_write_report(cli: Cli, tmp_path: Path) -> None:
    dataset = half_tested("told", 900)
    seeded(dataset, noise(dataset, 1), 1, "plain")
    seeded(dataset, 0.3 * noise(dataset, 2), 2, "good")
    path = tmp_path / "report.html"
    words = ("write-report", "plain", "good", "--to", str(path), "--sections", "hashes, verdict")
    status, said, _ = cli(*words, "--json")
    told = json.loads(said)
    assert status == 0 and told["sections"] == ["verdict", "hashes"] and told["bytes"] == path.stat().st_size
    content = path.read_text()
    assert told["sentence"].split(".")[0] in content and dataset.card.sha256 in content
    assert "python -m core write-report" in content
    status, _, said = cli("write-report", "plain", "good", "--to", str(path), "--sections", "weather")
    assert status == 1 and "section 'weather' is not known" in said
    status, _, said = cli("write-report", "plain", "good", "--to", str(tmp_path))
    assert status == 1 and "name an HTML file" in said
