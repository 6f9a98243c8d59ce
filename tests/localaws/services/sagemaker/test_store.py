"""Records by account, region and name."""

from __future__ import annotations

import pytest
from ministack.core.responses import request_scope

from localaws.services.sagemaker import store
from localaws.wire import ValidationException


def test_a_record_is_found_by_name_and_by_arn(name: str) -> None:
    arn = store.arn("model", name)
    store.MODELS[name] = {"_Arn": arn}
    assert store.find(store.MODELS, name, ValidationException("missing")) == {"_Arn": arn}
    assert store.name_of(store.MODELS, arn) == name
    assert store.exists(arn)
    del store.MODELS[name]
    assert not store.exists(arn)
    with pytest.raises(ValidationException, match="missing"):
        store.find(store.MODELS, name, ValidationException("missing"))


def test_an_arn_has_the_region_of_the_request_and_a_lower_case_name() -> None:
    with request_scope("123456789012", "eu-west-1"):
        assert store.arn("model", "My-Model") == "arn:aws:sagemaker:eu-west-1:123456789012:model/my-model"


def test_a_change_replaces_the_record_and_leaves_old_snapshots_alone(name: str) -> None:
    before = {"_Arn": "arn", "Status": "Creating"}
    store.MODELS[name] = before
    store.change(store.MODELS, name, Status="InService")
    assert store.MODELS[name]["Status"] == "InService"
    assert store.MODELS[name]["LastModifiedTime"] > 0
    assert before == {"_Arn": "arn", "Status": "Creating"}
    del store.MODELS[name]


def test_a_change_of_a_deleted_record_does_nothing(name: str) -> None:
    store.change(store.MODELS, name, Status="InService")
    assert name not in store.MODELS
