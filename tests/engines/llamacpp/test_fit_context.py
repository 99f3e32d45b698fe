"""Context that llama.cpp's programs choose where the command states none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from vramfit.engines import estimate
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.errors import UsageError
from vramfit.sources import open_catalogue
from vramfit.units import MIB

if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment

DENSE, MIXTURE = "qwen3.6-27b", "qwen3.6-35b-a3b"


def chosen(**keys: Any) -> Deployment:
    """The deployment that a request without a context is resolved to."""
    request = {"engine": "llama.cpp", "quant": "Q4_K_M", "context": "auto", "images": 0, "gpu_layers": "auto", **keys}
    (found,) = resolve(parse_request(request), open_catalogue())
    return found


def free(found: Deployment, card_bytes: int) -> list[int]:
    """Bytes that a deployment leaves of each GPU."""
    return [card_bytes - gpu.total_bytes for gpu in estimate(found).gpus]


def test_what_fits_is_left_alone() -> None:
    found = chosen(gpu="rtx4090", model="qwen3-8b")
    assert found.workload.context == 40960
    assert not [text for text in estimate(found).assumptions if text.startswith("--fit")]


def test_the_context_is_shortened_before_layers_move() -> None:
    """1024 MiB stay free, to less than what a step of the context takes."""
    found = chosen(gpu="custom:24GiB", model=DENSE)
    assert (4096 < found.workload.context < 262144, found.workload.context % 256) == (True, 0)
    assert estimate(found).host.weights_bytes < 2**30
    (rest,) = free(found, 24 * 1024 * MIB)
    assert 1024 * MIB <= rest < 1048 * MIB
    (text,) = [text for text in estimate(found).assumptions if text.startswith("--fit")]
    assert f"from 262,144 tokens to {found.workload.context:,}" in text


def test_less_free_memory_is_a_shorter_context() -> None:
    contexts = [chosen(gpu="rtx4090", model=DENSE, reserve=size).workload.context for size in ("0GiB", "1GiB", "2GiB")]
    assert contexts == sorted(contexts, reverse=True)
    assert len(set(contexts)) == 3


def test_the_shortest_context_has_layers_in_ram() -> None:
    found = chosen(gpu="rtx4090", model="llama-3.3-70b")
    assert found.workload.context == 4096
    assert estimate(found).host.weights_bytes > 10 * 2**30


@pytest.mark.parametrize(("model", "parts"), [(DENSE, 2), (MIXTURE, 6)])
def test_several_cards_leave_room_for_parts_of_layers(model: str, parts: int) -> None:
    """Half a layer of a dense model for each GPU and one more, a sixth of one of a mixture."""
    found = chosen(gpu="2xcustom:12GiB", model=model)
    assert (4096 < found.workload.context < 262144, found.workload.gpu_layers) == (True, "all")
    result = estimate(found)
    layer = sum([gpu.weights_bytes for gpu in result.gpus]) / found.model.layer_count
    rest = sum(free(found, 12 * 1024 * MIB)) - 2 * 1024 * MIB
    assert rest == pytest.approx(3 * layer / parts, abs=64 * MIB)


def test_slots_with_caches_of_their_own() -> None:
    one = chosen(gpu="rtx4090", model=DENSE).workload
    four = chosen(gpu="rtx4090", model=DENSE, parallel=4).workload
    assert 4 * four.context < one.context
    assert four.context % 256 == 0


def test_a_stated_prompt_is_shortened_too() -> None:
    work = chosen(gpu="rtx4090", model=DENSE, prompt_tokens=200_000).workload
    assert work.prompt_tokens == work.context


def test_matrices_split_over_cards_are_not_fitted() -> None:
    assert chosen(gpu="2xcustom:12GiB", model=DENSE, split_mode="tensor").workload.context == 262144


def test_other_engines_do_not_choose() -> None:
    with pytest.raises(UsageError, match="sglang does not choose a context by itself"):
        chosen(gpu="rtx4090", model="qwen3-8b", engine="sglang", quant="bf16", gpu_layers="all")
