"""The pickle inside a file of `torch.save`, read into inert records; nothing that it names is imported or called."""

from __future__ import annotations

import io
import pickle
import pickletools
from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from typing import Any, ClassVar

from models.errors import ModelError

_MOST_BUILT = 1_000_000  # elements that calls of list, dict and set may copy, all together

_MOST_UNFOLDED = 1_000_000  # values, counting those of a shared container wherever it is named

NAMES = {
    "collections OrderedDict", "collections defaultdict", "typing Any", "functools partial", "pathlib PosixPath",
    "pathlib Path", "torch device", "torch Size", "torch dtype", "torch float32", "torch float64", "torch int64",
    "torch.serialization _get_layout", "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_parameter",
    "numpy dtype", "numpy ndarray", "numpy.core.multiarray scalar", "numpy._core.multiarray scalar",
    "numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct", "_codecs encode",
    *(f"{room} {name}" for room in ("__builtin__", "builtins")
      for name in ("set", "frozenset", "list", "dict", "tuple", "int", "long", "float", "str", "bool", "object",
                   "complex", "slice", "bytes", "bytearray")),
}  # fmt: skip
"""Names that a file may hold, as "module name"."""
PACKAGES = ("schnetpack", "torch.nn", "torch.optim", "torchmetrics", "omegaconf", "pytorch_lightning", "lightning",
            "lightning_fabric", "lightning_utilities", "torch_ema")  # fmt: skip
"""Packages of which every name becomes a Record."""
_DTYPES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8",
           "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "<i1", "ByteStorage": "<u1",
           "BoolStorage": "|b1", "BFloat16Storage": ""}  # fmt: skip
_INSTRUCTIONS = frozenset(
    word
    for line in (
        "PROTO FRAME STOP MARK POP POP_MARK DUP NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG1 FLOAT BINFLOAT",
        "BINUNICODE SHORT_BINUNICODE BINUNICODE8 SHORT_BINBYTES BINBYTES EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3",
        "EMPTY_LIST APPEND APPENDS EMPTY_DICT SETITEM SETITEMS EMPTY_SET ADDITEMS",
        "BINGET LONG_BINGET BINPUT LONG_BINPUT MEMOIZE",
        "GLOBAL REDUCE NEWOBJ BUILD BINPERSID",
    )
    for word in line.split()
)
_PUTS = {"BINPUT", "LONG_BINPUT"}


class Record:
    """An object of a file: what class or function it names, with which arguments, and the attributes it was given."""

    name = ""
    """module and name of the class or function, such as "schnetpack.nn.base.Dense" """

    def __new__(cls, *arguments: Any, **keywords: Any) -> Record:
        made = object.__new__(cls)
        object.__setattr__(made, "arguments", arguments)
        object.__setattr__(made, "state", {})
        return made

    arguments: tuple[Any, ...]
    state: dict[str, Any]

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        """Arguments are kept by `__new__`."""

    def __setstate__(self, state: Any) -> None:
        content = state[0] if isinstance(state, tuple) and state and isinstance(state[0], dict) else state
        object.__setattr__(self, "state", content if isinstance(content, dict) else {"": content})

    def __setitem__(self, key: Any, value: Any) -> None:
        """Items of a dictionary of another kind are not needed."""

    def append(self, value: Any) -> None:
        """Items of a list of another kind are not needed."""

    def extend(self, values: Any) -> None:
        """Items of a list of another kind are not needed."""

    @property
    def last(self) -> str:
        """Its name without the module."""
        return self.name.rpartition(".")[2]

    def get(self, key: str, default: Any = None) -> Any:
        """An attribute; for a module of torch also a child, a parameter or a buffer."""
        if key in self.state:
            return self.state[key]
        for kind in ("_modules", "_parameters", "_buffers"):
            room = self.state.get(kind)
            if isinstance(room, dict) and key in room:
                return room[key]
        return default

    @property
    def children(self) -> dict[str, Any]:
        """The modules inside a module of torch, by name."""
        room = self.state.get("_modules")
        return dict(room) if isinstance(room, dict) else {}


