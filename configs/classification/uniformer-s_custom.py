# A template for your own pictures, a folder for each class: edit the lines up
# to the mark, or copy this file into your project and name the bases by full
# paths. `uniformer-mm init classification DIR` does it. From the paper's
# weights: a low learning rate, lower with depth; batch norms and the first two
# stages stay as they are.
_base_ = [
    '../_base_/classification/uniformer-s.py',
    '../_base_/classification/imagenet.py',
    '../_base_/classification/schedule_300e.py',
    '../_base_/runtime.py',
]

data_root = 'data/custom/'
train_folder, val_folder = 'train', 'val'
# Lists of lines `FILE LABEL`, labels from 0; '' where folders are the classes.
train_file, val_file = '', ''
# The folders below, in alphabetical order; or in the order of the labels.
classes = ['cat', 'dog']
max_epochs = 30
# ---------------------------------------------------------------------------

num_classes = len(classes)
model = dict(
    backbone=dict(
        norm_eval=True,
        frozen_stages=2,
        init_cfg=dict(
            type='uniformer_mm.UniFormerPretrained',
            checkpoint='uniformer-small_in1k',
        ),
    ),
    head=dict(num_classes=num_classes),
    data_preprocessor=dict(num_classes=num_classes),
)

# One GPU x 32 pictures.
train_dataloader = dict(
    batch_size=32,
    drop_last=False,
    num_workers=2,
    sampler=dict(_delete_=True, type='DefaultSampler', shuffle=True),
    dataset=dict(
        _delete_=True,
        type='CustomDataset',
        data_root=data_root,
        data_prefix=train_folder,
        ann_file=train_file,
        metainfo=dict(classes=classes),
        pipeline=_base_.train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=2,
    dataset=dict(
        _delete_=True,
        type='CustomDataset',
        data_root=data_root,
        data_prefix=val_folder,
        ann_file=val_file,
        metainfo=dict(classes=classes),
        pipeline=_base_.test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='Accuracy', topk=(1,))
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(lr=2e-4),
    paramwise_cfg=dict(layer_decay_rate=0.85),
    clip_grad=dict(max_norm=5, norm_type=2),
)
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.001,
        begin=0,
        end=2,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min=1e-6,
        begin=0,
        end=max_epochs,
        T_max=max_epochs,
        convert_to_iter_based=True,
    ),
]
custom_hooks = []
auto_scale_lr = dict(base_batch_size=32)
