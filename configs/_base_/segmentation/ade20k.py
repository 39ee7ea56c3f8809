# ADE20K, with the paper's multi-scale test (`mim test mmseg ... --tta`), which
# averages the probabilities over six scales and their mirror images.
_base_ = 'mmseg::_base_/datasets/ade20k.py'

# NOTE: multiples of the test scale (2048, 512), as officially; those of
# mmseg's base are multiples of the size that an image happens to have.
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(
                    type='Resize',
                    scale=(int(2048 * ratio), int(512 * ratio)),
                    keep_ratio=True,
                )
                for ratio in (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
            ],
            [
                dict(type='RandomFlip', prob=0.0),
                dict(type='RandomFlip', prob=1.0, direction='horizontal'),
            ],
            [dict(type='LoadAnnotations')],
            [dict(type='PackSegInputs')],
        ],
    ),
]
