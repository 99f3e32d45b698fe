"""Lines of llama.cpp's programs and of koboldcpp become deployment keys, or are refused with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from vramfit.engines.commands import read_command
from vramfit.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

ALONE = {"parallel": "1", "outputs": "batch", "context_checkpoints": "0", "cache_ram": "0"}
"""Keys of a program that serves nobody."""
BENCH = {**ALONE, "model": "x.gguf", "gpu_layers": "all", "context": "512", "images": 0}
KOBOLD = {
    **ALONE, "context": "8192", "model": "x.gguf", "flash_attention": "off", "batch": "512", "ubatch": "512",
    "swa_full": True, "images": 0, "gpu_layers": "auto",
}  # fmt: skip


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        (
            "-hf unsloth/Qwen3.8-27B-GGUF:Q4_K_M -c 0 -np 4 -no-kvu",
            {"model": "hf:unsloth/Qwen3.8-27B-GGUF:Q4_K_M", "parallel": "4", "unified_kv": False, "context": "max/4",
             "gpu_layers": "auto"},
        ),
        ("-hf a/b:Q4_K_M -hff b-Q5_K_M.gguf -c 4096 -np 1 --rope-scaling yarn",
         {"model": "hf:a/b:b-Q5_K_M.gguf", "parallel": "1", "context": "4096", "gpu_layers": "auto"}),
        ("-mu https://a.b/c.gguf -c 4096 -np 1 -cms 256",
         {"model": "https://a.b/c.gguf", "parallel": "1", "context": "4096", "gpu_layers": "auto", "images": 0,
          "checkpoint_min_step": "256"}),
        # The first pattern of the line decides, whichever flag it comes from.
        ("-m x.gguf -np 1 -c 8 -ncmoe 3 -ot a=CUDA1",
         {"model": "x.gguf", "parallel": "1", "context": "8", "images": 0, "gpu_layers": "all",
          "override_tensor": (r"blk\.(0|1|2)\.ffn_(up|down|gate|gate_up)_(ch|)exps=CPU", "a=CUDA1")}),
        ("-m x.gguf -np 1 -c 8 -cmoe -ot a=CUDA1",
         {"model": "x.gguf", "parallel": "1", "context": "8", "images": 0, "gpu_layers": "all", "cpu_moe_layers": "all",
          "override_tensor": ("a=CUDA1",)}),
        ("-m x.gguf -np 1 -c 8 -ot a=CUDA1 -ncmoe 3",
         {"model": "x.gguf", "parallel": "1", "context": "8", "images": 0, "gpu_layers": "all", "cpu_moe_layers": "3",
          "override_tensor": ("a=CUDA1",)}),
        ("-m x.gguf -np 1 -c 8 -ncffn 2",
         {"model": "x.gguf", "parallel": "1", "context": "8", "images": 0, "gpu_layers": "all",
          "override_tensor": (r"blk\.(0|1)\.ffn_(up|down|gate|gate_up)\.=CPU",)}),
    ],
)  # fmt: skip
def test_server(line: str, keys: dict[str, Any]) -> None:
    assert keys == read_command(f"llama-server {line}").keys


@pytest.mark.parametrize(
    ("variables", "flags", "keys"),
    [
        ("LLAMA_ARG_CTX_SIZE=32768 LLAMA_ARG_N_GPU_LAYERS=99 LLAMA_ARG_HOST=0.0.0.0", "",
         {"context": "32768", "gpu_layers": "99"}),
        ("LLAMA_ARG_CTX_SIZE=32768", "-c 4096", {"context": "4096", "gpu_layers": "auto"}),
        ("LLAMA_ARG_CTX_SIZE=8 LLAMA_ARG_CPU_MOE=1 LLAMA_ARG_KV_OFFLOAD=0", "",
         {"context": "8", "cpu_moe_layers": "all", "kv_offload": False, "gpu_layers": "all"}),
        ("LLAMA_ARG_CTX_SIZE=8 LLAMA_ARG_CPU_MOE=0 LLAMA_ARG_KV_OFFLOAD=true LLAMA_ARG_FIT=off", "",
         {"context": "8", "gpu_layers": "all"}),
        ("LLAMA_ARG_CTX_SIZE=8 LLAMA_ARG_OVERRIDE_TENSOR=a=CPU LLAMA_ARG_TENSOR_SPLIT=3/1", "",
         {"context": "8", "override_tensor": ("a=CPU",), "tensor_split": "3,1", "gpu_layers": "all"}),
    ],
)  # fmt: skip
def test_variables_stand_for_flags(variables: str, flags: str, keys: dict[str, Any]) -> None:
    asked = {"model": "x.gguf", "parallel": "1", "images": 0}
    assert {**asked, **keys} == read_command(f"{variables} llama-server -m x.gguf -np 1 {flags}").keys


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        ("", {}),
        ("-p 512,4096 -n 128 -d 0,8192 -ub 512,1024 -r 3 -fa 1 -ngl 99",
         {"context": "12288", "ubatch": "1024", "flash_attention": "on", "gpu_layers": "99"}),
        ("-p 0 -n 128-512+128 -pg 4096,256 -ngl -1", {"context": "4352"}),
        ("-ts 3/1 -ot a=CPU;b=CPU -nkvo 1",
         {"tensor_split": "3,1", "override_tensor": ("a=CPU;b=CPU",), "kv_offload": False}),
        # Behind as many tokens as are read, twice as many; the test of both parts may be the largest.
        ("-p 512 -d 512", {"context": "1024"}),
        ("-p 100 -n 700 -d 300", {"context": "1000"}),
        ("-p 300 -n 300 -pg 300,300", {"context": "600"}),
        ("-p 0 -n 0", {"context": "1"}),
        ("-dev none", {"gpu_layers": "0"}),
    ],
)  # fmt: skip
def test_bench(line: str, keys: dict[str, Any]) -> None:
    quoted = line.replace("a=CPU;b=CPU", "'a=CPU;b=CPU'")
    expected = {**BENCH, **keys}
    if "override_tensor" in expected:
        expected["override_tensor"] = ("a=CPU", "b=CPU")
    assert expected == read_command(f"llama-bench -m x.gguf {quoted}").keys


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        ("koboldcpp --model x.gguf", {}),
        ("./koboldcpp-linux-x64 x.gguf --port 5001 --multiuser --debugmode", {}),
        (
            "python3 koboldcpp.py --model x.gguf --usecublas 0 lowvram --gpulayers 99 --tensor_split 3 1 --contextsize 16384",
            {"kv_offload": False, "gpu_layers": "99", "tensor_split": "3,1", "context": "16384"},
        ),
        ("koboldcpp x.gguf --quantkv 1", {"kv_cache_type": "q8_0", "kv_cache_type_v": "f16"}),
        (
            "koboldcpp x.gguf --quantkv 2 --flashattention --useswa",
            {"kv_cache_type": "q4_0", "kv_cache_type_v": "q4_0", "flash_attention": "on", "swa_full": False},
        ),
        (
            "koboldcpp x.gguf --usevulkan --moecpu --gpulayers --blasbatchsize 2048",
            {"backend": "vulkan", "cpu_moe_layers": "all", "gpu_layers": "1", "batch": "2048", "ubatch": "2048"},
        ),
        ("koboldcpp x.gguf --moecpu 12 --usecpu", {"cpu_moe_layers": "12", "gpu_layers": "0"}),
        ("koboldcpp x.gguf --draftmodel d.gguf --draftamount 8", {"draft_model": "d.gguf", "speculative_tokens": "8"}),
    ],
)
def test_koboldcpp(line: str, keys: dict[str, Any]) -> None:
    assert {**KOBOLD, **keys} == read_command(line).keys


def test_koboldcpp_with_a_projector() -> None:
    expected = {key: value for key, value in KOBOLD.items() if key != "images"}
    assert expected == read_command("koboldcpp x.gguf --mmproj p.gguf").keys
    assert {**expected, "mmproj": "host"} == read_command("koboldcpp x.gguf --mmproj p.gguf --mmprojcpu").keys


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("llama-server -m x --rpc 1.2.3.4:5", "--rpc adds the devices of other machines, whose memory is not known here"),
        ("LLAMA_ARG_RPC=1.2.3.4:5 llama-server -m x",
         "--rpc adds the devices of other machines, whose memory is not known here"),
        ("llama-server -m x --lora no.gguf", "the adapter no.gguf is not on this machine, so its size is not known"),
        ("llama-bench -m x -ngl 10,20", 'llama-bench runs a test for each of "10,20"'),
        ("llama-bench -m x -p many", '"many" is no number of tokens'),
        ("koboldcpp x --batchsize -1", "--batchsize -1 of koboldcpp is not modelled"),
        ("llama-server --models-preset presets.ini --models-max 1",
         "the models of this server are in presets.ini, and it loads the one that a client asks for"),
        ("LLAMA_ARG_MODELS_DIR=/models llama-server -c 0",
         "the models of this server are in /models, and it loads the one that a client asks for"),
    ],
)  # fmt: skip
def test_what_is_refused(line: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_command(line)
    assert (message, True) == (caught.value.message, bool(caught.value.hint))


def test_sizes_of_adapters_are_those_of_their_files(tmp_path: Path) -> None:
    one, other = tmp_path / "one.gguf", tmp_path / "other.gguf"
    one.write_bytes(bytes(1000))
    other.write_bytes(bytes(500))
    line = f"llama-server -m x.gguf --lora {one},{other} --lora-scaled {one}:0.5"
    assert "2500" == read_command(line).keys["adapter_size"]
