"""Which part of a tensor a rank holds, and which splits engines refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.deployed import job
from tests.each import each
from tests.samples import Catalogue, model
from vramfit.engines.distributed import (
    Experts,
    copies,
    cut_width,
    expert_division,
    layout,
    local_kv_heads,
    local_share,
    of_one_copy,
    padding_needed,
    split_text,
    stage_layers,
    stage_of,
)
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.errors import UsageError
from vramfit.model import tensors
from vramfit.quantization import find_scheme

if TYPE_CHECKING:
    from vramfit.engines.interface import Job
    from vramfit.engines.servers import ServerKeys


def share(sample: str, name: str, ranks: int, **changes: Any) -> float:
    """The part of the tensor ``name`` on one rank, some of the model's facts changed."""
    made = model(sample, **changes)
    above, below = local_share(made, next(t for t in tensors(made) if t.name == name), ranks)
    return above / below


def asked(changes: dict[str, Any] | None = None, **request: Any) -> Job[Any, ServerKeys]:
    """What vLLM is asked to hold: Llama 3.1 8B unless the request says otherwise, some of the model's facts changed."""
    raw = {"model": "llama-3.1-8b", "quant": "fp16", "engine": "vllm", **request}
    return job(resolve(parse_request(raw), Catalogue({raw["model"]: changes or {}}))[0])


def laid_out(**request: Any) -> tuple[int, int]:
    """Ranks and stages."""
    return layout(asked(**request))


@pytest.mark.parametrize(
    ("expected", "name", "ranks"),
    [
        (1 / 4, "attn_q.weight", 4),
        (1 / 4, "attn_k.weight", 4),
        (1 / 8, "attn_v.weight", 8),
        # Eight KV heads on sixteen ranks: each has one, twice over all.
        (1 / 8, "attn_v.weight", 16),
        (1 / 16, "attn_output.weight", 16),
        (1 / 4, "ffn_down.weight", 4),
        (1, "attn_norm.weight", 4),
        (1, "output_norm.weight", 4),
        # 128,256 rows are a multiple of 64; vLLM pads to that before it cuts.
        (1 / 4, "token_embd.weight", 4),
        (1 / 4, "output.weight", 4),
    ],
)
def test_share_of_a_tensor(expected: float, name: str, ranks: int) -> None:
    """Columns or rows of matrices, KV heads repeated, norms whole (vLLM 0.33.0 ``layers/linear.py``)."""
    assert expected == share("llama-3.1-8b", name, ranks)


def test_shares_of_latent_attention() -> None:
    """What heads share is whole on every rank (``models/deepseek_v2.py``, ``ReplicatedLinear``)."""
    assert (1, 1, 1 / 8, 1 / 8) == tuple(
        share("latent", f"attn_{name}.weight", 8) for name in ("q_a", "kv_a_mqa", "q_b", "kv_b")
    )


def test_shares_of_experts() -> None:
    """Each expert is cut, the router is not."""
    assert (1 / 2, 1 / 2, 1) == tuple(
        share("mixtral-8x7b", f"ffn_{name}.weight", 2) for name in ("gate_exps", "down_exps", "gate_inp")
    )


def test_shares_of_a_vision_tower() -> None:
    """Its linear layers are cut as the language model's are; patches and positions are not."""
    names = ("v.attn_q.weight", "mm.0.weight", "v.patch_embd.weight", "v.position_embd.weight")
    assert (1 / 2, 1 / 2, 1, 1) == tuple(share("llava-1.5-7b", name, 2) for name in names)


def test_a_vision_tower_whose_heads_do_not_divide() -> None:
    """Is whole on every rank: 16 heads on 3."""
    assert (1, 1) == tuple(share("llava-1.5-7b", name, 3) for name in ("v.attn_q.weight", "mm.0.weight"))


