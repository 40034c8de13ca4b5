"""Checks an answer against the official OpenAPI documents, where they lie beside the project."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from jsonschema import Draft4Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

SPECS = Path(__file__).parents[2] / "../shared/specs/specification"

DOCUMENTS = {
    "settings": "security/resource-manager/Microsoft.Security/stable/2022-05-01/settings.json",
    "pricings": "security/resource-manager/Microsoft.Security/stable/2024-01-01/pricings.json",
    "assessments": "security/resource-manager/Microsoft.Security/stable/2021-06-01/assessments.json",
    "alerts": "security/resource-manager/Microsoft.Security/stable/2022-01-01/alerts.json",
    "mdeOnboardings": "security/resource-manager/Microsoft.Security/preview/2021-10-01-preview/mdeOnboardings.json",
    "compute": "compute/resource-manager/Microsoft.Compute/ComputeRP/stable/2024-03-01/virtualMachine.json",
    "runCommand": "compute/resource-manager/Microsoft.Compute/ComputeRP/stable/2024-03-01/runCommand.json",
    "hybrid": "hybridcompute/resource-manager/Microsoft.HybridCompute/preview/2024-03-31-preview/HybridCompute.json",
    "subscriptions": "resources/resource-manager/Microsoft.Resources/stable/2022-12-01/subscriptions.json",
    "roleAssignments": "authorization/resource-manager/Microsoft.Authorization/stable/2022-04-01/authorization-RoleAssignmentsCalls.json",
    "roleDefinitions": "authorization/resource-manager/Microsoft.Authorization/stable/2022-04-01/authorization-RoleDefinitionsCalls.json",
    "graph": "resourcegraph/resource-manager/Microsoft.ResourceGraph/stable/2021-03-01/resourcegraph.json",
}


def check(document: str, operation: str, status: int, body: Any) -> None:
    """The body must be what the operation's document says it answers with this status; skips where the documents are absent."""
    path = SPECS / DOCUMENTS[document]
    if not path.exists():
        pytest.skip("the OpenAPI documents are not beside the project")
    response = _response(path, operation, status)
    schema = response.get("schema")
    if schema is None:
        assert body is None, f"{operation} answers {status} without a body"
        return
    reference = {"$ref": f"{path.resolve().as_uri()}#{_pointer(path, operation, status)}/schema"}
    validator = Draft4Validator(reference, registry=Registry(retrieve=_retrieve))
    problems = [f"{list(e.absolute_path)}: {e.message[:200]}" for e in validator.iter_errors(_without_nulls(body))]
    assert not problems, f"{operation}: " + "; ".join(problems[:8])


def _response(path: Path, operation: str, status: int) -> dict[str, Any]:
    found: Any = _load(path)
    for part in _pointer(path, operation, status).split("/")[1:]:
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return dict(found)


@lru_cache
def _pointer(path: Path, operation: str, status: int) -> str:
    for route, methods in _load(path)["paths"].items():
        for method, described in methods.items():
            if isinstance(described, dict) and described.get("operationId") == operation:
                return f"/paths/{route.replace('~', '~0').replace('/', '~1')}/{method}/responses/{status}"
    raise AssertionError(f"{path.name} has no operation {operation}")


@lru_cache
def _load(path: Path) -> Any:
    return _mended(json.loads(path.read_text()))


def _mended(node: Any) -> Any:
    """The documents made as strict as Azure: a last page has no nextLink, open enums are open, and a bare `object` is anything."""
    if isinstance(node, dict):
        mended = {key: _mended(value) for key, value in node.items()}
        if isinstance(node.get("x-ms-enum"), dict) and node["x-ms-enum"].get("modelAsString"):
            mended.pop("enum", None)
        if node.get("type") == "object" and not node.keys() - {"type", "description", "readOnly", "title"}:
            del mended["type"]
        if isinstance(mended.get("required"), list):
            mended["required"] = [name for name in mended["required"] if name != "nextLink"]
            if not mended["required"]:
                del mended["required"]
        return mended
    return [_mended(item) for item in node] if isinstance(node, list) else node


def _retrieve(uri: str) -> Resource[Any]:
    return Resource.from_contents(_load(Path(unquote(urlsplit(uri).path))), default_specification=DRAFT4)


def _without_nulls(value: Any) -> Any:
    """Azure sends null for what is absent; OpenAPI 2 has no word for it."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
