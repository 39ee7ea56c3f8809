# HMDB51, split 1, as UCF101 but from frames, in BGR as they were trained.
#   data/hmdb51/hmdb51_{train,val}_split_1_rawframes.txt  `FOLDER FRAMES LABEL`
#   data/hmdb51/rawframes/FOLDER/img_00001.jpg ...
_base_ = 'ucf101.py'

decode = dict(type='uniformer_mm.FramesDecode', channel_order='bgr')
train_pipeline = [
    _base_.train_pipeline[1],
    decode,
    *_base_.train_pipeline[3:],
]
val_pipeline = [_base_.val_pipeline[1], decode, *_base_.val_pipeline[3:]]
test_pipeline = [_base_.test_pipeline[1], decode, *_base_.test_pipeline[3:]]

frames = dict(
    _delete_=True,
    type='RawframeDataset',
    data_root='data/hmdb51/',
    data_prefix=dict(img='rawframes'),
    filename_tmpl='img_{:05}.jpg',
)
train_dataloader = dict(
    dataset=dict(
        frames,
        ann_file='hmdb51_train_split_1_rawframes.txt',
        pipeline=train_pipeline,
    )
)
val_dataloader = dict(
    dataset=dict(
        frames,
        ann_file='hmdb51_val_split_1_rawframes.txt',
        pipeline=val_pipeline,
        test_mode=True,
    )
)
test_dataloader = dict(
    dataset=dict(
        frames,
        ann_file='hmdb51_val_split_1_rawframes.txt',
        pipeline=test_pipeline,
        test_mode=True,
    )
)
del decode, frames
