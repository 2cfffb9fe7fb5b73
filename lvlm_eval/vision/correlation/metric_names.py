"""Names of metrics: how they are spelt in tables of users, and what they are called in ours."""

import re
from collections.abc import Mapping

PREDICTORS: Mapping[str, str] = {
    "soc": "SOC",
    "cc": "CC",
    "cross_soc": "Cross-SOC",
    "imagenet_knn_top1": "ImageNet kNN",
}
"""Column → title of the metrics whose worth as predictors is looked at."""

_SPELLINGS = {
    "crosssoc": "cross_soc",
    "imagenet_knn": "imagenet_knn_top1",
    "imagenetknn": "imagenet_knn_top1",
    "imagenet_k_nn": "imagenet_knn_top1",
    "knn": "imagenet_knn_top1",
}

_TITLES: Mapping[str, str] = {
    **PREDICTORS,
    "ade20k_miou": "ADE20K mIoU",
    "arkit_ap3d": "ARKitScenes AP3D",
    "imagenet3d_pose_acc_pi6": "ImageNet3D pose accuracy at π/6",
    "navi_pck_60_30": "NAVI PCK",
    "tapvid_davis_aj": "TAP-Vid DAVIS AJ",
    "nyuv2_normals_rmse": "NYUv2 normals RMSE",
    "nyuv2_depth_rmse": "NYUv2 depth RMSE",
}
_LESS_IS_BETTER = frozenset({"nyuv2_normals_rmse", "nyuv2_depth_rmse"})


def usual_name(column: str) -> str:
    """A column's name in lower case with underscores, and in our spelling where it is known."""
    name = re.sub(r"[\W_]+", "_", column.casefold()).strip("_") or column.strip()
    return _SPELLINGS.get(name, name)


def column_name(column: str) -> str:
    """What a column is called: our name where it is known, else as it was written."""
    usual = usual_name(column)
    return usual if usual in _TITLES else " ".join(column.split())


def title_of(column: str) -> str:
    """What a column is called in tables; an arrow says that less is better."""
    return _TITLES.get(column, column) + (" ↓" if column in _LESS_IS_BETTER else "")
