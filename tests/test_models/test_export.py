"""Models of every kind as graphs of torch and as ONNX files."""

from __future__ import annotations

import io
from typing import Any

import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from tests.support.models import KINDS, TINY, random_input
from tests.support.small import relative_error, small
from uniformer_mm import deploy

# Name: kind of model and changes of it. The stage with windows is 4 x 4.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    **{kind: (kind, {}) for kind in KINDS if kind != 'image'},
    'global': ('image', {'attention': 'global'}),
    'window 3': ('image', {'attention': 'window', 'window_size': 3}),
    'window 14': ('image', {'attention': 'window', 'window_size': 14}),
    # The fourth block of stage 3 is the global one.
    'hybrid 3': ('image', {'arch': TINY, 'window_size': 3}),
    'hybrid 14': ('image', {'arch': TINY, 'window_size': 14}),
}
every_case = pytest.mark.parametrize('case', list(CASES))
both_forms = pytest.mark.parametrize('deployed', [False, True])
TOLERANCE = 1e-4
# Checks of the input are of the one that is traced.
pytestmark = pytest.mark.filterwarnings('ignore::torch.jit.TracerWarning')


def given(case: str, deployed: bool = False) -> tuple[Any, Tensor]:
    kind, changes = CASES[case]
    model, x = small(kind, **changes), random_input(kind, 1, 64, 64)
    return (deploy(model) if deployed else model), x


def outputs(model: nn.Module, x: Tensor) -> list[Tensor]:
    with torch.no_grad():
        return list(model(x))


def written(model: nn.Module, x: Tensor, **settings: Any) -> bytes:
    """The ONNX file that the exporter based on TorchScript writes."""
    file = io.BytesIO()
    torch.onnx.export(
        model,
        (x,),
        file,
        dynamo=False,
        opset_version=17,
        input_names=['x'],
        **settings,
    )
    return file.getvalue()


def read_and_run(file: bytes, x: Tensor) -> list[Tensor]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        file, options, providers=['CPUExecutionProvider']
    )
    return [torch.from_numpy(y) for y in session.run(None, {'x': x.numpy()})]


@every_case
@both_forms
def test_onnxruntime_gives_the_same(case: str, deployed: bool) -> None:
    model, x = given(case, deployed)
    expected = outputs(model, x)
    file = written(model, x)
    onnx.checker.check_model(onnx.load_from_string(file), full_check=True)
    assert relative_error(read_and_run(file, x), expected) <= TOLERANCE
    # The graph computes with its input, whatever it was traced with.
    other = x.flip(-1) * 0.5
    expected = outputs(model, other)
    assert relative_error(read_and_run(file, other), expected) <= TOLERANCE


@every_case
def test_onnx_files_take_batches_of_any_size(case: str) -> None:
    model, x = given(case)
    file = written(model, x, dynamic_axes={'x': {0: 'n'}})
    kind, _ = CASES[case]
    batch = random_input(kind, 3, 64, 64)
    expected = outputs(model, batch)
    assert relative_error(read_and_run(file, batch), expected) <= TOLERANCE


@pytest.mark.parametrize('case', ['global', 'conv_stem', 'layer_scale'])
def test_onnx_files_of_global_attention_take_images_of_any_size(
    case: str,
) -> None:
    model, x = given(case)
    names = {2: 'h', 3: 'w'}
    file = written(model, x, dynamic_axes={'x': names})
    larger = random_input(CASES[case][0], 1, 96, 128)
    expected = outputs(model, larger)
    assert relative_error(read_and_run(file, larger), expected) <= TOLERANCE


def test_exporting_changes_nothing() -> None:
    model, x = given('window 3')
    expected = outputs(model, x)
    written(model, x)
    torch.export.export(model, (x,))
    assert not model.training
    torch.testing.assert_close(outputs(model, x), expected, rtol=0, atol=0)


@every_case
@pytest.mark.parametrize('strict', [False, True])
def test_exported_programs_give_the_same(case: str, strict: bool) -> None:
    torch._dynamo.reset()
    model, x = given(case)
    program = torch.export.export(model, (x,), strict=strict)
    for image in (x, x.flip(-1) * 0.5):
        got = outputs(program.module(), image)
        assert relative_error(got, outputs(model, image)) <= TOLERANCE


@pytest.mark.parametrize('case', ['window 3', 'video', 'light'])
@pytest.mark.parametrize('strict', [False, True])
def test_deployed_models_are_exported(case: str, strict: bool) -> None:
    torch._dynamo.reset()
    model, x = given(case, deployed=True)
    program = torch.export.export(model, (x,), strict=strict)
    got = outputs(program.module(), x)
    assert relative_error(got, outputs(model, x)) <= TOLERANCE


@every_case
def test_traced_models_give_the_same(case: str) -> None:
    model, x = given(case)
    traced = torch.jit.trace(model, x)
    got = outputs(traced, x.flip(-1))
    assert relative_error(got, outputs(model, x.flip(-1))) <= TOLERANCE
