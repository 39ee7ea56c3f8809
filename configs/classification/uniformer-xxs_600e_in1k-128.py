_base_ = 'uniformer-xxs_600e_in1k.py'

train_pipeline = [
    _base_.load,
    dict(type='RandomResizedCrop', scale=128, **_base_.bicubic),
    _base_.flip,
    dict(type='uniformer_mm.PictureAugment', policy='v0', size=128),
    *_base_.erase_pack,
]
# int(256 / 224 * 128)
test_pipeline = [
    _base_.load,
    dict(type='ResizeEdge', scale=146, edge='short', **_base_.bicubic),
    dict(type='CenterCrop', crop_size=128),
    dict(type='PackInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
