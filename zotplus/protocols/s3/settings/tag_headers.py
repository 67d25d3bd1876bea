"""Tags in headers: what a writer sets, what a reader is told, and the rights that both need.

Spec: Amazon S3 API Reference, PutObject and CopyObject (``x-amz-tagging``, ``x-amz-tagging-directive``), GetObject
(``x-amz-tagging-count``); Service Authorization Reference, "Condition keys for Amazon S3" (``s3:RequestObjectTag``).
"""

from collections.abc import Callable, Mapping

from zotplus.domain import actions
from zotplus.domain.iam import Need
from zotplus.domain.storage.tags import ConditionKeys, parse_tag_header, tag_keys
from zotplus.gateway.context import Context

TAGGING = "x-amz-tagging"
COUNT = "x-amz-tagging-count"

_ACTIONS = {
    ("Get", False): actions.GET_OBJECT_TAGGING,
    ("Get", True): actions.GET_OBJECT_VERSION_TAGGING,
    ("Put", False): actions.PUT_OBJECT_TAGGING,
    ("Put", True): actions.PUT_OBJECT_VERSION_TAGGING,
    ("Delete", False): actions.DELETE_OBJECT_TAGGING,
    ("Delete", True): actions.DELETE_OBJECT_VERSION_TAGGING,
}


def read_tags(header: Callable[[str], str | None]) -> dict[str, str]:
    """The tags that a writer sets; a copy that keeps its source's needs the right to set these all the same.

    Raises ``ARGUMENT_INVALID``, ``TAG_INVALID``, ``TAGS_TOO_MANY``.
    """
    text = header(TAGGING)
    return {} if text is None else parse_tag_header(text)


def tag_needs(tags: Mapping[str, str], resource: str) -> tuple[Need, ...]:
    """What a writer needs beside the right to write, to tag what is written."""
    return (Need(actions.PUT_OBJECT_TAGGING.name, resource, tag_keys(tags)),) if tags else ()


def tagging_need(verb: str, resource: str, version: str, tags: Mapping[str, str] | None = None) -> Need:
    """What must be allowed to ``Get``, ``Put`` or ``Delete`` the tags of an object, or of the ``version`` named."""
    keys: ConditionKeys = {"s3:versionid": version} if version else {}
    return Need(_ACTIONS[verb, bool(version)].name, resource, keys | tag_keys(tags or {}))


def count_headers(context: Context, tags: Mapping[str, str], resource: str) -> tuple[tuple[str, str], ...]:
    """How many tags there are, for those who may read them."""
    if not tags or not context.may(tagging_need("Get", resource, "")):
        return ()
    return ((COUNT, str(len(tags))),)
