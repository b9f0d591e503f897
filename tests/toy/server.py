"""A contestant for tests: the contract in Python's standard library, or one way to break it.

Usage: server.py MODE. ``good`` keeps the contract; the other modes break it where they are named.
"""

from __future__ import annotations

import email.parser
import email.policy
import io
import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MODES = (
    *("good", "wrong", "hangs", "exits", "dies", "slow", "stubborn", "litters", "chatty"),
    *("forks", "closes", "caches", "rude", "leaks", "mixes-up", "falls", "one-by-one"),
    *("remembers", "spread", "brittle", "careless", "decodes", "tardy"),
)

ENOUGH_TO_VERIFY = 40
"""Some modes break the contract only after so many answers, and are good when verified."""
GOLDEN_RATIO = 0.6180339887498949


class Rejected(Exception):  # noqa: N818
    """A request that the contract refuses."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def refuse_start(message: str) -> None:
    sys.stderr.write(message + "\n")
    sys.exit(1)


class Predictor:
    """Dense layers with numpy, decoding with Pillow."""

    def __init__(self, mode: str) -> None:
        self.known: dict[bytes, bytes] = {}
        self.mode = mode
        self.stage = os.environ.get("STAGE", "full")
        if self.stage not in ("full", "decode", "receive"):
            refuse_start(f"STAGE {self.stage} is not known")
        if os.environ.get("RUNTIME") != "numpy":
            refuse_start("RUNTIME must be numpy")
        folder = Path(os.environ.get("MODEL_DIR", "/nonexistent"))
        try:
            model = json.loads((folder / "model.json").read_text())
            self.layers = [
                (
                    self._load(folder / e["kernel"]).reshape(e["shape"]),
                    self._load(folder / e["bias"]),
                )
                for e in model["formats"]["dense"]
            ]
            self.port = int(os.environ["PORT"])
            self.image = self._test_image()
            if mode != "careless" and int(os.environ.get("WORKERS", "1")) < 1:
                raise ValueError("WORKERS must be positive")
        except (OSError, ValueError, KeyError, Rejected) as error:
            refuse_start(f"cannot start: {error!r}".replace("\n", " "))

    def _load(self, path: Path) -> NDArray[np.float32]:
        return np.frombuffer(path.read_bytes(), dtype="<f4")

    def _test_image(self) -> bytes:
        if self.mode == "careless":
            return Path(os.environ.get("TEST_IMAGE", os.devnull)).read_bytes()
        content = Path(os.environ["TEST_IMAGE"]).read_bytes()
        self._decode(content)
        return content

    def answer(self, content: bytes) -> bytes:
        if content in self.known:
            return self.known[content]
        digit, probability = self._predict(content)
        return json.dumps({"data": {"digit": digit, "probability": probability}}).encode()

    def _predict(self, content: bytes) -> tuple[int, float]:
        if self.stage == "receive" and self.mode != "decodes":
            return 0, 0.1234567890
        x = self._decode(content)
        if self.stage == "receive":
            return 0, 0.1234567890
        if self.stage == "decode":
            return int(np.floor(x.sum())) % 10, 0.1234567890
        hidden = np.maximum(x @ self.layers[0][0] + self.layers[0][1], 0)
        logits = hidden @ self.layers[1][0] + self.layers[1][1]
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        return int(shares.argmax()), float(shares.max())

    def _decode(self, content: bytes) -> NDArray[np.float64]:
        try:
            image = Image.open(io.BytesIO(content), formats=("JPEG", "PNG"))
            if max(image.size) > 4096:
                raise Rejected(422, "the image is too large")
            grey = np.asarray(luma(image), dtype=np.float64)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise Rejected(422, "the image cannot be decoded") from error
        rows = np.arange(28) * grey.shape[0] // 28
        columns = np.arange(28) * grey.shape[1] // 28
        return (255 - grey[np.ix_(rows, columns)].reshape(-1)) / 255


def luma(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image).astype(np.uint32) // 256).astype(np.uint8))
    return image.convert("RGB").convert("L") if image.mode != "L" else image


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # head and body in one packet
    predictor: Predictor
    mode: str
    served = 0
    kept: list[bytes] = []
    slow_part = threading.Lock()
    stopping = threading.Event()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def handle_expect_100(self) -> bool:
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._reply(200, b'{"status":"ok"}')
        elif self.path == "/":
            self._predict(self.predictor.image)
        else:
            self._fail(404, "no such path")

    def do_POST(self) -> None:
        if self.path != "/":
            self._fail(405 if self.path == "/healthz" else 404, "not here")
            return
        try:
            self._predict(self._upload())
        except Rejected as error:
            self.close_connection = error.status == 413
            self._fail(error.status, str(error))

    def do_DELETE(self) -> None:
        self._fail(405, "no such method")

    def _upload(self) -> bytes:
        body = self._body()
        content_type = self.headers.get("Content-Type", "")
        kind = content_type.partition(";")[0]
        if kind == "multipart/form-data":
            return form_file(content_type, body)
        if kind not in ("image/png", "image/jpeg", "application/octet-stream"):
            raise Rejected(415, "neither an image nor octets")
        if not body:
            raise Rejected(400, "the body is empty")
        return body

    def _body(self) -> bytes:
        most = int(os.environ.get("MAX_BODY_BYTES", "1048576"))
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
                if len(body) > most:
                    raise Rejected(413, "the body is too large")
            return body
        size = int(self.headers.get("Content-Length", "0"))
        if size > most:
            raise Rejected(413, "the body is too large")
        if self.mode == "brittle" and len(self.rfile.peek()) < size:  # type: ignore[attr-defined]
            os.kill(os.getpid(), signal.SIGSEGV)
        return self.rfile.read(size)

    def _predict(self, content: bytes) -> None:
        try:
            body = self.predictor.answer(content)
        except Rejected as error:
            self._fail(error.status, str(error))
            return
        Handler.served += 1
        if self.mode in ("caches", "remembers") and content not in self.predictor.known:
            with self.slow_part:
                time.sleep(0.01)
            if self.mode == "caches":  # as for users' own images: too small for all of them
                self.predictor.known.clear()
            self.predictor.known[content] = body
        if self.mode == "rude":
            self._fail(422, "<img src=x onerror=document.title='taken'>")
            return
        if self.mode == "mixes-up" and self.kept:
            body = self.kept.pop()
        if self.mode == "wrong":
            body = b'{"data": {"digit": 7, "probability": 0.987654321}}'
        self._take_time()
        if self.mode == "dies" and Handler.served > ENOUGH_TO_VERIFY:
            self.slow_part.acquire()  # never given back: a busy machine may be slow to deliver it
            sys.stderr.write("out of luck\n")
            sys.stderr.flush()
            os.kill(os.getpid(), signal.SIGSEGV)
        self._reply(200, body)

    def _take_time(self) -> None:
        if self.mode == "slow":
            time.sleep(0.05)
        if self.mode == "tardy" and self.stopping.is_set():
            time.sleep(1.5)
        if self.mode == "spread" and Handler.served > ENOUGH_TO_VERIFY:
            # 0.1 to 0.3 s, evenly over each stretch of answers (Weyl's sequence).
            time.sleep(0.1 + 0.2 * (Handler.served * GOLDEN_RATIO % 1))

    def _fail(self, status: int, message: str) -> None:
        if self.mode == "falls" and status == 422:
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.mode == "leaks":
            self.kept.append(os.urandom(50_000))
        if self.mode == "mixes-up":
            self.kept.append(b'{"data": {"digit": 7, "probability": 0.987654321}}')
        self._reply(status, json.dumps({"data": None, "error": message}).encode())

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.close_connection |= self.mode == "closes" and Handler.served > ENOUGH_TO_VERIFY
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


def form_file(content_type: str, body: bytes) -> bytes:
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    if not form.is_multipart() or form.defects:
        raise Rejected(400, "the form is broken")
    for part in form.iter_parts():
        if part.get_param("name", header="Content-Disposition") == "image":
            content = part.get_payload(decode=True)
            if isinstance(content, bytes) and content:
                return content
    raise Rejected(400, "there is no field 'image'")


class Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 128


def begin_to_stop(server: HTTPServer) -> None:
    Handler.stopping.set()
    threading.Thread(target=server.shutdown).start()


def share_with_children(server: HTTPServer) -> None:
    """Two more processes serve, whatever WORKERS says; they end with the first. Each listens for
    itself: one that accepts for all might take every connection."""
    parent = os.getpid()
    for _ in range(2):
        if os.fork() == 0:
            server.socket.close()
            own = Server((str(server.server_address[0]), server.server_port), Handler)
            threading.Thread(target=own.serve_forever, args=(0.05,), daemon=True).start()
            while os.getppid() == parent:
                time.sleep(0.05)
            os._exit(0)


def main() -> None:
    mode = sys.argv[1]
    assert mode in MODES
    if mode == "exits":
        refuse_start("nothing to serve today")
    if mode == "hangs":
        time.sleep(3600)
    if mode == "chatty":
        sys.stderr.write("hello\nhello again\n")
    Handler.predictor = Predictor(mode)
    Handler.mode = mode
    Handler.timeout = 2
    if mode == "litters" and os.fork() == 0:
        os.setsid()
        time.sleep(3600)
    make = HTTPServer if mode == "one-by-one" else Server
    make.allow_reuse_port = mode == "forks"
    try:
        server = make((os.environ.get("HOST", "127.0.0.1"), Handler.predictor.port), Handler)
    except OSError as error:
        refuse_start(f"cannot listen: {error}")
    if mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: begin_to_stop(server))
    if mode == "forks":
        share_with_children(server)
    server.serve_forever(poll_interval=0.05)
    server.server_close()


if __name__ == "__main__":
    main()
