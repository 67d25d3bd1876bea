"""Every operation of Amazon's API is served or refused by name; what is never set is answered as not being set."""

import re

import botocore.session
import pytest

from tests.faces.s3.samples import UNSET
from tools.reference_operations import ALIASES
from zotplus.protocols.s3.refused import REFUSED
from zotplus.protocols.s3.request import Level
from zotplus.protocols.s3.routes import ROWS
from zotplus.protocols.s3.wire_errors import wire

MODEL = botocore.session.get_session().get_service_model("s3")
PATHS = {Level.SERVICE: "/", Level.BUCKET: "/bucket", Level.OBJECT: "/bucket/key"}


def test_the_model_of_the_api_has_no_operation_that_is_neither_served_nor_refused():
    served = {row.route.name for row in ROWS}
    refused = {one.name for one in REFUSED}
    assert not served & refused
    assert set(MODEL.operation_names) - served - refused - set(ALIASES) == set()
    assert set(ALIASES.values()) <= served | refused
    assert refused <= set(MODEL.operation_names)


@pytest.mark.parametrize("one", [one for one in REFUSED if one.selector], ids=lambda one: one.name)
async def test_what_is_not_there_is_refused_by_name(stage, one):
    model = MODEL.operation_model(one.name)
    assert model.http["method"] == one.method
    assert re.search(rf"\?{one.selector}(&|$)", model.http["requestUri"])
    for query in (f"{one.selector}=", f"{one.selector}&id=x&x-id={one.name}"):
        answer = await stage.ask(one.method, PATHS[one.level], query=query, body=b"<Any/>")
        assert (answer.code, answer.status) == wire(one.fault) == ("NotImplemented", 501)
        assert f"{one.name} is not implemented: {one.reason}." == answer.xml.findtext("Message")


async def test_functions_that_change_objects_have_no_address(stage):
    answer = await stage.ask("POST", "/WriteGetObjectResponse", body=b"x")
    assert (answer.code, answer.status) == ("InvalidBucketName", 400)


@pytest.mark.parametrize(("selector", "root"), [
    ("accelerate", "AccelerateConfiguration"),
    ("analytics", "ListBucketAnalyticsConfigurationResult"),
    ("inventory", "ListInventoryConfigurationsResult"),
    ("metrics", "ListMetricsConfigurationsResult"),
    ("intelligent-tiering", "ListBucketIntelligentTieringConfigurationsOutput"),
])  # fmt: skip
async def test_what_is_never_set_is_an_empty_document(stage, selector, root):
    answer = await stage.ask("GET", "/bucket", query=selector)
    assert (answer.status, answer.xml.tag.partition("}")[2]) == (200, root)
    assert (await stage.ask("GET", "/missing-bucket", query=selector)).code == "NoSuchBucket"


@pytest.mark.parametrize("selector", ["analytics", "inventory", "metrics", "intelligent-tiering"])
async def test_one_configuration_by_its_id_is_missing(stage, selector):
    answer = await stage.ask("GET", "/bucket", query=f"{selector}&id=one")
    assert (answer.status, answer.code) == (404, "NoSuchConfiguration")


@pytest.mark.parametrize(("selector", "code"), [
    ("website", "NoSuchWebsiteConfiguration"),
    ("replication", "ReplicationConfigurationNotFoundError"),
])  # fmt: skip
async def test_what_amazon_calls_missing_is_missing(stage, selector, code):
    answer = await stage.ask("GET", "/bucket", query=selector)
    assert (answer.status, answer.code) == (404, code)
    assert (await stage.ask("GET", "/missing-bucket", query=selector)).code == "NoSuchBucket"


async def test_the_owner_pays_and_nobody_else_can(stage):
    assert (await stage.ask("GET", "/bucket", query="requestPayment")).text("Payer") == "BucketOwner"

    async def pays(who, bucket="bucket"):
        body = f"<RequestPaymentConfiguration><Payer>{who}</Payer></RequestPaymentConfiguration>".encode()
        return await stage.ask("PUT", f"/{bucket}", query="requestPayment", body=body)

    assert (await pays("BucketOwner")).status == 200
    assert ((await pays("Requester")).status, (await pays("Requester")).code) == (501, "NotImplemented")
    assert (await pays("Nobody")).code == "MalformedXML"
    assert (await pays("BucketOwner", "missing-bucket")).code == "NoSuchBucket"


def test_every_setting_that_is_never_set_has_a_sample():
    assert {row.route.name for row in ROWS} >= set(UNSET)
