"""Policies on a memory store, with an administrator who can be locked out."""

import msgspec
import pytest

from zotplus.domain.errors import Problem
from zotplus.services.policies.applying import Applying
from zotplus.services.policies.policies import Policies
from zotplus.services.policies.values import NewVersion

ADMIN = "ADMINACCESSKEY00"
AUTHOR = "ZPAUTHOR"


def statement(effect="Allow", action="s3:GetObject", resource="s3:releases/*", **more):
    return {"Effect": effect, "Action": [action], "Resource": [resource], **more}


def document(*statements):
    return msgspec.json.encode({"Version": "2012-10-17", "Statement": list(statements or [statement()])})


READ = document()
WRITE = document(statement(action="s3:PutObject"))
OPEN = document(statement(Principal="*"))
DENY_ALL = document(statement("Deny", "*", "*"))


def new(text=READ, **more):
    return NewVersion(text=text, author=AUTHOR, **more)


async def refused(awaitable):
    with pytest.raises(Problem) as raised:
        await awaitable
    return raised.value.fault.code


@pytest.fixture
async def administrator(access):
    await access.ensure_administrator(ADMIN, "admin-secret-admin-secret")
    return ADMIN


@pytest.fixture
def policies(store, clock):
    return Policies(store, issuers=["k"], clock=clock)


@pytest.fixture
def applying(store, clock):
    return Applying(store, issuers=["k"], clock=clock)
