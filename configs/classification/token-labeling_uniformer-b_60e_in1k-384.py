_base_ = 'token-labeling_uniformer-s_60e_in1k-384.py'

weights = 'uniformer-base_tl-224'
model = dict(
    backbone=dict(
        arch='base', drop_path_rate=0.3, init_cfg=dict(checkpoint=weights)
    ),
    head=dict(init_cfg=dict(checkpoint=weights)),
)
