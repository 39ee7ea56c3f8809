# A template for your own videos, listed as `PATH LABEL`: edit the lines up to
# the mark, or copy this file into your project and name the base by its full
# path. From the paper's weights for Kinetics-400: a low learning rate, lower
# with depth; batch norms and the first two stages stay as they are.
_base_ = 'uniformer-s_16x4_25e_ucf101_prek400.py'

data_root = 'data/custom/'
train_file, train_videos = 'train.txt', 'videos'
val_file, val_videos = 'val.txt', 'videos'
num_classes = 2
# ---------------------------------------------------------------------------

model = dict(
    backbone=dict(norm_eval=True, frozen_stages=2),
    cls_head=dict(num_classes=num_classes),
    data_preprocessor=dict(blending=dict(num_classes=num_classes)),
)
train_dataloader = dict(
    batch_size=4,
    dataset=dict(
        data_root=data_root,
        ann_file=train_file,
        data_prefix=dict(video=train_videos),
    ),
)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file=val_file,
        data_prefix=dict(video=val_videos),
    )
)
test_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file=val_file,
        data_prefix=dict(video=val_videos),
    )
)
val_evaluator = dict(
    type='AccMetric', metric_options=dict(top_k_accuracy=dict(topk=(1,)))
)
test_evaluator = val_evaluator

# One GPU x 4 videos, each twice.
optim_wrapper = dict(
    type='OptimWrapper',
    paramwise_cfg=dict(layer_decay_rate=0.85),
)
auto_scale_lr = dict(base_batch_size=4)
