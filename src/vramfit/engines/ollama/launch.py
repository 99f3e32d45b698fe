"""Launch commands of Ollama: environment variables of the server and parameters of a Modelfile, written and read.

ollama/ollama at fb3076099 (2026-08-21): ``envconfig/config.go``, ``docs/modelfile.mdx``, ``api/types.go``. The server that
it starts inherits its environment, and reads variables of its own there (ggml-org/llama.cpp v0.5.0 ``common/arg.cpp``).
"""

from __future__ import annotations

from vramfit.engines.llamacpp.flags import cache_text
from vramfit.engines.llamacpp.launch import ADAPTER_FILE, server_ram
from vramfit.engines.naming import file_stem, own_file, projector_file
from vramfit.launch import Flag, Program, neutral, write
from vramfit.launch.write import line, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.engines.ollama import OllamaKeys
    from vramfit.launch.words import Process


def _switch_text(on: bool) -> str:
    return "1" if on else "0"


def _switch(text: str) -> bool:
    """Read a switch like Go's ``strconv.ParseBool``: ``1``, ``t`` and ``true`` in any case are on, other words off."""
    return text.lower() in ("1", "t", "true")


def _bytes(text: str) -> str:
    return f"{text}B" if text.isdecimal() else text


SERVE = Program(
    ("ollama", "serve"),
    variables=(
        Flag("OLLAMA_CONTEXT_LENGTH", "context"),
        Flag("OLLAMA_NUM_PARALLEL", "parallel"),
        Flag("OLLAMA_KV_CACHE_TYPE", "kv_cache_type"),
        Flag(
            "OLLAMA_FLASH_ATTENTION",
            "flash_attention",
            spell=_switch_text,
            read=lambda text: "on" if _switch(text) else "off",
        ),
        Flag("OLLAMA_SCHED_SPREAD", "sched_spread", spell=_switch_text, read=_switch),
        Flag("OLLAMA_GPU_OVERHEAD", "reserve", read=_bytes),
        Flag("LLAMA_ARG_OVERRIDE_TENSOR", "override_tensor", spell=",".join, read=lambda text: (text,)),
        Flag("LLAMA_ARG_KV_OFFLOAD", "kv_offload", spell=_switch_text, read=_switch),
        Flag("LLAMA_ARG_KV_UNIFIED", "unified_kv", spell=_switch_text, read=_switch),
        Flag("LLAMA_ARG_SWA_FULL", "swa_full", spell=_switch_text, read=_switch),
        Flag("LLAMA_ARG_MMPROJ_OFFLOAD", "mmproj", read=lambda text: "gpu" if _switch(text) else "host"),
        Flag("LLAMA_ARG_CTX_CHECKPOINTS", "context_checkpoints"),
        Flag("LLAMA_ARG_CHECKPOINT_MIN_SPACING_NT", "checkpoint_min_step"),
        Flag("LLAMA_ARG_CACHE_RAM", "cache_ram", spell=cache_text),
    ),
    prefix="OLLAMA_",
    unmodelled=neutral(
        "", "OLLAMA_MAX_LOADED_MODELS OLLAMA_NEW_ENGINE OLLAMA_MULTIUSER_CACHE OLLAMA_VULKAN OLLAMA_INTEL_GPU"
    ),
    images=("ollama/ollama", "ollama"),
    neutral=neutral(
        "",
        "OLLAMA_DEBUG OLLAMA_HOST OLLAMA_KEEP_ALIVE OLLAMA_LOAD_TIMEOUT OLLAMA_MAX_QUEUE OLLAMA_MODELS"
        " OLLAMA_NOHISTORY"
        " OLLAMA_NOPRUNE OLLAMA_ORIGINS OLLAMA_REMOTES OLLAMA_NO_CLOUD OLLAMA_AUTH OLLAMA_EDITOR OLLAMA_TMPDIR"
        " OLLAMA_LLM_LIBRARY OLLAMA_API_BASE"
        " OLLAMA_DEBUG_LOG_REQUESTS OLLAMA_NUM_THREADS OLLAMA_MAX_VRAM OLLAMA_API_KEY",
    ),
)
CREATE = Program(
    ("ollama", "create"),
    (Flag("-f", "recipe", ("--file",)), Flag("-q", "requantized", ("--quantize",))),
    positional="name",
    neutral=neutral("--experimental", ""),
    texts=("-f", "--file", "Modelfile"),
)
RUN = Program(
    ("ollama", "run"),
    positional="name",
    neutral=neutral("--verbose --nowordwrap --insecure --hidethinking --think", "--format --keepalive"),
)
PARAMETERS = (
    Flag("num_ctx", "context"),
    Flag("num_batch", "ubatch"),
    Flag("num_gpu", "gpu_layers", read=lambda text: "auto" if text == "-1" else text),
    Flag("main_gpu", "main_gpu"),
    Flag("draft_num_predict", "speculative_tokens"),
)
"""Parameters of a Modelfile that change the memory."""
OTHER_PARAMETERS = (
    "num_keep", "seed", "num_predict", "top_k", "top_p", "min_p", "typical_p", "repeat_last_n", "temperature",
    "repeat_penalty", "presence_penalty", "frequency_penalty", "stop", "num_thread", "use_mmap", "mirostat",
    "mirostat_eta", "mirostat_tau", "tfs_z", "penalize_newline", "numa", "use_mlock", "low_vram", "f16_kv", "num_gqa",
    "logits_all", "vocab_only", "rope_frequency_base", "rope_frequency_scale",
)  # fmt: skip
RECIPE = "Modelfile"
FROM, PARAMETER, ADAPTER = "FROM", "PARAMETER", "ADAPTER"
"""Instructions of a Modelfile for its model, for a setting and for a file of adapters."""
HUB = "hf.co/"
"""Beginning of the name of a repository of GGUF files (huggingface.co/docs/hub/ollama)."""


