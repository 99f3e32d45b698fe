"""Notes of the report on what was read, taken and assumed, beside those of the engine."""

from __future__ import annotations

from vramfit.catalogue.names import EDITED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment, DeviceMemory
    from vramfit.model import Model
    from vramfit.model.origin import Origin
    from vramfit.workload.keys import Request

WEIGHT_FILES = (".gguf", ".safetensors")
MOST_NAMED = 1
"""Number of files of weights that are named; more are counted."""
SHORT_COMMIT = 7
OLLAMA = "ollama:"


def _is_fine_tune(asked: str, model: Model) -> bool:
    """True if a name is that of a model that was made of another, which answers for it."""
    from vramfit.catalogue.derivatives import has_words_of_its_own

    names = (model.id, model.name, model.family, *model.hf, *model.ollama)
    return asked not in names and has_words_of_its_own(asked, names)


def _is_edited(asked: str) -> bool:
    """True if a name says that the weights were edited, which leaves their shapes as they were."""
    return any(word in asked.lower() for word in EDITED)


def notes(deployment: Deployment, host: DeviceMemory, asked: str) -> list[str]:
    """Notes on a model that was named in other words than the catalogue's, and on what the estimate takes as given."""
    found = []
    if deployment.model.origin is not None:
        found += origin_notes(deployment.model.origin)
    elif asked.startswith(OLLAMA):
        note = f"{asked} is not in Ollama's store: the catalogue's entry answers for it"
        found.append(note)
    elif asked.lower().endswith(WEIGHT_FILES):
        found.append(f"there is no file {asked} here: it is taken for {deployment.model.name} by its name")
    elif "/" in asked and asked.lower() not in [name.lower() for name in deployment.model.hf]:
        edited = _is_edited(asked)
        how = "with edited weights of the same shapes" if edited else "repackaged but not changed"
        if not edited and _is_fine_tune(asked, deployment.model):
            how = "a fine-tune of the same architecture"
        found.append(f"{asked} is taken for {deployment.model.name} by its name, {how}")
        if deployment.model.traits.expert_dtype == "fp8":
            found.append(f"its experts are taken to be FP8 as its name says; {deployment.model.name} has them in MXFP4")
    elif asked != deployment.model.id and _is_fine_tune(asked, deployment.model):
        found.append(f"{asked} is taken for {deployment.model.name}, as a fine-tune of the same architecture")
    elif _is_edited(asked):
        found.append(f"{asked} is taken for {deployment.model.name}, with edited weights of the same shapes")
    found += deployment.model.caveats
    ratio = deployment.checkpoint.scaled
    if ratio != 1:
        scheme = deployment.scheme.id
        found.append(f"the file's mix is taken to be that of {scheme}, every tensor {ratio:.3f} times as large")
    if deployment.workload.context > (deployment.model.context or deployment.workload.context):
        found.append(f"the asked context exceeds the {deployment.model.context:,} tokens the model supports")
    if host.read_bytes and deployment.workload.ram_bandwidth_bytes_per_second is None:
        from vramfit.speed import host_bandwidth
        from vramfit.units import rate

        found.append(f"the RAM is taken to give {rate(host_bandwidth(deployment))}; ram_bandwidth states another rate")
    if not all(gpu.memory_measured for gpu in deployment.gpus):
        found.append("the card's reported memory follows the rule for its class; no reading of it is known")
    recalled = {gpu.name: None for gpu in deployment.gpus if gpu.recalled}
    found += [f"some figures of the {name} are from memory and were compared with no data sheet" for name in recalled]
    return found


def origin_notes(origin: Origin) -> list[str]:
    """Notes on the files that a model outside the catalogue was read from, and on what they leave open."""
    headers = [file for file in origin.files if file.endswith(WEIGHT_FILES)]
    others = [file for file in origin.files if file not in headers]
    if len(headers) > MOST_NAMED:
        headers = [f"{len(headers)} {origin.kind} headers"]
    words = [*others, *headers]
    text = " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    commit = f", commit {origin.commit[:SHORT_COMMIT]}" if origin.commit else ""
    return [f"the model is read from {text}{commit}", *origin.notes]


def units(request: Request) -> list[str]:
    """Say as what sizes were read whose unit leaves it open (``24G``, ``24GB``), a GPU's in its name included."""
    texts = [(name, getattr(value, "written", "")) for name, value in request.items()]
    texts += [("gpu", one.partition("custom:")[2].partition("@")[0]) for one in request.get("gpu", ())]
    sizes = [(name, text, text.strip().removesuffix("B").removesuffix("b")) for name, text in texts if text]
    return [
        f"{name}: {text} is read as {size[:-1].rstrip()} {size[-1].upper()}iB"
        for name, text, size in sizes
        if size[-1:].lower() in ("k", "m", "g", "t")
    ]
