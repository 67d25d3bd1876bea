"""Where people log in, as the gateway tells everybody."""

import json

import msgspec
import pytest

from tests.faces.gateway import settings_for, start
from tests.peers.programs import basic, call
from zotplus.adapters.oidc.settings import IdentitySettings

ISSUERS = [
    {
        "name": "staff",
        "url": "https://login.example.org/realms/staff",
        "audiences": ["zotplus"],
        "login": {"client_id": "zotplus-cli", "scopes": ["openid", "groups"], "offline": True, "device": False},
    },
    {"name": "pipelines", "url": "https://ci.example.org", "audiences": ["zotplus"]},
    {
        "name": "guests",
        "url": "https://login.example.org/realms/guests",
        "audiences": ["zotplus"],
        "login": {"client_id": "guests"},
    },
]


@pytest.fixture
def gateway_of(tmp_path):
    running = []

    def make(issuers):
        identity = msgspec.convert({"issuers": issuers}, IdentitySettings)
        running.append(start(tmp_path, settings=settings_for(tmp_path, identity=identity)))
        return running[-1]

    yield make
    for gateway in running:
        gateway.stop()


def test_anybody_may_read_where_people_log_in_and_machines_issuers_are_left_out(gateway_of):
    status, _, body = call("GET", f"{gateway_of(ISSUERS).url}/api/v1/login")
    assert status == 200
    assert json.loads(body) == {
        "issuers": [
            {
                "name": "staff",
                "url": "https://login.example.org/realms/staff",
                "client_id": "zotplus-cli",
                "scopes": ["openid", "groups", "offline_access"],
                "device": False,
            },
            {
                "name": "guests",
                "url": "https://login.example.org/realms/guests",
                "client_id": "guests",
                "scopes": ["openid"],
                "device": True,
            },
        ]
    }


def test_without_issuers_the_list_is_empty(gateway_of):
    assert json.loads(call("GET", f"{gateway_of([]).url}/api/v1/login")[2]) == {"issuers": []}


def test_a_wrong_credential_is_refused_there_too(gateway_of):
    assert call("GET", f"{gateway_of([]).url}/api/v1/login", headers=basic("nobody", "nothing-at-all"))[0] == 401


@pytest.mark.parametrize(
    "login",
    [
        {},
        {"client_id": ""},
        {"client_id": "a", "scopes": []},
        {"client_id": "a", "scopes": ["groups"]},
        {"client_id": "a", "scopes": ["openid groups", "openid"]},
        {"client_id": "a", "client_secret": "b"},
    ],
)
def test_settings_that_no_login_can_work_with_are_refused(login):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"issuers": [{**ISSUERS[1], "login": login}]}, IdentitySettings)
