"""Engine ComfyUI: pipelines whose components move between GPU and RAM by themselves."""

from __future__ import annotations

from vramfit.engines.diffusers import Diffusers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment, Estimate


class ComfyUi(Diffusers):
    """ComfyUI, which moves a component to RAM when another needs its room (``comfy/model_management.py`` ``free_memory``)."""

    name = "comfyui"
    title = "ComfyUI"
    families = ("plain", "fp8", "gguf", "nvfp4")
    scheme_of_class = {"fp16": "bf16", "int8": "fp8", "int4": "Q4_K_M"}
    loads_in_class = {"int4": ("nvfp4",)}
    usual_offload = "model"
    fixed = ()

    def names_known_files(self, deployment: Deployment) -> bool:
        """Return True, since the command names no files."""
        return True

    def command(self, deployment: Deployment, estimate: Estimate) -> str:
        """Write the command that starts ComfyUI, which places components by itself."""
        mode = self.own_keys(deployment.workload).component_offload
        words = {"none": " --highvram", "group": " --lowvram", "sequential": " --novram"}
        return f"python main.py{words.get(mode or '', '')}"


ENGINE = ComfyUi()
