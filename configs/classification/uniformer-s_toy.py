# UniFormer-S on the three shapes of `uniformer-mm toy-data data/toy`, from
# scratch.
_base_ = [
    '../_base_/classification/uniformer-s.py',
    '../_base_/classification/toy.py',
    '../_base_/runtime.py',
]

model = dict(
    backbone=dict(drop_path_rate=0.0),
    head=dict(num_classes=3),
    # Blended shapes are none of the three.
    train_cfg=None,
    data_preprocessor=dict(num_classes=3),
)
