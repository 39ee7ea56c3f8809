"""Model cards of the Hugging Face hub, from the catalogue and our tables.

No number is written here: what the paper reports comes from the tables beside
the configs, what the model is from its weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from uniformer_mm.configs import paper_results
from uniformer_mm.models import ArchSpec
from uniformer_mm.weights.identity import Identity, describe
from uniformer_mm.weights.zoo import ZooEntry

__all__ = ['Described', 'card_data', 'card_text']

PAPER = (
    'UniFormer: Unifying Convolution and Self-attention for Visual Recognition'
)
PAPER_URL = 'https://arxiv.org/abs/2201.09450'
CODE_URL = 'https://github.com/Sense-X/UniFormer'
# Task of the catalogue -> that of the hub.
TASKS = {
    'backbone': 'image-classification',
    'segmentation': 'image-segmentation',
    'action': 'video-classification',
}
USE = """\
```python
from {module} import {name}

model = {name}.from_pretrained('hf-hub:{repo_id}')
```
"""


@dataclass(frozen=True)
class Described:
    """What a card tells of.

    Attributes:
        class_name (str): Of the model.
        identity (Identity): What its weights are.
        spec (ArchSpec): Of its backbone.
        entry (ZooEntry | None): The published file that its weights are.
        licence (str | None): Of the weights, where nobody else published
            them.
    """

    class_name: str
    identity: Identity
    spec: ArchSpec
    entry: ZooEntry | None
    licence: str | None

    @property
    def results(self) -> list[dict[str, str]]:
        """What the paper reports, see ``configs.paper_results``.

        Of the published file; else of image classifiers of this architecture,
        if it is one or their backbone.
        """
        if self.entry:
            return paper_results(names=[self.entry.name])
        if self.identity.ndim == 3 or self.identity.kind == 'segmentor':
            return []
        return paper_results(arch=next(iter(self.identity.archs), None))

    @property
    def licence_id(self) -> str | None:
        """The licence that is stated for the weights."""
        if self.entry:
            return self.entry.license.lower() or None
        return self.licence


def card_data(model: Described, hub: Any, repo_id: str) -> str:
    """Return the metadata of a card as YAML.

    Args:
        model: What it is of.
        hub: The module ``huggingface_hub``.
        repo_id: OWNER/NAME.
    """
    kind = model.identity.kind
    task = None
    if kind == 'segmentor':
        task = 'image-segmentation'
    elif kind == 'classifier':
        video = model.identity.ndim == 3
        task = 'video-classification' if video else 'image-classification'
    elif model.identity.ndim == 2:
        task = 'image-feature-extraction'
    results = [
        hub.EvalResult(
            task_type=TASKS[model.entry.task],
            dataset_type=row['dataset'].lower(),
            dataset_name=row['dataset'],
            metric_type=row['metric'].lower().replace(' ', '-'),
            metric_name=row['metric'],
            metric_value=float(row['value']),
            source_name='The paper',
            source_url=PAPER_URL,
        )
        for row in model.results
        # Not what the same weights reach with other settings.
        if model.entry and row['model'] == model.results[0]['model']
    ]
    data = hub.ModelCardData(
        license=model.licence_id,
        library_name='uniformer_mm',
        pipeline_tag=task,
        tags=['uniformer', 'arxiv:2201.09450'],
        model_name=repo_id.rpartition('/')[2] if results else None,
        eval_results=results or None,
    )
    text: str = data.to_yaml()
    return text


def card_text(model: Described, repo_id: str) -> str:
    """Return the text of a card as Markdown.

    Args:
        model: What it is of.
        repo_id: OWNER/NAME.
    """
    segments = model.identity.kind == 'segmentor'
    what = describe(model.identity)
    origin = (
        f'Weights: `{model.entry.name}`, published at {model.entry.source}.'
        if model.entry
        else 'The weights are not among those that the authors published.'
    )
    use = USE.format(
        module='uniformer_mm.portable' if segments else 'uniformer_mm',
        name=model.class_name,
        repo_id=repo_id,
    )
    return '\n'.join(
        [
            f'# {repo_id.rpartition("/")[2]}',
            '',
            f'{what[0].upper()}{what[1:]}; head_dim {model.spec.head_dim}.',
            '',
            f'{origin} [{PAPER}]({PAPER_URL}), [code of the authors]'
            f'({CODE_URL}).',
            '',
            use,
            *_results(model),
            '## Licence',
            '',
            _licence(model),
            '',
        ]
    )


def _results(model: Described) -> list[str]:
    rows = model.results
    if not rows:
        return []
    intro = (
        'As the paper reports for these weights:'
        if model.entry
        else 'The paper reports for its own weights of this architecture, not '
        'for these:'
    )
    lines = [
        f'| {row["model"]} | {row["dataset"]} | {row["metric"]} '
        f'| {row["value"]} |'
        for row in rows
    ]
    head = ['| model | dataset | metric | value |', '| - | - | - | - |']
    return ['## Results', '', intro, '', *head, *lines, '']


def _licence(model: Described) -> str:
    if model.licence_id:
        return f'Of the weights: {model.licence_id}.'
    if model.entry:
        return (
            f'None is stated for the weights where they were published '
            f'({model.entry.source}).'
        )
    return 'None is stated for the weights.'
