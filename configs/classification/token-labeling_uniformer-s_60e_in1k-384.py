# From the weights at 224 px, head and all.
_base_ = [
    '../_base_/classification/uniformer-s_token-labels.py',
    '../_base_/classification/imagenet_token-labels.py',
    '../_base_/classification/schedule_60e_token-labels.py',
    '../_base_/runtime.py',
]

weights = 'uniformer-small_tl-224'
model = dict(
    backbone=dict(
        init_cfg=dict(
            type='uniformer_mm.UniFormerPretrained', checkpoint=weights
        )
    ),
    head=dict(
        init_cfg=dict(
            type='uniformer_mm.ClsHeadPretrained', checkpoint=weights
        )
    ),
)

train_pipeline = [
    _base_.load,
    _base_.load_labels,
    _base_.flip,
    dict(
        type='uniformer_mm.TokenLabelAugment',
        size=384,
        policy='rand-m9-mstd0.5-inc1',
    ),
    _base_.erase,
    _base_.pack_labels,
]
# floor(384 / 0.9)
test_pipeline = [
    _base_.load,
    dict(type='ResizeEdge', scale=426, edge='short', **_base_.bicubic),
    dict(type='CenterCrop', crop_size=384),
    dict(type='PackInputs'),
]
# 8 GPUs x 64 = 512
train_dataloader = dict(batch_size=64, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=64, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
