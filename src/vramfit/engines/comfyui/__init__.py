"""Engine ComfyUI: pipelines whose components move between GPU and RAM by themselves.

By default it loads as much of the running component as leaves room for the activations, and copies the rest from RAM at every
step (Comfy-Org/ComfyUI at 02b2b388 ``comfy/model_management.py`` ``load_models_gpu``; ``MIN_WEIGHT_MEMORY_RATIO`` is 0 on NVIDIA,
and 0.4 elsewhere, which is not modelled).
"""

from __future__ import annotations

from vramfit.engines.diffusers import Diffusers
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.launch.words import Process
    from vramfit.workload.common import Workload


RESERVED_BYTES, WINDOWS_BYTES = 400 * MIB, 600 * MIB
"""Bytes that it leaves free of a GPU (``comfy/model_management.py``, ``EXTRA_RESERVED_VRAM``)."""


class ComfyUi(Diffusers):
    """ComfyUI, which moves a component to RAM when another needs its room (``comfy/model_management.py`` ``free_memory``)."""

    name = "comfyui"
    title = "ComfyUI"
    families = ("plain", "fp8", "gguf", "nvfp4", "svdquant")
    scheme_of_class = {"fp16": "bf16", "int8": "fp8", "int4": "Q4_K_M"}
    loads_in_class = {"int4": ("nvfp4",)}
    usual_offload = "partial"
    quantizes = False
    fixed = ()

    def left_free(self, work: Workload) -> int:
        """Bytes of the GPU that ComfyUI leaves to others."""
        return WINDOWS_BYTES if work.platform == "windows" else RESERVED_BYTES

    def names_known_files(self, deployment: Deployment) -> bool:
        """Return True, since the command names no files."""
        return True

    def command(self, deployment: Deployment, estimate: Estimate) -> str:
        """Write the command that starts ComfyUI, which places components by itself."""
        mode = self.own_keys(deployment.workload).component_offload
        words = {"none": " --highvram", "group": " --lowvram", "sequential": " --novram"}
        return f"python main.py{words.get(mode or '', '')}"

    def read_command(self, given: list[Process]) -> dict[str, object] | None:
        """Read the deployment keys of the flags that the server is started with; None if no process starts it."""
        from vramfit.engines.comfyui.launch import read

        return read(given)


ENGINE = ComfyUi()
