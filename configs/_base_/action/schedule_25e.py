# 25 epochs, 5 of them warm-up, for 8 GPUs x 16 videos = 128.
_base_ = 'schedule_110e.py'

optim_wrapper = dict(optimizer=dict(lr=5e-5))
_base_.param_scheduler[0].update(start_factor=1e-6 / 5e-5, end=5)
_base_.param_scheduler[1].update(begin=5, end=25, T_max=20)
train_cfg = dict(max_epochs=25, val_interval=1)
auto_scale_lr = dict(base_batch_size=128)
