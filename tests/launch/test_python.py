"""Python scripts: the calls in them with what the text states, and what engines make of them."""

from __future__ import annotations

from typing import Any

import pytest

from vramfit.engines.commands import read_command
from vramfit.errors import CannotTell, UsageError
from vramfit.launch.code import is_unknown, options
from vramfit.launch.files import Files
from vramfit.launch.python import calls, is_code
from vramfit.launch.scripts import of_code


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (True, "import torch"), (True, "\n# note\nfrom a.b import c\n"), (False, "from sender@host"), (False, "import -h"),
        (False, "vllm serve a/b"), (False, "# import torch"), (False, ""),
    ],
)  # fmt: skip
def test_code_begins_with_an_import(expected: bool, text: str) -> None:
    assert is_code(text) is expected


def value(text: str, variables: dict[str, str] | None = None, words: tuple[str, ...] = ()) -> Any:
    """Argument of the last call ``use(…)``."""
    return [one for one in calls(text, variables or {}, words) if one.name == "use"][-1].arguments[0]


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (8192, "n = 8 * 1024\nuse(n)"),
        (-1, "use(-1)"),
        (256, "use(2 ** 8)"),
        (2.5, "use(5 / 2)"),
        (1, "use(7 // 4)"),
        ("a/b-c", "x = 'b'\nuse(f'a/{x}-' + 'c')"),
        ("torch.bfloat16", "import torch\nuse(torch.bfloat16)"),
        ("torch.bfloat16", "from torch import bfloat16 as kind\nuse(kind)"),
        ([1, "two"], "use([1, 'two'])"),
        ({"a": 1, "b": 2}, "first = {'a': 1}\nuse({**first, 'b': 2})"),
        ({"a": 3}, "d = dict(a=1)\nd['a'] = 3\nuse(d)"),
        (4, "use({'a': [3, 4]}['a'][1])"),
        ("yes", "on = True\nuse('yes' if on else 'no')"),
        ("no", "import os\nuse('no' if os.cpu_count() else 'no')"),
        ("b", "use(None or 'b')"),
        (2, "a, b = 1, 2\nuse(b)"),
        (5, "def f(n=5):\n    use(n)\n"),
        (6, "def f(n=5):\n    use(n)\nf(6)\n"),
        (7, "def f():\n    return 7\nuse(f())"),
        (9, "class A:\n    x: int = 9\ndef main(args):\n    use(args.x)\n"),
        (9, "@dataclass\nclass A:\n    x: int = field(default=9)\ndef main(args):\n    use(args.x)\n"),
        (3, "import argparse\np = argparse.ArgumentParser()\np.add_argument('--the-n', type=int, default=3)\n"
            "a = p.parse_args()\nuse(a.the_n)"),
        (False, "p.add_argument('-q', '--quick', action='store_true')\na = p.parse_args()\nuse(a.quick)"),
        ("d", "import os\nuse(os.environ.get('NONE', 'd'))"),
        (1, "kind = 'b'\nif kind == 'a':\n    use(0)\nelif kind != 'c':\n    use(1)\n"),
        (12, "use(int('12'))"),
        ("a/b", "import os\nuse(os.path.join('a', 'b'))"),
        (1, "with open('x') as f:\n    for i in f:\n        try:\n            use(1)\n        finally:\n            pass\n"),
        (2, "if __name__ == '__main__':\n    use(2)\nelse:\n    use(3)\n"),
    ],
)  # fmt: skip
def test_values_are_followed(expected: object, text: str) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "use(not len(data))", "use(unknown)", "use(2 ** 100000)", "use('a' * 3)", "use(10**50 + 1)", "x = input()\nuse(x + 'a')",
        "use(torch.cuda.is_bf16_supported() or 1)", "use([1][4])", "use({'a': 1}['b'])", "use(a < b)", "use(not a)", "use(1 / 0)",
        "import os\nuse(os.environ['NONE'])", "use(lambda: 1)", "use(f'{a}')",
    ],
)  # fmt: skip
def test_what_the_text_does_not_state_is_unknown(text: str) -> None:
    found = value(text)
    assert is_unknown(found)
    assert found.unset[0].startswith("`")


