"""Types of machines that state their card and its count by a provider's own form."""

from __future__ import annotations

import pytest

from vramfit.catalogue.instance_forms import of_form
from vramfit.errors import UnknownGpu

FORMS = {
    "h100-1-80g": (1, "h100 pcie"),
    "h100-sxm-8-80g": (8, "h100 sxm 80gb"),
    "l40s-2-48g": (2, "l40s 48gb"),
    "t4-small": (1, "t4"),
    "a10g-largex4": (4, "a10g"),
    "a100-large": (1, "a100 80gb"),
    "nvidia-t4-medium": (1, "t4"),
    "rtx-pro-6000x2": (2, "rtxpro6000server"),
    "n3-h100x4": (4, "h100"),
    "n3-a100x8-nvlink": (8, "a100"),
    "n3-h100": (1, "h100"),
    "gpu-h200-sxm_8gpu-128vcpu-1600gb": (8, "h200 sxm"),
    "_h100_192v_1600g": (1, "h100"),
    "h100-80gb-sxm-ib.8x": (8, "h100 sxm"),
    "gpu-mi300x8-1536gb": (8, "mi300x"),
    "gpu-l40sx1-48gb": (1, "l40s 48gb"),
    "gx2-8x64x1v100": (1, "v100-pcie-16gb"),
    "1h100.80s.32v": (1, "h100 80gb"),
    "1rtx6000ada.10v": (1, "rtx 6000 ada"),
    "a100-80gx8": (8, "a100 80gb"),
    "nvidia-h100-mega-80gb": (1, "h100 sxm"),
    # Alibaba Cloud's: all processors over those of each GPU
    "ecs.gn7i-c8g1.2xlarge": (1, "a10"),
    "ecs.gn7i-c32g1.32xlarge": (4, "a10"),
    "ecs.gn7e-c16g1.32xlarge": (8, "a100-sxm4-80gb"),
    "ecs.gn6v-c10g1.20xlarge": (8, "v100-sxm2-16gb"),
    "ecs.gn5i-c2g1.large": (1, "p4"),
    # TPUs by chips, and by cores
    "v5litepod-8": (8, "tpu v5litepod"),
    "v6e-4": (4, "tpu v6e"),
    "v5p-8": (4, "tpu v5p"),
    "ct6e-standard-8t": (8, "tpu-v6e"),
    "m5.xlarge": None,
    "v6e-0": None,
    "gpu-h100x0-80gb": None,
    "": None,
}


@pytest.mark.parametrize("name", FORMS)
def test_count_and_card_of_a_type(name: str) -> None:
    assert next(of_form(name), None) == FORMS[name]


def test_a_family_of_types_is_refused_with_its_card() -> None:
    with pytest.raises(UnknownGpu, match="is a family of types") as raised:
        next(of_form("ecs.gn7i"))

    assert raised.value.hint == "give the type, as ecs.gn7i-c8g1.2xlarge, or the card: -g a10"


@pytest.mark.parametrize("name", ["zerogpu", "hf zerogpu", "zero-a10g"])
def test_a_service_that_gives_parts_of_cards_is_refused(name: str) -> None:
    with pytest.raises(UnknownGpu, match="a part of a card"):
        next(of_form(name))
