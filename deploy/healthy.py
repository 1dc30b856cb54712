"""``python -m deploy.healthy``: does the process of this container say that it is ready? The exit status tells.

The engine starts it every few seconds, so it loads next to nothing.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException

_PATIENCE_SECONDS = 3.0


def healthy(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not healthy(int(os.environ["WAYPOST_METRICS_PORT"])))
