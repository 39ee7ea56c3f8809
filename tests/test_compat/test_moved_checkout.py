"""An installation whose checkout is gone must not break ``import torch``."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.installs import (
    ROOT,
    RunPython,
    copy_project,
    make_stack,
    make_venv,
    pip,
    run,
    site_packages,
)

COPIES = ('uniformer_mm_autoload.py', 'uniformer_mm_command.py')
GONE = 'uniformer_mm is installed, but Python does not find its files'
PROBE = """
import torch, mmengine, mmcv
from mmengine.utils.dl_utils import mmcv_full_available
print('torch works, ops:', mmcv_full_available())
import mmcv._ext
print(mmcv._ext.__file__)
"""


@dataclass(frozen=True)
class Install:
    """An environment with an editable install of ``checkout``."""

    python: Path
    checkout: Path
    stack: Path

    @property
    def site(self) -> Path:
        return site_packages(self.python)


def install_editable(folder: Path, *flags: str) -> Install:
    stack = make_stack(folder / 'stack')
    python = make_venv(folder / 'venv', stack)
    checkout = copy_project(folder / 'checkout')
    pip(python, 'install', *flags, '-e', checkout)
    return Install(python, checkout, stack)


@pytest.fixture(scope='module')
def editable(tmp_path_factory: pytest.TempPathFactory) -> Install:
    return install_editable(tmp_path_factory.mktemp('editable'))


@pytest.fixture(params=['moved', 'deleted'])
def gone(
    request: pytest.FixtureRequest, editable: Install, tmp_path: Path
) -> Iterator[Install]:
    """The install with its checkout moved or deleted, for one test."""
    elsewhere = shutil.move(editable.checkout, tmp_path / 'elsewhere')
    if request.param == 'deleted':
        shutil.rmtree(elsewhere)
        yield editable
        copy_project(editable.checkout)
    else:
        yield editable
        shutil.move(elsewhere, editable.checkout)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A working folder that has an mmcv without compiled ops."""
    (tmp_path / 'project' / 'mmcv').mkdir(parents=True)
    (tmp_path / 'project' / 'mmcv' / '__init__.py').touch()
    return tmp_path / 'project'


def assert_torch_works_and_ops_are_missed(output: str, errors: str) -> None:
    assert output == 'torch works, ops: False\n', errors
    assert f'RuntimeWarning: {GONE}' in errors
    last = errors.splitlines()[-1]
    assert last == "ModuleNotFoundError: No module named 'mmcv._ext'"


def test_ops_come_from_a_checkout_in_place(
    editable: Install, project: Path
) -> None:
    done = run(editable.python, project, '-c', PROBE)
    module = editable.checkout / 'uniformer_mm/compat/mmcv_ext.py'
    assert done.stdout == f'torch works, ops: True\n{module}\n', done.stderr
    assert GONE not in done.stderr


def test_torch_works_without_the_checkout(
    gone: Install, project: Path
) -> None:
    done = run(gone.python, project, '-c', PROBE)
    assert_torch_works_and_ops_are_missed(done.stdout, done.stderr)


@pytest.mark.parametrize('arguments', [(), ('doctor',), ('--version',)])
def test_the_command_says_that_the_checkout_is_gone(
    gone: Install, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    command = gone.python.with_name('uniformer-mm')
    done = run(command, tmp_path, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith(f'uniformer-mm: {GONE}')
    assert done.stderr.count('\n') == 1


def test_the_command_works_with_the_checkout_in_place(
    editable: Install, tmp_path: Path
) -> None:
    command = editable.python.with_name('uniformer-mm')
    done = run(command, tmp_path, 'config', '--help')
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize('way', ['PYTHONPATH', '.pth', '-S'])
def test_torch_works_where_pth_files_are_not_read(
    editable: Install, project: Path, way: str
) -> None:
    words, variables, code = [], {}, PROBE
    folders = (editable.site, editable.stack)
    python = make_venv(
        project / 'venv', *(folders if way == '.pth' else folders[1:])
    )
    if way == 'PYTHONPATH':
        variables['PYTHONPATH'] = str(editable.site)
    elif way == '-S':
        words = ['-S']
        code = f'import sys; sys.path += {[str(f) for f in folders]}\n{PROBE}'
    done = run(python, project, *words, '-c', code, **variables)
    assert_torch_works_and_ops_are_missed(done.stdout, done.stderr)


def test_a_folder_of_the_name_is_no_package(
    gone: Install, project: Path
) -> None:
    (project / 'uniformer_mm').mkdir()
    done = run(gone.python, project, '-c', PROBE)
    assert_torch_works_and_ops_are_missed(done.stdout, done.stderr)


def test_a_wheel_beside_a_lost_checkout_is_used(
    gone: Install, project: Path, tmp_path: Path
) -> None:
    python = make_venv(tmp_path / 'venv', gone.stack)
    pip(python, 'install', copy_project(tmp_path / 'source'))
    done = run(python, project, '-c', PROBE, PYTHONPATH=str(gone.site))
    module = site_packages(python) / 'uniformer_mm/compat/mmcv_ext.py'
    assert done.stdout == f'torch works, ops: True\n{module}\n', done.stderr
    assert GONE not in done.stderr


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob('*') if path.is_file()}


@pytest.mark.parametrize('mode', ['lenient', 'strict', 'compat'])
def test_installing_again_and_uninstalling(tmp_path: Path, mode: str) -> None:
    flags = ('--config-settings', f'editable_mode={mode}')
    install = install_editable(tmp_path, *flags)
    pip(install.python, 'uninstall', '-y', 'uniformer_mm')
    before = files(install.python.parents[1])
    pip(install.python, 'install', *flags, '-e', install.checkout)
    for name in COPIES:
        assert not (install.site / name).is_symlink()
        source = install.checkout / name
        assert (install.site / name).read_bytes() == source.read_bytes()
        source.write_text(f'{source.read_text()}\nEDITED = True\n')
    pip(install.python, 'install', *flags, '-e', install.checkout)
    code = (
        'import uniformer_mm_autoload as a, uniformer_mm_command as b;'
        'assert a.EDITED and b.EDITED; print(a.__file__)'
    )
    done = run(install.python, tmp_path, '-c', code)
    assert done.stdout == f'{install.site / COPIES[0]}\n', done.stderr
    shutil.rmtree(install.checkout)
    pip(install.python, 'uninstall', '-y', 'uniformer_mm')
    assert files(install.python.parents[1]) == before


@pytest.mark.parametrize('name', COPIES)
def test_this_environment_holds_no_old_copy(
    run_python: RunPython, name: str
) -> None:
    """Tests that start a process of their own would test that copy."""
    module = name.removesuffix('.py')
    done = run_python('-c', f'import {module} as m; print(m.__file__)')
    installed = Path(done.stdout.strip())
    assert installed.read_bytes() == (ROOT / name).read_bytes(), (
        f'{installed} is an old copy: pip install -e . makes it anew'
    )
