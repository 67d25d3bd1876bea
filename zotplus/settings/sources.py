"""Where settings come from: one YAML file and the environment, each read into nested dictionaries in bounded work."""

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from zotplus.adapters.sealing_aead.secret_files import read_secret_file
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.settings.documentation import PREFIX, SEPARATOR, Leaf, leaves

FILE_MAX_BYTES = 262_144
"""A file with every setting in full has about 8 KiB; the limit bounds the parser's work."""

FILE_SUFFIX = "_FILE"

OTHER_VARIABLES = frozenset(
    PREFIX + name
    for name in (
        "CONFIG",  # the file itself
        *("ENDPOINT", "ACCESS_KEY", "SECRET_KEY", "TOKEN", "PROFILE", "CREDENTIALS", "CA", "INSECURE"),  # the CLI
        *("FAILPOINT", "ZOT", "PEERS", "SKIPS", "KILL_ROUNDS", "LINEARIZABILITY_RUNS", "TEST_LARGE_GIB"),  # tests
    )
)
"""Variables that begin with the prefix and are no settings."""

_KUBERNETES = re.compile(
    r"ZOTPLUS_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?)"
)
"""What Kubernetes sets in every pod for a service whose name begins with ``zotplus``.

Spec: Kubernetes, "Service", "Environment variables"; ``ZOTPLUS_PORT=tcp://…`` is told by its value.
"""

Tree = dict[str, Any]


def read_file(path: Path) -> Tree:
    """The content of a YAML file as nested dictionaries. Raises ``SETTING_INVALID``."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_MAX_BYTES + 1)
    except OSError as error:
        raise _invalid(f"{path} cannot be read: {error.strerror}.") from error
    if len(content) > FILE_MAX_BYTES:
        raise _invalid(f"{path} has more than {FILE_MAX_BYTES} bytes.")
    from zotplus.settings.yaml_reader import parse  # noqa: PLC0415 - 35 ms that a start without a file does not need

    tree = parse(content, str(path))
    if not isinstance(tree, dict):
        raise _invalid(f"{path} must hold names and values.")
    return _with_secret_files(tree, ())


def read_environment(environ: Mapping[str, str]) -> Tree:
    """The settings among the variables. An empty variable counts as unset. Raises ``SETTING_INVALID``."""
    by_variable = {leaf.variable: leaf for leaf in leaves().values()}
    tree: Tree = {}
    for variable in sorted(environ):
        value = environ[variable]
        if not variable.startswith(PREFIX) or not value or _is_foreign(variable, value):
            continue
        leaf = by_variable.get(variable)
        if leaf is None:
            leaf = by_variable.get(variable.removesuffix(FILE_SUFFIX))
            if leaf is None or not leaf.secret:
                raise _invalid(f"The environment variable {variable} is not known{nearest(variable, by_variable)}.")
            if environ.get(leaf.variable):
                raise _invalid(f"Both {leaf.variable} and {variable} are set.")
            value = read_secret_file(Path(value))
        _put(tree, leaf, _value(leaf, value, variable))
    return tree


def merge(lower: Tree, upper: Tree) -> Tree:
    """Both trees in one; where both have a value, that of ``upper``."""
    merged = dict(lower)
    for key, value in upper.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _with_secret_files(tree: Tree, path: tuple[str, ...]) -> Tree:
    """``tree`` where ``secret_key_file: path`` has become ``secret_key: content``; empty sections are left out."""
    resolved: Tree = {}
    for key, value in tree.items():
        base = str(key).removesuffix(FILE_SUFFIX.lower())
        leaf = leaves().get((*path, base))
        if isinstance(value, dict):
            resolved[key] = _with_secret_files(value, (*path, str(key)))
        elif base != key and leaf is not None and leaf.secret and isinstance(value, str):
            if base in tree:
                raise _invalid(f"Both {leaf.name} and {leaf.name}{FILE_SUFFIX.lower()} are set.")
            resolved[base] = read_secret_file(Path(value))
        else:
            resolved[key] = value
    return resolved


def _is_foreign(variable: str, value: str) -> bool:
    if variable in OTHER_VARIABLES or _KUBERNETES.fullmatch(variable):
        return True
    return variable.endswith("_PORT") and value.startswith(("tcp://", "udp://", "sctp://"))


def _value(leaf: Leaf, text: str, variable: str) -> Any:
    """``text`` as the setting's type; lists are separated by commas, or JSON."""
    raw: Any = text
    try:
        if "tuple" in str(leaf.annotation) or "list" in str(leaf.annotation):
            raw = json.loads(text) if text.startswith("[") else [part.strip() for part in text.split(",")]
        return msgspec.convert(raw, leaf.annotation, strict=False)
    except (ValueError, RecursionError) as error:
        reason = "the value has another form" if leaf.secret else str(error)
        raise _invalid(f"{variable}: {reason}", leaf.name) from error


def _put(tree: Tree, leaf: Leaf, value: Any) -> None:
    for name in leaf.path[:-1]:
        tree = tree.setdefault(name, {})
    tree[leaf.path[-1]] = value


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean …?`` for the nearest known name, weighing the separator away (``S3_PORT``, ``S3__PORT``)."""
    folded = {candidate.replace(SEPARATOR, "_"): candidate for candidate in known}
    found = difflib.get_close_matches(name.replace(SEPARATOR, "_"), folded, n=1, cutoff=0.5)
    return f"; did you mean {folded[found[0]]}?" if found else ""


def _invalid(detail: str, setting: str = "") -> Problem:
    detail = detail if detail.endswith((".", "?")) else f"{detail}."
    return Problem(errors.SETTING_INVALID, detail.replace("?.", "?"), setting=setting)
