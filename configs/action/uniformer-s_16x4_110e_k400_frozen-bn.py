# Batch norm of the backbone keeps its pre-trained statistics: 8 clips per GPU
# are few. Ours: the paper's authors recommend it for detection.
_base_ = 'uniformer-s_16x4_110e_k400.py'

model = dict(backbone=dict(norm_eval=True))
