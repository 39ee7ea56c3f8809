_base_ = 'token-labeling_uniformer-s_60e_in1k-384.py'

weights = 'uniformer-small-plus_tl-224'
model = dict(
    backbone=dict(arch='small_plus', init_cfg=dict(checkpoint=weights)),
    head=dict(init_cfg=dict(checkpoint=weights)),
)
