# Starts from token-labelled weights, 83.4 top-1, which the paper's authors
# recommend for downstream tasks. The ones with heads of 64, as here.
_base_ = 'mask-rcnn_uniformer-s-h14_1x_coco.py'

model = dict(
    backbone=dict(init_cfg=dict(checkpoint='uniformer-small-dim64_tl-224'))
)
