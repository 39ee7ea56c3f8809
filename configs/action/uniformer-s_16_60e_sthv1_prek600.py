_base_ = 'uniformer-s_16_60e_sthv1_prek400.py'

model = dict(
    backbone=dict(init_cfg=dict(checkpoint='uniformer-small_k600_16x4'))
)
