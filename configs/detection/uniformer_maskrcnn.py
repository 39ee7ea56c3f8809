# Mask R-CNN, UniFormer-S with hybrid attention, 1x schedule, COCO.
# Paper: 45.6 box AP, 41.6 mask AP (arXiv 2201.09450).
_base_ = [
    'mmdet::_base_/models/mask-rcnn_r50_fpn.py',
    'mmdet::_base_/datasets/coco_instance.py',
    'mmdet::_base_/schedules/schedule_1x.py',
    'mmdet::_base_/default_runtime.py',
    '../_base_/runtime.py',
]

model = dict(
    backbone=dict(
        _delete_=True,
        type='uniformer_mm.UniFormer',
        arch='small',
        attention='hybrid',  # blocks 3 and 7 of stage 3 global, others windows
        window_size=14,  # tokens; the 14x14 stage-3 map of 224 px pre-training
        drop_path_rate=0.2,
        with_cp=[0, 0, 8, 0],  # all of stage 3
        # NOTE: batch norm is trained and keeps its statistics, 2 images per
        # GPU, as in the paper; its authors say freezing helps a little.
        norm_eval=False,
        # The plain ImageNet-1K weights, 82.9 top-1: no token labelling.
        init_cfg=dict(
            type='uniformer_mm.UniFormerPretrained',
            checkpoint='uniformer-small_in1k',
        ),
    ),
    neck=dict(in_channels=[64, 128, 320, 512]),
)

# 8 GPUs x 2 images = 16; 12 epochs, x0.1 at 8 and 11, 500 warm-up iterations
# from x0.001 (all from schedule_1x).
optim_wrapper = dict(
    _delete_=True,
    type='AmpOptimWrapper',  # fp16, dynamic loss scale (official: apex O1)
    optimizer=dict(
        type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.05
    ),
    # A name rule, as in the paper: what has 'norm' in its name is not decayed.
    paramwise_cfg=dict(custom_keys={'norm': dict(decay_mult=0.0)}),
)
