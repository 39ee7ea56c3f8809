# A template for your own data in COCO's format: edit the lines up to the mark,
# or copy this file into your project and name the base by its full path.
# `uniformer-mm init detection DIR` does it.
_base_ = 'mask-rcnn_uniformer-s-h14_1x_coco_frozen-bn.py'

data_root = 'data/custom/'
train_file, train_images = 'annotations/train.json', 'train/'
val_file, val_images = 'annotations/val.json', 'val/'
# As `categories` of all files has them: spelled so, and in that order. mmdet
# numbers classes by it, whatever their ids, and takes the names from here.
metainfo = dict(classes=('cat', 'dog'), palette=[(220, 20, 60), (0, 0, 142)])
# ---------------------------------------------------------------------------

num_classes = len(metainfo['classes'])
model = dict(
    roi_head=dict(
        bbox_head=dict(num_classes=num_classes),
        mask_head=dict(num_classes=num_classes),
    )
)
train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file=train_file,
        data_prefix=dict(img=train_images),
    )
)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file=val_file,
        data_prefix=dict(img=val_images),
    )
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + val_file)
test_evaluator = val_evaluator

# Warm-up by epochs: 500 iterations are more than a small data set has in all.
# Two of them, for one may be a single iteration, in which nothing rises.
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.001,
        begin=0,
        end=2,
        convert_to_iter_based=True,
    ),
    _base_.param_scheduler[1],
]
