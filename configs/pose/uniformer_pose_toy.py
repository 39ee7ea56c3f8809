# The main pose model on the triangles of `uniformer-mm toy-data data/toy`:
# minutes on two CPU cores.
_base_ = [
    'td-hm_uniformer-s_210e_coco-256x192.py',
    '../_base_/pose/toy_keypoints.py',
]

data_root = 'data/toy/'
codec = dict(
    type='MSRAHeatmap', input_size=(64, 64), heatmap_size=(16, 16), sigma=1
)
model = dict(
    backbone=dict(drop_path_rate=0.0, init_cfg=None),
    head=dict(out_channels=4, decoder=codec),
)

*augmentation, _rotation = _base_.augmentation
train_pipeline = [
    *augmentation,
    # By 30 degrees at most: turned by 60, a triangle is like its mirror image.
    dict(type='uniformer_mm.RandomBoxScaleRotation', rotate_factor=15.0),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
del augmentation, _rotation
val_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        data_root=data_root,
        metainfo=_base_.dataset_info,
        ann_file='annotations/keypoints_train.json',
        data_prefix=dict(img='train/'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        data_root=data_root,
        metainfo=_base_.dataset_info,
        ann_file='annotations/keypoints_val.json',
        data_prefix=dict(img='val/'),
        bbox_file=None,  # the annotated boxes
        pipeline=val_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = [
    dict(
        type='CocoMetric',
        ann_file=data_root + 'annotations/keypoints_val.json',
    ),
    dict(type='EPE'),  # mean distance in pixels
]
test_evaluator = val_evaluator

# 117 triangles / 16 = 8 iterations per epoch; 40 epochs = 320 iterations.
train_cfg = dict(max_epochs=40, val_interval=40)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=20),
    dict(type='CosineAnnealingLR', by_epoch=False, T_max=320),
]
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',  # fp32: a CPU has no fp16 training
    optimizer=dict(type='AdamW', lr=5e-4, weight_decay=0.01),
)
custom_hooks = [dict(type='uniformer_mm.EvaluateFirstHook')]
default_hooks = dict(
    logger=dict(interval=8), checkpoint=dict(interval=40, save_best=None)
)
randomness = dict(seed=0)
