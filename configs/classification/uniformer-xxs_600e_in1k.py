_base_ = [
    '../_base_/classification/uniformer-xxs.py',
    '../_base_/classification/imagenet_light.py',
    '../_base_/classification/schedule_600e_light.py',
    '../_base_/runtime.py',
]

train_pipeline = [
    _base_.load,
    dict(type='RandomResizedCrop', scale=224, **_base_.bicubic),
    _base_.flip,
    dict(type='uniformer_mm.PictureAugment', policy='v0'),
    *_base_.erase_pack,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
