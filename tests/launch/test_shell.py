"""Shell text is parted into processes as a shell would, and nothing of it is run."""

from __future__ import annotations

import pytest

from vramfit.errors import UsageError
from vramfit.launch.shell import process, processes
from vramfit.launch.words import Process

BARE = ("serve", "x")


@pytest.mark.parametrize(
    "text",
    [
        "serve x", "/opt/bin/env A=1 B=2 serve x", "env -u HOME serve x", "sudo -E -u me serve x", "exec serve x",
        "nohup serve x > log 2>&1 &", "time serve x", "nice -n 5 serve x", "numactl -N 0 -m 0 serve x",
        "numactl --cpunodebind=0 serve x", "taskset -c 0-3 serve x", "timeout -k 5 60 serve x", "stdbuf -oL serve x",
        "sh -c 'serve x'", 'bash -lc "exec serve x"', "sudo sh -c 'env A=1 sh -c \"serve x\"'", "uv run --with y serve x",
        "uvx --from y serve x", "conda run -n env serve x", "poetry run serve x", "srun -N 1 --gpus=1 serve x",
        "mpirun -n 2 --mca a b -x PATH serve x", "$ serve x", "if true; then serve x; fi", "{ serve x; }", "(serve x)",
        "while :; do serve x; done", "bash <<EOF\nserve x\nEOF", "cmd /c serve x", "start serve x", "tini -- serve x",
        "tmux new-session -d 'serve x'", "docker exec -it box serve x", "docker compose run --rm box serve x",
        "serve \\\n  x", "serve ^\r\n  x", "serve `\n  x", "serve x # a note", "# a note\nserve x", "serve x | tee log",
        "A=x\nserve $A", 'A=x\nserve "${A}"', "serve ${A:-x}", "serve ${A-x}", "A=(serve x)\n\"${A[@]}\"",
        "A=(serve)\nA+=(x)\n${A[@]}", "export A=x; serve $A", "A='serve x'\n$A", "serve $'x'", "serve x$@",
        "$env:A = 'y'; serve x", "serve x < in", "serve x <<< text",
    ],
)  # fmt: skip
def test_wrappers_and_quoting(text: str) -> None:
    """What stands around a program, and how its words are written, make no difference to it."""
    assert BARE in [one.words for one in processes(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "docker run --rm -itd --gpus '\"device=0,1\"' -p 80:80 -e A=b --env C=d -v /m:/models:ro --name n img:1 --x 2",
            Process({"A": "b", "C": "d"}, ("--x", "2"), image="img:1", gpus="device=0,1", mounts=(("/m", "/models"),)),
        ),
        (
            "podman run --device nvidia.com/gpu=all --security-opt=label=disable img",
            Process({}, (), image="img", gpus="all"),
        ),
        (
            "docker run --gpus=2 --entrypoint serve --env-file v.env --mount type=bind,source=/m,target=/n img x",
            Process({}, BARE, image="img", gpus="2", mounts=(("/m", "/n"),), files=("v.env",)),
        ),
        (
            "docker run -e NVIDIA_VISIBLE_DEVICES=1 --runtime nvidia img",
            Process({"NVIDIA_VISIBLE_DEVICES": "1"}, (), image="img", gpus="device=1"),
        ),
        ("docker run -v $HOME/m:/a -v $PWD/n:/b img", Process({}, (), image="img", mounts=(("~/m", "/a"), ("./n", "/b")))),
        ("A=1 docker run -e A -e B img", Process({"A": "1"}, (), image="img")),
        ("docker run -h box -dq img", Process({}, (), image="img")),
        ("podman run --systemd always --env-host img", Process({}, (), image="img")),
        (
            "docker run --gpus all img bash -c 'serve x'",
            Process({}, BARE, image="img", gpus="all"),
        ),
        ("docker ps", Process({}, ("docker", "ps"))),
        ("docker run", Process({}, ("docker", "run"))),
    ],
)  # fmt: skip
def test_containers(text: str, expected: Process) -> None:
    """The image, the command in it, and what it gets of the machine."""
    assert [expected] == processes(text)


