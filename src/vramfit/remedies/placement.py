"""Part of the model in system RAM: llama.cpp runs those layers on the CPU."""

from __future__ import annotations

from vramfit.engines import engine
from vramfit.memory.weights import slices
from vramfit.remedies import Proposal
from vramfit.remedies.answer import largest_near
from vramfit.units import gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.engines.resolve import Catalogue
    from vramfit.remedies import Answer, Try

ENGINE = "llama.cpp"
NAMES = {"llama.cpp": "llama.cpp", "ollama": "Ollama"}
"""Engines that offload layers, as sentences name them."""


def propose(asked: Answer, attempt: Try, catalogue: Catalogue) -> Iterator[Proposal]:
    """The most layers the GPUs hold at the asked precision."""
    del catalogue
    before = asked.deployment
    if before.workload.task != "inference" or before.engine not in ("transformers", *NAMES):
        return
    name, quant = ENGINE, before.scheme.id
    if before.engine in NAMES:
        name = before.engine
    else:
        quant = engine(ENGINE).SCHEME_OF_CLASS[before.scheme.precision]
    base = {"engine": name, "quant": quant}
    layers = before.model.layer_count

    def margin(count: int) -> int:
        found = attempt({**base, "gpu_layers": count})
        return -1 if found is None else found.margin_bytes

    cut = slices(before.model, before.scheme)
    layer_bytes = max(1, (cut.total_bytes - cut.input_bytes) // layers)
    guess = layers + 1 - len(before.gpus) - max(0, -asked.margin_bytes) // layer_bytes
    count = largest_near(margin, 1, layers + 1, guess, layer_bytes)
    if count < 1:
        return
    whole = count == layers + 1
    after = attempt(base if whole else {**base, "gpu_layers": count})
    if after is None or not after.reached:
        return
    if whole:
        if before.engine != name:
            yield Proposal(
                "engine-setting", base, f"run it with llama.cpp as {quant}", "needs a GGUF conversion", after
            )
        return
    ram = after.estimate.host.total_bytes
    yield Proposal(
        "offload-layers",
        {**base, "gpu_layers": count},
        f"keep {count} of {layers + 1} layers on the GPU with {NAMES[name]} ({quant}), the rest in RAM",
        f"{gib(ram, 1)} of RAM; its layers run on the CPU",
        after,
    )
