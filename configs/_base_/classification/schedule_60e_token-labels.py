# Token labelling at a larger size: 60 epochs (50, and 10 to cool down) at one
# learning rate, without warm-up and average.
_base_ = 'schedule_300e.py'

optim_wrapper = dict(optimizer=dict(lr=5e-6, weight_decay=1e-8))
param_scheduler = []
train_cfg = dict(max_epochs=60)
custom_hooks = []
auto_scale_lr = dict(base_batch_size=512)
