"""config.yaml of a SchNetPack run, as far as it says what a model's numbers mean; read as data, never as objects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from core.errors import MollensError

CONFIG = "config.yaml"
MOST_CONFIG = 512 << 10
"""bytes; those of SchNetPack have 3 to 10 thousand"""
_DEEPEST = 20
_REFERENCE = re.compile(r"\$\{([^${}]{1,200})\}")
_KNOWN = {"schnet": ("SchNet",), "painn": ("PaiNN",)}
_NEIGHBOURS = re.compile(r"(ASE|MatScipy|Torch|TorchMD|Skin|Cached)?NeighborList|CountNeighbors")


@dataclass(frozen=True)
class ForeignConfig:
    """What a config.yaml states; None where it does not."""

    units: dict[str, str]
    """property key -> unit that the data were converted to for the training"""
    distance_unit: str | None
    representation: str | None
    """name of the network's class"""
    neighbour_cutoff: float | None
    """radius of the neighbour list, in the distance unit"""
    database: str | None
    """path of the database, as far as it can be told"""
    split_file: str
    outputs: tuple[tuple[str, str], ...]
    """(name of the output, key of its target in the data) of each output of the task"""
    mae_names: tuple[str, ...]
    """names of the metrics that are mean absolute errors"""
    rmse_names: tuple[str, ...]
    settings: dict[str, Any]
    """fields of a recipe that it states: batch_size, learning_rate, epochs, loss, seed"""
    level_of_theory: str | None
    """of the labels; only exports of Mollens state it"""
    elements: tuple[str, ...]
    """symbols that the model has learned; only exports of Mollens state them"""


def read_config(path: Path, runtime_folder: Path | None = None) -> ForeignConfig:
    """Read a config.yaml.

    runtime_folder: where the training was started, which the file names without saying it; for its relative paths

    Raises:
        MollensError: if it cannot be read, is too large, or holds anything but plain values.
    """
    try:
        if path.stat().st_size > MOST_CONFIG:
            raise MollensError(
                f"{path.name}: has {path.stat().st_size:,} bytes; a configuration has at most {MOST_CONFIG:,}"
            )
        content = yaml.load(path.read_bytes(), _Plain)
    except OSError as error:
        raise MollensError(f"{path.name}: cannot be read ({error.strerror or error}); check its permissions") from error
    except (yaml.YAMLError, ValueError, RecursionError, UnicodeDecodeError) as error:
        words = " ".join(str(error).split())[:200]
        raise MollensError(
            f"{path.name}: is no plain YAML ({words}); expected the file that spktrain has written"
        ) from error
    if not isinstance(content, dict):
        raise MollensError(f"{path.name}: holds {type(content).__name__}; expected the settings of a training")
    return _Settings(content, str(runtime_folder) if runtime_folder else None).config()


