_base_ = 'uniformer-b_16x4_110e_k600.py'

# 32 frames of a window of 128.
sample = dict(type='uniformer_mm.DenseSample', clip_len=32, frame_interval=4)
test_sample = dict(sample, test_mode=True)
train_pipeline = [_base_.init, sample, *_base_.augment]
val_pipeline = [_base_.init, test_sample, *_base_.view]
test_pipeline = [_base_.init, dict(test_sample, num_clips=4), *_base_.view]
del sample, test_sample

# NOTE: 4 nodes x 8 GPUs x 4 videos = 128: the official code takes 32 videos
# per node, and multiplies its 1e-4 by the nodes.
train_dataloader = dict(batch_size=4, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

optim_wrapper = dict(optimizer=dict(lr=4e-4))
_base_.param_scheduler[0].start_factor = 1e-6 / 4e-4
auto_scale_lr = dict(base_batch_size=128)
