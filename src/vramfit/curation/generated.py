"""Pydantic models made of records: of their annotations, their defaults and the texts below their fields.

A record of ``vramfit.model`` describes each of its fields once, with the type, the default and a docstring. Here these
become the schema that catalogue files are checked against, and that editors show. Annotations are evaluated in the
names of the records' own modules; ``kinds`` gives the constraints.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from vramfit._record import Record, fields, is_record, shape
from vramfit.model import architecture, encoder, image_rules, kinds, spec, traits
from vramfit.model.encoder import Step
from vramfit.model.image_rules import RULES, rule_class
from vramfit.model.kinds import AtLeast, Form
from vramfit.model.spec import Moe

if typing.TYPE_CHECKING:
    from vramfit.model.image_rules import ImageRule

RULE_KINDS = tuple([rule_class(name) for name in RULES])
"""Rules for image tokens."""

PARTIAL = (Moe,)
"""Records that a family may give in part, for its members to complete."""


class Part(BaseModel):
    """Strict: no unknown keys, no coercion of "13" into 13."""

    model_config = ConfigDict(extra="forbid", strict=True, protected_namespaces=())


@cache
def model_of(kind: type) -> type[BaseModel]:
    """The Pydantic model of a record class."""
    chosen = field_definitions(kind, fields(kind), partial=kind in PARTIAL)
    return made(kind.__name__, kind.__doc__, chosen, _one_form if kind is Step else None)


def made(
    name: str, text: str | None, definitions: Mapping[str, Any], check: Any = None, base: type[BaseModel] = Part
) -> type[BaseModel]:
    """A Pydantic model of field definitions, with a description and a check of the whole."""
    checks: dict[str, Any] = {} if check is None else {"check": model_validator(mode="after")(check)}
    return create_model(name, __base__=base, __doc__=inspect.cleandoc(text or ""), __validators__=checks, **definitions)


def field_definitions(kind: type, names: tuple[str, ...], *, partial: bool = False) -> dict[str, Any]:
    """Type, default and description of some fields of a record class; in a partial model every field may be left out.

    0 as the default of a number that is at least 1 means that there is none.
    """
    known = _names() if kind not in RULE_KINDS else _simple_names()
    hints = typing.get_type_hints(kind, globalns=known, include_extras=True)
    texts = descriptions(kind)
    found: dict[str, Any] = {}
    required = fields(kind)[: shape(kind)[2]]
    for name in names:
        stated = _translated(hints[name])
        default = ... if name in required else getattr(kind, name)
        if partial or (default == 0 and default is not False and _least(hints[name]) > 0):
            default = None
        if default is None or isinstance(default, tuple):
            stated = stated if _optional(stated) else stated | None
        default = list(default) if isinstance(default, tuple) else default
        found[name] = (stated, Field(default, description=texts.get(name)))
    return found


@cache
def descriptions(kind: type) -> dict[str, str]:
    """The texts below the fields of a record class and of those it derives from, as single lines."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__[: kind.__mro__.index(Record)]):
        module = sys.modules[base.__module__]
        tree = ast.parse(inspect.getsource(module))
        body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == base.__name__)
        for field, text in itertools.pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                value = text.value if isinstance(text, ast.Expr) else None
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    found[field.target.id] = " ".join(value.value.split())
    return found


@cache
def _simple_names() -> dict[str, Any]:
    """The names that annotations of records use, but for the rules for image tokens."""
    known: dict[str, Any] = {"Literal": Literal, "Mapping": Mapping, "Annotated": Annotated, "Any": Any}
    for module in (kinds, architecture, traits, encoder, image_rules, spec):
        known |= {name: value for name, value in vars(module).items() if not name.startswith("__")}
    return known


@cache
def _names() -> dict[str, Any]:
    """The names that annotations of records use; an image rule is one of several, told apart by its name."""
    rules = tuple([_rule(kind) for kind in RULE_KINDS])
    return {**_simple_names(), "ImageRule": Annotated[Union[rules], Field(discriminator="rule")]}  # noqa: UP007  (a tuple)


def _rule(kind: type[ImageRule]) -> type[BaseModel]:
    """The Pydantic model of a rule for image tokens, its name first."""
    name = (Literal[kind.rule], Field(description="The name of the rule."))
    return made(kind.__name__, kind.__doc__, {"rule": name, **field_definitions(kind, fields(kind))})


def _translated(stated: Any) -> Any:
    """A type of a record's field as Pydantic reads it from YAML: models for records, lists for tuples of any length."""
    origin, inner = get_origin(stated), get_args(stated)
    if origin is Annotated:
        constraints = [_constraint(one) for one in inner[1:]]
        return Annotated[(_translated(inner[0]), *constraints)]
    if origin is tuple:
        if inner[-1] is Ellipsis:
            return list[_translated(inner[0])]  # type: ignore[misc]
        return Annotated[tuple[tuple(_translated(one) for one in inner)], Field(strict=False)]  # type: ignore[misc]
    if origin is Mapping:
        return dict[_translated(inner[0]), _translated(inner[1])]  # type: ignore[misc]
    if origin in (Union, types.UnionType):
        return Union[tuple(_translated(one) for one in inner)]  # noqa: UP007  (of a tuple)
    return model_of(stated) if is_record(stated) else stated


def _constraint(one: Any) -> Any:
    if isinstance(one, AtLeast):
        return Field(ge=one.least)
    return Field(pattern=one.pattern) if isinstance(one, Form) else one


def _least(stated: Any) -> int:
    """The bound of a number; 0 of one without."""
    bounds = [one.least for one in get_args(stated)[1:] if isinstance(one, AtLeast)]
    return max(bounds, default=0)


def _optional(stated: Any) -> bool:
    return get_origin(stated) in (Union, types.UnionType) and type(None) in get_args(stated)


def _one_form(self: Any) -> Any:
    """Refuse a step that is no linear layer, norm or bare tensor, or several of them."""
    if sum(form is not None for form in (self.linear, self.norm, self.shape)) != 1:
        raise ValueError("give exactly one of linear, norm and shape")
    return self
