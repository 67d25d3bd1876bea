"""What was narrowed stays so at every door, and secrets are in no record of what was asked."""

import json

import pytest
from botocore.credentials import Credentials

from tests.faces.doors.stage import MEMBER, Credential, basic, bearer
from tests.faces.doors.test_matrix import DOORS, KINDS, TAKEN, Door
from zotplus.domain.principals import PrincipalKind
from zotplus.gateway.auditing import AuditTrail
from zotplus.gateway.transport.telling import finished, now
from zotplus.protocols.api.face import ENDPOINTS
from zotplus.services.federation.sessions import SessionPolicies
from zotplus.services.identity.roles import Role

READING = json.dumps(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "s3:team/*"}}
)
ADMINISTRATION = [row for row in ENDPOINTS if not row.public and row.action is not None]


def at(path, **more):
    return Door(path, **more)


class Kept:
    is_failing = False

    def __init__(self):
        self.records = []

    def take(self, record):
        self.records.append(record)

    def hand_over(self, *, urgent=False):
        pass


@pytest.fixture
async def narrowed(doors):
    """An administrator's robot that is narrowed to reading a bucket: its id and token."""
    made = await doors.services.lifecycle.create(PrincipalKind.ROBOT, "narrow", None, READING)
    await doors.services.grants.give(made.credential.id, Role.ADMINISTRATOR, "*")
    return made.credential.id, made.secret


@pytest.mark.parametrize("row", ADMINISTRATION, ids=lambda row: row.name)
async def test_cve_2025_62506_a_narrowed_administrator_administers_nothing(doors, narrowed, row):
    method, _, template = row.address.partition(" ")
    path = "/api/v1" + template.replace("{id}", narrowed[0]).replace("{grantee}", narrowed[0])
    path = path.replace("{name}", "own").replace("{version}", "1").replace("{bucket}", "team")
    headers = (("Content-Type", "application/json"),)
    door = at(path.partition("{")[0], method=method, headers=headers, body=b"{}")
    answer = await doors.ask(door, Credential(narrowed[0], basic(*narrowed)))
    assert (answer.status, answer.fault) == (403, "access_denied"), answer
    assert answer.principal == narrowed[0]


async def test_a_narrowed_robot_gets_tokens_that_are_as_narrow(doors, narrowed):
    credential = Credential(narrowed[0], basic(*narrowed))
    assert (await doors.ask(DOORS["s3"], credential)).status == 200
    told = await doors.ask(
        at("/auth/token?service=zotplus&scope=repository:team/app:pull,push&offline_token=true"), credential
    )
    assert told.json.get("scope", "") == ""
    read = at("/v2/team/app/manifests/latest")
    assert (await doors.ask(read, Credential(narrowed[0], bearer(told.json["token"])))).status in {401, 403}
    form = f"grant_type=refresh_token&refresh_token={told.json['refresh_token']}&scope=repository:team/app:pull"
    headers = (("Content-Type", "application/x-www-form-urlencoded"),)
    again = await doors.ask(at("/auth/token", method="POST", headers=headers, body=form.encode()), None)
    assert (again.status, again.json.get("scope", "")) == (200, "")


async def test_a_narrowed_session_becomes_nothing_else(doors):
    exchanged = await doors.known.federation.exchange.of_token(doors.jwt(MEMBER, ended=False), "self")
    session = await doors.known.federation.sessions.issue(exchanged.who, 900, SessionPolicies(text=READING))
    keys = Credentials(session.access_key, session.secret, session.token)
    assert (await doors.ask(DOORS["s3"], Credential("", keys=keys))).status == 200
    assert (await doors.ask(at("/s3/team"), Credential("", keys=keys))).status == 403  # its person may list
    for name in ("api", "registry", "token server", "s3"):
        for headers in (
            basic(session.access_key, session.secret),
            basic("oidc", session.token),
            bearer(session.token),
        ):
            answer = await doors.ask(DOORS[name], Credential("", headers))
            assert answer.status in {400, 401, 403}, (name, answer)
    assert (
        await doors.ask(DOORS["s3"], Credential("", keys=Credentials(keys.access_key, keys.secret_key)))
    ).status == 403


async def test_cve_2025_23208_who_leaves_a_group_loses_its_rights_with_the_next_token(doors):
    for groups, status in ((["member", "other"], 200), (["other"], 403), ([], 403)):
        headers = bearer(doors.jwt("somebody", ended=False, groups=groups))
        assert (await doors.ask(DOORS["s3"], Credential("", headers))).status == status


@pytest.fixture
def contexts(doors, monkeypatch):
    """Those of all requests."""
    found = []
    opened = doors.pipeline.open
    monkeypatch.setattr(doors.pipeline, "open", lambda *given: found.append(opened(*given)) or found[-1])
    return found


@pytest.mark.parametrize(("door", "kind"), TAKEN)
async def test_no_secret_is_in_the_audit_log_whether_it_held_or_not(doors, contexts, capfd, door, kind):
    good, ended = [await KINDS[kind](doors, MEMBER, ended=ended) for ended in (False, True)]
    secrets = [part for one in (good, ended) for part in _secrets_of(one)]
    assert secrets or kind == "certificate"
    for credential in (good, ended):
        await doors.ask(DOORS[door], credential)
    kept = Kept()
    trail = AuditTrail(kept, anonymous_reads=True)
    for context in contexts:
        trail.note(context, finished(context, 200, (0, 0), now()))
    trail.flush()
    assert len(kept.records) == 2
    printed = capfd.readouterr()
    told = repr(kept.records) + printed.out + printed.err + repr([one.log for one in contexts])
    assert not [secret for secret in secrets if secret in told]


def _secrets_of(credential):
    """The parts of a credential that give it away: secrets whole, of tokens the signature."""
    if credential.keys is not None:
        return [credential.keys.secret_key, *([credential.keys.token] if credential.keys.token else [])]
    if credential.token:
        return [credential.token.rpartition(".")[2]]
    return [value.rpartition(" ")[2] for value in credential.headers.values()]
