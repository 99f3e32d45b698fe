"""Services of Compose files: GPUs, variables, and sums of what shares a card."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.command import vramfit
from vramfit.errors import InputError
from vramfit.manifests import Ask, Broken, Container, Passed
from vramfit.manifests.compose import DEEPEST, read
from vramfit.manifests.documents import documents

if TYPE_CHECKING:
    from pathlib import Path


def services(
    text: str, folder: str = "", environment: dict[str, str] | None = None
) -> list[Container | Broken | Passed]:
    """Containers of a file."""
    (document,) = documents(text, "compose.yaml")
    return list(read(document, document.data(), folder, environment or {}))


def one(service: str, **environment: str) -> Container:
    """Container of the only service, whose text is a flow mapping."""
    (found,) = services(f"services: {{s: {service}}}", environment=environment)
    assert isinstance(found, Container)
    return found


DEVICES = "deploy: {resources: {reservations: {devices: [%s]}}}"


@pytest.mark.parametrize(
    ("expected", "service"),
    [
        (Ask(0), "{image: a}"),
        (Ask(None), "{image: a, gpus: all}"),
        (Ask(2, (0, 1)), "{image: a, gpus: [{driver: nvidia, count: 2}]}"),
        (Ask(1, (0,)), "{image: a, %s}" % (DEVICES % "{driver: nvidia, count: 1, capabilities: [gpu]}")),
        (Ask(None), "{image: a, %s}" % (DEVICES % "{driver: nvidia, capabilities: [gpu]}")),
        (Ask(None), "{image: a, %s}" % (DEVICES % "{count: -1, capabilities: [gpu]}")),
        (Ask(2, (0, 3)), "{image: a, %s}" % (DEVICES % "{device_ids: ['0', '3'], capabilities: [gpu]}")),
        (Ask(1), "{image: a, %s}" % (DEVICES % "{device_ids: ['GPU-18a3'], capabilities: [gpu]}")),
        (Ask(0), "{image: a, %s}" % (DEVICES % "{driver: x, capabilities: [tpu]}")),
        (Ask(None), "{image: a, runtime: nvidia}"),
        (Ask(2, (1, 2)), "{image: a, runtime: nvidia, environment: {NVIDIA_VISIBLE_DEVICES: '1,2'}}"),
        (Ask(0), "{image: a, runtime: nvidia, environment: [NVIDIA_VISIBLE_DEVICES=none]}"),
        (Ask(1, (2,)), "{image: a, gpus: all, environment: [CUDA_VISIBLE_DEVICES=2]}"),
        (Ask(1, (3,)), "{image: a, %s, environment: [CUDA_VISIBLE_DEVICES=1]}"
         % (DEVICES % "{device_ids: ['0', '3'], capabilities: [gpu]}")),
        (Ask(None), "{image: a, devices: ['/dev/kfd:/dev/kfd', '/dev/dri']}"),
        (Ask(1, (1,)), "{image: a, devices: [nvidia.com/gpu=1]}"),
    ],
)  # fmt: skip
def test_gpus(expected: Ask, service: str) -> None:
    assert expected == one(service).ask


def test_words_variables_memory_and_mounts(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SIZE=4096\nMODEL=from-file\n", encoding="utf-8")
    (tmp_path / "more.env").write_text("X=1\nTOKEN=${SECRET}\n", encoding="utf-8")
    text = (
        "services:\n  s:\n    image: a:${TAG:-1}\n    command: serve '${MODEL}' --len $SIZE\n    entrypoint: [run, \"--x\"]\n"
        "    env_file: more.env\n    environment: [A=$SIZE, PASSED, HOME]\n    mem_limit: 8g\n"
        "    volumes: ['./m:/models:ro', 'cache:/root']\n"
    )
    (found,) = services(text, str(tmp_path), {"MODEL": "from-shell", "HOME": "/home/u"})
    assert isinstance(found, Container)
    assert ("a:1", ("run", "--x"), ("serve", "from-shell", "--len", "4096"), 2**33) == (
        found.image, found.entrypoint, found.arguments, found.ram_bytes,
    )  # fmt: skip
    assert {"X": "1", "TOKEN": "${SECRET}", "A": "4096", "PASSED": "${PASSED}", "HOME": "/home/u"} == found.variables
    assert {"TOKEN", "PASSED"} == set(found.origins)
    assert (("/models", str(tmp_path / "m")), ("/root", None)) == found.mounts


def test_a_service_over_the_one_it_extends() -> None:
    base = "{image: a, environment: {A: '1', B: '1'}}"
    text = f"services:\n  base: {base}\n  s: {{extends: base, environment: {{B: '2'}}, gpus: all}}\n"
    found = services(text)[1]
    assert isinstance(found, Container)
    assert ("a", {"A": "1", "B": "2"}, Ask(None)) == (found.image, found.variables, found.ask)


def test_an_unknown_number_of_gpus_is_the_service_s_error() -> None:
    found = services("services:\n  s: {image: a, gpus: '${N}'}\n  t: {image: b}\n")
    assert [Broken, Container] == [type(each) for each in found]


TWO = """\
services:
  chat:
    image: vllm/vllm-openai:latest
    gpus: all
    command: --model Qwen/Qwen3-8B --max-model-len 8192 --gpu-memory-utilization 0.9
  small:
    image: ghcr.io/ggml-org/llama.cpp:server-cuda
    gpus: all
    volumes: [models:/models]
    command: -m /models/Qwen3-4B-Q4_K_M.gguf -c 8192 -np 1
