_base_ = 'uniformer-s_300e_in1k.py'

model = dict(backbone=dict(arch='small_plus'))
