import itertools
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest


def test_bytes_go_through_an_endpoint_unchanged(account, name):
    account.serve(name)
    body = bytes(range(256)) * 300
    answer = account.runtime.invoke_endpoint(
        EndpointName=name, Body=body, ContentType="image/png", CustomAttributes="trace=1"
    )
    assert answer["Body"].read() == body
    assert answer["ContentType"] == "image/png"
    assert answer["CustomAttributes"] == "trace=1"
    assert answer["InvokedProductionVariant"] == "AllTraffic"


def test_the_answer_keeps_the_containers_json_type(account, name):
    account.serve(name)
    answer = account.runtime.invoke_endpoint(
        EndpointName=name, Body=b"headers", ContentType="text/csv", Accept="application/json", InferenceId="i-1"
    )
    assert answer["ContentType"] == "application/vnd.toy+json"
    headers = {key.lower(): value for key, value in json.load(answer["Body"]).items()}
    assert headers["content-type"] == "text/csv"
    assert headers["accept"] == "application/json"
    assert headers["x-amzn-sagemaker-inference-id"] == "i-1"
    plain = account.runtime.invoke_endpoint(EndpointName=name, Body=b"{}", ContentType="application/json")
    assert plain["ContentType"] == "application/json"


def test_an_endpoint_serves_the_model_that_was_trained(account, name):
    job = account.train(name, answer="a bicycle")
    account.configure(name, model_data=job["ModelArtifacts"]["S3ModelArtifacts"])
    account.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert account.wait_for_endpoint(name)["EndpointStatus"] == "InService"
    assert account.invoke(name, b"?", Accept="text/plain") == b"a bicycle"


def test_a_containers_refusal_is_a_model_error(account, name):
    account.serve(name)
    with pytest.raises(account.runtime.exceptions.ModelError) as caught:
        account.invoke(name, b"refuse")
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == 400
    assert response["OriginalMessage"] == '{"error": "not an image"}'
    assert f"/aws/sagemaker/Endpoints/{name}" in response["LogStreamArn"]


def test_an_endpoint_that_is_not_there_is_a_validation_error(account, name):
    with pytest.raises(account.runtime.exceptions.ValidationError, match=f"Endpoint {name} of account .* not found"):
        account.invoke(name, b"x")
    with pytest.raises(
        account.sagemaker.exceptions.ClientError, match=r"ValidationException.*Could not find endpoint "
    ):
        account.sagemaker.describe_endpoint(EndpointName=name)


def test_a_body_over_the_limit_is_refused(account, name):
    account.configure(name)
    variant = {"VariantName": "v", "ModelName": name, "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}
    account.sagemaker.create_endpoint_config(EndpointConfigName=f"{name}-s", ProductionVariants=[variant])
    account.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-s")
    assert account.wait_for_endpoint(name)["EndpointStatus"] == "InService"
    assert len(account.invoke(name, bytes(4 * 1024 * 1024))) == 4 * 1024 * 1024
    with pytest.raises(account.runtime.exceptions.ValidationError, match="the limit is 4194304"):
        account.invoke(name, bytes(4 * 1024 * 1024 + 1))


def test_a_container_that_exits_fails_the_endpoint_with_its_last_words(account, name):
    account.configure(name, TOY_BEHAVIOUR="exit")
    account.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    endpoint = account.wait_for_endpoint(name)
    assert endpoint["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in endpoint["FailureReason"]
    assert "no model for you" in endpoint["FailureReason"]
    with pytest.raises(account.runtime.exceptions.ValidationError):
        account.invoke(name, b"x")
    account.sagemaker.delete_endpoint(EndpointName=name)


def test_an_endpoint_in_progress_is_left_alone(account, name):
    account.configure(name, TOY_BEHAVIOUR="unhealthy")
    account.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    with pytest.raises(account.sagemaker.exceptions.ClientError, match="Cannot update in-progress endpoint"):
        account.sagemaker.delete_endpoint(EndpointName=name)


def test_a_process_that_dies_is_a_model_error_and_comes_back(account, name, eventually):
    account.serve(name)
    before = account.invoke(name, b"pid")
    with pytest.raises(account.runtime.exceptions.ModelError):
        account.invoke(name, b"die")

    def is_back():
        try:
            return account.invoke(name, b"pid")
        # Either it is seen to be gone, or the connection still reached it and was broken.
        except (account.runtime.exceptions.ServiceUnavailable, account.runtime.exceptions.ModelError):
            return None

    assert eventually(is_back) != before


def test_deleting_an_endpoint_ends_its_process_and_lets_the_last_invocation_finish(
    account, name, eventually, ended, tmp_path
):
    account.serve(name, TOY_FOLDER=str(tmp_path))
    pid = int(account.invoke(name, b"pid"))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(account.invoke, name, b"wait")
        eventually((tmp_path / "waits").exists)
        account.sagemaker.delete_endpoint(EndpointName=name)
        (tmp_path / "go").touch()
        assert answer.result() == b"wait"
    assert ended(pid)


def test_updates_under_load_fail_no_request(account, name, eventually):
    for answer in ("blue", "green"):
        job = account.train(f"{name}-{answer}", answer=answer)
        account.configure(f"{name}-{answer}", model_data=job["ModelArtifacts"]["S3ModelArtifacts"])
    account.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-blue")
    account.wait_for_endpoint(name)
    answers, is_done = [], threading.Event()

    def load(client):
        for number in itertools.count(client):
            if is_done.is_set():
                break
            # A slow one is often under way while the servers change places.
            body = b"slow" if number % 16 == 0 else b"x"
            answers.append(account.invoke(name, body, Accept="text/plain"))

    def change_places(answer):
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


def test_an_update_that_fails_keeps_the_old_and_says_why(account, name):
    account.serve(name)
    pid = account.invoke(name, b"pid")
    account.configure(f"{name}-bad", TOY_BEHAVIOUR="exit")
    account.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-bad")
    endpoint = account.wait_for_endpoint(name)
    assert endpoint["EndpointStatus"] == "InService"
    assert endpoint["EndpointConfigName"] == name
    assert "no model for you" in endpoint["FailureReason"]
    assert account.invoke(name, b"pid") == pid


def test_model_and_configuration_may_go_while_the_endpoint_serves(account, name):
    account.serve(name)
    account.sagemaker.delete_endpoint_config(EndpointConfigName=name)
    account.sagemaker.delete_model(ModelName=name)
    assert account.invoke(name, b"still here") == b"still here"
    assert name in [found["EndpointName"] for found in account.sagemaker.list_endpoints(NameContains=name)["Endpoints"]]


def test_variants_share_the_traffic_and_can_be_chosen(account, name):
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


@pytest.mark.parametrize("size", [1500, 2000])
def test_serverless_memory_comes_in_steps(account, name, size):
    account.configure(name)
    variant = {"VariantName": "v", "ModelName": name, "ServerlessConfig": {"MemorySizeInMB": size, "MaxConcurrency": 1}}
    with pytest.raises(account.sagemaker.exceptions.ClientError, match="not a multiple of 1024"):
        account.sagemaker.create_endpoint_config(EndpointConfigName=f"{name}-s", ProductionVariants=[variant])
