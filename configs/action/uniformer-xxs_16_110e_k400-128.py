_base_ = 'uniformer-xxs_16_110e_k400-160.py'

model = dict(backbone=dict(init_cfg=dict(checkpoint='uniformer-xxs-128_in1k')))

augment = [
    dict(type='uniformer_mm.VideoDecode'),
    dict(
        type='uniformer_mm.RepeatAugment',
        num_repeats=2,
        transforms=[
            dict(
                type='uniformer_mm.RandAugment', policy='rand-m5-n2-mstd0.25'
            ),
            _base_.random_crop,
            dict(type='uniformer_mm.FloatResize', scale=(128, 128)),
            *_base_.flip_erase_pack,
        ],
    ),
]
view = [
    dict(type='uniformer_mm.VideoDecode'),
    dict(type='uniformer_mm.FloatResize', scale=128),
    dict(type='CenterCrop', crop_size=128),
    *_base_.pack,
]
sample = dict(type='UniformSample', clip_len=16)
train_pipeline = [_base_.init, sample, *augment]
val_pipeline = [_base_.init, dict(sample, test_mode=True), *view]
test_pipeline = val_pipeline
del sample

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
