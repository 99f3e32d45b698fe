"""Vision tower of a configuration, and the rule that gives the number of tokens of an image.

Sizes of the tower stand in a nested configuration. The treatment of an image stands in the settings of the processor
(``preprocessor_config.json``) or in the processor's class. Each row of ``TOWERS`` is a model type of transformers
5.24.0, with formulas over both as its configuration, modelling and processing files have them. Of several formulas the
first that has a value counts; the last one is the value of the processor's class, or of the makers' own file for the
type.
"""

from __future__ import annotations

from vramfit.importers.config import formulas
from vramfit.importers.config.language import SHELLS, VISION, has
from vramfit.model.encoder import VisionTower
from vramfit.model.image_rules import rule_class

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.importers.config.section import Section
    from vramfit.model.image_rules import ImageRule

    Formulas = str | tuple[str, ...]

UNKNOWN = "how many tokens it makes of an image is not known, so none are counted: image_tokens states it"
"""Note on a model that reads images, but by no rule that is known here."""

SIDE, PATCH = "vision.image_size", "vision.patch_size"
PATCHES = f"({SIDE} // {PATCH}) ** 2"
USUAL = {
    "layers": "vision.num_hidden_layers", "hidden": "vision.hidden_size", "ffn": "vision.intermediate_size",
    "heads": "vision.num_attention_heads", "patch": PATCH, "image_size": SIDE,
}  # fmt: skip
"""Fields of a tower whose row in the table names no others."""

_GRID = {"image_size": "None", "frames": "vision.temporal_patch_size", "merge": "vision.spatial_merge_size"}
_LIMITS = {
    "min_pixels": ("processor.min_pixels", "processor.size.shortest_edge"),
    "max_pixels": ("processor.max_pixels", "processor.size.longest_edge"),
}


def _native(lowest: str, highest: str, patch: str = PATCH, merge: str = "vision.spatial_merge_size") -> dict[str, Any]:
    """Return the rule of ``smart_resize`` with the limits of pixels that the type's makers set, unless the processor's
    file has others."""
    pixels = {"min_pixels": (*_LIMITS["min_pixels"], lowest), "max_pixels": (*_LIMITS["max_pixels"], highest)}
    return {"rule": "native", "patch": patch, "merge": merge, **pixels}


_QWEN3 = {"kind": "qwen3-vl", "tower": _GRID, "image": _native("65536", "16777216")}
_GLM = {"kind": "glm4v", "tower": {**_GRID, "gated": "True", "image_size": SIDE}, "image": _native("12544", "11760000")}
_SPLIT = {
    "kind": "idefics3",
    "tower": {"merge": ("scale_factor", "2")},
    "image": {
        "rule": "split", "tile": ("processor.max_image_size.longest_edge", SIDE),
        "per_tile": f"{PATCHES} // scale_factor ** 2", "longest": ("processor.size.longest_edge", f"4 * {SIDE}"),
    },
}  # fmt: skip
_BARE = {
    "kind": "unmodelled",
    "tower": {"layers": "0", "hidden": "0", "ffn": "0", "heads": "0", "patch": "0", "image_size": "None"},
}  # fmt: skip
_ANYRES = {"rule": "anyres", "tile": SIDE, "patch": PATCH}

