# Semantic FPN on PASCAL VOC 2012 with the additional annotations: not in the
# paper. Its ADE20K recipe, half as long; background and 20 classes.
_base_ = [
    '../_base_/segmentation/semantic-fpn_uniformer-s.py',
    'mmseg::_base_/datasets/pascal_voc12_aug.py',
    '../_base_/segmentation/schedule_semantic-fpn_80k.py',
    '../_base_/runtime.py',
]

model = dict(
    backbone=dict(attention='hybrid', window_size=14),
    decode_head=dict(num_classes=21),
)

# As in the paper's Semantic FPN, images of the test become multiples of 32.
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(2048, 512), keep_ratio=True),
    dict(type='ResizeToMultiple', size_divisor=32),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

# 8 GPUs x 4 images = 32; 40k iterations are 121 epochs of 10582 images.
train_dataloader = dict(batch_size=4)
train_cfg = dict(max_iters=40000, val_interval=4000)
default_hooks = dict(checkpoint=dict(interval=4000))
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], end=40000),
]
