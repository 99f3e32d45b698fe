"""Tensors placed by name (``--override-tensor``): which they are, and what each device then has.

A pattern is a regular expression that is searched in the whole name of a tensor (``blk.7.ffn_up_exps.weight``), and the
first pattern that is found decides (ggml-org/llama.cpp v0.5.0 ``src/llama-model-loader.cpp``, ``create_tensor``). Commas
separate patterns, so none can contain one (``common/arg.cpp``, ``parse_tensor_buffer_overrides``). ``--n-cpu-moe`` adds
patterns of its own behind these.
"""

from __future__ import annotations

import re

from vramfit._record import Record
from vramfit.engines.llamacpp.placement import FIRST_LAYER_TENSORS, HOST, INPUT_TENSORS, LAZY, Resident, gguf_file
from vramfit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vramfit.engines.llamacpp.placement import Parts, Placement
    from vramfit.quantization import Checkpoint, Stored

    Names = tuple[tuple[str, int], ...]
    """Names of tensors in the order of their names, each with the number of its device."""

BUFFERS = {"cuda": "CUDA", "rocm": "ROCm", "metal": "MTL", "vulkan": "Vulkan", "sycl": "SYCL"}
"""Name of each backend's buffers in front of the number of the device (``ggml_backend_buft_name``)."""
CPU = "CPU"

EMBEDDING, HEAD = "token_embd.weight", "output.weight"


class Moved(Record):
    """Tensors that patterns place."""

    layers: tuple[Names, ...]
    """Tensors of each layer, by their names within the layer."""
    others: Names
    """Tensors outside the layers."""
    unused: tuple[str, ...]
    """Patterns that decide about no tensor."""

    @property
    def to_host(self) -> bool:
        """True if a tensor that is no input embedding is placed in RAM."""
        return any(device == HOST for names in self.layers for _, device in names) or any(
            device == HOST for name, device in self.others if name not in INPUT_TENSORS
        )

    @property
    def table_device(self) -> int:
        """Number of the device of the input embedding."""
        return dict(self.others).get(EMBEDDING, HOST)

    def head(self, tied: bool) -> Names:
        """Output matrix and its device, where a pattern decides about it; of a tied model that is the embedding."""
        device = dict(self.others).get(EMBEDDING if tied else HEAD)
        return () if device is None else ((HEAD, device),)

    def ram_expert_layers(self, placement: Placement) -> int:
        """Number of layers that have an expert tensor in RAM."""
        count = 0
        for index, names in enumerate(self.layers):
            home = HOST if index < placement.cpu_moe_layers else placement.layer_device[index]
            targets = {device for name, device in names if "_exps." in name}
            count += HOST in (targets or {home})
        return count


def moved(checkpoint: Checkpoint, given: Sequence[str], backends: Sequence[str]) -> Moved:
    """Find the tensors that ``PATTERN=BUFFER`` texts place; ``backends`` are those of the GPUs in order.

    Raises ``UsageError`` for a text of another form, a pattern that is no regular expression, and an unknown buffer.
    """
    rules = list(_rules(given, backends))
    layers: list[dict[str, int]] = [{} for _ in range(checkpoint.model.layer_count)]
    others: dict[str, int] = {}
    used: set[int] = set()

    def place(full_name: str, name: str, into: dict[str, int]) -> None:
        for number, (_, pattern, device) in enumerate(rules):
            if pattern.search(full_name):
                used.add(number)
                into[name] = device
                return

    for row in _text(checkpoint):
        name = row.tensor.name
        for index in row.layers:
            place(f"blk.{index}.{name}", name, layers[index])
        if not row.layers:
            place(name, name, layers[0] if name in FIRST_LAYER_TENSORS and layers else others)
    unused = [text for number, (text, _, _) in enumerate(rules) if number not in used]
    return Moved(
        tuple([tuple(sorted(names.items())) for names in layers]), tuple(sorted(others.items())), tuple(unused)
    )


def _text(checkpoint: Checkpoint) -> Iterator[Stored]:
    """Tensors of the language model's file."""
    return (row for row in gguf_file(checkpoint).stored if row.layers or row.tensor.part == "text")


def _rules(given: Sequence[str], backends: Sequence[str]) -> Iterator[tuple[str, re.Pattern[str], int]]:
    """Text, pattern and device of each rule in order."""
    devices, seen = {CPU: HOST}, dict.fromkeys(backends, 0)
    for number, backend in enumerate(backends):
        devices[f"{BUFFERS[backend]}{seen[backend]}"] = number
        seen[backend] += 1
    for text in ",".join(given).split(","):
        pattern, equals, buffer = text.strip().partition("=")
        if not pattern or not equals:
            raise UsageError(f'override_tensor: "{text}" is not PATTERN=BUFFER', "for example ffn_.*_exps=CPU")
        if buffer not in devices:
            raise UsageError(f'override_tensor: no buffer is called "{buffer}"', f"buffers here: {', '.join(devices)}")
        try:
            yield text.strip(), re.compile(pattern), devices[buffer]
        except re.error as error:
            raise UsageError(
                f'override_tensor: "{pattern}" is no regular expression: {error}', "for example ffn_.*_exps=CPU"
            ) from None


def applied(
    found: Moved, checkpoint: Checkpoint, parts: Parts, placement: Placement, contents: Mapping[int, Resident]
) -> dict[int, Resident]:
    """Return the contents of the devices after the tensors in ``found`` moved to their devices."""
    weights, read = dict.fromkeys(contents, 0), dict.fromkeys(contents, 0.0)

    def move(source: int, target: int, size: int, share: float = 1.0) -> None:
        weights[source] -= size
        weights[target] += size
        read[source] -= size * share
        read[target] += size * share

    for index, names in enumerate(found.layers):
        home, away = placement.layer_device[index], index < placement.cpu_moe_layers
        for name, device in names:
            routed = "_exps." in name
            share = parts.active_share[index] if routed else 1.0
            move(HOST if routed and away else home, device, parts.layer_tensors[index][name], share)
    sizes = {row.tensor.name: row.total_bytes for row in _text(checkpoint) if not row.layers}
    for name, device in found.others:
        if name not in INPUT_TENSORS:
            move(placement.output_device, device, sizes[name])
            continue
        if name == LAZY and parts.lazy_bytes:
            weights[device] += 0 if device == HOST else parts.lazy_bytes
            continue
        move(HOST, device, sizes[name], 0)
        if name == EMBEDDING and parts.tied_bytes:
            # Head and embedding are one tensor in one buffer (TENSOR_DUPLICATED), so the second copy goes away.
            at = placement.output_device
            weights[at] -= 0 if at == HOST else parts.tied_bytes
            read[at] -= parts.tied_bytes
            read[device] += parts.tied_bytes
    return {
        device: Resident(
            was.weights_bytes + weights[device], max(0, was.read_bytes + round(read[device])), was.cache_bytes
        )
        for device, was in contents.items()
    }


def sentences(found: Moved) -> list[str]:
    """Sentences on the tensors that are placed by name, and on patterns that place none."""
    count = sum([len(names) for names in found.layers]) + len(found.others)
    texts = [
        f"override_tensor places {count} tensors; the GPUs do not overlap then, and llama-server fits nothing itself"
    ]
    return texts + [f'override_tensor: "{text}" matches no tensor left, so it changes nothing' for text in found.unused]
