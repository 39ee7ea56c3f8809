# HMDB51, split 1, as UCF101 but from frames, in BGR as they were trained.
#   data/hmdb51/hmdb51_{train,val}_split_1_rawframes.txt  `FOLDER FRAMES LABEL`
#   data/hmdb51/rawframes/FOLDER/img_00001.jpg ...
_base_ = 'ucf101.py'

sample = dict(type='uniformer_mm.DenseSample', clip_len=16, frame_interval=4)
test_sample = dict(sample, test_mode=True)
read = [
    dict(type='uniformer_mm.FramesDecode'),
    dict(type='uniformer_mm.RGBToBGR'),
]
# All but the decoding of videos.
_, repeat = _base_.augment
_, *center_crop = _base_.view
_, *three_crops = _base_.three_views
train_pipeline = [sample, *read, repeat]
val_pipeline = [test_sample, *read, *center_crop]
test_pipeline = [dict(test_sample, num_clips=5), *read, *three_crops]
del sample, test_sample, read, repeat, center_crop, three_crops, _

data_root = 'data/hmdb51/'
dataset = dict(
    _delete_=True,
    type='RawframeDataset',
    data_root=data_root,
    data_prefix=dict(img='rawframes'),
    filename_tmpl='img_{:05}.jpg',
)
train_dataloader = dict(
    dataset=dict(
        dataset,
        ann_file='hmdb51_train_split_1_rawframes.txt',
        pipeline=train_pipeline,
    )
)
val_dataloader = dict(
    dataset=dict(
        dataset,
        ann_file='hmdb51_val_split_1_rawframes.txt',
        pipeline=val_pipeline,
        test_mode=True,
    )
)
test_dataloader = dict(
    dataset=dict(val_dataloader['dataset'], pipeline=test_pipeline)
)
del dataset