@dataclass(frozen=True)
class Stored:
    """A tensor of a file; `SavedFile.array` reads its numbers."""

    key: str
    """name of its storage in the zip"""
    dtype: str
    """numpy's; empty for one that numpy does not have"""
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    """in elements, as `offset`"""


def listed(module: Record, name: str) -> list[Record]:
    """The modules of a ModuleList inside a module."""
    room = module.get(name)
    if room is None:
        return []
    return [each for each in room.children.values() if isinstance(each, Record)] if isinstance(room, Record) else []


def checked_names(instructions: bytes, what: str) -> list[str]:
    """Look through the instructions of a pickle without carrying one out, and list what it names.

    Raises:
        ModelError: for a name that is not allowed, all of them listed, or an instruction that `torch.save` never writes
            (among them what takes a name from computed text, and memo places far beyond the file's length, which make a
            reader reserve memory).
    """
    found: dict[str, None] = {}
    try:
        for instruction, argument, _ in pickletools.genops(instructions):
            if instruction.name not in _INSTRUCTIONS:
                raise ModelError(f"{what}: its pickle uses {instruction.name}, which torch.save does not; refused")
            if instruction.name in _PUTS and int(argument or 0) > len(instructions):
                raise ModelError(f"{what}: its pickle reserves {argument:,} places in memory; refused")
            if instruction.name == "GLOBAL":
                found[str(argument)] = None
    except (ValueError, IndexError, OverflowError, UnicodeDecodeError) as error:
        raise ModelError(f"{what}: its pickle is damaged ({error}); copy the file again") from error
    refused = [name for name in found if not _is_allowed(name)]
    if refused:
        listed = ", ".join(repr(name.replace(" ", "."))[1:-1][:100] for name in refused[:5])
        more = f" and {len(refused) - 5} more" if len(refused) > 5 else ""
        raise ModelError(
            f"{what}: names {listed}{more}, which no model of SchNetPack needs; nothing of it was run. Refused: a file "
            "with this name in it may run commands where it is opened"
        )
    return sorted(name.replace(" ", ".") for name in found)


def _is_allowed(name: str) -> bool:
    module, _, last = name.partition(" ")
    if not last.isidentifier():
        return False
    storage = module in ("torch", "torch.storage") and (last in _DTYPES or last in ("UntypedStorage", "TypedStorage"))
    return name in NAMES or storage or any(module == room or module.startswith(room + ".") for room in PACKAGES)


_InPython: Any = pickle._Unpickler
"""The unpickler in Python: in the one in C nobody can look at a key before it is hashed, which may take for ever."""


