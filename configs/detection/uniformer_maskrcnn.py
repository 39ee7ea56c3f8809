# The main Mask R-CNN, by its short name.
_base_ = 'mask-rcnn_uniformer-s-h14_1x_coco.py'
