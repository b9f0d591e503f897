"""A service of somebody's own for tests, which knows nothing of servemark's contract.

Usage: service.py PORT [MODE]. ``good`` answers alike whenever it is asked alike; ``fickle`` adds a
number that counts up; ``wrong`` gives another label after its first forty answers; ``closes`` ends
each connection after its answer.
"""

from __future__ import annotations

import base64
import email.parser
import email.policy
import hashlib
import json
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ENOUGH_TO_CHECK = 40


def label_of(content: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(content).digest()
    return {"label": digest[0] % 10, "score": digest[1] / 255}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536
    mode = "good"
    served = 0

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        ready = ("/ready", "/v2/models/digits/ready", "/v1/models/digits", "/ping")
        self._reply(200 if self.path in ready else 404, {"path": self.path})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kind = self.headers.get("Content-Type", "")
        if self.path == "/predict":
            photo = form_field(kind, body, "photo")
            if photo is None:
                missing = {"type": "missing", "loc": ["body", "photo"], "msg": "Field required"}
                self._reply(422, {"detail": [missing]})
            else:
                self._reply(200, label_of(photo))
        elif self.path in ("/raw", "/predictions/digits"):
            self._reply(200, label_of(body))
        elif self.path == "/v2/models/digits/infer":
            (given,) = json.loads(body)["inputs"]
            output = {"name": "label", "datatype": "INT64", "shape": [1]}
            data = [label_of(json.dumps(given["data"]).encode())["label"]]
            Handler.served += 1
            self._reply(200, {"id": str(Handler.served), "outputs": [{**output, "data": data}]})
        elif self.path == "/v1/models/digits:predict":
            rows = json.loads(body)["instances"]
            content = [base64.b64decode(row["b64"]) for row in rows]
            self._reply(200, {"predictions": [label_of(each)["label"] for each in content]})
        else:
            self._reply(404, {"path": self.path})

    def _reply(self, status: int, document: dict[str, Any]) -> None:
        Handler.served += 1
        if self.mode == "fickle":
            document = {**document, "meta": {"number": Handler.served}}
        if self.mode == "wrong" and Handler.served > ENOUGH_TO_CHECK:
            document = {**document, "label": 99}
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if self.mode == "closes":
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(content)


def form_field(content_type: str, body: bytes, name: str) -> bytes | None:
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    for part in form.iter_parts() if form.is_multipart() else ():
        if part.get_param("name", header="Content-Disposition") == name:
            content = part.get_payload(decode=True)
            return content if isinstance(content, bytes) else None
    return None


def main() -> None:
    Handler.mode = sys.argv[2] if len(sys.argv) > 2 else "good"
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    stop = threading.Thread(target=server.shutdown)
    signal.signal(signal.SIGTERM, lambda *_: stop.start())
    server.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    main()
