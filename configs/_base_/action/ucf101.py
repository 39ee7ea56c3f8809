# UCF101, split 1, 16 frames of a window of 64; test with 5 clips x 3 crops.
#   data/ucf101/ucf101_{train,val}_split_1_videos.txt  `PATH LABEL`
#   data/ucf101/videos/PATH
_base_ = 'kinetics400_dense.py'

train_pipeline = _base_.train_pipeline
train_pipeline[3].transforms[0].policy = 'rand-m5-n2-mstd0.25'
test_pipeline = _base_.test_pipeline
test_pipeline[1].num_clips = 5
test_pipeline[4] = dict(type='ThreeCrop', crop_size=224)

data_root = 'data/ucf101/'
videos = dict(video='videos')
train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file='ucf101_train_split_1_videos.txt',
        data_prefix=videos,
        pipeline=train_pipeline,
    )
)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file='ucf101_val_split_1_videos.txt',
        data_prefix=videos,
    )
)
test_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file='ucf101_val_split_1_videos.txt',
        data_prefix=videos,
        pipeline=test_pipeline,
    )
)
del videos
