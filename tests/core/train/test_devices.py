"""GPUs as torch numbers them, from a driver that is made up."""

from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from core.runs import devices
from core.runs.devices import list_devices, resolve_device

UUIDS = ["GPU-aaaa-1", "GPU-bbbb-2", "GPU-bbcc-3"]


class NVMLError(Exception):
    """What the driver raises."""


class Driver:
    """Three GPUs on the PCI bus; some may not answer, or not tell their memory and load."""

    NVMLError = NVMLError

    def __init__(self, dead: Sequence[int] = (), silent: Sequence[int] = ()) -> None:
        self.dead, self.silent = dead, silent

    def nvmlInit(self) -> None: ...

    def nvmlShutdown(self) -> None: ...

    def nvmlDeviceGetCount(self) -> int:
        return len(UUIDS)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        if index in self.dead:
            raise NVMLError("lost")
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> int:
        if uuid not in UUIDS:
            raise NVMLError("not found")
        return self.nvmlDeviceGetHandleByIndex(UUIDS.index(uuid))

    def nvmlDeviceGetUUID(self, handle: int) -> str:
        return UUIDS[handle]

    def nvmlDeviceGetName(self, handle: int) -> str:
        return "ABC"[handle]

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> SimpleNamespace:
        if handle in self.silent:
            raise NVMLError("not supported")
        return SimpleNamespace(total=100 + handle, free=10)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> SimpleNamespace:
        if handle in self.silent:
            raise NVMLError("not supported")
        return SimpleNamespace(gpu=50)


def gpus(monkeypatch: pytest.MonkeyPatch, driver: Driver, visible: str | None) -> list[tuple[str, str]]:
    """Key and label of what is listed beside the CPU."""
    monkeypatch.setattr(devices, "pynvml", driver)
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    cpu, *others = list_devices()
    assert cpu.key == "cpu"
    return [(device.key, device.label) for device in others]


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        (None, "ABC"),
        ("", ""),
        ("-1", ""),
        ("2,0", "CA"),
        (" 1 , 2", "BC"),
        ("0,-1,2", "A"),  # CUDA stops at the first entry that is none
        ("1,7,2", "B"),
        ("1,1", ""),
        ("GPU-bbbb-2,GPU-aaaa-1", "BA"),
        ("GPU-bbc", "C"),
        ("NoDevFiles", ""),
    ],
)
def test_the_gpus_are_those_that_cuda_shows(monkeypatch: pytest.MonkeyPatch, visible: str | None, names: str) -> None:
    expected = [(f"cuda:{k}", f"GPU {k}, {name}") for k, name in enumerate(names)]
    assert gpus(monkeypatch, Driver(), visible) == expected
    assert resolve_device("auto") == ("cuda:0" if names else "cpu")


def test_a_gpu_that_does_not_answer_leaves_the_others_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gpus(monkeypatch, Driver(dead=[1]), None) == [("cuda:0", "GPU 0, A"), ("cuda:2", "GPU 2, C")]


def test_a_gpu_that_does_not_tell_its_memory_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(gpus(monkeypatch, Driver(silent=[0]), None)) == 3
    first, second = list_devices()[1:3]
    assert (first.memory, first.free, first.load) == (None, None, None)
    assert (second.memory, second.free, second.load) == (101, 10, 0.5)
