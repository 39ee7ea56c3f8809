_base_ = [
    '../_base_/classification/uniformer-s_token-labels.py',
    '../_base_/classification/imagenet_token-labels.py',
    '../_base_/classification/schedule_310e_token-labels.py',
    '../_base_/runtime.py',
]
