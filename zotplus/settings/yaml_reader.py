"""YAML without its traps: no aliases, no duplicate keys, no objects, bounded depth.

Spec: YAML 1.2.2, 3.2.1.1 (keys of a mapping are unique) and 7.1 (alias nodes, the base of "billion laughs" files).
"""

from typing import Any

import yaml

from zotplus.domain import errors
from zotplus.domain.errors import Problem

DEPTH_MAX = 16
"""Settings nest three deep."""


class _Refused(yaml.YAMLError):
    """A document that could be read but is not accepted."""


class _Loader(yaml.SafeLoader):
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise _Refused("anchors and aliases are not accepted")
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise _Refused(f"it is nested more than {DEPTH_MAX} deep")
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(keys) != len(node.value):
            raise _Refused("a name must be plain text")
        twice = next((key for position, key in enumerate(keys) if key in keys[:position]), None)
        if twice is not None:
            raise _Refused(f"{twice!r} is there twice{str(node.start_mark).partition(',')[2]}")
        return super().construct_mapping(node, deep)


def parse(content: bytes, where: str) -> Any:
    """The document's value; ``{}`` for an empty one. Raises ``SETTING_INVALID`` with the line of the fault."""
    try:
        value = yaml.load(content, _Loader)  # noqa: S506 - derived from SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise Problem(errors.SETTING_INVALID, f"{where} is not acceptable YAML: {reason}.", file=where) from error
    return {} if value is None else value
