# Data and schedule for the three shapes of `uniformer-mm toy-data data/toy`:
# minutes on two CPU cores.
_base_ = 'mmpretrain::_base_/default_runtime.py'

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResizedCrop', scale=32, crop_ratio_range=(0.8, 1.0)),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='uniformer_mm.RandomErase', prob=0.25, area=(0.02, 0.1)),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeEdge', scale=32, edge='short'),
    dict(type='CenterCrop', crop_size=32),
    dict(type='PackInputs'),
]

data_root = 'data/toy/classes/'
classes = ['circle', 'square', 'triangle']
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='CustomDataset',
        data_root=data_root,
        data_prefix='train',
        metainfo=dict(classes=classes),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='CustomDataset',
        data_root=data_root,
        data_prefix='val',
        metainfo=dict(classes=classes),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='Accuracy', topk=(1, 2))
test_evaluator = val_evaluator

# 240 pictures / 8 = 30 iterations per epoch; 14 epochs = 420 iterations.
optim_wrapper = dict(
    type='OptimWrapper',  # fp32: a CPU has no fp16 training
    optimizer=dict(type='AdamW', lr=5e-4, weight_decay=0.05),
    constructor='uniformer_mm.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(decay_groups='not_vectors_nor_cls_token'),
    clip_grad=dict(max_norm=5, norm_type=2),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=20),
    dict(
        type='CosineAnnealingLR',
        eta_min=1e-6,
        by_epoch=False,
        begin=20,
        end=420,
        T_max=400,
    ),
]
train_cfg = dict(by_epoch=True, max_epochs=14, val_interval=7)
val_cfg = dict()
test_cfg = dict()
custom_hooks = [dict(type='uniformer_mm.EvaluateFirstHook')]
default_hooks = dict(
    logger=dict(interval=15), checkpoint=dict(interval=14, save_best=None)
)
randomness = dict(seed=0)
