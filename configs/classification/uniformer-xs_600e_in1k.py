_base_ = [
    '../_base_/classification/uniformer-xxs.py',
    '../_base_/classification/imagenet_light.py',
    '../_base_/classification/schedule_600e_light.py',
    '../_base_/runtime.py',
]

model = dict(
    backbone=dict(arch='xs', drop_path_rate=0.1), head=dict(in_channels=512)
)
optim_wrapper = dict(
    optimizer=dict(lr=4e-3, weight_decay=0.05)  # 5e-4 x 4096 / 512
)
_base_.param_scheduler[0].start_factor = 1e-6 / 4e-3
