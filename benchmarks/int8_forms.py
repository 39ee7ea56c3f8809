"""A detector and its backbone in several runtimes and precisions."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import Runner
from torch import Tensor

from benchmarks.cases import OURS, Case
from uniformer_mm import deploy, export, load
from uniformer_mm.configs import find_config
from uniformer_mm.exporting.inputs import pictures_of
from uniformer_mm.runtimes import SUFFIXES, open_session

__all__ = ['FORMS', 'PT2E', 'Detector', 'Form', 'Outputs']

CONFIG = 'detection/uniformer_maskrcnn_toy'
DATA = Path('data/toy')  # as the config has it
CALIBRATING, COMPARED = 32, 8  # pictures
Form = tuple[str, str]
Outputs = Callable[[Tensor], Sequence[Tensor]]
PT2E: Form = ('torch', 'int8')

FORMS: tuple[Form, ...] = (
    ('torch', 'fp32'),
    ('torch', 'bf16'),
    PT2E,
    ('onnx', 'fp32'),
    ('onnx', 'int8'),
    ('openvino', 'fp32'),
    ('openvino', 'bf16'),
    ('openvino', 'int8'),
)
"""Runtime and precision; torch's fp32, which all are compared with, first."""


class Detector:
    """The trained detector of quickstart.sh.

    Args:
        checkpoint: Its weights.
        files: Folder of exported files; those that are there are used.
    """

    def __init__(self, checkpoint: Path, files: Path) -> None:
        self.checkpoint = checkpoint
        self.files = files
        files.mkdir(parents=True, exist_ok=True)
        self.config = Config.fromfile(find_config(CONFIG))
        self.training = sorted(map(str, (DATA / 'train').iterdir()))

    def pictures(self, case: Case) -> list[Tensor]:
        """Pictures it was not trained on, (N, 3, H, W) each, of the case."""
        return self._inputs(case, sorted((DATA / 'val').iterdir())[:COMPARED])

    def forms(
        self, case: Case, forms: Sequence[Form] = FORMS
    ) -> Mapping[Form, Outputs]:
        """Return its backbone in each form."""
        return {
            form: self._torch(case, form[1])
            if form[0] == 'torch'
            else self._exported(case, form)
            for form in forms
        }

    def metrics(self, form: Form) -> dict[str, float]:
        """Evaluate the whole detector on the test split, by its metric."""
        runtime, precision = form
        weights = self.checkpoint
        if runtime != 'torch':
            weights = self._file('detector', self.config, form)
        host = load('detection', weights=weights, device='cpu').host
        model: Any = host.model
        if runtime == 'torch':
            deploy(model, dtype=_dtype(precision))
        config = self.config
        loader = {**config.test_dataloader, 'num_workers': 0}
        loader['persistent_workers'] = False
        with tempfile.TemporaryDirectory() as folder:
            runner = Runner(
                model,
                folder,
                test_dataloader=loader,
                test_evaluator=config.test_evaluator,
                test_cfg=config.test_cfg,
                default_scope='mmdet',
                experiment_name='-'.join(form),
                log_level='ERROR',
            )
            return runner.test()

    def _inputs(self, case: Case, paths: Sequence[Any]) -> list[Tensor]:
        found = pictures_of(
            self._load(case), list(map(str, paths)), case.shape
        )
        starts = range(0, len(found), case.batch)
        return [torch.cat(found[i : i + case.batch]) for i in starts]

    def _load(self, case: Case) -> Any:
        config = self._config(case)
        weights = self.checkpoint
        return load('detection', config=config, weights=weights, device='cpu')

    def _config(self, case: Case) -> Config:
        config = copy.deepcopy(self.config)
        attention = OURS[case.model].get('attention', 'global')
        config.model.backbone.attention = attention
        return config

    def _torch(self, case: Case, precision: str) -> Outputs:
        backbone: Any = self._load(case).module.backbone
        deploy(backbone, dtype=_dtype(precision))
        if precision != 'int8':
            return backbone
        return _pt2e(backbone, self._inputs(case, self.training[:CALIBRATING]))

    def _exported(self, case: Case, form: Form) -> Outputs:
        path = self._file(
            f'{case.model}-{case.shape_name}',
            self._config(case),
            form,
            backbone=True,
            size=case.shape,
            fixed_size=True,
        )
        session = open_session(path)
        return lambda x: list(session(x).values())

    def _file(
        self, name: str, config: Config, form: Form, **settings: Any
    ) -> Path:
        runtime, precision = form
        path = self.files / f'{name}-{precision}{SUFFIXES[runtime]}'
        if not path.is_file():
            export(
                config,
                self.checkpoint,
                format=runtime,
                out=path,
                precision=precision,
                pictures=self.training[:CALIBRATING],
                **settings,
            )
        return path


def _dtype(precision: str) -> torch.dtype | None:
    return torch.bfloat16 if precision == 'bf16' else None


def _pt2e(backbone: Any, pictures: Sequence[Tensor]) -> Outputs:
    """Quantise as torch's own way for x86 has it, and compile."""
    from torch._inductor import config
    from torchao.quantization.pt2e import quantize_pt2e
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer

    quantizer = x86_inductor_quantizer.X86InductorQuantizer()
    quantizer.set_global(
        x86_inductor_quantizer.get_default_x86_inductor_quantization_config()
    )
    with torch.no_grad():
        program = torch.export.export(backbone, (pictures[0],))
        model: Any = quantize_pt2e.prepare_pt2e(program.module(), quantizer)
        for picture in pictures:
            model(picture)
        model = torch.compile(quantize_pt2e.convert_pt2e(model))
        with config.patch(freezing=True):
            model(pictures[0])
    return model
