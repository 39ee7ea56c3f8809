"""Known breakages of an OpenMMLab stack, as data.

``KNOWN`` holds what is known to go wrong between the last OpenMMLab releases
(mmengine 0.10.7, mmdet 3.3.0, mmsegmentation 1.2.2, mmpose 1.3.2, mmaction2
1.2.0, openmim 0.3.9) and newer releases of their dependencies, each with its
fix. The checks are pure functions of :class:`Facts`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from uniformer_mm.doctor.facts import AUTOLOAD, UNCHECKED_LOAD, Facts
from uniformer_mm_autoload import ENV_SWITCH

__all__ = ['KNOWN', 'Breakage', 'release', 'why_off']

MMCV_NAMES = {'mmcv', 'mmcv-lite', 'mmcv-full'}
"""Distributions that bring the module ``mmcv``."""

MISSING = (
    r"No module named '(mmcv\._ext|mmaction\.models\.localizers\.drn"
    '|xtcocotools)'
)
OTHER_TORCH = 'torchvision::|torchvision (were compiled|release that matches)'


@dataclass(frozen=True)
class Breakage:
    """One known breakage.

    Attributes:
        name: What it is about, as the report calls it.
        advice: The sentence with the fix. ``{reason}`` and ``{remedy}`` are
            filled in from :func:`why_off`, ``{torch}`` is torch's version.
        symptom: Regular expression of the errors that it explains.
        holds: The check; None means that an error matches ``symptom``.
        is_problem: False if it is only worth knowing.
    """

    name: str
    advice: str
    symptom: str = ''
    holds: Callable[[Facts], bool] | None = None
    is_problem: bool = True

    def find(self, facts: Facts) -> str:
        """Return the advice, ``''`` where the breakage does not occur."""
        check = self.holds or partial(_is_seen, symptom=self.symptom)
        if not check(facts):
            return ''
        reason, remedy = why_off(facts)
        torch = facts.versions.get('torch', '')
        return self.advice.format(reason=reason, remedy=remedy, torch=torch)


def release(version: str) -> tuple[int, ...]:
    """Return major and minor: ``'2.9.1+cu128'`` -> ``(2, 9)``.

    ``''`` gives ``()``, which is below every release.
    """
    return tuple(int(part) for part in re.findall(r'\d+', version)[:2])


def why_off(facts: Facts) -> tuple[str, str]:
    """Say why no missing module can be replaced, and what changes that.

    Returns:
        tuple[str, str]: Reason and remedy; both ``''`` where they are on.
    """
    if facts.env.get(ENV_SWITCH) == '0':
        return f'{ENV_SWITCH}=0', f'unset {ENV_SWITCH}'
    # torch reads the entry points at the value 1 alone.
    if facts.env.get(AUTOLOAD, '1') != '1':
        return f'{AUTOLOAD}={facts.env[AUTOLOAD]}', f'unset {AUTOLOAD}'
    torch = facts.versions.get('torch', '')
    if torch and release(torch) < (2, 5):
        return f'torch {torch} reads no entry points', 'use torch >= 2.5'
    if not facts.entry_point:
        return 'no entry point', 'install uniformer_mm with pip'
    return '', ''


def _is_seen(facts: Facts, symptom: str) -> bool:
    return any(re.search(symptom, error) for error in facts.errors.values())


def _is_switched_off(facts: Facts) -> bool:
    return bool(why_off(facts)[0]) and _is_seen(facts, MISSING)


def _is_mmcv_refused(facts: Facts) -> bool:
    hosts = {'mmdet', 'mmsegmentation', 'mmaction2'} & facts.versions.keys()
    mmcvs = MMCV_NAMES & facts.versions.keys()
    found = [release(facts.versions[name]) for name in mmcvs]
    return bool(hosts) and any(v < (2, 0) or v >= (2, 2) for v in found)


def _has_compiled_ops(facts: Facts) -> bool:
    works = facts.errors.get('mmcv') == ''
    return works and 'mmcv._ext' not in facts.replaced


def _is_torchvision_unfit(facts: Facts) -> bool:
    if 'torchvision' not in facts.errors:
        return 'mmcv-lite' in facts.versions
    return _is_seen(facts, OTHER_TORCH)


def _is_click_too_new(facts: Facts) -> bool:
    click = release(facts.versions.get('click', ''))
    return 'openmim' in facts.versions and click >= (9,)


def _is_albumentations_unfit(facts: Facts) -> bool:
    version = release(facts.versions.get('albumentations', ''))
    return 'mmpose' in facts.versions and not (1, 3) <= version < (2, 0)


KNOWN = (
    Breakage(
        'replacements',
        'uniformer_mm has a replacement for this missing module, which is off '
        '({reason}): {remedy}.',
        MISSING,
        _is_switched_off,
    ),
    Breakage(
        'mmcv build',
        'The compiled mmcv does not fit this torch: pip uninstall mmcv, then '
        "pip install 'uniformer_mm[lite]', or compile mmcv again.",
        r'_ext\S*\.(so|pyd)|DLL load failed while importing _ext',
    ),
    Breakage(
        'mmcv version',
        'mmdet, mmseg and mmaction take mmcv 2.0 and 2.1 alone: '
        'pip uninstall mmcv mmcv-lite, then pip install '
        "'uniformer_mm[lite]'.",
        r'MMCV==\S+ is used',
        _is_mmcv_refused,
    ),
    Breakage(
        'mmcv twice',
        'mmcv and mmcv-lite share files: pip uninstall -y mmcv mmcv-lite '
        'mmcv-full, then install one of them again.',
        holds=lambda facts: len(MMCV_NAMES & facts.versions.keys()) > 1,
    ),
    Breakage(
        'compiled ops',
        "mmcv's compiled RoIAlign and deformable convolutions read maps as "
        'N C H W: backbones are safe by default, but out_channels_last=True '
        'and model.to(memory_format=torch.channels_last) are not.',
        holds=_has_compiled_ops,
        is_problem=False,
    ),
    Breakage(
        'torchvision release',
        'torchvision, whose ops serve mmcv-lite, is missing or built for '
        "another torch: pip install --upgrade torchvision 'torch=={torch}'.",
        f"{OTHER_TORCH}|No module named 'torchvision'",
        _is_torchvision_unfit,
    ),
    Breakage(
        'undeclared',
        'mmseg (ftfy, regex) and mmaction (importlib_metadata) do not declare '
        'it: pip install ftfy regex importlib_metadata.',
        r"No module named '(ftfy|regex|importlib_metadata)'",
    ),
    Breakage(
        'weights_only',
        'torch >= 2.6 refuses the types of MMEngine in a checkpoint: import '
        'uniformer_mm first (custom_imports in a config).',
        'Weights only load failed',
    ),
    Breakage(
        'unchecked load',
        f'Lets a checkpoint run any code: unset {UNCHECKED_LOAD}.',
        holds=lambda facts: UNCHECKED_LOAD in facts.env,
    ),
    Breakage(
        'pkg_resources',
        'mmengine and openmim import pkg_resources, which setuptools 82 '
        "removed: pip install 'setuptools>=70,<81'.",
        "No module named 'pkg_resources'|ImpImporter",
    ),
    Breakage(
        'numpy 2',
        'A package is compiled for NumPy 1. For xtcocotools, pip install '
        '--upgrade pycocotools, with which uniformer_mm replaces it; for '
        "others, upgrade them, or pip install 'numpy<2' "
        "'opencv-python-headless<4.12'.",
        'numpy.dtype size changed',
    ),
    Breakage(
        'python release',
        'Use Python 3.10 to 3.13. With 3.14 all was seen to run; newer ones '
        'were not tried.',
        'find_loader',
        lambda facts: not (3, 10) <= release(facts.python) < (3, 14),
    ),
    Breakage(
        'pycocotools',
        'mmpose imports xtcocotools. Where that is missing or does not load, '
        'uniformer_mm takes pycocotools: pip install --upgrade pycocotools.',
        "No module named 'xtcocotools'|xtcocotools' compiled module",
    ),
    Breakage(
        'libGL',
        'opencv-python needs a desktop library: apt install libgl1 '
        "libglib2.0-0, or replace it by 'opencv-python-headless<4.12'.",
        'libGL|libgthread|libglib',
    ),
    Breakage(
        'pip',
        'openmim imports pip: python -m ensurepip, or uv pip install pip.',
        "No module named 'pip'",
    ),
    Breakage(
        'click 9',
        "openmim uses click.MultiCommand: pip install 'click<9'.",
        'MultiCommand',
        _is_click_too_new,
    ),
    Breakage(
        'albumentations',
        "Only mmpose's own RTMPose configs need it, release 1.3 or 1.4: "
        "pip install 'albumentations==1.4.24'.",
        holds=_is_albumentations_unfit,
        is_problem=False,
    ),
    Breakage(
        'no GPU',
        'MMEngine refuses --amp and --launcher pytorch: leave both out.',
        holds=lambda facts: not facts.gpu,
        is_problem=False,
    ),
)
"""Looked through in this order: the first that explains an error is named."""
