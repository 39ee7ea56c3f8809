# Learning rates fall with depth, by 0.9 per block; twice the paper's at the
# top. What is decayed stays the paper's choice.
_base_ = 'uniformer-s_16x4_110e_k400.py'

optim_wrapper = dict(
    optimizer=dict(lr=2e-4), paramwise_cfg=dict(layer_decay_rate=0.9)
)
_base_.param_scheduler[0].start_factor = 1e-6 / 2e-4
