"""Generator of a small synthetic dataset in SOCOv1 layout.

Objects are built from parameters as signed distance fields, rendered off-screen with PyVista and
annotated from their geometry: a keypoint is listed in a view only if a ray from the camera reaches
it. Run ``python -m lvlm_eval.synthetic OUT``; this needs the optional dependencies of
``lvlm-eval[synthetic]``.
"""
