"""Who gets in where: every door with every kind of credential, good, without rights, expired, revoked and forged.

The tables say what is taken; all cases are made from them. A door that does not take a kind refuses it like nobody.
"""

import pytest
from botocore.credentials import Credentials

from tests.faces.doors.stage import MEMBER, STRANGER, Credential, basic, bearer
from zotplus.domain.principals import PrincipalKind
from zotplus.gateway.head import Listener


class Door:
    """A request that needs a right; ``public`` is one that everybody has, ``service`` whom signatures name."""

    method, body, headers, service = "GET", b"", (), "s3"

    def __init__(self, private, public=None, *, listener=Listener.MAIN, takes="", **more):
        self.private, self.public, self.listener, self.takes = private, public, listener, takes.split()
        self.__dict__.update(more)


TOKENS = "jwt-bearer jwt-password access-bearer access-password"
PASSWORDS = "key-password robot-password"
SIGNED = "key-signed key-presigned session-signed session-presigned"
EVERYWHERE = f"{PASSWORDS} {TOKENS}"
QUERY = "service=zotplus&scope=repository"

DOORS = {
    "s3": Door("/s3/team/key", "/s3/open/key", takes=f"{EVERYWHERE} {SIGNED}"),
    "s3 port": Door("/team/key", "/open/key", listener=Listener.S3, takes=f"{EVERYWHERE} {SIGNED}"),
    "registry": Door(
        "/v2/team/app/manifests/latest", "/v2/open/app/manifests/latest", takes=f"{EVERYWHERE} registry-bearer"
    ),
    "token server": Door(
        f"/auth/token?{QUERY}:team/app:pull", f"/auth/token?{QUERY}:open/app:pull", takes=f"{EVERYWHERE} certificate"
    ),
    "api": Door("/api/v1/grants", takes=f"{EVERYWHERE} certificate"),
    "sts": Door("/sts?Action=GetCallerIdentity&Version=2011-06-15", service="sts", takes=SIGNED),
    "iam": Door("/iam?Action=ListUsers&Version=2010-05-08", service="iam", takes=SIGNED),
}


async def key_password(doors, whose, *, ended):
    id_, secret = await doors.key(whose, ended=ended)
    return Credential(id_, basic(id_, secret))


async def robot_password(doors, whose, *, ended):
    id_, secret = await doors.key(whose, ended=ended, kind=PrincipalKind.ROBOT)
    return Credential(id_, basic(id_, secret))


def key_signing(*, presigned):
    async def made(doors, whose, *, ended):
        id_, secret = await doors.key(whose, ended=ended)
        return Credential(id_, keys=Credentials(id_, secret), presigned=presigned)

    return made


def session_signing(*, presigned):
    async def made(doors, whose, *, ended):
        keys = await doors.session(whose, ended=ended)
        return Credential(f"user:keycloak:{whose}-person", keys=keys, presigned=presigned)

    return made


def token(kind, *, password=False):
    async def made(doors, whose, *, ended):
        text = (
            doors.jwt(whose, ended=ended)
            if kind == "jwt"
            else await getattr(doors, f"{kind}_token")(whose, ended=ended)
        )
        headers = basic("oidc", text) if password else bearer(text)
        return Credential(f"user:keycloak:{whose}-person", headers, token=text)

    return made


async def certificate(_doors, whose, *, ended):
    del ended
    return Credential(f"certificate:{whose}", certificate=whose)


KINDS = {
    "key-password": key_password,
    "robot-password": robot_password,
    "key-signed": key_signing(presigned=False),
    "key-presigned": key_signing(presigned=True),
    "session-signed": session_signing(presigned=False),
    "session-presigned": session_signing(presigned=True),
    "jwt-bearer": token("jwt"),
    "jwt-password": token("jwt", password=True),
    "access-bearer": token("access"),
    "access-password": token("access", password=True),
    "registry-bearer": token("registry"),
    "certificate": certificate,
}
TAKEN = [(door, kind) for door in DOORS for kind in DOORS[door].takes]
NOT_TAKEN = [(door, kind) for door in DOORS for kind in KINDS if kind not in DOORS[door].takes]
PERISHABLE = [pair for pair in TAKEN if pair[1] != "certificate"]  # TLS itself ends those, at the listener
REFUSALS = {
    "access_denied", "access_key_unknown", "argument_invalid", "credentials_expired", "credentials_invalid",
    "credentials_malformed", "credentials_missing", "credentials_query_malformed", "signature_mismatch",
    "signature_scope_invalid", "token_invalid",
}  # fmt: skip


def is_let_in(door, answer) -> bool:
    """Whether the door gave what it guards: the token server answers everybody, with what may be had."""
    if door != "token server" or answer.status != 200:
        return answer.status == 200
    return bool(answer.json.get("scope"))


def is_shut(door, answer) -> bool:
    if door == "token server" and answer.status == 200:
        return not answer.json.get("scope")
    return answer.status in (400, 401, 403) and answer.fault in REFUSALS


