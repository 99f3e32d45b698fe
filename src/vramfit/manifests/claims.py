"""GPUs of resource claims (Kubernetes' dynamic resource allocation, ``resource.k8s.io``)."""

from __future__ import annotations

import re

from vramfit.catalogue.names import MAX_GPUS as MOST_GPUS
from vramfit.manifests import Ask
from vramfit.manifests.cards import asked, memory_of, slice_of
from vramfit.manifests.documents import Table, at, items, table, text
from vramfit.units import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

_PRODUCT = re.compile(r"""productName\s*==\s*["']([^"']+)["']""")
_PROFILE = re.compile(r"""profile\s*==\s*["']([^"']+)["']""")
_MEMORY = re.compile(r"""memory\.compareTo\(quantity\(["']([^"']+)["']\)\)\s*>=?\s*0""")
"""Conditions on attributes that NVIDIA's driver publishes (NVIDIA/k8s-dra-driver-gpu, ``demo/specs``), as CEL writes
them; ``memory`` is a lower bound."""


def claimed(claims: Mapping[str, Any], spec: Table, container: Table, labels: Mapping[str, Sequence[str]]) -> Ask:
    """GPUs of the claims that a container uses; ``labels`` are those of its node."""
    named = {text(at(one, "name")): one for one in items(spec.get("resourceClaims"))}
    count, kinds, missing = 0, [], []
    for use in items(at(container, "resources", "claims")):
        one = named.get(text(at(use, "name")))
        name = text(at(one, "resourceClaimTemplateName")) or text(at(one, "resourceClaimName"))
        if name not in claims:
            missing.append(name)
            continue
        for number, kind in _requests(table(claims[name]), text(at(use, "request"))):
            count += number
            kinds += [kind] if kind else []
    if missing:
        return Ask(0, None, (), f'ResourceClaim "{missing[0]}", which the file does not have')
    if not kinds:
        found = asked(labels, count)
        return Ask(count, None, found.kinds, found.label, found.machine, found.notes)
    return Ask(count, None, tuple(dict.fromkeys(kinds)), "resourceClaims")


def _requests(spec: Table, only: str) -> Iterator[tuple[int, str | None]]:
    """Number of devices of each request of a claim, and the kind of GPU that its conditions name."""
    for one in items(at(spec, "devices", "requests")):
        if only and text(at(one, "name")) != only.partition("/")[0]:
            continue
        request = table(at(one, "exactly")) or table(one)
        if "gpu" not in text(request.get("deviceClassName")) and "mig" not in text(request.get("deviceClassName")):
            continue
        count = text(request.get("count"))
        conditions = " ".join([text(at(each, "cel", "expression")) for each in items(request.get("selectors"))])
        product, profile, memory = (rule.search(conditions) for rule in (_PRODUCT, _PROFILE, _MEMORY))
        kind = slice_of(profile[1]) if profile else product[1] if product else memory_of(memory[1]) if memory else None
        yield 1 if whole(count) is None else min(whole(count) or 0, MOST_GPUS), kind
