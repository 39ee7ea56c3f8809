# Starts from token-labelled weights, 83.4 top-1, which the paper's authors
# recommend for downstream tasks. The ones with heads of 64, as here.
_base_ = 'uniformer-s_16x4_110e_k400.py'

model = dict(
    backbone=dict(init_cfg=dict(checkpoint='uniformer-small-dim64_tl-224'))
)
