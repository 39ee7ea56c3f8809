# UCF101, split 1, 16 frames of a window of 64; test with 5 clips x 3 crops.
#   data/ucf101/ucf101_{train,val}_split_1_videos.txt  `PATH LABEL`
#   data/ucf101/videos/PATH
_base_ = 'kinetics400.py'

decode, repeat = _base_.augment
rand_augment, *further_steps = repeat.transforms
rand_augment = dict(rand_augment, policy='rand-m5-n2-mstd0.25')
augment = [decode, dict(repeat, transforms=[rand_augment, *further_steps])]
three_views = [
    decode,
    dict(type='uniformer_mm.FloatResize', scale=224),
    dict(type='ThreeCrop', crop_size=224),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
sample = dict(type='uniformer_mm.DenseSample', clip_len=16, frame_interval=4)
test_sample = dict(sample, test_mode=True, num_clips=5)
train_pipeline = [_base_.init, sample, *augment]
test_pipeline = [_base_.init, test_sample, *three_views]
del decode, repeat, rand_augment, further_steps, sample, test_sample

data_root = 'data/ucf101/'
train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file='ucf101_train_split_1_videos.txt',
        data_prefix=dict(video='videos'),
        pipeline=train_pipeline,
    )
)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file='ucf101_val_split_1_videos.txt',
        data_prefix=dict(video='videos'),
    )
)
test_dataloader = dict(
    dataset=dict(val_dataloader['dataset'], pipeline=test_pipeline)
)
