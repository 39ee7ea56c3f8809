# Something-Something V1, 16 frames, one from each sixteenth of the video;
# test with 3 crops. No flips: left and right are of the classes.
#
# Layout and lists are mmaction2's:
#   data/sthv1/sthv1_{train,val}_list_rawframes.txt  `FOLDER FRAMES LABEL`
#   data/sthv1/rawframes/FOLDER/00001.jpg ...
train_pipeline = [
    dict(type='UniformSample', clip_len=16),
    # The official loader reads BGR and leaves it so, though the weights it
    # starts from saw RGB.
    dict(type='uniformer_mm.FramesDecode', channel_order='bgr'),
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
# NOTE: cropped from the centre. The official validation during training crops
# at random, and so differs from its test.
val_pipeline = [
    dict(type='UniformSample', clip_len=16, test_mode=True),
    dict(type='uniformer_mm.FramesDecode', channel_order='bgr'),
    dict(type='uniformer_mm.FloatResize', scale=224),  # the short side
    dict(type='CenterCrop', crop_size=224),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
test_pipeline = [
    dict(type='UniformSample', clip_len=16, test_mode=True),
    dict(type='uniformer_mm.FramesDecode', channel_order='bgr'),
    dict(type='uniformer_mm.FloatResize', scale=224),
    dict(type='ThreeCrop', crop_size=224),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]

data_root = 'data/sthv1/'
filename_tmpl = '{:05}.jpg'
train_dataloader = dict(
    batch_size=4,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='repeat_pseudo_collate'),
    dataset=dict(
        type='RawframeDataset',
        data_root=data_root,
        ann_file='sthv1_train_list_rawframes.txt',
        data_prefix=dict(img='rawframes'),
        filename_tmpl=filename_tmpl,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='RawframeDataset',
        data_root=data_root,
        ann_file='sthv1_val_list_rawframes.txt',
        data_prefix=dict(img='rawframes'),
        filename_tmpl=filename_tmpl,
        pipeline=val_pipeline,
        test_mode=True,
    ),
)
test_dataloader = dict(
    batch_size=2,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='RawframeDataset',
        data_root=data_root,
        ann_file='sthv1_val_list_rawframes.txt',
        data_prefix=dict(img='rawframes'),
        filename_tmpl=filename_tmpl,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
