# Batch norm of the backbone keeps its pre-trained statistics: 2 images per
# GPU are few. The paper's authors recommend it, and did not use it.
_base_ = 'mask-rcnn_uniformer-s-h14_1x_coco.py'

model = dict(backbone=dict(norm_eval=True))
