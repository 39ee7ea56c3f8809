# UniFormer-S for clips, on the four motions of `uniformer-mm toy-data
# data/toy`: no single frame shows them. From scratch, without blending.
_base_ = [
    '../_base_/action/uniformer-s.py',
    '../_base_/action/toy.py',
    '../_base_/runtime.py',
]

model = dict(
    backbone=dict(drop_path_rate=0.0, init_cfg=None),
    cls_head=dict(num_classes=4),
    data_preprocessor=dict(blending=None),
)
