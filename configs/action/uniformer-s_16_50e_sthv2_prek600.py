_base_ = 'uniformer-s_16_50e_sthv2_prek400.py'

model = dict(
    backbone=dict(init_cfg=dict(checkpoint='uniformer-small_k600_16x4'))
)
