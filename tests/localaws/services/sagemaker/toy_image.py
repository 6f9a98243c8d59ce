"""A tiny image for tests: `train`, `evaluate` and `serve` under SageMaker's container contract, on the stdlib alone.

What `train` does is said by its hyperparameter `behaviour`, what `serve` does by the variable TOY_BEHAVIOUR and the
model's `answer.txt`, what `evaluate` does by its first argument.
"""

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ML = Path(os.environ.get("TOY_ML_ROOT", "/opt/ml"))


def train() -> None:
    hyperparameters = json.loads((ML / "input/config/hyperparameters.json").read_text())
    behaviour = hyperparameters.get("behaviour", "succeed")
    print("loss=0.5", flush=True)
    if behaviour == "crash":
        (ML / "output/failure").write_text("the learning rate is a fish")
        sys.exit(3)
    if behaviour == "die":
        sys.exit("last words")
    if behaviour in ("hang", "stubborn"):
        if behaviour == "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        (ML / "model/partial.txt").write_text("so far")
        print("hanging", flush=True)
        time.sleep(600)
    print("loss=0.25\nnothing to see", flush=True)
    seen = {
        "hyperparameters": hyperparameters,
        "files": sorted(path.relative_to(ML).as_posix() for path in (ML / "input").rglob("*") if path.is_file()),
        "environment": dict(os.environ),
        "resourceconfig": json.loads((ML / "input/config/resourceconfig.json").read_text()),
        "inputdataconfig": json.loads((ML / "input/config/inputdataconfig.json").read_text()),
    }
    (ML / "model/seen.json").write_text(json.dumps(seen))
    (ML / "model/answer.txt").write_text(hyperparameters.get("answer", "trained"))
    (ML / "output/data/curve.txt").write_text("0.5 0.25")
    for checkpoint in list((ML / "checkpoints").iterdir()):
        checkpoint.with_name(f"after-{checkpoint.name}").write_text("next")


def evaluate(behaviour: str = "succeed") -> None:
    (ML / "output/message").write_text("looked at everything")
    if behaviour == "crash":
        sys.exit(4)
    if behaviour == "hang":
        time.sleep(600)
    config = json.loads((ML / "config/processingjobconfig.json").read_text())
    inputs = sorted(path.name for path in (ML / "processing/input").rglob("*") if path.is_file())
    report = {"inputs": inputs, "job": config["ProcessingJobName"], "name": os.environ["PROCESSING_JOB_NAME"]}
    (ML / "processing/output/report.json").write_text(json.dumps(report))


_met, _meeting = threading.Barrier(2, timeout=60), []


def meet() -> int:
    """Waits for a second request that does the same; gives how many do at that time."""
    _meeting.append(None)
    _met.wait()
    count = len(_meeting)
    _met.wait()
    _meeting.pop()
    return count


def linger(body: bytes) -> None:
    """Takes a while; `wait` tells that it has come in, and ends when somebody says `go`."""
    if body != b"wait":
        return time.sleep(0.5 if body == b"slow" else 600)
    folder = Path(os.environ["TOY_FOLDER"])
    (folder / "waits").touch()
    while not (folder / "go").exists():
        time.sleep(0.01)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        self.answer(503 if os.environ.get("TOY_BEHAVIOUR") == "unhealthy" else 200, b"", "text/plain")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body == b"die":
            os._exit(9)
        if body == b"refuse":
            return self.answer(400, b'{"error": "not an image"}', "application/json")
        if body == b"pid":
            return self.answer(200, str(os.getpid()).encode(), "text/plain")
        if body == b"break":
            return self.answer(500, b"the toy is broken", "text/plain")
        if body in (b"slow", b"hang", b"wait"):
            linger(body)
        if body == b"meet":
            return self.answer(200, str(meet()).encode(), "text/plain")
        if body == b"environment":
            return self.answer(200, json.dumps(dict(os.environ)).encode(), "application/json")
        if body == b"headers":
            return self.answer(200, json.dumps(dict(self.headers)).encode(), "application/vnd.toy+json")
        if self.headers.get("Accept") == "text/plain":
            return self.answer(200, (ML / "model/answer.txt").read_bytes(), "text/plain")
        return self.answer(200, body, self.headers.get("Content-Type", ""))

    def answer(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header(
            "X-Amzn-SageMaker-Custom-Attributes", self.headers.get("X-Amzn-SageMaker-Custom-Attributes", "")
        )
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    # As many as may connect at once; the library's own five are soon refused.
    request_queue_size = 128


def serve() -> None:
    print("loading", flush=True)
    if os.environ.get("TOY_BEHAVIOUR") == "exit":
        sys.exit("no model for you")
    Server(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()


if __name__ == "__main__":
    {"train": train, "evaluate": evaluate, "serve": serve}[sys.argv[1]](*sys.argv[2:])
