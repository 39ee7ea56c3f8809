_base_ = 'uniformer-s_16x4_110e_k400.py'

# 8 frames of the same window of 64.
sample = dict(type='uniformer_mm.DenseSample', clip_len=8, frame_interval=8)
test_sample = dict(sample, test_mode=True)
train_pipeline = [_base_.init, sample, *_base_.augment]
val_pipeline = [_base_.init, test_sample, *_base_.view]
test_pipeline = [_base_.init, dict(test_sample, num_clips=4), *_base_.view]
del sample, test_sample

# 8 GPUs x 16 videos = 128
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

optim_wrapper = dict(optimizer=dict(lr=4e-4))
_base_.param_scheduler[0].start_factor = 1e-6 / 4e-4
_base_.param_scheduler[1].update(end=100, T_max=90)
train_cfg = dict(max_epochs=100)
auto_scale_lr = dict(base_batch_size=128)
