# The triangles of `uniformer-mm toy-data`, as mmpose wants to know them.
dataset_info = dict(
    dataset_name='toy_triangles',
    keypoint_info={
        0: dict(name='apex', id=0, color=[220, 60, 60], swap=''),
        1: dict(name='left_foot', id=1, color=[0, 255, 0], swap='right_foot'),
        2: dict(
            name='right_foot', id=2, color=[255, 128, 0], swap='left_foot'
        ),
        3: dict(name='center', id=3, color=[51, 153, 255], swap=''),
    },
    skeleton_info={
        0: dict(link=('apex', 'left_foot'), id=0, color=[0, 255, 0]),
        1: dict(link=('left_foot', 'right_foot'), id=1, color=[0, 255, 0]),
        2: dict(link=('right_foot', 'apex'), id=2, color=[0, 255, 0]),
        3: dict(link=('apex', 'center'), id=3, color=[51, 153, 255]),
    },
    joint_weights=[1.0] * 4,
    sigmas=[0.05] * 4,
)
