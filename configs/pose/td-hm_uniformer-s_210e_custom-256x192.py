# A template for your own keypoints in COCO's format: edit the lines up to the
# mark, or copy this file into your project and name the base by its full path.
# `uniformer-mm init pose DIR` does it.
_base_ = 'td-hm_uniformer-s_210e_coco-256x192.py'

data_root = 'data/custom/'
train_file, train_images = 'annotations/train.json', 'train/'
val_file, val_images = 'annotations/val.json', 'val/'
# In the order of the files: name, half of the body ('upper', 'lower', or ''
# for neither), and what it becomes in a mirror (itself: '').
keypoints = [
    ('nose', 'upper', ''),
    ('left_hand', 'upper', 'right_hand'),
    ('right_hand', 'upper', 'left_hand'),
    ('left_foot', 'lower', 'right_foot'),
    ('right_foot', 'lower', 'left_foot'),
]
links = [('left_hand', 'right_hand'), ('left_foot', 'right_foot')]
# How far a right answer may be off, per keypoint, in square roots of the area
# of the object; in COCO from 0.025 (eyes) to 0.107 (hips).
sigmas = [0.05] * len(keypoints)
# ---------------------------------------------------------------------------

metainfo = dict(
    dataset_name='custom',
    keypoint_info={
        i: dict(name=name, id=i, color=[51, 153, 255], type=half, swap=swap)
        for i, (name, half, swap) in enumerate(keypoints)
    },
    skeleton_info={
        i: dict(link=link, id=i, color=[0, 255, 0])
        for i, link in enumerate(links)
    },
    joint_weights=[1.0] * len(keypoints),
    sigmas=sigmas,
)
model = dict(head=dict(out_channels=len(keypoints)))
# On another number of GPUs than 8, let `--auto-scale-lr` adapt the learning
# rate.
train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file=train_file,
        data_prefix=dict(img=train_images),
    )
)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file=val_file,
        data_prefix=dict(img=val_images),
        bbox_file=None,  # the annotated boxes, not those of a detector
    )
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + val_file)
test_evaluator = val_evaluator

# Warm-up by epochs: 500 iterations are more than a small data set has in all.
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.001,
        begin=0,
        end=5,
        convert_to_iter_based=True,
    ),
    _base_.param_scheduler[1],
]
