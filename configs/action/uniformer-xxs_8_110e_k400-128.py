_base_ = [
    '../_base_/action/uniformer-xxs.py',
    '../_base_/action/kinetics400_light.py',
    '../_base_/action/schedule_110e_light.py',
    '../_base_/runtime.py',
]

model = dict(
    backbone=dict(
        # Gains that the image weights have not; they start from this.
        layer_scale=0.1,
        init_cfg=dict(checkpoint='uniformer-xxs-128_in1k', new_gains=True),
    )
)

augment = [
    dict(type='uniformer_mm.VideoDecode'),
    dict(
        type='uniformer_mm.RepeatAugment',
        num_repeats=2,
        transforms=[
            dict(
                type='uniformer_mm.RandAugment', policy='rand'
            ),  # magnitude 10, 2 operations
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
sample = dict(type='UniformSample', clip_len=8)
train_pipeline = [_base_.init, sample, *augment]
val_pipeline = [_base_.init, dict(sample, test_mode=True), *view]
test_pipeline = val_pipeline
del sample

# 4 GPUs x 64 videos = 256
train_dataloader = dict(batch_size=64, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

optim_wrapper = dict(optimizer=dict(lr=4e-4))
_base_.param_scheduler[0].start_factor = 1e-6 / 4e-4
