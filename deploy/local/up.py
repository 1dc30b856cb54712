"""`waypost up`: from the first line to the last."""

import asyncio
import signal
from collections.abc import Mapping

from deploy.local.console import Console
from deploy.local.data_dir import DataDir
from deploy.local.options import Options, read_settings, unknown
from deploy.local.panel import Panel
from deploy.local.stack import Stack
from shared.stopping import cancel

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# One stop may arrive twice, from the terminal or the group and once more through make; only a later one means hurry.
_ECHO_SECONDS = 0.5


async def up(options: Options, environ: Mapping[str, str], console: Console, panel: Panel) -> None:
    """Runs until Ctrl-C or SIGTERM, and returns when nothing is left running; raises `Trouble`."""
    asked = asyncio.Event()
    data = DataDir(options.data)
    data.prepare(read_settings(environ).local_free_disk_bytes)
    for sentence in unknown(environ):
        console.say(sentence)
    with data.locked():
        stack = Stack(data, options, environ, console)

        loop = asyncio.get_running_loop()
        first = float("inf")

        def stop() -> None:
            nonlocal first
            if loop.time() - first > _ECHO_SECONDS:
                stack.hurry.set()
            first = min(first, loop.time())
            asked.set()

        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, stop)
        # Started with nohup, it is meant to outlive its terminal.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            loop.add_signal_handler(signal.SIGHUP, stop)
        running = asyncio.create_task(stack.run(panel))
        asking = asyncio.create_task(asked.wait())
        try:
            await asyncio.wait({running, asking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asking.cancel()
            await cancel([running])
            console.say("stopping …")
            await stack.stop()
            console.say("stopped; nothing is left running")
        if not asked.is_set():
            running.result()
