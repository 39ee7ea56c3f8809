"""Stock configs with our backbone: they resolve, build, and run."""

from __future__ import annotations

from functools import reduce
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine import Config
from mmengine.registry import RUNNERS, DefaultScope

from tests.support.official_weights import filled
from tests.support.one_step import to_one_small_step
from tests.support.small import tensors_of
from uniformer_mm.hosts import HOSTS
from uniformer_mm.swap import TiedBackboneError, make_swap

pytestmark = pytest.mark.hosts

TOP_DOWN = 'mmpose::body_2d_keypoint/topdown_heatmap/coco'
# Name -> what is in the swapped config.
SWAPS: dict[str, dict[str, Any]] = {
    # The neck leaves the first map out.
    'mmdet::retinanet/retinanet_r18_fpn_1x_coco.py': {
        'model.neck.in_channels': [64, 128, 320, 512],
        'find_unused_parameters': True,
    },
    # Three maps, and pixels that were not normalised.
    'mmdet::yolox/yolox_tiny_8xb8-300e_coco.py': {
        'model.backbone.out_indices': (1, 2, 3),
        'model.neck.in_channels': [128, 320, 512],
        'model.data_preprocessor.mean': [123.675, 116.28, 103.53],
        'model.data_preprocessor.bgr_to_rgb': True,
    },
    # From coarse to fine.
    'mmdet::yolo/yolov3_d53_8xb8-320-273e_coco.py': {
        'model.backbone.out_indices': (1, 2, 3),
        'model.neck.in_channels': [512, 320, 128],
    },
    # No neck.
    'mmdet::mask2former/mask2former_r50_8xb2-lsj-50e_coco.py': {
        'model.panoptic_head.in_channels': [64, 128, 320, 512],
    },
    # One map, of stride 16.
    'mmdet::faster_rcnn/faster-rcnn_r50-caffe-dc5_1x_coco.py': {
        'model.backbone.out_indices': (2,),
        'model.rpn_head.in_channels': 320,
        'model.roi_head.bbox_roi_extractor.out_channels': 320,
        'model.roi_head.bbox_head.in_channels': 320,
        'model.data_preprocessor.std': [58.395, 57.12, 57.375],
    },
    # A tracker: the detector's.
    'mmdet::deepsort/deepsort_faster-rcnn_r50_fpn_8xb2-4e_'
    'mot17train_test-mot17test.py': {
        'model.detector.neck.in_channels': [64, 128, 320, 512],
        'model.reid.backbone.type': 'mmpretrain.ResNet',
    },
    # Dilated, two heads.
    'mmseg::pspnet/pspnet_r18-d8_4xb4-80k_isaid-896x896.py': {
        'model.decode_head.in_channels': 512,
        'model.auxiliary_head.in_channels': 320,
        'model.pretrained': None,
    },
    # The rate decays by layers of another backbone.
    'mmseg::beit/beit-base_upernet_8xb2-160k_ade20k-640x640.py': {
        'model.neck': None,
        'model.decode_head.in_channels': [64, 128, 320, 512],
        'optim_wrapper.constructor': (
            'uniformer_mm.LayerDecayOptimWrapperConstructor'
        ),
        'optim_wrapper.paramwise_cfg.layer_decay_rate': 0.9,
    },
    # A head in a head, with channels of its own.
    'mmseg::knet/knet-s3_r50-d8_fcn_8xb2-adamw-80k_ade20k-512x512.py': {
        'model.decode_head.kernel_generate_head.in_channels': 512,
        'model.auxiliary_head.in_channels': 320,
    },
    # A cascade of heads over four maps.
    'mmseg::ocrnet/ocrnet_hr18_4xb4-80k_ade20k-512x512.py': {
        'model.decode_head.1.in_channels': [64, 128, 320, 512],
    },
    # The head looks at the first map too.
    'mmseg::deeplabv3plus/deeplabv3plus_r18-d8_4xb4-80k_isaid-896x896.py': {
        'model.decode_head.c1_in_channels': 64,
    },
    f'{TOP_DOWN}/td-hm_res50_8xb64-210e_coco-256x192.py': {
        'model.head.in_channels': 512,
        'model.backbone.out_indices': (3,),
    },
    # From stride 4 to stride 32.
    f'{TOP_DOWN}/td-hm_hrnet-w32_8xb64-210e_coco-256x192.py': {
        'model.head.deconv_out_channels': (256, 256, 256),
        'model.head.deconv_kernel_sizes': (4, 4, 4),
    },
    # From stride 16, and its backbone is of a package that is not there.
    f'{TOP_DOWN}/td-hm_ViTPose-small_8xb64-210e_coco-256x192.py': {
        'model.head.in_channels': 512,
        'model.head.deconv_out_channels': (256, 256, 256),
        'optim_wrapper.paramwise_cfg.layer_decay_rate': 0.8,
    },
    # All maps, side by side.
    'mmpose::face_2d_keypoint/topdown_heatmap/wflw/'
    'td-hm_hrnetv2-w18_8xb64-60e_wflw-256x256.py': {
        'model.head.in_channels': 1024,
        'model.head.deconv_out_channels': None,
    },
    'mmpose::body_2d_keypoint/rtmpose/coco/'
    'rtmpose-s_8xb256-420e_coco-256x192.py': {
        'model.head.in_channels': 512,
        'model.head.in_featuremap_size': (6, 8),
    },
    'mmaction::recognition/tsn/'
    'tsn_imagenet-pretrained-r50_8xb32-1x1x8-50e_sthv2-rgb.py': {
        'model.backbone.as_tuple': False,
        'model.cls_head.in_channels': 512,
    },
    'mmaction::recognition/i3d/'
    'i3d_imagenet-pretrained-r50_8xb8-32x2x1-100e_kinetics400-rgb.py': {
        'model.backbone.ndim': 3,
        'model.cls_head.in_channels': 512,
    },
    # The old backbone ends in a vector.
    'mmaction::recognition/c3d/'
    'c3d_sports1m-pretrained_8xb30-16x1x1-45e_ucf101-rgb.py': {
        'model.cls_head.in_channels': 512,
        'model.cls_head.spatial_type': 'avg',
    },
    # Heatmaps of joints in place of pixels.
    'mmaction::skeleton/posec3d/slowonly_r50_8xb16-u48-240e_gym-keypoint.py': {
        'model.backbone.in_channels': 17,
        'model.backbone.out_indices': (3,),
    },
    # Classifiers, whose last map is pooled, or was already.
    'mmpretrain::resnet/resnet50_8xb32_in1k.py': {
        'model.backbone.out_norm': 'BN',
        'model.backbone.out_indices': (3,),
        'model.neck': {'type': 'GlobalAveragePooling'},
        'model.head.in_channels': 512,
    },
    'mmpretrain::swin_transformer/swin-tiny_16xb64_in1k.py': {
        'model.head.in_channels': 512,
    },
    'mmpretrain::convnext/convnext-tiny_32xb128_in1k.py': {
        'model.neck': {'type': 'GlobalAveragePooling'},
        'model.head.in_channels': 512,
    },
    'mmpretrain::vision_transformer/vit-base-p16_32xb128-mae_in1k.py': {
        'model.neck': {'type': 'GlobalAveragePooling'},
        'model.head.type': 'VisionTransformerClsHead',
        'model.head.in_channels': 512,
    },
    'mmpretrain::mobilenet_v3/mobilenet-v3-large_8xb128_in1k.py': {
        'model.head.in_channels': 512,
        'model.head.mid_channels': [1280],
    },
    # Four maps that were fused.
    'mmpretrain::hrnet/hrnet-w18_4xb32_in1k.py': {
        'model.neck': {'type': 'GlobalAveragePooling'},
        'model.head.in_channels': 512,
    },
    # Tokens that were pooled, and pixels of other statistics.
    'mmpretrain::mlp_mixer/mlp-mixer-base-p16_64xb64_in1k.py': {
        'model.neck': {'type': 'GlobalAveragePooling'},
        'data_preprocessor.mean': [123.675, 116.28, 103.53],
        'data_preprocessor.to_rgb': True,
    },
    # Boxes of people, on a map of stride 16.
    'mmaction::detection/slowonly/'
    'slowonly_k400-pre-r50_8xb8-8x8x1-10e_ava-kinetics-rgb.py': {
        'model.backbone.out_indices': (2,),
        'model.roi_head.bbox_head.in_channels': 320,
    },
}
INPUTS = {
    'mmdet': (1, 3, 128, 128),
    'mmseg': (2, 3, 128, 128),
    'mmpose': (1, 3, 256, 192),
    'mmpretrain': (1, 3, 64, 64),
}


