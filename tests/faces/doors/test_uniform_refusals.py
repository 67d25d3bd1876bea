"""Nobody learns from a refusal who exists: a wrong password of somebody and of nobody get the same answer."""

import re

import pytest
from botocore.credentials import Credentials

from tests.faces.doors.stage import MEMBER, Credential, basic
from tests.faces.doors.test_matrix import DOORS
from zotplus.domain.principals import PrincipalKind
from zotplus.services.identity import access as access_module

PASSWORD_DOORS = [name for name, door in DOORS.items() if "key-password" in door.takes]
GUESSES = 14
"""More than are answered without a pause."""

UNIQUE = re.compile(rb"[0-9A-Fa-f]{16,}|\d{4}-\d\d-\d\dT[0-9:.]+Z")


def told(answer, name):
    """What the client sees, without the request's id and the name that it sent itself."""
    return answer.status, answer.fault, UNIQUE.sub(b"", answer.body.replace(name.encode(), b"NAME"))


async def guesses(doors, door, name):
    sent = Credential(name, basic(name, "wrong-password"))
    return [told(await doors.ask(DOORS[door], sent), name) for _ in range(GUESSES)]


@pytest.mark.parametrize("door", PASSWORD_DOORS)
async def test_a_wrong_password_is_answered_alike_for_whoever_exists_and_whoever_does_not(doors, door):
    key, _ = await doors.key(MEMBER, ended=False)
    expired, _ = await doors.key(MEMBER, ended=True)
    robot, _ = await doors.key(MEMBER, ended=False, kind=PrincipalKind.ROBOT)
    answers = [await guesses(doors, door, name) for name in (key, "ZPUNKNOWN0UNKNOWN0UN")]
    assert answers[0] == answers[1]
    assert {fault for _, fault, _ in answers[0]} == {"credentials_invalid", "login_paused"}
    first = [(await guesses(doors, door, name))[0] for name in (expired, robot)]
    assert first == [answers[0][0]] * 2


async def test_both_take_the_same_steps(doors, monkeypatch):
    compared = []
    original = access_module.hmac.compare_digest

    def counting(left, right):
        compared.append((len(left), len(right)))
        return original(left, right)

    key, _ = await doors.key(MEMBER, ended=False)
    monkeypatch.setattr(access_module.hmac, "compare_digest", counting)
    lengths = {}
    for name in (key, "ZPUNKNOWN0UNKNOWN0UN", "robot:nobody", "user@example.org"):
        compared.clear()
        await doors.ask(DOORS["api"], Credential(name, basic(name, "wrong-password")))
        lengths[name] = list(compared)
    assert {len(steps) for steps in lengths.values()} == {2}


async def test_signatures_tell_only_what_s3_itself_tells(doors):
    """Amazon's codes tell a wrong signature from an unknown key id, and clients rely on it; ids are random."""
    key, _ = await doors.key(MEMBER, ended=False)
    robot, _ = await doors.key(MEMBER, ended=False, kind=PrincipalKind.ROBOT)
    faults = {}
    for name in (key, "ZPUNKNOWN0UNKNOWN0UN", robot, "robot:nobody"):
        sent = Credential(name, keys=Credentials(name, "wrong-secret"))
        faults[name] = (await doors.ask(DOORS["s3"], sent)).fault
    assert list(faults.values()) == ["signature_mismatch", *["access_key_unknown"] * 3]
