# ImageNet-1K, 224 px. Classes are the folders, in alphabetical order.
#   data/imagenet/{train,val}/n01440764/NAME.JPEG ...
# Read and resized by Pillow, as officially; orientation tags are not heeded.
load = dict(
    type='LoadImageFromFile',
    color_type='color_ignore_orientation',
    imdecode_backend='pillow',
)
bicubic = dict(backend='pillow', interpolation='bicubic')
flip = dict(type='RandomFlip', prob=0.5, direction='horizontal')
rand_augment = dict(
    type='uniformer_mm.PictureAugment', policy='rand-m9-mstd0.5-inc1'
)
erase_pack = [
    dict(
        type='uniformer_mm.RandomErase',
        prob=0.25,
        mean=(103.53, 116.28, 123.675),  # B G R, as the picture
        std=(57.375, 57.12, 58.395),
    ),
    dict(type='PackInputs'),
]

train_pipeline = [
    load,
    dict(type='RandomResizedCrop', scale=224, **bicubic),
    flip,
    rand_augment,
    *erase_pack,
]
# int(256 / 224 * 224)
test_pipeline = [
    load,
    dict(type='ResizeEdge', scale=256, edge='short', **bicubic),
    dict(type='CenterCrop', crop_size=224),
    dict(type='PackInputs'),
]

# 8 GPUs x 128 = 1024
data_root = 'data/imagenet/'
train_dataloader = dict(
    batch_size=128,
    num_workers=10,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    # Each picture three times, on three GPUs; an epoch is as long as ever.
    sampler=dict(type='RepeatAugSampler', shuffle=True, num_repeats=3),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='ImageNet',
        data_root=data_root,
        split='train',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=192,
    num_workers=10,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='ImageNet',
        data_root=data_root,
        split='val',
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='Accuracy', topk=(1, 5))
test_evaluator = val_evaluator
