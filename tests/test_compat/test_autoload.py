from __future__ import annotations

import importlib
import json
import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path

import pytest

import uniformer_mm_autoload as autoload
from tests.support.installs import ROOT, RunPython

USE_NMS = """
import torch
from mmcv.ops import nms
boxes = torch.tensor([[0., 0., 9., 9.], [0., 0., 9., 8.], [20., 0., 29., 9.]])
_, kept = nms(boxes, torch.tensor([.5, .9, .7]), .5)
assert kept.tolist() == [1, 2], kept
"""

WORKERS = """
import sys
import torch
from torch.utils.data import DataLoader, Dataset

class Boxes(Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        from mmcv.ops import nms
        boxes = torch.tensor([[0., 0., 9., 9.], [0., 0., 9., 8.]])
        return nms(boxes, torch.tensor([.5, .9]), .5)[1]

if __name__ == '__main__':
    loader = DataLoader(
        Boxes(), num_workers=1, multiprocessing_context=sys.argv[1])
    assert 'mmcv' not in sys.modules
    print([kept.tolist() for kept in loader])
"""

TORCHRUN = """
import torch.distributed as dist
dist.init_process_group('gloo')
exec(open('use_nms.py').read())
print('rank', dist.get_rank(), 'of', dist.get_world_size())
dist.destroy_process_group()
"""


def make_module(path: Path, text: str = '') -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_importing_the_module_alone_loads_nothing_heavy(
    run_python: RunPython,
) -> None:
    code = (
        'import json, sys; before = set(sys.modules);'
        'import uniformer_mm_autoload as a; a.install();'
        'print(json.dumps(sorted(set(sys.modules) - before)))'
    )
    done = run_python('-c', code)
    assert done.returncode == 0, done.stderr
    loaded = {name.partition('.')[0] for name in json.loads(done.stdout)}
    heavy = {'torch', 'numpy', 'mmengine', 'mmcv', 'uniformer_mm'}
    assert 'uniformer_mm_autoload' in loaded
    assert not loaded & heavy


def test_import_torch_installs_each_finder_once(
    run_python: RunPython,
) -> None:
    code = (
        'import sys, torch, uniformer_mm_autoload as a;'
        'assert sys.meta_path[-1] is a.ReplacementFinder;'
        'assert sys.meta_path[0] is a.FallbackFinder;'
        'assert "uniformer_mm" not in sys.modules;'
        'a.install(); a.install();'
        'assert sys.meta_path.count(a.ReplacementFinder) == 1;'
        'assert sys.meta_path.count(a.FallbackFinder) == 1;'
        'assert a.is_installed()'
    )
    done = run_python('-c', code)
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures('mmcv_lite')
@pytest.mark.parametrize(
    'switch', ['UNIFORMER_MM_COMPAT', 'TORCH_DEVICE_BACKEND_AUTOLOAD']
)
def test_off_switches(run_python: RunPython, switch: str) -> None:
    done = run_python('-c', 'import torch, mmcv._ext', **{switch: '0'})
    assert done.returncode == 1
    assert "No module named 'mmcv._ext'" in done.stderr


