"""Lines of Python that load and run a pipeline (diffusers 0.42.1 ``pipelines/pipeline_utils.py``, ``quantizers/``)."""

from __future__ import annotations

from vramfit.engines.diffusers.components import is_denoiser, is_text_encoder
from vramfit.engines.diffusers.decoders import DECODERS, decoder_of, decodes_in_tiles
from vramfit.engines.naming import repository

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment
    from vramfit.engines.pipelines import PipelineKeys
    from vramfit.quantization import Scheme

CALLS = {
    "none": 'to("cuda")',
    "model": "enable_model_cpu_offload()",
    "group": 'enable_group_offload(onload_device=torch.device("cuda"))',
    "sequential": "enable_sequential_cpu_offload()",
}
"""Call by which a pipeline is placed, by the mode of offloading."""
TYPES = {"fp16": "float16", "fp32": "float32"}
FOUR_BITS = (
    'BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="{type}", bnb_4bit_use_double_quant={double}, '
    "bnb_4bit_compute_dtype=torch.bfloat16)"
)
EIGHT_BITS = "BitsAndBytesConfig(load_in_8bit=True)"
ENCODERS = {"int8": EIGHT_BITS, "nf4": FOUR_BITS.format(type="nf4", double=True)}
"""Configuration by which transformers loads the text encoders, by their form."""
QUANTO = {"quanto-int8": "int8", "quanto-fp8": "float8", "quanto-int4": "int4"}
"""Types of optimum-quanto by scheme (diffusers 0.42.1 ``quantizers/quantization_config.py`` ``QuantoConfig``)."""
NUNCHAKU = {
    "FluxTransformer2DModel": "NunchakuFluxTransformer2dModel",
    "QwenImageTransformer2DModel": "NunchakuQwenImageTransformer2DModel",
    "ZImageTransformer2DModel": "NunchakuZImageTransformer2DModel",
    "SanaTransformer2DModel": "NunchakuSanaTransformer2DModel",
}
"""Classes of nunchaku by those of diffusers that they stand for (nunchaku-tech/nunchaku at 3a3cc3d ``nunchaku/__init__.py``)."""
CASTS = "storage_dtype=torch.float8_e4m3fn, compute_dtype=torch.bfloat16"
CAST = f"enable_layerwise_casting({CASTS})"
"""Call by which a denoiser keeps its weights in FP8."""


def command(deployment: Deployment, keys: PipelineKeys, usual_offload: str) -> str:
    """Write the calls of Python that load the components as they are stored, and place them as the deployment does."""
    scheme = deployment.scheme
    kind = TYPES.get(scheme.id, "bfloat16")
    names = [one.name for one in deployment.model.components]
    denoisers = [one for one in deployment.model.components if is_denoiser(one.name)]
    name = repository(deployment) or deployment.model.name
    types = f"torch.{kind}"
    if decoder_of(deployment.model) == DECODERS["AutoencoderKLWan"]:
        types = f'{{"default": {types}, "vae": torch.float32}}'  # as its model cards have it
    options = [f'"{name}"', f"torch_dtype={types}"]
    mapping = {one.name: f"diffusers.{made}" for one in denoisers if (made := _made(scheme))}
    if keys.text_encoder in ENCODERS:
        mapping |= {one: f"transformers.{ENCODERS[keys.text_encoder]}" for one in names if is_text_encoder(one)}
    if keys.text_encoder == "ram":
        options += [f"{one}=None" for one in names if is_text_encoder(one)]  # prompts come in encoded
    if mapping:
        pairs = ", ".join([f'"{one}": {made}' for one, made in mapping.items()])
        options.append(f"quantization_config=diffusers.PipelineQuantizationConfig(quant_mapping={{{pairs}}})")
    if scheme.family == "gguf":
        options += [f"{one.name}={_read(one.architecture, scheme, kind)}" for one in denoisers]
    if scheme.family == "svdquant":
        options += [f"{one.name}={_by_nunchaku(one.architecture, scheme, name)}" for one in denoisers]
    lines = [f"p = diffusers.DiffusionPipeline.from_pretrained({', '.join(options)})"]
    if scheme.family == "fp8":
        lines += [f"p.{one.name}.{CAST}" for one in denoisers]
    if keys.text_encoder == "fp8":
        lines += [f"diffusers.hooks.apply_layerwise_casting(p.{one}, {CASTS})" for one in names if is_text_encoder(one)]
    if decodes_in_tiles(deployment.model, keys.vae_tiling):
        lines.append("p.vae.enable_tiling()")
    lines.append(f"p.{CALLS[keys.component_offload or usual_offload]}")
    lines += _made_of(keys)
    modules = "torch, diffusers" + (", transformers" if keys.text_encoder in ENCODERS else "")
    modules += ", nunchaku" if scheme.family == "svdquant" else ""
    return f"python -c 'import {modules}; {'; '.join(lines)}'"


def _made_of(keys: PipelineKeys) -> list[str]:
    """Call that makes an output of the size and the frames asked for; none where neither is."""
    sizes = [] if keys.output_size is None else ["width={}, height={}".format(*keys.output_size)]
    sizes += [] if keys.frames is None else [f"num_frames={keys.frames}"]
    return [f"p(prompt, {', '.join(sizes)})"] if sizes else []


def _made(scheme: Scheme) -> str | None:
    """Configuration by which diffusers quantizes a denoiser while loading it; None if it is stored or cast otherwise."""
    settings = scheme.settings
    if scheme.family == "bitsandbytes":
        kind = str(settings["type"])
        return EIGHT_BITS if kind == "int8" else FOUR_BITS.format(type=kind, double=settings["double"])
    if scheme.family == "torchao":
        return f'TorchAoConfig("int{settings["bits"]}wo")'
    if scheme.family == "quanto":
        return f'QuantoConfig(weights_dtype="{QUANTO[scheme.id]}")'
    if scheme.family == "nvfp4":
        return 'NVIDIAModelOptConfig(quant_type="NVFP4")'
    return None


def _read(architecture: str | None, scheme: Scheme, kind: str) -> str:
    """Call by which a denoiser is read from a GGUF file."""
    model = (architecture or "AutoModel").split()[0]
    config = "diffusers.GGUFQuantizationConfig(compute_dtype=torch.bfloat16)"
    return (
        f'diffusers.{model}.from_single_file("denoiser-{scheme.id}.gguf", quantization_config={config}, '
        f"torch_dtype=torch.{kind})"
    )


def _by_nunchaku(architecture: str | None, scheme: Scheme, name: str) -> str:
    """Call by which nunchaku loads a denoiser that SVDQuant quantized, of a repository named after the pipeline's."""
    stem = name.rpartition("/")[2].lower()
    path = f"nunchaku-tech/nunchaku-{stem}/{scheme.id}_r32-{stem}.safetensors"
    return f'nunchaku.{NUNCHAKU[(architecture or "").split()[0]]}.from_pretrained("{path}")'
