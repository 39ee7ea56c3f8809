"""The functions of ``mmcv._ext`` that have no stand-in, and why.

``mmcv_ext`` raises with these texts, ``uniformer-mm doctor`` shows them.
Imports the standard library alone, so that it can be read without torch.
"""

from __future__ import annotations

from collections.abc import Mapping

BY_REASON: Mapping[str, tuple[str, ...]] = {
    'it is for rotated boxes (MMRotate), which mmdet, mmseg, mmpose and '
    'mmaction2 do not use': (
        'active_rotated_filter_backward',
        'active_rotated_filter_forward',
        'box_iou_quadri',
        'box_iou_rotated',
        'chamfer_distance_backward',
        'chamfer_distance_forward',
        'convex_giou',
        'convex_iou',
        'diff_iou_rotated_sort_vertices_forward',
        'min_area_polygons',
        'nms_quadri',
        'nms_rotated',
        'points_in_polygons_forward',
        'riroi_align_rotated_backward',
        'riroi_align_rotated_forward',
        'roi_align_rotated_backward',
        'roi_align_rotated_forward',
        'rotated_feature_align_backward',
        'rotated_feature_align_forward',
    ),
    'it is for point clouds (MMDetection3D), which mmdet, mmseg, mmpose and '
    'mmaction2 do not use': (
        'assign_score_withk_backward',
        'assign_score_withk_forward',
        'ball_query_forward',
        'dynamic_point_to_voxel_backward',
        'dynamic_point_to_voxel_forward',
        'dynamic_voxelize_forward',
        'furthest_point_sampling_forward',
        'furthest_point_sampling_with_dist_forward',
        'fused_indice_conv_forward',
        'gather_points_backward',
        'gather_points_forward',
        'get_indice_pairs_2d_backward',
        'get_indice_pairs_2d_forward',
        'get_indice_pairs_3d_backward',
        'get_indice_pairs_3d_forward',
        'get_indice_pairs_4d_forward',
        'group_points_backward',
        'group_points_forward',
        'hard_voxelize_forward',
        'indice_conv_backward',
        'indice_conv_forward',
        'indice_maxpool_backward',
        'indice_maxpool_forward',
        'iou3d_boxes_overlap_bev_forward',
        'iou3d_nms3d_forward',
        'iou3d_nms3d_normal_forward',
        'knn_forward',
        'points_in_boxes_all_forward',
        'points_in_boxes_cpu_forward',
        'points_in_boxes_part_forward',
        'roiaware_pool3d_backward',
        'roiaware_pool3d_forward',
        'roipoint_pool3d_forward',
        'stack_ball_query_forward',
        'stack_group_points_backward',
        'stack_group_points_forward',
        'three_interpolate_backward',
        'three_interpolate_forward',
        'three_nn_forward',
    ),
    'it is for generating images (MMagic), which mmdet, mmseg, mmpose and '
    'mmaction2 do not do': (
        'bias_act',
        'filtered_lrelu',
        'filtered_lrelu_act_',
        'fused_bias_leakyrelu',
        'upfirdn2d',
    ),
    'it is for reading text (MMOCR), which mmdet, mmseg, mmpose and '
    'mmaction2 do not do': (
        'bezier_align_backward',
        'bezier_align_forward',
        'contour_expand',
        'pixel_group',
    ),
    'it is for optical flow (MMFlow), which mmdet, mmseg, mmpose and '
    'mmaction2 do not compute': (
        'correlation_backward',
        'correlation_forward',
    ),
    'no config of mmdet, mmseg, mmpose or mmaction2 names PrRoIPool': (
        'prroi_pool_backward',
        'prroi_pool_coor_backward',
        'prroi_pool_forward',
    ),
}
"""Why there is no stand-in -> the names of the functions in mmcv 2.1.0."""
MISSING_OPS: Mapping[str, str] = {
    name: reason for reason, names in BY_REASON.items() for name in names
}
"""Name of each function without a stand-in -> why it has none."""
UNKNOWN = (
    'mmcv 2.1.0, after which the stand-ins are made, has no such function'
)
"""What holds for every other name."""
HOW_TO_COMPILE = (
    'First run "pip uninstall mmcv-lite", then "mim install mmcv==2.1.0"; in '
    'the other order the uninstall deletes files that both share.'
)


def explain(name: str) -> str:
    """Return the message for who calls ``mmcv._ext.<name>`` without it."""
    reason = MISSING_OPS.get(name, UNKNOWN)
    return (
        f'mmcv._ext.{name} needs a compiled mmcv: with mmcv-lite, '
        f'uniformer_mm has no stand-in for it, because {reason}. '
        f'{HOW_TO_COMPILE}'
    )
