"""Command lines as people write them, put into the flags of our own keys.

They may have flags of engines' own programs with the meaning that they have there (``--tensor-parallel-size``,
``--swap-space 4``), everyday words for keys (``--quantization``), flags with underscores, and a GPU and a model without
flags. The module is loaded only for a command line with something that is no declared option.
"""

from __future__ import annotations

import re

from vramfit.cli.engine_flags import flags_of, is_a_trainers, keys_of
from vramfit.cli.options import WITH_WORDS, command_of, long_flag, options, spellings
from vramfit.cli.synonyms import (
    BATCHES,
    CHOSEN,
    COUNTS,
    LENGTHS,
    MEMORY,
    NEUTRAL,
    PRECISIONS,
    SHORT,
    SWITCHES,
    VALUES,
    WITHOUT_MEMORY,
    WORDS,
)
from vramfit.engines import DEFAULT, engine, engine_of_family, names
from vramfit.engines.keys import common_keys
from vramfit.errors import UsageError, VramfitError
from vramfit.workload.keys import parse_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.cli.engine_flags import Found

TUNING = ("full", "lora", "qlora", "fft")
"""Beginnings of the tasks that train."""
OBJECTIVES = ("sft", "dpo", "grpo")
"""Objectives of training, which people give as the task where another flag states how it is trained."""
UNITS = ("k", "m", "g", "gb", "gib", "mb", "mib", "gig", "gigs")
"""Units that may stand alone behind the number they belong to."""
PROMPT_BATCH = 32
"""Smallest batch that is one of a prompt's tokens: llama.cpp's help names 32 as the least that BLAS takes, and asks for 2,048."""
TRUTHS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
"""Words that people write behind a switch."""
TAG = re.compile(r"(?!custom:)[a-z][\w.:-]*:(?!\d+$)[\w.-]+", re.ASCII)
"""Names of Ollama's, with a tag."""


def translated(arguments: Sequence[str]) -> list[str]:
    """Arguments of a command in flags of its own, as far as they are understood; what is not stays as it is.

    Raises ``UsageError`` for a flag of another engine than the one asked, and what that engine's reader raises.
    """
    return _Line(list(arguments)).translated()


def own_words(arguments: Sequence[str]) -> list[str] | int:
    """Arguments of a command in flags of its own; the exit code of what was refused, which is then printed."""
    try:
        return translated(arguments)
    except VramfitError as error:
        from vramfit.cli.failing import report_error

        return report_error(error, as_json="--json" in arguments)


