"""Metafiles and README tables: up to date, and as the paper has it."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from mmengine import Config

from tools import model_tables
from uniformer_mm.analysis import count_complexity
from uniformer_mm.models import ARCHS
from uniformer_mm.weights.zoo import ZOO

for host in ('mmdet', 'mmseg', 'mmpose', 'mmaction'):
    pytest.importorskip(host)

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs'
FOLDERS = ('detection', 'segmentation', 'pose', 'action', 'classification')

# What the paper states and no model with its accuracy can have.
WRONG_FLOPS = {
    # See test_the_paper_s_172_g.
    'semantic-fpn_uniformer-s-h14_80k_ade20k',
    # The value of UniFormer-S at 448x320.
    'td-hm_uniformer-b_210e_coco-384x288',
    # UniFormer-L: see test_the_paper_s_flops_of_l.
    'token-labeling_uniformer-l_310e_in1k',
    'token-labeling_uniformer-l_60e_in1k-384',
}


def allowed(text: str) -> float:
    """2 %, for what counters count besides products, and the rounding."""
    digits = len(text.partition('.')[2])
    return 0.02 * float(text) + 0.5 * 10**-digits


@pytest.mark.parametrize('folder', FOLDERS)
def test_a_folder(folder: str) -> None:
    if folder == 'classification':
        pytest.importorskip('mmpretrain')
    rows = model_tables.read_rows(CONFIGS, folder)
    models = [model_tables.read_model(CONFIGS, folder, row) for row in rows]
    outputs = model_tables.folder_outputs(CONFIGS, folder, models)
    for path, text in outputs.items():
        message = f'{path} is stale: run `python -m tools.model_tables`'
        assert path.read_text() == text, message

    differing = set()
    for model in models:
        name, counted = model.row['config'], model.counted
        for text, number in (
            (model.row['params_m'], counted.params / 1e6),
            (model.row['flops_g'], counted.macs / 1e9),
        ):
            if text and abs(number - float(text)) > allowed(text):
                differing.add(name)
    here = {row['config'] for row in rows}
    assert differing == WRONG_FLOPS & here


def test_the_table_of_all() -> None:
    ((path, text),) = model_tables.overview_outputs(CONFIGS).items()
    assert path.read_text() == text, 'run `python -m tools.model_tables`'
    for folder in FOLDERS:
        for row in model_tables.read_rows(CONFIGS, folder):
            assert f'({folder}/{row["config"]}.py)' in text


def test_the_paper_s_172_g() -> None:
    """Semantic FPN, S, h14: what windows everywhere in stage 3 would cost.

    Officially; we do not project 1784 tokens of padding back in 8 blocks.
    """
    path = CONFIGS / 'segmentation/semantic-fpn_uniformer-s-h14_80k_ade20k.py'
    config = Config.fromfile(path)
    assert config.model.backbone.attention == 'hybrid'
    config.model.backbone.attention = 'window'
    macs = count_complexity(config).macs
    assert round(macs / 1e9) == 171
    assert round((macs + 8 * 1784 * 320**2) / 1e9) == 172


def test_the_paper_s_flops_of_l() -> None:
    """Products of stage 3 alone are nearly what the paper counts for all.

    Its widths and depths are those of the published weights.
    """
    spec = ARCHS['large']
    depth, dim, tokens = spec.depths[2], spec.embed_dims[2], 14 * 14
    block = 12 * dim**2 + 2 * tokens * dim  # linear layers, attention
    assert depth * tokens * block / 1e9 > 12


def test_every_experiment_is_there() -> None:
    """Rows of the paper's tables, and some of their numbers."""
    rows = {f: model_tables.read_rows(CONFIGS, f) for f in FOLDERS}
    counts = {f: len(rows[f]) for f in FOLDERS}
    assert counts == {
        'detection': 8,
        'segmentation': 18,
        'pose': 6,
        # K400, K600, Something-Something, UCF101 and HMDB51, light models
        'action': 8 + 5 + 16 + 2 + 8,
        # light, plain, token-labelled at 224 and at 384
        'classification': 6 + 5 + 7 + 4,
    }
    for folder in FOLDERS:
        names = [row['config'] for row in rows[folder]]
        assert len(set(names)) == len(names)
        for row in rows[folder]:
            for metric, value in model_tables.metrics_of(folder, row).items():
                assert 35 < float(value) < 99, (row['config'], metric)
    found = {row['config']: row for f in FOLDERS for row in rows[f]}
    for name, column, value in (
        ('cascade-mask-rcnn_uniformer-b-h14_3x-ms_coco', 'box AP', '53.8'),
        ('upernet_uniformer-b_160k_ade20k_test-w32', 'mIoU', '49.1'),
        ('upernet_uniformer-s-h14_160k_ade20k', 'mIoU(ms+flip)', '48.0'),
        ('td-hm_uniformer-b_210e_coco-448x320', 'AP', '77.4'),
        ('uniformer-b_32_50e_sthv2_prek600', 'Top 1 Accuracy', '71.2'),
        ('uniformer-s_16x8_110e_k600', 'flops_g', '167'),
        ('token-labeling_uniformer-l_60e_in1k-384', 'flops_g', '39.2'),
    ):
        assert found[name][column] == value


