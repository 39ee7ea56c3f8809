# UniFormer-S for images on two frames of a clip, on the three shapes of
# `uniformer-mm toy-data data/toy`. From scratch, without blending.
_base_ = [
    '../_base_/action/uniformer-s.py',
    '../_base_/action/toy.py',
    '../_base_/runtime.py',
]

model = dict(
    type='Recognizer2D',
    backbone=dict(ndim=2, drop_path_rate=0.0, init_cfg=None),
    cls_head=dict(
        type='TSNHead',
        num_classes=3,
        consensus=dict(type='AvgConsensus', dim=1),
    ),
    data_preprocessor=dict(format_shape='NCHW', blending=None),
)

sample = dict(type='SampleFrames', clip_len=1, num_clips=2)
# No RandAugment: it shears and hides shapes, and there are few clips.
train_pipeline = [
    dict(type='uniformer_mm.VideoInit'),
    sample,
    dict(type='uniformer_mm.VideoDecode'),
    dict(type='RandomResizedCrop', area_range=(0.6, 1.0)),
    dict(type='uniformer_mm.FloatResize', scale=(64, 64)),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='FormatShape', input_format='NCHW'),
    dict(type='PackActionInputs'),
]
test_pipeline = [
    dict(type='uniformer_mm.VideoInit'),
    dict(sample, test_mode=True),
    dict(type='uniformer_mm.VideoDecode'),
    dict(type='uniformer_mm.FloatResize', scale=(64, 64)),
    dict(type='FormatShape', input_format='NCHW'),
    dict(type='PackActionInputs'),
]
del sample

# Circle, square, triangle.
train_dataloader = dict(
    dataset=dict(
        ann_file='annotations/clips_shape_train.txt', pipeline=train_pipeline
    )
)
val_dataloader = dict(
    dataset=dict(
        ann_file='annotations/clips_shape_val.txt', pipeline=test_pipeline
    )
)
test_dataloader = val_dataloader

# 288 clips / 8 = 36 iterations per epoch; 24 epochs = 864 iterations.
_base_.param_scheduler[1].update(end=864, T_max=852)
train_cfg = dict(max_epochs=24)
default_hooks = dict(checkpoint=dict(interval=24))