@pytest.mark.parametrize(("door", "kind"), TAKEN)
async def test_who_has_the_right_gets_in(doors, door, kind):
    credential = await KINDS[kind](doors, MEMBER, ended=False)
    answer = await doors.ask(DOORS[door], credential)
    assert is_let_in(door, answer), answer
    assert answer.principal == credential.principal


@pytest.mark.parametrize(("door", "kind"), [pair for pair in TAKEN if pair[0] != "sts"])
async def test_who_has_not_the_right_is_known_and_refused(doors, door, kind):
    credential = await KINDS[kind](doors, STRANGER, ended=False)
    answer = await doors.ask(DOORS[door], credential)
    assert is_shut(door, answer), answer
    assert answer.principal == credential.principal


@pytest.mark.parametrize(("door", "kind"), PERISHABLE)
async def test_what_has_expired_opens_nothing(doors, door, kind):
    answer = await doors.ask(DOORS[door], await KINDS[kind](doors, MEMBER, ended=True))
    assert answer.status in (400, 401, 403), answer
    assert answer.fault in ("credentials_expired", "token_invalid")


@pytest.mark.parametrize(("door", "kind"), PERISHABLE)
async def test_what_was_revoked_opens_nothing_from_then_on(doors, door, kind):
    credential = await KINDS[kind](doors, MEMBER, ended=False)
    assert is_let_in(door, await doors.ask(DOORS[door], credential))
    if credential.principal.startswith("user:"):
        await doors.known.federation.standing.revoke(credential.principal)
    else:
        await doors.known.access.revoke(credential.principal)
    answer = await doors.ask(DOORS[door], credential)
    assert is_shut(door, answer), answer
    assert answer.status != 200


@pytest.mark.parametrize(("door", "kind"), PERISHABLE)
async def test_what_was_tampered_with_opens_nothing(doors, door, kind):
    credential = await KINDS[kind](doors, MEMBER, ended=False)
    if credential.keys is not None:
        keys = credential.keys
        credential.keys = Credentials(keys.access_key, keys.secret_key[:-1] + "#", keys.token)
    else:
        password = "password" in kind
        spoilt = _spoilt(credential.token) if credential.token else "wrong-secret"
        user = credential.principal if not credential.token else "oidc"
        credential.headers = basic(user, spoilt) if password else bearer(spoilt)
    answer = await doors.ask(DOORS[door], credential)
    assert answer.status in (400, 401, 403), answer
    assert answer.fault in REFUSALS - {"access_denied", "credentials_expired"}


def _spoilt(text):
    """A token whose signature has one other letter, and not its last, of which some bits mean nothing."""
    return text[:-10] + ("A" if text[-10] != "A" else "B") + text[-9:]


@pytest.mark.parametrize(("door", "kind"), NOT_TAKEN)
async def test_a_kind_that_a_door_does_not_take_opens_nothing(doors, door, kind):
    answer = await doors.ask(DOORS[door], await KINDS[kind](doors, MEMBER, ended=False))
    assert is_shut(door, answer), answer


@pytest.mark.parametrize("door", DOORS)
async def test_nobody_gets_in_where_a_right_is_needed(doors, door):
    assert is_shut(door, await doors.ask(DOORS[door], None))


@pytest.mark.parametrize("door", ["s3", "s3 port"])
async def test_everybody_reads_what_is_public(doors, door):
    answer = await doors.ask(DOORS[door], None, public=True)
    assert (answer.status, answer.principal) == (200, "anonymous")


async def test_everybody_gets_a_token_for_what_is_public_and_reads_with_it(doors):
    """Registry clients take a token first, if only an anonymous one; what is public beside what is not."""
    issued = (await doors.ask(DOORS["token server"], None, public=True)).json
    assert issued["scope"] == "repository:open/app:pull"
    anybody = Credential("anonymous", bearer(issued["token"]))
    assert (await doors.ask(DOORS["registry"], anybody, public=True)).status == 200
    assert (await doors.ask(DOORS["registry"], anybody)).status in (401, 403)
    assert (await doors.ask(DOORS["registry"], None, public=True)).status == 401


@pytest.mark.parametrize(
    ("door", "kind"), [pair for pair in TAKEN if DOORS[pair[0]].public and pair[1] != "registry-bearer"]
)  # a registry token is for the repository that was asked for
async def test_who_logged_in_reads_what_is_public_as_well(doors, door, kind):
    credential = await KINDS[kind](doors, STRANGER, ended=False)
    assert is_let_in(door, await doors.ask(DOORS[door], credential, public=True))


@pytest.mark.parametrize(("door", "kind"), [pair for pair in TAKEN if pair[1].startswith("key-")])
async def test_a_credential_with_two_sources_is_refused_or_one_of_them_counts(doors, door, kind):
    """Two different identities in one request: never the rights of both, and never another than the signed one."""
    credential = await KINDS[kind](doors, STRANGER, ended=False)
    credential.certificate = MEMBER
    answer = await doors.ask(DOORS[door], credential)
    assert answer.principal in (credential.principal, "anonymous")