@pytest.mark.parametrize('value', ['', '1', 'no', '\udcff'])
def test_other_values_of_the_switch_leave_it_on(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setattr(sys, 'meta_path', [PathFinder])
    monkeypatch.setenv(autoload.ENV_SWITCH, value)
    autoload.install()
    assert sys.meta_path == [
        autoload.FallbackFinder,
        PathFinder,
        autoload.ReplacementFinder,
    ]


def test_without_openmmlab_imports_stay_as_they_are(
    run_python: RunPython,
) -> None:
    code = (
        'import sys; from importlib.machinery import PathFinder;'
        'rest = [f for f in sys.meta_path if f is not PathFinder];'
        'hidden = type("Hidden", (), {"find_spec": staticmethod('
        'lambda name, path=None, target=None: None if name in '
        '("mmengine", "mmcv") else PathFinder.find_spec(name, path, target))'
        '});'
        'sys.meta_path[:] = before = [*rest, hidden];'
        'import torch;'
        'assert sys.meta_path == before, sys.meta_path'
    )
    done = run_python('-c', code)
    assert done.returncode == 0, done.stderr


def test_install_survives_a_foreign_finder_that_cannot_be_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Foreign:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError('not comparable')

        __hash__ = None  # type: ignore[assignment]

    monkeypatch.setattr(sys, 'meta_path', [Foreign()])
    monkeypatch.delenv(autoload.ENV_SWITCH, raising=False)
    autoload.install()
    assert autoload.is_installed()
    assert len(sys.meta_path) == 3


def test_install_raises_under_no_circumstances(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, 'meta_path', ())
    monkeypatch.delenv(autoload.ENV_SWITCH, raising=False)
    autoload.install()
    assert not autoload.is_installed()


@pytest.mark.parametrize(
    'name',
    [
        'mmcv',
        'mmcv._extra',
        'mmaction.models.localizers',
        'torch',
        'xtcocotools.version',
    ],
)
def test_other_names_are_not_answered(name: str) -> None:
    assert autoload.ReplacementFinder.find_spec(name) is None
    assert autoload.FallbackFinder.find_spec(name) is None


@pytest.mark.parametrize('name', autoload.REPLACEMENTS)
def test_specs_carry_the_missing_name(name: str) -> None:
    spec = autoload.ReplacementFinder.find_spec(name)
    assert spec is not None
    assert spec.name == name
    is_package = name.endswith('localizers.drn') or name == 'xtcocotools'
    assert spec.submodule_search_locations == ([] if is_package else None)


def test_originals_win(run_python: RunPython, tmp_path: Path) -> None:
    localizers = tmp_path / 'site/mmaction/models/localizers'
    for package in ('mmcv', 'mmaction', 'mmaction/models'):
        make_module(tmp_path / 'site' / package / '__init__.py')
    make_module(localizers / '__init__.py')
    make_module(tmp_path / 'site/mmcv/_ext.py', 'ORIGINAL = True')
    # A source tree has no __init__.py here, which is why wheels lack it.
    make_module(localizers / 'drn/drn.py', 'ORIGINAL = True')
    code = (
        'import torch, uniformer_mm_autoload as a, mmcv._ext as ext;'
        'import mmaction.models.localizers.drn.drn as drn;'
        'assert a.is_installed() and ext.ORIGINAL and drn.ORIGINAL'
    )
    done = run_python('-c', code, PYTHONPATH=str(tmp_path / 'site'))
    assert done.returncode == 0, done.stderr


def test_a_broken_package_breaks_its_users_but_not_torch(
    run_python: RunPython, tmp_path: Path
) -> None:
    make_module(
        tmp_path / 'site/uniformer_mm/__init__.py',
        "raise ImportError('broken on purpose')",
    )
    make_module(tmp_path / 'site/mmcv/__init__.py')
    code = "import torch; print('torch is fine'); import mmcv._ext"
    done = run_python('-c', code, PYTHONPATH=str(tmp_path / 'site'))
    assert done.stdout == 'torch is fine\n'
    assert done.returncode == 1
    assert 'ImportError: broken on purpose' in done.stderr


@pytest.mark.parametrize('left', ['', 'import uniformer_mm.compat'])
def test_a_package_that_is_half_gone_has_no_replacements(
    run_python: RunPython, tmp_path: Path, left: str
) -> None:
    make_module(tmp_path / 'site/uniformer_mm/__init__.py', left)
    make_module(tmp_path / 'site/mmcv/__init__.py')
    # The finder of an editable install knows the other half.
    code = """
import sys, torch
from importlib.util import find_spec
sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in repr(f)]
print(find_spec('mmcv._ext'))
"""
    path = os.pathsep.join([str(tmp_path / 'site'), str(ROOT)])
    done = run_python('-c', code, PYTHONPATH=path)
    assert done.stdout == 'None\n', done.stderr
    assert f'RuntimeWarning: {autoload.GONE}' in done.stderr


LOCKED = """
import sys, torch
from importlib.util import find_spec

class Locked:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == 'uniformer_mm':
            raise PermissionError(13, 'Permission denied', 'checkout')

sys.meta_path.insert(0, Locked)
print(find_spec('mmcv._ext'))
from uniformer_mm_command import main
sys.exit(main())
"""


def test_a_checkout_that_may_not_be_read_is_as_if_gone(
    run_python: RunPython, tmp_path: Path
) -> None:
    """As of root's editable install, in a program of another user."""
    make_module(tmp_path / 'site/mmcv/__init__.py')
    path = os.pathsep.join([str(tmp_path / 'site'), str(ROOT)])
    done = run_python('-c', LOCKED, PYTHONPATH=path)
    assert (done.stdout, done.returncode) == ('None\n', 1), done.stderr
    said = f"{autoload.GONE} ([Errno 13] Permission denied: 'checkout')"
    assert f'RuntimeWarning: {said}' in done.stderr
    assert done.stderr.endswith(f'uniformer-mm: {said}\n')


def test_isolated_mode(run_python: RunPython) -> None:
    pytest.importorskip('mmcv')
    done = run_python('-I', '-c', USE_NMS)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize('method', ['fork', 'spawn'])
def test_dataloader_workers(
    run_python: RunPython, tmp_path: Path, method: str
) -> None:
    pytest.importorskip('mmcv')
    make_module(tmp_path / 'workers.py', WORKERS)
    done = run_python('workers.py', method)
    assert done.stdout == '[[[1]], [[1]]]\n', done.stderr


def test_torchrun(run_python: RunPython, tmp_path: Path) -> None:
    pytest.importorskip('mmcv')
    make_module(tmp_path / 'use_nms.py', USE_NMS)
    make_module(tmp_path / 'train.py', TORCHRUN)
    launcher = ['-m', 'torch.distributed.run', '--standalone']
    done = run_python(*launcher, '--nproc-per-node', '1', 'train.py')
    assert done.stdout.endswith('rank 0 of 1\n'), done.stderr


@pytest.mark.usefixtures('mmcv_lite')
def test_private_names_are_missing() -> None:
    ext = importlib.import_module('mmcv._ext')
    assert not hasattr(ext, '__wrapped__')
    with pytest.raises(AttributeError, match=r"'mmcv\._ext'.*'_private'"):
        ext._private  # noqa: B018


@pytest.mark.usefixtures('mmcv_lite')
def test_environment_report_of_mmcv_works() -> None:
    report = importlib.import_module('mmcv.utils').collect_env()
    assert report['MMCV Compiler'] == 'n/a'
    assert report['MMCV CUDA Compiler'] == 'n/a'


NMS_IN_A_TRACE = """
import mmcv.ops, torch
nms = lambda boxes, scores: mmcv.ops.nms(boxes, scores, 0.5)[1]
boxes = torch.tensor([[0., 0., 9., 9.], [0., 0., 9., 8.], [20., 0., 29., 9.]])
traced = torch.jit.trace(nms, (boxes[:1], torch.ones(1)), check_trace=False)
print(traced(boxes, torch.tensor([.5, .9, .7])).tolist())
"""


def test_a_trace_may_be_the_first_use(run_python: RunPython) -> None:
    """As in tools of the hosts that count multiply-adds."""
    done = run_python('-W', 'ignore', '-c', NMS_IN_A_TRACE)
    assert done.stdout == '[1, 2]\n', done.stderr


FOR_ANOTHER_TORCH = "raise RuntimeError('torchvision::nms does not exist')"
FOR_ANOTHER_CUDA = """
import sys, torch
if not hasattr(sys, 'kept'):  # MMEngine has tried to import it too
    sys.kept = torch.library.Library('torchvision', 'DEF')
    sys.kept.define('nms(Tensor x) -> Tensor')
raise RuntimeError('other CUDA')
"""


@pytest.mark.parametrize(
    ('torchvision', 'message'),
    [
        ('import missing', 'pip install --upgrade torchvision'),
        (FOR_ANOTHER_TORCH, 'pip install --upgrade torchvision'),
        ('import torchvision.none', 'pip install --upgrade torchvision'),
        ('raise AttributeError("extension")', 'pip install --upgrade torch'),
        (FOR_ANOTHER_CUDA, 'RuntimeError: other CUDA'),
    ],
)
def test_a_torchvision_that_does_not_work_is_told_where_it_is_needed(
    run_python: RunPython, tmp_path: Path, torchvision: str, message: str
) -> None:
    make_module(tmp_path / 'site/torchvision/__init__.py', torchvision)
    code = (
        'import sys; sys.path.insert(0, "site");'
        'from uniformer_mm.compat.torchvision_ops import torchvision_ops;'
        'print("imported"); torchvision_ops()'
    )
    done = run_python('-c', code)
    assert done.stdout == 'imported\n'
    assert message in done.stderr.splitlines()[-1]
