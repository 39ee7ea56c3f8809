# It starts from the 16-frame model.
_base_ = 'uniformer-b_32_50e_sthv2_prek400.py'

model = dict(
    backbone=dict(init_cfg=dict(checkpoint='uniformer-base_k600_16x4'))
)
