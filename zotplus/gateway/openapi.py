"""OpenAPI 3.1 documents, printed from route rows, message structs and the error catalogue.

Spec: OpenAPI Specification 3.1.1. Schemas are JSON Schema 2020-12 as msgspec derives them from the very types that
decode requests and encode answers, so document and behaviour cannot drift apart.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from zotplus.domain.errors import Fault
from zotplus.gateway.problems import MEDIA_TYPE, TYPE_PREFIX, ProblemDocument
from zotplus.gateway.route import Route

Json: TypeAlias = dict[str, Any]

_REFERENCES = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"\{(\w+)\}")


class QueryParameter(msgspec.Struct, frozen=True, kw_only=True):
    """A query parameter: its name, what it does, and the values that it takes (any text when empty)."""

    name: str
    summary: str
    values: tuple[str, ...] = ()
    required: bool = False


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """One operation for the document: its route, the types in and out, and the faults that it can answer with."""

    route: Route
    takes: Any = None
    gives: Any = None
    status: int = 200
    query: tuple[QueryParameter, ...] = ()
    faults: tuple[Fault, ...] = ()


def openapi(title: str, version: str, descriptions: Sequence[Description]) -> Json:
    """The whole document. Answers are described by status; the faults of one status are its examples."""
    types = [kind for row in descriptions for kind in (row.takes, row.gives) if kind is not None]
    wanted = [*dict.fromkeys(types), ProblemDocument]
    schemas, components = msgspec.json.schema_components(wanted, ref_template=_REFERENCES)
    named = dict(zip(wanted, schemas, strict=True))
    paths: dict[str, Json] = {}
    for row in descriptions:
        paths.setdefault(row.route.template, {})[row.route.method.lower()] = _operation(row, named)
    return {
        "openapi": "3.1.1",
        "info": {"title": title, "version": version, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "Access key id and secret key, or a robot's name and token.",
                }
            },
        },
        "security": [{"basic": []}],
    }


def _operation(row: Description, schemas: Mapping[Any, Json]) -> Json:
    route = row.route
    operation: Json = {"operationId": route.name, "summary": route.summary, "responses": _responses(row, schemas)}
    if route.public:
        operation["security"] = []
    if route.action is not None:
        operation["x-action"] = route.action.name
    if parameters := [*_path_parameters(route.template), *map(_query_parameter, row.query)]:
        operation["parameters"] = parameters
    if row.takes is not None:
        content = {"application/json": {"schema": schemas[row.takes]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _path_parameters(template: str) -> list[Json]:
    names = _PARAMETER.findall(template)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _query_parameter(parameter: QueryParameter) -> Json:
    schema: Json = {"type": "string"}
    if parameter.values:
        schema["enum"] = list(parameter.values)
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.required,
        "description": parameter.summary,
        "schema": schema,
    }


def _responses(row: Description, schemas: Mapping[Any, Json]) -> Json:
    success: Json = {"description": row.route.summary}
    if row.gives is not None:
        success["content"] = {"application/json": {"schema": schemas[row.gives]}}
    by_status: dict[int, list[Fault]] = {}
    for fault in row.faults:
        by_status.setdefault(fault.status, []).append(fault)
    refusals = {str(status): _refusal(faults, schemas) for status, faults in sorted(by_status.items())}
    return {str(row.status): success, **refusals}


def _refusal(faults: Sequence[Fault], schemas: Mapping[Any, Json]) -> Json:
    examples = {fault.code: {"summary": fault.message, "value": _example(fault)} for fault in faults}
    media = {"schema": schemas[ProblemDocument], "examples": examples}
    return {"description": " ".join(fault.message for fault in faults), "content": {MEDIA_TYPE: media}}


def _example(fault: Fault) -> Any:
    """What the fault looks like on the wire, with the catalogue's own words."""
    sample = ProblemDocument(
        type=f"{TYPE_PREFIX}{fault.code}",
        title=fault.message,
        status=fault.status,
        detail=fault.message,
        instance="/api/v1",
        code=fault.code,
        cause=fault.cause,
        remedy=fault.remedy,
        request_id="0123456789ABCDEF",
        retry_after=fault.retry_after,
    )
    return msgspec.to_builtins(sample)
