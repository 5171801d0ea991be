"""What SARIF 2.1.0 demands of the parts of a log that the reports use.

Each kind of object: its properties, each with the kind of its value, the required ones marked by a
`!`. A property that is not named here is not allowed, as in the schema (`additionalProperties` is
false there but for `properties`). Written by hand after the schema of the standard:
https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json
"""

import re

LEVELS = {"none", "note", "warning", "error"}
KINDS = {
    "log": {"$schema": str, "version!": {"2.1.0"}, "runs!": ["run"]},
    "run": {
        "tool!": "tool",
        "columnKind": {"utf16CodeUnits", "unicodeCodePoints"},
        "invocations": ["invocation"],
        "results": ["result"],
        "properties": dict,
    },
    "tool": {"driver!": "driver"},
    "driver": {"name!": str, "version": str, "rules": ["rule"]},
    "rule": {
        "id!": str,
        "name": str,
        "shortDescription": "text",
        "fullDescription": "text",
        "help": "text",
        "defaultConfiguration": "configuration",
        "properties": dict,
    },
    "text": {"text!": str, "markdown": str},
    "configuration": {"level": LEVELS},
    "invocation": {
        "executionSuccessful!": bool,
        "toolExecutionNotifications": ["notification"],
    },
    "notification": {"level": LEVELS, "message!": "text"},
    "result": {
        "ruleId": str,
        "ruleIndex": int,
        "level": LEVELS,
        "message!": "text",
        "locations": ["location"],
        "occurrenceCount": int,
        "partialFingerprints": dict,
        "properties": dict,
    },
    "location": {"physicalLocation": "physical", "logicalLocations": ["logical"]},
    "logical": {"fullyQualifiedName": str, "kind": str},
    "physical": {"artifactLocation": "artifact", "region": "region"},
    "artifact": {"uri": "uri", "uriBaseId": str},
    "region": {"startLine": int, "snippet": "text"},
}
# RFC 3986: a reference has no blank and no `<`, and what is outside of ASCII is escaped.
_URI = re.compile(r"([a-z][a-z0-9+.-]*:)?[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")


def problems(value, kind="log", where="log"):
    """Yield what is wrong with a part of a log."""
    if kind == "uri":
        if not (isinstance(value, str) and _URI.fullmatch(value)):
            yield f"{where} is no URI: {value!r}"
    elif isinstance(kind, str):
        yield from _object(value, kind, where)
    elif isinstance(kind, set):
        if value not in kind:
            yield f"{where} is {value!r}, none of {kind}"
    elif isinstance(kind, list):
        for number, item in enumerate(value):
            yield from problems(item, kind[0], f"{where}[{number}]")
    elif not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        yield f"{where} is {value!r}, no {kind.__name__}"


def _object(value, kind, where):
    properties = {name.rstrip("!"): inner for name, inner in KINDS[kind].items()}
    required = {name[:-1] for name in KINDS[kind] if name.endswith("!")}
    if not isinstance(value, dict):
        yield f"{where} is no object"
        return
    yield from (f"{where} lacks {name}" for name in required - value.keys())
    yield from (f"{where} must not have {name}" for name in value.keys() - properties)
    for name in value.keys() & properties:
        yield from problems(value[name], properties[name], f"{where}.{name}")
