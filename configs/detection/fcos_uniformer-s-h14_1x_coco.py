# FCOS with its later improvements (centre sampling, GIoU). The schedule is its
# authors', 12 epochs, the optimizer that of the paper's detectors.
_base_ = [
    'mmdet::fcos/fcos_r50-caffe_fpn_gn-head-center-normbbox-centeronreg-'
    'giou_1x_coco.py',
    '../_base_/detection/uniformer-s-h14.py',
    '../_base_/runtime.py',
]

model = dict(
    data_preprocessor=dict(
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        _delete_=True,
        **_base_.uniformer_s,
        out_indices=(1, 2, 3),
        norm_eval=True,  # 2 images per GPU
    ),
    neck=dict(in_channels=[128, 320, 512], start_level=0),
)
optim_wrapper = dict(
    _delete_=True,
    type='AmpOptimWrapper',  # fp16, dynamic loss scale
    optimizer=dict(
        type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.05
    ),
    constructor='uniformer_mm.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(decay_groups='not_names_with_norm'),
)
