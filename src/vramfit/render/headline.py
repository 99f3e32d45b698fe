"""Verdict of a section in one sentence or two, and the names of GPUs and precisions in it."""

from __future__ import annotations

from vramfit.render.fields import RUNS, gpu_devices, pick
from vramfit.render.words import SIGNS, joined, spare
from vramfit.units import gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vramfit.render.fields import Object


WHOLE_REQUESTS = 100
"""Number of requests from which on they are written without decimals."""

_TASKS = {"full": "Full fine-tuning", "lora": "LoRA fine-tuning", "qlora": "QLoRA fine-tuning"}
_MAKERS = ("NVIDIA ", "GeForce ", "AMD ", "Intel ")
_FITS = {"fits": "fits", "tight": "only just fits"}
_SPOKEN_WITH_VOWEL = "AEFHILMNORSX"
"""Letters whose names begin with a vowel sound: an RTX, an H100, a T4."""


def gpu_name(gpu: Object) -> str:
    """Name of the GPUs: ``RTX 4090``, ``2 × RTX 3090``, ``RTX 4090 + RTX 3090``, without needless makers' words."""
    return " + ".join(counted(kind, without_maker(kind["name"])) for kind in gpu.get("gpus") or [gpu])


def counted(kind: Object, name: str) -> str:
    """``name``, with how many of them where that is not one."""
    return name if kind["count"] == 1 else f"{kind['count']} × {name}"


def without_maker(name: str) -> str:
    """Driver's name of a GPU without ``GeForce`` and the like."""
    for word in _MAKERS:
        if name.startswith(word) and len(name) > len(word):
            name = name[len(word) :]
    return name


def without_makers(text: str) -> str:
    """Text that names GPUs, without ``GeForce`` and the like."""
    for word in _MAKERS:
        text = text.replace(word, "")
    return text


def with_article(name: str) -> str:
    """``an RTX 4090``, ``a T4``, ``an Arc B580``; several GPUs take none."""
    if name[:1].isdecimal() or " + " in name:
        return name
    first = name.split(" ", 1)[0]
    vowels = _SPOKEN_WITH_VOWEL if first.upper() == first else "AEIOaeio"
    return f"{'an' if first[:1] in vowels else 'a'} {name}"


def by_class(estimates: Iterable[Object]) -> bool:
    """True if the rows answer for the precision classes, fp16, int8 and int4, and not for named schemes."""
    classes = [estimate["quant"].get("class") for estimate in estimates]
    return len(classes) > 1 and None not in classes and len(set(classes)) == len(classes)


def scheme_beside_class(quant: Object) -> str:
    """Scheme, where it says more than its class: ``Q4_K_M`` beside int4, empty for fp16 or F16."""
    scheme, name = str(quant["scheme"]), str(quant.get("class"))
    return "" if scheme.lower() in (name, name.replace("fp", "f")) else scheme


def precision(estimate: Object, classes: bool) -> str:
    """Precision in a sentence: ``FP16``, ``INT4`` for the class, ``Q4_K_M`` for a scheme."""
    quant = estimate["quant"]
    return str(quant["class"]).upper() if classes else _spelled(str(quant["scheme"]))


def headline(estimates: Sequence[Object]) -> tuple[str, str]:
    """Two sentences: the verdict on the first estimate, and that on the others (empty when there are none).

    What fits comes before what does not.
    """
    classes = by_class(estimates)
    first = estimates[0]
    verdict = first["verdict"]
    task = _TASKS.get((first.get("deployment") or {}).get("task", ""))
    subject = f"{task} of {first['model']['name']}" if task else first["model"]["name"]
    # A model released in fewer bits has that form first, which is no choice of scheme for a class.
    released = first["quant"].get("class") != "fp16"
    gpus, kind = with_article(gpu_name(first["gpu"])), precision(first, classes and not released)
    best = next((word for word in RUNS if any(one["verdict"] == word for one in estimates[1:])), "")
    if verdict == "unknown":
        need = pick(first, "required_bytes.expected")
        needs = "" if need is None else f"; it needs {gib(need)}"
        lead = f"Whether {subject} fits {gpus} in {kind} is unknown{needs}."
    elif verdict not in RUNS and best:
        named = joined([precision(estimate, classes) for estimate in estimates[1:] if estimate["verdict"] == best])
        rest = [estimate for estimate in estimates[1:] if estimate["verdict"] != best]
        lead = f"{subject} {_FITS[best]} {gpus} in {named}, not in {kind}: {_shortage(first)}."
        return lead, _others(rest, verdict, classes)
    elif verdict == "unsupported":
        lead = f"{first['engine']} does not run {subject} in {kind} on {gpus}: {parted_refusal(first)[0]}."
    elif verdict == "exceeds":
        lead = f"{subject} does not fit {gpus} in {kind}: {_shortage(first)}."
    elif verdict == "tight":
        lead = f"{subject} only just fits {gpus} in {kind}: {_left(first)}, less than the estimate's margin."
    else:
        lead = f"{subject} fits {gpus} in {kind}: {_left(first)}."
    return lead, _others(estimates[1:], verdict, classes)


