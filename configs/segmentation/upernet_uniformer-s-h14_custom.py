# A template for your own images and masks: edit the lines up to the mark, or
# copy this file into your project and name the bases by their full paths.
# `uniformer-mm init segmentation DIR` does it.
_base_ = [
    '../_base_/segmentation/upernet_uniformer-s.py',
    '../_base_/segmentation/ade20k.py',
    '../_base_/segmentation/schedule_upernet_160k.py',
    '../_base_/runtime.py',
]

data_root = 'data/custom/'
train_images, train_masks = 'images/train', 'masks/train'
val_images, val_masks = 'images/val', 'masks/val'
# Text files with the names of those to take, without endings; '': all there.
train_list, val_list = '', ''
# Masks have the names of the images, and one byte per pixel: the place of its
# class in this list, from 0, or 255 for pixels that don't count.
image_ending, mask_ending = '.jpg', '.png'
metainfo = dict(
    classes=('background', 'cat', 'dog'),
    palette=[(0, 0, 0), (220, 20, 60), (0, 0, 142)],
)
batch_size = 2  # per GPU
max_iters = 20000
lr = 6e-5  # of the paper, for 16 images in all
# ---------------------------------------------------------------------------

num_classes = len(metainfo['classes'])
model = dict(
    # Batch norm keeps its pre-trained statistics: batches may be small.
    backbone=dict(attention='hybrid', window_size=14, norm_eval=True),
    decode_head=dict(num_classes=num_classes),
    auxiliary_head=dict(num_classes=num_classes),
)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(
        type='RandomResize',
        scale=(2048, 512),
        ratio_range=(0.5, 2.0),
        keep_ratio=True,
    ),
    dict(type='RandomCrop', crop_size=(512, 512), cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(2048, 512), keep_ratio=True),
    dict(type='LoadAnnotations'),  # after resizing: it keeps its size
    dict(type='PackSegInputs'),
]
dataset = dict(
    _delete_=True,
    type='BaseSegDataset',
    data_root=data_root,
    img_suffix=image_ending,
    seg_map_suffix=mask_ending,
    metainfo=metainfo,
)
train_dataloader = dict(
    batch_size=batch_size,
    dataset=dict(
        dataset,
        ann_file=train_list,
        data_prefix=dict(img_path=train_images, seg_map_path=train_masks),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        dataset,
        ann_file=val_list,
        data_prefix=dict(img_path=val_images, seg_map_path=val_masks),
        pipeline=test_pipeline,
    )
)
test_dataloader = val_dataloader
del dataset

optim_wrapper = dict(optimizer=dict(lr=lr))
a_tenth = max(1, max_iters // 10)
train_cfg = dict(max_iters=max_iters, val_interval=a_tenth)
default_hooks = dict(checkpoint=dict(interval=a_tenth))
# The paper's 1500 iterations of warm-up, or a tenth of a shorter training.
param_scheduler = [
    dict(_base_.param_scheduler[0], end=min(1500, a_tenth) + 1),
    dict(_base_.param_scheduler[1], end=max_iters + 1),
]
del a_tenth
