"""Deployments, updates and traffic between variants."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest


def test_a_deleted_endpoint_finishes_its_last_invocation(
    account: Any, name: str, eventually: Callable[..., Any], ended: Callable[[int], bool], tmp_path: Path
) -> None:
    account.serve(name, TOY_FOLDER=str(tmp_path))
    pid = int(account.invoke(name, b"pid"))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(account.invoke, name, b"wait")
        eventually((tmp_path / "waits").exists)
        account.sagemaker.delete_endpoint(EndpointName=name)
        (tmp_path / "go").touch()
        assert answer.result() == b"wait"
    assert ended(pid)


def test_updates_under_load_fail_no_request(account: Any, name: str, eventually: Callable[..., Any]) -> None:
    for answer in ("blue", "green"):
        job = account.train(f"{name}-{answer}", answer=answer)
        account.configure(f"{name}-{answer}", model_data=job["ModelArtifacts"]["S3ModelArtifacts"])
    account.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-blue")
    account.wait_for_endpoint(name)
    answers, is_done = [], threading.Event()

    def load(client: int) -> None:
        for number in itertools.count(client):
            if is_done.is_set():
                break
            # A slow one is often under way while the servers change places.
            body = b"slow" if number % 16 == 0 else b"x"
            answers.append(account.invoke(name, body, Accept="text/plain"))

    def change_places(answer: str) -> None:
        account.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-{answer}")
        assert account.wait_for_endpoint(name)["EndpointConfigName"] == f"{name}-{answer}"
        eventually(lambda: answers[-1] == answer.encode())

    with ThreadPoolExecutor(32) as pool:
        clients = [pool.submit(load, client) for client in range(32)]
        try:
            eventually(lambda: answers)
            for answer in ("green", "blue", "green"):
                change_places(answer)
        finally:
            is_done.set()
        for client in clients:
            client.result()
    assert set(answers) == {b"blue", b"green"}
    assert account.invoke(name, b"x", Accept="text/plain") == b"green"


def test_a_failed_update_keeps_the_old_containers_and_has_a_reason(account: Any, name: str) -> None:
    account.serve(name)
    pid = account.invoke(name, b"pid")
    account.configure(f"{name}-bad", TOY_BEHAVIOUR="exit")
    account.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-bad")
    endpoint = account.wait_for_endpoint(name)
    assert endpoint["EndpointStatus"] == "InService"
    assert endpoint["EndpointConfigName"] == name
    assert "no model for you" in endpoint["FailureReason"]
    assert account.invoke(name, b"pid") == pid


def test_variants_share_the_traffic_and_can_be_chosen(account: Any, name: str) -> None:
    account.configure(name)
    variants = [
        {"VariantName": variant, "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        for variant in ("a", "b")
    ]
    variants[1]["InitialVariantWeight"] = 0
    account.sagemaker.create_endpoint_config(EndpointConfigName=f"{name}-2", ProductionVariants=variants)
    account.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-2")
    account.wait_for_endpoint(name)
    answers = [account.runtime.invoke_endpoint(EndpointName=name, Body=b"x") for _ in range(5)]
    assert {answer["InvokedProductionVariant"] for answer in answers} == {"a"}
    chosen = account.runtime.invoke_endpoint(EndpointName=name, Body=b"x", TargetVariant="b")
    assert chosen["InvokedProductionVariant"] == "b"
    with pytest.raises(account.runtime.exceptions.ValidationError, match="Variant c is not found"):
        account.runtime.invoke_endpoint(EndpointName=name, Body=b"x", TargetVariant="c")
