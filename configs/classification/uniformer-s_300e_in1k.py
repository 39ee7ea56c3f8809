_base_ = [
    '../_base_/classification/uniformer-s.py',
    '../_base_/classification/imagenet.py',
    '../_base_/classification/schedule_300e.py',
    '../_base_/runtime.py',
]
