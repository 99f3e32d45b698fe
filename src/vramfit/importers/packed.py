"""Safetensors entries as the tensors they stand for: packed weights back in logical shape, with all their pieces' bytes.

Pieces of one weight are found by name (``WORDS``, ``SUFFIXES``) and told apart by element types and shapes
(``packings``), so no configuration is needed; where one is at hand, it states what shapes leave open. What is not
recognised stays as the file has it, bytes exact, and is noted.
"""

from __future__ import annotations

from vramfit.importers.header import FileTensor, Header
from vramfit.importers.kept_headers import headers_of
from vramfit.importers.packings import FLOAT8, INTEGERS, Module, unpack
from vramfit.importers.parts import is_buffer, part_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from vramfit.importers.header import Raw, RawHeader
    from vramfit.importers.source import Folder

WORDS = frozenset((
    "weight", "qweight", "qzeros", "scales", "g_idx", "biases",
    "weight_packed", "weight_scale", "weight_scale_inv", "weight_scale_2", "weight_scales", "weight_zero_point",
    "weight_shape", "weight_g_idx", "weight_global_scale", "input_global_scale", "input_scale", "input_zero_point",
    "output_scale", "activation_scale", "pre_quant_scale", "scale", "scale_inv",
    "SCB", "weight_format", "q_weight", "q_invperm", "q_perm", "q_scale", "q_scale_max", "q_groups", "q_group_map",
    "trellis", "suh", "svh", "su", "sv", "mcg", "mul1", "codes", "codebooks",
    "W_q", "zero", "shape", "nbits", "group_size", "axis", "packing", "unpack_view_dtype", "view_as_float",
    "quant_scale", "quant_zero", "compute_dtype", "offload_meta", "encoded_state_dict", "stores_quant_config",
    "channel_wise", "optimize", "round_zero",
))  # fmt: skip
"""Last words of names that may be pieces of the weight of the module before them."""

BELOW_WEIGHT = (
    "absmax", "quant_map", "nested_absmax", "nested_quant_map", "quant_state.bitsandbytes__nf4",
    "quant_state.bitsandbytes__fp4", "_data", "_scale", "_shift", "_zeropoint",
)  # fmt: skip
"""Pieces named below the weight itself (bitsandbytes, optimum-quanto): ``MODULE.weight.absmax``."""

SUFFIXES = (
    ("_weight_scale_inv", "weight_scale_inv"), ("_weight_scale_2", "weight_scale_2"), ("_weight_scale", "weight_scale"),
    ("_input_scale", "input_scale"), ("_scale_inv", "weight_scale_inv"), ("_scale_2", "weight_scale_2"),
    ("_scale", "weight_scale"), ("_blocks", "blocks"), ("_scales", "scales"), ("_packed", "weight_packed"),
)  # fmt: skip
"""Ends of the names of pieces beside a bare parameter, as fused experts are: ``experts.down_proj_scale``."""

TORCHAO_PREFIX = "_weight_"
ROOMY = 1 << 16
"""Bytes of the longest piece that is read for its content: a shape, or a quantization state."""

LARGE_ELEMENTS = 1 << 12
"""Integers of a matrix from this many elements on are packed weights, not a table of indices."""


def logical_header(
    raw: RawHeader,
    content: Callable[[Raw], bytes | None] = lambda piece: None,
    settings: Mapping[str, Any] | None = None,
    layers: int | None = None,
) -> Header:
    """The tensors of a set of safetensors files as a model uses them.

    ``content`` reads a small piece; it is asked once for all modules of one name and shape. ``settings`` is the model's
    quantization config (``quantization_config``, MLX's ``quantization``, or a side file), ``layers`` the number of
    layers its config states: a numbered layer beyond them is a prediction head.
    """
    modules = _modules(raw.entries)
    stated = _Settings(settings or {})
    read = _Once(content).of
    tensors: list[FileTensor] = []
    unknown: dict[str, int] = {}
    for owner, pieces in modules.items():
        found = None
        if len(pieces) > 1 or _is_packed(pieces):
            bits, group = stated.widths(owner)
            found = unpack(Module(pieces, bits, group, stated.method, read(owner, pieces)))
        if found is not None:
            kind, shape = found
            stored = sum([piece.stored_bytes for piece in pieces.values()])
            tensors.append(FileTensor(owner, kind, tuple(reversed(shape)), stored, part_of(owner, layers)))
            continue
        for name, piece in pieces.items():
            full = _full_name(owner, name, raw.entries)
            if _looks_packed(piece):
                unknown[piece.dtype] = unknown.get(piece.dtype, 0) + 1
            tensors.append(
                FileTensor(
                    full,
                    piece.dtype,
                    tuple(reversed(piece.shape)),
                    piece.stored_bytes,
                    part_of(full, layers),
                    is_buffer(full) or _is_side(name, piece),
                )
            )
    notes = list(raw.notes)
    if unknown:
        kinds = ", ".join(sorted(unknown))
        notes.append(
            f"{sum(unknown.values())} tensors of {kinds} are packed in a form that is not known: bytes are exact, "
            "parameters are counted as stored"
        )
    return Header("safetensors", raw.files, tuple(tensors), raw.metadata, {}, tuple(notes))


def _modules(entries: Mapping[str, Raw]) -> dict[str, dict[str, Raw]]:
    """Entries by the module (or bare parameter) that they may be a piece of, in file order."""
    modules: dict[str, dict[str, Raw]] = {}
    for name, raw in entries.items():
        owner, piece = _place(name, entries)
        modules.setdefault(owner, {})[piece] = raw
    return modules


