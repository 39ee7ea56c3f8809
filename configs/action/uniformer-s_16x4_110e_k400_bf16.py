# bfloat16 instead of fp16: the range of fp32, so no loss scale to search.
_base_ = 'uniformer-s_16x4_110e_k400.py'

optim_wrapper = dict(dtype='bfloat16', loss_scale=1.0)
