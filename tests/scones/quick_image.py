"""A container image that trains nothing, so that a release takes seconds.

Its server starts unless `train` had the hyperparameter `sick`.
"""

import json
import os
import shutil
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

ML = Path(os.environ["SCONES_ML_ROOT"])


def train() -> None:
    shutil.copy(ML / "input/config/hyperparameters.json", ML / "model/model.json")


def evaluate() -> None:
    accuracy = {"value": 1.0, "low": 0.9, "high": 1.0, "n": 1}
    (ML / "processing/output/evaluation/evaluation.json").write_text(json.dumps({"accuracy": accuracy}))


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()


def serve() -> None:
    if "sick" in json.loads((ML / "model/model.json").read_text()):
        sys.exit("not feeling well")
    HTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()


if __name__ == "__main__":
    {"train": train, "evaluate": evaluate, "serve": serve}[sys.argv[1]]()
