# ImageNet-1K with a label map for each training picture, 224 px. The maps are
# published by the authors of the paper (token_labeling/README.md).
#   data/imagenet_token-labels/n01440764/NAME.pt ...
_base_ = 'imagenet.py'

load_labels = dict(
    type='uniformer_mm.LoadTokenLabels',
    label_root='data/imagenet_token-labels/',
)
pack_labels = dict(
    type='PackInputs', algorithm_keys=('token_labels', 'crop_box')
)
erase = dict(
    type='uniformer_mm.RandomErase',
    prob=0.25,
    mean=(103.53, 116.28, 123.675),
    std=(57.375, 57.12, 58.395),
)
train_pipeline = [
    _base_.load,
    load_labels,
    _base_.flip,
    # RandAugment of the whole picture, then the crop.
    dict(
        type='uniformer_mm.TokenLabelAugment',
        size=224,
        policy='rand-m9-mstd0.5-inc1',
    ),
    erase,
    pack_labels,
]
# floor(224 / 0.9)
test_pipeline = [
    _base_.load,
    dict(type='ResizeEdge', scale=248, edge='short', **_base_.bicubic),
    dict(type='CenterCrop', crop_size=224),
    dict(type='PackInputs'),
]

train_dataloader = dict(
    num_workers=8,
    sampler=dict(_delete_=True, type='DefaultSampler', shuffle=True),
    dataset=dict(pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=128, num_workers=8, dataset=dict(pipeline=test_pipeline)
)
test_dataloader = val_dataloader