def tally(estimates: Sequence[Object]) -> str:
    """Sentence with the number of estimates of each verdict, and of deployments that have no answer."""
    counts: dict[str, int] = {}
    for estimate in estimates:
        word = str(estimate.get("verdict", ""))
        counts[word] = counts.get(word, 0) + 1
    words = [f"{n} {word.removesuffix('s') if n > 1 else word}" for word in SIGNS if (n := counts.get(word))]
    words += [f"{counts['']} without an answer"] if "" in counts else []
    return (
        f"{len(estimates)} estimate{'' if len(estimates) == 1 else 's'}: {joined(words)}." if words else "No estimates."
    )


def _left(estimate: Object) -> str:
    where = " on the fullest GPU" if len(gpu_devices(estimate)) > 1 else ""
    return spare(estimate["headroom_bytes"], 1) + where


def _shortage(estimate: Object) -> str:
    """Phrase on what is missing: why the engine does not start, or memory.

    The host's share can exceed its memory while the GPU holds its own.
    """
    if estimate.get("refusal"):
        return parted_refusal(estimate)[0]
    serving = estimate.get("serving")
    if serving and serving["starts"] and serving["concurrent_requests"] < estimate["deployment"]["parallel"]:
        return requests_in_cache(estimate)
    host = next((d for d in estimate.get("devices") or () if d["device"] == "host"), None)
    host_headroom = None if host is None else host.get("headroom_bytes")
    if estimate["headroom_bytes"] >= 0 and host_headroom is not None and host_headroom < 0:
        return f"system RAM is {spare(host_headroom, 1)}"
    return _left(estimate)


def parted_refusal(estimate: Object) -> tuple[str, str]:
    """Reason why an engine does not start, and the source that stands in brackets behind it, empty for none."""
    text = str(estimate.get("refusal") or "")
    reason, bracket, source = text.rpartition(" (")
    if not bracket or not source.endswith(")") or not any(letter.isdecimal() for letter in source):
        return text, ""
    return reason, source[:-1]


def requests_in_cache(estimate: Object) -> str:
    """Phrase on how many of the asked requests a server's cache holds at once."""
    asked, requests = estimate["deployment"], requests_text(estimate["serving"]["concurrent_requests"])
    return f"its cache holds {requests} of {asked['parallel']:,} requests of {asked['context']:,} tokens at once"


def requests_text(requests: float) -> str:
    """Write a number of requests with two decimals, rounded down, and whole ones from a hundred on."""
    return f"{int(requests):,}" if requests >= WHOLE_REQUESTS else f"{int(requests * 100) / 100:g}"


def _others(estimates: Sequence[Object], verdict: str, classes: bool) -> str:
    groups: dict[str, list[str]] = {}
    for estimate in estimates:
        groups.setdefault(estimate["verdict"], []).append(precision(estimate, classes))
    clauses = [_clause(word, names, again=word == verdict) for word, names in groups.items()]
    return "; ".join(clauses) + "." if clauses else ""


def _clause(verdict: str, names: list[str], *, again: bool) -> str:
    one = len(names) == 1
    if verdict == "unsupported":
        return f"{joined(names)} {'is' if one else 'are'} not supported{' either' if again else ''}"
    if verdict == "exceeds":
        return f"{joined(names)} {'does' if one else 'do'} not fit{' either' if again else ''}"
    if verdict == "unknown":
        return f"{joined(names)} {'is' if one else 'are'} unknown{' too' if again else ''}"
    only = "only just " if verdict == "tight" else ""
    return f"{joined(names)} {only}{'fits' if one else 'fit'}{' too' if again else ''}"


def _spelled(scheme: str) -> str:
    return scheme.upper() if scheme == scheme.lower() else scheme
