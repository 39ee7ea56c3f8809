# bfloat16 instead of fp16: the range of fp32, so no loss scale to search.
_base_ = 'mask-rcnn_uniformer-s-h14_1x_coco.py'

optim_wrapper = dict(dtype='bfloat16', loss_scale=1.0)
