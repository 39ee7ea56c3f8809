# Batch norm of the backbone keeps its pre-trained statistics, for batches of
# few boxes per GPU. The paper did not use it.
_base_ = 'td-hm_uniformer-s_210e_coco-256x192.py'

model = dict(backbone=dict(norm_eval=True))
