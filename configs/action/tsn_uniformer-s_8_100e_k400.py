# UniFormer-S for images on 8 frames, one from each eighth of the video, whose
# features TSN averages. Ours: the paper has no such model. Trained as 8x8.
_base_ = 'uniformer-s_8x8_100e_k400.py'

model = dict(
    type='Recognizer2D',
    backbone=dict(ndim=2),
    cls_head=dict(
        type='TSNHead',
        consensus=dict(type='AvgConsensus', dim=1),
    ),
    data_preprocessor=dict(
        # The statistics of the image weights.
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        format_shape='NCHW',
    ),
)

train_pipeline = _base_.train_pipeline
train_pipeline[1] = dict(type='SampleFrames', clip_len=1, num_clips=8)
train_pipeline[3].transforms[4].update(
    mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]
)
train_pipeline[3].transforms[5].input_format = 'NCHW'
val_pipeline = _base_.val_pipeline
val_pipeline[1] = dict(
    type='SampleFrames', clip_len=1, num_clips=8, test_mode=True
)
val_pipeline[5].input_format = 'NCHW'
test_pipeline = val_pipeline

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