class Reader(_InPython):  # type: ignore[misc]
    """Builds records; looks no name up anywhere."""

    dispatch: ClassVar[dict[int, Any]] = dict(_InPython.dispatch)

    def __init__(self, instructions: bytes, what: str) -> None:
        super().__init__(io.BytesIO(instructions))
        self._what = what
        self._made: dict[tuple[str, str], Any] = {}
        self._built = 0

    def _add_one(self) -> None:
        self._check_keys(self.stack[-2:-1])
        _InPython.dispatch[pickle.SETITEM[0]](self)

    def _add_pairs(self) -> None:
        self._check_keys(self.stack[::2])
        _InPython.dispatch[pickle.SETITEMS[0]](self)

    def _add_members(self) -> None:
        self._check_keys(self.stack)
        _InPython.dispatch[pickle.ADDITEMS[0]](self)

    dispatch[pickle.SETITEM[0]] = _add_one
    dispatch[pickle.SETITEMS[0]] = _add_pairs
    dispatch[pickle.ADDITEMS[0]] = _add_members

    def _check_keys(self, keys: Any) -> None:
        """Refuse keys of tuples in tuples: sixty of them, each twice the one before, take 2^60 steps to hash."""
        for key in keys:
            if isinstance(key, tuple) and any(isinstance(part, tuple) for part in key):
                raise ModelError(f"{self._what}: its pickle has tuples of tuples as keys, which no model has; refused")

    def load_all(self) -> Any:
        """What was saved."""
        try:
            content = self.load()
            self._check_unfolded(content)
            return content
        except ModelError:
            raise
        except Exception as error:  # a hostile pickle can raise anything, but nothing of it is run
            words = f"{type(error).__name__}: {error}"[:200]
            raise ModelError(f"{self._what}: its pickle is damaged ({words}); copy the file again") from error

    def _check_unfolded(self, content: Any) -> None:
        """Refuse containers that name themselves again and again: comparing or writing them out would never end."""
        waiting, met, n = [content], set(), 0
        while waiting:
            value = waiting.pop()
            if isinstance(value, Record):
                if id(value) in met:
                    continue
                met.add(id(value))
                waiting += [value.state, value.arguments]
            elif isinstance(value, dict):
                waiting += value.values()
            elif isinstance(value, list | tuple):
                waiting += value
            n += 1
            if n > _MOST_UNFOLDED or len(waiting) > _MOST_UNFOLDED:
                raise ModelError(f"{self._what}: its pickle unfolds to more than {_MOST_UNFOLDED:,} values; refused")

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a name: a plain container, or a class of records of its own."""
        key = (module, name)
        if key not in self._made:
            self._made[key] = self._stand_in(module, name)
        return self._made[key]

    def _stand_in(self, module: str, name: str) -> Any:
        if not _is_allowed(f"{module} {name}"):  # looked for before already; this is the second lock
            raise ModelError(f"{self._what}: names {module}.{name}; refused")
        plain = {"OrderedDict": OrderedDict, "list": list, "dict": dict, "set": set, "frozenset": frozenset,
                 "tuple": tuple, "defaultdict": defaultdict}  # fmt: skip
        if module in ("collections", "__builtin__", "builtins") and name in plain:
            return self._container(plain[name])
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _class(module, name, self._tensor)
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _class(module, name, lambda tensor, *rest: tensor)
        return _class(module, name, None)

    def _container(self, kind: Any) -> Any:
        """A container whose copies are counted: a short pickle can ask for copies of copies."""

        def make(*arguments: Any) -> Any:
            if kind is defaultdict:
                return {}
            for argument in arguments:
                self._built += len(argument) if hasattr(argument, "__len__") else _MOST_BUILT
            if self._built > _MOST_BUILT:
                raise ModelError(f"{self._what}: its pickle builds more than {_MOST_BUILT:,} elements; refused")
            for argument in arguments:
                members = list(argument)
                self._check_keys(members)
                if kind in (dict, OrderedDict):
                    self._check_keys(pair[0] for pair in members if isinstance(pair, tuple) and pair)
            return kind(*arguments)

        return _class("builtins", kind.__name__, make)

    def _tensor(self, storage: Any, offset: int, shape: Any, strides: Any, *rest: Any) -> Stored:
        sizes = [offset, *shape, *strides]
        if not isinstance(storage, _Storage) or len(shape) != len(strides) or len(shape) > 8:
            raise ModelError(f"{self._what}: a tensor is described wrongly; the file is damaged")
        if not all(type(n) is int and 0 <= n < 1 << 40 for n in sizes):
            raise ModelError(f"{self._what}: a tensor has the shape {tuple(shape)}; the file is damaged")
        return Stored(storage.key, storage.dtype, offset, tuple(shape), tuple(strides))

    def persistent_load(self, pid: Any) -> Any:
        """The storage of tensors that ("storage", type, key, place, numbers) describes."""
        if not isinstance(pid, tuple) or len(pid) != 5 or pid[0] != "storage" or not isinstance(pid[2], str):
            raise ModelError(f"{self._what}: a storage is described wrongly; the file is damaged")
        kind = getattr(pid[1], "name", "").rpartition(".")[2]
        if kind not in _DTYPES or not pid[2].isdigit():
            raise ModelError(f"{self._what}: a storage of type {kind[:40]!r} is not read")
        return _Storage(pid[2], _DTYPES[kind])


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: str


def _class(module: str, name: str, make: Any) -> type[Record]:
    """A class of records for one name in one file, so that nothing a file does to it outlives the reading."""
    module = {"__builtin__": "builtins"}.get(module, module)
    body: dict[str, Any] = {"name": f"{module}.{name}"}
    if make is not None:
        body["__new__"] = lambda cls, *arguments: make(*arguments)
    return type("Record", (Record,), body)
