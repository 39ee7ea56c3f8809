"""The configs with heads that the paper does not have."""

from __future__ import annotations

HEADS = {
    'detection': (
        'deformable-detr_uniformer-s-h14_50e_coco',
        'dino-4scale_uniformer-s-h14_1x_coco',
        'fcos_uniformer-s-h14_1x_coco',
        'mask2former_uniformer-s-h14_50e_coco',
        'mask2former_uniformer-s-h14_50e_coco-panoptic',
        'rtmdet-ins_uniformer-s-h14_100e_coco',
        'rtmdet_uniformer-s-h14_100e_coco',
    ),
    'segmentation': (
        'mask2former_uniformer-s_160k_ade20k',
        'segformer_uniformer-s_160k_ade20k',
    ),
    'pose': (
        'cid_uniformer-s_140e_coco-512x512',
        'rtmpose_uniformer-s_420e_coco-256x192',
    ),
}
# Beside their own host.
NEED_MMDET = {
    'mask2former_uniformer-s_160k_ade20k',
    'rtmpose_uniformer-s_420e_coco-256x192',
}
