"""The types of a dialect as JSON Schema, and one example of each, put together from the examples on its fields."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

Json = dict[str, Any]

WHERE = "#/components/schemas/"


class Schemas:
    """Of all ``types`` together, so that what two of them hold is described once."""

    def __init__(self, types: Iterable[Any]) -> None:
        kinds = list(types)
        described = msgspec.json.schema_components(kinds, ref_template=WHERE + "{name}")
        schemas, components = msgspec.json.decode(msgspec.json.encode(described))
        self._of = dict(zip(map(_key, kinds), map(_tidy, schemas), strict=True))
        self.components: Json = {_name(name): _tidy(schema) for name, schema in sorted(components.items())}

    def of(self, kind: Any) -> Json:
        found: Json = self._of[_key(kind)]
        return found

    def fields(self, kind: Any) -> list[tuple[str, Json, bool]]:
        """Of a query: name, schema, and whether it must be given. In a query string nothing is null."""
        schema = self._resolve(self.of(kind))
        return [(name, _given(inner), name in schema["required"]) for name, inner in schema["properties"].items()]

    def example(self, schema: Json) -> Any:
        """The required fields and those that have an example. `LookupError` where a value has none and needs one."""
        if "examples" in schema:
            return schema["examples"][0]
        if "$ref" in schema:
            return self.example(self._resolve(schema))
        if "enum" in schema:
            return schema.get("default") or schema["enum"][0]
        kind = schema.get("type")
        if kind == "object":
            return self._object(schema)
        if kind == "array":
            return [self.example(schema["items"])]
        if kind == "boolean":
            return schema.get("default", False)
        if kind == "integer":
            return schema.get("minimum", 0)
        # Whatever may be absent is, unless an example shows it.
        if (isinstance(kind, list) and "null" in kind) or {"type": "null"} in schema.get("anyOf", ()):
            return None
        raise LookupError(f"There is no example for {schema}")

    def _object(self, schema: Json) -> Json:
        required = schema.get("required", ())
        made = {}
        for name, inner in schema.get("properties", {}).items():
            if name in required or "examples" in inner:
                try:
                    made[name] = self.example(inner)
                except LookupError as error:
                    raise LookupError(f"{schema.get('title')}.{name}: {error}") from None
        return made

    def _resolve(self, schema: Json) -> Json:
        found: Json = self.components[schema["$ref"].removeprefix(WHERE)] if "$ref" in schema else schema
        return found


def _key(kind: Any) -> str:
    # Annotated types that hold a list of examples cannot be hashed.
    return repr(kind)


def _given(schema: Json) -> Json:
    """The schema of a value that may be null, where it is not."""
    match schema:
        case {"anyOf": [dict(inner), {"type": "null"}], **others}:
            return inner | others
        case {"type": [kind, "null"]}:
            return schema | {"type": kind}
    return schema


def _name(name: str) -> str:
    """``Page_LinkBody_`` reads better as ``PageOfLinkBody``."""
    return re.sub(r"_(\w+)_$", r"Of\1", name)


def _tidy(schema: Any) -> Any:
    """The same schema, shorter: what may be null has two types, and no title repeats a component's name."""
    if isinstance(schema, list):
        return [_tidy(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    tidy = {name: value if name in ("examples", "default", "enum") else _tidy(value) for name, value in schema.items()}
    if isinstance(reference := tidy.get("$ref"), str):
        tidy["$ref"] = WHERE + _name(reference.removeprefix(WHERE))
    if tidy.get("default", ...) is None:
        del tidy["default"]
    match tidy.get("anyOf"):
        case [dict(inner), {"type": "null"}] if isinstance(inner.get("type"), str) and "enum" not in inner:
            del tidy["anyOf"]
            return inner | tidy | {"type": [inner["type"], "null"]}
    return tidy
