"""Exchanges and their refusals are in the audit log, with the reason that the client is not told."""

import msgspec
import pytest

from zotplus.domain.audit.records import EventKind

DOORS = {
    "sts": ("sts", lambda stage, token: stage.assume(token)),
    "mint": ("mint", lambda stage, token: stage.mint({"token": token})),
    "token exchange": ("oci", lambda stage, token: stage.exchange(token)),
}
REFUSED = {
    "wrong audience": ({"aud": "pypi"}, "audience", "pypi"),
    "wrong repository id": ({"repository_id": "75"}, "trust", "trust"),
    "wrong branch": ({"ref": "refs/heads/feature"}, "trust", "trust"),
    "expired": ({"exp": 1_000_000_000}, "expired", "ago"),
    "no id": ({"jti": None}, "unidentified", "jti"),
}


@pytest.mark.parametrize(("face", "ask"), DOORS.values(), ids=DOORS)
def test_an_exchange_is_recorded_with_who_got_in(stage, face, ask):
    token = stage.token("github")
    ask(stage, token)
    record = stage.recorded(face)
    assert (record.who.id, record.who.kind, record.status) == ("trust:release", "trust", 200)
    assert record.kind in {EventKind.EXCHANGE, EventKind.LOGIN}
    assert record.details["exchanged_for"] in {"release", "whatever fits"}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("changes", "fault", "why"), REFUSED.values(), ids=REFUSED)
def test_a_refused_exchange_is_recorded_with_its_reason(stage, door, changes, fault, why):
    face, ask = DOORS[door]
    ask(stage, stage.token("github", **changes))
    record = stage.recorded(face)
    assert (record.fault, record.details["token_fault"]) == ("token_invalid", fault)
    assert why in record.details["why"]
    assert record.who is None or record.who.kind == "anonymous"


def test_a_trust_that_does_not_exist_is_recorded_as_the_reason(stage):
    assert stage.mint({"token": stage.token("github"), "trust": "nope"})[0] == 422
    assert stage.recorded("mint").details["why"] == "There is no trust 'nope' for this issuer."


@pytest.mark.parametrize(("face", "ask"), DOORS.values(), ids=DOORS)
def test_a_replayed_token_is_recorded(stage, face, ask):
    token = stage.token("github", jti=f"replayed at {face}")
    assert stage.assume(token)[0] == 200
    ask(stage, token)
    record = stage.recorded(face)
    assert record.details["token_fault"] == "replayed"
    assert f"replayed at {face}" in record.details["why"]


def test_what_a_session_does_is_recorded_as_the_trusts_with_its_key(stage):
    credentials = stage.session()
    s3 = stage.gateway.client(key=credentials)
    s3.put_object(Bucket="releases", Key="audited", Body=b"x")
    record = stage.recorded("s3")
    assert (record.who.id, record.who.credential) == ("trust:release", f"session {credentials['AccessKeyId']}")


def test_no_secret_of_an_exchange_is_in_the_log(stage):
    token = stage.token("github")
    credentials = stage.session()
    stage.gateway.client(key=credentials).list_objects_v2(Bucket="releases")
    minted = stage.mint({"token": token})[2]["token"]
    stage.assume(token)
    stage.assume(minted)
    stage.recorded("sts")
    log = msgspec.json.encode(stage.audit.records).decode()
    secrets = (token, minted, credentials["SecretAccessKey"], credentials["SessionToken"])
    for secret in (*secrets, *(part for one in (token, minted) for part in one.split(".")[1:])):
        assert secret not in log