class _Plain(yaml.SafeLoader):
    """YAML of plain values; tags that make objects raise, and no value is written more than once."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse an alias: a short file can unfold into any size by naming itself again and again."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it uses aliases, which spktrain does not write")
        return super().compose_node(parent, index)


class _Settings:
    """Settings by dotted path, with what refers to other settings put in."""

    def __init__(self, content: dict[str, Any], runtime_folder: str | None) -> None:
        self._content = content
        self._runtime_folder = runtime_folder

    def at(self, path: str, depth: int = 0) -> Any:
        """The value at "a.b.c"; None where there is none, or it cannot be told from this file."""
        value: Any = self._content
        for key in path.split("."):
            if isinstance(value, list) and key.isdecimal() and len(key) < 6:
                value = value[int(key)] if int(key) < len(value) else None
            else:
                value = value.get(key) if isinstance(value, dict) else None
        return self.resolved(value, depth)

    def resolved(self, value: Any, depth: int = 0) -> Any:
        """A value with its references put in; None for one that cannot be told."""
        if not isinstance(value, str) or "${" not in value:
            return value
        if depth > _DEEPEST or len(value) > 2000:
            return None
        whole = _REFERENCE.fullmatch(value)
        if whole is not None:
            return self._referred(whole[1], depth)
        parts, end = [], 0
        for match in _REFERENCE.finditer(value):
            found = self._referred(match[1], depth)
            if found is None or isinstance(found, dict | list):
                return None
            parts += [value[end : match.start()], str(found)]
            end = match.end()
        text = "".join(parts) + value[end:]
        return None if "${" in text or len(text) > 2000 else text

    def _referred(self, name: str, depth: int) -> Any:
        if name == "hydra:runtime.cwd":
            return self._runtime_folder
        return None if ":" in name else self.at(name, depth + 1)

    def text(self, path: str) -> str | None:
        value = self.at(path)
        return value[:400] if isinstance(value, str) and value.isprintable() else None

    def number(self, path: str) -> float | None:
        value = self.at(path)
        if isinstance(value, str):  # YAML takes 5e-4 for a text
            try:
                value = float(value)
            except ValueError:
                return None
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def each(self, path: str) -> Iterator[str]:
        """Paths of the items of a list or of a dictionary."""
        value = self.at(path)
        keys = range(len(value)) if isinstance(value, list) else value if isinstance(value, dict) else ()
        yield from (f"{path}.{key}" for key in list(keys)[:200])

    def config(self) -> ForeignConfig:
        units = self.at("data.property_units")
        known = {str(key): str(self.resolved(unit)) for key, unit in units.items()} if isinstance(units, dict) else {}
        metrics = {
            path.rpartition(".")[2]: (self.text(f"{path}._target_") or "", self.at(f"{path}.squared"))
            for output in self.each("task.outputs")
            for path in self.each(f"{output}.metrics")
        }
        return ForeignConfig(
            units=known,
            distance_unit=self.text("data.distance_unit"),
            representation=self.text("model.representation._target_"),
            neighbour_cutoff=self._neighbour_cutoff(),
            database=self.text("data.datapath"),
            split_file=self.text("data.split_file") or "split.npz",
            outputs=tuple(
                (name, self.text(f"{output}.target_property") or name)
                for output in self.each("task.outputs")
                if (name := self.text(f"{output}.name"))
            ),
            mae_names=tuple(name for name, (kind, _) in metrics.items() if kind.endswith("MeanAbsoluteError")),
            rmse_names=tuple(
                name
                for name, (kind, squared) in metrics.items()
                if kind.endswith("MeanSquaredError") and squared is False
            ),
            settings=self._recipe_fields(),
            level_of_theory=self.text("mollens.level_of_theory"),
            elements=tuple(symbol for path in self.each("mollens.elements") if (symbol := self.text(path))),
        )

    def _neighbour_cutoff(self) -> float | None:
        for transform in self.each("data.transforms"):
            for path in (transform, f"{transform}.neighbor_list"):
                name = (self.text(f"{path}._target_") or "").rpartition(".")[2]
                if _NEIGHBOURS.fullmatch(name):
                    cutoff = self.number(f"{path}.cutoff")
                    if cutoff is not None and 0 < cutoff <= 100:
                        return cutoff
        return None

    def _recipe_fields(self) -> dict[str, Any]:
        """What it states of a recipe, in the names of ours and within limits that a page can show."""
        fields: dict[str, Any] = {}
        for key, path in (("batch_size", "data.batch_size"), ("epochs", "trainer.max_epochs"), ("seed", "seed")):
            value = self.number(path)
            if value is not None and 0 <= value < 2**31 and value == int(value):
                fields[key] = int(value)
        rate = self.number("task.optimizer_args.lr")
        if rate is not None and 0 < rate < 1000:
            fields["learning_rate"] = rate
        losses = [self.text(f"{output}.loss_fn._target_") or "" for output in self.each("task.outputs")]
        named = {"MSELoss": "mse", "L1Loss": "mae", "HuberLoss": "huber", "SmoothL1Loss": "huber"}
        if losses and losses[0].rpartition(".")[2] in named:
            fields["loss"] = named[losses[0].rpartition(".")[2]]
        return fields


def check_representation(config: ForeignConfig, kind: str, what: str) -> None:
    """Refuse a configuration that asks for another network than the file of weights holds.

    Raises:
        MollensError: naming the class that it asks for.
    """
    named = config.representation
    if named is not None and named.rpartition(".")[2] not in _KNOWN[kind]:
        raise MollensError(
            f"{what}: asks for {named[:100]}, but the weights are of {_KNOWN[kind][0]}; only SchNet and PaiNN can be "
            "loaded, with the configuration that they were trained with"
        )
