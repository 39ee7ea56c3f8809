# Learning rates fall with depth, by 0.9 per block; twice the paper's at the
# top. What is decayed stays the paper's choice.
_base_ = 'mask-rcnn_uniformer-s-h14_1x_coco.py'

optim_wrapper = dict(
    optimizer=dict(lr=2e-4), paramwise_cfg=dict(layer_decay_rate=0.9)
)
