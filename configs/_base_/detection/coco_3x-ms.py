# COCO, 36 epochs, x0.1 at 27 and 33, multi-scale training.
_base_ = ['mmdet::_base_/datasets/coco_instance.py', 'schedule_1x.py']

short_sides = [480, 512, 544, 576, 608, 640, 672, 704, 736, 768, 800]
resize = dict(
    type='RandomChoiceResize',
    scales=[(side, 1333) for side in short_sides],
    keep_ratio=True,
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='RandomFlip', prob=0.5),  # before the resizing, unlike 1x
    dict(
        type='RandomChoice',  # both equally likely
        transforms=[
            [resize],
            [
                dict(
                    type='RandomChoiceResize',
                    scales=[(400, 1333), (500, 1333), (600, 1333)],
                    keep_ratio=True,
                ),
                dict(
                    type='RandomCrop',
                    crop_type='absolute_range',
                    crop_size=(384, 600),  # least and most of both sides
                    allow_negative_crop=True,
                ),
                resize,
            ],
        ],
    ),
    dict(type='PackDetInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
del short_sides, resize, train_pipeline

train_cfg = dict(max_epochs=36)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], end=36, milestones=[27, 33]),
]
