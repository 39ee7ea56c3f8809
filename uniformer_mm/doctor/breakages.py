"""Known breakages of an OpenMMLab stack, as data.

``KNOWN`` holds what is known to go wrong between the last OpenMMLab releases
(mmengine 0.10.7, mmdet 3.3.0, mmsegmentation 1.2.2, mmpose 1.3.2, mmaction2
1.2.0, openmim 0.3.9) and newer releases of their dependencies, each with its
fix. The checks are pure functions of :class:`Facts`.
"""

from __future__ import annotations

from uniformer_mm.doctor.breakage import Breakage, is_seen, why_off
from uniformer_mm.doctor.installation import OPENCV, UNCHECKED_LOAD, Facts
from uniformer_mm.doctor.releases import MMCV, SUPPORTED, misfits, release
from uniformer_mm.undeclared import EXTRA, wanted

__all__ = ['KNOWN', 'RELEASES', 'TORCHVISION']

MISSING = (
    r"No module named '(mmcv\._ext|mmaction\.models\.localizers\.drn"
    '|xtcocotools)'
)
OTHER_TORCH = (
    "torchvision::|module 'torchvision' has no attribute 'extension'"
    '|torchvision were compiled'
)
NO_TORCHVISION = "No module named 'torchvision'"
# A module whose files went with another distribution that had them too.
MMCV_TORN = (
    r"module 'mmcv' has no attribute|from 'mmcv' \(unknown"
    "|No module named 'mmcv'"
)
CV2_TORN = (
    r"module 'cv2' has no attribute|from 'cv2' \(unknown"
    "|No module named 'cv2'"
)


def _is_switched_off(facts: Facts) -> bool:
    return bool(why_off(facts)[0]) and is_seen(facts, MISSING)


def _is_mmcv_refused(facts: Facts) -> bool:
    have = facts.versions.keys()
    faults = {
        SUPPORTED[name].fault(facts.versions[name])
        for name in MMCV
        if name in have
    }
    # mmpose takes newer ones too.
    strict = {'mmdet', 'mmsegmentation', 'mmaction2'} & have
    return bool(strict and 'too new' in faults) or (
        bool(strict or 'mmpose' in have) and 'too old' in faults
    )


def _is_mmcv_torn(facts: Facts) -> bool:
    found = facts.versions.keys() & set(MMCV)
    return len(found) > 1 or bool(found and is_seen(facts, MMCV_TORN))


def _is_cv2_torn(facts: Facts) -> bool:
    found = facts.versions.keys() & set(OPENCV)
    return bool(found) and is_seen(facts, CV2_TORN)


def _has_compiled_ops(facts: Facts) -> bool:
    works = facts.errors.get('mmcv') == ''
    return works and 'mmcv._ext' not in facts.replaced


def _is_torchvision_unfit(facts: Facts) -> bool:
    if is_seen(facts, f'{OTHER_TORCH}|{NO_TORCHVISION}'):
        return True
    have = facts.versions
    if 'torch' in have and facts.torchvision_for:
        return release(facts.torchvision_for) != release(have['torch'])
    return 'mmcv-lite' in have and 'torchvision' not in have


def _is_click_too_new(facts: Facts) -> bool:
    click = release(facts.versions.get('click', ''))
    return 'openmim' in facts.versions and click >= (9,)


def _is_albumentations_unfit(facts: Facts) -> bool:
    version = release(facts.versions.get('albumentations', ''))
    return 'mmpose' in facts.versions and not (1, 3) <= version < (2, 0)


TORCHVISION = Breakage(
    'torchvision release',
    'torchvision, whose ops serve mmcv-lite, is missing or built for '
    "another torch: pip install --upgrade torchvision 'torch=={torch}'.",
    f'{OTHER_TORCH}|{NO_TORCHVISION}',
    _is_torchvision_unfit,
)
RELEASES = Breakage(
    'releases',
    '{misfits}.',
    r'\S',
    lambda facts: bool(misfits(facts.versions, facts.python)),
)
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
        'The hosts take mmcv 2.0 and 2.1 alone (mmpose newer ones too): '
        'pip uninstall mmcv mmcv-lite, then pip install '
        "'uniformer_mm[lite]'.",
        r'MMCV==\S+ is used',
        _is_mmcv_refused,
    ),
    Breakage(
        'mmcv twice',
        'mmcv and mmcv-lite share files, and one of them went or overwrote '
        "the other's: pip uninstall -y mmcv mmcv-lite mmcv-full, then install "
        "one of them again, as by pip install 'uniformer_mm[lite]'.",
        MMCV_TORN,
        _is_mmcv_torn,
    ),
    Breakage(
        'OpenCV twice',
        'The packages of OpenCV share files, and one of them went with '
        "another's: pip uninstall -y opencv-python opencv-contrib-python "
        'opencv-python-headless opencv-contrib-python-headless, then pip '
        'install opencv-python-headless.',
        CV2_TORN,
        _is_cv2_torn,
    ),
    Breakage(
        'compiled ops',
        "mmcv's compiled RoIAlign and deformable convolutions read maps as "
        'N C H W: backbones are safe by default, but out_channels_last=True '
        'and model.to(memory_format=torch.channels_last) are not.',
        holds=_has_compiled_ops,
        is_problem=False,
    ),
    TORCHVISION,
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
        'numpy 1',
        'A package is compiled for a newer NumPy: pip install --upgrade '
        'numpy, or install an older release of that package.',
        r'Expected 88 from C header|ABI version 0x2|numpy\._core'
        '|but the running NumPy has C-API',
    ),
    Breakage(
        'numpy 2',
        'A package is compiled for NumPy 1. For xtcocotools, pip install '
        '--upgrade pycocotools, with which uniformer_mm replaces it; for '
        "others, upgrade them, or pip install 'numpy<2' "
        "'opencv-python-headless<4.12'.",
        r'numpy\.dtype size changed(?!.*Expected 88)|compiled using NumPy 1'
        r'|_ARRAY_API not found|numpy\.core\.multiarray failed to import'
        '|ABI version 0x1',
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
        'libglib2.0-0, or pip uninstall -y opencv-python '
        'opencv-contrib-python, then pip install --force-reinstall '
        '--no-deps opencv-python-headless.',
        r'lib(GL|gthread|glib|SM|Xext|Xrender|xcb)\b\S*\.so',
    ),
    Breakage(
        'Windows libraries',
        'A library of Windows is missing: install the Microsoft Visual C++ '
        'Redistributable (x64) and, for cv2 on an N edition, the Media '
        'Feature Pack.',
        r'DLL load failed while importing (?!_ext)|WinError 1(26|14\d)',
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
        'stock models',
        'Some models of the hosts want what no host declares: {wanted}; '
        f"pip install 'uniformer_mm[{EXTRA}]'.",
        holds=lambda facts: bool(wanted(facts.versions)),
        is_problem=False,
    ),
    Breakage(
        'no GPU',
        "MMEngine's runner refuses --amp and --launcher pytorch: leave both "
        'out. That of our configs trains in float32, and by gloo.',
        holds=lambda facts: not facts.gpu,
        is_problem=False,
    ),
    # Last: while a release does not fit, it may explain any error.
    RELEASES,
)
"""Looked through in this order: the first that explains an error is named."""
