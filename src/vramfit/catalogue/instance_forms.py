"""GPUs of machines whose type states the card and the count by the provider's own form: ``H100-SXM-8-80G``, ``a10g-largex4``.

Loaded for a name that no table of types has. Each form names where it was read; what it leads to is looked up like any name.
"""

from __future__ import annotations

import re

from vramfit.errors import UnknownGpu

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_SPACES = "t4|l4|l40s|a10g|a100(?:-large)?|h200|rtx-pro-6000"
FORMS: tuple[tuple[re.Pattern[str], dict[str, str]], ...] = (
    (re.compile(r"^(?P<card>[a-z]+\d+s?(?:-sxm)?)-(?P<count>\d)-(?P<size>\d+)g$"), {"h100": "h100 pcie"}),
    (re.compile(rf"^(?:nvidia-)?(?P<card>{_SPACES})-?(?:small|medium|large)?(?:x(?P<count>\d))?$"), {}),
    (re.compile(r"^n\d-(?P<card>[a-z0-9-]+?)(?:x(?P<count>\d+)(?:-nvlink.*)?)?$"), {}),
    (re.compile(r"^gpu-(?P<card>[a-z0-9-]+?)(?:-[a-d])?_(?P<count>\d)gpu-[a-z0-9-]+$"), {}),
    (re.compile(r"^_(?P<card>[a-z0-9]+)_\d+v_\d+g(?P<count>)$"), {}),
    (re.compile(r"^(?P<card>[a-z0-9-]+?)(?:-ib)?\.(?P<count>\d+)x$"), {}),
    (re.compile(r"^gpu-(?P<card>[a-z0-9]+?)x(?P<count>\d)-(?P<all>\d+)gb(?:-\w+)?$"), {}),
    (re.compile(r"^gx\d\w?-\d+x\d+x(?P<count>\d+)(?P<card>[a-z]\w+)$"), {"v100": "v100-pcie-16gb"}),
    (re.compile(r"^(?P<count>\d+)(?P<card>[a-z]+\d+[a-z]*)(?:\.(?P<size>\d+)s)?\.\d+v$"), {}),
    (re.compile(r"^(?P<card>a100|h100|v100|l40s|rtx\d{4})-(?P<size>\d+)gx(?P<count>\d)$"), {}),
    (re.compile(r"^nvidia-(?P<card>[a-z]\d+-mega)-\d+gb(?P<count>)$"), {}),
)
"""Forms of types, with the cards that each calls otherwise: Scaleway's (scaleway/docs-content
``gpu/reference-content/choosing-gpu-instance-type``), Hugging Face's Spaces and Jobs (huggingface_hub 2.4.0
``_space_api.SpaceHardware``), Hyperstack's, Nebius', Jarvislabs', Crusoe's, DigitalOcean's and Verda's (gpuhunt 0.1.34
``providers``), IBM's virtual servers, Paperspace's, and Google's labels of nodes."""
SPELLED = {
    "rtx-pro-6000": "rtxpro6000server", "a100-large": "a100 80gb", "rtx6000ada": "rtx 6000 ada", "mi300": "mi300x",
    "4000ada": "rtx 4000 ada", "6000ada": "rtx 6000 ada", "h100-mega": "h100 sxm", "h100-80gb-sxm": "h100 sxm",
}  # fmt: skip
"""Cards that a provider's types call otherwise than their makers do."""

ALIYUN = re.compile(r"^(?:ecs\.)?(gn\d\w*)-c(\d+)g(\d+)\.(\d*)x?large$")
ALIYUN_CARDS = {
    "gn5i": "p4", "gn6i": "t4", "gn6v": "v100-sxm2-16gb", "gn6e": "v100-sxm2-32gb", "gn7i": "a10",
    "gn7": "a100-sxm4-40gb", "gn7e": "a100-sxm4-80gb", "gn8is": "l20",
}  # fmt: skip
"""Alibaba Cloud's families. A type states its processors for each of its GPUs (``c8g1``), and ``2xlarge`` has eight in all:
``ecs.gn5i-c2g1.large-2vCPU-8GB-1*NVIDIA_P4`` (alibabacloud.com, IMM API, Resource). Cards from memory but for gn5i and gn6e."""

TPU = re.compile(r"^(?:tpu[- ])?(v4|v5litepod|v5e|v5p|v6e)-(\d{1,3})$")
TPU_CORES = {"v4": 2, "v5p": 2}
"""Versions whose types count TensorCores, two of a chip; the others count chips (docs.cloud.google.com/tpu/docs)."""
TPU_MACHINE = re.compile(r"^(ct5lp|ct5p|ct6e)-\w+-(\d)t$")
TPU_MACHINES = {"ct5lp": "tpu-v5e", "ct5p": "tpu-v5p", "ct6e": "tpu-v6e"}

SHARED = ("zerogpu", "hf zerogpu", "zero-a10g")
"""Names of the service that gives a part of a card for as long as a call takes (huggingface.co/docs/hub/spaces-zerogpu)."""


def of_form(text: str) -> Iterator[tuple[int, str]]:
    """Numbers and names of the cards that a type in small letters may mean; none for a text of no known form.

    Raises ``UnknownGpu`` for a service that gives parts of cards.
    """
    if text in SHARED:
        raise UnknownGpu(
            "ZeroGPU gives each call a part of a card, which has changed over the years (A100, H200, RTX PRO 6000)",
            "ask with the size that its page states now, as -g custom:70GB, or for the card with --usable 70GB",
        )
    aliyun = ALIYUN.match(text)
    if aliyun is not None and aliyun[1] in ALIYUN_CARDS:
        processors = 4 * int(aliyun[4]) if aliyun[4] else 2
        yield max(1, processors * int(aliyun[3]) // int(aliyun[2])), ALIYUN_CARDS[aliyun[1]]
    tpu, machine = TPU.match(text), TPU_MACHINE.match(text)
    if tpu is not None and int(tpu[2]):
        yield max(1, int(tpu[2]) // TPU_CORES.get(tpu[1], 1)), f"tpu {tpu[1]}"
    if machine is not None and int(machine[2]):
        yield int(machine[2]), TPU_MACHINES[machine[1]]
    family = ALIYUN_CARDS.get(text.removeprefix("ecs."))
    if family is not None:
        raise UnknownGpu(
            f"{text} is a family of types", f"give the type, as {text}-c8g1.2xlarge, or the card: -g {family}"
        )
    for form, spelled in FORMS:
        found = form.match(text)
        if found is None:
            continue
        parts = found.groupdict()
        count = int(parts["count"] or 1)
        size = parts.get("size") or (str(int(parts["all"]) // count) if parts.get("all") and count else "")
        plain = parts["card"].replace("-", " ")
        card = {**SPELLED, **spelled}.get(parts["card"], plain)
        if count:
            yield count, f"{card} {size}gb" if size and card == plain else card
