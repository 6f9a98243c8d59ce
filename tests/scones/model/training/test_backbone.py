import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scones.errors import HyperparameterError
from scones.model.training import backbone
from scones.model.training.network import Network


def test_saved_weights_are_loaded_to_half_precision(tmp_path: Path) -> None:
    torch.manual_seed(0)
    source = Network(5, 2)
    target = Network(3, 2)
    backbone.save(source, tmp_path / "weights.npz")
    backbone.load(target, tmp_path / "weights.npz")
    images = torch.randn(4, 3, 16, 16)
    torch.testing.assert_close(target.eval().features(images), source.eval().features(images), atol=1e-2, rtol=1e-2)


def test_weights_of_another_width_are_rejected(tmp_path: Path) -> None:
    backbone.save(Network(2, 2), tmp_path / "weights.npz")
    with pytest.raises(HyperparameterError, match="cannot be used"):
        backbone.load(Network(2, 3), tmp_path / "weights.npz")


def test_a_file_without_a_layer_is_rejected(tmp_path: Path) -> None:
    np.savez(tmp_path / "weights.npz", other=np.zeros(3))
    with pytest.raises(HyperparameterError, match=r"lacks 0\.weight"):
        backbone.load(Network(2, 2), tmp_path / "weights.npz")


def test_pickled_objects_are_rejected(tmp_path: Path) -> None:
    np.savez(tmp_path / "weights.npz", **{"0.weight": np.array([{}])})
    with pytest.raises(HyperparameterError, match="cannot be used"):
        backbone.load(Network(2, 2), tmp_path / "weights.npz")


@given(st.binary(max_size=200))
def test_a_file_that_is_not_npz_is_rejected(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("backbone") / "weights.npz"
    path.write_bytes(content)
    with pytest.raises(HyperparameterError, match="cannot be used"):
        backbone.load(Network(2, 1), path)


def test_the_bundled_weights_fit_the_network_and_match_the_model_card() -> None:
    backbone.load(Network(2), backbone.DEFAULT)
    assert backbone.DEFAULT.stat().st_size <= 4_000_000
    digest = hashlib.sha256(backbone.DEFAULT.read_bytes()).hexdigest()
    assert digest in backbone.DEFAULT.with_name("README.md").read_text()
