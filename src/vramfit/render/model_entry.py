"""Paragraphs of a model's page."""

from __future__ import annotations

from vramfit.units import KIB, billions, gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.render.fields import Object


_SMALL_SHARE = 0.001
"""Share of the parameters below which roles are shown together."""


def subtitle(model: Object) -> str:
    """Id, modality, architecture and date in one line."""
    architecture = model["architecture"] and f"architecture {model['architecture']}"
    released = model["released"] and f"released {model['released']}"
    return ", ".join(part for part in (model["id"], model["modality"], architecture, released) if part)


def paragraphs(model: Object) -> Iterator[tuple[str, list[str]]]:
    """Label and lines of each paragraph; one that does not apply has no lines."""
    yield "Parameters", [_parameters(model), _roles(model)]
    yield "Layers", [_shape(model), *map(_layers, model["layers"])]
    yield "Networks", [_network(component) for component in model["components"]]
    yield "Context", [f"{model['max_context']:,} tokens" if model["max_context"] else ""]
    yield "KV cache", list(_cache(model["kv_cache"])) if model["kv_cache"] else []
    yield "Images", list(_vision(model)) if model["vision"] else []
    yield "Checkpoint", [f"published in {model['dtype']}" if model["dtype"] else ""]
    yield "Hub", [", ".join(model["hf"])]
    yield "Ollama", [", ".join(model["ollama"])]
    yield "Licence", [model["licence"] or ""]


def _parameters(model: Object) -> str:
    total, active, vision = model["parameters"], model["active_parameters"], model["vision_parameters"]
    parts = [
        f"{billions(total)} ({total:,})",
        f"{billions(active)} active per token" if active != total else None,
        f"{billions(vision)} of them vision" if vision else None,
    ]
    return ", ".join(part for part in parts if part)


def _roles(model: Object) -> str:
    total = model["parameters"]
    roles = [(tensor["role"], tensor["parameters"]) for tensor in model["tensors"]]
    shown = [f"{role} {billions(count)}" for role, count in roles if count >= total * _SMALL_SHARE]
    rest = sum(count for _, count in roles if count < total * _SMALL_SHARE)
    return ", ".join(shown + ([f"rest {_small(rest)}"] if rest else []))


def _small(count: int) -> str:
    return billions(count) if count >= 10**6 else f"{count:,}"


def _shape(model: Object) -> str:
    tied = "the head is the embedding" if model["tied"] else "the head has its own matrix"
    parts = (
        model["layer_count"] and f"{model['layer_count']}",
        model["hidden"] and f"{model['hidden']:,} wide",
        model["vocab"] and f"vocabulary of {model['vocab']:,} ({tied})",
    )
    return ", ".join(part for part in parts if part)


def _layers(group: Object) -> str:
    mixers = " beside ".join(map(_mixer, group["mixers"]))
    network = _feed_forward(group["feed_forward"]) if group["feed_forward"] else ""
    return f"{group['count']} × {'; '.join(part for part in (mixers, network) if part)}"


def _mixer(mixer: Object) -> str:
    kind = mixer["type"]
    if kind == "attention":
        window = f" over {mixer['window']:,} tokens" if mixer.get("window") else ""
        shares = ", cache shared with an earlier layer" if mixer.get("shares_cache") else ""
        heads = _heads(mixer["heads"], mixer["kv_heads"])
        return f"{mixer['kind']} attention{window}, {heads} of {mixer['head_dim']}{shares}"
    if kind == "latent-attention":
        indexer = f", indexer {mixer['indexer_dim']}" if mixer.get("indexer_dim") else ""
        latent = f"latent {mixer['kv_rank']} + {mixer['rope_dim']}"
        return f"latent attention, {mixer['heads']} heads, {latent}{indexer}"
    if kind == "state-space":
        return f"{mixer['kind']}, state {mixer['state']} × {mixer['inner']:,}"
    if kind == "linear-attention":
        size = f"{mixer['value_heads']} heads of {mixer['key_dim']} × {mixer['value_dim']}"
        return f"{mixer['kind'].replace('_', ' ')}, {size}"
    if kind == "short-convolution":
        return f"short convolution over {mixer['kernel']}"
    sizes = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in mixer.items() if key != "type" and value)
    return f"{kind.replace('-', ' ')}, {sizes}"


def _heads(heads: int, kv_heads: int) -> str:
    return f"{heads} heads" if heads == kv_heads else f"{heads} heads over {kv_heads} of KV"


def _feed_forward(network: Object) -> str:
    if network["type"] == "dense":
        return f"feed-forward {network['width']:,}{'' if network['gated'] else ', not gated'}"
    shared = f", shared {network['shared_width']:,}" if network["shared_width"] else ""
    dense = f", dense {network['dense_width']:,} beside" if network.get("dense_width") else ""
    return f"{network['active']} of {network['count']} experts of {network['width']:,}{shared}{dense}"


def _network(component: Object) -> str:
    return f"{component['name'].replace('_', ' ')}: {billions(component['parameters'])}, {component['architecture']}"


def _cache(cache: Object) -> Iterator[str]:
    kind, window = cache["type"], cache["window"]
    per_token, windowed = cache["bytes_per_token"], cache["windowed_bytes_per_token"]
    shares = [f"{per_token / KIB:,.4g} KiB per token at {kind}"] if per_token else []
    if windowed:
        shares.append(f"{windowed / KIB:,.4g} KiB per token at {kind} for the last {window:,}")
    if cache["state_elements"]:
        shares.append(f"a state of {cache['state_elements']:,} elements per sequence")
    yield " and ".join(shares)
    if per_token or windowed:
        sizes = (f"{gib(size)} at {int(tokens):,}" for tokens, size in cache["bytes_at_context"].items())
        yield f"{', '.join(sizes)} tokens"


def _vision(model: Object) -> Iterator[str]:
    vision = model["vision"]
    parts = (
        vision["tower"],
        vision["layers"] and f"{vision['layers']} layers",
        vision["hidden"] and f"{vision['hidden']:,} wide",
        vision["patch"] and f"patches of {vision['patch']}",
        vision["image_size"] and f"{vision['image_size']} pixels",
    )
    yield ", ".join(part for part in parts if part)
    tokens = vision["image_tokens"]
    if tokens["usual"] is None:
        return
    width, height = tokens["usual_image"]
    most = "" if tokens["max"] == tokens["usual"] else f", no image more than {tokens['max']:,}"
    yield f"{width} × {height} pixels take {tokens['usual']:,} token{'' if tokens['usual'] == 1 else 's'}{most}"
