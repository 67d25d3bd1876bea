"""The list of all settings, read from the structs: names, types, defaults and the docstrings below the fields."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any, get_args, get_origin

import msgspec
from msgspec.inspect import LiteralType, Metadata, NoneType, StructType, Type, UnionType, VarTupleType, type_info

from zotplus.settings.sections import Settings

SEPARATOR = "__"
PREFIX = "ZOTPLUS_"


class Leaf(msgspec.Struct, frozen=True, kw_only=True):
    """One setting.

    ``path`` is its place (``("http", "port")``), ``annotation`` its type, ``default`` a value of it, ``owner`` the
    struct that declares it.
    """

    path: tuple[str, ...]
    annotation: Any
    default: Any
    required: bool
    secret: bool
    owner: type[msgspec.Struct]

    @property
    def name(self) -> str:
        """As in the reference: ``http.port``."""
        return ".".join(self.path)

    @property
    def description(self) -> str:
        """The docstring below the field; read from the source, so only for documents."""
        return field_docstrings(self.owner).get(self.path[-1], "")

    @property
    def variable(self) -> str:
        """The environment's name for it: ``ZOTPLUS_HTTP__PORT``."""
        return PREFIX + SEPARATOR.join(self.path).upper()


@cache
def leaves() -> dict[tuple[str, ...], Leaf]:
    """All settings by their path, in the order of declaration."""
    return {leaf.path: leaf for leaf in _walk(Settings, ())}


@cache
def sections() -> dict[tuple[str, ...], type[msgspec.Struct]]:
    """All structs by their path, the root under ``()``."""
    return dict(_structs(Settings, ()))


@cache
def elements() -> dict[tuple[str, ...], type[msgspec.Struct]]:
    """The structs that lists hold, by the list's path with ``[]``, and the structs within them."""
    found: dict[tuple[str, ...], type[msgspec.Struct]] = {}
    for leaf in leaves().values():
        element = _element(type_info(leaf.annotation))
        if element is not None:
            found |= _structs(element, (*leaf.path[:-1], f"{leaf.path[-1]}[]"))
    return found


def _structs(
    struct: type[msgspec.Struct], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], type[msgspec.Struct]]]:
    """``struct`` at ``path`` and the structs within it."""
    yield path, struct
    for field in msgspec.structs.fields(struct):
        inner = struct_of(field.type)
        if inner is not None:
            yield from _structs(inner, (*path, field.name))


def own_leaves(struct: type[msgspec.Struct], path: tuple[str, ...]) -> list[Leaf]:
    """The settings that ``struct`` declares itself, for documents."""
    return [leaf for leaf in _walk(struct, path) if leaf.owner is struct]


def struct_of(annotation: Any) -> type[msgspec.Struct] | None:
    """The struct that ``annotation`` is, alone or beside None. A list of structs is a list."""
    if get_origin(annotation) is tuple:
        return None
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, msgspec.Struct):
            return candidate
    return None


@cache
def field_docstrings(struct: type[msgspec.Struct]) -> dict[str, str]:
    """The string literal below each field of ``struct``, in one line."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(struct)))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    return {
        before.target.id: " ".join(after.value.value.split())
        for before, after in pairwise(body)
        if isinstance(before, ast.AnnAssign)
        and isinstance(before.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
        and isinstance(after.value.value, str)
    }


def _walk(struct: type[msgspec.Struct], path: tuple[str, ...]) -> Iterator[Leaf]:
    for field in msgspec.structs.fields(struct):
        inner = struct_of(field.type)
        if inner is not None:
            yield from _walk(inner, (*path, field.name))
            continue
        yield Leaf(
            path=(*path, field.name),
            annotation=field.type,
            default=None if field.default is msgspec.NODEFAULT else field.default,
            required=field.required,
            secret=_is_secret(type_info(field.type)),
            owner=struct,
        )


def _element(kind: Type) -> type[msgspec.Struct] | None:
    """The struct that a list holds, if it holds any."""
    if isinstance(kind, Metadata):
        return _element(kind.type)
    inner = kind.item_type if isinstance(kind, VarTupleType) else None
    return inner.cls if isinstance(inner, StructType) else None


def _is_secret(kind: Type) -> bool:
    if isinstance(kind, Metadata):
        return bool((kind.extra or {}).get("secret")) or _is_secret(kind.type)
    return isinstance(kind, UnionType) and any(_is_secret(member) for member in kind.types)


def type_name(annotation: Any) -> str:
    """``annotation`` in words for the reference page: ``integer, 0 to 65535``."""
    return _describe(type_info(annotation))


def _describe(kind: Type) -> str:
    if isinstance(kind, Metadata):
        return _describe(kind.type)
    if isinstance(kind, UnionType):
        return ", or ".join("none" if isinstance(member, NoneType) else _describe(member) for member in kind.types)
    if isinstance(kind, StructType):
        return "section"
    if isinstance(kind, VarTupleType):
        inner = kind.item_type
        return "list of " + ("sections" if _element(kind) else _describe(inner))
    if isinstance(kind, LiteralType):
        return " \\| ".join(f"`{value}`" for value in kind.values)
    names = {"IntType": "integer", "FloatType": "number", "StrType": "text", "BoolType": "true or false"}
    return names[type(kind).__name__] + _bounds(kind)


def _bounds(kind: Type) -> str:
    low = next((value for name in ("ge", "gt") if (value := getattr(kind, name, None)) is not None), None)
    high = getattr(kind, "le", None)
    if low is None and high is None:
        return ""
    lower = "" if low is None else f"{'above ' if getattr(kind, 'gt', None) is not None else ''}{low:,}"
    return f", {lower} to {high:,}" if high is not None else f", at least {lower}"
