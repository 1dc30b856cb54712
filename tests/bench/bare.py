"""The yardstick of the redirect: one constant Starlette route on the server that the gateway uses, and nothing else."""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

PATH = "/constant"


async def constant(_request: Request) -> JSONResponse:
    return JSONResponse({"ok": True})


def serve(app: Starlette, port: int) -> None:
    """With the gateway's own choices: uvloop, httptools, no access log."""
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        http="httptools",
        loop="uvloop",
        ws="none",
        lifespan="auto",
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
    )


if __name__ == "__main__":
    serve(Starlette(routes=[Route(PATH, constant)]), int(sys.argv[1]))
