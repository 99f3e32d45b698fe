"""Accelerators that are no GPUs, or GPUs of makers whose programs are their own: refused by name, with what serves them.

Loaded for a name that no GPU of the catalogue has. Memory of a chip: Ascend 910B and 910C from memory; AWS Neuron 2.29
``about-neuron/arch/neuron-hardware`` for Trainium; docs.tenstorrent.com ``tt-vscode-toolkit/version-compat`` (January 2026)
for Wormhole; the other sizes from memory. They only stand in the hint, as something to ask with. The plugins of vLLM are those
that docs.vllm.ai v0.11.2 ``getting_started/installation`` lists (TPU, Ascend, Gaudi, MetaX, Rebellions, Spyre, Cambricon).
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.catalogue.names import normalise
from vramfit.errors import UnknownGpu


class Accelerator(Record):
    """Series of chips that no engine of the program runs on."""

    title: str
    beginnings: tuple[str, ...]
    """Folded beginnings of the names that people call it."""
    servers: str
    """Programs that serve models on it."""
    custom: str = ""
    """Card that has as much memory as one chip, to ask with; empty where the sizes of the series differ."""


ASCEND, NEURON, TENSTORRENT = "vLLM Ascend or MindIE", "the vLLM Neuron plugin", "tt-inference-server"
OWN = "the maker's own build of vLLM"
CLOUD = "the maker's cloud alone"
"""Programs that serve models on several series."""

ACCELERATORS = (
    Accelerator("Huawei Ascend 310P", ("ascend310", "atlas300i", "atlas300v"), ASCEND),
    Accelerator("Huawei Ascend 910B", ("ascend910b", "atlas800ia2", "atlas800ta2", "910b"), ASCEND, "custom:64GB"),
    Accelerator("Huawei Ascend 910C", ("ascend910c", "atlas800ia3", "atlas800ta3", "910c"), ASCEND, "custom:64GB"),
    Accelerator("Huawei Ascend", ("ascend", "huaweiascend", "huawei", "atlas"), ASCEND),
    Accelerator("AWS Trainium2", ("trainium2", "awstrainium2", "trn2"), NEURON, "custom:96GiB"),
    Accelerator("AWS Trainium", ("trainium1", "awstrainium1", "trn1"), NEURON, "custom:32GiB"),
    Accelerator("AWS Trainium", ("trainium", "awstrainium", "trn"), NEURON),
    Accelerator("AWS Inferentia", ("inferentia", "awsinferentia", "inf1", "inf2"), NEURON, "custom:32GiB"),
    Accelerator("Tenstorrent Wormhole n150", ("n150", "tenstorrentn150", "wormholen150"), TENSTORRENT, "custom:12GB"),
    Accelerator("Tenstorrent Wormhole n300", ("n300", "tenstorrentn300", "wormholen300"), TENSTORRENT, "2xcustom:12GB"),
    Accelerator("Tenstorrent Blackhole", ("p100a", "p150", "p300c", "blackhole", "tenstorrentblackhole"), TENSTORRENT),
    Accelerator("Tenstorrent card", ("tenstorrent", "wormhole", "grayskull", "e75", "e150"), TENSTORRENT),
    Accelerator("Tenstorrent card", ("ttloudbox", "loudbox", "quietbox", "ttquietbox"), TENSTORRENT),
    Accelerator("Cambricon card", ("cambricon", "mlu", "寒武纪"), "vllm-mlu"),
    Accelerator("Moore Threads card", ("moorethreads", "mtt", "摩尔线程"), "llama.cpp's MUSA backend, or the maker's vLLM"),
    Accelerator("Hygon DCU", ("hygon", "dcu", "海光"), OWN),
    Accelerator("Kunlun card", ("kunlun", "baidukunlun", "昆仑", "xpup800"), OWN),
    Accelerator("MetaX card", ("metax", "muxi", "mxc5", "沐曦"), "vLLM-metax"),
    Accelerator("Biren card", ("biren", "br10", "壁仞"), OWN),
    Accelerator("Iluvatar card", ("iluvatar", "天数"), OWN),
    Accelerator("Enflame card", ("enflame", "燧原"), OWN),
    Accelerator("Huawei CloudMatrix of 384 Ascend 910C", ("cloudmatrix",), ASCEND),
    Accelerator("Rebellions ATOM or REBEL", ("rebellions", "rbln", "rebelquad"), "vllm-rbln"),
    Accelerator("FuriosaAI card", ("furiosa", "rngd", "warboy"), "Furiosa-LLM"),
    Accelerator("IBM Spyre", ("spyre", "ibmspyre"), "vllm-spyre"),
    Accelerator("Google TPU of an older version", ("tpuv1", "tpuv2", "tpuv3"), "JAX or PyTorch/XLA"),
    Accelerator("Groq LPU", ("groq", "lpu"), CLOUD),
    Accelerator("Cerebras wafer", ("cerebras",), CLOUD),
    Accelerator("SambaNova RDU", ("sambanova", "sn40"), CLOUD),
    Accelerator("chip of a cloud's own", ("mtia", "maia", "microsoftmaia", "dojo"), CLOUD),
    Accelerator("chip that is not sold by itself", ("dmatrix", "etched", "axelera", "memryx", "kinara", "sophgo", "bm1684"), OWN),
    Accelerator("Graphcore IPU", ("graphcore", "bowipu", "ipu"), "the maker's Poplar"),
    Accelerator("Qualcomm Cloud AI 100", ("qualcommcloudai", "cloudai100", "qualcommai100", "ai100", "dl2q"),
                "vLLM of Qualcomm's Cloud AI SDK"),
    Accelerator("Qualcomm NPU", ("hexagon", "snapdragonxelitenpu"), "Qualcomm's Genie or ONNX Runtime"),
    Accelerator("Qualcomm Adreno", ("adreno", "snapdragon", "qualcomm"), "llama.cpp's OpenCL backend"),
    Accelerator("NPU of a processor", ("npu", "aiboost", "xdna", "ryzenainpu"),
                "OpenVINO GenAI on Intel's, Lemonade or FastFlowLM on AMD's"),
    Accelerator("Apple Neural Engine", ("neuralengine", "ane"), "Core ML; MLX and llama.cpp run on the GPU beside it"),
    Accelerator("Rockchip NPU", ("rk35", "rknn", "rockchip", "orangepi5", "rock5"), "RKLLM, or llama.cpp on the processor"),
    Accelerator("Hailo chip", ("hailo", "raspberrypiaihat"), "Hailo's own server (Hailo-10H alone)"),
    Accelerator("Google Edge TPU", ("coral", "edgetpu"), "TensorFlow Lite; it holds no language model"),
    Accelerator("Arm Mali", ("mali", "immortalis", "armmali"), "llama.cpp's Vulkan backend"),
    Accelerator("phone's graphics", ("xclipse", "samsungxclipse", "exynos", "powervr", "tensorg", "pixel", "quest"),
                "llama.cpp on the processor"),
    Accelerator("console", ("playstation", "ps5", "xboxseries", "nintendoswitch"), "no engine"),
    Accelerator("Broadcom VideoCore", ("v3d", "raspberrypi"), "llama.cpp on its processor"),
    Accelerator("processor alone", ("cpu", "graviton", "amperealtra", "ampereone", "loongson", "epyc", "xeon"),
                "llama.cpp on the processor"),
    Accelerator("software renderer", ("llvmpipe", "lavapipe", "swiftshader"), "llama.cpp on the processor"),
    Accelerator("Apple phone or tablet", ("iphone", "ipad", "a17pro", "a18pro", "a19pro", "visionpro"),
                "llama.cpp's Metal backend"),
)  # fmt: skip
"""Series, those with a number before the series as a whole."""

UNSOURCED = (
    ("AMD Instinct MI440X", ("mi440x", "instinctmi440x", "amdinstinctmi440x")),
    ("NVIDIA Rubin CPX", ("rubincpx", "nvidiarubincpx")),
    ("Intel Arc B370", ("arcb370", "b370", "intelarcb370")),
    ("Intel Arc Pro B65", ("arcprob65", "prob65", "intelarcprob65")),
    ("AMD BC-250", ("bc250", "amdbc250", "asrockbc250")),
    ("NVIDIA N1X", ("n1x", "nvidian1x", "n1")),
    ("V100 PG503-216", ("pg503216", "teslapg503216")),
)
"""GPUs of which no page was found that states their memory, in November 2026: title and folded names."""
RUMOURED = (
    ("GeForce RTX 5070 Super", ("rtx5070super", "5070super", "5070s")),
    ("GeForce RTX 5070 Ti Super", ("rtx5070tisuper", "5070tisuper", "5070tis")),
    ("GeForce RTX 5080 Super", ("rtx5080super", "5080super", "5080s")),
    ("GeForce RTX 5060 Super", ("rtx5060super", "5060super")),
    ("Apple M5 Ultra", ("m5ultra",)),
    ("Apple M4 Ultra", ("m4ultra",)),
    ("Apple M6", ("m6", "m6pro", "m6max")),
    ("Radeon RX 9080", ("rx9080", "rx9080xt", "9080xt", "rx9090xt")),
    ("Intel Arc B770", ("arcb770", "b770")),
    ("GeForce RTX 6090", ("rtx6090", "6090", "rtx6080", "6080", "rtx6070")),
)
"""GPUs that pages of 2025 and 2026 expect, and no page announces: title and folded names. Of the RTX 50 Super and the M5 Ultra
they state memory (18 and 24 GB; up to 768 GB), from leaks: vgtimes.com 2025, cloudnews.tech and macobserver.com 2026."""


def refuse(name: str) -> None:
    """Raise ``UnknownGpu`` for an accelerator, saying which program serves it, and for a GPU that nothing describes."""
    key = normalise(name)
    for title, names in UNSOURCED:
        if key in names:
            hint = "ask with its size and bandwidth, as -g custom:24GiB@1008GB/s"
            raise UnknownGpu(f"no page was found that states the memory of the {title}", hint)
    plain = key.removesuffix("gb").rstrip("0123456789") if key.endswith("gb") else key
    for title, rumoured in RUMOURED:
        if plain in rumoured:
            raise UnknownGpu(
                f"the {title} was announced on no page that was found",
                "ask with the size that is expected, as -g custom:24GiB@1008GB/s",
            )
    found = next((one for one in ACCELERATORS if key.startswith(one.beginnings)), None)
    if found is None:
        return
    hint = f"models run on it with {found.servers}, whose memory is not modelled"
    if found.custom:
        hint += f"; for the weights and the cache alone ask with -g {found.custom}"
    raise UnknownGpu(f"{found.title} is no GPU that the engines here run on", hint)
