"""`waypost up`: from the first line to the last."""

import asyncio
import signal
from collections.abc import Mapping

from deploy.local.console import Console
from deploy.local.data_dir import DataDir
from deploy.local.panel import Panel
from deploy.local.stack import Options, Stack, read_settings

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def up(options: Options, environ: Mapping[str, str], console: Console, panel: Panel) -> None:
    """Runs until Ctrl-C or SIGTERM, and returns when nothing is left running; raises `Trouble`."""
    asked = asyncio.Event()
    data = DataDir(options.data)
    data.prepare(read_settings(environ).local_free_disk_bytes)
    with data.locked():
        stack = Stack(data, options, environ, console)

        def stop() -> None:
            if asked.is_set():
                stack.hurry.set()
            asked.set()

        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, stop)
        running = asyncio.create_task(stack.run(panel))
        asking = asyncio.create_task(asked.wait())
        try:
            await asyncio.wait({running, asking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asking.cancel()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            console.say("stopping …")
            await stack.stop()
            console.say("stopped; nothing is left running")
        if not running.cancelled():
            running.result()
