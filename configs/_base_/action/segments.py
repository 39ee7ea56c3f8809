# Something-Something: 16 frames, one from each sixteenth of the video, 224 px;
# test with 3 crops. No flips: left and right are of the classes.

# What follows the choice of frames, in training and in a test.
read = [
    dict(type='uniformer_mm.FramesDecode'),
    # The official loader reads BGR and leaves it so, though the weights it
    # starts from saw RGB. A step of its own: mmaction2's inferencer puts its
    # own decoding in the place of ours.
    dict(type='uniformer_mm.RGBToBGR'),
]
augment = [
    *read,
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
            dict(type='uniformer_mm.RandomErase', prob=0.25),
            dict(type='FormatShape', input_format='NCTHW'),
            dict(type='PackActionInputs'),
        ],
    ),
]
view, three_views = (
    [
        *read,
        dict(type='uniformer_mm.FloatResize', scale=224),  # the short side
        dict(type=crop, crop_size=224),
        dict(type='FormatShape', input_format='NCTHW'),
        dict(type='PackActionInputs'),
    ]
    for crop in ('CenterCrop', 'ThreeCrop')
)
del read

sample = dict(type='UniformSample', clip_len=16)
test_sample = dict(sample, test_mode=True)
train_pipeline = [sample, *augment]
# NOTE: cropped from the centre. The official validation during training crops
# at random, and so differs from its test.
val_pipeline = [test_sample, *view]
test_pipeline = [test_sample, *three_views]
del sample, test_sample
