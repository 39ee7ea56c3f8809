# bfloat16 instead of fp16: the range of fp32, so no loss scale to search.
_base_ = 'td-hm_uniformer-s_210e_coco-256x192.py'

# The accuracy that the head logs goes by numpy, which has no bfloat16.
model = dict(train_cfg=dict(compute_acc=False))
optim_wrapper = dict(dtype='bfloat16', loss_scale=1.0)
