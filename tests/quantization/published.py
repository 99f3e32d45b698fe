"""Sizes of published GGUF files against the program's; ``python -m tests.quantization.published`` prints each error.

The table is ``published_files.yaml``. Two errors are printed of each file: as the program answers, which knows the
published sizes of some files (``files`` in ``data/models.yaml``), and by the rules alone, as for a model whose files it
does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from vramfit._record import replace
from vramfit.quantization import derive, find_scheme
from vramfit.quantization.mixes import HEADER_BYTES, mix_of
from vramfit.sources import open_catalogue
from vramfit.units import GB, GIB, MIB

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.model import Model
    from vramfit.quantization import Scheme

TABLE: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("published_files.yaml").read_text("utf-8"))
UNITS = {"B": 1, "MiB": MIB, "GiB": GIB, "GB": GB, "GiB tensors": GIB}
CATALOGUE = open_catalogue()


@dataclass(frozen=True)
class File:
    """A published file with the program's two answers."""

    repository: str
    type: str
    model: Model
    scheme: Scheme
    published_bytes: float
    """Tensors of the published file: its size without the header."""
    rounding_bytes: float
    """Half of the last printed digit."""

    @property
    def is_mix(self) -> bool:
        """True if the publisher chose the types, or some of them."""
        return "mix" in self.scheme.settings or "ends" in self.scheme.settings

    def error(self, *, by_rule: bool = False) -> float:
        """Relative error of the answer beyond the rounding of the published size, with its sign."""
        off = self._bytes(by_rule) - self.published_bytes
        beyond = max(abs(off) - self.rounding_bytes, 0)
        return (beyond if off > 0 else -beyond) / self.published_bytes

    def is_inside(self, *, by_rule: bool = False) -> bool:
        """True if the published size is in the interval of the answer."""
        ours, mix = self._bytes(by_rule), mix_of(self._model(by_rule), self.scheme)
        low = high = 1.0
        if mix is not None:
            from vramfit.quantization.mixes import spread

            less, more = spread(self._model(by_rule), self.scheme)
            low, high = 1 - less, 1 + more
        room = self.rounding_bytes + 0.001 * self.published_bytes
        return low * ours - room <= self.published_bytes <= high * ours + room

    def _model(self, by_rule: bool) -> Model:
        return replace(self.model, files=()) if by_rule else self.model

    def _bytes(self, by_rule: bool) -> int:
        return derive(self._model(by_rule), self.scheme).file_bytes


def files() -> list[File]:
    """Every file of the table."""
    return [_file(row, kind, size) for row in TABLE for kind, size in row["sizes"].items()]


def _file(row: dict[str, Any], kind: str, text: str) -> File:
    name = f"{row['repository']}:{kind}"
    model = CATALOGUE.model(row["model"])
    stated: Any = {}
    if CATALOGUE.knows(name) and CATALOGUE.model(name).id == model.id:
        stated = CATALOGUE.stated(name)
    scheme = find_scheme(stated.get("quant", kind))
    unit = UNITS[row["unit"]]
    header = 0 if row["unit"].endswith("tensors") else HEADER_BYTES * model.vocab
    digits = len(text.partition(".")[2])
    rounding = 0.0 if row["unit"] == "B" else 0.5 * unit / 10**digits
    return File(row["repository"], kind, model, scheme, float(text) * unit - header, rounding)


def quantile(values: Sequence[float], share: float) -> float:
    """Smallest value that at least ``share`` of the values do not exceed."""
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


def main() -> None:
    """Print a line for each type, with every file's errors in percent, and the totals."""
    known = files()
    for file in sorted(known, key=lambda one: (one.is_mix, one.type, one.repository)):
        kind = "mix" if file.is_mix else "stock"
        both = f"{100 * file.error():+6.2f} % answered, {100 * file.error(by_rule=True):+6.2f} % by rule"
        print(f"{kind:5}  {file.type:10}  {both}  {file.repository}")
    for kind, chosen in (("stock", [one for one in known if not one.is_mix]), ("mix", [f for f in known if f.is_mix])):
        for by_rule in (False, True):
            errors = [abs(one.error(by_rule=by_rule)) for one in chosen]
            inside = sum([one.is_inside(by_rule=by_rule) for one in chosen]) / len(chosen)
            how = "by rule" if by_rule else "answered"
            figures = f"median {100 * quantile(errors, 0.5):.2f} %, p95 {100 * quantile(errors, 0.95):.2f} %"
            print(f"{kind}, {how}: {len(chosen)} files, {figures}, {100 * inside:.0f} % inside the interval")


if __name__ == "__main__":
    main()
