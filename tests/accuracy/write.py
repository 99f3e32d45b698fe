"""Writer of docs/accuracy.md: ``python -m tests.accuracy.write``."""

from __future__ import annotations

from pathlib import Path

from tests.accuracy import llamacpp, sglang, vllm
from tests.training import errors

PAGE = Path(__file__).parent.parent.parent / "docs" / "accuracy.md"
OPENING = """# Accuracy

How far the estimates are from what programs print, term by term. `python -m tests.accuracy.write` writes this page from
the logs in `tests/engines/` and `tests/training/`, and a test holds it fresh.

## vLLM

Whole start-up logs of vLLM 0.7 to 0.29, most of them of 0.19 on one, two and four H100 (`tests/engines/vllm/logged.yaml`
names each source). An error is that of the expected bytes. "Between low and high" counts logs within the bounds of the
term; those of an estimate are the sums over its terms.
"""
SPREADS = """
The bounds are factors of the expected bytes (`SPREAD` in `src/vramfit/engines/vllm/parts.py`). Those that fit contain nine
tenths of the logs. They were fitted on the logs of one half of the models and checked on those of the other, each half
in turn, with five hundredths to spare:
"""
SGLANG = """
## SGLang

Tokens of the cache in start-up logs (`tests/engines/sglang/measured.yaml` names each source). Weights, the static share,
what was free before they were loaded and the bytes of a token all count in them. What a process holds before it loads
(`src/vramfit/engines/sglang/overhead.py`) was read off the logs of the B200, the MI355X, the four H100 and LFM2, and off
others; nothing is fitted on the rest.
"""

LLAMACPP = """
## llama.cpp

Its own accounting of runs that load no weights (`tests/engines/llamacpp/accounting.yaml`,
`tests/engines/llamacpp/further_accounting.yaml`), to the MiB that it prints, over settings that change what it allocates:
layers and experts in RAM, several GPUs, sequences, element types of the cache, flash attention on and off.
"""
TRAINING = """
## Fine-tuning

Peaks of measured runs (`tests/training/measured.yaml` names each source): what PyTorch allocated, and what the process
took. What is made of them: [fine-tuning](fine-tuning.md).
"""

LOG = (Path(__file__).parent.parent / "verify" / "logs" / "llamacpp-b5781-vulkan.log").read_text("utf-8")
OWN = f"""
## A log of your own

`vramfit verify` reads a start-up log (`-` is stdin), takes from it the engine and its release, the model, the file type, the
GPUs and the settings, asks for that deployment, and prints each figure of the log beside the estimate's. What the log does
not say is asked for, and what is given counts for more than the log: `-m`, `-g` and every other key of `vramfit check`.
llama-server prints its buffers with `-v`, Ollama by itself; vLLM prints the parts of its profile run with
`VLLM_LOGGING_LEVEL=DEBUG`, and no GPU, as SGLang; trainers print peaks and neither model nor length. Prefixes of services,
colours, several starts in one file (the last counts) and a cut end change nothing. This log, saved as `server.log`,

```text
{LOG}```

is of llama.cpp on Vulkan, whose graph reserved more than CUDA's does:

```console
$ vramfit verify server.log --format table
SESSION
```

A figure has bounds where the estimate states some; weights and caches are arithmetic, and have none. The exit code is 0 if
all that have bounds are inside, 1 if one is outside, 3 if the log lacks the model, the GPU or the quantization, and 4 if it
cannot be read or has no figures. `--json`, `--format csv` and the like are those of other commands.

### Send it

A log that is outside is worth most. `--save DIR` writes the comparison as a row of YAML: engine and release, the catalogue's
name of the model, the keys, the GPU, and each figure with ours. It has no paths, no names of hosts or users, and a model
that is not in the catalogue is left out. Read it, and send it with a sentence on where the log is from:

```sh
vramfit verify server.log --save measurements --format plain
```
"""
"""Section on comparing a log, whose session ``tests.refresh_docs`` writes and ``tests/test_docs.py`` holds."""


def own_log() -> str:
    """Section on a log of the reader's own, with what the command prints today."""
    from tests.command import vramfit

    printed = vramfit("verify", "-", "--format", "table", stdin=LOG).out
    return OWN.replace("SESSION\n", printed)


def page() -> str:
    """Text of the page."""
    servers = [OPENING, *vllm.table(), SPREADS, *vllm.spreads(), SGLANG, *sglang.table()]
    others = [LLAMACPP, *llamacpp.table(), "", llamacpp.drivers(), TRAINING, errors.table().rstrip(), own_log()]
    return "\n".join([*servers, *others])


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
