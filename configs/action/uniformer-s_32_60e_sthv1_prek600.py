# It starts from the 16-frame model.
_base_ = 'uniformer-s_32_60e_sthv1_prek400.py'

model = dict(
    backbone=dict(
        drop_path_rate=0.3,
        init_cfg=dict(checkpoint='uniformer-small_k600_16x4'),
    )
)
