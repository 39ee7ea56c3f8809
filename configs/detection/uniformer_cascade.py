# The main Cascade Mask R-CNN, by its short name.
_base_ = 'cascade-mask-rcnn_uniformer-s-h14_3x-ms_coco.py'
