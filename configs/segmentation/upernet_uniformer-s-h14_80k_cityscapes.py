# UperNet on Cityscapes: not in the paper. Its ADE20K recipe, half as long, on
# crops of 512 x 1024; 19 classes.
_base_ = [
    '../_base_/segmentation/upernet_uniformer-s.py',
    'mmseg::_base_/datasets/cityscapes.py',
    '../_base_/segmentation/schedule_upernet_160k.py',
    '../_base_/runtime.py',
]

data_preprocessor = dict(size=(512, 1024))
model = dict(
    data_preprocessor=data_preprocessor,
    backbone=dict(attention='hybrid', window_size=14),
    decode_head=dict(num_classes=19),
    auxiliary_head=dict(num_classes=19),
)

# 8 GPUs x 2 images = 16; 80k iterations are 430 epochs of 2975 images.
train_dataloader = dict(batch_size=2)
train_cfg = dict(max_iters=80000, val_interval=8000)
default_hooks = dict(checkpoint=dict(interval=8000))
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], end=80001),
]
