"""Compute capabilities as pairs, and the rules that are ranges of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.catalogued import catalogue, gpu_ids
from tests.deployed import workload
from tests.samples import Catalogue
from vramfit._record import replace
from vramfit.engines import engine
from vramfit.engines.cuda import at_least, context_share, cores_per_multiprocessor, workspace_bytes
from vramfit.engines.ollama.estimate import _flash_attention
from vramfit.engines.servers import ServerKeys
from vramfit.engines.vllm.activations import step_sequences
from vramfit.engines.vllm.release import release
from vramfit.engines.vllm.weights import mxfp4_kernel
from vramfit.units import GIB, MIB

if TYPE_CHECKING:
    from vramfit.hardware import Gpu


def card(target: str | None) -> Gpu:
    """An RTX 4090 but for its compute target."""
    return replace(Catalogue().gpu("rtx4090"), compute_target=target)


def share(runtime: str, gpu: str) -> int:
    """What a process of a runtime is expected to take of a GPU, in bytes."""
    (found,) = engine(runtime).view((catalogue().gpu(gpu),), workload(runtime, context=4096)).shares
    return found.expected


@pytest.mark.parametrize(
    ("target", "capability"),
    [
        ("sm_37", (3, 7)),
        ("sm_89", (8, 9)),
        ("sm_90a", (9, 0)),
        ("sm_100", (10, 0)),
        ("sm_103f", (10, 3)),
        ("sm_121", (12, 1)),
        ("sm_", None),
        ("sm_x9", None),
        ("gfx1100", None),
        ("apple9", None),
        ("tpu-v4", None),
        (None, None),
    ],
)
def test_a_capability_is_a_pair(target: str | None, capability: tuple[int, int] | None) -> None:
    """Major and minor number, whatever letter stands behind; nothing of other vendors' targets."""
    assert capability == card(target).compute_capability


GENERATIONS = [
    # target, context and workspace of PyTorch in MiB, cores of a multiprocessor, Ollama's flash attention, MXFP4 kernel
    ("sm_37", 440, 9, 128, False, "marlin"),
    ("sm_50", 440, 9, 128, False, "marlin"),
    ("sm_52", 440, 9, 128, False, "marlin"),
    ("sm_53", 440, 9, 128, False, "marlin"),
    ("sm_60", 440, 9, 64, True, "marlin"),
    ("sm_61", 440, 9, 128, True, "marlin"),
    ("sm_62", 440, 9, 128, True, "marlin"),
    ("sm_70", 440, 9, 64, True, "marlin"),
    ("sm_72", 440, 9, 64, False, "marlin"),
    ("sm_75", 440, 9, 64, True, "marlin"),
    ("sm_80", 440, 9, 64, True, "marlin"),
    ("sm_86", 440, 9, 128, True, "marlin"),
    ("sm_87", 440, 9, 128, True, "marlin"),
    ("sm_89", 440, 9, 128, True, "marlin"),
    ("sm_90", 440, 32, 128, True, "triton"),
    ("sm_90a", 440, 32, 128, True, "triton"),
    ("sm_100", 630, 32, 128, True, "marlin"),
    ("sm_103", 630, 32, 128, True, "marlin"),
    ("sm_110", 630, 32, 128, True, "marlin"),
    ("sm_120", 630, 32, 128, True, "marlin"),
    ("sm_121", 630, 32, 128, True, "marlin"),
    ("gfx1100", 440, 9, 128, True, "marlin"),
    (None, 440, 9, 128, True, "marlin"),
]


@pytest.mark.parametrize(("target", "context", "workspace", "cores", "flash", "kernel"), GENERATIONS)
def test_every_generation(
    target: str | None, context: int, workspace: int, cores: int, flash: bool, kernel: str
) -> None:
    """Each rule on both sides of each of its bounds."""
    gpu = card(target)
    told = (context_share(gpu).expected, workspace_bytes(gpu), cores_per_multiprocessor(gpu))
    assert (context * MIB, workspace * MIB, cores) == told
    assert (flash, kernel) == (_flash_attention(gpu, None), mxfp4_kernel(gpu))


@pytest.mark.parametrize(
    ("flash", "target", "vendor", "backend"),
    [
        (False, "sm_52", "nvidia", None),
        (False, "sm_52", "nvidia", "cuda"),
        (False, "sm_72", "nvidia", None),
        (True, "sm_61", "nvidia", None),
        # Other backends have it on every card.
        (True, "sm_52", "nvidia", "vulkan"),
        (True, "sm_72", "nvidia", "vulkan"),
        (True, "gfx900", "amd", None),
        (True, "gfx900", "amd", "vulkan"),
    ],
)
def test_flash_attention_in_ollama(flash: bool, target: str, vendor: str, backend: str | None) -> None:
    """CUDA cards before Pascal, and Xavier, have it off (``ml/device.go`` ``FlashAttentionSupported``)."""
    assert _flash_attention(replace(card(target), vendor=vendor), backend) is flash


def test_every_target_of_the_catalogue_is_in_the_table() -> None:
    """A new generation is a decision about each of the rules."""
    gpus = [catalogue().gpu(name) for name in gpu_ids()]
    targets = {gpu.compute_target for gpu in gpus if gpu.vendor == "nvidia"}
    assert len(targets) > 15
    assert targets <= {target for target, *_ in GENERATIONS}


def test_the_context_s_spread() -> None:
    """0.45 and 1.6 of what is expected."""
    share = context_share(card("sm_89"))
    assert (440 * MIB * 45 // 100, 440 * MIB, 440 * MIB * 16 // 10) == (share.low, share.expected, share.high)


@pytest.mark.parametrize("name", ["b200", "b300", "gb300", "jetson-t5000", "gb10", "rtx5090"])
def test_blackwell_cards_are_alike(name: str) -> None:
    """A context of 630 MiB and, in transformers, a workspace of 32 beside it: 662."""
    told = {runtime: share(runtime, name) // MIB for runtime in ("transformers", "vllm")}
    assert {"transformers": 662, "vllm": 630} == told


def test_apple_s_runtime_is_a_quarter() -> None:
    """No CUDA context there: 110 MiB, and the workspace."""
    assert 119 * MIB == share("transformers", "m4-max-128gb")


@pytest.mark.parametrize(
    ("target", "memory", "sequences"),
    [("sm_121", 128, 256), ("sm_120", 128, 1024), ("sm_90", 70, 1024), ("sm_90", 69, 256)],
)
def test_large_steps(target: str, memory: int, sequences: int) -> None:
    """From 70 GiB on, but for the GB10, which has the memory and not the speed."""
    large = replace(card(target), memory_bytes=memory * GIB)
    assert sequences == step_sequences(large, release(ServerKeys()))


def test_at_least_compares_pairs() -> None:
    """9.0 comes before 10.0; a card without a capability reaches none."""
    assert at_least(card("sm_100"), (9, 0))
    assert not at_least(card("sm_90"), (10, 0))
    assert at_least(card("sm_75"), (7, 5))
    assert not at_least(card("gfx942"), (3, 0))
