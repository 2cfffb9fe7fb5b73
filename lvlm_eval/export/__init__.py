"""Writes what others read: questions as SOCO-LVLM tables, answers as the toolkit's workbooks.

There is one format so far, that of the public toolkit: a table of questions a setting
(``soco_lvlm_img.tsv``, …), and a workbook of answers a model and setting
(``<model>_soco_lvlm_img_c.xlsx``, …).
"""

FORMATS = ("vlmevalkit",)
"""What ``--format`` can name."""
