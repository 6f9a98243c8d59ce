"""A container image whose server answers JSON lines: an image `bad` with an error, `poison...` with status 500.

An image `after PATH` is answered once that file exists.
"""

import base64
import json
import os
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

ANSWER = {
    "labels": ["bicycle", "motorcycle"],
    "label": "bicycle",
    "probabilities": [0.75, 0.25],
    "decision": "accept",
    "thresholds": [0.5, 0.5],
    "certificates": [],
    "novelty": 0.5,
    "novelty_cut": 1.0,
    "model": "lines",
}


def wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(0.02)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(200, b"")

    def do_POST(self) -> None:
        lines = [json.loads(line) for line in self.rfile.read(int(self.headers["Content-Length"])).splitlines()]
        images = {line["id"]: base64.b64decode(line["image"]) for line in lines}
        if any(image.startswith(b"poison") for image in images.values()):
            return self.answer(500, b"poisoned")
        for image in images.values():
            if image.startswith(b"after "):
                wait_for(Path(image.removeprefix(b"after ").decode()))
        if self.headers["Content-Type"] != "application/jsonlines" or self.headers["Accept"] != "application/jsonlines":
            return self.answer(415, b"lines only")
        bad = {"error": "ImageRejectedError", "message": "it is bad"}
        answers = [{"id": name, **(bad if image == b"bad" else ANSWER)} for name, image in images.items()]
        return self.answer(200, "".join(f"{json.dumps(answer)}\n" for answer in answers).encode())

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
