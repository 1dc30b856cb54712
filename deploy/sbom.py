"""``python -m deploy.sbom``: what is inside, as CycloneDX 1.6, read from what is really installed.

The packages of Python come from their own metadata, those of the distribution from its package manager, where it is
Debian's. Nothing else is laid into the image.
"""

import json
import shutil
import subprocess
import sys
from importlib.metadata import Distribution, distributions
from urllib.parse import quote

Component = dict[str, object]

_LICENSE_LENGTH = 100


def bill() -> dict[str, object]:
    installed = sorted(distributions(), key=lambda found: found.name.lower())
    ours = [found for found in installed if found.name == "waypost"]
    others = [_package(found) for found in installed if found.name != "waypost"]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {**_package(ours[0]), "type": "application"}},
        "components": [*others, _python(), *_system_packages()],
    }


def _package(found: Distribution) -> Component:
    purl = f"pkg:pypi/{_normalised(found.name)}@{found.version}"
    component: Component = {
        "type": "library",
        "bom-ref": purl,
        "name": found.name,
        "version": found.version,
        "purl": purl,
    }
    told = found.metadata.json
    expression, name = told.get("license_expression"), told.get("license", "")
    if expression:
        component["licenses"] = [{"expression": expression}]
    # Some put the whole text of the license where its name belongs.
    elif name and len(name) <= _LICENSE_LENGTH:
        component["licenses"] = [{"license": {"name": name}}]
    return component


def _python() -> Component:
    release = ".".join(map(str, sys.version_info[:3]))
    return {"type": "platform", "bom-ref": f"python@{release}", "name": "CPython", "version": release}


def _system_packages() -> list[Component]:
    query = shutil.which("dpkg-query")
    if query is None:
        return []
    listed = subprocess.run(
        [query, "--show", "--showformat", "${Package}\\t${Version}\\t${Architecture}\\n"],
        capture_output=True,
        text=True,
        check=True,
    )
    return [_debian(*line.split("\t")) for line in listed.stdout.splitlines()]


def _debian(name: str, release: str, architecture: str) -> Component:
    purl = f"pkg:deb/debian/{name}@{quote(release, safe='')}?arch={architecture}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": release, "purl": purl}


def _normalised(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


if __name__ == "__main__":
    json.dump(bill(), sys.stdout, indent=1)
