# The published number is that of the best epoch on the same videos: test the
# best checkpoint.
_base_ = [
    '../_base_/action/uniformer-s.py',
    '../_base_/action/ucf101.py',
    '../_base_/action/schedule_110e.py',
]

model = dict(
    backbone=dict(
        drop_path_rate=0.2,
        init_cfg=dict(checkpoint='uniformer-small_k400_16x4'),
    ),
    cls_head=dict(num_classes=101),
    data_preprocessor=dict(blending=dict(num_classes=101)),
)

# 8 GPUs x 16 videos = 128; 25 epochs, 5 of them warm-up.
train_dataloader = dict(batch_size=16)
optim_wrapper = dict(optimizer=dict(lr=5e-5))
_base_.param_scheduler[0].update(start_factor=1e-6 / 5e-5, end=5)
_base_.param_scheduler[1].update(begin=5, end=25, T_max=20)
train_cfg = dict(max_epochs=25, val_interval=1)
auto_scale_lr = dict(base_batch_size=128)
