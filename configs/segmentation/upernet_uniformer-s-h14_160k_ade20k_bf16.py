# bfloat16 instead of fp32: half of the memory for activations. It has the
# range of fp32, so there is no loss scale to search.
_base_ = 'upernet_uniformer-s-h14_160k_ade20k.py'

optim_wrapper = dict(type='AmpOptimWrapper', dtype='bfloat16', loss_scale=1.0)
