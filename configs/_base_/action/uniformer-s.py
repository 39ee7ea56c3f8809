# UniFormer-S for clips; mixup or cutmix in every batch.
model = dict(
    type='Recognizer3D',
    backbone=dict(
        type='uniformer_mm.UniFormer',
        arch='small',
        ndim=3,  # joint attention over space and time
        out_indices=(3,),
        out_norm='BN',
        as_tuple=False,
        drop_path_rate=0.1,
        # Image weights are inflated: kernels spread over time as their mean.
        init_cfg=dict(
            type='uniformer_mm.UniFormerPretrained',
            checkpoint='uniformer-small_in1k',
        ),
    ),
    cls_head=dict(
        type='I3DHead',  # mean over the map, then linear
        num_classes=400,
        in_channels=512,
        dropout_ratio=0.0,
        init_std=0.02,
        # With the blending below, the targets are the official ones: smoothed
        # by 0.1, then mixed, which is the same.
        label_smooth_eps=0.1,
        average_clips='score',  # of views: the mean of logits, as officially
    ),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        # 0.45 and 0.225 of 255. Equal for all channels, so that their order
        # is that of the frames.
        mean=[114.75, 114.75, 114.75],
        std=[57.375, 57.375, 57.375],
        format_shape='NCTHW',
        blending=dict(
            type='uniformer_mm.MixupCutmix',
            num_classes=400,
            mixup_alpha=0.8,
            cutmix_alpha=1.0,
            prob=1.0,
            switch_prob=0.5,
        ),
    ),
)