"""


def test_services_that_fit_alone_and_not_together_are_a_no() -> None:
    ran = vramfit("check", "-f", "-", "-g", "rtx4090", "--json", "--offline", stdin=TWO)
    assert ran.code == 1
    assert {"fits"} == {each["verdict"] for each in ran.estimates}
    (shared,) = ran.document["shared"]
    parts = shared["devices"][0]["parts"]
    assert ["chat", "small"] == shared["shares"] == list(parts)
    assert (shared["verdict"], ran.document["verdict"]) == ("exceeds", "exceeds")
    small = next(each for each in ran.estimates if each["name"] == "small")
    chat = next(each for each in ran.estimates if each["name"] == "chat")
    assert parts["small"] == small["required_bytes"]["expected"]
    assert parts["chat"] == chat["devices"][0]["usable_bytes"] > chat["required_bytes"]["expected"]


@pytest.mark.parametrize(
    ("code", "text", "gpus"),
    [
        (0, TWO.replace("0.9\n", "0.8\n"), "rtx4090"),
        (0, TWO.replace("gpus: all\n    command", "gpus: [{device_ids: ['0']}]\n    command").replace(
            "gpus: all\n    volumes", "gpus: [{device_ids: ['1']}]\n    volumes"), "2xrtx4090"),
        (1, TWO.replace("gpus: all", "gpus: 1"), "2xrtx4090"),
    ],
)  # fmt: skip
def test_shares_and_cards_of_their_own(code: int, text: str, gpus: str) -> None:
    """A smaller share leaves room; a card of its own does; Docker gives two that ask for one the same card."""
    assert code == vramfit("check", "-f", "-", "-g", gpus, "--json", "--offline", stdin=text).code


@pytest.mark.parametrize("style", ["plain", "csv", "markdown", "ndjson", "table"])
def test_every_format_has_the_sum(style: str) -> None:
    ran = vramfit("check", "-f", "-", "-g", "rtx4090", "--format", style, "--offline", stdin=TWO)
    assert (ran.code, ran.err) == (1, "")
    assert ("do not fit together" if style in ("table", "ndjson") else "chat + small") in ran.out


def test_hosts_without_enough_cards() -> None:
    text = "services: {s: {image: vllm/vllm-openai, command: '--model Qwen/Qwen3-8B', gpus: [{device_ids: ['3']}]}}"
    ran = vramfit("check", "-f", "-", "-g", "2xrtx4090", "--format", "ndjson", stdin=text)
    assert (ran.code, json.loads(ran.out)["error"]["message"]) == (
        2, "<stdin>:1 has GPU 3, and the host that was given has 2",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({}, ["a", "b", "c"]),
        ({"COMPOSE_PROFILES": ""}, ["a", "gpu", "cpu"]),
        ({"COMPOSE_PROFILES": "all"}, ["a", "b", "cpu"]),
        ({"COMPOSE_PROFILES": "cpu, gpu"}, ["a", "b", "c"]),
        ({"COMPOSE_PROFILES": "*"}, ["a", "b", "c"]),
    ],
)
def test_services_of_a_profile_start_with_it(named: dict[str, str], expected: list[str]) -> None:
    """Where profiles are named, the services of others are passed over, with the variable that starts them."""
    written = "services: {a: {image: a}, b: {image: b, profiles: [gpu, all]}, c: {image: c, profiles: [cpu]}}"
    found = services(written, environment=named)
    shown = [one.reason.partition("=")[2] if isinstance(one, Passed) else one.name for one in found]
    assert expected == shown


def test_files_that_are_included_come_first(tmp_path: Path) -> None:
    """With relative paths from their own folder, and lines of their own."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models/.env").write_text("IMAGE=x/y:1")
    (tmp_path / "models/compose.yaml").write_text("services:\n  m: {image: '${IMAGE}'}\n")
    (tmp_path / "other.yaml").write_text("services:\n  o: {image: o}\n")
    found = services(
        "include:\n  - models/compose.yaml\n  - path: [other.yaml]\nservices:\n  s: {image: s}\n", str(tmp_path)
    )
    assert [("m", 2, "x/y:1"), ("o", 2, "o"), ("s", 5, "s")] == [
        (one.name, one.line, one.image) for one in found if isinstance(one, Container)
    ]


