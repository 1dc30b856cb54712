"""A real headless browser over the Chrome DevTools Protocol: open an address, measure, take a picture."""

import asyncio
import itertools
import json
import shutil
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    # By its own name it would be a robot, and its clicks nobody's.
    "--user-agent=Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
)
PATIENCE_SECONDS = 30.0

Message = dict[str, Any]


class Browser:
    """One tab. Calls are made one after the other; what happens in between is kept in `events`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._session = ""
        self.events: list[Message] = []

    async def call(self, method: str, **params: object) -> Message:
        number = next(self._numbers)
        command: Message = {"id": number, "method": method, "params": params}
        if self._session:
            command["sessionId"] = self._session
        await self._socket.send_json(command)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (message := await self._receive()).get("id") != number:
                pass
        assert "error" not in message, message["error"]
        result: Message = message["result"]
        return result

    async def start(self) -> None:
        target = (await self.call("Target.createTarget", url="about:blank"))["targetId"]
        self._session = (await self.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            await self.call(f"{domain}.enable")

    async def resize(self, width: int, height: int) -> None:
        """In CSS pixels; a width below 600 is a phone."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    async def prefer(self, scheme: str, motion: str = "no-preference") -> None:
        """What the visitor likes best: `light` or `dark`, and `reduce` for little motion."""
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": motion},
        ]
        await self.call("Emulation.setEmulatedMedia", features=features)

    async def open(self, url: str) -> None:
        self.events.clear()
        await self.call("Page.navigate", url=url)
        await self.until("Page.loadEventFired")

    async def send_form(self, text: str) -> None:
        """Puts `text` into the only field and presses the only button, and waits for the page that comes then."""
        self.events.clear()
        await self.evaluate(f"document.querySelector('input').value = {json.dumps(text)}")
        await self.evaluate("document.querySelector('button').click()")
        await self.until("Page.loadEventFired")

    async def until(self, event: str) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while all(message["method"] != event for message in self.events):
                await self._receive()

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for."""
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def picture(self) -> bytes:
        """What is in the window, as a PNG."""
        return b64decode((await self.call("Page.captureScreenshot", format="png"))["data"])

    def requested(self) -> list[str]:
        """What the page has asked for since `open`, itself included; addresses that need no network are left out."""
        urls = (e["params"]["request"]["url"] for e in self.events if e["method"] == "Network.requestWillBeSent")
        return [url for url in urls if not url.startswith("data:")]

    def complaints(self) -> list[str]:
        """Everything the browser would write to its console: refused styles, failed requests, wrong markup."""
        return [e["params"]["entry"]["text"] for e in self.events if e["method"] == "Log.entryAdded"]

    async def _receive(self) -> Message:
        message: Message = json.loads(await self._socket.receive_str())
        if "method" in message:
            self.events.append(message)
        return message


def find() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@asynccontextmanager
async def launch(program: str) -> AsyncIterator[Browser]:
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            program,
            *FLAGS,
            f"--user-data-dir={folder}",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            address = await _address(process, Path(folder) / "DevToolsActivePort")
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_SECONDS)) as http,
                http.ws_connect(address, max_msg_size=0) as socket,
            ):
                browser = Browser(socket)
                await browser.start()
                yield browser
        finally:
            await _end(process)


async def _address(process: asyncio.subprocess.Process, file: Path) -> str:
    """The browser's own socket; it writes port and path to a file when it listens."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (lines := _lines(file)):
            assert process.returncode is None, f"the browser has stopped with {process.returncode}"
            await asyncio.sleep(0.05)
    return f"ws://127.0.0.1:{lines[0]}{lines[1]}"


def _lines(file: Path) -> list[str]:
    return file.read_text().split("\n") if file.exists() and file.stat().st_size else []


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), PATIENCE_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
