_base_ = [
    '../_base_/action/uniformer-s.py',
    '../_base_/action/segments.py',
    '../_base_/action/sthv1.py',
    '../_base_/action/schedule_110e.py',
    '../_base_/runtime.py',
]

model = dict(
    backbone=dict(
        drop_path_rate=0.2,
        init_cfg=dict(checkpoint='uniformer-small_k400_16x4'),
    ),
    cls_head=dict(num_classes=174),
    data_preprocessor=dict(blending=dict(num_classes=174)),
)

train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))

# 8 GPUs x 4 videos = 32; 60 epochs, 5 of them warm-up.
optim_wrapper = dict(optimizer=dict(lr=2e-4))
_base_.param_scheduler[0].update(start_factor=1e-6 / 2e-4, end=5)
_base_.param_scheduler[1].update(begin=5, end=60, T_max=55)
train_cfg = dict(max_epochs=60)