TOWERS: dict[str, dict[str, Any]] = {
    "qwen2_vl": {
        "kind": "qwen2-vl",
        "tower": {**_GRID, "hidden": "vision.embed_dim", "ffn": "int(vision.embed_dim * vision.mlp_ratio)"},
        "image": _native("3136", "1003520"),
    },
    "qwen2_5_vl": {"kind": "qwen2.5-vl", "tower": {**_GRID, "gated": "True"}, "image": _native("3136", "1003520")},
    "qwen3_vl": _QWEN3,
    "qwen3_vl_moe": _QWEN3,
    "qwen3_5": {**_QWEN3, "kind": "qwen3.5"},
    "qwen3_5_moe": {**_QWEN3, "kind": "qwen3.5"},
    "gemma3": {"kind": "gemma3", "image": {"rule": "fixed", "tokens": ("mm_tokens_per_image", "256")}},
    "gemma4": {
        "kind": "gemma4", "tower": {"image_size": "None", "gated": "True"},
        "image": {
            "rule": "fixed",
            "tokens": ("processor.max_soft_tokens", "vision.default_output_length", "vision_soft_tokens_per_image", "280"),
        },
    },
    "paligemma": {"kind": "paligemma", "image": {"rule": "fixed", "tokens": PATCHES}},
    "idefics2": {
        "kind": "idefics2", "image": {"rule": "fixed", "tokens": ("perceiver_config.resampler_n_latents", "64")},
    },
    "idefics3": _SPLIT,
    "smolvlm": _SPLIT,
    "mistral3": {
        "kind": "mistral3",
        "tower": {"merge": "spatial_merge_size", "gated": "True"},
        "image": {
            "rule": "longest_side", "patch": PATCH, "merge": "spatial_merge_size",
            "longest": ("processor.size.longest_edge", SIDE),
        },
    },
    "llava/pixtral": {
        "kind": "pixtral",
        "tower": {"gated": "True"},
        "image": {
            "rule": "longest_side", "patch": PATCH, "merge": "1", "longest": ("processor.size.longest_edge", SIDE),
        },
    },
    "llava/clip_vision_model": {
        "kind": "clip", "tower": {"class_token": "True"},
        "image": {"rule": "fixed", "tokens": f"{PATCHES} + (1 if vision_feature_select_strategy == 'full' else 0)"},
    },
    "llava/siglip_vision_model": {"kind": "siglip", "image": {"rule": "fixed", "tokens": PATCHES}},
    "llava_next/clip_vision_model": {
        "kind": "clip", "tower": {"class_token": "True"},
        "image": {
            **_ANYRES,
            "pinpoints": (
                "image_grid_pinpoints", "[[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]]",
            ),
        },
    },
    "llava_onevision/siglip_vision_model": {
        "kind": "siglip", "image": {**_ANYRES, "pinpoints": "image_grid_pinpoints", "max_tiles": "9"},
    },
    "mllama": {
        "kind": "mllama",
        "tower": {"class_token": "True"},
        "image": {"rule": "cross", "per_tile": f"{PATCHES} + 1", "max_tiles": "vision.max_num_tiles"},
    },
    "llama4": {
        "kind": "llama4",
        "tower": {"class_token": "True"},
        "image": {
            "rule": "tiles", "tile": SIDE, "per_tile": f"int({PATCHES} * vision.pixel_shuffle_ratio ** 2)",
            "max_tiles": ("processor.max_patches", "16"), "fit": "'canvas'",
        },
    },
    "internvl": {
        "kind": "internvl",
        "tower": {"class_token": "True", "merge": "int(1 / downsample_ratio)"},
        "image": {
            "rule": "tiles", "tile": SIDE, "per_tile": f"int({PATCHES} * downsample_ratio ** 2)",
            "max_tiles": ("processor.max_patches", "12"),
        },
    },
    "aya_vision": {
        "kind": "aya",
        "tower": {"merge": "downsample_factor"},
        "image": {
            "rule": "tiles", "tile": SIDE, "per_tile": f"({SIDE} // {PATCH} // downsample_factor) ** 2",
            "max_tiles": ("processor.max_patches", "12"),
        },
    },
    "glm4v": _GLM,
    "glm4v_moe": _GLM,
    "glm46v": _GLM,
    "glm_ocr": {**_GLM, "kind": "glm-ocr"},
    "kimi_k25": {
        "kind": "kimi",
        "tower": {"image_size": "None", "merge": "vision.merge_kernel_size[0]"},
        "image": {
            "rule": "native", "patch": PATCH, "merge": "vision.merge_kernel_size[0]",
            "max_pixels": (f"processor.max_patches * {PATCH} ** 2", f"16384 * {PATCH} ** 2"),
        },
    },
    "deepseek_v41": {
        **_BARE,
        "image": {
            "rule": "native", "patch": PATCH, "merge": "vision.downsample_ratio", "min_pixels": "vision.min_pixels",
            "max_pixels": f"vision.max_image_tokens * ({PATCH} * vision.downsample_ratio) ** 2",
        },
    },
    "minimax_m3_vl": {
        **_BARE,
        # The size in the makers' file, [672, 672], means nothing to the processor, which puts its own in its place.
        "image": _native("3136", "451584"),
    },
}  # fmt: skip
"""Table of towers by model type, or by it and the type of the tower if the tower decides."""


