"""Put the browser's files into static/: 3Dmol.js of py3Dmol's version and the font Inter, both through npm.

Called by `make app`. What is already there in the right version is not fetched again. Without npm or without a network
the app still works: the browser then takes 3Dmol.js from the address that py3Dmol names, and shows another font.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

STATIC = Path(__file__).resolve().parent.parent / "static"
INTER = "5.2.8"


@dataclass(frozen=True)
class Wanted:
    """One file that the browser needs."""

    package: str
    """npm package with its version"""
    member: str
    """path of the file inside the package"""
    name: str
    """name of the file in static/"""


def wanted() -> list[Wanted]:
    """The files that belong to the installed versions."""
    return [
        Wanted(f"3dmol@{version('py3Dmol')}", "package/build/3Dmol-min.js", "3Dmol-min.js"),
        Wanted(
            f"@fontsource-variable/inter@{INTER}",
            "package/files/inter-latin-wght-normal.woff2",
            "inter.woff2",
        ),
    ]


def missing(folder: Path) -> list[Wanted]:
    """The wanted files that `folder` lacks or holds in another version."""
    marker = folder / "versions.json"
    have = json.loads(marker.read_text()) if marker.exists() else {}
    return [file for file in wanted() if have.get(file.name) != file.package or not (folder / file.name).exists()]


def fetch(file: Wanted, npm: str) -> bytes:
    """Let npm pack the package into a temporary folder and read the one file out of it.

    Raises:
        OSError: if npm fails or the package does not hold the file.
    """
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            [npm, "pack", file.package, "--pack-destination", folder, "--silent"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        archives = list(Path(folder).glob("*.tgz"))
        if packed.returncode or not archives:
            reason = packed.stderr.strip().splitlines()[-1:] or ["no archive was written"]
            raise OSError(f"npm pack {file.package}: {reason[0]}")
        with tarfile.open(archives[0]) as archive:
            try:
                content = archive.extractfile(file.member)
            except KeyError:
                content = None
            if content is None:
                raise OSError(f"{file.package} holds no {file.member}")
            return content.read()


def main(folder: Path = STATIC) -> int:
    """Fetch what is missing; always 0, because the app runs without these files too."""
    todo = missing(folder)
    if not todo:
        return 0
    npm = shutil.which("npm")
    if npm is None:
        print(
            "static/: npm was not found, so the browser loads 3Dmol.js from its public address and shows the system's "
            "font; install npm and run this again to work without internet."
        )
        return 0
    folder.mkdir(exist_ok=True)
    marker = folder / "versions.json"
    have = json.loads(marker.read_text()) if marker.exists() else {}
    for file in todo:
        try:
            (folder / file.name).write_bytes(fetch(file, npm))
        except (OSError, subprocess.TimeoutExpired, tarfile.TarError) as error:
            print(f"static/{file.name}: not fetched ({error}); the app works without it while there is internet.")
            continue
        have[file.name] = file.package
        marker.write_text(json.dumps(have, indent=1) + "\n")
        print(f"static/{file.name}: from {file.package}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
