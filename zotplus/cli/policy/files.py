"""Policies in files: one document a file, called after it, and who has which policy in a file beside them."""

import sys
from pathlib import Path
from typing import Any

import msgspec

from zotplus.cli import faults
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.protocols.api.policies.documents import WantedAttachmentDocument, WantedPolicyDocument
from zotplus.services.policies.values import require_policy_name
from zotplus.settings.yaml_reader import parse

STANDARD_INPUT = Path("-")
SUFFIXES = (".json", ".yaml", ".yml")
ATTACHMENTS = "attachments"
"""The file {policy: [grantees]} of what is given."""
BOUNDARIES = "boundaries"
"""The file {policy: [grantees]} of what limits."""
# A policy has at most 64 KiB; written as YAML or with much white space a file may be larger.
FILE_MAX = 1_048_576

Grantees = dict[str, tuple[str, ...]]


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What files say there shall be."""

    policies: tuple[WantedPolicyDocument, ...]
    attachments: tuple[WantedAttachmentDocument, ...] = ()


def read_state(path: Path) -> State:
    """The policies in a folder (not in those below it), or the one in a file.

    Raises ``POLICY_INVALID`` for what cannot be read as JSON or YAML, ``FILE_FAILED``.
    """
    if not path.is_dir():
        return State(policies=(_policy(path),))
    found = sorted(one for one in path.iterdir() if one.suffix in SUFFIXES and one.is_file())
    twice = next((one for one in found if sum(other.stem == one.stem for other in found) > 1), None)
    if twice is not None:
        raise Problem(errors.POLICY_INVALID, f"{path}: {twice.stem} is there in more than one form.")
    policies = [one for one in found if one.stem not in (ATTACHMENTS, BOUNDARIES)]
    attached = [
        WantedAttachmentDocument(policy=name, grantee=grantee, boundary=one.stem == BOUNDARIES)
        for one in found
        if one.stem in (ATTACHMENTS, BOUNDARIES)
        for name, grantees in _grantees(one).items()
        for grantee in grantees
    ]
    return State(
        policies=tuple([_policy(one) for one in policies]),
        attachments=tuple(attached),
    )


def read_document(path: Path) -> msgspec.Raw:
    """The document in a file, or on standard input (``-``), as JSON.

    What is JSON is left as it is, so that the server sees what the author wrote.

    Raises ``POLICY_INVALID``, ``FILE_FAILED``.
    """
    content = _content(path)
    if path.suffix not in (".yaml", ".yml"):
        _decoded(content, path)
        return msgspec.Raw(content)
    try:
        return msgspec.Raw(msgspec.json.encode(_yaml(content, path)))
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise Problem(errors.POLICY_INVALID, f"{path}: it holds something that JSON cannot.") from error


def _policy(path: Path) -> WantedPolicyDocument:
    try:
        require_policy_name(path.stem)
    except Problem as problem:
        raise Problem(errors.POLICY_INVALID, f"{path}: {problem.detail}") from problem
    return WantedPolicyDocument(name=path.stem, document=read_document(path))


def _grantees(path: Path) -> Grantees:
    content = _content(path)
    value = _decoded(content, path) if path.suffix == ".json" else _yaml(content, path)
    try:
        return msgspec.convert(value, type=Grantees)
    except msgspec.ValidationError as error:
        raise Problem(errors.POLICY_INVALID, f"{path}: it is {{policy: [grantees]}}: {error}.") from error


def _content(path: Path) -> bytes:
    if path == STANDARD_INPUT:
        content = sys.stdin.buffer.read(FILE_MAX + 1)
    else:
        with path.open("rb") as file:
            content = file.read(FILE_MAX + 1)
    if len(content) > FILE_MAX:
        raise Problem(faults.FILE_FAILED, f"{path}: a policy's file has at most {FILE_MAX} bytes.")
    return content


def _decoded(content: bytes, path: Path) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(errors.POLICY_INVALID, f"{path}: it is no JSON: {error}.") from error


def _yaml(content: bytes, path: Path) -> Any:
    try:
        return parse(content, str(path))
    except Problem as problem:
        raise Problem(errors.POLICY_INVALID, problem.detail) from problem
