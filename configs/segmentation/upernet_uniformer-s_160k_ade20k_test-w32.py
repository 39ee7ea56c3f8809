# A test setting: the weights are those of the base.
_base_ = 'upernet_uniformer-s_160k_ade20k.py'

model = dict(backbone=dict(attention='window', window_size=32))