@pytest.mark.parametrize('folder', FOLDERS)
def test_the_recipes_of_the_tests_agree(folder: str) -> None:
    """What tests/recipes repeats of the paper's numbers, it repeats right."""
    path = ROOT / f'tests/recipes/{folder}.yml'
    if not path.is_file():
        pytest.skip(f'no {path}')
    columns = {'miou': 'mIoU', 'ms_miou': 'mIoU(ms+flip)'}
    numbers = {'params_m', 'flops_g', *model_tables.FOLDERS[folder]}
    columns.update({name: name for name in numbers})
    rows = {r['config']: r for r in model_tables.read_rows(CONFIGS, folder)}
    experiments = yaml.safe_load(path.read_text())['experiments']
    assert {e['config'] for e in experiments} == set(rows)
    for experiment in experiments:
        row = rows[experiment['config']]
        numbers = {**experiment, **experiment.get('results', {})}
        for key, column in columns.items():
            told = numbers.get(key)
            if told is not None:
                assert float(row[column]) == told, (row['config'], key)


def test_mim_can_read_them() -> None:
    from modelindex.load_model_index import load

    index = load(str(ROOT / 'model-index.yml'))
    # The library reads README from the metafile's folder, mim and OpenMMLab
    # from the root.
    errors = [e for e in index.check(silent=True) if 'README' not in e]
    assert not errors
    models = {model.name: model for model in index.models}
    names = {
        row['config']: folder
        for folder in FOLDERS
        for row in model_tables.read_rows(CONFIGS, folder)
    }
    assert set(models) == set(names)
    collections = {collection.name for collection in index.collections}
    for name, folder in names.items():
        model = models[name]
        assert model.config == f'configs/{folder}/{name}.py'
        assert (ROOT / model.config).is_file()
        assert model.in_collection in collections
        assert model.metadata.data['Origin'] == 'paper'
        assert {'Epochs', 'Iterations'} & set(model.metadata.data)


def test_links_are_those_of_files_that_load_as_they_are() -> None:
    links = {}
    for folder in FOLDERS:
        data = yaml.safe_load((CONFIGS / folder / 'metafile.yml').read_text())
        for model in data['Models']:
            words = model['Weights']  # mim fails on a model without
            if words.startswith('http'):
                links[model['Name']] = words
            elif not words.startswith('not published: '):
                assert words.startswith('not a link: ')
                assert words.split()[6] in ZOO
    by_url = {entry.url: entry for entry in ZOO.values() if entry.url}
    tasks = {name: by_url[url].task for name, url in links.items()}
    assert set(tasks.values()) == {'segmentation', 'pose', 'action'}
    for name, url in links.items():
        if tasks[name] == 'action':  # official files have other names inside
            assert by_url[url].class_order == 'mmaction2'


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The configs, of the pose results the first alone."""
    configs = tmp_path / 'configs'
    shutil.copytree(CONFIGS, configs)
    path = configs / 'pose' / 'results.csv'
    path.write_text('\n'.join(path.read_text().splitlines()[:2]) + '\n')
    return configs


def change(path: Path, **values: str) -> None:
    with path.open(newline='') as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    rows[0].update(values)
    with path.open('w', newline='') as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_it_writes_and_then_has_nothing_to_write(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ['pose', '--configs', str(copied)]
    assert model_tables.main([*words, '--check']) == 1
    assert (
        'pose/metafile.yml, pose/README.md, README.md; run `python -m '
        in capsys.readouterr().err
    )
    assert model_tables.main(words) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    data = yaml.safe_load((copied / 'pose/metafile.yml').read_text())
    (model,) = data['Models']
    assert model['Metadata'] == {
        'Training Data': 'COCO',
        'Epochs': 210,
        'Input': '256x192',
        'Parameters': 25232465,
        'FLOPs': 4673740800,
        'Experiment': 'exp/top_down_256x192_global_small',
        'Origin': 'paper',
    }
    assert model['Results'][0] == {
        'Task': 'Body 2D Keypoint',
        'Dataset': 'COCO',
        'Metrics': {'AP': 74.0},
    }
    assert model['Weights'].endswith('global_small-d4a7fdac_20230724.pth')
    table = (copied / 'pose/README.md').read_text()
    assert table.startswith('# Pose\n')
    assert '| 74.0 ' in table
    assert '[uniformer_pose_toy]' in table

    assert model_tables.main([*words, '--check']) == 0
    assert model_tables.main(words) == 0
    assert capsys.readouterr().out == ''
    change(copied / 'pose/results.csv', AP='74.1')
    assert model_tables.main([*words, '--check']) == 1
    assert 'out of date' in capsys.readouterr().err
    assert '| 74.0 ' in (copied / 'pose/README.md').read_text()


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        ({'config': 'none'}, 'names none.py, which is not there'),
        ({'weights': 'none'}, "must be in the catalogue .* got 'none'"),
        ({'top5': '1'}, 'must have the columns'),
    ],
)
def test_a_wrong_row(
    copied: Path, values: dict[str, str], message: str
) -> None:
    change(copied / 'pose/results.csv', **values)
    with pytest.raises(ValueError, match=message):
        model_tables.read_rows(copied, 'pose')


def test_what_cannot_be_written(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ['pose', '--configs', str(copied)]
    config = copied / 'pose/td-hm_uniformer-s_210e_coco-256x192_tl.py'
    config.write_text(config.read_text().lstrip('#'))
    assert model_tables.main(words) == 1
    assert 'must begin with a comment' in capsys.readouterr().err
    config.unlink()
    readme = copied / 'pose/README.md'
    readme.write_text('# Pose\n')
    assert model_tables.main(words) == 1
    assert 'README.md must hold' in capsys.readouterr().err
    assert readme.read_text() == '# Pose\n'
    with pytest.raises(SystemExit):
        model_tables.main(['poses'])
    assert "got ['poses']" in capsys.readouterr().err
