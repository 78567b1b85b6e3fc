"""The OpenAPI 3.1 document, from the very models that the handlers use."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Literal

from pydantic import BaseModel, JsonValue
from pydantic.json_schema import models_json_schema

from bot.edge.api.route import BASE, Operation
from bot.edge.auth import COOKIE, CSRF_HEADER
from bot.edge.problems import CONTENT_TYPE, Problem
from bot.edge.uploads import NAME_HEADER

Json = dict[str, JsonValue]
_Mode = Literal["validation", "serialization"]
_PARAMETER = re.compile(r"\{(\w+)\}")


class Schemas:
    """The schemas of all models, and how to refer to each."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        wanted: list[tuple[type[BaseModel], _Mode]] = [(Problem, "serialization")]
        for one in operations:
            wanted += [(model, "validation") for model in _inputs(one)]
            wanted += [(one.result, "serialization")] if one.result else []
        references, document = models_json_schema(
            list(dict.fromkeys(wanted)), ref_template="#/components/schemas/{model}"
        )
        self._references = references
        self.definitions: Json = document.get("$defs", {})

    def of(self, model: type[BaseModel], mode: _Mode) -> Json:
        """A reference to a model's schema."""
        return dict(self._references[(model, mode)])

    def properties(self, model: type[BaseModel]) -> tuple[Json, set[str]]:
        """The schemas of a model's fields, and the names of those that must be given."""
        name = str(self.of(model, "validation")["$ref"]).rpartition("/")[2]
        schema = self.definitions[name]
        assert isinstance(schema, dict)  # noqa: S101 - pydantic makes objects of models
        properties, required = schema.get("properties", {}), schema.get("required", [])
        assert isinstance(properties, dict)  # noqa: S101 - as above
        assert isinstance(required, list)  # noqa: S101 - as above
        return properties, {str(one) for one in required}


def document(operations: tuple[Operation, ...], *, title: str, version: str, server: str) -> Json:
    """The whole document."""
    schemas = Schemas(operations)
    paths: dict[str, JsonValue] = {}
    for one in operations:
        item = paths.setdefault(BASE + one.path, {})
        assert isinstance(item, dict)  # noqa: S101 - made on the line above
        item[one.method.lower()] = _operation(one, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "servers": [{"url": server}],
        "paths": paths,
        "components": {
            "schemas": schemas.definitions,
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
                "csrf": {"type": "apiKey", "in": "header", "name": CSRF_HEADER},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(one: Operation, schemas: Schemas) -> Json:
    found: Json = {
        "operationId": one.name,
        "summary": one.summary,
        "tags": [one.tag],
        "responses": _responses(one, schemas),
    }
    if one.detail:
        found["description"] = one.detail
    parameters = _parameters(one, schemas)
    if parameters:
        found["parameters"] = parameters
    if one.body_model is not None:
        schema = schemas.of(one.body_model, "validation")
        found["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    if one.takes_file:
        found["requestBody"] = {"required": True, "content": {"*/*": {}}}
    found["security"] = _security(one)
    return found


def _security(one: Operation) -> list[JsonValue]:
    if one.roles is None:
        return []
    session: Json = {"session": []} if one.method == "GET" else {"session": [], "csrf": []}
    return [session, {"bearer": []}]


def _parameters(one: Operation, schemas: Schemas) -> list[JsonValue]:
    found: list[JsonValue] = []
    in_path = _PARAMETER.findall(one.path)
    places = (("path", one.path_model), ("query", one.query_model))
    for place, model in places:
        if model is None:
            continue
        properties, required = schemas.properties(model)
        for name, schema in properties.items():
            if place == "path" and name not in in_path:
                continue
            found.append(
                {"name": name, "in": place, "required": name in required, "schema": schema}
            )
    if one.takes_file:
        found.append({"name": NAME_HEADER, "in": "header", "schema": {"type": "string"}})
    return found


def _responses(one: Operation, schemas: Schemas) -> Json:
    status = 204 if one.result is None and not one.binary else one.status
    response: Json = {"description": HTTPStatus(status).phrase}
    if one.result is not None:
        schema = schemas.of(one.result, "serialization")
        response["content"] = {"application/json": {"schema": schema}}
    elif one.binary:
        response["content"] = {"application/octet-stream": {}}
    problem: Json = {CONTENT_TYPE: {"schema": schemas.of(Problem, "serialization")}}
    refusals = {*one.errors, *((401, 403) if one.roles is not None else ())}
    if one.path_model or one.query_model or one.body_model:
        refusals.add(422)
    if one.body_model is not None:
        refusals |= {400, 413, 415}
    found: Json = {str(status): response}
    for code in sorted(refusals):
        found[str(code)] = {"description": HTTPStatus(code).phrase, "content": problem}
    found["default"] = {"description": "A problem", "content": problem}
    return found


def _inputs(one: Operation) -> list[type[BaseModel]]:
    models = (one.path_model, one.query_model, one.body_model)
    return [model for model in models if model is not None]
