"""Decoders of images and videos: bytes that a VAE takes for what it decodes, and the sizes that a pipeline makes unasked.

Both are properties of classes of diffusers, by whose names the components of the catalogue are called. Where no run was
measured the bytes are ComfyUI's own figures, which it frees room by: Comfy-Org/ComfyUI at 033046cc ``comfy/sd.py``,
``memory_used_decode``, in elements of two bytes (2,178 for each pixel of an image).
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.diffusers.components import is_denoiser, is_text_encoder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model

IMAGE_SIZE, VIDEO_SIZE, VIDEO_FRAMES = (1024, 1024), (1280, 720), 81
"""Size of what is made where neither the user nor the pipeline states one, and frames of a video."""
SMALL_SIZE, SMALL_PARAMETERS = (512, 512), 10**9
"""Size that Stable Diffusion 1 makes (``unet.config.sample_size`` of 64), and parameters that its U-Net has fewer than."""
SIZES = {
    "WanTransformer3DModel": ((832, 480), 81),
    "WanVACETransformer3DModel": ((832, 480), 81),
    "WanAnimateTransformer3DModel": ((1280, 720), 77),
    "WanModel_S2V": ((1024, 704), 80),
    "SkyReelsV2Transformer3DModel": ((832, 480), 81),
    "SanaVideoTransformer3DModel": ((832, 480), 81),
    "Kandinsky5Transformer3DModel": ((768, 512), 121),
    "HunyuanVideoTransformer3DModel": ((1280, 720), 129),
    "HunyuanVideo15Transformer3DModel": ((1280, 720), 121),
    "CogVideoXTransformer3DModel": ((720, 480), 49),
    "CogVideoXTransformer3DModel 1.5": ((1360, 768), 81),
    "LTXVideoTransformer3DModel": ((704, 512), 161),
    "LTX2VideoTransformer3DModel": ((768, 512), 121),
    "MochiTransformer3DModel": ((848, 480), 19),
    "CosmosTransformer3DModel": ((1360, 768), 1),
}
"""Size and frames that a pipeline makes unasked, by the beginning of its denoiser's description (diffusers 0.42.1, ``__call__``
of the pipelines and ``sample_height`` of the configurations; Wan-Video/Wan2.2 README.md for speech to video)."""


class Decoder(Record):
    """Cost of decoding with a class of VAE."""

    pixel_bytes: int
    """Bytes for each pixel of each frame that is decoded at once, in 16 bits."""
    frames: int = 1
    """Frames that are decoded at once; 0 for all of them."""
    high: float = 1.7
    """Upper bound as a share: what PyTorch reserves where there is room."""
    tile: int = 256
    """Side in pixels of the tiles that the class decodes in where it is told to (``tile_sample_min_height`` of diffusers 0.42.1;
    ``sample_size`` of an image's)."""
    tiled: bool = False
    """True if the examples of diffusers' documentation decode in tiles."""
    wide: tuple[str, ...] = ("fp32",)
    """Schemes with which diffusers decodes in 32 bits, where ComfyUI does in 16 (``comfy/sd.py`` ``working_dtypes``); ``*`` is
    any scheme."""
    in_comfyui: int | None = None
    """Bytes in ComfyUI, where its class decodes otherwise."""


WIDE = 2
"""Elements of 32 bits take twice the bytes of 16. PixArt-Alpha and SDXL in fp32 allocate 4,320 and 4,000 bytes a pixel, and
2,465 and 2,560 in BF16 (sayakpaul/sample-datasets ``collated_results_pixart.csv``, ``sdxl_results_patrick``)."""
IMAGE = Decoder(2500, high=2.0, tile=1024)
"""SD3 and PixArt-Sigma in FP16 allocate 2,120 and 1,970 bytes a pixel (huggingface/blog ``quanto-diffusers.md``), FLUX.1 in BF16
2,490 (huggingface/diffusers pull request 11682), and 2,060 for each image of 4, 8 or 16 (sayakpaul/diffusers-torchao README.md).
PyTorch reserves more where there is room: 4,833 for FLUX.1 in BF16, of which 36.17 GiB are 31.45 of weights, and 4,580 in Q8_0
(``diffusers-quantization.md``)."""
U_NET = Decoder(2500, high=2.0, tile=1024, wide=("fp32", "fp16"))
"""Decoder of pipelines with a U-Net and two text encoders, which upcast from FP16 (``force_upcast`` in diffusers 0.42.1
``pipelines/stable_diffusion_xl``): 10.7 GB for one image of 1280x1280 (siliconflow/onediff issue 408), 6,530 bytes a pixel.
SDXL in fp16 takes 21.7 GB for four images of 1024x1024 (huggingface/blog ``simple_sdxl_optimizations.md``), 3,400 a pixel."""
SMALL_U_NET = Decoder(2500, high=5.5, tile=1024)
"""Decoder of Stable Diffusion 1 and 2: 2,580 bytes a pixel in BF16 (sayakpaul/sample-datasets ``sdv15_patrick``). Stable
Diffusion 1.5 in fp16 takes 10,000 on a GTX 1080 with PyTorch 1.10 (huggingface/diffusers issue 1934), which has no fused
attention; the pipeline's safety checker is among them, 1,160 a pixel of 512x512."""
DECODERS = {
    # Counted with the class on PyTorch's ``meta`` device, 5,111 bytes in 32 bits: 8.2 GB at 832x480, as README.md of
    # Wan-Video/Wan2.1 has it; and 5,744 for that of Wan2.2 TI2V. PyTorch holds a tenth more: 26 GB in all at 1280x704
    # (huggingface/diffusers issue 12097). A14B at 832x480 takes 72.9 GB (issue 12011), and at 1280x720 does not fit 80 GB
    # (Wan-Video/Wan2.2 issue 42).
    "AutoencoderKLWan": Decoder(2800, 4, wide=("*",)),
    "AutoencoderKLWan of 48 channels": Decoder(3150, 4, wide=("*",)),
    # 60.10 GB for 768x512x121, of which 38.55 GiB are weights; 43.58 in tiles (huggingface/blog ``video_gen.md``).
    "AutoencoderKLHunyuanVideo": Decoder(3676, 16, tiled=True),
    # Counted likewise: it has all frames at once, in tiles too, which is why README.md of Tencent-Hunyuan/HunyuanVideo-1.5 asks
    # for 14 GB at least. ComfyUI's class takes the bytes that it frees room by (``comfy/sd.py``, 1,400 elements for four frames).
    "AutoencoderKLHunyuanVideo15": Decoder(1800, 0, tiled=True, in_comfyui=700),
    # Counted likewise, 15.8 GB at 720x480; 18 GB with components in turn (zai-org/CogVideo issue 92). Earlier releases took less:
    # 31.75 GiB for 5B with 19.76 loaded (sayakpaul/diffusers-torchao README.md).
    "AutoencoderKLCogVideoX": Decoder(5700, 8, tile=300),
    # 17.75 GB for 768x512x121 with 13.23 GiB of weights (huggingface/blog ``video_gen.md``).
    "AutoencoderKLLTXVideo": Decoder(102, 0, tile=512),
    # Counted likewise, 85 and 1,880.
    "AutoencoderKLLTX2Video": Decoder(95, 0, tile=512, tiled=True),
    "AutoencoderKLMochi": Decoder(2000, 0, tiled=True),
    # 4,666 bytes a pixel at 1328x1328 and 4,326 at 768x1152 (Comfy-Org/ComfyUI issue 9771 and pull request 11199), 4,130 at
    # 2048x2048 (huggingface/diffusers issue 12900, with PyTorch 2.8).
    "AutoencoderKLQwenImage": Decoder(4400),
    # ``decoder_base_dim`` is 144 where that has 96: 39.98 GB for 1024x1024, of which 32.44 are weights, and 9,470 bytes for each
    # pixel more of 2048x2048 (0xBakeer/inference-atlas pull requests 227 and 226, vllm-omni 0.29.0).
    "AutoencoderKLQwenImage21": Decoder(6600),
    "AutoencoderKLHunyuanImage": Decoder(1400, tile=384),
    # 9 GB for Sana 0.6B and 12 GB for 1.6B, of which 6.6 and 8.4 GiB are weights (README.md of NVlabs/Sana, A100).
    "AutoencoderDC": Decoder(2300, tile=512),
}
"""Decoders by the beginning of the class's name."""
WAN = "WanTransformer3DModel"


def decoder_of(model: Model) -> Decoder:
    """Decoder of a pipeline, by the class of its VAE; by that of its denoiser where the entry has no VAE."""
    denoisers = [one for one in model.components if is_denoiser(one.name)]
    others = [one for one in model.components if not is_denoiser(one.name) and not is_text_encoder(one.name)]
    for one in others:
        named = [name for name in DECODERS if (one.architecture or "").startswith(name)]
        if named:
            return DECODERS[max(named, key=len)]
    if any((one.architecture or "").startswith(WAN) for one in denoisers):
        return DECODERS["AutoencoderKLWan"]
    if not any(one.name.startswith("unet") for one in denoisers):
        return IMAGE
    return SMALL_U_NET if _is_small(model) else U_NET


def _is_small(model: Model) -> bool:
    """True for a U-Net of Stable Diffusion 1 or 2, which have 0.86 billion parameters; later ones have over two."""
    return any(one.name.startswith("unet") and one.parameters < SMALL_PARAMETERS for one in model.components)


def decodes_in_tiles(model: Model, asked: bool | None) -> bool:
    """True if the VAE decodes in tiles: where that is asked for, else as the pipeline's documentation does."""
    return decoder_of(model).tiled if asked is None else asked


def usual_size(model: Model) -> tuple[tuple[int, int], int]:
    """Width and height, and frames, that a pipeline makes unasked."""
    for one in model.components:
        named = [name for name in SIZES if is_denoiser(one.name) and (one.architecture or "").startswith(name)]
        if named:
            return SIZES[max(named, key=len)]
    if model.modality == "video-generation":
        return VIDEO_SIZE, VIDEO_FRAMES
    return (SMALL_SIZE if _is_small(model) else IMAGE_SIZE), 1
