"""Files that a command names: Ollama's Modelfile, and files of variables."""

from __future__ import annotations

import pytest

from vramfit.engines.commands import read_command
from vramfit.errors import InputError, VramfitError
from vramfit.launch.files import Files

TEXTS = {
    "Modelfile": "FROM llama3.1:8b\nPARAMETER num_ctx 16384\n",
    "models/chat.txt": "FROM qwen3:14b\nPARAMETER num_gpu 20\n",
    "server.env": "# for the server\nexport OLLAMA_NUM_PARALLEL=3\nOLLAMA_CONTEXT_LENGTH='8192'\nno variable\n",
}


def _text(path: str) -> str:
    try:
        return TEXTS[path.removeprefix("./")]
    except KeyError:
        raise InputError(f"cannot read {path}") from None


FILES = Files(text=_text)


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        ("ollama create chat && ollama run chat", {"model": "llama3.1:8b", "context": "16384"}),
        ("ollama create chat -f ./Modelfile; ollama run chat", {"model": "llama3.1:8b", "context": "16384"}),
        ("ollama create chat --file models/chat.txt && ollama run chat", {"model": "qwen3:14b", "gpu_layers": "20"}),
        # A file that the command writes itself is not read from the disk.
        (
            "printf '%s\\n' 'FROM gemma3:4b' 'PARAMETER num_ctx 2048' > Modelfile\nollama create chat\nollama run chat",
            {"model": "gemma3:4b", "context": "2048"},
        ),
    ],
)
def test_a_modelfile_says_what_runs(line: str, keys: dict[str, object]) -> None:
    read = read_command(line, FILES)
    assert "ollama" == read.engine
    assert keys == {key: read.keys[key] for key in keys}


def test_variables_of_a_file_are_those_of_its_line() -> None:
    """Comments and lines without a value are passed over; what the line states itself comes first."""
    start = "docker run -d --env-file server.env -e OLLAMA_NUM_PARALLEL=2 ollama/ollama"
    line = f"{start}\ndocker exec -it ollama ollama run llama3.1:8b"
    read = read_command(line, FILES)
    assert ("8192", "2") == (read.keys["context"], read.keys["parallel"])


def test_a_file_that_is_not_there_is_an_error() -> None:
    with pytest.raises(VramfitError, match=r"cannot read nowhere\.txt"):
        read_command("ollama create chat -f nowhere.txt && ollama run chat", FILES)
