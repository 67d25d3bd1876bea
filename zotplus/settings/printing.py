"""Settings for people and tools: the effective ones with masked secrets, the JSON Schema, the reference page."""

from typing import Any

import msgspec

from zotplus.settings.documentation import Leaf, elements, field_docstrings, leaves, own_leaves, sections, type_name
from zotplus.settings.loading import as_tree, secret_paths
from zotplus.settings.sections import DERIVED_PATHS, Settings
from zotplus.settings.sources import FILE_MAX_BYTES, OTHER_VARIABLES

MASK = "********"

_HEAD = f"""# Configuration

<!-- Printed from the settings' declarations in zotplus/ by `make fix`; edit the docstrings there. -->

The server starts without any setting. What is set comes from one YAML file (`--config`, or `ZOTPLUS_CONFIG`) and from
environment variables, which win. `zotplus config check` reads both as the server would, `zotplus config show` prints
what is in effect, and `zotplus config schema` prints a JSON Schema for editors.

- In the environment two underscores go one level deeper: `http.port` is `ZOTPLUS_HTTP__PORT`. Lists are separated by
  commas. An empty variable counts as unset.
- What stands below a name with `[]` belongs to each section of a list; in the environment the whole list is one
  variable, as JSON.
- A secret may be read from a file: `ZOTPLUS_ADMIN__SECRET_KEY_FILE`, or `secret_key_file` in YAML, names it. A file
  that every user of the machine can read is refused.
- An unknown name is refused, with the nearest known one. So is every other variable that begins with `ZOTPLUS_`, except
  {", ".join(f"`{name}`" for name in sorted(OTHER_VARIABLES))} and what Kubernetes sets for services.
- YAML anchors, aliases and duplicate names are refused, as are files above {FILE_MAX_BYTES // 1024} KiB.
"""

_DERIVED_DEFAULTS: dict[tuple[str, ...], str] = {("workers",): "one per core"}
_DERIVED_DEFAULTS.update((path, f"`{folder}` in `data_dir`") for path, folder in DERIVED_PATHS.items())


def show(settings: Settings) -> dict[str, Any]:
    """Every setting as nested plain values, with ``MASK`` in place of each secret that is set."""
    tree = as_tree(settings)
    for *path, name in secret_paths():
        node: Any = tree
        for step in path:
            node = node.get(step) or {}
        if node.get(name) is not None:
            node[name] = MASK
    return tree


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the file; descriptions are the fields' docstrings."""
    document = msgspec.json.schema(Settings)
    for struct in (*sections().values(), *elements().values()):
        definition = document["$defs"][struct.__name__]
        definition["additionalProperties"] = False
        derived = {name for (_, name) in DERIVED_PATHS}
        if definition.get("required"):
            definition["required"] = [name for name in definition["required"] if name not in derived]
        properties = definition["properties"]
        for name, text in field_docstrings(struct).items():
            properties[name] = {**properties[name], "description": text}
    for leaf in leaves().values():
        if leaf.secret:
            owner = sections()[leaf.path[:-1]]
            document["$defs"][owner.__name__]["properties"][f"{leaf.path[-1]}_file"] = {
                "type": "string",
                "description": f"File that holds {leaf.path[-1]}.",
            }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "zotplus", **document}


def reference() -> str:
    """The page ``docs/reference/configuration.md``."""
    pages = [_HEAD]
    for path, struct in (sections() | elements()).items():
        title = ".".join(path) or "General"
        summary = (struct.__doc__ or "").strip().split("\n\n", maxsplit=1)[0]
        pages.append(f"\n## {title}\n\n{_markdown(summary)}\n" if path else f"\n## {title}\n")
        pages += [_entry(leaf, in_list=path in elements()) for leaf in own_leaves(struct, path)]
    return "".join(pages)


def _markdown(docstring: str) -> str:
    return docstring.replace("``", "`")


def _entry(leaf: Leaf, *, in_list: bool) -> str:
    variable = "" if in_list else f"`{leaf.variable}` · "
    secret = " · secret" if leaf.secret else ""
    return (
        f"\n### `{leaf.name}`\n\n"
        f"{variable}{type_name(leaf.annotation)} · default: {_default(leaf)}{secret}\n\n"
        f"{_markdown(leaf.description)}\n"
    )


def _default(leaf: Leaf) -> str:
    if leaf.path in _DERIVED_DEFAULTS:
        return _DERIVED_DEFAULTS[leaf.path]
    if leaf.required:
        return "required"
    if leaf.default is None:
        return "none"
    if leaf.default == ():
        return "empty"
    if isinstance(leaf.default, tuple):
        return ", ".join(f"`{value}`" for value in leaf.default)
    value = str(leaf.default).lower() if isinstance(leaf.default, bool) else leaf.default
    return f"`{value}`"
