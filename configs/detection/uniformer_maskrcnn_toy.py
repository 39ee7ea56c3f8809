# The main Mask R-CNN on the drawn shapes of `uniformer-mm toy-data data/toy`:
# minutes on two CPU cores. What quickstart.sh runs.
_base_ = [
    '../_base_/detection/mask-rcnn_uniformer-s-h14.py',
    '../_base_/detection/toy.py',
]

# 32 RoIs per image instead of 512, half of them on shapes: an image holds at
# most four, and a short training needs many examples of them.
model = dict(
    backbone=dict(init_cfg=None),
    roi_head=dict(
        bbox_head=dict(num_classes=3), mask_head=dict(num_classes=3)
    ),
    train_cfg=dict(rcnn=dict(sampler=dict(num=32, pos_fraction=0.5))),
    test_cfg=dict(rpn=dict(max_per_img=100), rcnn=dict(max_per_img=20)),
)