def value_at(config: Any, path: str) -> Any:
    """The value at keys and indices between dots."""
    return reduce(
        lambda part, key: part[int(key) if key.isdigit() else key],
        path.split('.'),
        config,
    )


def need(name: str) -> str:
    host = name.partition('::')[0]
    if find_spec(host) is None:
        pytest.skip(f'{host} is not installed')
    return host


def read(text: str, folder: Path) -> Config:
    file = folder / 'swapped.py'
    file.write_text(text)
    return Config.fromfile(file, import_custom_modules=False)


@pytest.mark.parametrize('name', SWAPS)
def test_a_stock_config_is_swapped(name: str, tmp_path: Path) -> None:
    """What is written builds, and runs on tensors without numbers."""
    host = need(name)
    text = make_swap(name, arch='base').text()
    assert f'_base_ = {name!r}' in text
    config = read(text, tmp_path)
    assert 'uniformer_mm' in config.custom_imports.imports
    for path, value in SWAPS[name].items():
        assert value_at(config, path) == value, path
    owner = config.model.get('detector', config.model)
    assert owner.backbone.type == 'uniformer_mm.UniFormer'
    assert owner.backbone.arch == 'base'
    if owner.backbone.get('in_channels', 3) == 3:
        assert owner.backbone.init_cfg.checkpoint == 'uniformer-base_in1k'
    import_module(f'{host}.models')
    models = import_module(f'{host}.registry').MODELS
    with DefaultScope.overwrite_default_scope(host), torch.device('meta'):
        model = models.build(owner)
        model.eval()
        out = forward(host, model)
    assert tensors_of(out)


