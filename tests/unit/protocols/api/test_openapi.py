"""The OpenAPI document says what the face does."""

import re

import pytest
from jsonschema import Draft202012Validator

from zotplus.domain.errors import CATALOGUE


@pytest.fixture(params=["/openapi.json", "/api/v1/openapi.json"])
def document(server, request):
    answered = server.ask(f"GET {request.param}", user=None)
    assert (answered.status, answered.headers["Content-Type"]) == (200, "application/json")
    return answered.json()


def operations(document):
    return [(path, method, row) for path, methods in document["paths"].items() for method, row in methods.items()]


def test_every_route_of_the_api_is_in_it(server, document):
    described = {(method.upper(), path, row["operationId"]) for path, method, row in operations(document)}
    assert described == {
        (route.method, route.template, route.name) for route in server.face.routes if route.name != "OpenApi"
    }


def test_operation_ids_are_unique(document):
    names = [row["operationId"] for _, _, row in operations(document)]
    assert len(names) == len(set(names))


def test_it_has_the_form_of_openapi_3_1(document):
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert {"title", "version"} <= set(document["info"])
    for path, _, row in operations(document):
        declared = {field["name"] for field in row.get("parameters", []) if field["in"] == "path"}
        assert declared == set(re.findall(r"\{(\w+)\}", path))
        assert all(re.fullmatch(r"[2-5]\d\d", status) for status in row["responses"])
        assert all(response["description"] for response in row["responses"].values())


def test_every_reference_resolves_and_every_schema_is_valid(document):
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    names = re.findall(r"'\$ref': '#/components/schemas/([^']+)'", str(document))
    assert names
    assert set(names) <= set(schemas)


def test_refusals_are_the_catalogues(document):
    for _, _, row in operations(document):
        for status, response in row["responses"].items():
            if status.startswith("2"):
                continue
            examples = response["content"]["application/problem+json"]["examples"]
            for code, example in examples.items():
                assert CATALOGUE[code].status == int(status)
                assert example["value"]["remedy"] == CATALOGUE[code].remedy


def test_what_is_answered_fits_the_schemas(server, document):
    schemas = document["components"]["schemas"]
    problem = server.ask("GET /api/v1/keys", user=None).json()
    keys = server.ask("GET /api/v1/keys").json()
    for name, value in (("ProblemDocument", problem), ("Keys", keys)):
        schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
        Draft202012Validator(schema).validate(value)


def test_unknown_fields_are_refused_by_the_schema_too(document):
    assert document["components"]["schemas"]["NewKey"]["additionalProperties"] is False
