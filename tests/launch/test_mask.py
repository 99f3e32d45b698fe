"""No secret of a command is printed, and no control character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vramfit.launch.mask import MASK, PATTERNS, in_variables, masked, masked_values, one_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("HF_TOKEN=hf_abcdefghijkl vllm serve a", "HF_TOKEN=*** vllm serve a"),
        ("HF_TOKEN='a b' x", "HF_TOKEN=*** x"),
        ("-e 'HF_TOKEN=a b' x", "-e 'HF_TOKEN=***' x"),
        ('--env "HUGGING_FACE_HUB_TOKEN=abc"', '--env "HUGGING_FACE_HUB_TOKEN=***"'),
        ("-e HF_TOKEN=${HF_TOKEN} -e A_TOKEN=$A_TOKEN x", "-e HF_TOKEN=${HF_TOKEN} -e A_TOKEN=$A_TOKEN x"),
        ("HF_TOKEN=${HF_TOKEN:-hf_abc} DB_PASSWORD='$ecret'", "HF_TOKEN=*** DB_PASSWORD=***"),
        ("HF_TOKEN=$(cat file) x", "HF_TOKEN=$(cat file) x"),
        ("AWS_SECRET_ACCESS_KEY=abc DB_PASSWORD=x", "AWS_SECRET_ACCESS_KEY=*** DB_PASSWORD=***"),
        ("--api-key abc --port 80", "--api-key *** --port 80"),
        ("--api-key=abc --hf-token 'a b' -hft abc", "--api-key=*** --hf-token *** -hft ***"),
        ("--admin-api-key \\\n  abc", "--admin-api-key \\\n  ***"),
        ("--ssl-keyfile-password pw", "--ssl-keyfile-password ***"),
        ("--token abc --password x", "--token *** --password ***"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ('-H "X-Api-Key: abc"', '-H "X-Api-Key: ***"'),
        ('{"api_key": "abc", "model": "m"}', '{"api_key": ***, "model": "m"}'),
        ("https://user:pass@host/m.gguf", "https://user:***@host/m.gguf"),
        ("https://abc@host/m.gguf", "https://***@host/m.gguf"),
        ("https://host/m.gguf?token=abc&x=1", "https://host/m.gguf?token=***&x=1"),
        ("https://host/m?X-Amz-Signature=abc", "https://host/m?X-Amz-Signature=***"),
        ("ghp_0123456789abcdef sk-0123456789 nvapi-0123456789", "*** *** ***"),
        ("a\x1b[31mb\x00\u202e", "a\\x1b[31mb\\x00\\u202e"),
    ],
)
def test_secrets(text: str, expected: str) -> None:
    """In variables, flags, headers, JSON and addresses, in any quotes."""
    assert expected == masked(text)


@pytest.mark.parametrize(
    "text",
    [
        "--max-num-batched-tokens 8192 --max-total-tokens 4 --tokenizer x --kv-bytes-per-token 8 --extra-eos-token y",
        "--skip-tokenizer-init --return-tokens-as-token-ids --speculative-num-draft-tokens 4 --api-key-file f",
        "https://huggingface.co/org/name -m org/name@main -c 8192",
        "KV cache per token: 128 KiB", "keys and values", "-k 40 --top-k 40", "printf '%s\\n' 'FROM x' > f",
    ],
)  # fmt: skip
def test_what_is_no_secret(text: str) -> None:
    """Numbers of tokens, files, repositories and prose stay."""
    assert text == masked(text)


@pytest.mark.parametrize(
    ("text", "expected", "names"),
    [
        ("HF_TOKEN=abc x", "HF_TOKEN=$HF_TOKEN x", ("HF_TOKEN",)),
        ("HF_TOKEN=$HF_TOKEN x --api-key $KEY", "HF_TOKEN=$HF_TOKEN x --api-key $KEY", ()),
        ("-e 'HF_TOKEN=a b' x", '-e "HF_TOKEN=$HF_TOKEN" x', ("HF_TOKEN",)),
        ('--env "HF_TOKEN=abc"', '--env "HF_TOKEN=$HF_TOKEN"', ("HF_TOKEN",)),
        ("--api-key=abc -hft d --key e", "--api-key=$API_KEY -hft $HF_TOKEN --key $API_KEY", ("API_KEY", "HF_TOKEN")),
        ("-m https://u:p@host/x.gguf", "-m https://u:p@host/x.gguf", ()),
        ("x --port 80", "x --port 80", ()),
    ],
)
def test_variables_stand_for_secrets(text: str, expected: str, names: tuple[str, ...]) -> None:
    """Shell lines stay ones that can be run; what has no name of its own is left to the mask."""
    assert (expected, names) == in_variables(text)


def test_one_line_and_values() -> None:
    """Errors are one line; reports are masked text by text."""
    assert "a\\nb\\tc" == one_line("a\nb\tc")
    assert {"command": "HF_TOKEN=*** x", "n": [1, None, "y"]} == masked_values(
        {"command": "HF_TOKEN=abc x", "n": [1, None, "y"]}
    )


@given(
    st.text(
        alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\"'`,;|&<>(){}[]\\$"),
        min_size=1,
    )
)
def test_a_variable_never_shows_its_value(secret: str) -> None:
    """Whatever it is: the name is enough."""
    assert "HF_TOKEN=*** vllm serve x" == masked(f"HF_TOKEN={secret} vllm serve x")


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        ("a_" * 400 + "key: ***", "a_" * 400 + "key: abc"),
        ("a_" * 400, "a_" * 400),
        ("my-x-key: ***", "my-x-key: abc"),
        ('"hf_token": ***', '"hf_token": "abc"'),
    ],
)
def test_names_of_many_parts_are_read_once(shown: str, text: str) -> None:
    """A pattern that could divide such a name in every possible manner took twice as long for each part more."""
    assert shown == masked(text)


def test_a_name_of_a_text_with_many_words_is_looked_for_from_its_end() -> None:
    """Tried from each of 20,000 words on, the name of a variable cost a hundred letters each."""
    (pattern,) = [one for one, shown in PATTERNS if shown == rf"\1={MASK}"]
    assert pattern.match("a.token=b") is None
    assert pattern.match("token=b") is not None
    assert "a." * 20_000 + "x_token=***" == masked("a." * 20_000 + "x_token=b")
    assert "y" * 300 + ".hf_token=***" == masked("y" * 300 + ".hf_token=b")
