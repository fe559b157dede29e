"""A page that lists the API, made from its OpenAPI description; it loads no other site's files.

Knows nothing of what the API does.
"""

import html
import json
from collections.abc import Iterator
from typing import Any

# The script that runs the operations; and an icon, because without one a browser requests one.
_RUNS = '<script type="module" src="docs.js"></script><link rel="icon" href="example.png">'


def page(description: dict[str, Any], *, can_run: bool = False) -> str:
    """Write an OpenAPI description as HTML.

    With `can_run` the operations that take files can be run in the page, which then loads
    ``docs.js`` and ``example.png`` from beside it.

    Examples
    --------
    >>> "<h2>GET /api/a</h2>" in page({
    ...     "info": {"title": "T", "version": "1"},
    ...     "paths": {"/api/a": {"get": {"summary": "S", "responses": {}}}},
    ... })
    True
    """
    info = description["info"]
    title = html.escape(f"{info['title']} {info['version']}")
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            '<meta name="color-scheme" content="light dark">',
            _RUNS if can_run else "",
            f"<title>{title}</title></head><body><main><h1>{title}</h1>",
            f"<p>{html.escape(info.get('description', ''))}</p>",
            '<p>For programs: <a href="openapi.json">openapi.json</a></p>',
            *_operations(description["paths"], can_run=can_run),
            "<h2>Types</h2>",
            *_types(description.get("components", {}).get("schemas", {})),
            "</main></body></html>",
        ]
    )


def _operations(paths: dict[str, Any], *, can_run: bool) -> Iterator[str]:
    for path, methods in paths.items():
        for method, operation in methods.items():
            yield f"<h2>{method.upper()} {html.escape(path)}</h2>"
            yield f"<p>{html.escape(operation.get('description', operation['summary']))}</p><ul>"
            for parameter in operation.get("parameters", []):
                needed = "" if parameter.get("required") else " (optional)"
                yield f"<li><code>{html.escape(parameter['name'])}</code>{needed}: "
                yield f"{_kind(parameter['schema'])}</li>"
            for kind, content in operation.get("requestBody", {}).get("content", {}).items():
                yield f"<li>body: {html.escape(kind)} {_kind(content.get('schema', {}))}</li>"
            for status, response in operation["responses"].items():
                yield f"<li>{html.escape(status)}: {html.escape(response['description'])}"
                for kind, content in response.get("content", {}).items():
                    yield f" {html.escape(kind)} {_kind(content.get('schema', {}))}"
                yield "</li>"
            yield "</ul>"
            if can_run and "requestBody" in operation:
                yield from _example(path, operation["parameters"])


def _example(path: str, parameters: list[dict[str, Any]]) -> Iterator[str]:
    """Write a form that runs an operation, and where its answer is shown."""
    named = path.removeprefix("/")
    query = "&".join(f"{one['name']}={one['example']}" for one in parameters)
    command = (
        f'curl -H "Authorization: Bearer $TOKEN" -F image=@page.png "$URL{path}'
        f'{query and "?" + query}"'
    )
    yield f'<pre>{html.escape(command)}</pre><form data-path="{html.escape(named)}">'
    yield '<label>files <input type="file" name="file" multiple></label>'
    for one in parameters:
        name = html.escape(one["name"])
        hint = html.escape(one["example"])
        yield f'<label>{name} <input name="{name}" placeholder="{hint}"></label>'
    yield "<button>Run</button> (without files, a built-in picture of 407 is sent)</form>"
    yield "<pre></pre>"


def _types(schemas: dict[str, Any]) -> Iterator[str]:
    for name, schema in schemas.items():
        yield f'<h3 id="{html.escape(name)}">{html.escape(name)}</h3>'
        description = schema.get("description", "").partition("\n\nAttributes\n")[0]
        yield f"<p>{html.escape(description)}</p><ul>"
        for field, kind in schema.get("properties", {}).items():
            yield f"<li><code>{html.escape(field)}</code>: {_kind(kind)}</li>"
        yield "</ul>"


def _kind(schema: dict[str, Any]) -> str:
    """Name a type, with a link where it is one of ours."""
    if "$ref" in schema:
        name = html.escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if "enum" in schema:
        return html.escape(", ".join(json.dumps(value) for value in schema["enum"]))
    kind = html.escape(str(schema.get("type", "anything")))
    return f"{kind} of {_kind(schema['items'])}" if "items" in schema else kind
