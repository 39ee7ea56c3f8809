# Of light models, for 256 videos; validated after each epoch.
_base_ = 'schedule_110e.py'

# NOTE: fp32, as the authors say that they trained light models; their
# released script does use mixed precision.
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(lr=8e-4, weight_decay=0.1)
)
_base_.param_scheduler[0].start_factor = 1e-6 / 8e-4
train_cfg = dict(val_interval=1)
auto_scale_lr = dict(base_batch_size=256)