def test_here_documents_are_input() -> None:
    """Variables of one whose end is quoted stay as they are, and tabs go where the sign says so."""
    text = "A=1\ncat > f <<'E'\n$A\n\tb\nE\ncat <<-E\n\t$A\n\tE\n"
    assert [("cat", "$A\n\tb\n", "f"), ("cat", "1\n", None)] == [
        (one.words[0], one.input, one.output) for one in processes(text)
    ]


def test_variables_follow_the_text() -> None:
    """Assigned ones are used by later lines, exported ones are in the program's environment, those in front in its own."""
    (first, second) = processes("A=1\nexport B=2\nC=3 serve $A$B\nserve")
    assert ({"B": "2", "C": "3"}, ("serve", "12")) == (first.variables, first.words)
    assert {"B": "2"} == second.variables
    assert ("serve", "given") == processes("serve $A", {"A": "given"})[0].words


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("serve 'x", "cannot read the command: no closing quotation"),
        ('serve "x', "cannot read the command: no closing quotation"),
        ("serve `x", "cannot read the command: no closing quotation"),
        ("serve $(x", "cannot read the command: a bracket is not closed"),
        ("serve ${x", r"cannot read the command: \${ is not closed"),
        ("cat <<E\nx", "cannot read the command: the here-document has no end E"),
        ("sudo " * 10 + "x", "more than 8 programs around a program"),
        ("x" * (2**17 + 1), "the command has 131,073 characters, more than 131,072"),
        ("a;" * 501, "the command starts more than 500 programs"),
        ("bash -c 'a;a;a'\n" * 130, "the command starts more than 500 programs"),
        ("A=aaaa\n" + "A=$A$A\n" * 20 + "serve $A", "more than 262,144 characters with what its variables stand for"),
        (
            "A=(a a)\n" + 'A=("${A[@]}" "${A[@]}")\n' * 20,
            "more than 262,144 characters with what its variables stand for",
        ),
        ("A=" + "b" * 60_000 + "\n" + "bash <<E\n$A\nE\n" * 4, "more than 262,144 characters with what its variables"),
        ("a=(" * 21 + ")" * 21, "the command has more than 20 texts inside of one another"),
    ],
)
def test_text_that_no_shell_reads(text: str, message: str) -> None:
    """One line, whatever it is."""
    with pytest.raises(UsageError, match=message):
        processes(text)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (("serve", "ab", "cd"), "serve a$B"),
        (("serve", "b", "cda"), "serve ${B}a"),
        (("serve", "a", "b", "c"), "A=' a  b '\nserve ${A}c"),
        (("serve", "x", "a", "b"), "A=' a  b '\nserve x$A"),
        (("serve", " a  b c"), "A=' a  b '\nserve \"${A}c\""),
        (("serve", "b", "cdb", "cd"), "serve $B$B"),
    ],
)
def test_words_of_variables(expected: tuple[str, ...], text: str) -> None:
    """What is split at blanks touches what stands beside it, unless a blank is between."""
    assert expected == processes(text, {"B": "b cd"})[0].words


def test_words_of_a_command_line_are_taken_as_they_are() -> None:
    """A shell has read them already; only a variable's name that is left is asked for."""
    given = process(["A=1", "serve", "a b", "$X", "exps$=CPU"])
    assert Process({"A": "1"}, ("serve", "a b", "$X", "exps$=CPU")) == given
    assert [(), (), ("X",), ()] == [getattr(word, "unset", ()) for word in given.words]


@pytest.mark.parametrize(
    "text", ["", "\n", ";;", "&&", "# x", "  \t", "> f", "<", "x <", "a >| f", "A=", "()", "$", '""']
)
def test_odd_text_is_no_error(text: str) -> None:
    """It starts nothing, or the word that it has."""
    assert [] == [one.words for one in processes(text) if len(one.words) > 1]
