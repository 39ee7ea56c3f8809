#   data/kinetics600/kinetics600_{train,val}_list_videos.txt
#   data/kinetics600/videos_{train,val}
_base_ = [
    '../_base_/action/uniformer-s.py',
    '../_base_/action/kinetics400.py',
    '../_base_/action/schedule_110e.py',
    '../_base_/runtime.py',
]

model = dict(
    cls_head=dict(num_classes=600),
    data_preprocessor=dict(blending=dict(num_classes=600)),
)

# 8 GPUs x 12 videos = 96
data_root = 'data/kinetics600/'
train_dataloader = dict(
    batch_size=12,
    dataset=dict(
        data_root=data_root, ann_file='kinetics600_train_list_videos.txt'
    ),
)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root, ann_file='kinetics600_val_list_videos.txt'
    )
)
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=3e-4))
_base_.param_scheduler[0].start_factor = 1e-6 / 3e-4
auto_scale_lr = dict(base_batch_size=96)
