from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from uniformer_mm.backbones import ARCHS
from uniformer_mm.weights import zoo
from uniformer_mm.weights.zoo import ZOO, ZooEntry, find_entry

ENTRIES = list(ZOO.values())

BACKBONE = re.compile(
    r'uniformer-(?P<arch>small|small-plus|base|base-ls|large|xxs|xs)'
    r'(-dim64)?(?P<light>-\d{3})?'
    r'_(in1k|tl-224|tl-384|k400|k600|sthv1|sthv2|ucf101|hmdb51)'
    r'(_\d+(x\d)?)?(_prek[46]00)?(_(mmpose|mmaction2))?'
)
DOWNSTREAM = re.compile(
    r'(mask-rcnn|cascade-mask-rcnn|semantic-fpn|upernet|td-hm)_'
    r'uniformer-(?P<arch>xxs|xs|s|b)(-h14)?_(1x|3x-ms|80k|160k|210e)_'
    r'(ade20k|coco|coco-\d{3}x\d{3})(_(mmpose|controlnet))?'
)
LETTERS = {'s': 'small', 'b': 'base', 'xxs': 'xxs', 'xs': 'xs'}

# Every name that the official repository or its issues state.
STATED = (
    [f'uniformer_{a}_in1k.pth' for a in ('small', 'base')]
    + [f'uniformer_xxs_{r}_in1k.pth' for r in (128, 160, 192, 224)]
    + [f'uniformer_xs_{r}_in1k.pth' for r in (192, 224)]
    + [
        f'uniformer_{a}_{t}.pth'
        for a in ('small', 'base')
        for t in ('k400_8x8', 'k400_16x4', 'k600_16x4')
    ]
    + [
        'uniformer_base_tl_224.pth',
        'uniformer_small_k400_16x8.pth',
        'uniformer_small_sthv1_16_prek600.pth',
        'top_down_256x192_global_small.pth',
        'upernet_global_small.pth',
    ]
)


@pytest.mark.parametrize('entry', ENTRIES, ids=list(ZOO))
def test_an_entry_is_sound(entry: ZooEntry) -> None:
    match = BACKBONE.fullmatch(entry.name) or DOWNSTREAM.fullmatch(entry.name)
    assert match
    arch = match['arch']
    assert entry.arch == LETTERS.get(arch, arch.replace('-', '_'))
    assert entry.task in (
        'backbone',
        'detection',
        'segmentation',
        'pose',
        'action',
    )
    assert entry.arch in ARCHS
    assert entry.ndim == (3 if entry.task == 'action' else 2)
    assert entry.source.startswith('https://')
    assert not entry.url or entry.url.endswith(f'/{entry.file_name}')
    assert re.fullmatch('|[0-9a-f]{8}|[0-9a-f]{64}', entry.sha256)
    assert entry.size == 0, 'no publisher states one'
    assert len(entry.mean) == len(entry.std) == 3 * (not entry.token_labeling)
    assert re.fullmatch(r'\w[\w.-]*\.pth', entry.local_name)


def test_nothing_is_listed_twice() -> None:
    text = Path(zoo.__file__).with_name('zoo.csv').read_text()
    assert len(text.splitlines()) == len(ZOO) + 1
    urls = [entry.url for entry in ENTRIES if entry.url]
    assert len(urls) == len(set(urls))
    drive = [e.source for e in ENTRIES if 'drive.google' in e.source]
    assert len(drive) == len(set(drive))
    assert all(re.search('/d/[-\\w]{33}/view$', link) for link in drive)


def test_how_many_there_are() -> None:
    counts = Counter(e.task for e in ENTRIES if 'drive.google' in e.source)
    # What the READMEs of the authors link to.
    assert counts == {
        'backbone': 22,
        'action': 38,
        'detection': 8,
        'segmentation': 7,
        'pose': 6,
    }


def test_head_dims() -> None:
    for entry in ENTRIES:
        if entry.arch in ('xxs', 'xs'):
            expected = ARCHS[entry.arch].head_dim
        elif entry.task != 'backbone' or 'dim64' in entry.name:
            expected = 64
        else:
            small = entry.token_labeling and entry.arch != 'large'
            expected = 32 if small or entry.arch == 'small_plus' else 64
        assert entry.head_dim == expected, entry.name


