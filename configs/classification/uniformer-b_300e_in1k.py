_base_ = 'uniformer-s_300e_in1k.py'

model = dict(backbone=dict(arch='base', drop_path_rate=0.3))
optim_wrapper = dict(optimizer=dict(lr=8e-4))  # 4e-4 x 1024 / 512
_base_.param_scheduler[0].start_factor = 1e-6 / 8e-4