def test_a_service_extends_one_of_another_file(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("services:\n  b: {image: b, command: [serve], environment: {X: '1', Y: '2'}}\n")
    (found,) = services("services: {s: {extends: {file: base.yaml, service: b}, environment: [Y=3]}}", str(tmp_path))
    assert isinstance(found, Container)
    assert ("b", ("serve",), {"X": "1", "Y": "3"}) == (found.image, found.arguments, found.variables)


def test_paths_of_an_extended_service_are_those_of_its_own_file(tmp_path: Path) -> None:
    """Files of variables and folders, the extended service's first; names of volumes and whole paths stay."""
    (tmp_path / "common").mkdir()
    (tmp_path / "common" / ".env.llm").write_text("MODEL=base\nLENGTH=8192\n")
    (tmp_path / ".env.llm").write_text("MODEL=other\n")
    (tmp_path / "own.env").write_text("LENGTH=4096\n")
    (tmp_path / "common" / "base.yaml").write_text(
        "services:\n  b:\n    image: b\n    env_file: [.env.llm]\n    volumes: [./models:/models, data:/data, /abs:/abs]\n"
        "  c:\n    image: c\n    env_file: {path: ./.env.llm}\n    volumes: [{source: ./m, target: /m}]\n"
    )
    extending = "{{extends: {{file: common/base.yaml, service: {}}}, env_file: own.env, volumes: ['./x:/x']}}"
    first, second = services(f"services: {{s: {extending.format('b')}, t: {extending.format('c')}}}", str(tmp_path))
    assert isinstance(first, Container)
    assert isinstance(second, Container)
    assert {"MODEL": "base", "LENGTH": "4096"} == first.variables == second.variables
    assert (
        ("/models", str(tmp_path / "common" / "models")), ("/data", None), ("/abs", "/abs"), ("/x", str(tmp_path / "x")),
    ) == first.mounts  # fmt: skip
    assert (("/m", str(tmp_path / "common" / "m")), ("/x", str(tmp_path / "x"))) == second.mounts


@pytest.mark.parametrize(
    ("message", "written"),
    [
        ("compose.yaml:1: cannot read none.yaml: No such file or directory", "include: [none.yaml]\nservices: {}"),
        ("compose.yaml:1: no.yaml is no Compose file", "include: [no.yaml]"),
        (f"more than {DEEPEST} files include one another", "include: [self.yaml]"),
        ("cannot read /dev/zero: ", "include: [/dev/zero]"),
    ],
)
def test_files_that_cannot_be_included(message: str, written: str, tmp_path: Path) -> None:
    (tmp_path / "no.yaml").write_text("- a\n")
    (tmp_path / "self.yaml").write_text("include: [self.yaml]\n")
    with pytest.raises(InputError) as error:
        services(written, str(tmp_path))
    assert message in error.value.message


@pytest.mark.parametrize(
    ("message", "written"),
    [
        ('there is no service "x" to extend', "services: {s: {extends: x}}"),
        (f"more than {DEEPEST} services extend one another", "services: {s: {extends: t}, t: {extends: s}}"),
    ],
)
def test_services_that_cannot_be_extended(message: str, written: str) -> None:
    errors = [str(one.error.message) for one in services(written) if isinstance(one, Broken)]
    assert message == errors[0]


def test_a_file_of_variables_without_end_is_not_read() -> None:
    found = one("{image: a, env_file: [/dev/zero], environment: {A: '1'}}")
    assert {"A": "1"} == found.variables