def test_words_behind_a_script_replace_its_defaults() -> None:
    text = "import argparse, os, sys\np = argparse.ArgumentParser()\np.add_argument('--model', default='a')\n"
    text += "args = p.parse_args()\nuse([args.model, sys.argv[0], os.environ['SIZE']])\n"
    assert value(text, {"SIZE": "7"}, ("--model", "b/c")) == ["b/c", "--model", "7"]
    assert value("def main(n=1):\n    use(n)\nfire.Fire(main)", {}, ("--n=4",)) == 4
    assert options(["--a", "1", "--b=x", "--c", "d", "e", "--f"]) == {"a": 1, "b": "x", "c": "d e", "f": True}


def test_names_and_comments_of_calls() -> None:
    text = "from vllm import LLM as Engine\nm = Engine('a')  # four\np = m.x.go().stop()\n# whole line\n"
    assert [one.name for one in calls(text, {})] == ["vllm.LLM", ".x.go", ".stop", "#"]
    assert calls(text, {})[-1].value("text") == "four"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("line 2 is no Python", "import a\nx = = 1"),
        ("cannot read the script", "import a\n" + "x = " + "-" * 100000 + "1"),
        ("more than 262,144", "import a\n" + " " * 2**18),
        ("more than 2,000 calls", "import a\n" + "a.b()\n" * 2001),
    ],
)
def test_hostile_scripts(message: str, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        calls(text, {})
    assert message in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "x = 'aaaaaaaaaaaaaaaa'\n" + "x = x + x\n" * 60 + "use(x)",
        "x = ['aaaaaaaaaaaaaaaa']\n" + "x = [x, x, x]\n" * 60 + "use(f'{x}')",
        "x = {'a': 1}\n" + "x = dict(a=x, b=x)\n" * 60 + "use(f'{x}')",
        "x = {'a': 1}\n" + "y = {}\ny['a'] = x\ny['b'] = x\nx = y\n" * 60 + "use(f'{x}')",
        "x = A()\n" + "x = A(x, x)\n" * 60 + "use(f'{x}')",
        "x = 'a' * 10 ** 12\nuse(x)",
    ],
)
def test_values_that_grow_with_a_power_of_the_lines_are_unknown(text: str) -> None:
    assert is_unknown(value(text))


def test_functions_that_call_themselves_often_end() -> None:
    with pytest.raises(UsageError, match="makes more than 2,000 calls"):
        calls("def f(x):\n    f(x); f(x); f(x)\nf(1)", {})
    with pytest.raises(UsageError, match="does too much to be followed"):
        calls("def f():\n" + "    x = 1\n" * 10_000 + "f()\n" * 20, {})


def test_functions_that_call_each_other_end() -> None:
    found = calls("def f(n):\n    g(n)\n    use(n)\ndef g(n):\n    f(n)\n    f(n)\nf(1)\n", {})
    assert 1 <= len(found) <= 2000


def test_code_in_front_of_which_a_launcher_stands() -> None:
    text = "# torchrun --nproc-per-node 4 train.py\nimport torch\n"
    first, second = of_code(text)
    assert (first.output, first.input, second.words) == (
        "train.py", text, ("torchrun", "--nproc-per-node", "4", "train.py"),
    )  # fmt: skip


def keys(command: str, scripts: dict[str, str] | None = None) -> tuple[str, dict[str, object]]:
    """Engine and keys of a command, with files of these texts."""

    def text(path: str) -> str:
        if path not in (scripts or {}):
            raise UsageError(f"cannot read {path}")
        return (scripts or {})[path]

    found = read_command(command, Files(text))
    return found.engine, found.keys


OFFLINE = {"max_batched_tokens": "16384", "context": "max"}