class _Line:
    """One command line and what was understood of it."""

    def __init__(self, arguments: list[str]) -> None:
        self._command = command_of(arguments) or arguments[0]
        self._rest = arguments[1 + self._command.count(" ") :]
        self._declared = {flag: key for key in options(self._command) for flag in spellings(key)}
        self._own: list[str] = []
        """Words in flags of our own."""
        self._plain: list[str] = []
        """Words that belong to no flag."""
        self._engines: list[str] = []
        """Words of an engine's flags, and of their values."""
        self._understood: set[str] = set()
        """Names of the engines that have all of them."""
        self._asked = self._engine()
        self._tunes = any(word.lower().removeprefix("--task=").lstrip("-").startswith(TUNING) for word in self._rest)
        self._memory = ""
        """Memory of the GPU, where a flag of its own states it."""
        self._count = ""
        """Number of equal GPUs, where a flag of its own states it."""
        self._tables: dict[str, dict[str, Found]] = {}

    def translated(self) -> list[str]:
        """The line in flags of our own."""
        while self._rest:
            self._take(self._rest.pop(0))
        own = [*self._own, *self._of_engine()]
        if self._memory and not self._plain and not _gpus(own):
            own += ["--gpu", f"custom:{self._memory}"]
            self._memory = ""
        if self._plain and self._command in WITH_WORDS:
            from vramfit.cli.words import placed

            found = placed(self._plain, own)
            return [self._command, *self._counted([*own, *found] if _gpus(own) else [*found, *own])]
        return [*self._command.split(), *self._counted(own), *self._plain]

    def _counted(self, own: list[str]) -> list[str]:
        """Flags with the one GPU taken as often, and with the memory, that flags of their own say."""
        if not self._count and not self._memory:
            return own
        places = _gpus(own)
        if len(places) != 1:
            stated = f"{self._count} GPUs" if self._count else f"{self._memory} of GPU memory"
            raise UsageError(f"{stated}: of which GPU?", "say it with the name: --gpu 2x4090, or --gpu '3060 12GB'")
        count, memory = self._count and f"{self._count}x", self._memory and f" {self._memory}"
        return [*own[: places[0]], f"{count}{own[places[0]]}{memory}", *own[places[0] + 1 :]]

    def _take(self, word: str) -> None:
        flag, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        truth = self._truth(flag, value if equals else None)
        if truth is not None:
            self._own += truth
        elif flag in self._declared:
            self._keep(flag, word)
        elif self._negates(flag):
            if not self._switch(word):
                self._keep(flag, word)
        elif flag == "--lora" and not equals and (not self._rest or self._rest[0].startswith("-")):
            self._own += ["--task", "lora"]  # llama-server's flag has a file behind it
        elif not word.startswith("-") or word == "-" or word[1:2].isdecimal():
            self._plain.append(word)
        elif self._asked is not None and flag in self._table(self._asked):
            self._of_program(flag, word)
        elif not self._everyday(flag, equals, value) and not self._switch(word) and not self._of_program(flag, word):
            dashed = "-" + flag if flag[1:2] != "-" and len(flag) > len("-c") else flag[1:]
            if dashed in self._declared and self._declared[dashed].kind != "flag":
                self._keep(dashed, dashed + word[len(flag) :])
            elif flag[1:2] == "-" or not self._everyday(dashed, equals, value):
                self._unknown(word, equals)

    def _truth(self, flag: str, value: str | None) -> list[str] | None:
        """Flags for a switch that has ``true`` or ``off`` behind it, or behind ``=``; None where no such word follows."""
        negated, quant = self._negates(flag), SWITCHES.get(flag.lower().replace("_", "-"))
        key = self._declared.get("--" + flag[5:] if negated else flag)
        if quant is None and (key is None or key.kind not in ("switch", "flag")):
            return None
        if value is None:
            if not self._ends() or self._rest[0].lower() not in TRUTHS:
                return None
            value = self._rest.pop(0)
        truth = TRUTHS.get(value.lower())
        if truth is None:
            raise UsageError(
                f'{flag}: "{value}" is not a valid value',
                f"it takes none, or true or false; see `vramfit {self._command} --help`",
            )
        if quant is not None:
            return self._quantized(flag.lower()) if truth else []
        if key is None or key.kind == "switch":
            return [flag] if truth else []
        return [long_flag(key) if truth != negated else f"--no-{long_flag(key)[2:]}"]

    def _ends(self) -> bool:
        """Return True if one more word stands on the line, or a flag stands behind the next."""
        return len(self._rest) == 1 or (len(self._rest) > 1 and self._rest[1].startswith("-"))

    def _quantized(self, flag: str) -> list[str]:
        """Flags for a quantization that is a flag itself; none for a precision of QLoRA's computation."""
        of_computation = flag in PRECISIONS and any("qlora" in word.lower() for word in (*self._own, *self._rest))
        return [] if of_computation else ["--quant", SWITCHES[flag.replace("_", "-")]]

    def _value(self, flag: str) -> str:
        """Take the word behind a flag; raises ``UsageError`` where none is there, or another flag."""
        following = self._rest[0] if self._rest else "--"
        if following.startswith("--") or following in self._declared:
            raise UsageError(
                f"{flag} has no value behind it",
                f"write one, or leave {flag} out; see `vramfit {self._command} --help`",
            )
        return self._rest.pop(0)

    def _unknown(self, word: str, equals: str) -> None:
        """Keep a flag that nothing has, with what may be its value, for the error that is to come."""
        self._own.append(word)
        if self._rest and not equals and not self._rest[0].startswith("-"):
            self._own.append(self._rest.pop(0))

    def _everyday(self, flag: str, equals: str, value: str) -> bool:
        """Replace an everyday word for a flag of ours, or one of ours in other letters; False for any other word."""
        if not flag.startswith("--"):
            return False
        folded = flag.lower().replace("_", "-")
        known = WORDS.get(folded, folded)
        if folded in LENGTHS:
            known = "--sequence-length" if self._tunes and "--sequence-length" in self._declared else "--context"
        if folded in SWITCHES and not equals:
            self._own += self._quantized(folded)
        elif (self._tunes and folded in WITHOUT_MEMORY) or folded in NEUTRAL:
            value = value if equals else self._value(flag)
        elif folded in (*BATCHES, *COUNTS):
            self._number(folded, value if equals else self._value(flag))
        elif folded in VALUES:
            ours, values, other = VALUES[folded]
            value = value if equals else self._value(flag)
            self._own += [ours, values.get(value.lower(), other or value)]
        elif (folded.startswith("--no-") and self._turned_off(folded)) or (
            folded in SHORT and self._of_program(SHORT[folded], SHORT[folded])
        ):
            return True
        elif folded in MEMORY:
            size = value if equals else self._value(flag)
            self._memory = f"{size}GB" if size.replace(".", "", 1).isdecimal() else size
        elif folded == "--ep" and (equals or (self._rest and self._rest[0].isdecimal())):
            return False  # a number of ranks, as SGLang has it
        elif known in self._declared or self._negates(known):
            self._keep(known, f"{known}={value}" if equals else known)
        elif not equals and self._chosen(folded[2:]):
            return True
        elif self._tunes and is_a_trainers(folded):
            alone = equals or self._rest[0:1] == [] or self._rest[0].startswith("--") or not self._ends()
            self._rest = self._rest if alone else self._rest[1:]
        else:
            return False
        return True

    def _number(self, flag: str, value: str) -> None:
        """Keep the number of a flag for batches or GPUs under the key that is meant."""
        if flag in COUNTS:
            if flag == "--num-gpu" and (self._asked is not None or self._names_tag()):
                self._own += ["--gpu-layers", value]
            else:
                self._count = value
        elif self._tunes and "--micro-batch" in self._declared:
            self._own += ["--micro-batch", value]
        elif flag != "--batch-size" or not self._reads_batches(value):
            self._own += ["--parallel", value]
        else:
            self._own += ["--batch", value]

    def _names_tag(self) -> bool:
        """Return True if a word of the line is a tag of Ollama: ``llama3.1:8b``."""
        return any(TAG.fullmatch(word) for word in (*self._own, *self._plain, *self._rest))

    def _reads_batches(self, value: str) -> bool:
        """Return True if ``--batch-size`` is llama.cpp's: its engine is asked, or none is and the number is a prompt's."""
        if self._asked is not None:
            return "--batch-size" in self._table(self._asked)
        quant = next((self._rest[n + 1] for n, word in enumerate(self._rest[:-1]) if word == "--quant"), None)
        quant = next((self._own[n + 1] for n, word in enumerate(self._own[:-1]) if word == "--quant"), quant)
        return self._usual_of(quant) != DEFAULT or not value.isdecimal() or int(value) >= PROMPT_BATCH

    def _turned_off(self, flag: str) -> bool:
        """Keep ``off`` for a key of ``on`` and ``off`` whose flag is negated; False for any other."""
        key = self._declared.get("--" + flag[5:])
        if key is None or "off" not in key.choices:
            return False
        self._own += [long_flag(key), "off"]
        return True

    def _chosen(self, word: str) -> bool:
        """Keep a value that is written as a flag of its own (``--vllm``) with the key it belongs to; False for another word."""
        if len(word) < len("trl") or word == "none":
            return False
        for name in CHOSEN:
            key = self._declared.get(f"--{name}")
            if key is not None:
                try:
                    parse_value(key, word)
                except VramfitError:
                    continue
                self._own += [f"--{name}", word]
                return True
        return False

    def _negates(self, flag: str) -> bool:
        key = self._declared.get("--" + flag[5:]) if flag.startswith("--no-") else None
        return key is not None and key.kind == "flag"

    def _keep(self, flag: str, word: str) -> None:
        """Keep a declared flag with its value."""
        key = self._declared.get(flag)
        if flag == "--task" and self._tunes and self._rest and self._rest[0].lower() in OBJECTIVES:
            word = flag = "--objective"  # ``--task dpo --lora``
        self._own.append(word)
        if (
            key is not None
            and word == flag
            and "on" in key.choices
            and (not self._rest or self._rest[0].startswith("-"))
        ):
            self._own.append("on")  # as llama.cpp took -fa before September 2025
        elif key is not None and key.kind not in ("switch", "flag") and word == flag:
            value = self._value(flag)
            if value.isdecimal() and self._rest and self._rest[0].lower() in UNITS:
                value += self._rest.pop(0)  # ``--context 16 k``
            self._own.append(value)

    def _engine(self) -> str | None:
        """Name of the engine that the line asks for; None where it asks for none, or for none that is known."""
        for number, word in enumerate(self._rest):
            if word == "--engine" or word.startswith("--engine="):
                value = word.partition("=")[2] or "".join(self._rest[number + 1 : number + 2])
                try:
                    return str(parse_value(common_keys()["engine"], value))
                except VramfitError:
                    return None
        return None

    def _switch(self, word: str) -> bool:
        """Replace a flag that an engine names a switch of; False for any other word."""
        for name in names() if self._asked is None else (self._asked, *names()):
            if word in engine(name).switches:
                self._own += engine(name).switches[word]
                return True
        return False

    def _of_program(self, flag: str, word: str) -> bool:
        """Take a flag of an engine's program, in any letters and with underscores too, with its value; False for another word."""
        low = flag.lower()
        spellings = (
            (flag, low.replace("_", "-"), "--" + low[2:].replace("-", "_")) if word.startswith("--") else (flag,)
        )
        tables = {name: self._table(name) for name in names()}
        having = {name: table[one] for name, table in tables.items() for one in reversed(spellings) if one in table}
        if not having:
            return False
        if self._asked is not None and self._asked not in having:
            if all(found.flag is None for found in having.values()):
                self._values(next(iter(having.values())), word)
                return True
            raise UsageError(
                f"{flag} is a flag of {' and '.join(having)}, not of {self._asked}",
                f"leave it out, or use --engine {next(iter(having))}; see `vramfit check --help`",
            )
        found = having[self._asked] if self._asked is not None else next(iter(having.values()))
        values = self._values(found, word)
        if found.flag is not None:
            meaning = {name for name, one in having.items() if one.flag is not None}
            self._understood = meaning if not self._engines else self._understood & meaning
            own = next(one for one in spellings if one in tables[found.engine])
            self._engines += [own + word[len(flag) :], *values]
        return True

    def _values(self, found: Found, word: str) -> list[str]:
        """Words that are the value of a flag, taken off the line."""
        if "=" in word and word.startswith("--"):
            return []
        count = found.words
        if count < 0:
            count = next((n for n, one in enumerate(self._rest) if one.startswith("-")), len(self._rest))
        return [self._value(word) for _ in range(count)]

    def _table(self, name: str) -> dict[str, Found]:
        """Flags of an engine's server by spelling: those that state something, and those that change no memory."""
        known = self._tables.get(name)
        if known is None:
            known = self._tables[name] = {} if name == DEFAULT else flags_of(engine(name))
        return known

    def _of_engine(self) -> list[str]:
        """Flags of our own for what the engine's flags state, with the engine where the line names none."""
        if not self._engines:
            return []
        if not self._understood:
            raise UsageError(
                f"no engine has all of these flags: {' '.join(one for one in self._engines if one.startswith('-'))}",
                "leave out those of another engine; see `vramfit check --help`",
            )
        name = self._asked or self._usual()
        flags = [] if self._asked is not None else ["--engine", name]
        return [*flags, *keys_of(name, self._engines)]

    def _usual(self) -> str:
        """Engine of the line's quantization if it has the flags, else the first that has them."""
        quant = next((self._own[n + 1] for n, word in enumerate(self._own[:-1]) if word == "--quant"), None)
        usual = self._usual_of(quant)
        if quant is not None and usual in self._understood:
            return usual
        return next(name for name in names() if name in self._understood)

    def _usual_of(self, quant: str | None) -> str:
        """Engine that a quantization is loaded with where none is asked; the default one without any."""
        if quant is None:
            return DEFAULT
        from vramfit.quantization import find_scheme

        try:
            return engine_of_family(find_scheme(quant).family)
        except VramfitError:
            return DEFAULT


def _gpus(own: Sequence[str]) -> list[int]:
    """Places of the GPUs' names among flags of our own."""
    return [number + 1 for number, word in enumerate(own[:-1]) if word in ("--gpu", "-g")]
