"""Which layers of a model share a block table in vLLM, and the bytes of their pages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.samples import gpu, model
from vramfit.engines.vllm.kv_tables import Conditions, Table, block_bytes, flashinfer_states, recurs, tables
from vramfit.workload.common import Workload

NEWEST = (0, 33, 0)


def conditions(**changes: Any) -> Conditions:
    """One rank of the newest release with a 16-bit cache."""
    usual: dict[str, Any] = {
        "release": NEWEST, "v2": True, "ranks": 1, "stages": 1, "step_tokens": 2048, "element_type": "f16", "flashinfer": False,
    }  # fmt: skip
    return Conditions(**{**usual, **changes})


def shape(found: tuple[Table, ...]) -> list[tuple[str, int | None, int, int]]:
    """Kind, window, tokens of a block and number of layers of each table."""
    return [(table.kind, table.window, table.tokens, len(table.pages)) for table in found]


def test_one_table() -> None:
    """Equal layers share one: 16 tokens of 8 heads of 128 elements, K and V in 16 bits."""
    (found,) = tables(model("llama-3.1-8b"), Workload(4096), conditions())
    assert ("full", None, 16, tuple([(number, 65_536) for number in range(32)])) == (
        found.kind, found.window, found.tokens, found.pages
    )  # fmt: skip
    assert 32 * 65_536 == block_bytes((found,), (0, 32), 32)
    assert 8 * 65_536 == block_bytes((found,), (8, 16), 32)


@pytest.mark.parametrize(
    ("layers", "pattern", "release", "full", "sliding"),
    [
        # Two full layers make the group, and ten sliding ones five groups.
        (12, "5*sliding full", NEWEST, [2], [2, 2, 2, 2, 2]),
        # Three full and ten sliding: the last group is padded.
        (13, "3*sliding full", NEWEST, [3], [3, 3, 2, 2]),
        # 7 is less than 1.5 x 5, and not less than 1.25 x 5.
        (12, "7*sliding 5*full", NEWEST, [5], [7]),
        (12, "7*sliding 5*full", (0, 19, 0), [5], [7]),
        (12, "7*sliding 5*full", (0, 17, 0), [5], [4, 3]),
        (11, "6*sliding 5*full", (0, 17, 0), [5], [6]),
        (11, "6*sliding 5*full", (0, 11, 0), [5], [3, 3]),
        # Without the hybrid cache manager every layer keeps everything.
        (12, "5*sliding full", (0, 9, 0), [12], []),
    ],
)
def test_layers_of_two_kinds(
    layers: int, pattern: str, release: tuple[int, ...], full: list[int], sliding: list[int]
) -> None:
    """Numbers of layers in the tables, as ``_get_kv_cache_groups_uniform_page_size`` of that release divides them."""
    found = tables(model("sliding", layers=layers, pattern=pattern), Workload(4096), conditions(release=release))
    counts = {kind: [len(table.pages) for table in found if table.kind == kind] for kind in ("full", "sliding")}
    assert {"full": full, "sliding": sliding} == counts


def test_layers_are_dealt_to_the_groups() -> None:
    """Every third sliding layer goes to the same group, so that pipeline stages have layers of all groups."""
    found = tables(model("sliding", layers=8, pattern="3*sliding full"), Workload(4096), conditions())
    assert [(0, 4), (1, 5), (2, 6), (3, 7)] == sorted([tuple([number for number, _ in one.pages]) for one in found])


def test_a_block_on_a_stage() -> None:
    """The table with most pages there: one of two layers on each half."""
    made = model("sliding", layers=8, pattern="3*sliding full")
    found = tables(made, Workload(4096), conditions())
    assert [16 * 4096] * 2 == [block_bytes(found, span, 8) for span in ((0, 4), (4, 8))]


def hybrid(**changes: Any) -> Any:
    """Six Mamba layers and two with attention: two heads of 256, 2048 bytes a token."""
    return model(
        "recurrent", layers=8, pattern="3*mamba full", heads=16, kv_heads=2, head_dim=256, ffn=4096, context=65_536,
        **changes,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("tokens", "ahead", "ranks"),
    [
        # Convolution and state in 16 bits are 194,560 bytes: 95 tokens of 2048, rounded up to 16.
        (96, None, 1),
        # Three more columns of the convolution for three drafted tokens: 225,280 bytes.
        (112, 3, 1),
        # Half of the state, and half of the heads.
        (96, None, 2),
    ],
)
def test_blocks_that_hold_a_state(tokens: int, ahead: int | None, ranks: int) -> None:
    """The attention's block grows until its page holds a state, whose page is padded to it."""
    work = Workload(4096, speculative_tokens=ahead)
    found = tables(hybrid(), work, conditions(ranks=ranks))
    assert [("state", None, tokens, 2)] * 3 + [("full", None, tokens, 2)] == shape(found)
    assert {tokens * 2048 // ranks} == {size for table in found for _, size in table.pages}


@pytest.mark.parametrize(
    ("expected", "model_type"),
    [
        (2 * 15_360 + 2 * 81_920, "mamba"),
        (2 * 15_360 + 4 * 81_920, "nemotron_h"),
        (2 * 15_360 + 4 * 81_920, "qwen3_5_text"),
    ],
)
def test_element_types_of_states(expected: int, model_type: str) -> None:
    """16 bits unless the architecture asks for more."""
    from vramfit._record import replace
    from vramfit.model.traits import Architecture

    made = replace(model("recurrent"), architecture=Architecture(model_type=model_type))
    (found,) = tables(made, Workload(64), conditions())
    assert (1, {expected}) == (found.tokens, {size for _, size in found.pages})


@pytest.mark.parametrize(
    ("tokens", "release", "flashinfer"),
    [(1088, NEWEST, True), (1072, NEWEST, False), (1072, (0, 28, 0), True)],
)
def test_blocks_that_flashinfer_exports_states_into(tokens: int, release: tuple[int, ...], flashinfer: bool) -> None:
    """Gated delta nets: multiples of 64 tokens instead of 16. A state has 2,170,880 bytes, a token 2048."""
    made = model(
        "llama-3.1-8b", layers=8, pattern="3*linear full", heads=16, kv_heads=2, head_dim=256,
        linear={
            "kind": "gated_delta_net", "key_heads": 16, "value_heads": 64, "key_dim": 128, "value_dim": 128, "conv": 4
        },
    )  # fmt: skip
    found = tables(made, Workload(4096), conditions(release=release, flashinfer=flashinfer))
    assert {tokens} == {table.tokens for table in found}


@pytest.mark.parametrize(
    ("bytes_", "release"),
    [(1152, NEWEST), (1152, (0, 9, 0)), (1280, (0, 8, 5)), (1280, (0, 7, 0)), (1152, (0, 6, 6))],
)
def test_latents_of_old_releases_are_padded(bytes_: int, release: tuple[int, ...]) -> None:
    """576 elements take the room of 640."""
    (found,) = tables(model("latent"), Workload(4096), conditions(release=release))
    assert {16 * bytes_} == {size for _, size in found.pages}


def test_turboquant_leaves_the_ends_in_16_bits() -> None:
    """Two layers at either end, but in a model with recurrent layers none."""
    (found,) = tables(model("llama-3.1-8b"), Workload(4096), conditions(element_type="turboquant_4bit_nc"))
    packed = 16 * 8 * 134
    assert [65_536] * 2 + [packed] * 28 + [65_536] * 2 == [size for _, size in found.pages]
    mixed = tables(hybrid(), Workload(4096), conditions(element_type="turboquant_4bit_nc"))
    # Heads of 256 elements take 262 bytes.
    assert {size // table.tokens for table in mixed for _, size in table.pages} == {2 * 262}


def test_a_draft_joins_the_tables() -> None:
    """Its layers follow those of the model, on the last stage: three layers of attention make the group then."""
    from vramfit.engines.speculative import Draft
    from vramfit.quantization import derive, find_scheme

    draft = Draft("draft", derive(model("sliding", layers=1, pattern="full"), find_scheme("fp16")), "one layer")
    work = Workload(4096, speculative="draft", speculative_tokens=1, draft=draft)
    made = model("sliding", layers=8, pattern="3*sliding full")
    found = tables(made, work, conditions())
    assert [("sliding", 1024, 16, 3), ("sliding", 1024, 16, 3), ("full", None, 16, 3)] == shape(found)
    assert 8 in [number for number, _ in found[-1].pages]
    assert (2 * 65_536, 2 * 65_536) == tuple([block_bytes(found, span, 8) for span in ((0, 4), (4, 8))])


@pytest.mark.parametrize(("expected", "name"), [(False, "llama-3.1-8b"), (True, "recurrent"), (False, "sliding")])
def test_models_with_states(expected: bool, name: str) -> None:
    """Those with at least one recurrent layer."""
    assert expected is recurs(model(name))


@pytest.mark.parametrize(
    ("expected", "target"),
    [
        (False, "sm_89"),
        (True, "sm_90"),
        (True, "sm_100"),
        (True, "sm_120"),
        (True, "sm_121"),
        (False, "gfx942"),
        (False, None),
    ],
)
def test_cards_that_flashinfer_runs_on(expected: bool, target: str | None) -> None:
    """Hopper and Blackwell."""
    assert expected is flashinfer_states(gpu("rtx4090", compute_target=target))


def test_nothing_is_kept() -> None:
    """A model without layers has no tables."""
    from vramfit._record import replace

    assert () == tables(replace(model("llama-3.1-8b"), layers=()), Workload(4096), conditions())
