# UniFormer-S for images on 8 frames, one from each eighth of the video, whose
# features TSN averages. Ours: the paper has no such model. Trained as 8x8.
_base_ = [
    '../_base_/action/uniformer-s.py',
    '../_base_/action/kinetics400.py',
    '../_base_/action/schedule_110e.py',
    '../_base_/runtime.py',
]

# The statistics of the image weights.
mean, std = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
model = dict(
    type='Recognizer2D',
    backbone=dict(ndim=2),
    cls_head=dict(
        type='TSNHead',
        consensus=dict(type='AvgConsensus', dim=1),
    ),
    data_preprocessor=dict(mean=mean, std=std, format_shape='NCHW'),
)

sample = dict(type='SampleFrames', clip_len=1, num_clips=8)
train_pipeline = [
    dict(type='uniformer_mm.VideoInit'),
    sample,
    dict(type='uniformer_mm.VideoDecode'),
    dict(
        type='uniformer_mm.RepeatAugment',
        num_repeats=2,
        transforms=[
            dict(
                type='uniformer_mm.RandAugment',
                policy='rand-m7-n4-mstd0.5-inc1',
            ),
            dict(
                type='RandomResizedCrop',
                area_range=(0.08, 1.0),
                aspect_ratio_range=(0.75, 1.3333),
            ),
            dict(type='uniformer_mm.FloatResize', scale=(224, 224)),
            dict(type='Flip', flip_ratio=0.5),
            dict(
                type='uniformer_mm.RandomErase', prob=0.25, mean=mean, std=std
            ),
            dict(type='FormatShape', input_format='NCHW'),
            dict(type='PackActionInputs'),
        ],
    ),
]
val_pipeline = [
    dict(type='uniformer_mm.VideoInit'),
    dict(sample, test_mode=True),
    dict(type='uniformer_mm.VideoDecode'),
    dict(type='uniformer_mm.FloatResize', scale=224),
    dict(type='CenterCrop', crop_size=224),
    dict(type='FormatShape', input_format='NCHW'),
    dict(type='PackActionInputs'),
]
test_pipeline = val_pipeline
del mean, std, sample

# 8 GPUs x 16 videos = 128
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

optim_wrapper = dict(optimizer=dict(lr=4e-4))
_base_.param_scheduler[0].start_factor = 1e-6 / 4e-4
_base_.param_scheduler[1].update(end=100, T_max=90)
train_cfg = dict(max_epochs=100)
auto_scale_lr = dict(base_batch_size=128)
