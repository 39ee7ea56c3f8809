"""The errors met first say what ``doctor`` says."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support.installs import ROOT, run
from uniformer_mm.doctor import facts as facts_module
from uniformer_mm.doctor import report as report_module
from uniformer_mm.doctor.advice import advise, warn_of_releases
from uniformer_mm.doctor.facts import MODULES, gather
from uniformer_mm.doctor.report import report

USE_NMS = (
    'import torch; from mmcv.ops import nms;'
    'nms(torch.ones(1, 4), torch.ones(1), 0.5)'
)
IMPORT_A_HOST = (
    'import mmengine; from uniformer_mm.hosts import import_extra;'
    'import_extra("mmdet")'
)


class Site:
    """A folder that comes before the site-packages of this environment."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.patch = patch
        self.path = os.pathsep.join([str(folder), str(ROOT)])
        patch.setenv('PYTHONPATH', self.path)
        patch.syspath_prepend(folder)

    def add(self, module: str, code: str) -> None:
        (self.folder / f'{module}.py').write_text(code)

    def record(self, distribution: str, version: str, more: str = '') -> None:
        """Say that a distribution is installed."""
        info = self.folder / f'{distribution}-{version}.dist-info'
        info.mkdir()
        text = f'Name: {distribution}\nVersion: {version}\n{more}'
        (info / 'METADATA').write_text(f'Metadata-Version: 2.1\n{text}')

    def doctor(self, *modules: str) -> dict[str, str]:
        """What is said of torch and these modules, by row."""
        few = {name: MODULES[name] for name in ('torch', *modules)}
        self.patch.setattr(facts_module, 'MODULES', few)
        self.patch.setattr(report_module, 'MODULES', few)
        return {row.name: row.text for row in report(gather())}

    def errors_of(self, code: str) -> str:
        """What a program writes to stderr."""
        python = Path(sys.executable)
        done = run(python, self.folder, '-c', code, PYTHONPATH=self.path)
        return done.stderr


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ('module', 'error', 'code', 'fix'),
    [
        (
            'cv2',
            'ImportError("libGL.so.1: cannot open shared object file")',
            'import uniformer_mm',
            'apt install libgl1',
        ),
        (
            'cv2',
            'ImportError("numpy.core.multiarray failed to import")',
            'import uniformer_mm',
            "pip install 'numpy<2'",
        ),
        (
            'numpy',
            'ImportError("DLL load failed while importing _multiarray_umath")',
            'import uniformer_mm',
            'Visual C++',
        ),
        (
            'torchvision',
            'RuntimeError("operator torchvision::nms does not exist")',
            USE_NMS,
            'pip install --upgrade torchvision',
        ),
        (
            'mmdet',
            "AttributeError(\"module 'mmcv' has no attribute '__file__'\")",
            IMPORT_A_HOST,
            'pip uninstall -y mmcv mmcv-lite mmcv-full',
        ),
    ],
)
def test_the_first_error_says_what_doctor_says(
    site: Site, module: str, error: str, code: str, fix: str
) -> None:
    pytest.importorskip('mmcv')
    site.add(module, f'raise {error}')
    _, _, advice = site.doctor(module)[module].partition('. ')
    assert fix in advice
    *_, last = site.errors_of(code).splitlines()
    assert last.endswith(advice)


@pytest.mark.parametrize(
    ('name', 'version', 'text'),
    [
        ('mmdet', '2.28.2', "is too old: pip install 'mmdet>=3.3.0,<3.4'."),
        ('mmpose', '2.0.0', "is too new: pip install 'mmpose>=1.3.2,<1.4'."),
    ],
)
def test_a_host_of_another_release_is_named_at_once(
    site: Site, name: str, version: str, text: str
) -> None:
    site.record(name, version)
    told = site.doctor()['releases']
    assert told == f'{name} {version} {text}'
    assert f'RuntimeWarning: {told}' in site.errors_of('import uniformer_mm')


def test_a_torchvision_of_another_torch_is_named_at_once(site: Site) -> None:
    site.record('torchvision', '0.20.1', 'Requires-Dist: torch==2.5.1\n')
    told = site.doctor()['torchvision release']
    assert 'pip install --upgrade torchvision' in told
    assert f'RuntimeWarning: {told}' in site.errors_of('import uniformer_mm')


def test_two_mmcvs_are_named(site: Site) -> None:
    site.record('mmcv', '2.1.0')
    site.record('mmcv-lite', '2.1.0')
    assert 'pip uninstall -y mmcv' in site.doctor()['mmcv twice']


@pytest.mark.parametrize(
    ('module', 'distribution', 'name'),
    [
        ('cv2', 'opencv-python', 'OpenCV twice'),
        ('mmcv', 'mmcv', 'mmcv twice'),
    ],
)
def test_files_that_went_with_another_distribution(
    site: Site, module: str, distribution: str, name: str
) -> None:
    site.record(distribution, '2.1.0')
    message = f"No module named '{module}'"
    site.add(
        module, f'raise ModuleNotFoundError("{message}", name="{module}")'
    )
    rows = site.doctor(module)
    assert message in rows[module]
    assert 'pip uninstall -y' in rows[module]
    assert name not in rows


def test_unknown_errors_get_no_advice() -> None:
    assert advise(ValueError('of another kind')) == ''


def test_releases_that_will_do_are_not_warned_of(
    recwarn: pytest.WarningsRecorder,
) -> None:
    warn_of_releases()
    assert not recwarn