def forward(host: str, model: Any) -> Any:
    """The forward pass of each host, without heads that run on boxes."""
    if host == 'mmdet':
        return model.extract_feat(torch.rand(INPUTS[host]))
    if host in INPUTS:
        return [model(torch.rand(INPUTS[host]), None, mode='tensor')]
    backbone = model.backbone
    frames = (8, 64, 64) if backbone.ndim == 3 else (64, 64)
    clips = torch.rand(1, 8, backbone.in_channels, *frames)
    if not getattr(model, 'cls_head', None):
        return backbone(clips[:, 0])
    return model.extract_feat(clips, stage='head')


REFUSED = {
    'mmdet::faster_rcnn/faster-rcnn_r50-caffe-c4_ms-1x_coco.py': (
        r'roi_head.shared_head \(ResLayer\) is made for the maps of the old'
    ),
    'mmdet::detectors/cascade-rcnn_r50-rfp_1x_coco.py': (
        r'one backbone to swap, has: model, model.neck.rfp_backbone'
    ),
    'mmdet::cornernet/cornernet_hourglass104_8xb6-210e-mstest_coco.py': (
        'HourglassNet gives several maps of one size'
    ),
    'mmdet::tridentnet/tridentnet_r50-caffe_1x_coco.py': 'shared_head',
    'mmseg::unet/unet-s5-d16_fcn_4xb4-40k_drive-64x64.py': (
        'UNet is tied: it is a whole segmentation network'
    ),
    f'{TOP_DOWN}/td-hm_mspn50_8xb32-210e_coco-256x192.py': (
        'MSPN gives no plain maps'
    ),
    'mmaction::recognition/tsm/'
    'tsm_imagenet-pretrained-r50_8xb16-1x1x8-50e_sthv2-rgb.py': (
        'ResNetTSM is tied: the backbone itself shifts features in time'
    ),
    'mmaction::recognition/slowfast/'
    'slowfast_r50_8xb8-8x8x1-256e_kinetics400-rgb.py': (
        'ResNet3dSlowFast gives several maps of one size'
    ),
    'mmaction::recognition/timesformer/'
    'timesformer_divST_8xb8-8x32x1-15e_kinetics400-rgb.py': (
        'TimeSformer gives tokens or vectors, no maps'
    ),
    'mmaction::skeleton/stgcn/'
    'stgcn_8xb16-bone-u100-80e_ntu60-xsub-keypoint-2d.py': (
        'RecognizerGCN is tied: its input is skeletons'
    ),
    'mmaction::recognition/omnisource/'
    'slowonly_r50_8xb16-8x8x1-256e_imagenet-kinetics400-rgb.py': (
        'RecognizerOmni is tied: its backbone takes pictures and clips'
    ),
    'mmpretrain::vgg/vgg11_8xb32_in1k.py': 'head ClsHead has no in_channels',
    'mmpretrain::conformer/conformer-tiny-p16_8xb128_in1k.py': (
        r'ConformerHead takes vectors of \[\d+, \d+\] channels'
    ),
    'mmpretrain::mae/mae_vit-base-p16_8xb512-amp-coslr-300e_in1k.py': (
        'MAE is tied: of mmpretrain only an ImageClassifier is swapped'
    ),
}


@pytest.mark.parametrize('name', REFUSED)
def test_what_is_tied_to_its_backbone_says_so(name: str) -> None:
    need(name)
    with pytest.raises(TiedBackboneError, match=REFUSED[name]):
        make_swap(name)


