# Trained global; `_test-w32` and `_test-h32` test the same weights.
_base_ = [
    '../_base_/segmentation/upernet_uniformer-s.py',
    '../_base_/segmentation/ade20k.py',
    '../_base_/segmentation/schedule_upernet_160k.py',
    '../_base_/runtime.py',
]

model = dict(backbone=dict(attention='global'))
train_dataloader = dict(batch_size=2)  # x 8 GPUs = 16
