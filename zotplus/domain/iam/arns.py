"""Amazon's names of principals and resources, and ours for the same.

Spec: AWS IAM User Guide, "IAM identifiers", IAM ARNs; Amazon S3 User Guide, "Policy resources for Amazon S3".
"""

import re
from typing import Final

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam.principal_names import EVERYBODY, USER_PREFIX, wrong_with
from zotplus.domain.iam.refusals import shown

ACCOUNT: Final = "000000000000"
"""The one account of a registry, in the form that Amazon's have: clients check it."""

ARN_OF_S3: Final = "arn:aws:s3:::"
"""What names of buckets and objects begin with."""

_USER = f"arn:aws:iam::{ACCOUNT}:user/"
_ROLE = f"arn:aws:iam::{ACCOUNT}:role/"
_GROUP = f"arn:aws:iam::{ACCOUNT}:group/"
_S3 = "s3:"
_OURS = {_ROLE: "trust:", _GROUP: "group:"}
"""A trust is what others call a role: sessions are had by it."""

# AWS IAM API Reference, CreateUser, UserName: some are no ids of keys, as "ci" and "ada@example".
_is_user_name = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII).fullmatch


def arn_of_principal(name: str) -> str:
    """The ARN of a principal or grantee: ``arn:aws:iam::000000000000:user/<name>``; a trust's is that of a role.

    One of the registry's own users has its bare name there, which no key has.
    """
    if name.startswith(USER_PREFIX):
        return _USER + name.removeprefix(USER_PREFIX)
    for beginning, prefix in _OURS.items():
        if name.startswith(prefix):
            return beginning + name.removeprefix(prefix)
    return _USER + name


def principal_of_arn(text: str) -> str:
    """The grantee's name behind an ARN, ``*``, or the name itself where ``text`` is no ARN.

    Raises ``POLICY_INVALID`` for an account, another account's principals, one session of a role, and wildcards.
    """
    if text == EVERYBODY:
        return text
    name = text
    if text.startswith("arn:") or text == ACCOUNT:
        name = _name_in(text)
    wrong = wrong_with(name) if name and name != EVERYBODY else "it names nobody here"
    if wrong:
        raise Problem(errors.POLICY_INVALID, f"{shown(text)}: {wrong}.")
    return name


def _name_in(arn: str) -> str:
    """The name in an ARN of this account; empty where it is of something else."""
    if arn.startswith(_USER):
        name = arn.removeprefix(_USER)
        return USER_PREFIX + name if wrong_with(name) and _is_user_name(name) else name
    for beginning, prefix in _OURS.items():
        if arn.startswith(beginning) and len(arn) > len(beginning):
            return prefix + arn.removeprefix(beginning)
    return ""


def resource_of_arn(text: str) -> str:
    """``arn:aws:s3:::bucket/key`` as ``s3:bucket/key``. Raises ``POLICY_INVALID`` for what is no ARN of S3."""
    if not text.startswith(ARN_OF_S3) or text == ARN_OF_S3:
        raise Problem(errors.POLICY_INVALID, f"{shown(text)} is no ARN of a bucket or object.")
    return _S3 + text.removeprefix(ARN_OF_S3)


def arn_of_resource(resource: str) -> str:
    """``s3:bucket/key`` as ``arn:aws:s3:::bucket/key``; other families have no names at Amazon and keep theirs."""
    return ARN_OF_S3 + resource.removeprefix(_S3) if resource.startswith(_S3) else resource