@pytest.mark.parametrize(
    ("expected", "name"),
    [
        (1 / 16, "attn_q.bias"),
        # Eight KV heads on sixteen ranks: one each.
        (1 / 8, "attn_k.bias"),
        (1 / 16, "ffn_up.bias"),
        # Added once the ranks are summed.
        (1, "attn_output.bias"),
        (1, "ffn_down.bias"),
        (1, "attn_norm.bias"),
    ],
)
def test_shares_of_biases(expected: float, name: str) -> None:
    """Those of column-parallel layers are cut (``layers/linear.py``)."""
    traits = {"qkv_bias": True, "o_bias": True, "mlp_bias": True, "norm_bias": True}
    assert expected == share("llama-3.1-8b", name, 16, traits=traits)


@pytest.mark.parametrize("name", ["ssm_in.weight", "ssm_conv1d.weight", "ssm_x.weight", "ssm_out.weight"])
def test_shares_of_a_state_space(name: str) -> None:
    """Mamba 1 has no groups: each half of its width is a rank's (``mamba_mixer.py``)."""
    assert 1 / 2 == share("recurrent", name, 2)


@pytest.mark.parametrize(
    ("expected", "ranks"),
    [
        (1 / 2, 2),
        (1 / 8, 8),
        # Queries of two heads, and each rank a K and a V head of eight: 512 of 6,144 columns.
        (4 / 48, 16),
        (3 / 48, 32),
    ],
)
def test_shares_of_a_fused_projection(expected: float, ranks: int) -> None:
    """Its parts are cut as if they stood apart (``QKVParallelLinear``)."""
    assert expected == share("llama-3.1-8b", "attn_qkv.weight", ranks, traits={"fused_qkv": True})


def test_the_vocabulary_is_padded() -> None:
    """50,280 rows become 50,304, on one GPU too (``vocab_parallel_embedding.py``)."""
    assert (50_304 / 50_280, 50_304 / 50_280 / 2) == tuple(
        share("recurrent", "token_embd.weight", ranks) for ranks in (1, 2)
    )


@given(st.sampled_from(["llama-3.1-8b", "mixtral-8x7b", "latent", "sliding", "llava-1.5-7b", "recurrent"]))
def test_more_ranks_hold_no_more(sample: str) -> None:
    """A share never grows with the ranks, and all ranks together hold at least the tensor."""
    made = model(sample)
    for tensor in each(tensors(made)):
        shares = [above / below for above, below in (local_share(made, tensor, ranks) for ranks in (1, 2, 4, 8))]
        assert sorted(shares, reverse=True) == shares
        assert all(ranks * part >= 1 for ranks, part in zip((1, 2, 4, 8), shares, strict=True))


@pytest.mark.parametrize(
    ("expected", "layers", "stages"),
    [
        ([(0, 32)], 32, 1),
        ([(0, 8), (8, 16), (16, 24), (24, 32)], 32, 4),
        # What is left over goes to the stages before the last (``distributed/utils.py`` ``get_pp_indices``).
        ([(0, 15), (15, 30), (30, 46), (46, 61)], 61, 4),
        ([(0, 15), (15, 31), (31, 47), (47, 62)], 62, 4),
    ],
)
def test_stage_layers(expected: list[tuple[int, int]], layers: int, stages: int) -> None:
    """Equal shares."""
    assert expected == stage_layers(layers, stages)


@given(st.integers(1, 200), st.integers(1, 16))
def test_every_layer_is_on_one_stage(layers: int, stages: int) -> None:
    """Without a gap, and no stage has two layers more than another."""
    ranges = stage_layers(layers, stages)
    assert [0, *(stop for _, stop in ranges[:-1])] == [start for start, _ in ranges]
    assert layers == ranges[-1][1]
    sizes = [stop - start for start, stop in ranges]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        ((1, 1), {"gpu": "rtx4090"}),
        ((4, 1), {"gpu": "4xrtx4090"}),
        ((2, 2), {"gpu": "4xrtx4090", "pipeline_parallel": 2}),
        ((2, 2), {"gpu": "4xrtx4090", "tensor_parallel": 2, "pipeline_parallel": 2}),
        ((1, 4), {"gpu": "4xrtx4090", "pipeline_parallel": 4}),
    ],
)
def test_layout(expected: tuple[int, int], request_: dict[str, Any]) -> None:
    """Tensor parallel over all GPUs unless stages are asked for."""
    assert expected == laid_out(**request_)


