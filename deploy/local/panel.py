"""What is shown when everything serves: the ready line for programs, the rest for people."""

import sys
from typing import TextIO

from deploy.demo import USERNAME
from deploy.local.data_dir import DataDir


class Panel:
    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out

    def show(self, url: str, demo_key: str | None, data: DataDir) -> None:
        key = demo_key or "<key>"
        link = """'{"title":"My site","url":"https://example.com"}'"""
        rows = [
            ("Short links", f"{url}/<code>"),
            ("The demo's page", f"{url}/@{USERNAME}"),
            ("The API", f"{url}/v1 and {url}/api/use"),
            ("Its reference", f"{url}/api/docs"),
            ("Demo key", demo_key or "none; make one: waypost key create --username U"),
            ("Data and logs", str(data.root)),
            ("A first link", f"curl -H 'Authorization: Bearer {key}' -H 'content-type: application/json' \\"),
            ("", f"     -d {link} {url}/v1/links"),
            ("Stop it", "Ctrl-C"),
        ]
        width = max(len(name) for name, _ in rows)
        lines = [f"ready {url}", "", *(f"  {name:<{width}}  {value}" for name, value in rows), ""]
        self._out.write("\n".join(lines) + "\n")
        self._out.flush()
