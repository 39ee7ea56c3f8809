"""What swap_backbone takes, says and leaves alone; and its command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mmengine import Config

import uniformer_mm
from uniformer_mm.cli.main import main
from uniformer_mm.swap import make_swap, swap_backbone
from uniformer_mm.swap.channels import match_stages, with_channels

pytest.importorskip('mmdet')
pytestmark = pytest.mark.hosts

NAME = 'mmdet::retinanet/retinanet_r18_fpn_1x_coco.py'
YOLOX = 'mmdet::yolox/yolox_tiny_8xb8-300e_coco.py'


def stock() -> Config:
    """The config of that name, as a user has it."""
    import mmdet

    root = Path(mmdet.__file__).parent / '.mim/configs'
    return Config.fromfile(root / NAME.partition('::')[2])


def test_a_config_stays_as_it_is() -> None:
    config = stock()
    before = config.to_dict()
    with pytest.warns(UserWarning, match='find_unused_parameters=True'):
        swapped = uniformer_mm.swap_backbone(config)
    assert config.to_dict() == before
    assert swapped.model.neck.in_channels == [64, 128, 320, 512]
    assert swap_backbone is uniformer_mm.swap_backbone


def test_a_config_that_was_changed_is_written_with_its_changes() -> None:
    config = stock()
    config.train_dataloader.batch_size = 7
    text = make_swap(config).text()
    assert f'_base_ = {NAME!r}' in text
    assert 'train_dataloader = dict(batch_size=7)' in text


def test_a_config_in_memory_is_written_whole(tmp_path: Path) -> None:
    config = Config(stock().to_dict())
    swap = make_swap(config)
    file = tmp_path / 'whole.py'
    file.write_text(swap.text('Ours'))
    assert file.read_text().startswith('# Ours\n')
    assert '_base_ =' not in file.read_text()
    assert Config.fromfile(file).to_dict() == swap.config.to_dict()


def test_weights_of_another_whole_model_are_removed() -> None:
    config = stock()
    config.load_from = 'retinanet.pth'
    config.model.init_cfg = {'type': 'Pretrained', 'checkpoint': 'all.pth'}
    swap = make_swap(config)
    assert swap.config.load_from is None
    assert swap.config.model.init_cfg is None
    assert 'load_from is gone: retinanet.pth' in swap.notes


@pytest.mark.parametrize(
    ('arguments', 'expected'),
    [
        (
            {'arch': 'xs', 'with_cp': True},
            {'type': 'uniformer_mm.UniFormerLight', 'with_cp': True},
        ),
        ({'attention': 'window'}, {'attention': 'window'}),
        ({'drop_path_rate': 0.0}, {'drop_path_rate': 0.0}),
        ({'init_cfg': None}, {'init_cfg': None}),
    ],
)
def test_arguments_reach_the_backbone(
    arguments: dict[str, Any], expected: dict[str, Any]
) -> None:
    backbone = make_swap(NAME, **arguments).config.model.backbone
    assert {key: backbone[key] for key in expected} == expected


@pytest.mark.parametrize(
    ('arch', 'weights'),
    [
        ('small_plus', 'uniformer-small-plus_in1k'),
        ('base_ls', 'uniformer-base-ls_in1k'),
        ('large', 'uniformer-large_tl-224'),
        ('xxs', 'uniformer-xxs-224_in1k'),
    ],
)
def test_an_arch_gets_its_weights(arch: str, weights: str) -> None:
    config = make_swap(NAME, arch=arch).config
    assert config.model.backbone.init_cfg.checkpoint == weights
    spec = uniformer_mm.ARCHS[arch]
    assert config.model.neck.in_channels == list(spec.embed_dims)


def test_an_arch_of_ones_own_has_no_weights() -> None:
    arch = {'depths': (1, 1, 1, 1), 'embed_dims': (16, 32, 64, 64)}
    swap = make_swap(NAME, arch=arch)
    assert swap.config.model.neck.in_channels == [16, 32, 64, 64]
    assert 'init_cfg' not in swap.config.model.backbone
    assert any('random weights' in note for note in swap.notes)


def test_without_our_weights_pixels_stay_as_they_were() -> None:
    config = make_swap(YOLOX, init_cfg=None).config
    assert 'mean' not in config.model.data_preprocessor


@pytest.mark.parametrize(
    ('source', 'error', 'message'),
    [
        ('mmdet::yolox/yolox_8xb8.py', FileNotFoundError, 'near:.*yolox_'),
        ('none.py', FileNotFoundError, "no config 'none.py'"),
        ('mmfoo::a.py', ValueError, "unknown host 'mmfoo'"),
        (3, TypeError, 'cfg must be a Config, a path, or a name'),
        (Config({'a': 1}), ValueError, 'default_scope of a config must be'),
        (
            Config({'default_scope': 'mmdet'}),
            ValueError,
            'the config has no model',
        ),
        (
            Config({'default_scope': 'mmpretrain', 'model': {}}),
            ValueError,
            'of mmpretrain only an ImageClassifier is swapped',
        ),
    ],
)
def test_bad_sources_are_refused(
    source: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        swap_backbone(source)


@pytest.mark.parametrize(
    ('arguments', 'error', 'message'),
    [
        ({'out_indices': (3,)}, TypeError, r"decides \['out_indices'\]"),
        ({'arch': 'tiny'}, ValueError, "unknown arch 'tiny'; choose one of"),
        ({'arch': 3}, TypeError, 'arch must be one of'),
        ({'depth': 50}, TypeError, 'depth'),
    ],
)
def test_bad_arguments_are_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        swap_backbone(NAME, **arguments)


@pytest.mark.parametrize(
    ('strides', 'stages'),
    [
        ([4, 8, 16, 32], (0, 1, 2, 3)),
        ([4, 8, 8, 8], (0, 1, 2, 3)),
        ([8, 16, 32], (1, 2, 3)),
        ([16], (2,)),
        ([64], (3,)),
        ([8, 8], (1, 2)),
    ],
)
def test_maps_become_the_stages_of_their_strides(
    strides: list[float], stages: tuple[int, ...]
) -> None:
    assert match_stages(strides) == stages


def test_channels_inside_of_a_head_are_left_alone() -> None:
    head = {
        'type': 'Head',
        'generator': {'in_channels': 512, 'in_index': 3},
        'updater': [{'in_channels': 128, 'feat_channels': 512}],
    }
    changed = with_channels(head, [64, 128, 256, 512], [1, 2, 3, 4])
    assert changed['generator'] == {'in_channels': 4, 'in_index': 3}
    assert changed['updater'] == head['updater']


@pytest.mark.parametrize(
    ('head', 'expected'),
    [
        (
            {'in_channels': [64, 512], 'in_index': [0, 3]},
            {'in_channels': [1, 4]},
        ),
        ({'in_channels': (512, 256, 128)}, {'in_channels': (4, 3, 2)}),
        ({'in_channels': 960}, {'in_channels': 10}),  # all, side by side
        ({'in_channels': 256, 'in_index': 2}, {'in_channels': 3}),
        ({'in_channels': 77}, {'in_channels': 77}),
        (
            {'in_channels': 512, 'channels': 512, 'num_convs': 0},
            {'in_channels': 4, 'channels': 4},
        ),
        ({'in_channels': 512, 'channels': 512}, {'channels': 512}),
    ],
)
def test_a_head_gets_the_channels_of_the_maps_it_takes(
    head: dict[str, Any], expected: dict[str, Any]
) -> None:
    changed = with_channels(head, [64, 128, 256, 512], [1, 2, 3, 4])
    assert {key: changed[key] for key in expected} == expected


def test_the_command_prints_a_config(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ['config', '--swap', NAME, '--arch', 'xxs']
    assert main([*words, '--backbone', 'with_cp=True']) == 0
    printed = capsys.readouterr()
    title = f'# {NAME} with our backbone: with_cp=True\n# arch=xxs\n'
    assert printed.out.startswith(title)
    assert 'with_cp=True,' in printed.out
    assert 'neck=dict(in_channels=[56, 112, 224, 448])' in printed.out
    assert printed.err.startswith('uniformer-mm: find_unused_parameters')


def test_the_command_writes_a_new_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / 'swapped.py'
    words = ['config', '--swap', NAME, '--out', str(file)]
    assert main(words) == 0
    assert capsys.readouterr().out == f'mim train mmdet {file}\n'
    config = Config.fromfile(file)
    assert config.model.backbone.arch == 'small'
    assert main(words) == 1
    assert 'name a new file' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--arch', 'small'], 'go with --swap'),
        (['--swap', NAME, '--backbone', 'with_cp'], 'takes KEY=VALUE'),
        (['--swap', NAME, '--backbone', 'ndim=3'], "decides ['ndim']"),
        (['a.py', '--swap', NAME], "not 'a.py' too"),
    ],
)
def test_bad_words_of_the_command_are_refused(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['config', *words]) == 1
    assert message in capsys.readouterr().err
