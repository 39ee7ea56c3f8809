# Batch norm of the backbone keeps its pre-trained statistics: 2 images per
# GPU are few. The paper's authors recommend it, and did not use it.
_base_ = 'upernet_uniformer-s-h14_160k_ade20k.py'

model = dict(backbone=dict(norm_eval=True))
