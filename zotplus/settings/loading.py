"""Sources into one checked ``Settings``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.settings.documentation import leaves, sections
from zotplus.settings.mistakes import misnamed, misvalued, refuse_mistakes
from zotplus.settings.sections import DERIVED_PATHS, Settings
from zotplus.settings.sources import Tree, merge, read_environment, read_file

CONFIG_VARIABLE = "ZOTPLUS_CONFIG"


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read the file (``path``, else ``ZOTPLUS_CONFIG``, else none) and the environment, which wins.

    Raises ``SETTING_INVALID``: unknown names with the nearest known ones, values of the wrong form with their places;
    all of a file's at once.
    """
    named = environ.get(CONFIG_VARIABLE)
    path = path or (Path(named) if named else None)
    tree: Tree = {}
    if path is not None:
        tree = read_file(path)
        tree = _without_empty_sections(tree)
        # before the environment is laid over it, so that the file is to blame
        names = misnamed(tree)
        refuse_mistakes(names | misvalued(_with_derived_paths(tree)) | names, str(path))
    return _convert(merge(tree, read_environment(environ)), Settings, "settings")


def _convert(tree: Tree, kind: type[Settings], where: str) -> Settings:
    try:
        return msgspec.convert(_with_derived_paths(tree), kind, strict=True)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$")
        name = place.rstrip("`").lstrip(".") or "the root"
        raise Problem(
            errors.SETTING_INVALID, f"{where}: {name}: {reason.rstrip('.')}.", setting=name
        ) from None  # msgspec's own error may quote the value


def _with_derived_paths(tree: Tree) -> Tree:
    base = tree.get("data_dir", Settings().data_dir)
    if not isinstance(base, str):
        return tree  # refused by its type in a moment
    derived: Tree = {}
    for (section, name), folder in DERIVED_PATHS.items():
        if (section,) in sections():
            derived[section] = {name: str(Path(base) / folder)}
    return merge(derived, tree)


def _without_empty_sections(tree: Tree) -> Tree:
    """``http:`` with nothing below it reads as None in YAML and means the defaults."""
    empty = {name for name, value in tree.items() if value is None and (name,) in sections()}
    return {name: value for name, value in tree.items() if name not in empty}


def as_tree(settings: Settings) -> Tree:
    """Every setting as nested plain values, secrets included."""
    tree: Any = msgspec.to_builtins(settings)
    return dict(tree)


def secret_paths() -> tuple[tuple[str, ...], ...]:
    """Where secrets are."""
    return tuple(leaf.path for leaf in leaves().values() if leaf.secret)
