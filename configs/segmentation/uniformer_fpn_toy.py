# Semantic FPN on the drawn shapes of `uniformer-mm toy-data data/toy`.
_base_ = [
    '../_base_/segmentation/semantic-fpn_uniformer-s.py',
    '../_base_/segmentation/toy.py',
    '../_base_/runtime.py',
]

data_preprocessor = dict(size=(96, 96))
model = dict(
    data_preprocessor=data_preprocessor,
    backbone=dict(drop_path_rate=0.0, init_cfg=None),
    decode_head=dict(num_classes=4),
)
