"""What the documents show holds: links, blocks of Python, commands."""

from __future__ import annotations

import re
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine import Config
from mmengine.registry import RUNNERS

from tests.support.official_weights import filled
from tests.support.one_step import to_one_small_step
from uniformer_mm import UniFormer
from uniformer_mm.cli.main import VERBS
from uniformer_mm.hosts import HOSTS

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *(ROOT / f'{name}.md' for name in ('README', 'CONTRIBUTING')),
    *sorted((ROOT / 'docs').glob('*.md')),
    *sorted((ROOT / 'configs').rglob('README.md')),
    ROOT / 'benchmarks/README.md',
]
WEIGHTS = 'uniformer-small_in1k'  # the name that the documents use


def blocks(language: str, sign: str) -> list[Any]:
    """Blocks that hold ``sign``, once each, named by file and number."""
    fence = re.compile(rf'^```{language}\n(.*?)^```', re.MULTILINE | re.DOTALL)
    found = {
        text: f'{path.stem}-{number}'
        for path in DOCUMENTS
        for number, text in enumerate(fence.findall(path.read_text()))
        if re.search(sign, text, re.MULTILINE)
    }
    assert found, (language, sign)
    return [pytest.param(text, id=name) for text, name in found.items()]


@pytest.fixture(autouse=True, scope='module')
def weights(
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    """A folder with a file of the name that the documents use."""
    folder = tmp_path_factory.mktemp('weights')
    torch.save(
        {'model': filled('cls_small')}, folder / 'uniformer_small_in1k.pth'
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('UNIFORMER_MM_WEIGHTS', str(folder))
        yield


@pytest.mark.parametrize('text', blocks('python', '^_base_ ='))
@pytest.mark.hosts
def test_a_config_trains(text: str, few_shapes: Path, tmp_path: Path) -> None:
    """From the weights it names, in the host whose config it is over."""
    file = tmp_path / 'config.py'
    file.write_text(text)
    host = re.search(r"'(\w+)::", text)[1]  # type: ignore[index]
    if find_spec(host) is None:
        pytest.skip(f'{host} is not installed')
    config = Config.fromfile(file)
    to_one_small_step(config, HOSTS[host].folder, few_shapes)
    config.work_dir = str(tmp_path)
    runner = RUNNERS.build({'type': 'Runner', **config})
    runner.train()
    assert runner.message_hub.get_scalar('train/loss').current() > 0
    assert type(runner.model.backbone).__module__.startswith('uniformer_mm')
    if WEIGHTS in text:
        file_weights = filled('cls_small')
        name = 'blocks3.0.attn.qkv.weight'
        trained = runner.model.backbone.state_dict()[name]
        # One step moves each weight by the learning rate at most, or so.
        assert (trained - file_weights[name]).abs().max() < 0.1


# tests/test_portable runs those of docs/portable.md.
@pytest.mark.parametrize(
    'text',
    blocks('python', r'^from uniformer_mm(?!\.portable| import portable)'),
)
def test_a_script_runs(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = {
        'torch': torch,
        'images': torch.rand(2, 3, 64, 96),
        'model': UniFormer('small').eval(),
    }
    exec(text, names)


def commands() -> list[list[str]]:
    """The words of each line of the blocks of Bash, without comments."""
    lines = [
        line
        for block in blocks('bash', '.')
        for line in str(block.values[0]).replace('\\\n', ' ').splitlines()
    ]
    return [words for line in lines if (words := shlex.split(line, True))]


def test_commands_name_what_there_is() -> None:
    verbs = [verb.replace('_', '-') for verb in VERBS]
    told = set()
    for words in commands():
        told.add(words[0])
        files = [word for word in words if word.startswith('configs/')]
        modules = [words[i + 1] for i, w in enumerate(words) if w == '-m']
        assert all((ROOT / file).is_file() for file in files), words
        assert all('.' not in m or find_spec(m) for m in modules), words
        if words[0] == 'uniformer-mm':
            assert words[1] in verbs, words
        if words[:2] in (['mim', 'train'], ['mim', 'test']) and files:
            folder = Path(files[0]).parent.name
            assert HOSTS[words[2]].folder == folder, words
        if words[0] == 'bash':
            assert (ROOT / words[1]).is_file(), words
    assert {'bash', 'mim', 'pip', 'python', 'uniformer-mm'} <= told


@pytest.mark.parametrize('path', DOCUMENTS, ids=lambda p: p.stem)
def test_links_lead_somewhere(path: Path) -> None:
    for link in re.findall(r'\]\(([^)#]+)[^)]*\)', path.read_text()):
        if '://' not in link:
            assert (path.parent / link).exists(), link


def test_the_readme_is_short() -> None:
    words = re.sub(
        r'<!-- begin.*?<!-- end -->',
        '',
        (ROOT / 'README.md').read_text(),
        flags=re.DOTALL,
    ).split()
    assert len(words) <= 900
