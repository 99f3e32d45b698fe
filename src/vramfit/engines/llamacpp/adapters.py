"""LoRA adapters that are loaded beside the model (``--lora``): each tensor is where the tensor is that it changes.

ggml-org/llama.cpp v0.5.0 ``src/llama-adapter.cpp`` ``llama_adapter_lora_init_impl``: a buffer for each type of buffer that the
model's tensors are in, and tensors in the types of the file. What adapters change is taken to be spread evenly over the
layers, as training them on all layers makes it.
"""

from __future__ import annotations

from vramfit.engines.llamacpp.placement import Resident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vramfit.engines.llamacpp.placement import Placement


def bytes_on(placement: Placement, device: int, adapter_bytes: int) -> int:
    """Bytes of the adapters on a device: those of its layers; the last layer's device has what division leaves."""
    layers = placement.layer_device
    each = adapter_bytes // len(layers)
    rest = adapter_bytes - each * len(layers) if layers[-1] == device else 0
    return each * layers.count(device) + rest


def with_adapters(contents: Mapping[int, Resident], placement: Placement, adapter_bytes: int) -> dict[int, Resident]:
    """Return the contents of the devices with the adapters of their layers, which every token reads."""
    found = {}
    for device, was in contents.items():
        more = bytes_on(placement, device, adapter_bytes)
        found[device] = Resident(was.weights_bytes + more, was.read_bytes + more, was.cache_bytes)
    return found
