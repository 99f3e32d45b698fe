"""Rules on which GPUs an engine starts at all, whatever the memory: the code in its wheels, and its kernels for a scheme.

Each engine has a table of them in its folder, with the release and the place where each was read. A rule that holds
makes the verdict ``unsupported``, with the rule as the reason.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.hardware import kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vramfit.hardware import Gpu
    from vramfit.quantization import Scheme
    from vramfit.workload.common import Workload

    Test = Callable[[Gpu], bool]
    """Function that returns True for GPUs that a rule holds for."""


class Rule(Record):
    """One reason why an engine does not start: on which GPUs, and with which schemes and cache types it holds."""

    problem: str
    """Clause on what is missing: ``its wheels have no code for GPUs below compute capability 7.5``."""
    source: str
    """Package, version and file in which it was read, or an issue."""
    holds: Test
    families: tuple[str, ...] = ()
    """Families of schemes that it holds for; empty for all."""
    schemes: tuple[str, ...] = ()
    """Ids of schemes that it holds for; empty for all of the families."""
    caches: tuple[str, ...] = ()
    """Cache types that it holds for; empty for all."""
    backends: tuple[str, ...] = ()
    """Back ends that it holds for; empty for all."""
    since: tuple[int, ...] = ()
    """First release that it holds for; empty for all."""
    until: tuple[int, ...] = ()
    """First release that it holds for no longer; empty for none."""

    def concerns(self, scheme: Scheme, work: Workload, release: tuple[int, ...] | None, backend: str | None) -> bool:
        """Return True if the rule is about the scheme, the cache, the back end and the release; None is the newest."""
        if self.families and scheme.family not in self.families:
            return False
        if self.schemes and scheme.id not in self.schemes:
            return False
        if self.caches and not {work.kv_cache_type, work.kv_cache_type_v} & set(self.caches):
            return False
        if self.backends and backend not in self.backends:
            return False
        if release is None:
            return not self.until
        return release >= self.since and not (self.until and release >= self.until)


def refusal(
    rules: Iterable[Rule],
    gpus: tuple[Gpu, ...],
    scheme: Scheme,
    work: Workload,
    release: tuple[int, ...] | None = None,
    backend: str | None = None,
) -> str | None:
    """Reason of the first rule that holds for one of the GPUs, with that GPU and the source; None if none holds."""
    for rule in rules:
        if rule.concerns(scheme, work, release, backend):
            for gpu in kinds(gpus):
                if rule.holds(gpu):
                    return f"{rule.problem}, and this is {described(gpu)} ({rule.source})"
    return None


def of_one_build(gpus: tuple[Gpu, ...]) -> str | None:
    """Reason why no build of PyTorch runs all of the GPUs, which are of several vendors; None if they are of one.

    GPUs that a user describes are taken to be of the vendor of the others.
    """
    builds: dict[tuple[str, bool], Gpu] = {}
    for gpu in gpus:
        if gpu.vendor != "custom":
            builds.setdefault((gpu.vendor, accelerators(gpu)), gpu)
    if len(builds) < 2:
        return None
    first, second, *_ = builds.values()
    return (
        "one build of PyTorch runs the GPUs of one vendor: CUDA's, ROCm's and XPU's are packages of their own, and these are"
        f" {described(first)} and {described(second)} (pytorch.org get-started/locally)"
    )


def described(gpu: Gpu) -> str:
    """Name of a GPU with its compute capability or its compute target, where either is known."""
    capability = gpu.compute_capability
    if capability is not None:
        return f"{gpu.name} with {capability[0]}.{capability[1]}"
    return gpu.name if gpu.compute_target is None else f"{gpu.name} ({gpu.compute_target})"


def anything(gpu: Gpu) -> bool:
    """Test that every GPU passes, for what an engine does not have on any."""
    return True


def below(major: int, minor: int) -> Test:
    """Test for CUDA cards below a compute capability; cards whose capability is not known pass."""

    def test(gpu: Gpu) -> bool:
        own = gpu.compute_capability
        return own is not None and own < (major, minor)

    return test


without_bfloat16 = below(8, 0)
"""Test for CUDA cards that do not compute in bfloat16."""


def since_capability(major: int, minor: int) -> Test:
    """Test for CUDA cards of a compute capability and of later ones; cards whose capability is not known do not count."""

    def test(gpu: Gpu) -> bool:
        own = gpu.compute_capability
        return own is not None and own >= (major, minor)

    return test


def of(*vendors: str) -> Test:
    """Test for GPUs of some vendors."""

    def test(gpu: Gpu) -> bool:
        return gpu.vendor in vendors

    return test


def not_of(*vendors: str) -> Test:
    """Test for GPUs of any other vendor; those that a user describes pass."""

    def test(gpu: Gpu) -> bool:
        return gpu.vendor != "custom" and gpu.vendor not in vendors

    return test


def any_of(*tests: Test) -> Test:
    """Test for GPUs that one of the tests holds for."""

    def test(gpu: Gpu) -> bool:
        return any(one(gpu) for one in tests)

    return test


def targets(*names: str) -> Test:
    """Test for GPUs whose compute target begins with one of the names."""

    def test(gpu: Gpu) -> bool:
        return (gpu.compute_target or "").startswith(names)

    return test


def amd_but(*names: str) -> Test:
    """Test for AMD GPUs whose compute target is known, and begins with none of the names."""

    def test(gpu: Gpu) -> bool:
        target = gpu.compute_target or ""
        return gpu.vendor == "amd" and bool(target) and not target.startswith(names)

    return test


def accelerators(gpu: Gpu) -> bool:
    """Test for devices that are no GPUs: Gaudi and TPUs, which need code of their own."""
    return gpu.vendor == "google" or (gpu.architecture or "").startswith("Gaudi")


def old_intel(gpu: Gpu) -> bool:
    """Test for Intel's integrated GPUs before Arc Graphics: HD, UHD, Iris Plus and Iris Xe."""
    return gpu.vendor == "intel" and gpu.architecture == OLD_INTEL


OLD_INTEL = "Xe"
"""Architecture by which the catalogue knows Intel's integrated GPUs before Arc Graphics."""
OLD_INTEL_PROBLEM = "PyTorch runs on Intel's Arc cards, on Core Ultra's Arc Graphics and on data-centre GPUs"
OLD_INTEL_SOURCE = "docs.pytorch.org 2.15 notes/get_start_xpu (Hardware Prerequisite)"

OLD_AMD = targets("gfx8", "gfx101")
"""Test for AMD's cards before Vega and of RDNA 1. Of RDNA 2 PyTorch has code for gfx1030 alone, which
``HSA_OVERRIDE_GFX_VERSION=10.3.0`` makes the others run (ollama/ollama docs/gpu.mdx at fb3076099)."""
OLD_AMD_PROBLEM = "no PyTorch wheel has code for AMD's cards before Vega, nor for RDNA 1"
OLD_AMD_SOURCE = "pytorch/pytorch .ci/docker/manywheel/build.sh PYTORCH_ROCM_ARCH at 027375bf"

INT4_PROBLEM = "PyTorch multiplies by 4-bit matrices from compute capability 8.0, and on AMD from CDNA 2 on"
INT4_SOURCE = (
    "pytorch/pytorch aten/src/ATen/native/cuda/int4mm.cu _weight_int4pack_mm_cuda, _convert_weight_to_int4pack_cuda"
)
INT4_MISSING = any_of(below(8, 0), amd_but("gfx90a", "gfx94", "gfx95"))
"""Test for GPUs on which torchao's 4-bit weights have no kernel."""
