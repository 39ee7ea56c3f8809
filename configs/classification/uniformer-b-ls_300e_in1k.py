_base_ = 'uniformer-b_300e_in1k.py'

model = dict(backbone=dict(arch='base_ls'))
