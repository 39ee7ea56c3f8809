# UniFormer-S for pictures, from scratch; mixup or cutmix in every batch.
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='uniformer_mm.UniFormer',
        arch='small',
        out_indices=(3,),
        out_norm='BN',
        drop_path_rate=0.1,
    ),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=1000,
        in_channels=512,
        # Mixed, then smoothed: the same as officially, the other way round.
        loss=dict(
            type='LabelSmoothLoss', label_smooth_val=0.1, mode='original'
        ),
        init_cfg=dict(type='TruncNormal', layer='Linear', std=0.02),
    ),
    # NOTE: pictures are mixed with a random other one of the batch, officially
    # with that of the reversed batch. Both are random.
    train_cfg=dict(
        augments=[
            dict(type='Mixup', alpha=0.8),
            dict(type='CutMix', alpha=1.0),
        ],
        probs=[0.5, 0.5],
    ),
    data_preprocessor=dict(
        type='ClsDataPreprocessor',
        num_classes=1000,
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
)
