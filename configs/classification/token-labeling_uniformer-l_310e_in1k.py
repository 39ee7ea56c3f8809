_base_ = 'token-labeling_uniformer-s_310e_in1k.py'

model = dict(
    backbone=dict(arch='large', head_dim=64, drop_path_rate=0.4),
    head=dict(in_channels=640),
)
optim_wrapper = dict(optimizer=dict(lr=1.2e-3))
_base_.param_scheduler[0].start_factor = 1e-6 / 1.2e-3
