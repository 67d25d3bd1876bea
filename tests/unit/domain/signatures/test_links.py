"""Links and forms that we sign are taken by our own verification, and say what they were asked to say."""

import base64
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.forms.policy import parse_policy, require_allowed
from zotplus.domain.headers import PlainHeaders
from zotplus.domain.signatures.form_signatures import parse_form_claim, verify_form
from zotplus.domain.signatures.links import Link, Place, UploadForm, attachment, sign_form, sign_link
from zotplus.domain.signatures.sigv4 import SignedRequest, parse_authorization, verify
from zotplus.domain.signatures.sigv4_sign import SigningCredentials

PLACE = Place(scheme="https", host="r.example:8443", path="/s3")
KEY = SigningCredentials(access_key="AK", secret_key="secret")
SESSION = SigningCredentials(access_key="ZPS", secret_key="secret", session_token="token")
NOW = 1_800_000_000.0


def verified(link: Link, now: float = NOW + 1, **headers: str):
    """The address, once its signature was proven; ``headers`` are what is sent with it."""
    url = sign_link(link, PLACE, KEY, expires=60, now=NOW)
    parts = urlsplit(url)
    sent = [("host", parts.netloc), *[(name.replace("_", "-"), value) for name, value in headers.items()]]
    request = SignedRequest(
        method=link.method, raw_path=parts.path, raw_query=parts.query, headers=PlainHeaders(sent), scheme="https"
    )
    claim = parse_authorization(request)
    assert claim is not None
    verify(claim, request, KEY.secret_key, now)
    return parts


def test_a_download_is_stored_under_the_name_that_was_asked_for():
    link = Link(
        method="GET", bucket="b", key="a b/ü+", version_id="v1", content_type="text/plain", filename="größe 1%.txt"
    )
    parts = verified(link)
    assert parts.path == "/s3/b/a%20b/%C3%BC%2B"
    query = parse_qs(parts.query)
    assert query["versionId"] == ["v1"]
    assert query["response-content-type"] == ["text/plain"]
    expected = "attachment; filename=\"gr__e 1_.txt\"; filename*=UTF-8''gr%C3%B6%C3%9Fe%201%25.txt"
    assert query["response-content-disposition"] == [expected]


def test_an_upload_has_to_be_of_the_type_that_was_signed():
    link = Link(method="PUT", bucket="b", key="k", content_type="image/png")
    assert "response-content-type" not in verified(link, content_type="image/png").query
    with pytest.raises(Problem) as caught:
        verified(link, content_type="text/html")
    assert caught.value.fault is errors.SIGNATURE_MISMATCH


def test_a_link_ends():
    with pytest.raises(Problem) as caught:
        verified(Link(method="GET", bucket="b", key="k"), now=NOW + 61)
    assert caught.value.fault is errors.REQUEST_EXPIRED


@pytest.mark.parametrize("expires", [0, -1, 604_801])
def test_nothing_is_signed_for_longer_than_a_week_or_for_no_time(expires):
    with pytest.raises(Problem) as caught:
        sign_link(Link(method="GET", bucket="b", key="k"), PLACE, KEY, expires=expires, now=NOW)
    assert caught.value.fault is errors.ARGUMENT_INVALID
    with pytest.raises(Problem) as caught:
        sign_form(UploadForm(bucket="b", key="k"), PLACE, KEY, expires=expires, now=NOW)
    assert caught.value.fault is errors.ARGUMENT_INVALID


@pytest.mark.parametrize(
    "link",
    [Link(method="POST", bucket="b", key="k"), Link(method="PUT", bucket="b", key="k", filename="a")],
)
def test_what_no_link_can_do_is_refused(link):
    with pytest.raises(Problem) as caught:
        sign_link(link, PLACE, KEY, expires=60, now=NOW)
    assert caught.value.fault is errors.ARGUMENT_INVALID


def test_a_file_name_cannot_leave_its_quotes():
    assert attachment("plain.txt") == 'attachment; filename="plain.txt"'
    assert attachment('a"; x=\\"\r\n').startswith('attachment; filename="a_; x=____"; filename*=UTF-8')


@pytest.mark.parametrize("credentials", [KEY, SESSION])
@pytest.mark.parametrize(("key", "sent", "taken"), [("a/", "a/x", True), ("a/", "b/x", False), ("k", "k", True)])
def test_a_form_is_taken_by_our_own_verification(credentials, key, sent, taken):
    wanted = UploadForm(bucket="b", key=key, max_size=10, content_type="image/png")
    made = sign_form(wanted, PLACE, credentials, expires=60, now=NOW)
    assert made.url == "https://r.example:8443/s3/b"
    assert made.fields["key"] == (f"{key}${{filename}}" if key.endswith("/") else key)
    fields = {name.lower(): value for name, value in made.fields.items()} | {"key": sent, "bucket": "b"}
    claim = parse_form_claim(fields)
    assert claim is not None
    assert claim.session_token == credentials.session_token
    verify_form(claim, credentials.secret_key, NOW)
    policy = parse_policy(claim.policy)
    assert (policy.least, policy.most) == (0, 10)
    if taken:
        require_allowed(policy, fields, NOW + 60)
    for other, now in ((fields if not taken else fields | {"acl": "x"}, NOW), (fields, NOW + 61)):
        with pytest.raises(Problem):
            require_allowed(policy, other, now)


def test_a_form_for_a_whole_bucket_names_files_by_themselves():
    made = sign_form(UploadForm(bucket="b", key=""), PLACE, KEY, expires=60, now=NOW)
    policy = json.loads(base64.b64decode(made.fields["policy"]))
    assert made.fields["key"] == "${filename}"
    assert ["starts-with", "$key", ""] in policy["conditions"]


@pytest.mark.parametrize("size", [0, 5 * 1024**3 + 1])
def test_a_form_uploads_what_one_request_can(size):
    with pytest.raises(Problem) as caught:
        sign_form(UploadForm(bucket="b", key="k", max_size=size), PLACE, KEY, expires=60, now=NOW)
    assert caught.value.fault is errors.ARGUMENT_INVALID