def vision_of(root: Section, processor: Mapping[str, Any]) -> tuple[VisionTower | None, str | None]:
    """Return the tower of a model that reads images. If no rule for it is known, return None and a note that says so.

    ``processor`` is the content of the processor's file, empty if there is none. Raises the errors of ``formulas`` for
    values that mean nothing.
    """
    shell = next((root.section(name) for name in SHELLS if has(root, name)), root)
    name = next((name for name in VISION if has(shell, name)), None)
    if name is None:
        return None, None
    vision = shell.section(name)
    kind = shell.model_type or ""
    row = TOWERS.get(kind) or TOWERS.get(f"{kind}/{vision.model_type}")
    if row is None:
        return None, UNKNOWN
    settings = processor.get("image_processor")
    stated = settings if isinstance(settings, dict) else processor

    def fields(field: str, layer: int | None) -> Any:
        head, _, rest = field.partition(".")
        if head == "processor":
            return _entry(stated, rest)
        value = vision(rest) if head == "vision" else shell(field)
        return _square(value) if rest in ("image_size", "patch_size") else value

    tower = {field: _first(row.get("tower", {}).get(field, usual), fields) for field, usual in USUAL.items()}
    more = {field: _first(text, fields) for field, text in row.get("tower", {}).items() if field not in USUAL}
    rule = _rule(row["image"], fields)
    sizes: dict[str, Any] = {field: _whole(value) for field, value in {**tower, **more}.items() if value is not None}
    return VisionTower(kind=row["kind"], image_tokens=rule, **sizes), None


def _rule(stated: Mapping[str, Formulas], fields: formulas.Lookup) -> ImageRule:
    """Make the rule with the values of its formulas; raises ``MissingField`` if one has no value."""
    values: dict[str, Any] = {}
    for field, texts in stated.items():
        if field == "rule":
            continue
        value = _first(texts, fields)
        if value is None:
            raise formulas.MissingField(field)
        if field == "pinpoints":
            # Files have height first.
            value = tuple([(_whole(width), _whole(height)) for height, width in value])
        values[field] = value if field in ("pinpoints", "fit") else _whole(value)
    return rule_class(str(stated["rule"]))(**values)


def _first(texts: Formulas, fields: formulas.Lookup) -> Any:
    """Return the value of the first formula that has one."""
    for text in (texts,) if isinstance(texts, str) else texts:
        try:
            value = formulas.evaluate(formulas.parse(text), fields)
        except formulas.MissingField:
            continue
        if value is not None:
            return value
    return None


def _whole(value: Any) -> int:
    """Return a size or a flag; raises ``ValueError`` for a value that is neither."""
    if not isinstance(value, int) or not 0 <= value < 1 << 40:
        raise ValueError("its vision settings are not numbers")
    return value


def _square(value: Any) -> Any:
    """Return the side of a square that is written as both of its sides, ``[448, 448]``."""
    return value[0] if isinstance(value, list) and len(value) == 2 and value[0] == value[1] else value


def _entry(stated: Mapping[str, Any], path: str) -> Any:
    """Return a dotted entry of the processor's settings, or None if it is not there."""
    value: Any = stated
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value
