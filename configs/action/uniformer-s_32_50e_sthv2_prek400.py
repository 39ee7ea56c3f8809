# It starts from the 16-frame model: nothing depends on the number.
_base_ = [
    '../_base_/action/uniformer-s.py',
    '../_base_/action/segments.py',
    '../_base_/action/sthv2.py',
    '../_base_/action/schedule_110e.py',
    '../_base_/runtime.py',
]

model = dict(
    backbone=dict(
        drop_path_rate=0.3,
        init_cfg=dict(checkpoint='uniformer-small_k400_16x4'),
    ),
    cls_head=dict(num_classes=174),
    data_preprocessor=dict(blending=dict(num_classes=174)),
)

sample = dict(type='UniformSample', clip_len=32)
test_sample = dict(sample, test_mode=True)
train_pipeline = [sample, *_base_.augment]
val_pipeline = [test_sample, *_base_.view]
test_pipeline = [test_sample, *_base_.three_views]
del sample, test_sample

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

# 8 GPUs x 4 videos = 32; 50 epochs, 5 of them warm-up.
optim_wrapper = dict(optimizer=dict(lr=2e-4))
_base_.param_scheduler[0].update(start_factor=1e-6 / 2e-4, end=5)
_base_.param_scheduler[1].update(begin=5, end=50, T_max=45)
train_cfg = dict(max_epochs=50)
