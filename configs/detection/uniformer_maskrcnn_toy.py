# The main Mask R-CNN on the drawn shapes of `uniformer-mm toy-data data/toy`:
# minutes on two CPU cores. What quickstart.sh runs.
_base_ = [
    '../_base_/detection/mask-rcnn_uniformer-s-h14.py',
    '../_base_/detection/toy.py',
    '../_base_/runtime.py',
]

# A quarter of the channels: the full neck and heads are most of the work.
channels = 64
model = dict(
    backbone=dict(init_cfg=None),
    neck=dict(out_channels=channels),
    rpn_head=dict(in_channels=channels, feat_channels=channels),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=channels),
        bbox_head=dict(
            num_classes=3, in_channels=channels, fc_out_channels=256
        ),
        mask_roi_extractor=dict(out_channels=channels),
        mask_head=dict(
            num_classes=3, in_channels=channels, conv_out_channels=channels
        ),
    ),
    # Few regions: an image holds at most four shapes. Of few proposals many
    # are parts of a shape, which are what is hard to tell from it.
    train_cfg=dict(
        rpn_proposal=dict(nms_pre=500, max_per_img=100),
        rcnn=dict(sampler=dict(num=64)),
    ),
    # Shapes don't overlap: of two boxes in one place, one is wrong.
    test_cfg=dict(
        rpn=dict(nms_pre=500, max_per_img=100),
        rcnn=dict(
            max_per_img=20,
            nms=dict(iou_threshold=0.3, class_agnostic=True),
        ),
    ),
)

# 240 images / 4 = 60 iterations per epoch; 10 epochs = 600 iterations.
train_cfg = dict(max_epochs=10, val_interval=10)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(type='MultiStepLR', by_epoch=False, milestones=[480], gamma=0.1),
]
default_hooks = dict(
    # Not of each epoch: it takes seconds until one is on a disk.
    checkpoint=dict(interval=5, max_keep_ckpts=1),
    visualization=dict(score_thr=0.85),
)