UNFIT = {
    'mmseg::ocrnet/ocrnet_r101-d8_4xb2-40k_cityscapes-512x1024.py': (
        r'decode_head \(FCNHead, OCRHead\) does not take our maps'
    ),
    'mmpose::wholebody_2d_keypoint/rtmpose/cocktail14/'
    'rtmw-x_8xb320-270e_cocktail14-384x288.py': r'does not take our maps',
    f'{TOP_DOWN}/td-hm_alexnet_8xb64-210e_coco-256x192.py': (
        r'HeatmapHead\) gives \(64, 48\) from our maps, where \(56, 40\) is'
    ),
    'mmpretrain::deit/deit-small-distilled_4xb256_in1k.py': (
        r'head \(DeiTClsHead\) does not take our maps \(512\)'
    ),
}


@pytest.mark.parametrize('name', UNFIT)
def test_a_part_that_does_not_fit_is_named(name: str) -> None:
    need(name)
    with pytest.raises(ValueError, match=UNFIT[name]):
        make_swap(name)


DOUBLING = {
    'mmaction::recognition/tpn/'
    'tpn-slowonly_r50_8xb8-8x8x1-150e_kinetics400-rgb.py': {
        'model.neck.in_channels': (256, 512),
        'model.neck.spatial_modulation_cfg.out_channels': 512,
        'model.cls_head.in_channels': 2048,
    },
    'mmpose::wholebody_2d_keypoint/rtmpose/cocktail14/'
    'rtmw-x_8xb320-270e_cocktail14-384x288.py': {
        'model.neck.in_channels': [128, 256, 512],
    },
}


@pytest.mark.parametrize('name', DOUBLING)
def test_what_wants_doubling_channels_takes_an_arch_that_has_them(
    name: str,
) -> None:
    need(name)
    with pytest.raises(ValueError, match='does not take our maps'):
        make_swap(name, arch='small')
    config = make_swap(name, arch='xs').config
    for path, value in DOUBLING[name].items():
        assert value_at(config, path) == value, path


@pytest.mark.parametrize(
    'name',
    [
        'mmpose::body_2d_keypoint/dekr/coco/dekr_hrnet-w32_8xb10-140e_coco-512x512.py'
    ],
)
def test_a_head_of_deformable_convolutions_is_run(name: str) -> None:
    """Their weights are made without asking for the device."""
    need(name)
    swap = make_swap(name)
    assert swap.config.model.head.in_channels == 64 + 128 + 320 + 512
    assert not [note for note in swap.notes if 'not run' in note]


STEPS = {
    'mmdet::mask_rcnn/mask-rcnn_r50-caffe_fpn_1x_coco.py': {'arch': 'xxs'},
    'mmseg::pspnet/pspnet_r18-d8_4xb4-80k_isaid-896x896.py': {'arch': 'xxs'},
    f'{TOP_DOWN}/td-hm_hrnet-w32_8xb64-210e_coco-256x192.py': {},
    'mmaction::recognition/tsn/'
    'tsn_imagenet-pretrained-r50_8xb32-1x1x8-50e_sthv2-rgb.py': {},
    'mmpretrain::convnext/convnext-tiny_32xb128_in1k.py': {'arch': 'xxs'},
}


@pytest.mark.parametrize('name', STEPS)
def test_a_swapped_config_trains(
    name: str,
    few_shapes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = need(name)
    arguments = {'init_cfg': None, **STEPS[name]}
    if host == 'mmpose':  # one of them from the weights it names
        arguments.pop('init_cfg')
        weights = {'model': filled('cls_small')}
        torch.save(weights, tmp_path / 'uniformer_small_in1k.pth')
        monkeypatch.setenv('UNIFORMER_MM_WEIGHTS', str(tmp_path))
    swap = make_swap(name, **arguments)
    assert swap.host == host
    config = read(swap.text(), tmp_path)
    to_one_small_step(config, HOSTS[host].folder, few_shapes)
    config.work_dir = str(tmp_path)
    runner = RUNNERS.build({'type': 'Runner', **config})
    backbone = runner.model.backbone
    assert type(backbone).__module__.startswith('uniformer_mm')
    untrained = dict(backbone.named_parameters())
    for name, parameter in backbone.named_parameters():
        parameter.register_hook(lambda _, name=name: untrained.pop(name))
    runner.train()
    assert runner.message_hub.get_scalar('train/loss').current() > 0
    # Only where it says so may DistributedDataParallel meet such ones.
    assert bool(untrained) == config.get('find_unused_parameters', False)
