"""Objects that ``check`` and ``estimate`` return: the contract's plain data with attributes and types.

Each object reads its fields from the data that ``--json`` prints, which ``to_dict`` gives back. A field that this report
does not have, because its engine has none or it was not asked for, is None.
"""

from __future__ import annotations

from vramfit.units import gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, ClassVar


class Shown:
    """Base of the objects: attributes are the fields of the data, nested data are objects of their own."""

    _kinds: ClassVar[Mapping[str, type[Shown]]] = {}
    """Classes of nested objects and of the objects in lists, by field."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data

    if not TYPE_CHECKING:  # a checker knows the annotated fields alone

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            if name not in self._data:
                if name in _annotated(type(self)):
                    return None
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            value = self._data[name]
            kind = self._kinds.get(name, Shown)
            if isinstance(value, list | tuple):
                return tuple([kind(one) if isinstance(one, dict) else one for one in value])
            if isinstance(value, dict) and name in self._kinds:
                return kind(value)
            return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._data})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shown) and self._data == other._data

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join([f"{name}={value!r}" for name, value in self._data.items()])
        return f"{type(self).__name__}({shown})"

    def to_dict(self) -> dict[str, Any]:
        """Return the plain data: dicts, lists, texts, numbers and None."""
        return {name: _copied(value) for name, value in self._data.items()}


def _annotated(kind: type) -> set[str]:
    return {name for one in kind.__mro__ for name in getattr(one, "__annotations__", ())}


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(one) for name, one in value.items()}
    return [_copied(one) for one in value] if isinstance(value, list | tuple) else value


class Interval(Shown):
    """Number with its bounds: the truth lies between ``low`` and ``high`` in nine cases of ten."""

    low: float
    expected: float
    high: float


class Sizes(Shown):
    """Bytes that are needed, with their bounds."""

    low: int
    expected: int
    high: int


class Parts(Shown):
    """Parts of the memory over all GPUs, in bytes, which add up to the expected need."""

    weights: int
    """Bytes of the weights."""
    kv_cache: int
    """Bytes of the KV cache and recurrent states."""
    compute: int
    """Bytes of activation and graph buffers."""
    overhead: int
    """Bytes that the runtime takes in addition."""


class Device(Shown):
    """Memory of one GPU (``gpu0``) or of the host."""

    device: str
    weights_bytes: int
    kv_cache_bytes: int
    compute_bytes: int
    overhead_bytes: int
    total_bytes: int
    usable_bytes: int | None
    headroom_bytes: int | None


class Card(Shown):
    """GPU of an estimate; for several its sizes are those of one, the smallest."""

    id: str
    name: str
    count: int
    marketed_gb: float | None
    memory_bytes: int | None
    usable_bytes: int | None
    bandwidth_bytes_per_second: int | None
    vendor: str
    architecture: str | None
    price_usd: float | None


class ModelFacts(Shown):
    """Model of an estimate."""

    id: str
    name: str
    parameters: int | None
    active_parameters: int | None
    family: str | None
    modality: str
    max_context: int | None


class Quant(Shown):
    """Quantization of an estimate; its class is ``precision`` here, since ``class`` is a word of Python."""

    scheme: str
    bits_per_weight: float | None
    checkpoint_bytes: int | None

    @property
    def precision(self) -> str:
        """Class of the scheme: ``fp16``, ``int8`` or ``int4``."""
        return str(self._data["class"])


class Limits(Shown):
    """Longest context and most sequences that still reach the level, all else equal."""

    max_context: int
    max_parallel: int


class Throughput(Shown):
    """Speed of an estimate."""

    _kinds = {"decode_tokens_per_second": Interval, "prefill_tokens_per_second": Interval}

    decode_tokens_per_second: Interval
    prefill_tokens_per_second: Interval | None
    total_decode_tokens_per_second: float | None
    time_to_first_token_seconds: float | None
    bottleneck: str | None
    prompt_tokens: int


class Serving(Shown):
    """Service of a server with the memory that it has."""

    cache_tokens: int
    concurrent_requests: float
    max_num_seqs: int | None
    starts: bool
    refusal: str | None


class Quality(Shown):
    """Cost of the precision: a label, and the measurements that it rests on."""

    label: str
    evidence: str


class Remedy(Shown):
    """Changed deployment that would fit, or need less: ``changes`` put on the asked one give exactly this."""

    kind: str
    summary: str
    changes: Mapping[str, Any]
    verdict: str
    required_bytes: int
    headroom_bytes: int
    decode_tokens_per_second: float | None
    quality: str
    trade: str | None
    command: str

    def __repr__(self) -> str:
        return f"<Remedy {self.kind}: {self.summary}; {self.verdict}, needs {gib(self.required_bytes)}>"


class Term(Shown):
    """Summand of the memory of one device: a formula, the numbers in it, and its source."""

    name: str
    part: str
    device: str
    formula: str
    inputs: Mapping[str, Any]
    bytes: int
    source: str

    def __repr__(self) -> str:
        return f"<Term {self.name} on {self.device}: {self.formula} = {self.bytes:,} B>"


class Estimate(Shown):
    """Estimate of one deployment in one quantization."""

    _kinds = {
        "gpu": Card, "model": ModelFacts, "quant": Quant, "required_bytes": Sizes, "breakdown": Parts, "devices": Device,
        "limits": Limits, "throughput": Throughput, "serving": Serving, "quality": Quality, "remedies": Remedy,
        "terms": Term,
    }  # fmt: skip

    name: str | None
    gpu: Card
    model: ModelFacts
    engine: str
    quant: Quant
    deployment: Mapping[str, Any]
    """Every deployment key with the value used."""
    required_bytes: Sizes | None
    breakdown: Parts
    devices: tuple[Device, ...]
    verdict: str
    refusal: str | None
    headroom_bytes: int | None
    limits: Limits | None
    rule_of_thumb: Mapping[str, float] | None
    serving: Serving | None
    throughput: Throughput | None
    quality: Quality | None
    if_tried: Mapping[str, Any] | None
    command: str | None
    remedies: tuple[Remedy, ...]
    terms: tuple[Term, ...] | None
    assumptions: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """True if the verdict reaches the level that was asked for, ``tight`` unless ``level`` was given."""
        from vramfit.verdict import LEVELS

        return LEVELS.get(self.verdict, -1) >= LEVELS[self.deployment.get("level") or "tight"]

    def __repr__(self) -> str:
        return f"<Estimate {_line(self._data)}>"

    def _repr_markdown_(self) -> str:
        return _markdown([self._data])

    def _repr_html_(self) -> str:
        return _html([self._data])


class Report(Shown):
    """Report on one deployment: an estimate for each quantization that was asked for, in order."""

    _kinds = {"estimates": Estimate}

    format_version: str
    vramfit_version: str
    estimates: tuple[Estimate, ...]
    verdict: str
    """Worst verdict of the estimates."""

    @property
    def fits(self) -> bool:
        """True if the first estimate reaches its level, which is when ``check`` exits with 0."""
        return self.estimates[0].fits

    def __iter__(self) -> Iterator[Estimate]:
        return iter(self.estimates)

    def __len__(self) -> int:
        return len(self._data["estimates"])

    def __getitem__(self, index: int) -> Estimate:
        return self.estimates[index]

    def __repr__(self) -> str:
        lines = [f"\n  {_line(one)}" for one in self._data["estimates"]]
        return f"<Report {self.verdict}:{''.join(lines)}>"

    def _repr_markdown_(self) -> str:
        return _markdown(self._data["estimates"])

    def _repr_html_(self) -> str:
        return _html(self._data["estimates"])


def _line(data: Mapping[str, Any]) -> str:
    """Line on an estimate: model, quantization, card, verdict, need and room."""
    gpu = data["gpu"]
    count = f"{gpu['count']}x" if gpu["count"] > 1 else ""
    text = f"{data['model']['id']} in {data['quant']['scheme']} on {count}{gpu['id']} ({data['engine']}): {data['verdict']}"
    need, room = data["required_bytes"], data["headroom_bytes"]
    if need is not None:
        text += f", needs {gib(need['expected'])}"
    if room is not None:
        text += f", {gib(abs(room))} {'short' if room < 0 else 'free'}"
    return text


def _markdown(estimates: list[Mapping[str, Any]]) -> str:
    from vramfit.render.markdown import lines

    return "\n".join(lines({"estimates": estimates}))


def _html(estimates: list[Mapping[str, Any]]) -> str:
    from vramfit.render.markdown import html

    return html({"estimates": estimates})
