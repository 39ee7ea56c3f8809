# RTMDet-Ins-l, which adds masks. The norms and the schedule are those that
# mmdet has for RTMDet on Swin, 100 epochs.
_base_ = [
    'mmdet::rtmdet/rtmdet-ins_l_8xb32-300e_coco.py',
    '../_base_/detection/uniformer-s-h14.py',
    '../_base_/runtime.py',
]

group_norm = dict(type='GN', num_groups=32)
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
    ),
    neck=dict(in_channels=[128, 320, 512], norm_cfg=group_norm),
    bbox_head=dict(norm_cfg=group_norm),
)
del group_norm

train_cfg = dict(max_epochs=100, dynamic_intervals=[(90, 1)])
optim_wrapper = dict(optimizer=dict(lr=1e-3))  # 4 GPUs x 32 images = 128
param_scheduler = [
    _base_.param_scheduler[0],
    # From the 50th epoch on.
    dict(_base_.param_scheduler[1], begin=50, end=100, T_max=50, eta_min=5e-5),
]
custom_hooks = [
    dict(
        type='EMAHook',
        ema_type='ExpMomentumEMA',
        momentum=0.0002,
        update_buffers=True,
        priority=49,
    ),
    # No mosaic and no mixup in the last 10 epochs.
    dict(
        type='PipelineSwitchHook',
        switch_epoch=90,
        switch_pipeline=_base_.train_pipeline_stage2,
    ),
]
