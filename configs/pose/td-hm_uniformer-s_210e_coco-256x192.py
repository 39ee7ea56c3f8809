# Top-down heatmaps with UniFormer-S, 256x192, on COCO
# (arXiv 2201.09450). All heads, losses, boxes and metrics as in the base.
_base_ = [
    'mmpose::body_2d_keypoint/topdown_heatmap/coco/'
    'td-hm_res50_8xb64-210e_coco-256x192.py',
    '../_base_/runtime.py',
]

codec = dict(
    type='MSRAHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2
)
model = dict(
    backbone=dict(
        _delete_=True,
        type='uniformer_mm.UniFormer',
        arch='small',
        attention='global',
        out_indices=(3,),  # the head reads no other map
        drop_path_rate=0.2,
        # The plain ImageNet-1K weights, 82.9 top-1: no token labelling.
        init_cfg=dict(
            type='uniformer_mm.UniFormerPretrained',
            checkpoint='uniformer-small_in1k',
        ),
    ),
    head=dict(in_channels=512, decoder=codec),
)

# NOTE: the official code makes the boxes to train on 1 px smaller, as its host
# did then; this host keeps them.
augmentation = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='uniformer_mm.FixedBoxShift', shift_factor=0.2, shift_prob=0.3),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(
        type='RandomHalfBody',
        min_total_keypoints=9,
        padding=1.5,
        prob=0.3,
        # The official code compares a normal sample with 0.5.
        upper_prioritized_prob=0.6915,
    ),
    dict(
        type='uniformer_mm.RandomBoxScaleRotation',
        scale_factor=0.5,
        rotate_factor=40.0,
        rotate_prob=0.6,
    ),
]
train_pipeline = [
    *augmentation,
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
# 8 GPUs x 128 boxes = 1024
train_dataloader = dict(batch_size=128, dataset=dict(pipeline=train_pipeline))
auto_scale_lr = dict(base_batch_size=1024)

# 210 epochs, x0.1 at 170 and 200 (from the base). Everything is decayed, norms
# and biases too.
optim_wrapper = dict(
    _delete_=True,
    type='AmpOptimWrapper',  # fp16, dynamic loss scale
    optimizer=dict(
        type='AdamW', lr=2e-3, betas=(0.9, 0.999), weight_decay=0.01
    ),
)
# 500 warm-up iterations; LinearLR reaches 1 at `end - 1`.
param_scheduler = [
    dict(
        type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=501
    ),
    _base_.param_scheduler[1],
]
# NOTE: after each epoch the base's SyncBuffersHook averages the statistics of
# batch norm over the GPUs; officially those of the first GPU count.
default_hooks = dict(checkpoint=dict(interval=5))
