# ADE20K as Semantic FPN tests it: both sides of an image are resized up to
# multiples of 32. The annotation is loaded afterwards and keeps its size.
_base_ = 'ade20k.py'

align = dict(type='ResizeToMultiple', size_divisor=32)
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(2048, 512), keep_ratio=True),
    align,
    dict(type='LoadAnnotations', reduce_zero_label=True),
    dict(type='PackSegInputs'),
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

scales, flips, load, pack = _base_.tta_pipeline[1]['transforms']
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[scales, [align], flips, load, pack]),
]
del align, scales, flips, load, pack
