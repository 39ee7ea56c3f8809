# Kinetics-400 for light models: 16 frames, one from each sixteenth of the
# video, 160 px; test with one view.
_base_ = 'kinetics400.py'

random_crop = dict(
    type='RandomResizedCrop',
    area_range=(0.08, 1.0),
    aspect_ratio_range=(0.75, 1.3333),
)
pack = [
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
flip_erase_pack = [
    dict(type='Flip', flip_ratio=0.5),
    dict(type='uniformer_mm.RandomErase', prob=0.25),
    *pack,
]
augment = [
    dict(type='uniformer_mm.VideoDecode'),
    dict(
        type='uniformer_mm.RepeatAugment',
        num_repeats=2,
        transforms=[
            dict(
                type='uniformer_mm.RandAugment', policy='rand-m5-n2-mstd0.25'
            ),
            random_crop,
            dict(type='uniformer_mm.FloatResize', scale=(160, 160)),
            *flip_erase_pack,
        ],
    ),
]
view = [
    dict(type='uniformer_mm.VideoDecode'),
    dict(type='uniformer_mm.FloatResize', scale=160),
    dict(type='CenterCrop', crop_size=160),
    *pack,
]

# NOTE: the official rule is not known: the released loader calls for one that
# the released decoder has not. This is that of Something-Something.
sample = dict(type='UniformSample', clip_len=16)
train_pipeline = [_base_.init, sample, *augment]
val_pipeline = [_base_.init, dict(sample, test_mode=True), *view]
test_pipeline = val_pipeline
del sample

train_dataloader = dict(batch_size=32, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(batch_size=8, dataset=dict(pipeline=test_pipeline))