def command(deployment: Deployment, estimate: Estimate, keys: OllamaKeys) -> str:
    """Write the lines that start the server with its environment, create the model from a Modelfile and run it."""
    decided, work, model = estimate.settings, deployment.workload, deployment.model
    stem = file_stem(deployment)
    environment = {
        "context": work.context,
        "parallel": work.parallel,
        "kv_cache_type": work.kv_cache_type,
        "flash_attention": work.flash_attention,
        "sched_spread": keys.sched_spread,
        "reserve": work.reserve_bytes or None,
        "override_tensor": keys.override_tensor,
        "kv_offload": None if keys.kv_offload else False,
        "unified_kv": keys.unified_kv or None,
        "swa_full": keys.swa_full or None,
        "mmproj": "0" if keys.mmproj == "host" and work.images else None,
        **server_ram(keys),
    }
    layers = decided.get("gpu_layers", work.gpu_layers)
    parameters = {"ubatch": keys.ubatch, "speculative_tokens": work.speculative_tokens}
    if not decided.get("cpu_moe_layers", work.cpu_moe_layers):
        # No parameter keeps experts in RAM. Ollama decides about them only if num_gpu is not set.
        whole = model.layer_count + 1 + (model.mtp_layers if work.speculative == "mtp" else 0)
        parameters["gpu_layers"] = layers if isinstance(layers, int) else whole
    if decided.get("split_mode", keys.split_mode) == "none":
        number = decided.get("main_gpu", keys.main_gpu)
        parameters["main_gpu"] = number if isinstance(number, int) else 0
    source = _source(deployment, stem)
    files = [source]
    if work.images and keys.mmproj != "off" and model.vision is not None and is_file(source):
        files.append(f"./{projector_file(deployment)}")
    recipe = [f"FROM {file}" for file in files]
    recipe += [f"{ADAPTER} ./{ADAPTER_FILE}"] if keys.adapter_bytes else []
    recipe += [f"PARAMETER {name} {text}" for name, text in write.pairs(PARAMETERS, parameters)]
    variables = [f"{name}={quote(text)}" for name, text in write.pairs(SERVE.variables, environment)]
    name = stem.lower()
    serve = " ".join([*variables, *SERVE.words, "&"])
    if not is_file(source) and _is_its_own(deployment, estimate, keys):
        return f"{serve}\n{line(write.words(RUN, {'name': source}))}"
    return "\n".join(
        [
            serve,
            line(["printf", "%s\\n", *recipe]) + f" > {RECIPE}",
            line(write.words(CREATE, {"name": name, "recipe": RECIPE})),
            line(write.words(RUN, {"name": name})),
        ]
    )


def _source(deployment: Deployment, stem: str) -> str:
    """Source of the model in a Modelfile: the user's own tag, repository or file, or a file with the usual name."""
    own = own_file(deployment)
    if own is None:
        return f"./{stem}.gguf"
    if own.tag is not None:
        return own.tag
    if own.repository is not None and deployment.reference is not None:
        return f"{HUB}{own.repository}:{own.type_of(deployment.scheme)}"
    path = own.file if deployment.model.origin is None else deployment.model.origin.path
    if path is None:
        return f"./{stem}.gguf"
    return path if path.startswith(("/", ".")) else f"./{path}"


def is_file(source: str) -> bool:
    """True for a path, False for a tag or a repository."""
    return source.startswith(("/", "."))