@pytest.mark.parametrize(
    ("message", "hint", "request_"),
    [
        ("2 GPUs, and 4 were given", "number of GPUs", {"gpu": "4xrtx4090", "tensor_parallel": 2}),
        ("8 GPUs, and 4 were given", "number of GPUs", {"gpu": "4xrtx4090", "tensor_parallel": 8}),
        ("32 attention heads", "--tensor-parallel 1 --pipeline-parallel 3", {"gpu": "3xrtx4090"}),
        ("32 attention heads", "--tensor-parallel 2 --pipeline-parallel 3", {"gpu": "6xrtx4090"}),
        ("exceeds the 4 layers", "fewer", {"gpu": "8xrtx4090", "model": "latent", "pipeline_parallel": 8}),
        (
            "blocks of 128", "--tensor-parallel 16 --pipeline-parallel 2",
            {"gpu": "32xrtx4090", "tensor_parallel": 32, "quant": "fp8-block"},
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_split(message: str, hint: str, request_: dict[str, Any]) -> None:
    """Says why, and what to type instead."""
    with pytest.raises(UsageError, match=message) as caught:
        laid_out(**request_)
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize(
    ("message", "gpu", "sample", "changes"),
    [
        ("vocabulary of 32000 rows", "3xrtx4090", "llama-2-7b", {}),
        ("128 attention heads", "3xrtx4090", "latent", {"vocab": 1536}),
        ("6 KV heads neither", "4xrtx4090", "llama-3.1-8b", {"heads": 24, "kv_heads": 6}),
        ("state-space width of 5120", "3xrtx4090", "recurrent", {}),
        ("feed-forward width of 11008", "3xrtx4090", "llama-2-7b", {"vocab": 1536, "heads": 33}),
        ("feed-forward width of 14336", "3xrtx4090", "mixtral-8x7b", {"vocab": 1536, "heads": 24, "kv_heads": 24}),
    ],
)  # fmt: skip
def test_widths_that_do_not_divide(message: str, gpu: str, sample: str, changes: dict[str, Any]) -> None:
    """Whatever their other widths do."""
    with pytest.raises(UsageError, match=message):
        layout(asked(changes, gpu=gpu, model=sample))


@pytest.mark.parametrize(
    ("gpu", "sample", "changes"),
    [
        # Six KV heads repeat evenly on twelve ranks, and divide by three; a width of 9 x 512 divides by three.
        ("12xrtx4090", "llama-3.1-8b", {"heads": 24, "kv_heads": 6, "ffn": 14400}),
        ("3xrtx4090", "llama-3.1-8b", {"heads": 24, "kv_heads": 6, "ffn": 14400}),
        ("3xrtx4090", "recurrent", {"ssm": {"kind": "mamba1", "inner": 4608, "state": 16, "conv": 4, "dt_rank": 160}}),
    ],
)
def test_widths_that_divide(gpu: str, sample: str, changes: dict[str, Any]) -> None:
    """All GPUs are ranks."""
    assert layout(asked(changes, gpu=gpu, model=sample))[1] == 1


def test_padding_of_grouped_checkpoints() -> None:
    """A cut through a group of scales needs a checkpoint padded by its publisher."""
    made = model("llama-2-7b")
    assert padding_needed(made, find_scheme("awq"), 2) is None
    assert "11,008 is padded to 11,264" in str(padding_needed(made, find_scheme("awq"), 4))
    assert padding_needed(made, find_scheme("fp16"), 4) is None


@pytest.mark.parametrize(
    ("expected", "width", "ranks"),
    [
        (None, 11_008, 1),
        (None, 11_008, 2),
        ((11_008, 4), 11_008, 4),
        (None, 10_000, 1),  # no multiple of 128, but whole
        ((10_000, 2), 10_000, 2),
    ],
)
def test_only_a_width_that_is_cut_can_be_cut_through_a_block(
    expected: tuple[int, int] | None, width: int, ranks: int
) -> None:
    assert cut_width(model("llama-2-7b", ffn=width), 128, ranks, ranks, False) == expected


def test_the_split_in_words() -> None:
    """Nothing for one GPU."""
    said = [
        split_text(
            asked(gpu=gpu),
            *ways,
        )
        for gpu, ways in (("rtx4090", (1, 1)), ("2xrtx4090", (2, 1)), ("4xrtx4090", (2, 2)), ("2xrtx4090", (1, 2)))
    ]
    assert [
        [],
        ["each layer is split over 2 GPUs"],
        ["each layer is split over 2 GPUs; the layers form 2 stages on groups of GPUs"],
        ["the layers form 2 stages on a GPU each"],
    ] == said


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        ((1, 1), {"gpu": "4xrtx4090", "data_parallel": 4}),
        ((2, 1), {"gpu": "4xrtx4090", "data_parallel": 2}),
        ((1, 2), {"gpu": "4xrtx4090", "data_parallel": 2, "pipeline_parallel": 2}),
        ((2, 2), {"gpu": "8xrtx4090", "data_parallel": 2, "tensor_parallel": 2, "pipeline_parallel": 2}),
    ],
)
def test_layout_of_copies(expected: tuple[int, int], request_: dict[str, Any]) -> None:
    """Tensor parallel over all GPUs of a copy."""
    assert expected == laid_out(**request_)


@pytest.mark.parametrize(
    ("message", "hint", "request_"),
    [
        (
            "tensor_parallel 2 x pipeline_parallel 1 x data_parallel 4 is 8 GPUs, and 4 were given", "number of GPUs",
            {"gpu": "4xrtx4090", "tensor_parallel": 2, "data_parallel": 4},
        ),
        ("Llama 3.1 8B has no experts", "leave expert_parallel out", {"gpu": "4xrtx4090", "expert_parallel": True}),
        # An expert's width of 14,336 is seven blocks of 128 a rank on sixteen; on 32 it is 3.5.
        (
            "14336 / 32 goes through blocks of 128", "use --expert-parallel",
            {"gpu": "32xrtx4090", "nodes": 1, "model": "mixtral-8x7b", "quant": "fp8-block"},
        ),
        # Copies divide the experts too.
        (
            "14336 / 32 goes through blocks of 128", "use --expert-parallel",
            {"gpu": "32xrtx4090", "model": "mixtral-8x7b", "quant": "fp8-block", "data_parallel": 32},
        ),
        # Whole experts do not help a vocabulary that does not divide.
        (
            "vocabulary of 32000 rows", "use --tensor-parallel 1 --pipeline-parallel 3",
            {"gpu": "3xrtx4090", "model": "mixtral-8x7b"},
        ),
        # Each of two copies has three of the six GPUs, and six of the twelve.
        (
            "vocabulary of 32000 rows", "use --tensor-parallel 1 --pipeline-parallel 3",
            {"gpu": "6xrtx4090", "model": "mixtral-8x7b", "data_parallel": 2, "expert_parallel": True},
        ),
        (
            "vocabulary of 32000 rows", "use --tensor-parallel 2 --pipeline-parallel 3",
            {"gpu": "12xrtx4090", "model": "mixtral-8x7b", "data_parallel": 2},
        ),
        # Experts of 14,336 divide by the two ranks of one copy, and not by the six of three.
        (
            "vocabulary of 32000 rows", "use --tensor-parallel 1 --pipeline-parallel 6",
            {"gpu": "18xrtx4090", "model": "mixtral-8x7b", "data_parallel": 3},
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_divided_over_copies(message: str, hint: str, request_: dict[str, Any]) -> None:
    """Says why, and what to type instead."""
    with pytest.raises(UsageError, match=message) as caught:
        laid_out(**request_)
    assert hint in str(caught.value.hint)


def test_whole_experts_need_no_division() -> None:
    """A width that blocks of scales do not divide runs with whole experts (``validate_fp8_block_shape_moe``)."""
    request = {"gpu": "32xrtx4090", "nodes": 1, "model": "mixtral-8x7b", "quant": "fp8-block", "expert_parallel": True}
    assert laid_out(**request) == (32, 1)


@pytest.mark.parametrize(
    ("expected", "keys", "ranks"),
    [
        (None, {}, 4),
        (None, {"expert_parallel": True}, 1),
        (Experts(4, True), {"expert_parallel": True}, 4),
        (Experts(8, False), {"data_parallel": 8}, 1),
        (Experts(8, True), {"data_parallel": 4, "expert_parallel": True}, 2),
    ],
)
def test_division_of_experts(expected: Experts | None, keys: dict[str, Any], ranks: int) -> None:
    """Over the ranks of all copies (``FusedMoEParallelConfig.make``)."""
    made = asked(gpu=f"{ranks * keys.get('data_parallel', 1)}xrtx4090", model="mixtral-8x7b", **keys)
    assert expected == expert_division(made.keys, ranks)


@pytest.mark.parametrize(
    ("expected", "division"),
    [
        ((1, 4), Experts(4, False)),
        ((2, 8), Experts(4, True)),
        # Eight experts on three ranks: three on the first.
        ((3, 8), Experts(3, True)),
        ((1, 8), Experts(16, True)),
    ],
)
def test_share_of_experts(expected: tuple[int, int], division: Experts) -> None:
    """By width, or by their number with the remainder on the first ranks (``determine_expert_map``)."""
    made = model("mixtral-8x7b")
    tensor = next(t for t in tensors(made) if t.name == "ffn_gate_exps.weight")
    assert expected == division.share(made, tensor)


@pytest.mark.parametrize(
    ("expected", "times", "parallel"), [(8, 1, 8), (4, 2, 8), (3, 4, 9), (1, 8, 1)]
)  # fmt: skip
def test_requests_of_one_copy(expected: int, times: int, parallel: int) -> None:
    """All of them divided by the copies, rounded up."""
    made = asked(gpu=f"{times}xrtx4090", data_parallel=times, parallel=parallel)
    assert (times, expected) == (copies(made.keys), of_one_copy(made).workload.parallel)


def test_places_of_gpus() -> None:
    """Ranks are the innermost groups and copies the outermost (``initialize_model_parallel``)."""
    assert [0, 0, 1, 1, 0, 0, 1, 1] == [stage_of(number, 2, 2) for number in range(8)]


def test_copies_in_words() -> None:
    """What a copy has, and what copies share."""
    dense = asked(gpu="4xrtx4090", data_parallel=2)
    mixture = asked(gpu="2xrtx4090", model="mixtral-8x7b", data_parallel=2, expert_parallel=True)
    assert [
        "2 copies take their share of the requests each; a copy has 2 GPUs; each layer is split over 2 GPUs"
    ] == split_text(dense, 2, 1)
    assert [
        "2 copies take their share of the requests each; a copy has one GPU and shares its experts with the others; "
        "each GPU has whole experts"
    ] == split_text(mixture, 1, 1)


@pytest.mark.parametrize(("expected", "heads", "ranks"), [(4, 8, 2), (1, 8, 8), (1, 2, 8), (1, 1, 4), (8, 8, 1)])
def test_heads_of_keys_and_values_on_a_rank(expected: int, heads: int, ranks: int) -> None:
    """Repeated where there are more ranks than heads."""
    assert expected == local_kv_heads(heads, ranks)


def test_a_stage_may_be_a_single_layer() -> None:
    """As many stages as layers, and no more."""
    assert laid_out(changes={"layers": 4}, gpu="4xrtx4090", pipeline_parallel=4) == (1, 4)
    with pytest.raises(UsageError, match="pipeline_parallel 5 exceeds the 4 layers"):
        laid_out(changes={"layers": 4}, gpu="5xrtx4090", pipeline_parallel=5)
