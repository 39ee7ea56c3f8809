# UniFormer-S for images on two frames of a clip, on the three shapes of
# `uniformer-mm toy-data data/toy`. From scratch, without blending.
_base_ = ['../_base_/action/uniformer-s.py', '../_base_/action/toy.py']

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

train_pipeline = _base_.train_pipeline
train_pipeline[1] = dict(type='SampleFrames', clip_len=1, num_clips=2)
# No RandAugment: it shears and hides shapes, and there are few clips.
train_pipeline.pop(3)
train_pipeline[4].scale = (64, 64)
train_pipeline[-2].input_format = 'NCHW'
test_pipeline = _base_.test_pipeline
test_pipeline[1] = dict(
    type='SampleFrames', clip_len=1, num_clips=2, test_mode=True
)
test_pipeline[3].scale = (64, 64)
test_pipeline[-2].input_format = 'NCHW'

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
param_scheduler = _base_.param_scheduler
param_scheduler[1].update(end=864, T_max=852)
train_cfg = dict(max_epochs=24)
default_hooks = dict(checkpoint=dict(interval=24))
