# Data and schedule for the moving shapes of `uniformer-mm toy-data data/toy`:
# minutes on two CPU cores.
_base_ = 'mmaction::_base_/default_runtime.py'

train_pipeline = [
    dict(type='uniformer_mm.VideoInit'),
    # The whole of a clip.
    dict(type='uniformer_mm.DenseSample', clip_len=4, frame_interval=8),
    dict(type='uniformer_mm.VideoDecode'),
    dict(type='uniformer_mm.RandAugment', policy='rand-m5-n2-mstd0.25'),
    dict(type='RandomResizedCrop', area_range=(0.6, 1.0)),
    dict(type='uniformer_mm.FloatResize', scale=(32, 32)),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
test_pipeline = [
    dict(type='uniformer_mm.VideoInit'),
    dict(
        type='uniformer_mm.DenseSample',
        clip_len=4,
        frame_interval=8,
        test_mode=True,
    ),
    dict(type='uniformer_mm.VideoDecode'),
    dict(type='uniformer_mm.FloatResize', scale=(32, 32)),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]

# Up, down, grow, shrink.
data_root = 'data/toy/'
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='VideoDataset',
        data_root=data_root,
        ann_file='annotations/clips_motion_train.txt',
        data_prefix=dict(video='clips/train'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='VideoDataset',
        data_root=data_root,
        ann_file='annotations/clips_motion_val.txt',
        data_prefix=dict(video='clips/val'),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

# 288 clips / 8 = 36 iterations per epoch; 12 epochs = 432 iterations.
optim_wrapper = dict(
    type='OptimWrapper',  # fp32: a CPU has no fp16 training
    optimizer=dict(type='AdamW', lr=5e-4, weight_decay=0.05),
    constructor='uniformer_mm.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(decay_groups='not_vectors'),
    clip_grad=dict(max_norm=20, norm_type=2),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=12),
    dict(
        type='CosineAnnealingLR',
        eta_min=1e-6,
        by_epoch=False,
        begin=12,
        end=432,
        T_max=420,
    ),
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=12, val_interval=4)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
val_evaluator = dict(
    type='AccMetric', metric_options=dict(top_k_accuracy=dict(topk=(1, 2)))
)
test_evaluator = val_evaluator
custom_hooks = [dict(type='uniformer_mm.EvaluateFirstHook')]
default_hooks = dict(
    logger=dict(interval=12), checkpoint=dict(interval=12, save_best=None)
)
randomness = dict(seed=0)
