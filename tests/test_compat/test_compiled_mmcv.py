"""Beside a compiled mmcv: it is left alone, and computes what ours does."""

from __future__ import annotations

import importlib
from importlib.machinery import EXTENSION_SUFFIXES

import pytest
import torch

pytest.importorskip('torchvision')
mmcv_ext = pytest.importorskip('mmcv._ext')
from tests.support.op_cases import OPS  # noqa: E402
from uniformer_mm.compat import mmcv_ext as ours  # noqa: E402

pytestmark = pytest.mark.skipif(
    not str(mmcv_ext.__file__).endswith(tuple(EXTENSION_SUFFIXES)),
    reason='mmcv is not compiled',
)


def test_the_compiled_module_is_the_one_that_is_used() -> None:
    module = importlib.import_module('mmcv.ops.nms').ext_module
    assert module is mmcv_ext
    for name in ours.__all__:
        assert getattr(module, name) is not getattr(ours, name)


@pytest.mark.parametrize('name', list(OPS))
def test_both_compute_the_same(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    op = OPS[name]
    try:
        expected = op.run()
    except RuntimeError as error:
        if 'implementation for device cpu' not in str(error):
            raise
        pytest.skip('compiled for CUDA alone')
    for function in op.supplied:
        monkeypatch.setattr(mmcv_ext, function, getattr(ours, function))
    got = op.run()
    assert len(got) == len(expected)
    for mine, theirs in zip(got, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)
