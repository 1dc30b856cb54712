"""What is shown when everything serves: the ready line for programs, the rest for people."""

import sys
from typing import TextIO

from deploy.local.data_dir import DataDir


class Panel:
    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out

    def show(self, url: str, demo_key: str | None, data: DataDir) -> None:
        key = demo_key or "<key>"
        rows = [
            ("Short links, pages", url),
            ("API of creators", f"{url}/v1"),
            ("API of links", f"{url}/api/use"),
            ("Demo key", demo_key or "none; make one: waypost key create --username U"),
            ("Data and logs", str(data.root)),
            ("Try it", f"curl -H 'Authorization: Bearer {key}' {url}/v1/links"),
            ("Stop it", "Ctrl-C"),
        ]
        width = max(len(name) for name, _ in rows)
        lines = [f"ready {url}", "", *(f"  {name:<{width}}  {value}" for name, value in rows), ""]
        self._out.write("\n".join(lines) + "\n")
        self._out.flush()