@pytest.mark.parametrize(
    ("engine", "expected", "command"),
    [
        ("vllm", {**OFFLINE, "model": "a/b", "context": "4096", "tensor_parallel": "2", "gpu_memory_utilization": "0.8"},
         "from vllm import LLM\nllm = LLM(model='a/b', max_model_len=4096, tensor_parallel_size=2,\n"
         "    gpu_memory_utilization=0.8, trust_remote_code=True)\n"),
        ("vllm", {**OFFLINE, "model": "a/b", "enforce_eager": True, "max_batched_tokens": "2048"},
         "import vllm\nargs = vllm.AsyncEngineArgs('a/b', enforce_eager=True, max_num_batched_tokens=2048)\n"),
        ("sglang", {"model": "a/b", "tensor_parallel": "2", "gpu_memory_utilization": "0.7"},
         "import sglang as sgl\nllm = sgl.Engine(model_path='a/b', tp_size=2, mem_fraction_static=0.7)\n"),
        ("tensorrt-llm", {"model": "a/b", "tensor_parallel": "2", "gpu_memory_utilization": "0.6", "context": "max"},
         "from tensorrt_llm import LLM\nfrom tensorrt_llm.llmapi import KvCacheConfig\n"
         "llm = LLM(model='a/b', tensor_parallel_size=2,\n  kv_cache_config=KvCacheConfig(free_gpu_memory_fraction=0.6))\n"),
        ("mlx", {"model": "mlx-community/b-4bit"}, "from mlx_lm import load\nm, t = load('mlx-community/b-4bit')\n"),
    ],
)  # fmt: skip
def test_engines_that_a_script_makes(engine: str, expected: dict[str, object], command: str) -> None:
    found, stated = keys(command)
    assert set(expected) <= set(stated)
    assert (found, {name: stated[name] for name in stated if name in expected}) == (engine, expected)


def test_a_script_that_is_no_file_here_is_named() -> None:
    with pytest.raises(UsageError) as caught:
        keys("python run.py --n 4")
    assert "run it where run.py is" in (caught.value.hint or "")


def test_a_script_of_a_file_a_here_document_or_an_argument() -> None:
    script = "from vllm import LLM\nimport sys\nLLM(sys.argv[0], dtype='float16')\n"
    found = [
        keys("CUDA_VISIBLE_DEVICES=0 python -u run.py a/b", {"run.py": script}),
        keys(f"cat > run.py <<'END'\n{script}END\nuv run python run.py a/b"),
        keys("python -c \"from vllm import LLM; LLM('a/b', dtype='float16')\""),
        keys(f"python - a/b <<'END'\n{script}END"),
    ]
    assert found == [("vllm", {**OFFLINE, "model": "a/b", "quant": "fp16"})] * 4


@pytest.mark.parametrize(
    ("expected", "code"),
    [
        ({"model": "a/b", "quant": "bf16", "context": 512},
         "m = AutoModelForCausalLM.from_pretrained('a/b', torch_dtype=torch.bfloat16)\nm.generate(**x, max_length=512)"),
        ({"model": "a/b", "quant": "nf4-single", "flash_attention": "off"},
         "q = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type='nf4')\n"
         "m = AutoModelForCausalLM.from_pretrained('a/b', quantization_config=q, attn_implementation='eager')"),
        ({"model": "a/b", "quant": "int8"}, "m = LlamaForCausalLM.from_pretrained('a/b', load_in_8bit=True)"),
        ({"model": "a/b", "quant": "fp16"}, "p = pipeline('text-generation', model='a/b', torch_dtype=torch.float16)"),
    ],
)  # fmt: skip
def test_scripts_that_run_a_model(expected: dict[str, object], code: str) -> None:
    assert keys(f"import torch\nfrom transformers import *\n{code}") == ("transformers", expected)


@pytest.mark.parametrize(
    ("kind", "message", "code"),
    [
        (UsageError, "takes its model from `name`", "m = AutoModelForCausalLM.from_pretrained(name)\nTrainer(m)"),
        (UsageError, "does not state the model", "Trainer(make())"),
        (UsageError, "does not state the model that it loads", "AutoModelForCausalLM.from_pretrained(pick())"),
        (CannotTell, "KTOTrainer is not modelled", "from trl import KTOTrainer\nKTOTrainer('a/b')"),
        (UsageError, "without adapters", "m = AutoModelForCausalLM.from_pretrained('a/b', load_in_4bit=True)\nTrainer(m)"),
        (UsageError, r"`count\(…\)` is not run here", "m = AutoModelForCausalLM.from_pretrained('a/b')\n"
         "Trainer(m, TrainingArguments('o', per_device_train_batch_size=count()))"),
        (UsageError, "`steps` is not run here", "m = AutoModelForCausalLM.from_pretrained('a/b')\n"
         "Trainer(m, TrainingArguments('o', per_device_train_batch_size=steps))"),
    ],
)  # fmt: skip
def test_what_a_script_does_not_state(kind: type[Exception], message: str, code: str) -> None:
    with pytest.raises(kind, match=message):
        keys(f"from transformers import AutoModelForCausalLM, Trainer, TrainingArguments\n{code}")
