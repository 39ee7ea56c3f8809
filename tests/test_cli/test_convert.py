"""``uniformer-mm convert`` and ``inspect`` on files as the authors write."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.support.models import build
from tests.support.official_weights import filled, whole
from tests.support.weight_files import LEGACY
from uniformer_mm.cli.main import main
from uniformer_mm.weights.files import read_weights


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of each kind."""
    root = tmp_path_factory.mktemp('files')
    small = filled('cls_small')
    torch.save({'model': small}, root / 'uniformer_small_in1k.pth')
    dense = filled('dense_small_global')
    torch.save(
        {'state_dict': whole('mask_rcnn', dense), 'meta': {}},
        root / 'detector.pth',
    )
    torch.save({'state_dict': whole('pose', dense)}, root / 'pose.pth')
    torch.save({'model_state': filled('video_small')}, root / 'video.pth')
    return root


@pytest.mark.parametrize(
    ('source', 'task', 'has', 'has_not'),
    [
        ('uniformer_small_in1k', 'backbone', 'blocks4.2.norm1.bias', 'head.'),
        (
            'detector',
            'detection',
            'roi_head.mask_head.conv_logits.bias',
            'module.',
        ),
        ('detector', 'backbone', 'norm4.weight', 'neck.'),
        ('pose', 'pose', 'head.final_layer.weight', 'keypoint_head.'),
        ('video', 'action', 'cls_head.fc_cls.weight', 'head.weight'),
    ],
)
@pytest.mark.parametrize('ending', ['.pth', '.safetensors'])
def test_convert(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    source: str,
    task: str,
    has: str,
    has_not: str,
    ending: str,
) -> None:
    if ending == '.safetensors':
        pytest.importorskip('safetensors')
    target = tmp_path / f'out{ending}'
    words = ['convert', str(folder / f'{source}.pth'), str(target)]
    assert main([*words, '--task', task]) == 0
    state = read_weights(target).state
    assert has in state
    assert not [key for key in state if key.startswith(has_not)]
    out = capsys.readouterr().out
    assert ' kept' in out
    known = source.startswith('uniformer')
    assert out.endswith(f'head_dim: {64 if known else "not known"}\n')
    # What the catalogue knows by the name stays known in the new file.
    main(['inspect', str(target)])
    out = capsys.readouterr().out
    told = 'name; head_dim 64\n' if known else "head_dim can't be seen in"
    assert told in out
    assert out.count('head_dim') == 1


def test_averaged_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = build('image').state_dict()
    average = {k: v + 1 for k, v in raw.items()}
    files = {'raw': raw, 'average': average}
    path, target = tmp_path / 'a.pth', tmp_path / 'b.pth'
    saved = {f'module.{k}': v for k, v in raw.items()}
    saved['steps'] = torch.tensor(9)
    torch.save({'state_dict': average, 'ema_state_dict': saved}, path)
    for words, name, note in (
        ([], 'average', 'averaged, as MM'),
        (['--ema'], 'average', 'averaged, as MM'),
        (['--no-ema'], 'raw', 'raw, as MM'),
    ):
        convert = ['convert', str(path), str(target), '--task', 'backbone']
        assert main([*convert, *words]) == 0
        assert note in capsys.readouterr().out
        key = 'blocks3.0.attn.qkv.weight'
        state = read_weights(target).state
        assert torch.equal(state[key], files[name][key])
        assert main(['inspect', str(path), *words]) == 0
        assert note in capsys.readouterr().out


def test_labels_permute_the_head(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f'class {i}' for i in range(400)]
    (tmp_path / 'from.txt').write_text('\n'.join(names))
    (tmp_path / 'to.txt').write_text('\n'.join(reversed(names)) + '\n\n')
    words = ['convert', str(folder / 'video.pth'), str(tmp_path / 'o.pth')]
    labels = ['--labels', str(tmp_path / 'from.txt')]
    assert (
        main([*words, '--task', 'action', *labels, str(tmp_path / 'to.txt')])
        == 0
    )
    assert 'head: permuted' in capsys.readouterr().out
    head = read_weights(tmp_path / 'o.pth').state['cls_head.fc_cls.weight']
    assert torch.equal(head, filled('video_small')['head.weight'].flip(0))
    assert main([*words, '--task', 'action']) == 0
    assert 'head: not permuted, no --labels' in capsys.readouterr().out
    assert (
        main([*words, '--task', 'action', *labels, str(tmp_path / 'from.txt')])
        == 0
    )
    assert 'head: in this order already' in capsys.readouterr().out
    assert (
        main([*words, '--task', 'pose', *labels, str(tmp_path / 'to.txt')])
        == 1
    )
    assert '--labels needs --task action' in capsys.readouterr().err


def test_a_refused_conversion_writes_nothing(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / 'out.pth'
    words = ['convert', str(folder / 'detector.pth'), str(target)]
    assert main([*words, '--task', 'pose']) == 1
    assert 'takes pose weights, got detector' in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_inspect(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['inspect', str(folder / 'uniformer_small_in1k.pth')]) == 0
    out = capsys.readouterr().out
    assert 'UniFormer small' in out
    assert "under 'model'" in out
    assert 'without checksums' not in out
    assert 'catalogue: uniformer-small_in1k, head_dim 64' in out
    assert 'as backbone: ' in out
    assert 'as detection: no, ' in out
    assert main(['inspect', str(folder / 'video.pth')]) == 0
    out = capsys.readouterr().out
    assert 'video classifier of 400 classes' in out
    assert "head_dim can't be seen" in out
    assert '64 as uniformer-small' in out


def test_inspect_tells_a_borrowed_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / 'uniformer_base_in1k.pth'
    torch.save({'model': filled('cls_small')}, path, **LEGACY)
    assert main(['inspect', str(path)]) == 0
    out = capsys.readouterr().out
    assert 'without checksums: a damaged value would not be seen' in out
    assert 'arch is small in the file and base in the catalogue' in out


def test_inspect_of_something_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / 'a.pth').write_text('<!DOCTYPE html><html></html>')
    assert main(['inspect', str(tmp_path / 'a.pth')]) == 1
    assert 'web page' in capsys.readouterr().err
    torch.save({'fc.weight': torch.zeros(2, 2)}, tmp_path / 'b.pth')
    assert main(['inspect', str(tmp_path / 'b.pth')]) == 1
    assert 'not a UniFormer' in capsys.readouterr().err


def test_labels_permute_both_heads_of_a_light_model(tmp_path: Path) -> None:
    light = filled('video_light_xxs')
    torch.save(light, tmp_path / 'light.pth')
    classes = len(light['head.bias'])
    names = [f'class {i}' for i in range(classes)]
    (tmp_path / 'from.txt').write_text('\n'.join(names))
    (tmp_path / 'to.txt').write_text('\n'.join(reversed(names)))
    words = ['convert', str(tmp_path / 'light.pth'), str(tmp_path / 'o.pth')]
    labels = [str(tmp_path / 'from.txt'), str(tmp_path / 'to.txt')]
    assert main([*words, '--task', 'action', '--labels', *labels]) == 0
    state = read_weights(tmp_path / 'o.pth').state
    for ours, official in (
        ('cls_head.fc_cls', 'head'),
        ('neck.head_cls', 'head_cls'),
    ):
        for part in ('weight', 'bias'):
            assert torch.equal(
                state[f'{ours}.{part}'], light[f'{official}.{part}'].flip(0)
            )
