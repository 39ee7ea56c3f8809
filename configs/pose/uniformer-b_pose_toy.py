# UniFormer-B on the triangles of `uniformer-mm toy-data data/toy`.
_base_ = 'uniformer_pose_toy.py'

model = dict(backbone=dict(arch='base'))

# 30 epochs x 8 iterations = 240
train_cfg = dict(max_epochs=30, val_interval=30)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=20),
    dict(type='CosineAnnealingLR', by_epoch=False, T_max=240),
]
default_hooks = dict(checkpoint=dict(interval=30))