def test_what_only_some_have() -> None:
    tl = [entry.name for entry in ENTRIES if entry.token_labeling]
    assert tl == [name for name in ZOO if '_tl-' in name]
    assert all('mean and std' in ZOO[name].note for name in tl)
    assert {e.name for e in ENTRIES if e.layer_scale} == {
        'uniformer-xxs-128_k400_4',
        'uniformer-xxs-160_k400_4',
        'uniformer-xxs-128_k400_8',
    }
    bgr = [e.name for e in ENTRIES if 'BGR' in e.note]
    assert bgr == [n for n in ZOO if re.search('sthv[12]|hmdb51', n)]
    kinetics = {
        e.class_order for e in ENTRIES if re.search('_k[46]00', e.name)
    }
    assert kinetics == {'authors', 'mmaction2'}


@pytest.mark.parametrize('file_name', STATED)
def test_a_published_file_name_is_found(file_name: str) -> None:
    entry = find_entry(file_name)
    assert entry is not None
    assert entry.file_name == file_name
    for source in (f'/data/{file_name}', rf'C:\data\{file_name}'):
        assert find_entry(source) is entry
    assert find_entry(f'https://host/a%20b/{file_name}?x=1') is entry


def test_a_name_and_a_url_are_found() -> None:
    for entry in ENTRIES:
        assert find_entry(entry.name) is entry
        assert find_entry(f'{entry.name}.pth') is entry or entry.file_name
        if entry.url:
            assert find_entry(entry.url) is entry


@pytest.mark.parametrize('source', ['', 'a.pth', 'small', '/', 'a.pth/'])
def test_an_unknown_source(source: str) -> None:
    assert find_entry(source) is None


def test_a_hash_decides() -> None:
    entry = ZOO['upernet_uniformer-s_160k_ade20k_controlnet']
    known, other = entry.sha256, 'f' * 64
    assert find_entry('a.pth', known) is entry
    assert find_entry('uniformer_small_in1k.pth', known.upper()) is entry
    short = ZOO['uniformer-base_k400_32x4_mmaction2']
    assert find_entry('a.pth', short.sha256 + 'f' * 56) is short
    # Its name, but not its content.
    assert find_entry(short.file_name, other) is None
    assert find_entry(short.name, other) is None
    small = ZOO['uniformer-small_in1k']
    assert find_entry(small.file_name, other) is small


@pytest.mark.parametrize('sha256', ['', 'c630a037', 'x' * 64])
def test_a_bad_hash(sha256: str) -> None:
    with pytest.raises(ValueError, match='sha256 must be 64 hexadecimal'):
        find_entry('a.pth', sha256)


def test_copies_of_one_model_share_a_file_name() -> None:
    entry = find_entry('uniformer_small_in1k.pth')
    assert entry is ZOO['uniformer-small_in1k']
    copy = ZOO['uniformer-small_in1k_mmpose']
    assert copy.file_name == entry.file_name
    assert copy.head_dim == entry.head_dim


def test_an_ambiguous_file_name(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = ZOO['uniformer-base-dim64_tl-224']
    other = ZOO['uniformer-base_tl-224']
    twin = replace(entry, file_name=other.file_name)
    monkeypatch.setitem(ZOO, entry.name, twin)
    with pytest.raises(ValueError, match='of several models') as error:
        find_entry(f'/data/{other.file_name}')
    for text in (entry.name, other.name, 'head_dim 32', 'head_dim 64'):
        assert text in str(error.value)
    assert find_entry(other.name) is other


def test_the_hash_in_a_file_name() -> None:
    hosted = [e for e in ENTRIES if 'download.openmmlab.com' in e.url]
    named = [e for e in hosted if re.search('-[0-9a-f]{8}[._]', e.url)]
    assert len(hosted) == 11
    assert len(named) == 9
    for entry in ENTRIES:
        match = re.search('-([0-9a-f]{8})[._]', entry.file_name)
        if match:
            assert entry.sha256 == match[1]
        elif entry.sha256:
            assert entry.name.endswith('_controlnet')


def test_the_files_of_mmaction2() -> None:
    mmaction = pytest.importorskip('mmaction')
    folder = Path(mmaction.__file__).parent / '.mim/configs/recognition'
    text = (folder / 'uniformer/metafile.yml').read_text()
    urls = re.findall(r'Weights: (https://download\S+)', text)
    ours = [e.url for e in ENTRIES if e.name.endswith('_mmaction2')]
    assert sorted(ours) == sorted(urls)
    for entry in ENTRIES:
        if entry.url in urls:
            config = f'{entry.file_name.rpartition("_")[0]}.py'
            lines = (folder / 'uniformer' / config).read_text()
            assert f'head_dim={entry.head_dim}' in lines
            assert f'mean={list(entry.mean)}' in lines
            assert f'std={list(entry.std)}' in lines
