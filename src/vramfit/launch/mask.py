"""Masking of secrets and escaping of control characters in what is printed of a command.

Names of flags and variables: the engines' own tables, docker/cli, and the hosts of models; beginnings of tokens: the patterns
of secret scanning that GitHub documents.
"""

from __future__ import annotations

import re
from functools import lru_cache

MASK = "***"
LONGEST = 2000
"""Number of characters of an error that are printed."""
_OTHER = r"(?<!per)(?<!eos)(?<!bos)(?<!pad)(?<!unk)(?<!sep)(?<!stop)(?<!mask)(?<!image)(?<!end)(?<!start)(?<!draft)"
"""Beginning of a name in front of ``token`` that does not make it one of a text's."""
_END = (
    rf"(?:(?:{_OTHER}[_-]|(?<![\w-]))token|secret|passw(?:or)?d|passphrase|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|secret[_-]?key|auth[_-]?key|credentials?)"
)
"""End of a secret's name. What stands in front of it is not looked for where it need not be: from each word of a text that
has many, up to a hundred letters would be."""
_NAME = rf"[\w.-]{{0,100}}?{_END}"
_VALUE = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|\$\{[^}]*\}|[^\s"'`,;|&<>(){}\[\]]+)"""
NAMED = 3
"""Number of patterns, the first of ``PATTERNS``, whose last group is the value behind a name."""
PATTERNS = (
    # A whole word in quotes: 'HF_TOKEN=a b'.
    (re.compile(rf"(?i)(['\"])({_NAME})=((?:(?!\1).)*)\1", re.DOTALL), rf"\1\2={MASK}\1"),
    # NAME=value, and ?token=value of an address.
    (re.compile(rf"(?i)({_END})=({_VALUE})"), rf"\1={MASK}"),
    # A flag and its value.
    (re.compile(rf"(?i)(?<![\w.-])(--?{_NAME}|-hft|--key)((?:\s|\\\n)+|=)(?![-\\])({_VALUE})"), rf"\1\2{MASK}"),
    # JSON, YAML and headers of HTTP.
    (
        re.compile(rf"(?i)([\"']{_NAME}[\"']|(?<![\w-])[\w-]*\w[_-](?:key|token|secret|password))(\s*:\s*){_VALUE}"),
        rf"\1\2{MASK}",
    ),
    (re.compile(r"(?i)\b(bearer|basic)(\s+)[\w.+/=~-]{2,}"), rf"\1\2{MASK}"),
    # The password of an address, or a token in its place.
    (re.compile(r"(://)([^\s/@:'\"]*:)?[^\s/@:'\"]+@"), rf"\1\2{MASK}@"),
    (re.compile(r"(?i)([?&](?:[\w-]*(?:signature|credential)|sig|key|auth)=)[^\s&'\"]+"), rf"\1{MASK}"),
    (
        re.compile(
            r"(?<![A-Za-z0-9])(?:hf_|sk-|gh[pousr]_|github_pat_|glpat-|nvapi-|AKIA|ASIA|xox[abp]-|eyJ|AIza|gsk_|r8_)"
            r"[\w.+/=-]{8,}"
        ),
        MASK,
    ),
)
"""Patterns of secrets, each with what is printed in its place."""


REFERENCE = re.compile(r"[\"']?\$(?:[A-Z_][A-Z0-9_]*|\{[A-Z_][A-Z0-9_]*\})[\"']?|\$")
"""Name of a variable in the place of a secret, which is none itself, or the beginning of a program's output (``$(…)``)."""
HIDDEN = "set {} to run what is shown: the value that the command has is a secret"
"""Sentence on variables that stand in the place of secrets."""
MOST_STEM = 100
"""Number of letters before the end of a secret's name that count as a part of it."""
_NAME_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
_WORDS = {"-hft": "HF_TOKEN", "--key": "API_KEY"}
"""Variables for flags whose names say too little."""


def in_variables(text: str) -> tuple[str, tuple[str, ...]]:
    """Shell lines with variables in the places of secrets, so that they can be run, and the names of these.

    A secret that no variable or flag states stays for ``masked``.
    """
    names: list[str] = []

    def named(name: str) -> str:
        names.append(name)
        return f"${name}"

    def whole(found: re.Match[str]) -> str:
        name, value = found[2], found[3]
        return found[0] if _is_shown(value) or not name.isidentifier() else f'"{name}={named(name)}"'

    def variable(found: re.Match[str]) -> str:
        name, value = _stem(found.string[: found.start()]) + found[1], found[2]
        return found[0] if _is_shown(value) or not name.isidentifier() else f"{found[1]}={named(name)}"

    def flag(found: re.Match[str]) -> str:
        name = _WORDS.get(found[1], found[1].strip("-").replace("-", "_").replace(".", "_").upper())
        return found[0] if _is_shown(found[3]) else f"{found[1]}{found[2]}{named(name)}"

    for (pattern, _), put in zip(PATTERNS, (whole, variable, flag), strict=False):
        text = pattern.sub(put, text)
    return text, tuple(dict.fromkeys(names))


def _stem(before: str) -> str:
    """Letters, signs and digits of a name that a text ends with, up to a hundred: its beginning, which goes on behind."""
    end = before[-MOST_STEM:]
    return end[len(end.rstrip(_NAME_LETTERS)) :]


def _is_shown(value: str) -> bool:
    """True for a value that is no secret: the name of a variable, or what is masked already."""
    return REFERENCE.fullmatch(value) is not None or value == MASK


def _masked(pattern: re.Pattern[str], shown: str, text: str) -> str:
    """Text with what a pattern finds masked, but for names of variables."""
    return pattern.sub(lambda found: found[0] if _is_shown(found[found.re.groups]) else found.expand(shown), text)


@lru_cache(maxsize=64)
def masked(text: str) -> str:
    """Text with every secret replaced by ``***`` and control characters escaped, save line ends and tabs."""
    for number, (pattern, shown) in enumerate(PATTERNS):
        text = _masked(pattern, shown, text) if number < NAMED else pattern.sub(shown, text)
    if text.isprintable():
        return text
    return "".join([letter if letter.isprintable() or letter in "\n\t" else _escaped(letter) for letter in text])


def one_line(text: str) -> str:
    """Text with secrets masked and every control character escaped, line ends included; a very long one is cut."""
    found = masked(text).replace("\n", "\\n").replace("\t", "\\t")
    return found if len(found) <= LONGEST else f"{found[:LONGEST]}…"


def masked_values(value: object) -> object:
    """Value of plain data with secrets masked in every text."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {key: masked_values(one) for key, one in value.items()}
    if isinstance(value, list):
        return [masked_values(one) for one in value]
    return value


def _escaped(letter: str) -> str:
    """Escape of a character: ``\\x1b``, ``\\u202e``."""
    code = ord(letter)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
