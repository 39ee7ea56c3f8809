"""What a training has logged, as curves: MMEngine's ``scalars.json``."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ['Curve', 'TrainingLog', 'read_log']

NOT_MEASURED = {'data_time', 'epoch', 'iter', 'step', 'time'}
"""Keys of a line that are no curve by default, or say where it belongs."""


@dataclass(frozen=True)
class Curve:
    """One quantity.

    Attributes:
        steps: Iterations; of a metric iterations or epochs, whatever the
            training counts.
        values: As many; NaN and infinite ones too.
        of_training: Whether the training logged it, not a validation.
    """

    steps: tuple[int, ...]
    values: tuple[float, ...]
    of_training: bool

    @property
    def finite(self) -> tuple[float, ...]:
        """The values that can be drawn."""
        return tuple(value for value in self.values if math.isfinite(value))


@dataclass(frozen=True)
class TrainingLog:
    """The curves of one work dir, by MMEngine's keys, in logged order."""

    name: str
    curves: dict[str, Curve]

    def main_keys(self) -> list[str]:
        """Keys of what one looks at first: loss, metrics, rates, memory.

        Of metrics these are the first one, and others that stand for a whole
        as it does: ``coco/segm_mAP`` beside ``coco/bbox_mAP``.
        """
        metrics = [k for k, c in self.curves.items() if not c.of_training]
        ends = [key.rpartition('_')[2] for key in metrics[:1]]
        chosen = [k for k in metrics if k.rpartition('_')[2] in ends]
        keys = ['loss', *chosen, 'lr', 'grad_norm', 'memory']
        return [key for key in keys if key in self.curves]


def read_log(work_dir: Path) -> TrainingLog:
    """Read all that was logged into a work dir, resumed trainings as one.

    What a resumed training has done again replaces what was logged before.

    Args:
        work_dir: ``--work-dir`` of ``mim train``, or a folder in it.

    Raises:
        FileNotFoundError: There is no ``vis_data/scalars.json`` below it.
        ValueError: A line of a file is no log line of MMEngine.
    """
    files = sorted(work_dir.glob('**/vis_data/scalars.json'))
    if not files:
        raise FileNotFoundError(
            f'{work_dir}: no training was logged there; it must be the work '
            'dir of a training, with */vis_data/scalars.json in it'
        )
    points: dict[str, dict[int, float]] = {}
    of_training: dict[str, bool] = {}
    for file in files:
        lines = _lines(file)
        for trained in (True, False):
            starts = [n['step'] for n in lines if ('iter' in n) is trained]
            known = [k for k, was in of_training.items() if was is trained]
            for key in known if starts else ():
                points[key] = {
                    step: value
                    for step, value in points[key].items()
                    if step < starts[0]
                }
        for line in lines:
            for key, value in line.items():
                if key in NOT_MEASURED:
                    continue
                of_training.setdefault(key, 'iter' in line)
                points.setdefault(key, {})[line['step']] = float(value)
    return TrainingLog(
        work_dir.resolve().name,
        {
            key: Curve(tuple(found), tuple(found.values()), of_training[key])
            for key, found in points.items()
        },
    )


def _lines(file: Path) -> list[dict[str, Any]]:
    texts = file.read_text(encoding='utf-8').splitlines()
    lines = []
    for number, text in enumerate(texts, start=1):
        try:
            line = json.loads(text)
            # MMEngine's words for what is not a number are left out.
            numbers = {
                key: value
                for key, value in line.items()
                if isinstance(value, (int, float))
            }
            numbers['step'] = int(line['step'])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            if number == len(texts) and isinstance(error, ValueError):
                break  # the training was killed while it wrote
            raise ValueError(
                f'{file}, line {number}: no log line of MMEngine, got '
                f'{text[:80]!r}'
            ) from error
        lines.append(numbers)
    return lines
