"""A Postman collection (format 2.1) from the OpenAPI document of a dialect."""

import json
from collections.abc import Iterator
from urllib.parse import quote

from gateway.docs.schemas import Json

FORMAT = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"


def collection(document: Json) -> Json:
    """One folder for each tag. The key and the address are variables of the collection."""
    folders: dict[str, list[Json]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            folders[operation["tags"][0]].append(_item(path, method.upper(), operation))
    return {
        "info": {
            "name": document["info"]["title"],
            "description": document["info"]["summary"],
            "schema": FORMAT,
        },
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{apiKey}}", "type": "string"}]},
        "variable": [
            {"key": "baseUrl", "value": document["servers"][0]["url"]},
            {"key": "apiKey", "value": ""},
        ],
        "item": [{"name": name, "item": items} for name, items in folders.items()],
    }


def _item(path: str, method: str, operation: Json) -> Json:
    request: Json = {
        "method": method,
        "header": [],
        "url": _url(path, operation["parameters"]),
        "description": operation["description"],
    }
    if not operation["security"]:
        request["auth"] = {"type": "noauth"}
    if body := operation.get("requestBody"):
        media, content = next(iter(body["content"].items()))
        example, language = content["example"], "text"
        if media == "application/json":
            example, language = json.dumps(example, indent=2, ensure_ascii=False), "json"
        request["header"].append({"key": "Content-Type", "value": media})
        request["body"] = {"mode": "raw", "raw": example, "options": {"raw": {"language": language}}}
    return {"name": operation["summary"], "request": request, "response": []}


def _url(path: str, parameters: list[Json]) -> Json:
    shown = path.replace("{", ":").replace("}", "")
    query = list(_query(parameters))
    needed = "&".join(f"{each['key']}={quote(each['value'])}" for each in query if not each["disabled"])
    return {
        "raw": f"{{{{baseUrl}}}}{shown}" + (f"?{needed}" if needed else ""),
        "host": ["{{baseUrl}}"],
        "path": shown.removeprefix("/").split("/"),
        "query": query,
        "variable": [
            {"key": each["name"], "value": each["example"]} for each in parameters if each.get("in") == "path"
        ],
    }


def _query(parameters: list[Json]) -> Iterator[Json]:
    for each in parameters:
        if each.get("in") == "query":
            value = each.get("example", each["schema"].get("default", ""))
            yield {
                "key": each["name"],
                "value": value if isinstance(value, str) else json.dumps(value),
                "description": each.get("description", ""),
                # What may be left out is, until it is switched on.
                "disabled": not each["required"],
            }
