"""A config for a folder of data, and beside it what the host reads."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from uniformer_mm.checks import check_choice, check_number
from uniformer_mm.hosts import TASK_HOSTS
from uniformer_mm.own_data.fill import FILL
from uniformer_mm.own_data.template import fill_template

__all__ = ['Written', 'write_config']


@dataclass(frozen=True)
class Written:
    """What was found, and what was written for it.

    Attributes:
        config: The file to train with.
        host: Module of the host.
        summary: What the folder holds, in a line.
        notes: What a user should know of it.
    """

    config: Path
    host: str
    summary: str
    notes: list[str]


def write_config(
    task: str,
    root: Path,
    out: Path,
    *,
    val_share: float = 0.1,
    seed: int = 0,
) -> Written:
    """Write a config for the data in a folder; that folder is not changed.

    What the host can't read as it is, is written into a folder beside the
    config, ``OUT_data`` for ``OUT.py``. An error leaves nothing.

    Args:
        task: 'detection', 'segmentation', 'pose', 'action' or
            'classification'.
        root: The folder, with all below it.
        out: The config, ending in .py.
        val_share: Part of the samples that validates, where the folder has
            no split of its own; in (0, 1).
        seed: Another one draws others.

    Raises:
        FileExistsError: The config, or the folder beside it, is there.
        FileNotFoundError: There is no such folder.
        TypeError, ValueError: An argument breaks its rule; or the data can't
            be trained on, and why.
    """
    check_choice('task', task, TASK_HOSTS)
    check_number('val_share', val_share)
    if not 0 < val_share < 1:
        raise ValueError(f'val_share must lie in (0, 1), got {val_share}')
    if out.suffix != '.py':
        raise ValueError(f'out must end in .py, got {out}')
    root = root.expanduser().resolve()
    if not root.is_dir():
        raise FileNotFoundError(f'no folder {root}')
    out = out.expanduser().resolve()
    folder = out.with_name(f'{out.stem}_data')
    if folder == root:
        raise FileExistsError(
            f'{root} has your data, and what is written for {out.name} would '
            'have that name; name another --out'
        )
    for path in (out, folder):
        if path.exists():
            raise FileExistsError(f'{path} is there; name another --out')
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f'.{out.stem}-', dir=out.parent))
    draft.chmod(0o755)  # mkdtemp's 0o700 would shut other users out
    try:
        filled = FILL[task](root, draft, val_share, seed)
        values = {'data_root': f'{folder.as_posix()}/', **filled.values}
        title = f'{filled.summary}, in {root.as_posix()}.'
        text = fill_template(filled.template, values, title)
        draft.rename(folder)
        out.write_text(text, encoding='utf-8')
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return Written(out, TASK_HOSTS[task], filled.summary, filled.notes)