def _is_its_own(deployment: Deployment, estimate: Estimate, keys: OllamaKeys) -> bool:
    """Return True if Ollama chooses by itself what the deployment has, so that it needs no Modelfile."""
    from vramfit.engines.ollama.estimate import batch_of, left_to_itself

    work = deployment.workload
    placed = work.gpu_layers == "all" and work.cpu_moe_layers == 0 and keys.split_mode == "layer"
    placed = placed and not keys.adapter_bytes
    return placed and keys.ubatch == batch_of(deployment, keys) and not left_to_itself(deployment, estimate)


def names_known_files(deployment: Deployment) -> bool:
    """Return True for a tag or a repository, which have their projectors with them, and for the user's own file.

    A tag of a model that sees has its projector loaded even if no image is asked for.
    """
    own, model, images = own_file(deployment), deployment.model, deployment.workload.images
    if own is None:
        return False
    if own.tag is not None or own.repository is not None:
        source = _source(deployment, "")
        return bool(images) or model.vision is None or is_file(source)
    return not images or model.vision is None or (model.origin is not None and model.origin.projector is not None)


def read(given: list[Process]) -> dict[str, Any] | None:
    """Read the deployment keys of a server's environment, of a Modelfile that is written, and of the model that is run.

    The result is None if no line starts Ollama. Raises ``UsageError`` for an unknown variable, parameter or flag.
    """
    from vramfit.launch.read import values

    keys: dict[str, Any] = {}
    recipe: dict[str, Any] = {}
    started, model = False, None
    for process in given:
        written = recipe_of(process)
        recipe = _recipe(written) if written else recipe
        for program in (SERVE, CREATE, RUN):
            stated = values(program, process)
            if stated is None:
                continue
            started = True
            name = stated.pop("name", None)
            model = _named(name) if program is RUN and name is not None else model
            stated.pop("recipe", None)
            quant = stated.pop("requantized", None)
            if quant is not None:
                keys["quant"] = quant
            keys.update(stated)
    if not started:
        return None
    if model is not None:
        keys["model"] = model
    if recipe:
        # Without num_gpu Ollama chooses the layers by itself.
        keys.update({"gpu_layers": "auto", **recipe})
    return keys


def recipe_of(process: Process) -> tuple[str, ...]:
    """Lines of a Modelfile that a process writes; none for any other process."""
    if process.output is None or not process.words:
        return ()
    name, *rest = process.words
    if name in ("cat", "tee"):
        lines = (process.input or "").splitlines()
    elif name in ("printf", "echo"):
        words = [word for word in rest if word not in ("-e", "-n", "%s\\n", "%s")]
        lines = [part for word in words for part in word.replace("\\n", "\n").splitlines()]
    else:
        return ()
    found = tuple([text for text in lines if text.strip()])
    return found if any(text.split()[0].upper() == FROM for text in found) else ()


def _named(name: str) -> str:
    """Reference of a model that Ollama runs: a repository by its own name, anything else in Ollama's store."""
    return name.removeprefix(HUB) if name.startswith(HUB) else f"ollama:{name}"


def _file(source: str) -> str:
    """Source of a Modelfile; a GGUF file beside it, which has ``./`` in front there, is its bare name."""
    bare = source.removeprefix("./")
    return bare if bare.lower().endswith(".gguf") and "/" not in bare else source


def _recipe(lines: tuple[str, ...]) -> dict[str, Any]:
    """Read the deployment keys of a Modelfile: the first file is the model, a second one is its projector.

    A stated ``main_gpu`` means that the model is not split over several GPUs.
    """
    from vramfit.engines.llamacpp.flags import adapters_bytes
    from vramfit.launch.read import pairs

    # Texts between three quotes, such as a template, may have lines that begin like an instruction.
    whole = "\n".join(lines).split('"""')[::2]
    words = [line.split() for line in "\n".join(whole).splitlines()]
    files = [rest[0] for name, *rest in words if name.upper() == "FROM" and rest]
    parameters = [
        (rest[0], " ".join(rest[1:])) for name, *rest in words if name.upper() == "PARAMETER" and len(rest) > 1
    ]
    keys = pairs(PARAMETERS, parameters, OTHER_PARAMETERS, "parameter of a Modelfile")
    adapters = [size for name, *rest in words if name.upper() == ADAPTER and rest for size in adapters_bytes(rest[0])]
    if adapters:
        keys["adapter_size"] = f"{sum(adapters)}B"
    if files:
        keys["model"] = _file(files[0].removeprefix(HUB))
    if len(files) < 2 and (not files or is_file(files[0]) or files[0].lower().endswith(".gguf")):
        keys["images"] = 0
    if "main_gpu" in keys:
        keys["split_mode"] = "none"
    if keys.get("speculative_tokens") == "0":
        del keys["speculative_tokens"]
    elif "speculative_tokens" in keys:
        keys["speculative"] = "mtp"
    return keys
