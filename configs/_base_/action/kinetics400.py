# Kinetics-400, 16 frames of a window of 64, 224 px; test with 4 clips.
#
# Layout and lists are mmaction2's:
#   data/kinetics400/kinetics400_{train,val}_list_videos.txt  `PATH LABEL`
#   data/kinetics400/videos_{train,val}/PATH
# NOTE: the authors number the classes of Kinetics-400 and -600 in an order of
# their own. `uniformer-mm convert --task action --labels FROM TO` puts the
# head of their files in the order of your lists.

# What follows the choice of frames, in training and in a test. The order of
# the steps is the official one. Normalising comes last here, in the data
# preprocessor: resizing, flipping and noise of the same mean and deviation
# commute with it.
init = dict(type='uniformer_mm.VideoInit')
augment = [
    dict(type='uniformer_mm.VideoDecode'),
    dict(
        type='uniformer_mm.RepeatAugment',
        num_repeats=2,
        transforms=[
            # On whole frames, the same operations for all of them.
            dict(
                type='uniformer_mm.RandAugment',
                policy='rand-m7-n4-mstd0.5-inc1',
            ),
            # NOTE: where ten draws of a box do not fit, mmaction2 takes the
            # central square, the official code a central box.
            dict(
                type='RandomResizedCrop',
                area_range=(0.08, 1.0),
                aspect_ratio_range=(0.75, 1.3333),
            ),
            dict(type='uniformer_mm.FloatResize', scale=(224, 224)),
            dict(type='Flip', flip_ratio=0.5),
            dict(type='uniformer_mm.RandomErase', prob=0.25),
            dict(type='FormatShape', input_format='NCTHW'),
            dict(type='PackActionInputs'),
        ],
    ),
]
view = [
    dict(type='uniformer_mm.VideoDecode'),
    dict(type='uniformer_mm.FloatResize', scale=224),  # the short side
    dict(type='CenterCrop', crop_size=224),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]

sample = dict(type='uniformer_mm.DenseSample', clip_len=16, frame_interval=4)
test_sample = dict(sample, test_mode=True)
train_pipeline = [init, sample, *augment]
# NOTE: one clip from the middle, cropped from the centre. The official
# validation during training crops at random, and so differs from its test.
val_pipeline = [init, test_sample, *view]
test_pipeline = [init, dict(test_sample, num_clips=4), *view]
del sample, test_sample

data_root = 'data/kinetics400/'
train_dataloader = dict(
    batch_size=4,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='repeat_pseudo_collate'),
    dataset=dict(
        type='VideoDataset',
        data_root=data_root,
        ann_file='kinetics400_train_list_videos.txt',
        data_prefix=dict(video='videos_train'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='VideoDataset',
        data_root=data_root,
        ann_file='kinetics400_val_list_videos.txt',
        data_prefix=dict(video='videos_val'),
        pipeline=val_pipeline,
        test_mode=True,
    ),
)
test_dataloader = dict(
    val_dataloader,
    batch_size=2,
    dataset=dict(val_dataloader['dataset'], pipeline=test_pipeline),
)
