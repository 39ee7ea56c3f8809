# FCOS with its later improvements (centre sampling, GIoU), 12 epochs: mmdet's
# recipe with our backbone, and the optimizer of the paper's detectors.
_base_ = [
    'mmdet::fcos/fcos_r50-caffe_fpn_gn-head-center-normbbox-centeronreg-'
    'giou_1x_coco.py',
    '../_base_/uniformer-s.py',
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
        attention='hybrid',
        window_size=14,
        out_indices=(1, 2, 3),
        drop_path_rate=0.2,
        norm_eval=True,  # 2 images per GPU
        with_cp=[0, 0, 8, 0],  # all of stage 3
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
