# Trained global; `_test-w32` and `_test-h32` test the same weights.
_base_ = [
    '../_base_/segmentation/semantic-fpn_uniformer-s.py',
    '../_base_/segmentation/ade20k_aligned.py',
    '../_base_/segmentation/schedule_semantic-fpn_80k.py',
    '../_base_/runtime.py',
]

model = dict(backbone=dict(attention='global'))
train_dataloader = dict(batch_size=4)  # x 8 GPUs = 32