def _place(name: str, entries: Mapping[str, Raw]) -> tuple[str, str]:
    """The owner of a piece and what piece it is; a tensor that stands alone owns itself, under the piece ``""``."""
    head, _, last = name.rpartition(".")
    if last in WORDS:
        return head, last
    if last.startswith(TORCHAO_PREFIX):
        return head, last[len(TORCHAO_PREFIX) :]
    for below in BELOW_WEIGHT:
        if name.endswith(below):
            owner = name[: -len(below) - 1]
            if owner.endswith(".weight"):
                return owner[:-7], f"weight.{below}"
    for suffix, piece in SUFFIXES:
        if last.endswith(suffix) and len(last) > len(suffix):
            owner = name[: -len(suffix)]
            if owner in entries or f"{owner}_blocks" in entries or f"{owner}_packed" in entries:
                return owner, piece
            if f"{owner}_weight" in entries:
                return f"{owner}_weight", piece
    return name, "" if not _has_pieces(name, entries) else "weight"


def _has_pieces(name: str, entries: Mapping[str, Raw]) -> bool:
    """True if a bare parameter has scales beside it, or is the packed part of one (``experts.down_proj_packed``)."""
    return any(name + suffix in entries for suffix, _ in SUFFIXES)


def _full_name(owner: str, piece: str, entries: Mapping[str, Raw]) -> str:
    """The name of a piece in the file again."""
    if f"{owner}.{piece}" in entries:
        return f"{owner}.{piece}"
    if not piece or (piece == "weight" and owner in entries):
        return owner
    starts = (f"{owner}.{TORCHAO_PREFIX}{piece}", *[b + s for s, p in SUFFIXES if p == piece for b in _stems(owner)])
    return next((name for name in starts if name in entries), f"{owner}.{piece}")


def _stems(owner: str) -> tuple[str, str]:
    """Beginnings of the name of a piece beside a bare parameter."""
    return owner, owner.removesuffix("_weight")


def _is_packed(pieces: Mapping[str, Raw]) -> bool:
    """True if a single piece needs a look: 8-bit floats have no scale in some files."""
    return any(raw.dtype in FLOAT8 for raw in pieces.values())


def _looks_packed(raw: Raw) -> bool:
    """True if a tensor that was not recognised holds packed weights rather than indices."""
    elements = 1
    for extent in raw.shape:
        elements *= extent
    return raw.dtype in INTEGERS and raw.dtype != "I64" and len(raw.shape) > 1 and elements >= LARGE_ELEMENTS


def _is_side(piece: str, raw: Raw) -> bool:
    """True if a piece that was left over is a scale or an order, not a parameter."""
    return piece not in ("", "weight", "scale", "scales", "shape", "zero", "codes") and (
        raw.dtype in INTEGERS or "scale" in piece
    )


class _Settings:
    """Bits and groups that a quantization config states, for a module by its name."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self.method = str(settings.get("quant_method", ""))
        weights = _first_group(settings)
        self._bits = _number(settings, "bits", "w_bit", "nbits", "num_bits") or _number(weights, "num_bits")
        self._group = _number(settings, "group_size", "q_group_size") or _number(weights, "group_size")

    def widths(self, owner: str) -> tuple[int | None, int | None]:
        """Bits and group of a module, the config's own where nothing is said of it (MLX lists modules by path)."""
        own = self._settings.get(owner)
        if isinstance(own, dict):
            return _number(own, "bits") or self._bits, _number(own, "group_size") or self._group
        return self._bits, self._group


def _first_group(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """``weights`` of compressed-tensors' groups where all agree on the bits, else nothing."""
    groups = settings.get("config_groups")
    found = []
    if isinstance(groups, dict):
        for group in groups.values():
            weights = group.get("weights") if isinstance(group, dict) else None
            if isinstance(weights, dict):
                found.append(weights)
    return found[0] if found and len({str(weights.get("num_bits")) for weights in found}) == 1 else {}


def _number(settings: Mapping[str, Any], *names: str) -> int | None:
    """The first positive whole number under one of the names."""
    for name in names:
        value = settings.get(name)
        if type(value) is int and 0 < value < 1 << 20:
            return value
    return None


class _Once:
    """Reads a piece's content once for all modules of one name (numbers aside) whose pieces have the same shapes."""

    def __init__(self, content: Callable[[Raw], bytes | None]) -> None:
        self._content = content
        self._known: dict[tuple[object, ...], bytes | None] = {}

    def of(self, owner: str, pieces: Mapping[str, Raw]) -> Callable[[Raw], bytes | None]:
        """The reader for the pieces of one module."""

        def read(piece: Raw) -> bytes | None:
            if piece.stored_bytes > ROOMY:
                return None
            shapes = tuple([(raw.dtype, raw.shape) for raw in pieces.values()])
            key = (_numberless(owner), piece.dtype, piece.shape, shapes)
            if key not in self._known:
                self._known[key] = self._content(piece)
            return self._known[key]

        return read


def _numberless(name: str) -> str:
    return ".".join(["*" if word.isdecimal() else word for word in name.split(".")])


def reader(folder: Folder, names: Sequence[str]) -> Callable[[Raw], bytes | None]:
    """Reader of small pieces from the files of a set, in the order of their numbers."""

    def content(piece: Raw) -> bytes | None:
        kept, name = headers_of(folder), f"{names[piece.file]} {piece.offset}"
        known = None if kept is None else kept.get(name)
        if isinstance(known, str):
            return known.encode("latin-1", "replace")
        found = folder.open(names[piece.file]).read(piece.offset, piece.stored_bytes)
        if len(found) != piece.stored_bytes:
            return None
        if kept is not None:
            kept.put({name: found.decode("latin-1")})
        return found

    return content
