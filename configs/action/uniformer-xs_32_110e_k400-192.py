_base_ = [
    '../_base_/action/uniformer-xxs.py',
    '../_base_/action/kinetics400_light.py',
    '../_base_/action/schedule_110e_light.py',
    '../_base_/runtime.py',
]

model = dict(
    backbone=dict(
        arch='xs',
        drop_path_rate=0.1,
        init_cfg=dict(checkpoint='uniformer-xs-192_in1k'),
    ),
    neck=dict(in_channels=512),
    cls_head=dict(in_channels=512),
)

augment = [
    dict(type='uniformer_mm.VideoDecode'),
    dict(
        type='uniformer_mm.RepeatAugment',
        num_repeats=2,
        transforms=[
            dict(
                type='uniformer_mm.RandAugment',
                policy='rand-m7-n4-mstd0.5-inc1',
            ),
            _base_.random_crop,
            dict(type='uniformer_mm.FloatResize', scale=(192, 192)),
            *_base_.flip_erase_pack,
        ],
    ),
]
view = [
    dict(type='uniformer_mm.VideoDecode'),
    dict(type='uniformer_mm.FloatResize', scale=192),
    dict(type='CenterCrop', crop_size=192),
    *_base_.pack,
]
sample = dict(type='UniformSample', clip_len=32)
train_pipeline = [_base_.init, sample, *augment]
val_pipeline = [_base_.init, dict(sample, test_mode=True), *view]
test_pipeline = val_pipeline
del sample

# 8 GPUs x 16 videos = 128; the learning rate per video is that of XXS.
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

optim_wrapper = dict(optimizer=dict(lr=4e-4, weight_decay=0.05))
_base_.param_scheduler[0].start_factor = 1e-6 / 4e-4
auto_scale_lr = dict(base_batch_size=128)
