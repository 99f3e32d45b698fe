"""Base class of servers that split every layer over their GPUs and take a share of each card: vLLM, SGLang, TensorRT-LLM."""

from __future__ import annotations

from vramfit.engines.base import Engine
from vramfit.engines.servers import ranks
from vramfit.hardware import kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeVar

    from vramfit.engines.interface import Deployment, Estimate, Setting
    from vramfit.engines.servers import ServerKeys
    from vramfit.hardware import Gpu
    from vramfit.quantization import Scheme
    from vramfit.workload.common import Workload

    V = TypeVar("V")
    K = TypeVar("K", bound=ServerKeys)


ON_WINDOWS = (
    "{} has no build for Windows: it is taken to run in WSL 2 or a container, with what Windows leaves of the card"
)


class Server(Engine["V", "K"]):
    """Server whose keys, ranks and remedies are those of all such servers."""

    spans_machines = True
    one_gpu_by_default = True
    repeats_parts = True
    splits_layers = True
    most_changes = 3
    runtime_formula = "CUDA context of a process"
    runtime_source = "out-of-memory messages in issues of pytorch/pytorch and vllm-project/vllm"

    def largest_parallel(self, work: Workload) -> int | None:
        """Number of requests that the server is told to process at once; None if it decides."""
        return self.own_keys(work).max_num_seqs

    def head_scheme(self, scheme: Scheme) -> Scheme:
        """Scheme of a prediction head: that of the model for 16-bit and FP8 checkpoints, else 16 bits."""
        from vramfit.engines.servers import head_scheme

        return head_scheme(scheme)

    def recommended_on(self, gpus: tuple[Gpu, ...], platform: str) -> bool:
        """Return True on Linux with NVIDIA cards from Turing on, where Marlin kernels run every scheme.

        On cards of other vendors it depends on scheme and version which kernels run, so the engine is not recommended.
        Source: vllm-project/vllm ``docs/features/quantization/README.md``.
        """
        from vramfit.engines.cuda import TURING, at_least

        return platform == "linux" and all(at_least(gpu, TURING) for gpu in kinds(gpus))

    def remarks(self, deployment: Deployment, estimate: Estimate) -> tuple[str, ...]:
        """Remark that a card of a Windows machine is used from Linux: none of these servers has a build for Windows."""
        found = super().remarks(deployment, estimate)
        return (*found, ON_WINDOWS.format(self.title)) if deployment.workload.platform == "windows" else found

    def chunk_tokens(self, work: Workload, estimate: Estimate) -> int | None:
        """Number of prompt tokens processed in one step."""
        tokens = estimate.settings["max_batched_tokens"]
        return tokens if isinstance(tokens, int) else None

    def ranks(self, deployment: Deployment, estimate: Estimate) -> int:
        """Number of GPUs that each layer is split over."""
        return ranks(estimate)

    def divisions(self, deployment: Deployment, estimate: Estimate, usable_bytes: tuple[int, ...]) -> Iterable[Setting]:
        """Other numbers of ranks and stages over the same GPUs."""
        from vramfit.engines.server_remedies import divisions

        return divisions(estimate)
